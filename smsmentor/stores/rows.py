"""Documents as rows of an SQLite file: opening and checking a file, what one event reads and writes.

`layouts` has the tables of the record kinds. Documents of other TinyDB tables lie in `documents`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from smsmentor.core.model import OutText, Record
from smsmentor.errors import StoreBusy, StoreDamaged, StoreError, StoreSealed
from smsmentor.ports import Changes
from smsmentor.stores import records
from smsmentor.stores.layouts import LAYOUTS, Layout, Layouts, Seen, kind_of, layouts_of, quoted
from smsmentor.stores.sealing import Seal

APPLICATION_ID = 0x534D5331
"""`SMS1` in the file's header: says that the file is ours."""
FORMAT = 1
"""The layout of the file as a whole; a newer program may raise it, an older one then refuses the file."""
SEALED_FORMAT = 2
"""The same, with documents encrypted (`sealing`)."""
PATIENCE_MS = 5_000
"""How long an opening or a TinyDB user's write waits for another process."""
_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 8 * 1024
_SMALL_FILE_BYTES = 8 * 1024 * 1024
"""Up to this size a file is checked page by page when it is opened; that takes some hundredths of a second."""
_REFILL_ROWS = 1_000
_MOST_KNOWN = 5_000
"""Records that are kept decoded, some 1 KB each."""
_PAGE_BYTES = 2_048
"""A commit writes whole pages, and most of what it changes lies far apart: half of SQLite's own size, half the bytes.
Smaller still, and a longer document no longer fits in a page."""


@dataclass
class Stats:
    """What a store has done, for tests that count instead of measuring time."""

    statements: int = 0
    rows_read: int = 0
    rows_written: int = 0
    commits: int = 0
    """Commits that had something to write: each is one sync of the disk."""


R = TypeVar("R", bound=Record)

_REMEMBER_EVENT = 'INSERT INTO "events" (id, doc) VALUES (?, ?) ON CONFLICT (id) DO NOTHING'
_PUT_OUT_TEXT = LAYOUTS[OutText].put + " RETURNING doc_id"


