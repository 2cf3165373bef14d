"""Another key for a store that is there already: encrypt it, change its key, or take the encryption off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from smsmentor.errors import StoreBusy
from smsmentor.stores.layouts import LAYOUTS, Layout, layouts_of, quoted
from smsmentor.stores.rows import keep_seal, open_file, pages, plain_error, transaction
from smsmentor.stores.sealing import SEALED, Seal


def change_key(path: Path, old: str, new: str) -> None:
    """Write every document anew, for the new key; an empty key stands for no encryption. All of it or nothing.

    Nobody else may have the store open. Nothing of the former form stays in the file or its log. Raises StoreSealed
    when `old` is not the store's key, and StoreError for what else can be wrong.
    """
    connection, before = open_file(path, old)
    seal = Seal.fresh(new) if new else None
    after = layouts_of(seal)
    try:
        with closing(connection):
            with transaction(connection):
                for kind in SEALED:
                    _write_anew(connection, before[kind], after[kind])
                keep_seal(connection, seal)
            # Pages that were freed or moved may hold what lay in them before.
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise plain_error(error, path) from error
    if busy:
        raise StoreBusy(f"{path}: done, but another process keeps the former form readable in the file; end it")


def _write_anew(connection: sqlite3.Connection, before: Layout, after: Layout) -> None:
    for doc_id, stored in pages(connection, f"SELECT doc_id, doc FROM {quoted(before.table)} WHERE doc_id > ?", ()):
        record = before.loads(stored)
        document = after.stored(before.plain(stored))
        values = (after.sought("id", record.id), document, *after.keys(record))
        connection.execute(LAYOUTS[after.kind].change, (*values, doc_id))
