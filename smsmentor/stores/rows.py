"""Documents as rows of an SQLite file: making, opening and checking one. `steps` has what an event reads and writes.

`layouts` has the tables of the record kinds. Documents of other TinyDB tables lie in `documents`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from smsmentor.errors import StoreBusy, StoreDamaged, StoreError, StoreSealed, StoreUnwritable
from smsmentor.owners import make_folders, refusal
from smsmentor.stores.drafts import make_empty, sync_folder
from smsmentor.stores.layouts import LAYOUTS, Layout, Layouts, kind_of, layouts_of, quoted
from smsmentor.stores.sealing import SINCE_SECOND, Seal

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
_COPIED_BYTES = 1024 * 1024
_PAGE_BYTES = 2_048
"""A commit writes whole pages, and most of what it changes lies far apart: half of SQLite's own size, half the bytes.
Smaller still, and a longer document no longer fits in a page."""

# The sqlite3 module looks for adapters of None and of bytes, in five places that have none (CPython 3.11,
# Modules/_sqlite/cursor.c, `need_adapt`). Half of the keys are None, sealed documents are bytes: here it finds one.
sqlite3.register_adapter(type(None), lambda none: none)
sqlite3.register_adapter(bytes, bytes)


# --- Files ---


def plain_error(error: BaseException, path: Path | None = None) -> BaseException:
    """SQLite's error as one of ours; anything else as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    where = f"{path}: " if path is not None else ""
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{where}another process holds the store ({error})")
    if code == sqlite3.SQLITE_NOTADB:
        return StoreDamaged(f"{where}this is not a store, or its beginning is destroyed; restore a backup")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT):
        return StoreDamaged(f"{where}the store's file is damaged ({error}); restore a backup")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        if path is not None and (refused := refusal(path.parent, path, log_of(path), index_of(path))):
            return StoreUnwritable(refused)
        return StoreUnwritable(
            f"{where}the disk would not do it ({error}): is it full, or the folder not to be written?"
        )
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
        whole = _is_whole(path)
        connection = connect(path, cache_kib=_WRITER_CACHE_KIB)
    except OSError as error:
        why = refusal(path.parent, path) or f"{path}: cannot be opened for writing ({error})"
        raise StoreUnwritable(why) from error
    except sqlite3.Error as error:
        raise plain_error(error, path) from error
    try:
        layouts = _prepare_patiently(connection, path, key, whole)
    except BaseException as error:
        connection.close()
        raise plain_error(error, path) from error
    return connection, layouts


def _prepare_patiently(connection: sqlite3.Connection, path: Path, key: str, whole: bool) -> Layouts:
    """SQLite does not wait for every lock by itself: not for one taken by a process that ends or recovers."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            return _prepare(connection, path, key, whole)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)


def look_into(path: Path, key: str, way: str) -> tuple[sqlite3.Connection, Layouts]:
    """A connection that only reads, in a `way` that writes nothing beside the file, and how records lie there.

    Raises what `open_file` does, and StoreError for a file that has to be brought up to date first.
    """
    try:
        whole = _is_whole(path)
        connection = open_reader(path, way=way)
    except sqlite3.Error as error:
        raise plain_error(error, path) from error
    try:
        _only_known(connection, path)
        check(connection, path, full=not whole or path.stat().st_size <= _SMALL_FILE_BYTES)
        seal = _seal_of(connection, path, key)
        layouts = layouts_of(seal)
        if (seal is not None and seal.first) or not _is_current(connection, layouts):
            raise StoreError(
                f"{path}: written by an earlier version; it is brought up to date where it can be written to"
            )
    except BaseException as error:
        connection.close()
        raise plain_error(error, path) from error
    return connection, layouts


def open_reader(path: Path, *, way: str = "") -> sqlite3.Connection:
    """A connection that only reads."""
    connection = connect(path, cache_kib=_READER_CACHE_KIB, way=way)
    connection.execute("PRAGMA query_only = ON")
    return connection


def connect(path: Path, *, cache_kib: int = _READER_CACHE_KIB, way: str = "") -> sqlite3.Connection:
    """A bare connection with this store's settings: nothing begins or commits by itself, and every commit syncs.

    `way` is a part of SQLite's URI that says how to read a file which cannot be written to.
    """
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{way}" if way else path,
        uri=bool(way),
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        timeout=PATIENCE_MS / 1000,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # What is removed is overwritten: a body that was forgotten shall not stay readable in the file.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection


def open_log(path: Path) -> int:
    """The log of an open store, to be synced (`sync`). The name must be as safe as what is in it.

    SQLite's locks lie on the store's file and not on the log, so that closing this one takes none of them away.
    """
    sync_folder(path.parent)
    return os.open(log_of(path), os.O_RDWR)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file it is that has this name; None for none. Raises OSError when that cannot be said."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def log_of(path: Path) -> Path:
    """What was committed and is not in the file yet."""
    return path.with_name(f"{path.name}-wal")


def has_log(path: Path) -> bool:
    """Whether something may not be in the file yet."""
    log = log_of(path)
    return log.exists() and log.stat().st_size > 0


def index_of(path: Path) -> Path:
    """Where in the log each page is: SQLite makes it anew when it is missing."""
    return path.with_name(f"{path.name}-shm")


def sync(handle: int) -> None:
    """Wait until what was written to the file is on the disk; OSError when it is not."""
    getattr(os, "fdatasync", os.fsync)(handle)


def write_again(handle: int) -> None:
    """The same bytes to the same places: what a failed sync has dropped is to be written once more. Raises OSError.

    Only for who holds the store's lock. Nobody else then adds to the log or begins it anew, and readers see no change.
    """
    at = 0
    while part := os.pread(handle, _COPIED_BYTES, at):
        at += os.pwrite(handle, part, at)


def _make_file(path: Path, key: str) -> None:
    """A new, empty store that appears under its name only when it is complete.

    So a file that is there and cannot be read was damaged, even when it is empty, and two processes that start at the
    same moment end up with one store.
    """
    make_folders(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    make_empty(draft, path.parent)
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


def _own_file(path: Path) -> None:
    """Only the owner can read the file; SQLite gives its companion files the same mode."""
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _is_whole(path: Path) -> bool:
    """Whether nothing of the file is missing. Raises StoreDamaged for an empty one.

    Its head is looked at before anything else: SQLite would throw away the log of a file that it does not know as its
    own. And through SQLite, without its log and its locks: whoever opens a file and closes it gives up all locks that
    his process has on it (fcntl(2)), and another process would then take the log of an open store away.

    A file that is shorter than its head says has lost its end. Or a checkpoint was cut off, or goes on just now: then
    what is missing lies in the log.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as connection:
        try:
            empty = not _pragma(connection, "schema_version")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT or not log_of(path).exists():
                raise
            return False
    if empty:
        raise StoreDamaged(f"{path}: the file is empty; restore a backup")
    return True