class Known:
    """The records that the writer has lately read and written: people text in turns, and reading costs the most.

    They are those of the file as long as nobody else writes to it, which SQLite tells.
    """

    def __init__(self) -> None:
        self._by_id: dict[tuple[type[Record], str], tuple[int, Record]] = {}
        self._by_row: dict[tuple[type[Record], int], Record] = {}
        self._by_key: dict[tuple[type[Record], str, str], Record] = {}
        """The holders of keys that only one record can have: a phone's member."""
        self._as_of: int | None = None

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Once a transaction has the lock: forget what another connection may have changed."""
        as_of = connection.execute("PRAGMA data_version").fetchone()[0]
        if as_of != self._as_of or len(self._by_id) > _MOST_KNOWN:
            self.clear()
        self._as_of = as_of

    def clear(self) -> None:
        self._by_id.clear()
        self._by_row.clear()
        self._by_key.clear()

    def get(self, kind: type[Record], id: str) -> tuple[int, Record] | None:
        """The `doc_id` and the record."""
        return self._by_id.get((kind, id))

    def row(self, kind: type[Record], doc_id: int) -> Record | None:
        return self._by_row.get((kind, doc_id))

    def holder(self, kind: type[Record], index: str, value: str) -> Record | None:
        """The one record with this key of a unique index."""
        return self._by_key.get((kind, index, value))

    def put(self, doc_id: int, record: Record) -> None:
        kind = type(record)
        if unique := LAYOUTS[kind].unique:
            self.drop(kind, record.id)
            for index in unique:
                if (value := index.key(record)) is not None:
                    self._by_key[kind, index.name, value] = record
        self._by_id[kind, record.id] = (doc_id, record)
        self._by_row[kind, doc_id] = record

    def drop(self, kind: type[Record], id: str) -> None:
        known = self._by_id.pop((kind, id), None)
        if known is not None:
            del self._by_row[kind, known[0]]
            for index in LAYOUTS[kind].unique:
                self._by_key.pop((kind, index.name, index.key(known[1]) or ""), None)


class RowReader:
    """What a step or a page reads, inside one transaction of `connection`. The writer's looks at what is `known`."""

    def __init__(
        self, connection: sqlite3.Connection, layouts: Layouts, stats: Stats, known: Known | None = None
    ) -> None:
        self._connection = connection
        self._layouts = layouts
        self._stats = stats
        self._known = known
        self._open: list[sqlite3.Cursor] = []

    def get(self, kind: type[R], id: str) -> R | None:
        known = self._known.get(kind, id) if self._known is not None else None
        if known is not None:
            return known[1]  # type: ignore[return-value]
        self._stats.statements += 1
        layout = self._layouts[kind]
        sought = layout.sought("id", id) if layout.hidden else id
        row = self._connection.execute(layout.get, (sought,)).fetchone()
        return None if row is None else self._record(layout, row)

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        if self._known is not None and (holder := self._known.holder(kind, index, value)) is not None:
            return iter((holder,))  # type: ignore[arg-type]
        layout = self._layouts[kind]
        statement = layout.walks.get((index, newest))
        if statement is None:
            raise KeyError(f"{kind.__name__} has no index {index!r}")
        return self._each(layout, statement, (layout.sought(index, value) if layout.hidden else value,))

    def count(self, kind: type[Record], index: str, value: str) -> int:
        layout = self._layouts[kind]
        statement = layout.counts.get(index)
        if statement is None:
            raise KeyError(f"{kind.__name__} has no index {index!r}")
        self._stats.statements += 1
        found: int = self._connection.execute(statement, (layout.sought(index, value),)).fetchone()[0]
        return found

    def all(self, kind: type[R]) -> Iterator[R]:
        layout = self._layouts[kind]
        return self._each(layout, layout.all, ())

    def finish(self) -> None:
        """End the walks that were left half-way: an open one would hold up checkpoints."""
        for cursor in self._open:
            cursor.close()

    def _each(self, layout: Layout, statement: str, values: tuple[object, ...]) -> Iterator[Any]:
        self._stats.statements += 1
        cursor = self._connection.execute(statement, values)
        self._open.append(cursor)
        for row in cursor:
            yield self._record(layout, row)

    def _record(self, layout: Layout, row: tuple[int, Any]) -> Any:
        self._stats.rows_read += 1
        known = self._known
        if known is None:
            return layout.loads(row[1])
        if (there := known.row(layout.kind, row[0])) is not None:
            return there
        record: Record = layout.loads(row[1])
        known.put(row[0], record)
        return record


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
        for layout, id in self._drops:
            connection.execute(layout.drop, (layout.sought("id", id),))
            known.drop(layout.kind, id)
        for layout, record, text, same in self._puts:
            row = known.get(layout.kind, record.id)
            if row is not None:
                doc_id = row[0]
                _change(connection, layout, doc_id, text, row[1], record)
                if same:
                    known.put(doc_id, record)
                else:
                    known.drop(layout.kind, record.id)
                if isinstance(record, OutText):
                    self.out_texts.append((record, doc_id))
            elif isinstance(record, OutText):
                rows = connection.execute(_PUT_OUT_TEXT, (record.id, text, *layout.keys(record))).fetchall()
                self.out_texts.append((record, rows[0][0]))
            else:
                id = layout.sought("id", record.id) if layout.hidden else record.id
                connection.execute(layout.put, (id, text, *layout.keys(record)))
        wrote = len(self._drops) + len(self._puts)
        stats.statements += wrote
        stats.rows_written += wrote


def _change(
    connection: sqlite3.Connection, layout: Layout, doc_id: int, text: str | bytes, old: Record, new: Record
) -> None:
    """Rewrite a row that is known, and of its key columns only those that differ."""
    before, after = layout.keys(old), layout.keys(new)
    columns: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    if before != after:
        differ = [at for at, value in enumerate(after) if value != before[at]]
        columns = tuple([layout.columns[at] for at in differ])
        values = tuple([after[at] for at in differ])
    connection.execute(layout.change_of(columns), (text, *values, doc_id))


def remember_event(connection: sqlite3.Connection, id: str, at: datetime) -> bool:
    """Note that an event takes effect; False when it had before."""
    text = records.dumps(Seen(id, at))
    return connection.execute(_REMEMBER_EVENT, (id, text)).rowcount == 1


def forget_event(connection: sqlite3.Connection, id: str) -> None:
    connection.execute(LAYOUTS[Seen].drop, (id,))


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
        yield layouts[OutText].loads(text), doc_id


# --- Files ---


