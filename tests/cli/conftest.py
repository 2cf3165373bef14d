"""A data folder for each command, and the process as it was before."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from smsmentor import resources
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.rules import Rules
from tests.rigs import base_knowledge

_read = cache(resources.load)


def load(rules: Rules, folder: Path | None = None, *, allowed_sites: tuple[str, ...] = ()) -> Knowledge:
    """As `resources.load`, which takes a second: each folder is read once."""
    known = _read(Rules(), folder, allowed_sites=allowed_sites) if folder or allowed_sites else base_knowledge()
    return replace(known, rules=rules)


@pytest.fixture(autouse=True)
def _a_process_for_each(logging_as_before: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of these tests share a process."""
    monkeypatch.setattr(resources, "load", load)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and nothing else in the environment."""
    for name in [name for name in os.environ if name.startswith("SMSMENTOR_") or name == "PORT"]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    monkeypatch.setenv("SMSMENTOR_DATA", str(folder))
    return folder
