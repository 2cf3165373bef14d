"""What a deployment installs is what the tests ran with, and each file of it is known by its hash."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    return {_plain(name): version for name, version in found}


def test_every_dependency_is_pinned_to_the_tested_version_and_has_hashes() -> None:
    deployed = (ROOT / "requirements-deploy.txt").read_text(encoding="utf-8")
    tested = _pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    pins = _pins(deployed)
    assert {name: tested.get(name) for name in pins} == pins
    for block in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", deployed, flags=re.MULTILINE).strip()):
        assert re.fullmatch(r"\S+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", block), block[:60]


def test_everything_that_the_program_needs_is_among_them() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needed = config["options"]["install_requires"] + config["options.extras_require"]["encrypted"]
    names = {_plain(re.split(r"[ <>=;]", line)[0]) for line in needed.strip().splitlines() if line}
    assert names <= set(_pins((ROOT / "requirements-deploy.txt").read_text(encoding="utf-8")))