def plain_error(error: BaseException, path: Path | None = None) -> BaseException:
    """SQLite's error as one of ours; anything else as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    where = f"{path}: " if path is not None else ""
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{where}another process holds the store ({error})")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return StoreDamaged(f"{where}the store's file is damaged ({error}); restore a backup")
    return StoreError(f"{where}the store failed ({error})")


def open_file(path: Path, key: str = "") -> tuple[sqlite3.Connection, Layouts]:
    """A connection for writing to the store at `path`, which is made when it does not exist, and how records lie there.

    With a `key` the file is an encrypted one. Raises StoreSealed when the two do not fit together, StoreDamaged for a
    file that is not ours or is broken, StoreBusy and StoreError for what else can be wrong.
    """
    try:
        if not path.exists():
            _make_file(path, key)
        _own_file(path)
        connection = connect(path, cache_kib=_WRITER_CACHE_KIB)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened ({error})") from error
    except sqlite3.Error as error:
        raise plain_error(error, path) from error
    try:
        layouts = _prepare_patiently(connection, path, key)
    except BaseException as error:
        connection.close()
        raise plain_error(error, path) from error
    return connection, layouts


def _prepare_patiently(connection: sqlite3.Connection, path: Path, key: str) -> Layouts:
    """SQLite does not wait for every lock by itself: not for one taken by a process that ends or recovers."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            return _prepare(connection, path, key)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = connect(path, cache_kib=_READER_CACHE_KIB)
    connection.execute("PRAGMA query_only = ON")
    return connection


def connect(path: Path, *, cache_kib: int = _READER_CACHE_KIB) -> sqlite3.Connection:
    """A bare connection with this store's settings: nothing begins or commits by itself, and every commit syncs."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=PATIENCE_MS / 1000
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # What is removed is overwritten: a body that was forgotten shall not stay readable in the file.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection


def _make_file(path: Path, key: str) -> None:
    """A new, empty store that appears under its name only when it is complete.

    So a file that is there and cannot be read was damaged, even when it is empty, and two processes that start at the
    same moment end up with one store.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = connect(draft)
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    try:
        with transaction(connection):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute('CREATE TABLE shapes ("table" TEXT PRIMARY KEY, shape TEXT NOT NULL)')
            connection.execute(
                "CREATE TABLE documents (name TEXT, doc_id INTEGER, doc TEXT NOT NULL, "
                "PRIMARY KEY (name, doc_id)) WITHOUT ROWID"
            )
            _shape_tables(connection, {}, LAYOUTS)
            if key:
                keep_seal(connection, Seal.fresh(key))
    finally:
        connection.close()
    _appear(draft, path)


