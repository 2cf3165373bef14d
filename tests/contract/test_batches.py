"""Group commit: what is answered is safe, whatever fails in between, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smsmentor.core.model import Member, OutText, Tally, Text
from smsmentor.errors import StoreBusy, StoreDamaged, StoreError, StoreUnwritable
from smsmentor.ports import Changes, Committed, Reader, Step
from smsmentor.stores import batches, rows
from smsmentor.stores.lines import Lines
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.stores import MINUTE, NOW, get, out_text, put, putting, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


# --- Commits that fail ---


class Faults:
    """Raises what it is told to, once, at the named point of a commit."""

    def __init__(self) -> None:
        self.next: dict[str, BaseException] = {}

    def __call__(self, point: str) -> None:
        error = self.next.pop(point, None)
        if error is not None:
            raise error


def test_a_failed_commit_fails_all_of_its_batch_and_the_store_goes_on(path: Path) -> None:
    faults = Faults()
    with closing(TinyDBStore(path, crash=faults)) as store:
        faults.next["before-save"] = sqlite3.OperationalError("disk I/O error")

        async def three() -> list[Any]:
            events = [store.transact(f"e{n}", putting(out_text(f"o{n}", f"m{n}")), now=NOW) for n in range(3)]
            return await asyncio.gather(*events, return_exceptions=True)

        assert [type(outcome) for outcome in run(three)] == [StoreError] * 3
        assert run(lambda: store.lease(NOW, 10, MINUTE)) == []
        assert [outcome.fresh for outcome in run(three)] == [True] * 3
        assert len(run(lambda: store.lease(NOW, 10, MINUTE))) == 3


@pytest.mark.parametrize("other", [True, False], ids=["replaced", "taken away"])
def test_nothing_is_answered_for_once_the_file_was_replaced_or_taken_away(path: Path, other: bool) -> None:
    with closing(TinyDBStore(path)) as store:
        run(lambda: put(store, Text("SM1", "m1", "first", NOW)))
        with closing(TinyDBStore(path.with_name("other.db"))):
            pass
        before = path.with_name("other.db").read_bytes()
        if other:
            path.with_name("other.db").rename(path)
        else:
            path.unlink()
        for _ in range(2):
            with pytest.raises(StoreDamaged, match="removed, moved or replaced"):
                run(lambda: put(store, Text("SM2", "m1", "second", NOW)))
        for use in (store.tidy, store.check, lambda: store.backup_to(path.with_name("copy.db"))):
            with pytest.raises(StoreDamaged, match="removed, moved or replaced"):
                use()
    assert not other or path.read_bytes() == before


def test_a_crash_after_the_save_has_saved(path: Path) -> None:
    faults = Faults()
    with closing(TinyDBStore(path, crash=faults)) as store:
        faults.next["after-save"] = ConnectionError("the machine went away")
        with pytest.raises(ConnectionError):
            run(lambda: store.transact("e1", putting(out_text("o1")), now=NOW))
        assert not run(lambda: store.transact("e1", putting(), now=NOW)).fresh
        assert [text.id for text in run(lambda: store.lease(NOW, 10, MINUTE))] == ["o1"]


# --- Syncs: a batch is decided while the one before it is synced ---


class Queue:
    """Lets threads go on in the order in which they came: who comes later takes nobody's turn."""

    def __init__(self) -> None:
        self._lock, self._spare = threading.Lock(), 0
        self._waiting = deque[threading.Event]()

    def line_up(self) -> threading.Event:
        turn = threading.Event()
        with self._lock:
            if self._spare:
                self._spare -= 1
                turn.set()
            else:
                self._waiting.append(turn)
        return turn

    def release(self, count: int = 1) -> None:
        with self._lock:
            for _ in range(count):
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._spare += 1


