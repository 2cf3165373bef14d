"""All stores keep the port's promises; TinyDB's keeps them against other processes, full disks and damaged files."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tinydb import TinyDB

from smsmentor.core.making import replace
from smsmentor.core.model import (
    Fact,
    Load,
    Member,
    Offer,
    OutText,
    Prompt,
    Record,
    Request,
    Standing,
    Tally,
    Text,
    Thread,
    Timer,
    Wave,
)
from smsmentor.errors import StoreDamaged, StoreError
from smsmentor.ports import Changes, Committed, Reader, Step, Store
from smsmentor.stores import batches, records, rows
from smsmentor.stores.layouts import LAYOUTS
from smsmentor.stores.memory import MemoryStore
from smsmentor.stores.tinydb import TinyDBStore, open_tinydb
from tests.contract.stores import MINUTE, NOW, SAMPLES, StoreContract, get, out_text, put, putting, run, walk

R = TypeVar("R", bound=Record)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with closing(MemoryStore()) as store:
            yield store


class TestTinyDBStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with closing(TinyDBStore(tmp_path / "store.db")) as store:
            yield store
            if not store._closed:
                store.check()


class Reopening:
    """A store that is opened for each call and closed after it: nothing may live in memory only.

    Calls at the same time open it several times over, as several processes would.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False

    async def transact(self, event_id: str | None, step: Step, *, now: datetime) -> Committed:
        with self._open() as store:
            return await store.transact(event_id, step, now=now)

    async def due(self, now: datetime, limit: int) -> Sequence[Timer]:
        with self._open() as store:
            return await store.due(now, limit)

    async def lease(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()) -> Sequence[OutText]:
        with self._open() as store:
            return await store.lease(now, limit, lease, busy)

    def next_moment(self) -> datetime | None:
        with self._open() as store:
            return store.next_moment()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with self._open() as store, store.reading() as reader:
            yield reader

    def close(self) -> None:
        self._closed = True

    @contextmanager
    def _open(self) -> Iterator[TinyDBStore]:
        if self._closed:
            raise StoreError("closed")
        with closing(TinyDBStore(self._path)) as store:
            yield store


