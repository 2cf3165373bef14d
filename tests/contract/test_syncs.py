"""Syncs: what was answered is on the disk, whatever fails, and whoever else writes."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smsmentor.core.model import Member, OutText, Tally, Text
from smsmentor.errors import StoreBusy, StoreError, StoreUnwritable
from smsmentor.ports import Changes, Committed, Reader, Step
from smsmentor.stores import batches, rows
from smsmentor.stores.lines import Lines
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.disks import PATIENCE, SlowDisk, another_process_writes, several, turns
from tests.contract.stores import MINUTE, NOW, get, out_text, putting, run


def test_a_text_that_came_before_is_known_only_when_it_is_safe(path: Path, slow_disk: SlowDisk) -> None:
    async def again(store: TinyDBStore) -> None:
        first = several(store, "a", 16)
        await slow_disk.until_syncing()
        second = several(store, "a", 16)
        await turns()
        assert not any(future.done() for future in first + second)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*second), PATIENCE)
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
        first = several(store, "a", 16)
        await slow_disk.until_syncing()
        second = several(store, "b", 16)
        await turns()
        slow_disk.fails, slow_disk.waits = True, False
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*first, *second, return_exceptions=True), PATIENCE)
        assert {type(outcome) for outcome in outcomes} == {StoreUnwritable}
        slow_disk.fails = False
        # The carrier brings them again. What can be read of the first batch was written once more by now.
        again = await asyncio.wait_for(asyncio.gather(*several(store, "a", 16), *several(store, "b", 16)), PATIENCE)
        assert [outcome.fresh for outcome in again] == [False] * 16 + [True] * 16

    with closing(TinyDBStore(path)) as store:
        run(lambda: fail(store))
        with slow_disk.after_power_loss(path) as copy:
            assert [id for id in ("a0", "a15", "b0", "b15") if get(copy, Tally, id) is None] == []


def test_nothing_is_taken_before_the_disk_keeps_what_is_written(path: Path, slow_disk: SlowDisk) -> None:
    slow_disk.fails, slow_disk.waits = True, False

    async def two(store: TinyDBStore) -> list[type[Any]]:
        outcomes = await asyncio.gather(*several(store, "a", 2), return_exceptions=True)
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
        return (await asyncio.wait_for(event, PATIENCE)).fresh
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
            with another_process_writes(path):
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
        return await _outcome(several(store, id, 1)[0])

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
        first = several(a, "e", 1)
        await slow_disk.until_syncing()
        second = several(b, "e", 1)
        await slow_disk.until_syncing()
        assert not second[0].done()
        slow_disk.waits = False
        slow_disk.go_on.release(2)
        assert [(await asyncio.wait_for(event, PATIENCE)).fresh for event in first + second] == [True, False]
        assert b.stats.commits == 0
        # Nobody else has written since: nothing is synced again.
        await asyncio.wait_for(asyncio.gather(*several(b, "e", 1)), PATIENCE)
        assert not slow_disk.begun.acquire(blocking=False)

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_sync_that_began_before_another_process_wrote_says_nothing_of_it(path: Path, slow_disk: SlowDisk) -> None:
    async def both(a: TinyDBStore, b: TinyDBStore) -> None:
        own = several(b, "own", 16)
        await slow_disk.until_syncing()
        first = several(a, "e", 16)
        await slow_disk.until_syncing()
        second = several(b, "e", 16)
        await turns()
        slow_disk.go_on.release(2)
        await asyncio.wait_for(asyncio.gather(*own, *first), PATIENCE)
        await slow_disk.until_syncing()
        assert not any(event.done() for event in second)
        slow_disk.go_on.release()
        assert not any(outcome.fresh for outcome in await asyncio.wait_for(asyncio.gather(*second), PATIENCE))

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_sync_behind_one_that_failed_says_nothing_of_what_another_process_wrote(
    path: Path, slow_disk: SlowDisk
) -> None:
    async def both(a: TinyDBStore, b: TinyDBStore) -> None:
        own = several(b, "own", 16)
        await slow_disk.until_syncing()
        slow_disk.waits = False
        await asyncio.wait_for(asyncio.gather(*several(a, "e", 16)), PATIENCE)
        second = several(b, "e", 16)
        await turns()
        fails = iter([True])
        slow_disk.fails = lambda: next(fails, False)
        slow_disk.go_on.release()
        outcomes = await asyncio.wait_for(asyncio.gather(*own, *second, return_exceptions=True), PATIENCE)
        assert [type(outcome) for outcome in outcomes] == [StoreUnwritable] * 32

    with closing(TinyDBStore(path)) as a, closing(TinyDBStore(path)) as b:
        run(lambda: both(a, b))


def test_a_store_that_is_closed_behind_a_failed_sync_answers_nothing_unsafe(path: Path, slow_disk: SlowDisk) -> None:
    slow_disk.waits = False

    async def close_behind(store: TinyDBStore, *, mended: bool) -> list[bool | type[BaseException]]:
        slow_disk.fails = True
        first = await _outcome(several(store, "e", 1)[0])
        slow_disk.fails = not mended
        again = several(store, "e", 1)[0]
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
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting.values(), return_exceptions=True), PATIENCE)
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
