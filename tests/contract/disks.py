"""A disk whose syncs a test lets go on or fail, and what else writes to a store's file."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from smsmentor.core.model import Tally
from smsmentor.ports import Committed
from smsmentor.stores import batches, rows
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.stores import NOW, putting

PATIENCE = 120
"""Seconds until something that should happen has surely not: a bound on failing, not a measure."""


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
        assert turn is None or turn.wait(PATIENCE)
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
        assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)
        await turns()

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


async def turns() -> None:
    """Time for the loop to do all that it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def several(store: TinyDBStore, name: str, count: int) -> list[asyncio.Future[Committed]]:
    found = [store.transact(f"{name}{n}", putting(Tally(f"{name}{n}", {})), now=NOW) for n in range(count)]
    return [asyncio.ensure_future(each) for each in found]


@contextmanager
def another_process_writes(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
