"""The default store: TinyDB's documents as rows of one SQLite file, with the promises of `ports.Store`.

`TinyDBStore` serves the service, `open_tinydb` opens the same file as a plain TinyDB, in this process or another.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from smsmentor.core.model import OutText, Text, Timer
from smsmentor.errors import StoreError, StoreUnwritable
from smsmentor.ports import Changes, Committed, Step
from smsmentor.stores import records
from smsmentor.stores.batches import Batches, Job, Spoiled
from smsmentor.stores.documents import RowsStorage, open_tinydb
from smsmentor.stores.known import Known
from smsmentor.stores.lines import Lines, leased
from smsmentor.stores.rows import (
    PATIENCE_MS,
    Crash,
    connect,
    open_file,
    open_reader,
    plain_error,
)
from smsmentor.stores.steps import (
    RowReader,
    Writing,
    first_timer,
    pending_texts,
    remember_event,
    timers_due,
    took_effect,
)
from smsmentor.stores.view import StoreView

__all__ = ["TinyDBStore", "open_tinydb", "open_to_look"]


def open_to_look(path: Path, key: str = "") -> StoreView:
    """The store for who only looks: on a disk that takes nothing as it lies there. Raises what opening a store does."""
    try:
        return TinyDBStore(path, key=key)
    except StoreUnwritable:
        return StoreView(path, key=key)


class TinyDBStore(StoreView):
    """The store at `path`, one file with two companions while it is open. Use it from one event loop at a time.

    With a `key` the file is encrypted. Opening raises StoreSealed when the key and the file do not fit together,
    StoreDamaged for a file that is not ours or is broken, and StoreError for what else can be wrong.
    `patience_s` is how long an event waits while another process holds the store; then it fails with StoreBusy.
    `stats` counts what was done. `crash` is called with `before-save`, `before-sync` and `after-save` at each commit.
    """

    def __init__(
        self, path: str | Path, *, key: str = "", patience_s: float = PATIENCE_MS / 1000, crash: Crash | None = None
    ) -> None:
        self._key = key
        self._connection, layouts = open_file(Path(path), key)
        self._known = Known(layouts)
        with ExitStack() as opened:
            opened.callback(self._connection.close)
            reader = open_reader(Path(path))
            opened.callback(reader.close)
            self._begin(Path(path), layouts, "", reader)
            try:
                self._batches = Batches(
                    self._connection, self.path, self.stats, self._known, self._forget, patience_s, crash
                )
            except OSError as error:
                raise StoreUnwritable(f"{self.path}: cannot be opened for writing ({error})") from error
            opened.pop_all()
        self._lines = Lines()
        self._lines_as_of: int | None = None

    def transact(self, event_id: str | None, step: Step, *, now: datetime) -> Awaitable[Committed]:
        return self._submit(lambda: self._run(event_id, step, now))

    async def due(self, now: datetime, limit: int) -> Sequence[Timer]:
        with self._reader() as connection:
            self.stats.statements += 1
            return [records.loads(Timer, text) for text in timers_due(connection, now, limit)]

    async def lease(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()) -> Sequence[OutText]:
        def run() -> list[OutText]:
            self._know_lines()
            taken = [leased(text, now, lease) for text in self._lines.ready(now, limit, busy)]
            self._write(Changes(puts=taken))
            return taken

        taken: list[OutText] = await self._submit(run)
        return taken

    def next_moment(self) -> datetime | None:
        with self._reader() as connection:
            self._batches.land()
            if self._batches.idle:
                # During a commit the lines are those of its batch; who asks because of it will ask again after it.
                self._know_lines()
            self.stats.statements += 1
            moments = [first_timer(connection), self._lines.next_moment()]
        return min((at for at in moments if at is not None), default=None)

    def close(self) -> None:
        if self._closed:
            return
        self._batches.close()
        super().close()
        self._connection.close()

    def import_json(self, source: str | Path) -> None:
        """Take over a file that `export_json` wrote, into a store without documents. All of it or nothing.

        Raises StoreError when this store is not empty, ValueError when the file is not such an export.
        """
        self.check_place()
        try:
            data = json.loads(Path(source).read_text(encoding="utf-8"))
            if not isinstance(data, dict) or not all(isinstance(documents, dict) for documents in data.values()):
                raise ValueError("not tables of documents")
        except ValueError as problem:
            raise ValueError(f"{source}: not an export ({problem})") from None
        with closing(RowsStorage(self.path, self._key)) as storage, storage.at_once():
            if storage.names():
                raise StoreError(f"{self.path}: there are documents already; import into a new store")
            storage.write(data)

    def check_place(self) -> None:
        """Raise StoreDamaged when the file was taken away or replaced: what is written would go with this process."""
        super().check_place()
        self._batches.check_place()

    def tidy(self) -> bool:
        """Carry the log over and empty it, so that nothing of what was overwritten stays in it. Not on the loop.

        False when somebody was reading or writing just then: nothing was lost, and it can be tried again.
        """
        self.check_place()
        try:
            with closing(connect(self.path)) as connection:
                connection.execute("PRAGMA busy_timeout = 200")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise plain_error(error, self.path) from error
        return not busy

    def _submit(self, run: Callable[[], object]) -> asyncio.Future[Any]:
        self._refuse_when_closed()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._batches.submit(Job(run, future))
        return future

    def _run(self, event_id: str | None, step: Step, now: datetime) -> Committed:
        if event_id is not None:
            self.stats.statements += 1
            if took_effect(self._connection, event_id):
                return Committed(fresh=False)
        reader = RowReader(self._connection, self._layouts, self.stats, self._known)
        try:
            changes = step(reader)
        finally:
            reader.finish()
        self._write(changes, None if event_id is None or _leaves_its_text(event_id, changes) else (event_id, now))
        return Committed(fresh=True, answer=changes.answer)

    def _write(self, changes: Changes, event: tuple[str, datetime] | None = None) -> None:
        """Write to the file, and keep what is known of it and the lines in step. `event` is to be remembered."""
        writing = Writing(changes, self._layouts)
        try:
            writing.run(self._connection, self._known, self.stats)
            for id in writing.gone_texts:
                self._lines.drop(id)
            for text, doc_id in writing.out_texts:
                self._lines.put(text, doc_id)
            if event is not None:
                remember_event(self._connection, *event)
        except BaseException as error:
            raise Spoiled(error) from error

    def _forget(self) -> None:
        """A transaction was rolled back: read again what is needed."""
        self._known.clear()
        self._lines_as_of = None

    def _know_lines(self) -> None:
        """Read the pending texts at the start, and again when somebody else has written to the file."""
        self.stats.statements += 1
        as_of = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if as_of != self._lines_as_of:
            lines = Lines()
            for text, doc_id in pending_texts(self._connection, self._layouts):
                lines.put(text, doc_id)
            self._lines, self._lines_as_of = lines, as_of


def _leaves_its_text(event_id: str, changes: Changes) -> bool:
    return any(put.id == event_id and type(put) is Text for put in changes.puts)
