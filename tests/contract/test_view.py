"""A store is read where it lies on a disk that takes nothing, when nothing in its log can be missed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smsmentor import backup
from smsmentor.core.model import Fact
from smsmentor.errors import StoreBusy, StoreError, StoreSealed, StoreUnwritable
from smsmentor.ports import Changes
from smsmentor.stores import tinydb
from smsmentor.stores.rows import connect
from smsmentor.stores.tinydb import TinyDBStore, open_to_look
from smsmentor.stores.view import StoreView

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
KEY = "a long enough key for tests"


def store_in(folder: Path, key: str = "") -> Path:
    """With one fact in the file and one in the log, as a host leaves it that loses its power."""
    served = TinyDBStore(folder / "served" / "smsmentor.db", key=key)
    with closing(served):
        for number in (1, 2):
            put = Changes(puts=[Fact(f"f-{number}", NOW, "operator.acted", {})])
            asyncio.run(_keep(served, put))
            if number == 1:
                assert served.tidy()
        shutil.copytree(folder / "served", folder / "left")
    return folder / "left" / "smsmentor.db"


async def _keep(store: TinyDBStore, changes: Changes) -> None:
    await store.transact(None, lambda _: changes, now=NOW)


def facts(store: StoreView) -> list[str]:
    with store.reading() as reader:
        return [fact.id for fact in reader.all(Fact)]


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_what_is_in_the_log_is_read_with_it_and_nothing_is_written(tmp_path: Path, key: str) -> None:
    path = store_in(tmp_path, key)
    before = names(path), path.read_bytes()
    with closing(StoreView(path, key=key)) as store:
        assert facts(store) == ["f-1", "f-2"]
        store.check()
        store.export_json(tmp_path / "export.json")
        copy = backup.make(store, tmp_path / "copies", NOW, key)
    assert (names(path), path.read_bytes()) == before
    assert len(json.loads((tmp_path / "export.json").read_text())["facts"]) == 2
    backup.restore(copy, tmp_path / "new" / "smsmentor.db", NOW, key, key)
    with closing(TinyDBStore(tmp_path / "new" / "smsmentor.db", key=key)) as restored:
        assert facts(restored)[:2] == ["f-1", "f-2"]
    with pytest.raises(StoreSealed):
        StoreView(path, key="" if key else KEY)


def test_a_file_without_a_log_is_read_by_itself(tmp_path: Path) -> None:
    path = store_in(tmp_path)
    TinyDBStore(path).close()
    assert names(path) == ["smsmentor.db"]
    with closing(StoreView(path)) as store:
        assert facts(store) == ["f-1", "f-2"]
    assert names(path) == ["smsmentor.db"]


def test_a_log_without_its_index_is_not_passed_over(tmp_path: Path) -> None:
    path = store_in(tmp_path)
    path.with_name("smsmentor.db-shm").unlink()
    with pytest.raises(StoreUnwritable, match="which is missing"):
        StoreView(path)


def test_somebody_who_begins_to_write_meanwhile_is_told(tmp_path: Path) -> None:
    path = store_in(tmp_path)
    TinyDBStore(path).close()
    store = StoreView(path)
    with closing(TinyDBStore(path)) as other:
        asyncio.run(_keep(other, Changes(puts=[Fact("f-3", NOW, "operator.acted", {})])))
        with pytest.raises(StoreBusy, match="do it again"):
            store.close()


def test_a_file_of_another_version_is_brought_up_to_date_first(tmp_path: Path) -> None:
    path = store_in(tmp_path)
    with closing(connect(path)) as older:
        older.execute("UPDATE shapes SET shape = '0' WHERE \"table\" = 'facts'")
    with pytest.raises(StoreError, match="earlier version"):
        StoreView(path)


def test_who_looks_gets_the_store_as_it_is_served_or_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, key: str) -> None:
        raise StoreUnwritable("read-only")

    path = store_in(tmp_path)
    with closing(open_to_look(path)) as store:
        assert not store.in_place
    monkeypatch.setattr(tinydb, "open_file", refused)
    with closing(open_to_look(path)) as store:
        assert store.in_place
        assert facts(store) == ["f-1", "f-2"]
