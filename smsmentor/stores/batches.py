"""Group commit: what waits is done in one transaction, synced once by a helper thread, and answered after that.

There is no timer. While one batch is being synced the next one is decided on what the first has committed; it is
committed only when the first is safe, and so the log keeps their order. A store with nothing to do begins at once.
The event loop runs the jobs and never waits: not for the disk, and not for another process that holds the store.

What a sync failed to keep can still be read, and a later sync says nothing of it: Linux forgets what it could not
write ("Can Applications Recover from fsync Failures?", Rebello and others, 2020). So the next batch fails as well, and
nothing is taken before all that the log has was written once more and synced (`Batches._mend`). The same holds for a
log that is found at the start: nobody knows how the process ended that left it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from smsmentor.errors import StoreBusy, StoreDamaged, StoreError, StoreUnwritable
from smsmentor.stores.known import Known
from smsmentor.stores.rows import (
    Crash,
    connect,
    identity,
    open_log,
    plain_error,
    roll_back,
    sync,
    transaction,
    write_again,
)
from smsmentor.stores.steps import Stats

log = logging.getLogger(__name__)

_LARGEST_BATCH = 64
_ENOUGH = 16
"""Jobs that make a batch worth its sync: it waits for no more, and takes more only while the disk is busy anyway, or of
many the half. The others are decided while this one is synced."""
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
_CHECKPOINT_ROWS = 4_000
"""Rows written between two checkpoints: some hundred events, a log of about 16 MB. Three times as many would save a
text 1% of its CPU, and let one in a hundred wait 150 ms for its answer instead of 30."""


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
    future: asyncio.Future[Any]
    answer: object = field(default=None, init=False)


@dataclass(slots=True, eq=False)
class Batch:
    """Jobs that share a transaction, and how far the helper is with it."""

    jobs: list[Job]
    committed: Future[None]
    synced: Future[None]


class Batches:
    """The one writer of a process. Its connection belongs to the event loop, and during a commit to the helper."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        stats: Stats,
        known: Known,
        forget: Callable[[], None],
        patience_s: float,
        crash: Crash | None,
    ) -> None:
        self._connection = connection
        self._known = known
        self._forget = forget
        """Called when a transaction was rolled back: what was noted of it does not hold."""
        self._path = path
        self._stats = stats
        self._patience_s = patience_s
        self._crash = crash or (lambda _point: None)
        self._queue: deque[Job] = deque()
        self._gathering = False
        self._unsynced: deque[Batch] = deque()
        """Oldest first; the connection is free again when the last one has been committed."""
        self._using: Future[None] | None = None
        """What the helper does with the connection, or in place of it."""
        self._synced_as_of: int | None = None
        """What others had written before our last sync began (`Known.as_of`)."""
        self._busy_since: float | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._again: asyncio.TimerHandle | None = None
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="store-checkpoint")
        self._sweep: Future[None] | None = None
        self._swept_at = connection.total_changes
        self._loop: asyncio.AbstractEventLoop | None = None
        connection.execute("PRAGMA busy_timeout = 0")
        # A commit writes to the log, and `_sync` syncs it. SQLite itself still syncs around checkpoints.
        connection.execute("PRAGMA synchronous = NORMAL")
        self._log = open_log(path)
        self._opened = identity(path)
        self._unsafe = os.fstat(self._log).st_size > 0
        """What is in the log may not be on the disk: a sync has failed, or somebody else wrote it."""

    @property
    def idle(self) -> bool:
        """No commit is under way: the connection may be used by the loop."""
        return self._using is None

    @property
    def _syncing(self) -> bool:
        """The helper has a batch before it."""
        return bool(self._unsynced) and not self._unsynced[-1].synced.done()

    def check_place(self) -> None:
        """Raise StoreDamaged when the file of the open store was removed, or another put in its place.

        Ours then has no name any more, and the log fits no other file: whatever we would answer for would be lost.
        """
        try:
            there = identity(self._path)
        except OSError:  # whether the disk fails is for the next read or write to say
            return
        if there != self._opened:
            raise StoreDamaged(
                f"{self._path}: the file was removed, moved or replaced while it was in use; stop the server, "
                "and put the same file back or a copy (`smsmentor restore`)"
            )

    def submit(self, job: Job) -> None:
        self._queue.append(job)
        loop = job.future.get_loop()
        if loop is not self._loop:
            # What an earlier loop was to be told, when it had already ended, is for this one.
            self._loop, self._gathering = loop, False
            self._busy_since, self._pause_s = None, _FIRST_PAUSE_S
            loop.call_soon(self._woken)
        self._gather_soon()

    def close(self) -> None:
        """Finish what was submitted, on this thread, and stop the helpers."""
        self._settle()
        self._connection.execute(f"PRAGMA busy_timeout = {int(self._patience_s * 1000)}")
        while self._queue:
            try:
                self.check_place()
                if self._unsafe:
                    self._mend()
                self._connection.execute("BEGIN IMMEDIATE")
            except (sqlite3.Error, StoreError) as error:
                self._fail_all(plain_error(error, self._path))
                break
            self._run_batch()
            self._settle()
        self._saver.shutdown()
        self._sweeper.shutdown()
        self._sweep = None
        os.close(self._log)

    def _gather_soon(self) -> None:
        """Not at once: what else is ready in this turn of the loop joins the batch.

        While the disk is busy a few would only take the place of many: they wait for the end of its sync.
        """
        if self._gathering or self._using is not None or not self._queue or self._loop is None:
            return
        if len(self._queue) >= _ENOUGH or not self._syncing:
            self._gathering = True
            self._loop.call_soon(self._gather, 0)

    def _gather(self, before: int) -> None:
        """Begin when a turn of the loop has brought no more: fewer and larger batches cost less."""
        if before < len(self._queue) < _ENOUGH and self._loop is not None:
            self._loop.call_soon(self._gather, len(self._queue))
            return
        self._gathering = False
        self._pump()

    def _pump(self) -> None:
        """Begin the next batch if there is something to do and the connection is free."""
        while self._queue and self._using is None:
            if self._unsafe:
                self._using = self._help(self._mend)
            elif not self._begin():
                return
            else:
                self._run_batch()

    def _help(self, work: Callable[[], None]) -> Future[None]:
        return self._told(self._saver.submit(work))

    def _told(self, future: Future[None]) -> Future[None]:
        """The loop is woken when it is done."""
        future.add_done_callback(self._wake)
        return future

    def _wake(self, _done: Future[None]) -> None:
        """From a helper thread. A loop that has ended meanwhile has nobody left to answer."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self.land()
        if self._sweep is not None and self._sweep.done() and self._using is None:
            # The checkpoint beside the commits left what came in meanwhile; only when nothing is left the log begins
            # at its start again instead of growing.
            self._sweep = None
            self._using = self._help(self._checkpoint)
        self._gather_soon()

    def _begin(self) -> bool:
        try:
            self.check_place()
            self._connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, StoreDamaged) as error:
            reason = plain_error(error, self._path)
            if isinstance(reason, StoreBusy) and not self._out_of_patience():
                if self._again is not None:
                    self._again.cancel()
                self._again = asyncio.get_running_loop().call_later(self._pause_s, self._pump)
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

    def _run_batch(self) -> None:
        """Run what waits, and give it to the helper when there is something to save."""
        before = self._connection.total_changes
        batch: list[Job] = []
        try:
            if not self._decide(batch):
                return
            if self._connection.total_changes != before:
                committed = self._told(Future())
                self._hand_over(Batch(batch, committed, self._help(partial(self._save, committed))))
                self._using = committed
                return
            roll_back(self._connection)
            if batch and self._synced_as_of != self._known.as_of:
                # What they have seen another process wrote, and it has perhaps not synced it.
                seen: Future[None] = Future()
                seen.set_result(None)
                self._hand_over(Batch(batch, seen, self._help(self._sync)))
                return
        except Exception as error:
            self._give_up(batch, error)
            return
        if self._unsynced:
            # What they have seen is not safe yet: a text that came before is not known for good.
            self._unsynced[-1].jobs += batch
            return
        for job in batch:
            _answer(job)

    def _decide(self, batch: list[Job]) -> bool:
        """Run jobs, which join the batch. False when the transaction was spoiled: all but one wait again."""
        self._known.refresh(self._connection)
        self._stats.statements += 3
        enough = max(_ENOUGH, len(self._queue) // 2)
        while self._queue and len(batch) < _LARGEST_BATCH:
            if len(batch) >= enough and not self._syncing:
                break
            job = self._queue.popleft()
            if job.future.done():
                continue
            try:
                job.answer = job.run()
            except (Spoiled, sqlite3.Error) as error:
                self._begin_anew(batch, job, error.reason if isinstance(error, Spoiled) else error)
                return False
            except BaseException as error:
                _fail(job, error)
                continue
            batch.append(job)
        return True

    def _hand_over(self, batch: Batch) -> None:
        """The helper has it. Its sync is also one of all that others had written before."""
        self._unsynced.append(batch)
        self._synced_as_of = self._known.as_of

    def _give_up(self, batch: list[Job], error: Exception) -> None:
        """Not the fault of one of them: the file cannot be read, or the machine has no thread left."""
        roll_back(self._connection)
        self._forget()
        for job in batch:
            _fail(job, plain_error(error, self._path))

    def _begin_anew(self, batch: list[Job], job: Job, reason: BaseException) -> None:
        """One job spoiled the transaction: it fails, and those before it run again without it."""
        roll_back(self._connection)
        self._forget()
        self._queue.extendleft(reversed(batch))
        _fail(job, plain_error(reason, self._path))

    # In the helper thread, one after the other

    def _save(self, committed: Future[None]) -> None:
        """Commit, which gives the connection back, and sync."""
        try:
            self._commit()
        except BaseException as error:
            committed.set_exception(error)
            return
        committed.set_result(None)
        self._sync()

    def _commit(self) -> None:
        self._crash("before-save")
        self._refuse_when_unsafe()
        self._connection.execute("COMMIT")

    def _sync(self) -> None:
        self._refuse_when_unsafe()
        self._crash("before-sync")
        try:
            sync(self._log)
        except OSError as error:
            self._unsafe = True
            log.error("the disk did not keep what was written (%s): nothing is taken until it does", error)
            raise self._not_kept(error) from error
        self._crash("after-save")

    def _mend(self) -> None:
        """Write all that is in the log once more, and sync it.

        Until then a later commit could be synced behind one that is lost, and would be lost with it.
        """
        try:
            with contextlib.closing(connect(self._path)) as connection:
                connection.execute(f"PRAGMA busy_timeout = {int(self._patience_s * 1000)}")
                with transaction(connection):
                    write_again(self._log)
                    sync(self._log)
        except OSError as error:
            raise self._not_kept(error) from error
        self._unsafe = False
        log.info("all that the store's log has is on the disk")

    def _refuse_when_unsafe(self) -> None:
        if self._unsafe:
            raise StoreUnwritable(f"{self._path}: what came before could not be synced to the disk")

    def _not_kept(self, error: OSError) -> StoreError:
        return StoreUnwritable(f"{self._path}: the disk did not keep what was written ({error})")

    # On the loop again

    def land(self) -> None:
        """Take the connection back, and tell the callers of each batch what became of it."""
        if self._using is not None and self._using.done():
            done, self._using = self._using, None
            self._take_back(done)
        while self._unsynced and self._unsynced[0].synced.done():
            batch = self._unsynced.popleft()
            error = batch.committed.exception() or batch.synced.exception()
            for job in batch.jobs:
                if error is None:
                    _answer(job)
                else:
                    _fail(job, plain_error(error, self._path))

    def _take_back(self, done: Future[None]) -> None:
        error = done.exception()
        if not self._unsynced or self._unsynced[-1].committed is not done:
            if error is not None:
                self._fail_all(plain_error(error, self._path))
        elif error is not None:
            roll_back(self._connection)
            self._forget()
            self._synced_as_of = None
        else:
            self._stats.commits += 1
            if self._sweep is None and self._connection.total_changes - self._swept_at > _CHECKPOINT_ROWS:
                self._swept_at = self._connection.total_changes
                self._sweep = self._sweeper.submit(self._checkpoint)
                self._sweep.add_done_callback(self._wake)

    def _settle(self) -> None:
        """Wait for all that the helper was given, on this thread."""
        while self._using is not None or self._unsynced:
            wait([self._using] if self._using is not None else [self._unsynced[0].synced])
            self.land()

    def _checkpoint(self) -> None:
        """In a helper thread, on a connection of its own: carry the log over into the file.

        What cannot be done now (a reader is at work, the disk is full) is tried again after later commits.
        """
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(self._path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _fail_all(self, reason: BaseException) -> None:
        queue, self._queue = self._queue, deque()
        for job in queue:
            _fail(job, reason)


def _answer(job: Job) -> None:
    if not job.future.done():
        # A loop that has ended refuses: nobody waits for the answer any more.
        with contextlib.suppress(RuntimeError):
            job.future.set_result(job.answer)


def _fail(job: Job, error: BaseException) -> None:
    if not job.future.done():
        # A future refuses StopIteration, which a step can raise by mistake.
        reason = StoreError(repr(error)) if isinstance(error, StopIteration) else error
        with contextlib.suppress(RuntimeError):
            job.future.set_exception(reason)