def _prepare(connection: sqlite3.Connection, path: Path, key: str, whole: bool) -> Layouts:
    _only_known(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    check(connection, path, full=not whole or path.stat().st_size <= _SMALL_FILE_BYTES)
    seal = _seal_of(connection, path, key)
    layouts = layouts_of(seal)
    if seal is not None and seal.first:
        with transaction(connection):
            for kind in SINCE_SECOND:
                _refill(connection, layouts[kind], LAYOUTS[kind])
            keep_seal(connection, seal)
    if not _is_current(connection, layouts):
        with transaction(connection):
            _shape_tables(connection, _shapes(connection), layouts)
    return layouts


def _only_known(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreDamaged(f"{path}: this is a database of another program")
    if (found := _pragma(connection, "user_version")) not in (FORMAT, SEALED_FORMAT):
        raise StoreError(
            f"{path}: written by a newer program (format {found}, this one knows {SEALED_FORMAT}). Install that "
            "version of smsmentor again, or a newer one"
        )


def _is_current(connection: sqlite3.Connection, layouts: Layouts) -> bool:
    """Whether each record's table is as this version makes it."""
    return _shapes(connection).items() >= {layout.table: layout.shape for layout in layouts.values()}.items()


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
            _refill(connection, layout, layout)
        connection.execute("INSERT OR REPLACE INTO shapes VALUES (?, ?)", (layout.table, layout.shape))


def _refill(connection: sqlite3.Connection, layout: Layout, before: Layout) -> None:
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
        record = before.loads(text)
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


def _only_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreDamaged for what we never make: a trigger would keep erased words, or run with each of our writes.

    Tables of other versions of this program stand in `shapes`.
    """
    tables = {"shapes", "documents", "seal", *(layout.table for layout in LAYOUTS.values()), *_shapes(connection)}
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall():
        index = kind == "index" and table in tables and (sql is None or name.startswith(f"{table}_by_"))
        if not index and not (kind == "table" and name in tables and sql.startswith("CREATE TABLE ")):
            raise StoreDamaged(
                f"{path}: the {kind} {name!r} in it is not smsmentor's, and could keep or change what people write; "
                "restore a backup, or take it out if you know what it is"
            )


def check(connection: sqlite3.Connection, path: Path, *, full: bool) -> None:
    """Raise StoreDamaged when the file is broken. Without `full` only what a few page reads can tell.

    The whole check reads every page, and costs about a second for a million documents.
    """
    try:
        _only_ours(connection, path)
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
    _only_ours(connection, path)
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
"""Called with the name of each step of a commit (`before-save`, `before-sync`, `after-save`), for fault tests."""
