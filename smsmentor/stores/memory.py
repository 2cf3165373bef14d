"""A store in memory: for tests, stories and simulations, with every promise but the one about power loss."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from smsmentor.core.model import RECORDS, Index, OutText, Record, Timer
from smsmentor.errors import StoreError
from smsmentor.ports import Changes, Committed, Reader, Step
from smsmentor.stores.lines import Lines, leased

R = TypeVar("R", bound=Record)
Entry = tuple[float, int, str]
"""One record in an index: its order, the order of writing, its id."""


@dataclass
class Stats:
    """What the store has done, for tests that count."""

    rows_read: int = 0
    rows_written: int = 0
    commits: int = 0


class _Table:
    """The records of one kind with their indexes, each key's entries in one sorted list."""

    def __init__(self, kind: type[Record]) -> None:
        self.kind = kind
        self.rows: dict[str, Record] = {}
        self.sequences: dict[str, int] = {}
        self.indexes: dict[str, dict[str, list[Entry]]] = {index.name: {} for index in kind.INDEXES}
        self._unique = tuple(index for index in kind.INDEXES if index.unique)
        self._next = 0

    def copy(self) -> _Table:
        """A table that stays as this one is now."""
        twin = _Table(self.kind)
        twin.rows, twin.sequences = dict(self.rows), dict(self.sequences)
        twin.indexes = {name: {key: list(line) for key, line in lines.items()} for name, lines in self.indexes.items()}
        return twin

    def entries(self, index: str, value: str) -> list[Entry]:
        lines = self.indexes.get(index)
        if lines is None:
            raise KeyError(f"{self.kind.__name__} has no index {index!r}")
        return lines.get(value, [])

    def set(self, id: str, record: Record | None, sequence: int | None = None) -> tuple[Record | None, int | None]:
        """Write or remove a record; gives what stood there, to be set again when the event fails.

        Raises StoreError before anything is changed when a unique key is taken.
        """
        old, place = self.rows.get(id), self.sequences.get(id)
        if record is not None:
            self._refuse_taken_keys(record)
            if sequence is None:
                sequence = place
            if sequence is None:
                sequence, self._next = self._next, self._next + 1
            self.rows[id], self.sequences[id] = record, sequence
        elif old is not None:
            del self.rows[id], self.sequences[id]
        for index in self.kind.INDEXES:
            before = _place(index, id, old, place)
            after = _place(index, id, record, sequence)
            if before != after:
                _move(self.indexes[index.name], before, after)
        return old, place

    def _refuse_taken_keys(self, record: Record) -> None:
        for index in self._unique:
            key = index.key(record)
            for _, _, holder in self.indexes[index.name].get(key, ()) if key is not None else ():
                if holder != record.id:
                    raise StoreError(f"{self.kind.TABLE}: {index.name} of {record.id} is taken by {holder}")


def _place(index: Index, id: str, record: Record | None, sequence: int | None) -> tuple[str, Entry] | None:
    """The key and entry of a record in an index; None when it has none there."""
    if record is None or sequence is None or (key := index.key(record)) is None:
        return None
    return key, (0.0 if index.order is None else index.order(record), sequence, id)


def _move(lines: dict[str, list[Entry]], before: tuple[str, Entry] | None, after: tuple[str, Entry] | None) -> None:
    if before is not None:
        key, entry = before
        line = lines[key]
        del line[bisect_left(line, entry)]
        if not line:
            del lines[key]
    if after is not None:
        key, entry = after
        held = lines.get(key)
        if held is None:
            lines[key] = [entry]
        else:
            insort(held, entry)