def _appear(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links: then the last of two starting at once would win.
        draft.rename(path)
    draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name is durable only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _own_file(path: Path) -> None:
    """Only the owner can read the file; SQLite gives its companion files the same mode."""
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    with path.open("rb") as file:
        head = file.read(16)
    if head != b"SQLite format 3\0":
        raise StoreDamaged(f"{path}: this is not a store, or its beginning is destroyed; restore a backup")


def _prepare(connection: sqlite3.Connection, path: Path, key: str) -> Layouts:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreDamaged(f"{path}: this is a database of another program")
    if (found := _pragma(connection, "user_version")) not in (FORMAT, SEALED_FORMAT):
        raise StoreError(f"{path}: written by a newer program (format {found}, this one knows {SEALED_FORMAT})")
    connection.execute("PRAGMA journal_mode = WAL")
    check(connection, path, full=path.stat().st_size <= _SMALL_FILE_BYTES)
    layouts = layouts_of(_seal_of(connection, path, key))
    if _shapes(connection) != {layout.table: layout.shape for layout in layouts.values()}:
        with transaction(connection):
            _shape_tables(connection, _shapes(connection), layouts)
    return layouts


def is_sealed(path: Path) -> bool:
    """Whether a store's file is encrypted. Raises sqlite3.Error."""
    with closing(connect(path)) as connection:
        return _pragma(connection, "user_version") == SEALED_FORMAT


def _seal_of(connection: sqlite3.Connection, path: Path, key: str) -> Seal | None:
    """The key of the file; None of a plain one."""
    sealed = _pragma(connection, "user_version") == SEALED_FORMAT
    if sealed and not key:
        raise StoreSealed(f"{path}: the store is encrypted; set SMSMENTOR_STORE_KEY to its key")
    if key and not sealed:
        raise StoreSealed(
            f"{path}: SMSMENTOR_STORE_KEY is set, but the store is not encrypted. `smsmentor encrypt` does it; "
            "stop the server first"
        )
    if not sealed:
        return None
    salt, proof = connection.execute("SELECT salt, proof FROM seal").fetchone()
    seal = Seal(key, salt)
    if not seal.fits(proof):
        raise StoreSealed(f"{path}: the store is encrypted with another key than the one in SMSMENTOR_STORE_KEY")
    return seal


def keep_seal(connection: sqlite3.Connection, seal: Seal | None) -> None:
    """Write down that the file is encrypted with this key from now on, or not at all; inside a transaction."""
    connection.execute("DROP TABLE IF EXISTS seal")
    connection.execute(f"PRAGMA user_version = {FORMAT if seal is None else SEALED_FORMAT}")
    if seal is not None:
        connection.execute("CREATE TABLE seal (salt BLOB NOT NULL, proof BLOB NOT NULL)")
        connection.execute("INSERT INTO seal VALUES (?, ?)", (seal.salt, seal.proof))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _shapes(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute('SELECT "table", shape FROM shapes').fetchall())


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits at the end, or rolls back and lets the error pass."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Some errors (a full disk) have rolled back already."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _shape_tables(connection: sqlite3.Connection, known: dict[str, str], layouts: Layouts) -> None:
    """Make what is missing: all of a new file, or what a newer version of a record class asks for."""
    for layout in layouts.values():
        if layout.table not in known:
            for statement in layout.create():
                connection.execute(statement)
        elif known[layout.table] != layout.shape:
            _refill(connection, layout)
        connection.execute("INSERT OR REPLACE INTO shapes VALUES (?, ?)", (layout.table, layout.shape))


def _refill(connection: sqlite3.Connection, layout: Layout) -> None:
    """Bring a table to today's columns: documents in today's version, key columns computed again."""
    table = quoted(layout.table)
    old_indexes = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (layout.table,)
    ).fetchall()
    for (name,) in old_indexes:
        connection.execute(f"DROP INDEX {quoted(name)}")
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})").fetchall()}
    for column in layout.columns:
        if column not in there:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(column)} {kind_of(column)}")
    for doc_id, text in pages(connection, f"SELECT doc_id, doc FROM {table} WHERE doc_id > ?", ()):
        record = layout.loads(text)
        id = layout.sought("id", record.id)
        connection.execute(layout.change, (id, layout.written(record)[0], *layout.keys(record), doc_id))
    for statement in layout.create_indexes():
        connection.execute(statement)


def pages(connection: sqlite3.Connection, select: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows, `doc_id` first and in its order, fetched in pages, so that no statement stays open between them.

    `select` ends in `doc_id > ?`; `values` are those of the marks before it.
    """
    last = -(2**63)
    while page := connection.execute(f"{select} ORDER BY doc_id LIMIT {_REFILL_ROWS}", (*values, last)).fetchall():
        yield from page
        last = page[-1][0]


def check(connection: sqlite3.Connection, path: Path, *, full: bool) -> None:
    """Raise StoreDamaged when the file is broken. Without `full` only what a few page reads can tell.

    The whole check reads every page, and costs about a second for a million documents.
    """
    try:
        if full:
            problems = [row[0] for row in connection.execute("PRAGMA quick_check(5)").fetchall()]
            if problems != ["ok"]:
                raise StoreDamaged(f"{path}: the store's file is damaged ({problems[0]}); restore a backup")
        else:
            for name in map(quoted, _shapes(connection)):
                connection.execute(f"SELECT doc FROM {name} ORDER BY doc_id LIMIT 1").fetchone()
                connection.execute(f"SELECT doc FROM {name} ORDER BY doc_id DESC LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise plain_error(error, path) from error


def check_documents(connection: sqlite3.Connection, path: Path, layouts: Layouts) -> None:
    """Raise StoreDamaged when a document is not readable, or its key columns are not those of its record."""
    integrity = [row[0] for row in connection.execute("PRAGMA integrity_check(5)").fetchall()]
    if integrity != ["ok"]:
        raise StoreDamaged(f"{path}: the store's file is damaged ({integrity[0]}); restore a backup")
    for layout in layouts.values():
        columns = "".join(f", {quoted(name)}" for name in layout.columns)
        select = f"SELECT doc_id, doc, id{columns} FROM {quoted(layout.table)} WHERE doc_id > ?"
        for doc_id, text, id, *keys in pages(connection, select, ()):
            record = layout.loads(text)
            if (layout.sought("id", record.id), *layout.keys(record)) != (id, *keys):
                raise StoreDamaged(f"{path}: {layout.table} {doc_id} was changed without its keys; restore a backup")


Crash = Callable[[str], None]
"""Called with the name of each step of a commit (`before-save`, `after-save`), for fault tests."""
