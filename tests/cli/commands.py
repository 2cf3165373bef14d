"""How tests give commands, and what they give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from smsmentor.cli import main
from smsmentor.resources import data_folder

POOL = data_folder() / "pool.example.csv"
START = "2026-03-03T18:00:00Z"
MENTEE, WORDS = "+12125550100", "my boss takes credit for my reports. do i say something or let it go"
HEADER = "phone,alias,consent\n"


def call(*words: str | Path, given: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def fine(*words: str | Path, given: str | bytes | None = None) -> str:
    result = call(*words, given=given)
    assert result.exit_code == 0, result.output
    return result.stdout


def play(
    *inputs: Mapping[str, Any] | str, options: tuple[str | Path, ...] = ("--start", START)
) -> list[dict[str, Any]]:
    """What `play --json` writes for these inputs."""
    lines = [line if isinstance(line, str) else json.dumps(line) for line in inputs]
    written = fine("play", "--json", "--pool", POOL, *options, given="\n".join(lines) + "\n")
    return [json.loads(line) for line in written.splitlines()]


def bodies(out: list[dict[str, Any]], to: str) -> list[str]:
    return [line["body"] for line in out if line.get("to") == to]
