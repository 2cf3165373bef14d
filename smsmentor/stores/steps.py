"""What one event reads and writes in the store's file, inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from smsmentor.core.model import OutText, Record
from smsmentor.errors import StoreDamaged
from smsmentor.ports import Changes
from smsmentor.stores import records
from smsmentor.stores.known import UNREAD, Known, KnownTable
from smsmentor.stores.layouts import LAYOUTS, Layout, Layouts, Seen


@dataclass
class Stats:
    """What a store has done, for tests that count instead of measuring time."""

    statements: int = 0
    rows_read: int = 0
    rows_written: int = 0
    commits: int = 0
    """Commits that had something to write: each is one sync of the disk."""


R = TypeVar("R", bound=Record)

_TOOK_EFFECT = 'SELECT EXISTS (SELECT 1 FROM "texts" WHERE id = ?1) OR EXISTS (SELECT 1 FROM "events" WHERE id = ?1)'


class RowReader:
    """What a step or a page reads, inside one transaction of `connection`. The writer's looks at what is `known`.

    Rows are found by their columns, and an encrypted document is believed for what is in it. So each is compared with
    what it was found by: one that somebody put in another's place is refused.
    """

    def __init__(
        self, connection: sqlite3.Connection, layouts: Layouts, stats: Stats, known: Known | None = None
    ) -> None:
        self._connection = connection
        self._layouts = layouts
        self._stats = stats
        self._known = known.tables if known is not None else {}
        self._open: list[sqlite3.Cursor] = []

    def get(self, kind: type[R], id: str) -> R | None:
        known = self._known.get(kind)
        if known is not None and (there := known.rows.get(id)) is not None:
            record: R | None = there[1]
            return record
        self._stats.statements += 1
        layout = self._layouts[kind]
        sought = layout.sought("id", id) if layout.hidden else id
        row = self._connection.execute(layout.get, (sought,)).fetchone()
        if row is not None:
            found: R = self._record(layout, known, row, "id", id)
            return found
        if known is not None:
            known.note_absent(id)
        return None

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        known = self._known.get(kind)
        layout = self._layouts[kind]
        key = layout.sought(index, value) if layout.hidden else value
        way = (index, newest)
        if known is not None and (kept := known.walks.get(way)) is not None and (found := kept.get(key)) is not None:
            return iter(found)
        statement = layout.walks.get(way)
        if statement is None:
            raise KeyError(f"{kind.__name__} has no index {index!r}")
        return self._found(layout, known, statement, key, way, value)

    def count(self, kind: type[Record], index: str, value: str) -> int:
        layout = self._layouts[kind]
        statement = layout.counts.get(index)
        if statement is None:
            raise KeyError(f"{kind.__name__} has no index {index!r}")
        known, key = self._known.get(kind), layout.sought(index, value)
        if known is not None and (count := known.counts.get(index, {}).get(key)) is not None:
            return count
        self._stats.statements += 1
        found: int = self._connection.execute(statement, (key,)).fetchone()[0]
        if known is not None:
            known.counts.setdefault(index, {})[key] = found
        return found

    def all(self, kind: type[R]) -> Iterator[R]:
        layout = self._layouts[kind]
        for row in self._rows(layout.all):
            self._stats.rows_read += 1
            yield layout.loads(row[1])

    def finish(self) -> None:
        """End the walks that were left half-way: an open one would hold up checkpoints."""
        for cursor in self._open:
            cursor.close()

    def _found(
        self,
        layout: Layout,
        known: KnownTable | None,
        statement: str,
        key: str,
        way: tuple[str, bool],
        value: str,
    ) -> Iterator[Any]:
        given = []
        for row in self._rows(statement, key):
            record = self._record(layout, known, row, way[0], value)
            if known is not None:
                given.append(record)
            yield record
        if known is not None:
            known.note_walk(way, key, given)

    def _rows(self, statement: str, *values: str) -> Iterator[tuple[int, Any]]:
        self._stats.statements += 1
        cursor = self._connection.execute(statement, values)
        self._open.append(cursor)
        return cursor

    def _record(self, layout: Layout, known: KnownTable | None, row: tuple[int, Any], name: str, value: str) -> Any:
        """The record of a row that was found by a value of its id or of an index."""
        self._stats.rows_read += 1
        there = known.by_doc_id.get(row[0]) if known is not None else None
        record: Any = layout.loads(row[1]) if there is None else there
        if layout.key_of[name](record) != value:
            raise _displaced(layout)
        if known is not None and there is None:
            known.note(row[0], record)
        return record


def _displaced(layout: Layout) -> StoreDamaged:
    return StoreDamaged(f"{layout.table}: a document lies in another one's place; restore a backup")


class Writing:
    """The writes of one event, encoded before anything is changed, so that an odd value fails only its own event."""

    def __init__(self, changes: Changes, layouts: Layouts) -> None:
        self._drops = [(layouts[kind], id) for kind, id in changes.drops]
        self._puts = [(layout := layouts[type(put)], put, *layout.written(put)) for put in changes.puts]
        self.out_texts: list[tuple[OutText, int]] = []
        """The outbox rows that were written, with their `doc_id`."""
        self.gone_texts = [id for kind, id in changes.drops if kind is OutText]

    def run(self, connection: sqlite3.Connection, known: Known, stats: Stats) -> None:
        """Removals go first, so that a key they free can be taken in the same event."""
        cursor = connection.cursor()
        for layout, id in self._drops:
            cursor.execute(layout.drop, (layout.sought("id", id),))
            if (table := known.tables.get(layout.kind)) is not None:
                table.removed(id)
        for layout, record, text, same in self._puts:
            table = known.tables.get(layout.kind)
            keys = layout.keys(record)
            id = layout.sought("id", record.id) if layout.hidden else record.id
            if table is None:
                _add(cursor, layout, None, (id, text, *keys))
                continue
            doc_id, old, before = table.rows.get(record.id, UNREAD)
            if old is not None:
                before = before or layout.keys(old)
                _change(cursor, layout, doc_id, text, before, keys)
            else:
                doc_id = _add(cursor, layout, table, (id, text, *keys))
            if same:
                table.wrote(doc_id, record, keys, before)
            else:
                table.unsure(record.id)
            if layout.kind is OutText:
                assert isinstance(record, OutText)
                self.out_texts.append((record, doc_id))
        wrote = len(self._drops) + len(self._puts)
        stats.statements += wrote
        stats.rows_written += wrote


def _change(
    cursor: sqlite3.Cursor,
    layout: Layout,
    doc_id: int,
    text: str | bytes,
    before: tuple[Any, ...],
    keys: tuple[Any, ...],
) -> None:
    """Rewrite a row that is known, and of its key columns only those that differ."""
    columns: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    if before != keys:
        differ = [at for at, value in enumerate(keys) if value != before[at]]
        columns = tuple([layout.columns[at] for at in differ])
        values = tuple([keys[at] for at in differ])
    cursor.execute(layout.change_of(columns), (text, *values, doc_id))


def _add(cursor: sqlite3.Cursor, layout: Layout, table: KnownTable | None, values: tuple[Any, ...]) -> int:
    """Write a row that is not known and most likely new; its `doc_id`."""
    try:
        cursor.execute(layout.add, values)
    except sqlite3.IntegrityError:
        # It was there, unread: with which keys, nobody knows.
        if table is not None:
            table.walks.clear()
            table.counts.clear()
        return int(cursor.execute(layout.put, values).fetchall()[0][0])
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def took_effect(connection: sqlite3.Connection, event_id: str) -> bool:
    """Whether an event was here before. An inbound text is known by its record, which has the event's id."""
    found: int = connection.execute(_TOOK_EFFECT, (event_id,)).fetchone()[0]
    return bool(found)


