"""How each record kind lies as a table of an SQLite file: its columns, its statements, and what values look like there.

Each kind has a table of its own name: `doc_id` (TinyDB's id, in the order of writing), `id`, the document as JSON text,
and for each declared index a key column and an order column. In an encrypted file the tables are the same, with other
values in them (`sealing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar

from smsmentor.core.model import RECORDS, Index, Record
from smsmentor.stores import records
from smsmentor.stores.sealing import HIDDEN, SEALED, Seal


class Seen(Record, frozen=True):
    """An event that has taken effect; the id is the event's."""

    TABLE: ClassVar[str] = "events"

    at: datetime


class Layout:
    """One record kind as a table, with the text of each statement that is ever run on it."""

    def __init__(self, kind: type[Record]) -> None:
        self.kind = kind
        self.table = kind.TABLE
        self.indexes = kind.INDEXES
        self.unique = tuple(index for index in kind.INDEXES if index.unique)
        self.columns = tuple(name for index in self.indexes for name in _columns(index))
        self.places = _places(kind)
        """Where each index has its columns: from, to."""
        self.key_of: Mapping[str, Callable[[Any], str | None]] = {
            "id": attrgetter("id"),
            **{index.name: index.key for index in kind.INDEXES},
        }
        """What a record is found by under each name."""
        self.keys: Callable[[Record], tuple[Any, ...]] = _keys_of(kind)
        """The values of a record's key and order columns."""
        self.written: Callable[[Record], tuple[str | bytes, bool]] = records.written
        """The stored form of a record's document, and whether reading it gives the very same."""
        self.loads: Callable[[Any], Any] = partial(records.loads, kind)
        """The record of a stored document; StoreDamaged when it is none."""
        self.hidden: frozenset[str] = frozenset()
        """The indexes, or `id`, whose values are not stored as they are: `sought` gives what is."""
        table = quoted(self.table)
        written = ("id", "doc", *self.columns)
        marks = ", ".join("?" for _ in written)
        setters = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in written[1:])
        self.get = f"SELECT doc_id, doc FROM {table} WHERE id = ?"
        self.all = f"SELECT doc_id, doc FROM {table} ORDER BY doc_id"
        self.drop = f"DELETE FROM {table} WHERE id = ?"
        self.put = (
            f"INSERT INTO {table} ({', '.join(map(quoted, written))}) VALUES ({marks}) "
            f"ON CONFLICT (id) DO UPDATE SET {setters} RETURNING doc_id"
        )
        self.add = f"INSERT INTO {table} ({', '.join(map(quoted, written))}) VALUES ({marks})"
        self.insert = f"INSERT INTO {table} (doc_id, {', '.join(map(quoted, written))}) VALUES (?, {marks})"
        self.change = f"UPDATE {table} SET {', '.join(quoted(name) + ' = ?' for name in written)} WHERE doc_id = ?"
        self._changes: dict[tuple[str, ...], str] = {}
        self.walks = {
            (index.name, newest): self._walk(index, newest) for index in self.indexes for newest in (False, True)
        }
        self.counts = {
            index.name: f"SELECT count(*) FROM {table} WHERE {quoted('key_' + index.name)} = ?"
            for index in self.indexes
        }

    @property
    def shape(self) -> str:
        """What the key columns were filled by; when it differs from a file's, they are filled again."""
        return f"{records.version(self.kind)} {' '.join(self.columns)}"

    def sought(self, name: str, value: str) -> str:
        """The stored form of an id or of an index's key."""
        return value

    def plain(self, stored: Any) -> str:
        """The JSON text of a stored document."""
        text: str = stored
        return text

    def stored(self, text: str) -> str | bytes:
        """The stored form of a document's JSON text."""
        return text

    def change_of(self, columns: tuple[str, ...]) -> str:
        """The statement that rewrites a document and these key columns. Indexes on others are left alone by SQLite."""
        statement = self._changes.get(columns)
        if statement is None:
            setters = "".join(f", {quoted(name)} = ?" for name in columns)
            statement = f"UPDATE {quoted(self.table)} SET doc = ?{setters} WHERE doc_id = ?"
            self._changes[columns] = statement
        return statement

    def create(self) -> list[str]:
        columns = "".join(f", {quoted(name)} {kind_of(name)}" for name in self.columns)
        table = quoted(self.table)
        return [
            f"CREATE TABLE {table} (doc_id INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, doc TEXT NOT NULL{columns})",
            *self.create_indexes(),
        ]

    def create_indexes(self) -> list[str]:
        return [self._index(index) for index in self.indexes]

    def _index(self, index: Index) -> str:
        unique = "UNIQUE " if index.unique else ""
        columns = ", ".join(map(quoted, _columns(index)))
        return (
            f"CREATE {unique}INDEX {quoted(self.table + '_by_' + index.name)} ON {quoted(self.table)} ({columns}) "
            f"WHERE {quoted('key_' + index.name)} IS NOT NULL"
        )

    def _walk(self, index: Index, newest: bool) -> str:
        way = " DESC" if newest else ""
        order = f"{quoted('order_' + index.name)}{way}, " if index.order is not None else ""
        return (
            f"SELECT doc_id, doc FROM {quoted(self.table)} WHERE {quoted('key_' + index.name)} = ? "
            f"ORDER BY {order}doc_id{way}"
        )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _places(kind: type[Record]) -> dict[str, tuple[int, int]]:
    places, at = {}, 0
    for index in kind.INDEXES:
        places[index.name] = (at, at + len(_columns(index)))
        at += len(_columns(index))
    return places