class TestTinyDBStoreReopened(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Reopening(tmp_path / "store.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


# --- Cost ---


def _fill(path: Path, documents: int) -> None:
    """As many texts, facts and standings as asked for, written without a commit each."""
    with closing(TinyDBStore(path)) as store:
        for first in range(0, documents, 2_000):
            batch = range(first, min(first + 2_000, documents))
            moments = {n: NOW + timedelta(seconds=n) for n in batch}
            rows: list[Record] = [Text(f"SM{n}", f"m{n % 50}", "body", moments[n]) for n in batch[::2]]
            rows += [Standing(f"s{n}", f"m{n}", "*", n) for n in batch[1::2]]
            run(partial(put, store, *rows))


def _an_inbound_text(n: int) -> Step:
    """The reads and writes of a text that goes on in a thread: 4 reads, 7 writes."""

    def step(reader: Reader) -> Changes:
        member = reader.get(Member, "m1")
        assert member is not None
        first = next(reader.walk(Standing, "shelf", "*"))
        list(reader.walk(Thread, "request", "r1"))
        timer = reader.get(Timer, "lapse:r1")
        assert timer is not None
        return Changes(
            puts=[
                Text(f"new{n}", "m1", "body", NOW),
                member,
                Standing(first.id, first.mentor, "*", 1e6 + n),
                out_text(f"o{n}"),
                Fact(f"f{n}", NOW, "thread.relayed", {"request": "r1"}),
                Timer("lapse:r2", "lapse", "r2", NOW + n * MINUTE),
                Timer("lapse:r1", "lapse", "r1", NOW + n * MINUTE),
            ]
        )

    return step


def test_an_event_costs_the_same_however_much_is_stored(tmp_path: Path) -> None:
    costs = []
    for documents in (1_000, 20_000):
        file = tmp_path / f"{documents}.db"
        _fill(file, documents)
        with closing(TinyDBStore(file)) as store:
            run(lambda: put(store, Member("m1", "+12025550101", NOW), Timer("lapse:r1", "lapse", "r1", NOW)))
            before = (store.stats.statements, store.stats.rows_read, store.stats.rows_written, store.stats.commits)
            run(lambda: store.transact("e1", _an_inbound_text(1), now=NOW))
            after = (store.stats.statements, store.stats.rows_read, store.stats.rows_written, store.stats.commits)
            costs.append(tuple(new - old for new, old in zip(after, before, strict=True)))
    statements, rows_read, rows_written, commits = costs[0]
    assert costs[0] == costs[1]
    assert statements <= 4 + 7 + 4
    assert (rows_read, rows_written, commits) == (1, 7, 1)  # the standing: what was written is known


# --- What the writer remembers ---


def _read_by_an_event(store: TinyDBStore, kind: type[R], id: str) -> R | None:
    """A record as a step finds it."""
    found: list[R | None] = []

    def step(reader: Reader) -> Changes:
        found.append(reader.get(kind, id))
        return Changes()

    run(lambda: store.transact(None, step, now=NOW))
    return found[0]


BEN = Member("m1", "+12025550101", NOW, alias="Ben")


def test_a_record_is_decoded_once_for_many_events(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, BEN))
        assert _read_by_an_event(store, Member, "m1") == BEN
        monkeypatch.setattr(records, "loads", None)
        run(lambda: put(store, replace(BEN, alias="Benno")))
        assert _read_by_an_event(store, Member, "m1") == replace(BEN, alias="Benno")


def test_what_another_process_writes_is_what_the_next_event_reads(path: Path) -> None:
    with closing(TinyDBStore(path)) as store, closing(open_tinydb(path)) as db:
        run(lambda: put(store, BEN))
        assert _read_by_an_event(store, Member, "m1") == BEN
        db.table("members").update({"alias": "Cam"})
        assert _read_by_an_event(store, Member, "m1") == replace(BEN, alias="Cam")
        db.table("members").truncate()
        db.table("members").insert(records.encode(replace(BEN, id="m2")))
        assert _read_by_an_event(store, Member, "m2") == replace(BEN, id="m2")
        run(lambda: put(store, replace(BEN, id="m2", alias="Dee")))
        store.check()


def test_a_second_user_in_this_process_leaves_the_log_to_the_first_whoever_comes_by(path: Path) -> None:
    """Each of two ends in a way that looked, to the other process, as if nobody had the store open any more."""
    look = (
        "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); file.execute('SELECT * FROM shapes'); file.close()"
    )
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, BEN))
        with closing(open_tinydb(path)) as db:
            assert len(db.table("members")) == 1
        with closing(TinyDBStore(path)):
            pass
        subprocess.run([sys.executable, "-c", look, str(path)], check=True)
        run(lambda: put(store, replace(BEN, alias="Cam")))
        store.check()
    with closing(TinyDBStore(path)) as again:
        assert get(again, Member, "m1") == replace(BEN, alias="Cam")


def test_what_was_not_committed_is_not_remembered(path: Path) -> None:
    broken = False

    def crash(point: str) -> None:
        if broken and point == "before-save":
            raise OSError("no disk")

    with closing(TinyDBStore(path, crash=crash)) as store:
        run(lambda: put(store, BEN))
        assert _read_by_an_event(store, Member, "m1") == BEN
        broken = True
        with pytest.raises(OSError, match="no disk"):
            run(lambda: put(store, replace(BEN, alias="Cam")))
        broken = False
        assert _read_by_an_event(store, Member, "m1") == BEN


def test_what_an_event_wrote_before_it_failed_is_not_remembered(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, BEN))
        assert _read_by_an_event(store, Member, "m1") == BEN
        with pytest.raises(StoreError):
            run(lambda: put(store, replace(BEN, alias="Cam"), replace(BEN, id="m2")))
        assert _read_by_an_event(store, Member, "m1") == BEN