class SlowDisk:
    """Syncs the log when it is told to; `fails` says whether the syncs from then on do.

    As Linux does it drops what a failed sync should have written, and later syncs say nothing of that.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails: bool | Callable[[], bool] = False
        self.begun, self.go_on = threading.Semaphore(0), Queue()
        self.waits = True
        self._end, self._dropped, self._written_again = 0, list[tuple[int, int]](), False
        self._copies = 0
        monkeypatch.setattr(batches, "sync", self._sync)
        monkeypatch.setattr(batches, "write_again", self._write_again)

    def _sync(self, handle: int) -> None:
        end = os.fstat(handle).st_size
        turn = self.go_on.line_up() if self.waits else None
        self.begun.release()
        assert turn is None or turn.wait(10)
        if self.fails() if callable(self.fails) else self.fails:
            self._dropped.append((self._end, end))
            self._end, self._written_again = end, False
            raise OSError(5, "Input/output error")
        rows.sync(handle)
        self._end = end
        if self._written_again:
            self._dropped.clear()

    def _write_again(self, handle: int) -> None:
        rows.write_again(handle)
        self._written_again = True

    async def until_syncing(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)
        await _turns()

    @contextmanager
    def after_power_loss(self, path: Path) -> Iterator[TinyDBStore]:
        log = bytearray(Path(f"{path}-wal").read_bytes()[: self._end])
        for begin, end in self._dropped:
            log[begin:end] = bytes(end - begin)
        self._copies += 1
        copy = path.parent / f"after-power-loss-{self._copies}" / path.name
        copy.parent.mkdir()
        shutil.copy(path, copy)
        Path(f"{copy}-wal").write_bytes(log)
        with closing(TinyDBStore(copy)) as store:
            yield store


async def _turns() -> None:
    """Time for the loop to do all that it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    return SlowDisk(monkeypatch)


def _events(store: TinyDBStore, name: str, count: int) -> list[asyncio.Future[Committed]]:
    found = [store.transact(f"{name}{n}", putting(Tally(f"{name}{n}", {})), now=NOW) for n in range(count)]
    return [asyncio.ensure_future(each) for each in found]


def test_the_next_batch_is_decided_while_the_last_is_synced_and_each_is_answered_after_its_own_sync(
    path: Path, slow_disk: SlowDisk
) -> None:
    async def both(store: TinyDBStore) -> None:
        first = _events(store, "a", 16)
        await slow_disk.until_syncing()
        second = _events(store, "b", 16)
        await _turns()
        assert store.stats.rows_written == 32
        assert not any(future.done() for future in first + second)
        slow_disk.go_on.release()
        await asyncio.wait_for(asyncio.gather(*first), 10)
        await slow_disk.until_syncing()
        assert not any(future.done() for future in second)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*second), 10)
        assert all(outcome.fresh for outcome in outcomes)
        assert store.stats.commits == 2

    with closing(TinyDBStore(path)) as store:
        run(lambda: both(store))


def test_a_few_events_wait_for_the_sync_that_is_under_way(path: Path, slow_disk: SlowDisk) -> None:
    async def few(store: TinyDBStore) -> None:
        first = _events(store, "a", 1)
        await slow_disk.until_syncing()
        others = _events(store, "b", 3)
        await _turns()
        assert store.stats.rows_written == 1
        slow_disk.waits = False
        slow_disk.go_on.release()
        await asyncio.wait_for(asyncio.gather(*first, *others), 10)
        assert store.stats.commits == 2

    with closing(TinyDBStore(path)) as store:
        run(lambda: few(store))


def test_events_that_come_turn_by_turn_share_a_sync(path: Path) -> None:
    async def one_after_the_other(store: TinyDBStore) -> None:
        events = []
        for n in range(5):
            events += _events(store, f"e{n}", 1)
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*events), 10)

    with closing(TinyDBStore(path)) as store:
        run(lambda: one_after_the_other(store))
        assert store.stats.commits == 1


