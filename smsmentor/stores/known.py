"""What the writer has lately read and written: records, decoded, and what walks and counts of an index gave.

People text in turns, and reading costs the most. What is known is what the file holds as long as nobody else writes to
it, which SQLite tells.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from smsmentor.core.model import Fact, OutText, Record, Text, Wave
from smsmentor.stores.layouts import Layout, Layouts, Seen

_MOST_KNOWN = 5_000
"""Records of a kind that are kept, and keys of its walks; a record has some 1 KB."""
_LOOKS = 64
"""Transactions between two looks at how much is kept."""
_LONGEST_WALK = 16
"""Records of a walk that is kept: longer ones are the pool's and histories, of which an event looks at a few."""
_ONLY_ADDED = frozenset((Fact, Text, Wave, Seen))
"""What nearly every event adds and hardly one reads: it is read from the file each time, and not kept here."""

Row = tuple[int, Any, tuple[Any, ...] | None]
"""`doc_id`, the record (None: there is none), and the values of its key columns if they were worked out."""
UNREAD: Row = (-1, None, None)
"""Stands for a record that was not looked for yet."""
ABSENT: Row = (-1, None, None)
"""Stands for a record that is not there."""


class KnownTable:
    """What is known of one kind."""

    __slots__ = ("by_doc_id", "counts", "layout", "rows", "walks")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows: dict[str, Row] = {}
        self.by_doc_id: dict[int, Record] = {}
        self.walks: dict[tuple[str, bool], dict[str, tuple[Any, ...]]] = {}
        """By index and direction: each key's records in their order."""
        self.counts: dict[str, dict[str, int]] = {}
        """By index: how many records have each key."""

    def clear(self) -> None:
        self.rows.clear()
        self.by_doc_id.clear()
        self.walks.clear()
        self.counts.clear()

    def note(self, doc_id: int, record: Record) -> None:
        """This record was read."""
        self.rows[record.id] = (doc_id, record, None)
        self.by_doc_id[doc_id] = record
        if self.layout.unique:
            self._note_holder(record, self.layout.keys(record))

    def note_absent(self, id: str) -> None:
        """There is no such record."""
        self.rows[id] = ABSENT

    def note_walk(self, way: tuple[str, bool], key: str, records: list[Any]) -> None:
        """These are all the records with this key."""
        if len(records) <= _LONGEST_WALK:
            self.walks.setdefault(way, {})[key] = tuple(records)

    def wrote(self, doc_id: int, record: Record, keys: tuple[Any, ...], before: tuple[Any, ...] | None) -> None:
        """This record was written; `before` are the keys that it had, None when it is new."""
        if isinstance(record, OutText) and not record.pending:
            # It has left: what comes of it comes later, or never.
            self.rows.pop(record.id, None)
            self.by_doc_id.pop(doc_id, None)
        else:
            self.rows[record.id] = (doc_id, record, keys)
            self.by_doc_id[doc_id] = record
        same = keys == before
        for (index, _), kept in self.walks.items():
            at, end = self.layout.places[index]
            if same or (before is not None and keys[at:end] == before[at:end]):
                if (there := kept.get(keys[at])) is not None:
                    kept[keys[at]] = tuple([record if one.id == record.id else one for one in there])
                continue
            kept.pop(keys[at], None)
            if before is not None:
                kept.pop(before[at], None)
        if same:
            return
        for index, count in self.counts.items():
            at, _ = self.layout.places[index]
            if keys[at] in count:
                count[keys[at]] += 1
            if before is not None and before[at] in count:
                count[before[at]] -= 1
        if self.layout.unique:
            self._note_holder(record, keys)

    def removed(self, id: str) -> None:
        """The record was removed."""
        doc_id, record, keys = self.rows.get(id, UNREAD)
        self.rows[id] = ABSENT
        self.by_doc_id.pop(doc_id, None)
        self.counts.clear()
        if record is None:
            self.walks.clear()
        elif self.walks:
            keys = keys or self.layout.keys(record)
            for (index, _), kept in self.walks.items():
                kept.pop(keys[self.layout.places[index][0]], None)

    def unsure(self, id: str) -> None:
        """The record was written in a way that must be read back."""
        doc_id, _, _ = self.rows.pop(id, UNREAD)
        self.by_doc_id.pop(doc_id, None)
        self.walks.clear()
        self.counts.clear()

    def _note_holder(self, record: Record, keys: tuple[Any, ...]) -> None:
        """A key that only one record can have is looked for by it: a phone's member."""
        for index in self.layout.unique:
            if (key := keys[self.layout.places[index.name][0]]) is not None:
                self.walks.setdefault((index.name, False), {})[key] = (record,)

    def is_full(self) -> bool:
        return len(self.rows) > _MOST_KNOWN or any(len(kept) > _MOST_KNOWN for kept in self.walks.values())


class Known:
    """What is known of each kind that is kept here."""

    def __init__(self, layouts: Layouts) -> None:
        self.tables = {kind: KnownTable(layout) for kind, layout in layouts.items() if kind not in _ONLY_ADDED}
        self.as_of: int | None = None
        """Another number when another connection has written; as of the last transaction that began."""
        self._begun = 0

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Once a transaction has the lock: forget what another connection may have changed."""
        as_of = connection.execute("PRAGMA data_version").fetchone()[0]
        if as_of != self.as_of:
            self.clear()
            self.as_of = as_of
        self._begun += 1
        if self._begun % _LOOKS == 0:
            for table in self.tables.values():
                if table.is_full():
                    table.clear()

    def clear(self) -> None:
        for table in self.tables.values():
            table.clear()
