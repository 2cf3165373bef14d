"""A store's file, and the disk that it lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.disks import SlowDisk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    return SlowDisk(monkeypatch)