def _run_and_leave(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Without the courtesies of `asyncio.run`: what the loop was still to do is never done."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()


@pytest.mark.parametrize("left", ["before it begins", "while it is committed", "while it is synced"])
def test_a_loop_that_ends_in_the_middle_leaves_the_store_to_the_next(
    path: Path, slow_disk: SlowDisk, left: str
) -> None:
    committing, go_on = threading.Event(), threading.Event()

    def crash(point: str) -> None:
        if point == "before-save" and left == "while it is committed":
            committing.set()
            assert go_on.wait(10)

    async def begin(store: TinyDBStore) -> None:
        store.transact("begun", putting(Tally("begun", {})), now=NOW)
        if left == "while it is committed":
            while not committing.is_set():
                await asyncio.sleep(0)
        elif left == "while it is synced":
            await slow_disk.until_syncing()

    async def whole(store: TinyDBStore) -> bool:
        return (await asyncio.wait_for(store.transact("next", putting(Tally("next", {})), now=NOW), 10)).fresh

    with closing(TinyDBStore(path, crash=crash)) as store:
        _run_and_leave(lambda: begin(store))
        slow_disk.waits = False
        slow_disk.go_on.release()
        go_on.set()
        if left == "while it is committed":
            assert slow_disk.begun.acquire(timeout=10)
        assert run(lambda: whole(store))
        assert get(store, Tally, "begun") is not None


def test_what_is_to_be_sent_is_known_after_a_loop_ended_during_a_commit(path: Path) -> None:
    committing, go_on, free = threading.Event(), threading.Event(), threading.Event()

    def crash(point: str) -> None:
        if point == "before-save":
            committing.set()
            assert go_on.wait(10)
        elif point == "after-save":
            free.set()

    async def begin(store: TinyDBStore) -> None:
        store.transact("begun", putting(Tally("begun", {})), now=NOW)
        while not committing.is_set():
            await asyncio.sleep(0)

    async def moment(store: TinyDBStore) -> datetime | None:
        return store.next_moment()

    with closing(TinyDBStore(path)) as before:
        run(lambda: put(before, out_text("o1")))
    with closing(TinyDBStore(path, crash=crash)) as store:
        _run_and_leave(lambda: begin(store))
        go_on.set()
        assert free.wait(10)
        assert run(lambda: moment(store)) == NOW


def test_a_loop_that_ended_while_the_store_was_held_does_not_keep_the_next_one_waiting(path: Path) -> None:
    async def give_up(store: TinyDBStore) -> None:
        store.transact("e1", putting(Tally("gone", {})), now=NOW)
        await _turns()

    async def after_it(store: TinyDBStore, other: sqlite3.Connection) -> bool:
        waiting = asyncio.ensure_future(store.transact("e2", putting(Tally("next", {})), now=NOW))
        await _turns()
        other.execute("ROLLBACK")
        return (await asyncio.wait_for(waiting, 10)).fresh

    with closing(TinyDBStore(path)) as store, _another_process_writes(path) as other:
        _run_and_leave(lambda: give_up(store))
        assert run(lambda: after_it(store, other))


def test_a_loop_has_the_whole_patience_whatever_an_earlier_one_waited(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(batches, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def ask(store: TinyDBStore) -> bool:
        event = asyncio.ensure_future(store.transact("e1", putting(Tally("t", {})), now=NOW))
        await _turns()
        clock[0] += 100
        return event.done()

    with closing(TinyDBStore(path, patience_s=5)) as store, _another_process_writes(path):
        asked = []

        async def leave() -> None:
            asked.append(await ask(store))

        _run_and_leave(leave)
        _run_and_leave(leave)
        assert asked == [False, False]


def test_a_caller_whose_loop_has_ended_keeps_no_answer_from_the_others(path: Path, slow_disk: SlowDisk) -> None:
    async def waiting(store: TinyDBStore) -> None:
        await store.transact("begun", putting(Tally("begun", {})), now=NOW)

    async def begin(store: TinyDBStore) -> None:
        tasks.append(asyncio.create_task(waiting(store)))
        await slow_disk.until_syncing()

    tasks: list[asyncio.Task[None]] = []

    async def others(store: TinyDBStore) -> list[bool]:
        return [outcome.fresh for outcome in await asyncio.wait_for(asyncio.gather(*_events(store, "e", 20)), 10)]

    with closing(TinyDBStore(path)) as store:
        _run_and_leave(lambda: begin(store))
        slow_disk.waits = False
        slow_disk.go_on.release()
        assert run(lambda: others(store)) == [True] * 20
    slow_disk.waits = True
    store = TinyDBStore(path)
    _run_and_leave(lambda: begin(store))
    slow_disk.go_on.release()
    store.close()


def test_a_text_that_came_before_is_known_only_when_it_is_safe(path: Path, slow_disk: SlowDisk) -> None:
    async def again(store: TinyDBStore) -> None:
        first = _events(store, "a", 16)
        await slow_disk.until_syncing()
        second = _events(store, "a", 16)
        await _turns()
        assert not any(future.done() for future in first + second)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*second), 10)
        assert not any(outcome.fresh for outcome in outcomes)
        assert store.stats.commits == 1

    with closing(TinyDBStore(path)) as store:
        run(lambda: again(store))


def test_what_was_answered_lies_in_the_part_of_the_log_that_was_synced(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = 0
    seen: list[tuple[str, int]] = []

    def noting(handle: int) -> None:
        nonlocal safe
        size = os.fstat(handle).st_size
        rows.sync(handle)
        safe = size

    async def one(store: TinyDBStore, id: str) -> None:
        await store.transact(id, putting(Tally(id, {})), now=NOW)
        seen.append((id, safe))

    async def some_times(store: TinyDBStore) -> None:
        for group in range(4):
            await asyncio.gather(*(one(store, f"e{group}-{n}") for n in range(30)))

    monkeypatch.setattr(batches, "sync", noting)
    with closing(TinyDBStore(path)) as store:
        run(lambda: some_times(store))
        log = path.with_name("store.db-wal").read_bytes()
        assert store.stats.commits > 3
        for number in (0, 30, 60, 90, 119):
            copy = tmp_path / f"cut{number}" / "store.db"
            copy.parent.mkdir()
            shutil.copy(path, copy)
            copy.with_name("store.db-wal").write_bytes(log[: seen[number][1]])
            with closing(TinyDBStore(copy)) as cut:
                assert [id for id, _ in seen[: number + 1] if get(cut, Tally, id) is None] == []


def test_a_failed_sync_fails_its_batch_and_the_next_and_nothing_is_lost_behind_it(
    path: Path, slow_disk: SlowDisk
) -> None:
    async def fail(store: TinyDBStore) -> None:
        first = _events(store, "a", 16)
        await slow_disk.until_syncing()
        second = _events(store, "b", 16)
        await _turns()
        slow_disk.fails, slow_disk.waits = True, False
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*first, *second, return_exceptions=True), 10)
        assert {type(outcome) for outcome in outcomes} == {StoreUnwritable}
        slow_disk.fails = False
        # The carrier brings them again. What can be read of the first batch was written once more by now.
        again = await asyncio.wait_for(asyncio.gather(*_events(store, "a", 16), *_events(store, "b", 16)), 10)
        assert [outcome.fresh for outcome in again] == [False] * 16 + [True] * 16

    with closing(TinyDBStore(path)) as store:
        run(lambda: fail(store))
        with slow_disk.after_power_loss(path) as copy:
            assert [id for id in ("a0", "a15", "b0", "b15") if get(copy, Tally, id) is None] == []


