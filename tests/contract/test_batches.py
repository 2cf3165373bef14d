"""Group commit: what waits is saved together, whatever fails in between, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smsmentor.core.model import Tally, Text
from smsmentor.errors import StoreBusy, StoreDamaged, StoreError
from smsmentor.ports import Committed
from smsmentor.stores import batches
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.disks import PATIENCE, SlowDisk, another_process_writes, several, turns
from tests.contract.stores import MINUTE, NOW, get, out_text, put, putting, run

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


def test_the_next_batch_is_decided_while_the_last_is_synced_and_each_is_answered_after_its_own_sync(
    path: Path, slow_disk: SlowDisk
) -> None:
    async def both(store: TinyDBStore) -> None:
        first = several(store, "a", 16)
        await slow_disk.until_syncing()
        second = several(store, "b", 16)
        await turns()
        assert store.stats.rows_written == 32
        assert not any(future.done() for future in first + second)
        slow_disk.go_on.release()
        await asyncio.wait_for(asyncio.gather(*first), PATIENCE)
        await slow_disk.until_syncing()
        assert not any(future.done() for future in second)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*second), PATIENCE)
        assert all(outcome.fresh for outcome in outcomes)
        assert store.stats.commits == 2

    with closing(TinyDBStore(path)) as store:
        run(lambda: both(store))


def test_a_few_events_wait_for_the_sync_that_is_under_way(path: Path, slow_disk: SlowDisk) -> None:
    async def few(store: TinyDBStore) -> None:
        first = several(store, "a", 1)
        await slow_disk.until_syncing()
        others = several(store, "b", 3)
        await turns()
        assert store.stats.rows_written == 1
        slow_disk.waits = False
        slow_disk.go_on.release()
        await asyncio.wait_for(asyncio.gather(*first, *others), PATIENCE)
        assert store.stats.commits == 2

    with closing(TinyDBStore(path)) as store:
        run(lambda: few(store))


def test_events_that_come_turn_by_turn_share_a_sync(path: Path) -> None:
    async def one_after_the_other(store: TinyDBStore) -> None:
        events = []
        for n in range(5):
            events += several(store, f"e{n}", 1)
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*events), PATIENCE)

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
            assert go_on.wait(PATIENCE)

    async def begin(store: TinyDBStore) -> None:
        store.transact("begun", putting(Tally("begun", {})), now=NOW)
        if left == "while it is committed":
            while not committing.is_set():
                await asyncio.sleep(0)
        elif left == "while it is synced":
            await slow_disk.until_syncing()

    async def whole(store: TinyDBStore) -> bool:
        return (await asyncio.wait_for(store.transact("next", putting(Tally("next", {})), now=NOW), PATIENCE)).fresh

    with closing(TinyDBStore(path, crash=crash)) as store:
        _run_and_leave(lambda: begin(store))
        slow_disk.waits = False
        slow_disk.go_on.release()
        go_on.set()
        if left == "while it is committed":
            assert slow_disk.begun.acquire(timeout=PATIENCE)
        assert run(lambda: whole(store))
        assert get(store, Tally, "begun") is not None


def test_what_is_to_be_sent_is_known_after_a_loop_ended_during_a_commit(path: Path) -> None:
    committing, go_on, free = threading.Event(), threading.Event(), threading.Event()

    def crash(point: str) -> None:
        if point == "before-save":
            committing.set()
            assert go_on.wait(PATIENCE)
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
        assert free.wait(PATIENCE)
        assert run(lambda: moment(store)) == NOW


def test_a_loop_that_ended_while_the_store_was_held_does_not_keep_the_next_one_waiting(path: Path) -> None:
    async def give_up(store: TinyDBStore) -> None:
        store.transact("e1", putting(Tally("gone", {})), now=NOW)
        await turns()

    async def after_it(store: TinyDBStore, other: sqlite3.Connection) -> bool:
        waiting = asyncio.ensure_future(store.transact("e2", putting(Tally("next", {})), now=NOW))
        await turns()
        other.execute("ROLLBACK")
        return (await asyncio.wait_for(waiting, PATIENCE)).fresh

    with closing(TinyDBStore(path)) as store, another_process_writes(path) as other:
        _run_and_leave(lambda: give_up(store))
        assert run(lambda: after_it(store, other))


def test_a_loop_has_the_whole_patience_whatever_an_earlier_one_waited(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(batches, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def ask(store: TinyDBStore) -> bool:
        event = asyncio.ensure_future(store.transact("e1", putting(Tally("t", {})), now=NOW))
        await turns()
        clock[0] += 100
        return event.done()

    with closing(TinyDBStore(path, patience_s=5)) as store, another_process_writes(path):
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
        return [outcome.fresh for outcome in await asyncio.wait_for(asyncio.gather(*several(store, "e", 20)), PATIENCE)]

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
            events = run(lambda: asyncio.gather(*several(store, "e", 3), return_exceptions=True))
        assert [type(event) for event in events] == [RuntimeError] * 3
        assert get(store, Tally, "e0") is None
        assert [event.fresh for event in run(lambda: asyncio.gather(*several(store, "e", 3)))] == [True] * 3


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


def test_an_event_waits_for_another_process_without_holding_up_the_loop(path: Path) -> None:
    with closing(TinyDBStore(path)) as store, another_process_writes(path) as other:

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
    with closing(TinyDBStore(path)) as store, another_process_writes(path) as other:

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
        with another_process_writes(path), pytest.raises(StoreBusy):
            run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW))
        assert run(lambda: store.transact("e1", putting(Tally("t", {})), now=NOW)).fresh


def test_texts_that_another_process_queued_are_sent(path: Path) -> None:
    with closing(TinyDBStore(path)) as server, closing(TinyDBStore(path)) as cli:
        assert server.next_moment() is None
        run(lambda: put(cli, out_text("o1")))
        assert server.next_moment() == NOW
        assert [text.id for text in run(lambda: server.lease(NOW, 10, MINUTE))] == ["o1"]
        assert run(lambda: cli.lease(NOW, 10, MINUTE)) == []
