"""Group commit: what waits is done in one transaction, synced once by a helper thread, and answered after that.

There is no timer. While one batch is being synced the next one gathers; a store with nothing to do commits at once.
The event loop runs the jobs and never waits: not for the disk, and not for another process that holds the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smsmentor.errors import StoreBusy, StoreError
from smsmentor.stores.known import Known
from smsmentor.stores.rows import Crash, connect, plain_error, roll_back
from smsmentor.stores.steps import Stats

_LARGEST_BATCH = 64
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
_CHECKPOINT_ROWS = 4_000
"""Rows written between two checkpoints: some hundred events, a log of about 16 MB. Three times as many would save a
text 1% of its CPU, and let one in a hundred wait 150 ms for its answer instead of 30."""


Saved = tuple[bool, BaseException | None]
"""Whether a commit is on disk, and what went wrong, before or after it."""


class Spoiled(Exception):
    """Raised by a job that failed half-way through its writes: what the transaction holds cannot be kept."""

    def __init__(self, reason: BaseException) -> None:
        self.reason = reason
        super().__init__(str(reason))


@dataclass(slots=True, eq=False)
class Job:
    """One caller's part of a batch."""

    run: Callable[[], object]
    """Done inside the transaction, again if the batch had to begin anew. What it returns is the caller's answer."""
    landed: Callable[[], None]
    """Called once when it is on disk."""
    future: asyncio.Future[Any]
    alone: bool = False
    """In a batch of its own: it depends on what `landed` of the jobs before it does."""
    answer: object = field(default=None, init=False)


class Batches:
    """The one writer of a process. Its connection belongs to the event loop, and during a commit to the helper."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        stats: Stats,
        known: Known,
        patience_s: float,
        crash: Crash | None,
    ) -> None:
        self._connection = connection
        self._known = known
        self._path = path
        self._stats = stats
        self._patience_s = patience_s
        self._crash = crash or (lambda _point: None)
        self._queue: deque[Job] = deque()
        self._batch: list[Job] = []
        self._saving: Future[Saved] | None = None
        self._busy_since: float | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._again: asyncio.TimerHandle | None = None
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="store-checkpoint")
        self._sweep: Future[Saved] | None = None
        self._swept_at = connection.total_changes
        self._loop: asyncio.AbstractEventLoop | None = None
        connection.execute("PRAGMA busy_timeout = 0")

    @property
    def idle(self) -> bool:
        """No commit is under way: the connection may be used by the loop."""
        return self._saving is None

    def submit(self, job: Job) -> None:
        self._queue.append(job)
        self._loop = job.future.get_loop()
        if self._saving is None or self._saving.done():
            # Not at once: what else is ready in this turn of the loop joins the batch.
            self._loop.call_soon(self._pump)

    def close(self) -> None:
        """Finish what was submitted, on this thread, and stop the helpers."""
        if self._saving is not None:
            wait([self._saving])
            self._land()
        self._connection.execute(f"PRAGMA busy_timeout = {int(self._patience_s * 1000)}")
        while self._queue:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                self._fail_all(plain_error(error, self._path))
                break
            if self._run_batch():
                self._saving = self._saver.submit(self._save)
                wait([self._saving])
                self._land()
        self._saver.shutdown()
        self._sweeper.shutdown()

    def _pump(self) -> None:
        """Begin the next batch if there is something to do and nothing under way."""
        if self._saving is not None:
            if not self._saving.done():
                return
            self._land()
        if self._sweep is not None and self._sweep.done():
            # The checkpoint beside the commits left what came in meanwhile; only when nothing is left the log begins
            # at its start again instead of growing.
            self._sweep = None
            self._saving = self._help(self._checkpoint)
        while self._queue and self._saving is None:
            if not self._begin():
                return
            if self._run_batch():
                self._saving = self._help(self._save)

    def _help(self, work: Callable[[], Saved]) -> Future[Saved]:
        future = self._saver.submit(work)
        future.add_done_callback(lambda _: self._wake())
        return future

    def _wake(self) -> None:
        """From a helper thread. A loop that has ended meanwhile has nobody left to answer."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._pump)

    def _begin(self) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            reason = plain_error(error, self._path)
            if isinstance(reason, StoreBusy) and not self._out_of_patience():
                if self._again is not None:
                    self._again.cancel()
                self._again = self._queue[0].future.get_loop().call_later(self._pause_s, self._pump)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                return False
            self._busy_since = None
            self._fail_all(reason)
            return False
        self._busy_since, self._pause_s = None, _FIRST_PAUSE_S
        return True

    def _out_of_patience(self) -> bool:
        now = time.monotonic()
        if self._busy_since is None:
            self._busy_since = now
        return now - self._busy_since > self._patience_s

    def _run_batch(self) -> bool:
        """Run what waits. True when there is something to save; else all of it is answered."""
        before = self._connection.total_changes
        self._batch = []
        self._known.refresh(self._connection)
        self._stats.statements += 3
        while self._queue and len(self._batch) < _LARGEST_BATCH:
            if self._queue[0].alone and self._batch:
                break
            job = self._queue.popleft()
            if job.future.done():
                continue
            try:
                job.answer = job.run()
            except (Spoiled, sqlite3.Error) as error:
                self._begin_anew(job, error.reason if isinstance(error, Spoiled) else error)
                return False
            except BaseException as error:
                _fail(job, error)
                continue
            self._batch.append(job)
            if job.alone:
                break
        if self._connection.total_changes != before:
            return True
        roll_back(self._connection)
        for job in self._batch:
            _answer(job)
        self._batch = []
        return False

    def _begin_anew(self, job: Job, reason: BaseException) -> None:
        """One job spoiled the transaction: it fails, and those before it run again without it."""
        roll_back(self._connection)
        self._known.clear()
        self._queue.extendleft(reversed(self._batch))
        self._batch = []
        _fail(job, plain_error(reason, self._path))

    def _save(self) -> Saved:
        """In the helper thread."""
        committed = False
        try:
            self._crash("before-save")
            self._connection.execute("COMMIT")
            committed = True
            self._crash("after-save")
        except BaseException as error:
            return committed, error
        return committed, None

    def _land(self) -> None:
        """Tell each caller of the batch what became of it."""
        assert self._saving is not None
        committed, error = self._saving.result()
        self._saving = None
        batch, self._batch = self._batch, []
        if committed:
            self._stats.commits += 1
            for job in batch:
                job.landed()
        elif error is not None:
            roll_back(self._connection)
            self._known.clear()
        for job in batch:
            if error is None:
                _answer(job)
            else:
                _fail(job, plain_error(error, self._path))
        if self._sweep is None and self._connection.total_changes - self._swept_at > _CHECKPOINT_ROWS:
            self._swept_at = self._connection.total_changes
            self._sweep = self._sweeper.submit(self._checkpoint)
            self._sweep.add_done_callback(lambda _: self._wake())

    def _checkpoint(self) -> Saved:
        """In a helper thread, on a connection of its own: carry the log over into the file.

        What cannot be done now (a reader is at work, the disk is full) is tried again after later commits.
        """
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(self._path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return False, None

    def _fail_all(self, reason: BaseException) -> None:
        queue, self._queue = self._queue, deque()
        for job in queue:
            _fail(job, reason)


def _answer(job: Job) -> None:
    if not job.future.done():
        job.future.set_result(job.answer)


def _fail(job: Job, error: BaseException) -> None:
    if not job.future.done():
        # A future refuses StopIteration, which a step can raise by mistake.
        job.future.set_exception(StoreError(repr(error)) if isinstance(error, StopIteration) else error)