def remember_event(connection: sqlite3.Connection, id: str, at: datetime) -> None:
    """Note that an event takes effect."""
    connection.execute(LAYOUTS[Seen].add, (id, records.dumps(Seen(id, at))))


def timers_due(connection: sqlite3.Connection, now: datetime, limit: int) -> list[str]:
    """The texts of the timers that are due, earliest first."""
    found = connection.execute(
        "SELECT doc FROM \"timers\" WHERE key_due = 'yes' AND order_due <= ? ORDER BY order_due, doc_id LIMIT ?",
        (now.timestamp(), limit),
    )
    return [row[0] for row in found.fetchall()]


def first_timer(connection: sqlite3.Connection) -> datetime | None:
    """When the earliest timer is due."""
    found = connection.execute("SELECT min(order_due) FROM \"timers\" WHERE key_due = 'yes'").fetchone()
    return None if found[0] is None else datetime.fromtimestamp(found[0], UTC)


def pending_texts(connection: sqlite3.Connection, layouts: Layouts) -> Iterator[tuple[OutText, int]]:
    """Each text that waits to be sent, with its `doc_id`."""
    found = connection.execute("SELECT doc_id, doc FROM \"outbox\" WHERE key_pending = 'yes'").fetchall()
    for doc_id, text in found:
        layout = layouts[OutText]
        record: OutText = layout.loads(text)
        if not record.pending:
            raise _displaced(layout)
        yield record, doc_id