def test_a_number_that_changes_hands_finds_its_new_holder(path: Path) -> None:
    def holder(phone: str) -> list[str]:
        found: list[str] = []

        def step(reader: Reader) -> Changes:
            found.extend(member.id for member in reader.walk(Member, "phone", phone))
            return Changes()

        run(lambda: store.transact(None, step, now=NOW))
        return found

    old, new = BEN.phone, "+12025550102"
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, BEN))
        assert holder(old) == ["m1"]
        run(lambda: put(store, replace(BEN, phone=new), replace(BEN, id="m2")))
        assert (holder(old), holder(new)) == (["m2"], ["m1"])
        run(lambda: store.transact(None, lambda _: Changes(drops=[(Member, "m2")]), now=NOW))
        assert (holder(old), holder(new)) == ([], ["m1"])
        run(lambda: put(store, replace(BEN, phone="")))
        assert holder(new) == []


def test_a_free_value_is_read_again_as_the_file_has_it(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        for values in ((1, 2), (3, 4)):
            run(partial(put, store, Tally("t", {"pair": values})))
            assert _read_by_an_event(store, Tally, "t") == Tally("t", {"pair": list(values)})


@pytest.mark.parametrize("seed", range(6))
def test_what_is_remembered_is_what_the_file_holds(path: Path, seed: int) -> None:
    """Random writes, removals and walks, some of them left half-way, held against a reader that remembers nothing."""
    dice = random.Random(seed)
    ids, people = [f"t{n}" for n in range(12)], ["m1", "m2", "m3"]
    ways: list[tuple[type[Record], str, list[str]]] = [
        (Thread, "request", ["r1", "r2"]),
        (Thread, "open", people),
        (Prompt, "member", people),
        (Member, "phone", [f"+1202555010{n}" for n in range(4)]),
        (Member, "mentor", ["yes"]),
    ]

    def record() -> Record:
        at, id = NOW + timedelta(minutes=dice.randrange(5)), dice.choice(ids)
        if dice.random() < 0.1:
            at = at.astimezone(timezone(timedelta(hours=-5)))  # is read back in UTC
        match dice.randrange(3):
            case 0:
                thread = Thread(id, dice.choice(["r1", "r2"]), "A", "m9", dice.choice(people), at, at)
                return replace(thread, awaiting=str(dice.randrange(9)), closed=dice.random() < 0.3)
            case 1:
                return Prompt(id, dice.choice(people), "hold", at, at)
            case _:
                number = dice.randrange(4)
                return Member(f"p{number}", f"+1202555010{number}", at, mentor=dice.random() < 0.5)

    def looks(reader: Reader, pick: Callable[[Iterator[Record]], list[Record]]) -> list[list[Record]]:
        return [
            pick(reader.walk(kind, index, key, newest=newest))
            for kind, index, keys in ways
            for key in keys
            for newest in (False, True)
        ]

    with closing(TinyDBStore(path)) as store:
        for _ in range(60):

            def step(reader: Reader) -> Changes:
                some = dice.randrange(4)
                looks(reader, lambda found: list(islice(found, some)) if some < 3 else list(found))
                reader.count(Thread, "request", "r1")
                for id in dice.sample(ids, 4):
                    reader.get(dice.choice((Thread, Prompt)), id)
                puts = {(type(put), put.id): put for put in (record() for _ in range(dice.randrange(4)))}
                drops = [(kind, id) for kind in (Thread, Prompt) for id in ids if dice.random() < 0.1]
                return Changes(puts=[*puts.values()], drops=[drop for drop in drops if drop not in puts])

            def look(reader: Reader) -> Changes:
                return Changes(answer=(looks(reader, list), reader.count(Thread, "request", "r1")))

            run(lambda: store.transact(None, step, now=NOW))
            if dice.random() < 0.1:
                with closing(open_tinydb(path)) as db:
                    db.table("threads").update({"awaiting": "elsewhere"})
            seen = run(lambda: store.transact(None, look, now=NOW)).answer
            with store.reading() as reader:
                assert seen == (looks(reader, list), reader.count(Thread, "request", "r1"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.TABLE)
def test_a_record_of_any_kind_is_read_as_it_was_written_last(path: Path, sample: Record) -> None:
    kind = type(sample)
    keys = {index.name: index.key(sample) for index in kind.INDEXES}

    def looks(reader: Reader) -> object:
        walks = [list(reader.walk(kind, name, key)) for name, key in keys.items() if key is not None]
        counts = [reader.count(kind, name, key) for name, key in keys.items() if key is not None]
        return reader.get(kind, sample.id), walks, counts

    def look(reader: Reader) -> Changes:
        return Changes(answer=looks(reader))

    with closing(TinyDBStore(path)) as store:
        for changes in (Changes(), Changes([sample]), Changes([sample]), Changes(drops=[(kind, sample.id)])):

            def change(_: Reader, made: Changes = changes) -> Changes:
                return made

            run(partial(store.transact, None, look, now=NOW))
            run(partial(store.transact, None, change, now=NOW))
            seen = run(partial(store.transact, None, look, now=NOW)).answer
            with store.reading() as reader:
                assert seen == looks(reader)
        store.check()


def test_a_text_whose_words_were_erased_by_one_event_is_not_read_with_them_by_the_next(path: Path) -> None:
    text = Text("SM1", "m1", "words", NOW)

    def kept(reader: Reader) -> Changes:
        return Changes(answer=[found.body for found in reader.walk(Text, "kept", "yes")])

    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, text))
        assert run(partial(store.transact, None, kept, now=NOW)).answer == ["words"]
        run(lambda: put(store, replace(text, body=""), Text("SM2", "m1", "more words", NOW)))
        assert run(partial(store.transact, None, kept, now=NOW)).answer == ["more words"]


