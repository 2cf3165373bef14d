"""The language files as the recognisers of the core take them, for the tests beside this file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_MESSAGES = _HERE.parents[1] / "data" / "messages"


def tables() -> dict[str, dict[str, Any]]:
    """Language to tables, of every language file."""
    return {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(_MESSAGES.glob("*.toml"))}


def rows(name: str) -> dict[str, Any]:
    """A table of texts and outcomes that lies beside the tests."""
    return tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))


def pairs(name: str) -> list[tuple[str, str]]:
    """Each outcome of a table with each of its texts."""
    return [(outcome, text) for outcome, texts in rows(name).items() for text in texts]