class _View:
    """A reader over tables. Walks go by position in an index and survive nothing: a view does not change."""

    def __init__(self, tables: dict[type[Record], _Table], stats: Stats) -> None:
        self.tables = tables
        self._stats = stats

    def get(self, kind: type[R], id: str) -> R | None:
        self._stats.rows_read += 1
        return self.tables[kind].rows.get(id)  # type: ignore[return-value]

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        table = self.tables[kind]
        entries = table.entries(index, value)
        return self._walk(table, reversed(entries) if newest else iter(entries))

    def _walk(self, table: _Table, entries: Iterator[Entry]) -> Iterator[Any]:
        for _, _, id in entries:
            self._stats.rows_read += 1
            yield table.rows[id]

    def count(self, kind: type[Record], index: str, value: str) -> int:
        return len(self.tables[kind].entries(index, value))

    def all(self, kind: type[R]) -> Iterator[R]:
        table = self.tables[kind]
        for id in sorted(table.rows, key=table.sequences.__getitem__):
            self._stats.rows_read += 1
            yield table.rows[id]  # type: ignore[misc]


class MemoryStore:
    """State in this process only. `crash` is called with the name of each step of a commit, for fault tests."""

    def __init__(self, *, crash: Callable[[str], None] | None = None) -> None:
        self.stats = Stats()
        self._tables = {kind: _Table(kind) for kind in RECORDS}
        self._events: set[str] = set()
        self._lines = Lines()
        self._views: list[_View] = []
        self._crash = crash or (lambda _point: None)
        self._closed = False

    async def transact(self, event_id: str | None, step: Step, *, now: datetime) -> Committed:
        self._refuse_when_closed()
        if event_id is not None and event_id in self._events:
            return Committed(fresh=False)
        changes = step(_View(self._tables, self.stats))
        self._crash("before-save")
        self._apply(changes)
        if event_id is not None:
            self._events.add(event_id)
        self.stats.commits += 1
        self._crash("after-save")
        return Committed(fresh=True, answer=changes.answer)

    async def due(self, now: datetime, limit: int) -> Sequence[Timer]:
        self._refuse_when_closed()
        timers = self._tables[Timer]
        entries = timers.entries("due", "yes")
        ripe = bisect_right(entries, now.timestamp(), key=lambda entry: entry[0])
        return [timers.rows[id] for _, _, id in entries[: min(ripe, limit)]]  # type: ignore[misc]

    async def lease(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()) -> Sequence[OutText]:
        self._refuse_when_closed()
        taken = [leased(text, now, lease) for text in self._lines.ready(now, limit, busy)]
        if taken:
            self._apply(Changes(puts=taken))
            self.stats.commits += 1
        return taken

    def next_moment(self) -> datetime | None:
        timers = self._tables[Timer]
        first = next((timers.rows[id] for _, _, id in timers.entries("due", "yes")), None)
        moments = [first.due if isinstance(first, Timer) else None, self._lines.next_moment()]
        return min((at for at in moments if at is not None), default=None)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        self._refuse_when_closed()
        view = _View(dict(self._tables), self.stats)
        self._views.append(view)
        try:
            yield view
        finally:
            self._views.remove(view)

    def close(self) -> None:
        self._closed = True

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    def _apply(self, changes: Changes) -> None:
        """All of it or nothing. Removals go first, so that a key they free can be taken in the same event."""
        wanted: list[tuple[type[Record], str, Record | None]] = [(kind, id, None) for kind, id in changes.drops]
        wanted += [(type(record), record.id, record) for record in changes.puts]
        self._spare_views({kind for kind, _, _ in wanted})
        undo: list[tuple[type[Record], str, Record | None, int | None]] = []
        try:
            for kind, id, record in wanted:
                undo.append((kind, id, *self._tables[kind].set(id, record)))
        except BaseException:
            for kind, id, old, sequence in reversed(undo):
                self._tables[kind].set(id, old, sequence)
            raise
        self.stats.rows_written += len(wanted)
        for kind, id, record in wanted:
            if kind is OutText:
                self._follow(id, record)

    def _follow(self, id: str, record: Record | None) -> None:
        if isinstance(record, OutText):
            self._lines.put(record, self._tables[OutText].sequences[id])
        else:
            self._lines.drop(id)

    def _spare_views(self, kinds: set[type[Record]]) -> None:
        """Give open views their own copy of what is about to change; with no view open this costs nothing."""
        for kind in kinds if self._views else ():
            current = self._tables[kind]
            sharing = [view for view in self._views if view.tables[kind] is current]
            if sharing:
                frozen = current.copy()
                for view in sharing:
                    view.tables[kind] = frozen