def test_no_statement_of_an_event_scans_or_sorts(path: Path) -> None:
    with closing(TinyDBStore(path)), closing(sqlite3.connect(path)) as connection:
        for layout in LAYOUTS.values():
            for statement in (layout.get, *layout.walks.values(), *layout.counts.values()):
                plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("x",)).fetchall()
                assert all(row[3].startswith("SEARCH") for row in plan), (statement, plan)


@pytest.mark.parametrize(("count", "commits"), [(1, 1), (16, 1), (32, 2)])
def test_events_at_once_share_a_sync(path: Path, count: int, commits: int) -> None:
    with closing(TinyDBStore(path)) as store:

        async def many() -> None:
            await asyncio.gather(*(store.transact(f"e{n}", putting(Tally(f"t{n}", {})), now=NOW) for n in range(count)))

        run(many)
        assert store.stats.commits == commits


def test_a_second_delivery_syncs_nothing(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW))
        before = store.stats.commits
        run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW))
        assert store.stats.commits == before


def test_the_log_does_not_grow_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_CHECKPOINT_ROWS", 300)

    async def much(store: TinyDBStore) -> None:
        for n in range(60):
            rows = [Text(f"SM{n}-{k}", "m1", "x" * 400, NOW) for k in range(100)]
            await asyncio.gather(*(store.transact(None, putting(*rows[k::4]), now=NOW) for k in range(4)))

    with closing(TinyDBStore(path)) as store:
        run(lambda: much(store))
        log = path.with_name("store.db-wal").stat().st_size
        assert path.stat().st_size > 1_000_000
        assert log < 2_000_000


# --- The file ---


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, Tally("t", {})))
        store.backup_to(path.with_name("copy.db"))
        store.export_json(path.with_name("copy.json"))
        files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert {"store.db", "store.db-wal", "store.db-shm", "copy.db", "copy.json"} == set(files)
    assert set(files.values()) == {0o600}