def test_nothing_is_taken_before_the_disk_keeps_what_is_written(path: Path, slow_disk: SlowDisk) -> None:
    slow_disk.fails, slow_disk.waits = True, False

    async def two(store: TinyDBStore) -> list[type[Any]]:
        outcomes = await asyncio.gather(*_events(store, "a", 2), return_exceptions=True)
        return [type(outcome) for outcome in outcomes]

    with closing(TinyDBStore(path)) as store, closing(rows.open_reader(path)) as reader:
        # Somebody who reads meanwhile is not in the way.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM shapes").fetchall()
        for _ in range(3):
            assert run(lambda: two(store)) == [StoreUnwritable, StoreUnwritable]
        slow_disk.fails = False
        assert run(lambda: two(store)) == [Committed, Committed]
        with slow_disk.after_power_loss(path) as copy:
            assert get(copy, Tally, "a1") is not None


async def _outcome(event: Awaitable[Committed]) -> bool | type[BaseException]:
    """Whether the event was fresh, or what it failed with."""
    try:
        return (await asyncio.wait_for(event, 10)).fresh
    except StoreError as error:
        return type(error)


def test_a_log_that_is_found_is_safe_before_anything_is_taken(path: Path, slow_disk: SlowDisk) -> None:
    """A sync failed and the server was killed: what the log has can be read, and the disk does not have it."""
    slow_disk.waits = False

    async def one(store: TinyDBStore, id: str) -> bool | type[BaseException]:
        return await _outcome(store.transact(id, putting(Tally(id, {})), now=NOW))

    found = path.parent / "found" / path.name
    found.parent.mkdir(parents=True)
    with closing(TinyDBStore(path)) as killed:
        assert run(lambda: one(killed, "safe")) is True
        slow_disk.fails = True
        assert run(lambda: one(killed, "e1")) is StoreUnwritable
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{found}{end}")
    with slow_disk.after_power_loss(found) as copy:
        assert get(copy, Tally, "safe") is not None
        assert get(copy, Tally, "e1") is None
    slow_disk.fails = False
    with closing(TinyDBStore(found)) as store:
        assert run(lambda: one(store, "e1")) is False
        assert run(lambda: one(store, "e2")) is True
        with slow_disk.after_power_loss(found) as copy:
            assert [id for id in ("safe", "e1", "e2") if get(copy, Tally, id) is None] == []


