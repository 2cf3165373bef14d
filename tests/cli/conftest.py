"""A data folder for each command, and the process as it was before."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from smsmentor import resources

LOAD = cache(resources.load)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in ("smsmentor", "handlers")}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(autouse=True)
def _data_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second, and the commands of these tests share a process."""
    monkeypatch.setattr(resources, "load", LOAD)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and nothing else in the environment."""
    for name in [name for name in os.environ if name.startswith("SMSMENTOR_") or name == "PORT"]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    monkeypatch.setenv("SMSMENTOR_DATA", str(folder))
    return folder