def test_what_was_removed_or_rewritten_cannot_be_read_in_the_file(path: Path) -> None:
    texts = [Text(f"SM{n}", "m1", f"secret of {n} " * (n % 300), NOW) for n in range(400)]
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, *texts))
        run(lambda: put(store, *(replace(text, body="") for text in texts[::2])))
        run(lambda: store.transact(None, lambda _: Changes(drops=[(Text, t.id) for t in texts[1::2]]), now=NOW))
    assert [file.name for file in path.parent.iterdir()] == ["store.db"]
    assert b"secret" not in path.read_bytes()


def _filled(path: Path) -> bytes:
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, *SAMPLES))
        run(lambda: put(store, *(Text(f"SM{n}", "m1", "body " * 20, NOW) for n in range(2, 500))))
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:100],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-4096],
        lambda whole: b"\x00" * len(whole),
        lambda whole: b'{"members": {}}',
        lambda whole: whole[:4096] + random.Random(1).randbytes(len(whole) - 4096),
        lambda whole: whole[:20_480] + b"\xff" * 4096 + whole[24_576:],
        lambda whole: whole[:100] + b"\x00" * 100 + whole[200:],
    ],
    ids=["emptied", "100 bytes", "half", "last page", "zeros", "JSON", "random", "one page", "schema"],
)
def test_a_damaged_file_is_recognised_and_left_as_it_is(path: Path, damage: Callable[[bytes], bytes]) -> None:
    broken = damage(_filled(path))
    path.write_bytes(broken)
    with pytest.raises(StoreDamaged, match=r"store\.db"):
        TinyDBStore(path)
    assert path.read_bytes() == broken


def test_a_large_file_that_lost_its_end_is_recognised_also_with_a_log_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(path)
    with closing(TinyDBStore(path)) as store:
        # Documents in the middle grow, and move to the end of the file.
        run(lambda: put(store, *(Text(f"SM{n}", "m1", "body " * 200, NOW) for n in range(100, 200))))
    monkeypatch.setattr(rows, "_SMALL_FILE_BYTES", 0)
    broken = path.parent / "broken" / path.name
    broken.parent.mkdir()
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, Tally("in the log", {})))
        broken.write_bytes(path.read_bytes()[:-20_480])
        shutil.copy(f"{path}-wal", f"{broken}-wal")
    with pytest.raises(StoreDamaged, match=r"store\.db"):
        TinyDBStore(broken)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE members (name TEXT)")
    with pytest.raises(StoreDamaged, match="another program"):
        TinyDBStore(path)


def test_a_file_of_a_newer_program_is_refused(path: Path) -> None:
    TinyDBStore(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match=r"newer program.*Install that version"):
        TinyDBStore(path)


def test_a_place_that_cannot_be_written_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be opened"):
        TinyDBStore(tmp_path / "file" / "store.db")


