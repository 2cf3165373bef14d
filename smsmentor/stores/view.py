"""A store's file as who only looks needs it: read, checked, exported and copied. `tinydb` has the store that serves.

A store on a disk that takes nothing (a rescued disk, a mounted backup) is read where it lies. SQLite needs to write
beside a file that has a log, so this is done only where nothing of the log can be missed.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from smsmentor.errors import StoreBusy, StoreError, StoreUnwritable
from smsmentor.owners import EFFECTIVE, refusal
from smsmentor.ports import Reader
from smsmentor.stores.drafts import written_whole
from smsmentor.stores.layouts import Layouts, quoted
from smsmentor.stores.rows import (
    check,
    check_documents,
    connect,
    has_log,
    index_of,
    log_of,
    look_into,
    open_reader,
    pages,
    plain_error,
)
from smsmentor.stores.steps import RowReader, Stats

IN_THE_FILE, WITH_THE_LOG = "immutable=1", "mode=ro"
"""How SQLite reads a file that nobody has open, and one with a log that it may not write to."""
ELSEWHERE = ". Another disk can be named with --out or SMSMENTOR_BACKUP_FOLDER"


class StoreView:
    """The store at `path`, read where it lies although nothing can be written there. It changes nothing.

    Raises StoreUnwritable where that could miss what is in the log, and else what opening a store raises.
    """

    def __init__(self, path: str | Path, *, key: str = "") -> None:
        way = _way(Path(path))
        connection, layouts = look_into(Path(path), key, way)
        self._begin(Path(path), layouts, way, connection)

    def _begin(self, path: Path, layouts: Layouts, way: str, reader: sqlite3.Connection) -> None:
        self.path = path
        self.stats = Stats()
        self._layouts = layouts
        self._way = way
        self._readers = [reader]
        self._closed = False

    @property
    def in_place(self) -> bool:
        """Whether nothing can be written beside the store."""
        return bool(self._way)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A consistent view; it never holds up a commit."""
        with self._reader() as connection:
            connection.execute("BEGIN")
            reader = RowReader(connection, self._layouts, self.stats)
            try:
                # The view is as of the first read, not as of BEGIN.
                connection.execute("SELECT 1 FROM shapes LIMIT 1").fetchone()
                yield reader
            finally:
                reader.finish()
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file. Raises StoreBusy when somebody has begun to write to it: what was read may not fit."""
        if self._closed:
            return
        self._closed = True
        for reader in self._readers:
            reader.close()
        if self._way == IN_THE_FILE and has_log(self.path):
            raise StoreBusy(f"{self.path}: another process began to write to it meanwhile; do it again")

    def check_place(self) -> None:
        """For what opens the file by its name: raise StoreError when it is not to be opened any more."""
        self._refuse_when_closed()

    def check(self, *, full: bool = True) -> None:
        """Raise StoreDamaged when the file is broken. `full` reads every page and every document."""
        self.check_place()
        with closing(connect(self.path, way=self._way)) as connection:
            if full:
                try:
                    check_documents(connection, self.path, self._layouts)
                except sqlite3.Error as error:
                    raise plain_error(error, self.path) from error
            else:
                check(connection, self.path, full=False)

    def check_pages(self) -> None:
        """Raise StoreDamaged when a page of the file is broken. Reads every page and no document: not on the loop."""
        self.check_place()
        with closing(connect(self.path, way=self._way)) as connection:
            check(connection, self.path, full=True)

    def export_json(self, target: str | Path) -> None:
        """Write the whole state as a JSON file that a stock `TinyDB(target)` opens, with the same `doc_id`s.

        It is plain text, also of an encrypted store.
        """
        self.check_place()
        with (
            closing(open_reader(self.path, way=self._way)) as connection,
            written_whole(Path(target)) as draft,
        ):
            connection.execute("BEGIN")
            with draft.open("w", encoding="utf-8") as file:
                for part in _json_parts(connection, self._layouts):
                    file.write(part)

    def backup_to(self, target: str | Path) -> None:
        """A complete copy, consistent and verified, while the service runs. Takes the disk's time: not on the loop."""
        self.check_place()
        try:
            with written_whole(Path(target), self.path) as draft:
                with closing(connect(self.path, way=self._way)) as connection:
                    connection.execute("VACUUM INTO ?", (str(draft),))
                with closing(connect(draft)) as copy:
                    check_documents(copy, draft, self._layouts)
        except (OSError, sqlite3.Error) as error:
            why = refusal(Path(target).parent) or error
            raise StoreError(f"{target}: the backup failed ({why}){ELSEWHERE}") from error

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A reading connection for one use; another use at the same time gets another one."""
        self._refuse_when_closed()
        try:
            connection = self._readers.pop() if self._readers else open_reader(self.path, way=self._way)
            try:
                yield connection
            finally:
                if self._closed:
                    connection.close()
                else:
                    self._readers.append(connection)
        except sqlite3.Error as error:
            raise plain_error(error, self.path) from error

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")


def _way(path: Path) -> str:
    """How the file can be read without writing. Without a log nobody has it open, and all is in the file."""
    if not os.access(path, os.R_OK, effective_ids=EFFECTIVE):
        raise StoreError(refusal(path, mode=os.R_OK))
    if not has_log(path):
        return IN_THE_FILE
    if index_of(path).exists():
        return WITH_THE_LOG
    raise StoreUnwritable(
        f"{path}: the last texts are in the log beside it ({log_of(path).name}). Reading that takes its index "
        f"({index_of(path).name}), which is missing, and this disk takes no new one"
    )


def _json_parts(connection: sqlite3.Connection, layouts: Layouts) -> Iterator[str]:
    """The documents are JSON text already: they only need to be put together."""
    plain = {layout.table: layout.plain for layout in layouts.values()}
    names = [row[0] for row in connection.execute("SELECT DISTINCT name FROM documents").fetchall()]
    sources: list[tuple[str, str, tuple[str, ...]]]
    sources = [(name, f"SELECT doc_id, doc FROM {quoted(name)} WHERE doc_id > ?", ()) for name in plain]
    sources += [(name, "SELECT doc_id, doc FROM documents WHERE name = ? AND doc_id > ?", (name,)) for name in names]
    yield "{"
    tables = 0
    for name, select, marks in sources:
        documents = 0
        for doc_id, text in pages(connection, select, marks):
            if not documents:
                yield f"{', ' if tables else ''}{json.dumps(name)}: {{"
                tables += 1
            yield f'{", " if documents else ""}"{doc_id}": {plain[name](text) if name in plain else text}'
            documents += 1
        if documents:
            yield "}"
    yield "}"
