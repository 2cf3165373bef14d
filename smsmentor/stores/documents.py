"""The TinyDB face of the store: tables, queries and `doc_id`s over rows, working as TinyDB's users know them.

TinyDB hands its table functions the whole table as a dict. Here they get a view that loads a row when it is touched
and afterwards writes only what changed, which keeps TinyDB's own code and makes each call cost what it touches. Queries
for equality are answered from an index where a record declares one; the query itself always has the last word.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from smsmentor.core.model import Index
from smsmentor.errors import StoreError
from smsmentor.stores import records
from smsmentor.stores.layouts import LAYOUTS, TABLES, Layout, quoted
from smsmentor.stores.rows import open_file, pages, plain_error, transaction

Doc = dict[str, Any]


def open_tinydb(path: str | Path, key: str = "") -> TinyDB:
    """The store at `path` as a TinyDB, also while the service runs. Writes of one call are one synced commit.

    In a table of records each document must be readable as its record; ValueError otherwise. An encrypted store needs
    its `key`; documents of tables that are no record's are not encrypted.
    """
    return RowsDB(Path(path), key)


class RowsStorage(Storage):
    """TinyDB's storage: `read` gives everything and `write` replaces everything, as an export and an import need it."""

    def __init__(self, path: Path, key: str = "") -> None:
        self.path = path
        self.connection, self._layouts = open_file(path, key)
        # Here nobody is held up by a checkpoint, and there may be no service that makes them.
        self.connection.execute("PRAGMA wal_autocheckpoint = 2000")
        self._lock = threading.RLock()

    def read(self) -> dict[str, dict[str, Any]] | None:
        with self.at_once("BEGIN"):
            found = {name: {str(doc_id): doc for doc_id, doc in self.rows(name).all()} for name in self.names()}
        return found or None

    def write(self, data: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> None:
        with self.at_once():
            for name in self.names():
                self.rows(name).clear()
            for name, documents in data.items():
                rows = self.rows(name)
                for doc_id, doc in documents.items():
                    rows.insert(int(doc_id), doc)

    def close(self) -> None:
        self.connection.close()

    def names(self) -> list[str]:
        """The tables that hold a document."""
        kept = [name for name in TABLES if self.rows(name).any()]
        plain = self.connection.execute("SELECT DISTINCT name FROM documents").fetchall()
        return kept + [row[0] for row in plain]

    def rows(self, name: str) -> Rows:
        kind = TABLES.get(name)
        return PlainRows(self.connection, name) if kind is None else RecordRows(self.connection, self._layouts[kind])

    @contextmanager
    def at_once(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        """One transaction, also around calls that ask for one themselves."""
        with self._lock:
            if self.connection.in_transaction:
                yield
                return
            try:
                if begin == "BEGIN":
                    self.connection.execute("BEGIN")
                    try:
                        yield
                    finally:
                        self.connection.execute("ROLLBACK")
                else:
                    with transaction(self.connection):
                        yield
            except sqlite3.Error as error:
                raise plain_error(error, self.path) from error


class Rows(ABC):
    """The documents of one table. Here for tables of TinyDB users, in one SQL table by name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    select = ""
    """Gives `doc_id, doc` and ends in a condition on `doc_id` that takes `> ?` or `= ?`."""
    marks: tuple[object, ...] = ()

    def get(self, doc_id: int) -> str | None:
        row = self._connection.execute(f"{self.select} = ?", (*self.marks, doc_id)).fetchone()
        return None if row is None else self.plain(row[1])

    def all(self) -> Iterator[tuple[int, Doc]]:
        for doc_id, stored in pages(self._connection, f"{self.select} > ?", self.marks):
            yield doc_id, self.load(self.plain(stored))

    def matching(self, cond: QueryLike) -> Iterator[tuple[int, Doc]]:
        """The documents that may match; at least those that do, in the order of their ids."""
        return self.all()

    def any(self) -> bool:
        return self._connection.execute(f"{self.select} > ? LIMIT 1", (*self.marks, -(2**63))).fetchone() is not None

    def count(self) -> int:
        statement = f"SELECT count(*) FROM ({self.select} > ?)"
        found: int = self._connection.execute(statement, (*self.marks, -(2**63))).fetchone()[0]
        return found

    def last_id(self) -> int:
        statement = f"{self.select} > ? ORDER BY doc_id DESC LIMIT 1"
        row = self._connection.execute(statement, (*self.marks, -(2**63))).fetchone()
        return 0 if row is None else row[0]

    def plain(self, stored: Any) -> str:
        """The JSON text of a stored document."""
        text: str = stored
        return text

    @abstractmethod
    def load(self, text: str) -> Doc: ...

    @abstractmethod
    def dump(self, doc: Mapping[str, Any]) -> str: ...

    @abstractmethod
    def insert(self, doc_id: int, doc: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def change(self, doc_id: int, doc: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def remove(self, doc_id: int) -> None: ...

    @abstractmethod
    def clear(self) -> None: ...


class PlainRows(Rows):
    """The documents of a table that is no record's. Their JSON is the standard library's, as in a stock TinyDB."""

    select = "SELECT doc_id, doc FROM documents WHERE name = ? AND doc_id"

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        super().__init__(connection)
        self.marks = (name,)

    def load(self, text: str) -> Doc:
        return cast(Doc, json.loads(text))

    def dump(self, doc: Mapping[str, Any]) -> str:
        return json.dumps(doc)

    def insert(self, doc_id: int, doc: Mapping[str, Any]) -> None:
        self._connection.execute("INSERT INTO documents VALUES (?, ?, ?)", (*self.marks, doc_id, self.dump(doc)))

    def change(self, doc_id: int, doc: Mapping[str, Any]) -> None:
        statement = "UPDATE documents SET doc = ? WHERE name = ? AND doc_id = ?"
        self._connection.execute(statement, (self.dump(doc), *self.marks, doc_id))

    def remove(self, doc_id: int) -> None:
        self._connection.execute("DELETE FROM documents WHERE name = ? AND doc_id = ?", (*self.marks, doc_id))

    def clear(self) -> None:
        self._connection.execute("DELETE FROM documents WHERE name = ?", self.marks)


class RecordRows(Rows):
    """The documents of a record's table: written with their key columns, and found by them."""

    def __init__(self, connection: sqlite3.Connection, layout: Layout) -> None:
        super().__init__(connection)
        self._layout = layout
        self._table = quoted(layout.table)
        self.select = f"SELECT doc_id, doc FROM {self._table} WHERE doc_id"

    def plain(self, stored: Any) -> str:
        return self._layout.plain(stored)

    def load(self, text: str) -> Doc:
        return records.load(text)

    def dump(self, doc: Mapping[str, Any]) -> str:
        return records.dump(doc)

    def insert(self, doc_id: int, doc: Mapping[str, Any]) -> None:
        self._connection.execute(self._layout.insert, (doc_id, *self._columns(doc)))

    def change(self, doc_id: int, doc: Mapping[str, Any]) -> None:
        self._connection.execute(self._layout.change, (*self._columns(doc), doc_id))

    def remove(self, doc_id: int) -> None:
        self._connection.execute(f"DELETE FROM {self._table} WHERE doc_id = ?", (doc_id,))

    def clear(self) -> None:
        self._connection.execute(f"DELETE FROM {self._table}")

    def matching(self, cond: QueryLike) -> Iterator[tuple[int, Doc]]:
        for column, value in equalities(getattr(cond, "_hash", None)):
            key = "id" if column == "id" else _KEYS[self._layout.table].get(column)
            # A key column leaves empty values out, so that only others can be looked up.
            if key is not None and isinstance(value, str) and value:
                statement = f"SELECT doc_id, doc FROM {self._table} WHERE {quoted(key)} = ? ORDER BY doc_id"
                found = self._connection.execute(statement, (self._layout.sought(column, value),)).fetchall()
                return ((doc_id, self.load(self.plain(stored))) for doc_id, stored in found)
        return self.all()

    def _columns(self, doc: Mapping[str, Any]) -> tuple[Any, ...]:
        try:
            record = records.decode(self._layout.kind, records.load(self.dump(doc)))
            id = self._layout.sought("id", record.id)
            return id, self._layout.stored(self.dump(doc)), *self._layout.keys(record)
        except (StoreError, TypeError, ValueError, AttributeError) as problem:
            raise ValueError(f"this document does not fit the table {self._layout.table!r}: {problem}") from None


def equalities(hashed: object) -> list[tuple[str, object]]:
    """The `field == value` conditions that all must hold, read from a TinyDB query's hash."""
    match hashed:
        case ("==", (str(name),), value):
            return [(name, value)]
        case ("and", frozenset() as parts):
            return sorted((found for part in parts for found in equalities(part)), key=lambda found: found[0])
    return []


class _Probe:
    """Stands for a record with one field, to see whether an index key is simply that field."""

    def __init__(self, name: str, value: object) -> None:
        setattr(self, name, value)


def _is_field(index: Index) -> bool:
    value = object()
    try:
        return cast(object, index.key(_Probe(index.name, value))) is value
    except (AttributeError, TypeError):
        return False


_KEYS: dict[str, dict[str, str]] = {
    layout.table: {index.name: f"key_{index.name}" for index in layout.indexes if _is_field(index)}
    for layout in LAYOUTS.values()
}
"""By table: the fields that have a key column of their own."""


class _View(MutableMapping[int, Any]):
    """A table as TinyDB's functions want it: a mapping of ids to documents, loaded when touched."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._old: dict[int, str | None] = {}
        self._new: dict[int, Any] = {}
        self._cleared = False

    def __getitem__(self, doc_id: int) -> Any:
        if not self._known(doc_id):
            raise KeyError(doc_id)
        return self._new[doc_id]

    def __setitem__(self, doc_id: int, doc: Any) -> None:
        self._known(doc_id)
        self._new[doc_id] = doc

    def __delitem__(self, doc_id: int) -> None:
        if not self._known(doc_id):
            raise KeyError(doc_id)
        del self._new[doc_id]

    def __contains__(self, doc_id: object) -> bool:
        return isinstance(doc_id, int) and self._known(doc_id)

    def __iter__(self) -> Iterator[int]:
        stored = [] if self._cleared else [doc_id for doc_id, _ in self._rows.all()]
        yield from [doc_id for doc_id in stored if doc_id not in self._old or doc_id in self._new]
        yield from [doc_id for doc_id in list(self._new) if self._old[doc_id] is None]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        self._cleared = True
        self._old.clear()
        self._new.clear()

    def flush(self) -> None:
        """Write what changed. Removals go first, so that a key they free can be taken in the same call."""
        if self._cleared:
            self._rows.clear()
        for doc_id, old in self._old.items():
            if old is not None and doc_id not in self._new:
                self._rows.remove(doc_id)
        for doc_id, doc in self._new.items():
            old = self._old[doc_id]
            if old is None:
                self._rows.insert(doc_id, doc)
            elif self._rows.dump(doc) != old:
                self._rows.change(doc_id, doc)

    def _known(self, doc_id: int) -> bool:
        if doc_id not in self._old:
            text = None if self._cleared else self._rows.get(doc_id)
            self._old[doc_id] = text
            if text is not None:
                self._new[doc_id] = self._rows.load(text)
        return doc_id in self._new


class RowsTable(Table):
    """TinyDB's table with the paths replaced that would read or write all of it."""

    default_query_cache_capacity = 0
    _next_id: int | None  # type: ignore[assignment]

    def __init__(self, storage: RowsStorage, name: str, cache_size: int = 0, persist_empty: bool = False) -> None:
        # The query cache would give stale answers after another process's write.
        super().__init__(storage, name, cache_size=0)
        self._rows = storage.rows(name)

    @property
    def _file(self) -> RowsStorage:
        return cast(RowsStorage, self._storage)

    def insert(self, document: Mapping[str, Any]) -> int:
        with self._file.at_once():
            return super().insert(document)

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        with self._file.at_once():
            return super().insert_multiple(documents)

    def upsert(self, document: Mapping[str, Any], cond: QueryLike | None = None) -> list[int]:
        with self._file.at_once():
            return super().upsert(document, cond)

    def update(
        self,
        fields: Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None],
        cond: QueryLike | None = None,
        doc_ids: Iterable[int] | None = None,
    ) -> list[int]:
        with self._file.at_once():
            if doc_ids is None and cond is not None:
                doc_ids = [doc_id for doc_id, _ in self._found(cond)]
            return super().update(fields, doc_ids=doc_ids)

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        with self._file.at_once():
            if doc_ids is None and cond is not None:
                doc_ids = [doc_id for doc_id, _ in self._found(cond)]
            return super().remove(doc_ids=doc_ids)

    def search(self, cond: QueryLike) -> list[Document]:
        with self._file.at_once("BEGIN"):
            return [Document(doc, doc_id) for doc_id, doc in self._found(cond)]

    def get(  # type: ignore[override]
        self, cond: QueryLike | None = None, doc_id: int | None = None, doc_ids: list[int] | None = None
    ) -> Document | list[Document] | None:
        with self._file.at_once("BEGIN"):
            if doc_id is not None:
                return self._document(doc_id)
            if doc_ids is not None:
                found = [self._document(wanted) for wanted in sorted({int(doc_id) for doc_id in doc_ids})]
                return [document for document in found if document is not None]
            if cond is not None:
                return next((Document(doc, at) for at, doc in self._found(cond)), None)
        raise RuntimeError("You have to pass either cond or doc_id or doc_ids")

    def __len__(self) -> int:
        with self._file.at_once("BEGIN"):
            return self._rows.count()

    def __iter__(self) -> Iterator[Document]:
        for doc_id, doc in self._rows.all():
            yield Document(doc, doc_id)

    def _document(self, doc_id: int) -> Document | None:
        text = self._rows.get(doc_id)
        return None if text is None else Document(self._rows.load(text), doc_id)

    def _found(self, cond: QueryLike) -> Iterator[tuple[int, Doc]]:
        for doc_id, doc in self._rows.matching(cond):
            if cond(doc):
                yield doc_id, doc

    def _get_next_id(self) -> int:
        """Never one that is taken, also by another process, and never one that was given before."""
        next_id = self._rows.last_id() + 1
        if self._next_id is not None:
            next_id = max(next_id, self._next_id)
        self._next_id = next_id + 1
        return next_id

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        return {str(doc_id): doc for doc_id, doc in self._rows.all()}

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        with self._file.at_once():
            view = _View(self._rows)
            updater(view)
            view.flush()


class RowsDB(TinyDB):
    """A TinyDB over the rows at a path."""

    table_class = RowsTable  # type: ignore[assignment]

    def __init__(self, path: Path, key: str = "") -> None:
        super().__init__(path, key, storage=RowsStorage)

    def tables(self) -> set[str]:
        return set(cast(RowsStorage, self.storage).names())
