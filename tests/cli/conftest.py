"""A data folder for each command, and the process as it was before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _a_process_for_each(logging_as_before: None, words_read_once: None) -> None:
    """The commands of these tests share a process."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and nothing else in the environment."""
    for name in [name for name in os.environ if name.startswith("SMSMENTOR_") or name == "PORT"]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    monkeypatch.setenv("SMSMENTOR_DATA", str(folder))
    return folder