def test_a_log_that_is_found_is_not_touched_while_another_process_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[int] = []
    monkeypatch.setattr(batches, "write_again", touched.append)

    async def one(store: TinyDBStore, id: str) -> bool | type[BaseException]:
        return await _outcome(store.transact(id, putting(Tally(id, {})), now=NOW))

    with closing(TinyDBStore(path)) as first:
        run(lambda: one(first, "e1"))
        with closing(TinyDBStore(path, patience_s=0)) as store:
            with _another_process_writes(path):
                assert run(lambda: one(store, "e2")) is StoreBusy
                assert not touched
            assert run(lambda: one(store, "e2")) is True
            assert len(touched) == 1


def test_a_commit_that_failed_synced_nothing_of_what_another_process_wrote(path: Path, slow_disk: SlowDisk) -> None:
    full = False

    def crash(point: str) -> None:
        if full and point == "before-save":
            raise sqlite3.OperationalError("database or disk is full")

    async def one(store: TinyDBStore, id: str) -> bool | type[BaseException]:
        return await _outcome(_events(store, id, 1)[0])

    slow_disk.waits = False
    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path, crash=crash)) as b:
        assert run(lambda: one(b, "own")) is True
        assert run(lambda: one(a, "e")) is True
        full = True
        assert run(lambda: one(b, "own-too")) is StoreError
        while slow_disk.begun.acquire(blocking=False):
            pass
        assert run(lambda: one(b, "e")) is False
        assert slow_disk.begun.acquire(blocking=False)