def test_a_document_that_was_spoiled_fails_only_the_event_that_reads_it(path: Path) -> None:
    _filled(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE loads SET doc = '{'")
        other.commit()
    with closing(TinyDBStore(path)) as store:

        async def two() -> list[Any]:
            steps: list[Step] = [lambda reader: Changes(answer=reader.get(Load, "m1")), putting(Tally("t", {}))]
            return await asyncio.gather(
                *(store.transact(f"e{n}", step, now=NOW) for n, step in enumerate(steps)), return_exceptions=True
            )

        spoiled, other_one = run(two)
        assert isinstance(spoiled, StoreDamaged)
        assert other_one.fresh
        with pytest.raises(StoreDamaged):
            store.check()


def test_the_full_check_finds_a_row_that_was_changed_without_its_keys(path: Path) -> None:
    _filled(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE requests SET key_status = 'closed'")
        other.commit()
    with closing(TinyDBStore(path)) as store, pytest.raises(StoreDamaged, match="requests"):
        store.check()


def test_key_columns_are_filled_again_when_the_records_ask_for_others(path: Path) -> None:
    _filled(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP INDEX requests_by_status")
        other.execute("ALTER TABLE requests DROP COLUMN key_status")
        other.execute("UPDATE shapes SET shape = '1 earlier' WHERE \"table\" = 'requests'")
        other.commit()
    with closing(TinyDBStore(path)) as store:
        store.check()
        assert walk(store, Request, "status", "gathering") == ["r1"]


@pytest.mark.parametrize("large", [False, True])
def test_a_file_from_before_a_record_kind_was_known_gets_its_table(
    path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    _filled(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE waves")
        other.execute("DELETE FROM shapes WHERE \"table\" = 'waves'")
        other.commit()
    if large:
        monkeypatch.setattr(rows, "_SMALL_FILE_BYTES", 0)
    with closing(TinyDBStore(path)) as store:
        store.check()
        assert walk(store, Wave, "request", "r1") == []
        assert walk(store, Request, "status", "gathering") == ["r1"]


def test_documents_of_an_older_version_are_brought_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _filled(path)
    monkeypatch.setitem(records.UPGRADES, "offers", [lambda doc: {**doc, "mentor": doc["mentor"].upper(), "v": 2}])
    with closing(TinyDBStore(path)) as store:
        store.check()
        assert walk(store, Offer, "mentor", "M2") == ["r1:m2"]
    monkeypatch.undo()
    with pytest.raises(StoreDamaged, match="version 2"):
        TinyDBStore(path)


def test_a_backup_is_a_store_of_its_own(path: Path) -> None:
    _filled(path)
    copy = path.with_name("backup.db")
    with closing(TinyDBStore(path)) as store:
        run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW))
        store.backup_to(copy)
        run(lambda: put(store, Tally("later", {})))
    with closing(TinyDBStore(copy)) as backup:
        assert get(backup, Tally, "t")
        assert get(backup, Tally, "later") is None
        assert not run(lambda: backup.transact("e1", putting(), now=NOW)).fresh


# --- Export and import ---


def test_a_stock_tinydb_opens_the_export_with_the_same_documents(path: Path) -> None:
    _filled(path)
    target = path.with_name("export.json")
    with closing(open_tinydb(path)) as db:
        db.table("notes").insert({"by": "a user"})
    with closing(TinyDBStore(path)) as store:
        store.export_json(target)
    with closing(open_tinydb(path)) as ours, closing(TinyDB(target)) as stock:
        assert stock.tables() == ours.tables()
        for name in ours.tables():
            found = [(doc.doc_id, doc) for doc in stock.table(name)]
            assert found == [(doc.doc_id, doc) for doc in ours.table(name)]


def test_an_empty_store_exports_an_empty_tinydb(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        store.export_json(path.with_name("export.json"))
    with closing(TinyDB(path.with_name("export.json"))) as stock:
        assert stock.tables() == set()


def test_an_export_can_be_taken_into_a_new_store_and_only_there(path: Path) -> None:
    _filled(path)
    target, second = path.with_name("export.json"), path.with_name("second.db")
    with closing(TinyDBStore(path)) as store:
        run(lambda: store.transact("e1", putting(), now=NOW))
        store.export_json(target)
        with pytest.raises(StoreError, match="already"):
            store.import_json(target)
    with closing(TinyDBStore(second)) as store:
        store.import_json(target)
        store.check()
        assert not run(lambda: store.transact("e1", putting(), now=NOW)).fresh
        store.export_json(second.with_suffix(".json"))
    assert second.with_suffix(".json").read_bytes() == target.read_bytes()


@pytest.mark.parametrize("text", ["", "[]", '{"members": []}', '{"members": {"1": {"id": "m1"}}}'])
def test_what_is_no_export_is_refused_and_nothing_is_taken(path: Path, text: str) -> None:
    source = path.with_name("odd.json")
    with closing(TinyDBStore(path)) as store:
        source.write_text(text)
        with pytest.raises(ValueError):
            store.import_json(source)
        with closing(open_tinydb(path)) as db:
            assert db.tables() == set()


def test_a_draft_of_an_export_that_failed_does_not_stay(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:
        path.with_name("taken").mkdir()
        with pytest.raises(OSError):
            store.export_json(path.with_name("taken"))
    assert not [name for name in os.listdir(path.parent) if name.endswith(".new")]