def _keys_of(kind: type[Record]) -> Callable[[Record], tuple[Any, ...]]:
    """The function for `Layout.keys`, written out: each record that is saved goes through it."""
    space: dict[str, Any] = {}
    lines, values = ["def keys(record):"], []
    for number, index in enumerate(kind.INDEXES):
        space[f"key{number}"], space[f"order{number}"] = index.key, index.order
        lines.append(f"    value{number} = key{number}(record)")
        values.append(f"value{number}")
        if index.order is not None:
            values.append(f"None if value{number} is None else order{number}(record)")
    lines.append(f"    return ({''.join(value + ', ' for value in values)})")
    exec("\n".join(lines), space)
    keys: Callable[[Record], tuple[Any, ...]] = space["keys"]
    return keys


def _columns(index: Index) -> tuple[str, ...]:
    return (f"key_{index.name}",) if index.order is None else (f"key_{index.name}", f"order_{index.name}")


def kind_of(column: str) -> str:
    return "TEXT" if column.startswith("key_") else "REAL"


class SealedLayout(Layout):
    """The same table in an encrypted file: only the values differ."""

    def __init__(self, kind: type[Record], seal: Seal) -> None:
        super().__init__(kind)
        self._seal = seal
        self.hidden = HIDDEN.get(kind, self.hidden)
        self._hiding = tuple(
            index.name if column.startswith("key_") and index.name in self.hidden else None
            for index in self.indexes
            for column in _columns(index)
        )
        self.written = self._written
        self.loads = self._loads
        if self.hidden:
            self._plain_keys = self.keys
            self.keys = self._hidden_keys

    def _hidden_keys(self, record: Record) -> tuple[Any, ...]:
        values = zip(self._hiding, self._plain_keys(record), strict=True)
        return tuple([v if name is None or v is None else self.sought(name, v) for name, v in values])

    def sought(self, name: str, value: str) -> str:
        return self._seal.hide(f"{self.table}.{name}", value) if name in self.hidden else value

    def plain(self, stored: Any) -> str:
        return self._seal.open(self.table, stored)

    def stored(self, text: str) -> str | bytes:
        return self._seal.seal(self.table, text)

    def _written(self, record: Record) -> tuple[bytes, bool]:
        text, same = records.written(record)
        return self._seal.seal(self.table, text), same

    def _loads(self, stored: Any) -> Any:
        return records.loads(self.kind, self._seal.open(self.table, stored))


Layouts = Mapping[type[Record], Layout]
"""How each record kind lies in one file."""
_KINDS: tuple[type[Record], ...] = (*RECORDS, Seen)
LAYOUTS: Layouts = {kind: Layout(kind) for kind in _KINDS}
TABLES: dict[str, type[Record]] = {kind.TABLE: kind for kind in LAYOUTS}


def layouts_of(seal: Seal | None) -> Layouts:
    """How records lie in a file that is encrypted with this key, or in a plain one."""
    if seal is None:
        return LAYOUTS
    return {kind: SealedLayout(kind, seal) if kind in SEALED else layout for kind, layout in LAYOUTS.items()}