def test_what_another_process_wrote_is_known_only_when_it_is_safe(path: Path, slow_disk: SlowDisk) -> None:
    async def both(a: TinyDBStore, b: TinyDBStore) -> None:
        first = _events(a, "e", 1)
        await slow_disk.until_syncing()
        second = _events(b, "e", 1)
        await slow_disk.until_syncing()
        assert not second[0].done()
        slow_disk.waits = False
        slow_disk.go_on.release(2)
        assert [(await asyncio.wait_for(event, 10)).fresh for event in first + second] == [True, False]
        assert b.stats.commits == 0
        # Nobody else has written since: nothing is synced again.
        await asyncio.wait_for(asyncio.gather(*_events(b, "e", 1)), 10)
        assert not slow_disk.begun.acquire(blocking=False)

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_sync_that_began_before_another_process_wrote_says_nothing_of_it(path: Path, slow_disk: SlowDisk) -> None:
    async def both(a: TinyDBStore, b: TinyDBStore) -> None:
        own = _events(b, "own", 16)
        await slow_disk.until_syncing()
        first = _events(a, "e", 16)
        await slow_disk.until_syncing()
        second = _events(b, "e", 16)
        await _turns()
        slow_disk.go_on.release(2)
        await asyncio.wait_for(asyncio.gather(*own, *first), 10)
        await slow_disk.until_syncing()
        assert not any(event.done() for event in second)
        slow_disk.go_on.release()
        assert not any(outcome.fresh for outcome in await asyncio.wait_for(asyncio.gather(*second), 10))

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_sync_behind_one_that_failed_says_nothing_of_what_another_process_wrote(
    path: Path, slow_disk: SlowDisk
) -> None:
    async def both(a: TinyDBStore, b: TinyDBStore) -> None:
        own = _events(b, "own", 16)
        await slow_disk.until_syncing()
        slow_disk.waits = False
        await asyncio.wait_for(asyncio.gather(*_events(a, "e", 16)), 10)
        second = _events(b, "e", 16)
        await _turns()
        fails = iter([True])
        slow_disk.fails = lambda: next(fails, False)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*own, *second, return_exceptions=True), 10)
        assert [type(outcome) for outcome in outcomes] == [StoreUnwritable] * 32

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_store_that_is_closed_behind_a_failed_sync_answers_nothing_unsafe(path: Path, slow_disk: SlowDisk) -> None:
    slow_disk.waits = False

    async def close_behind(store: TinyDBStore, *, mended: bool) -> list[bool | type[BaseException]]:
        slow_disk.fails = True
        first = await _outcome(_events(store, "e", 1)[0])
        slow_disk.fails = not mended
        again = _events(store, "e", 1)[0]
        await asyncio.sleep(0)
        store.close()
        return [first, await _outcome(again)]

    store = TinyDBStore(path)
    assert run(lambda: close_behind(store, mended=False)) == [StoreUnwritable, StoreUnwritable]
    store = TinyDBStore(path.with_name("other.db"))
    assert run(lambda: close_behind(store, mended=True)) == [StoreUnwritable, False]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_fails_the_rest_is_whole_answered_safe_and_in_step_with_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, slow_disk: SlowDisk, seed: int
) -> None:
    """Random events at once, some of which fail by themselves, while commits and syncs fail now and then."""
    slow_disk.waits = False
    # The model of a disk knows no log that begins anew.
    monkeypatch.setattr(batches, "_CHECKPOINT_ROWS", 1_000_000)
    dice, number = random.Random(seed), 0
    faulty, kept = [False], set[str]()

    def crash(point: str) -> None:
        if point == "before-save" and faulty[0] and dice.random() < 0.2:
            raise sqlite3.OperationalError("database or disk is full")

    slow_disk.fails = lambda: faulty[0] and dice.random() < 0.2

    def writes(id: str) -> Step:
        """A text that is counted, with a row to be sent; now and then an older row goes."""
        ends = dice.choice(("well", "well", "well", "raises", "spoils"))
        gone = [(OutText, f"o-SM{dice.randrange(number)}")] if dice.random() < 0.2 else []

        def step(reader: Reader) -> Changes:
            if ends == "raises":
                raise ValueError("not this one")
            counted = reader.get(Tally, "texts")
            tally = Tally("texts", {"n": (counted.values["n"] if counted else 0) + 1})
            puts = [Text(id, "m1", "words", NOW), tally, out_text(f"o-{id}", f"m{int(id[2:]) % 7}")]
            if ends == "spoils":
                puts += [Member(f"{id}{end}", "+12025550101", NOW) for end in "ab"]
            return Changes(puts=puts, drops=gone)

        return step

    async def round_of(store: TinyDBStore) -> None:
        nonlocal number, kept
        waiting: dict[str, Any] = {}
        for _ in range(dice.choice((1, 3, 20, 50))):
            number += 1
            id = f"SM{number if dice.random() < 0.9 else dice.randrange(number)}"
            waiting[id] = asyncio.ensure_future(store.transact(id, writes(id), now=NOW))
            if dice.random() < 0.1:
                waiting[f"lease {id}"] = asyncio.ensure_future(store.lease(NOW, 3, MINUTE))
            if dice.random() < 0.1:
                await asyncio.sleep(0)
                store.next_moment()
            if dice.random() < 0.05:
                waiting[id].cancel()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting.values(), return_exceptions=True), 20)
        kept |= {id for id, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, Committed)}

    with closing(TinyDBStore(path, crash=crash)) as store:
        for turn in range(25):
            faulty[0] = turn % 3 > 0
            run(lambda: round_of(store))
            faulty[0] = False
            with store.reading() as reader:
                texts = {text.id for text in reader.all(Text)}
                tally = reader.get(Tally, "texts")
                assert (tally.values["n"] if tally else 0) == len(texts)
                assert kept <= texts
                lines = Lines()
                for place, text in enumerate(reader.all(OutText)):
                    lines.put(text, place)
            assert store.next_moment() == lines.next_moment()
            ready = [text.id for text in lines.ready(NOW, 5)]
            assert [text.id for text in run(lambda: store.lease(NOW, 5, MINUTE))] == ready
            with slow_disk.after_power_loss(path) as copy, copy.reading() as reader:
                assert kept <= {text.id for text in reader.all(Text)}
        store.check()


@pytest.mark.parametrize("value", [float("nan"), NOW, object(), {1: 2}, "\ud800"])
def test_a_value_that_cannot_be_kept_fails_only_its_own_event(path: Path, value: object) -> None:
    with closing(TinyDBStore(path)) as store:

        async def two() -> list[Any]:
            puts = [putting(Tally("odd", {"value": value})), putting(Tally("good", {}))]
            events = [store.transact(f"e{n}", step, now=NOW) for n, step in enumerate(puts)]
            return await asyncio.gather(*events, return_exceptions=True)

        odd, good = run(two)
        assert isinstance(odd, TypeError | ValueError)
        assert good.fresh
        assert get(store, Tally, "odd") is None


@pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), object()])
def test_an_event_that_fails_while_it_is_noted_leaves_nothing(path: Path, now: Any) -> None:
    async def fail(store: TinyDBStore) -> None:
        with pytest.raises((AttributeError, TypeError, ValueError)):
            await store.transact("e1", putting(Tally("odd", {}), out_text("odd")), now=now)
        await store.transact("e2", putting(Tally("good", {})), now=NOW)

    with closing(TinyDBStore(path)) as store:
        run(lambda: fail(store))
        assert get(store, Tally, "odd") is None
        assert get(store, Tally, "good") is not None
        assert store.next_moment() is None


def test_an_error_that_nobody_thought_of_fails_its_batch_and_no_later_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(TinyDBStore(path)) as store:

        def no_thread(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patched:
            patched.setattr(store._batches._saver, "submit", no_thread)
            events = run(lambda: asyncio.gather(*_events(store, "e", 3), return_exceptions=True))
        assert [type(event) for event in events] == [RuntimeError] * 3
        assert get(store, Tally, "e0") is None
        assert [event.fresh for event in run(lambda: asyncio.gather(*_events(store, "e", 3)))] == [True] * 3


def test_a_log_that_cannot_be_opened_is_a_plain_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(_: Path) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(batches, "open_log", too_many)
    with pytest.raises(StoreError, match="Too many open files"):
        TinyDBStore(path)
    # Its connections are closed: the last one to leave takes the log away.
    assert not path.with_name("store.db-wal").exists()


def test_closing_finishes_what_was_begun(path: Path) -> None:
    store = TinyDBStore(path)

    async def close_in_between() -> list[Any]:
        tasks = [
            asyncio.ensure_future(store.transact(f"e{n}", putting(Tally(f"t{n}", {})), now=NOW)) for n in range(200)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.close()
        return await asyncio.gather(*tasks)

    assert all(outcome.fresh for outcome in run(close_in_between))
    with closing(TinyDBStore(path)) as again:
        assert all(get(again, Tally, f"t{n}") for n in range(200))


def test_a_caller_that_gave_up_while_waiting_leaves_nothing(path: Path) -> None:
    with closing(TinyDBStore(path)) as store:

        async def give_up() -> Committed:
            waiting = asyncio.ensure_future(store.transact("e1", putting(Tally("gone", {})), now=NOW))
            staying = asyncio.ensure_future(store.transact("e2", putting(Tally("there", {})), now=NOW))
            waiting.cancel()
            return await staying

        assert run(give_up).fresh
        assert get(store, Tally, "gone") is None
        assert get(store, Tally, "there")


# --- Other processes ---


@contextmanager
def _another_process_writes(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_an_event_waits_for_another_process_without_holding_up_the_loop(path: Path) -> None:
    with closing(TinyDBStore(path)) as store, _another_process_writes(path) as other:

        async def both() -> Committed:
            waiting = asyncio.ensure_future(store.transact("e1", putting(Tally("t", {})), now=NOW))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not waiting.done()
            assert get(store, Tally, "t") is None
            other.execute("COMMIT")
            return await waiting

        assert run(both).fresh


def test_waiting_events_ask_for_a_held_store_one_by_one_and_not_each(path: Path) -> None:
    with closing(TinyDBStore(path)) as store, _another_process_writes(path) as other:

        async def many() -> list[Committed]:
            events = []
            for n in range(30):
                events.append(asyncio.ensure_future(store.transact(f"e{n}", putting(Tally(f"t{n}", {})), now=NOW)))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            loop: Any = asyncio.get_running_loop()
            assert len([handle for handle in loop._scheduled if not handle.cancelled()]) <= 1
            other.execute("COMMIT")
            return await asyncio.gather(*events)

        assert all(outcome.fresh for outcome in run(many))


def test_a_store_that_is_held_too_long_is_busy_and_later_works_again(path: Path) -> None:
    with closing(TinyDBStore(path, patience_s=0)) as store:
        with _another_process_writes(path), pytest.raises(StoreBusy):
            run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW))
        assert run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW)).fresh


def test_texts_that_another_process_queued_are_sent(path: Path) -> None:
    with closing(TinyDBStore(path)) as server, closing(TinyDBStore(path)) as cli:
        assert server.next_moment() is None
        run(lambda: put(cli, out_text("o1")))
        assert server.next_moment() == NOW
        assert [text.id for text in run(lambda: server.lease(NOW, 10, MINUTE))] == ["o1"]
        assert run(lambda: cli.lease(NOW, 10, MINUTE)) == []
