"""Copies of the store: made and verified while it runs, kept for a while, encrypted if wished, and put back."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from smsmentor.core.making import replace
from smsmentor.core.model import Fact, OutText
from smsmentor.errors import SmsmentorError, StoreDamaged, StoreError, StoreSealed
from smsmentor.owners import hand_over, make_folders, refusal
from smsmentor.ports import Changes, Reader
from smsmentor.stores.drafts import drafting, make_empty, sync_folder, written_whole
from smsmentor.stores.rekey import change_key
from smsmentor.stores.rows import connect, has_log, is_sealed
from smsmentor.stores.sealing import cipher, derived
from smsmentor.stores.tinydb import TinyDBStore
from smsmentor.stores.view import ELSEWHERE, StoreView

PLAIN, SEALED = ".db", ".db.sealed"
PREFIX = "smsmentor-"
STAMP = "%Y%m%dT%H%M%SZ"
MAGIC = b"SMSMENTOR-SEALED-1\n"
SALT_BYTES, KEY_BYTES, PIECE_BYTES, TAG_BYTES = 16, 32, 2**20, 16


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the store in the folder of copies."""

    path: Path
    made: datetime

    @property
    def sealed(self) -> bool:
        """Whether it needs the key."""
        return self.path.name.endswith(SEALED)


def copies(folder: Path) -> list[Copy]:
    """The copies in a folder, the newest first, of one second the encrypted one; other files are not looked at.

    Raises StoreError where the folder is there and cannot be looked into: it may hold some.
    """
    found = []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        why = refusal(folder, mode=os.R_OK)
        more = f". {why}" if why else f" ({error.strerror})."
        raise StoreError(f"The folder of copies {folder} cannot be read{more}") from error
    for path in (folder / name for name in names if name.startswith(PREFIX)):
        stem = path.name.removeprefix(PREFIX).removesuffix(SEALED).removesuffix(PLAIN)
        with suppress(ValueError):
            found.append(Copy(path, datetime.strptime(stem, STAMP).replace(tzinfo=UTC)))
    return sorted(found, key=lambda copy: (copy.made, copy.sealed), reverse=True)


def make(store: StoreView, folder: Path, now: datetime, key: str = "") -> Path:
    """A complete, verified copy under the name of its moment; returns its path. Takes the disk's time: not on the loop.

    With a key it is encrypted, and no plain copy stays. Raises StoreError.
    """
    name = f"{PREFIX}{now.astimezone(UTC).strftime(STAMP)}"
    if not key:
        store.backup_to(folder / f"{name}{PLAIN}")
        return folder / f"{name}{PLAIN}"
    target = folder / f"{name}{SEALED}"
    try:
        # Beside the store, which is as plain: the folder of copies may be a disk that others can read.
        beside = folder if store.in_place else store.path.parent
        make_folders(beside, store.path)
        with drafting(beside, store.path) as room:
            copy = room / f"{name}{PLAIN}"
            store.backup_to(copy)
            with written_whole(target, store.path) as draft, draft.open("wb") as file, copy.open("rb") as plain:
                seal(plain, file, key)
    except OSError as error:
        raise StoreError(f"{target}: the backup failed ({refusal(folder) or error}){ELSEWHERE}") from error
    return target


def due(folder: Path, now: datetime, every: timedelta) -> bool:
    """Whether the newest copy is so old that another one is to be made."""
    if not every:
        return False
    found = newest(folder, now)
    return found is None or now - found.made >= every


def newest(folder: Path, now: datetime) -> Copy | None:
    """The newest copy of the past. What is dated in the future was made by a wrong clock, or put there by somebody."""
    return next((copy for copy in copies(folder) if copy.made <= now), None)


def prune(folder: Path, now: datetime, kept: timedelta) -> list[Path]:
    """Remove the copies that are older than `kept`, but never the newest one of the past; returns those removed.

    Raises StoreError.
    """
    last = newest(folder, now)
    old = [copy.path for copy in copies(folder) if copy != last and now - copy.made > kept]
    try:
        for path in old:
            path.unlink(missing_ok=True)
    except OSError as error:
        why = refusal(folder) or error.strerror
        raise StoreError(f"{path}: this copy is old and cannot be removed ({why})") from error
    return old


def restore(
    source: Path, store_path: Path, now: datetime, key: str = "", store_key: str = "", *, plain: bool = False
) -> tuple[Path | None, int]:
    """Put a copy in the store's place, once it has been opened and every document in it was read.

    Where there is a key, a copy that was not made with one is refused: anybody may have written it. With `plain` it is
    taken all the same, and a store that was not encrypted yet is encrypted with `store_key` before it takes the place.

    Returns where the former file lies now, if there was one, and how many texts wait that may have left already: each
    is looked up at the carrier before it is sent. Nobody else may have the store open. Raises SmsmentorError; then the
    former file is as it was. Whenever this is cut off, there is a store in its place: the former or the copy.
    """
    try:
        make_folders(store_path.parent)
        with drafting(store_path.parent, store_path, store_path.parent) as room:
            draft = room / store_path.name
            known = _open_copy(source, draft, key)
            if not (known or plain) and (key or (store_key and not _is_encrypted(draft))):
                name = "SMSMENTOR_BACKUP_KEY" if key else "SMSMENTOR_STORE_KEY"
                raise SmsmentorError(
                    f"{source} is not encrypted although {name} is set: anybody who can write to that folder may have "
                    "made it. If you know that it is yours, from before there was a key: smsmentor restore --plain FILE"
                )
            waiting = _ready(draft, source, now, store_key)
            former = _set_aside(store_path, now)
            draft.replace(store_path)
            sync_folder(store_path.parent)
    except (OSError, sqlite3.Error) as error:
        why = refusal(source, mode=os.R_OK) or refusal(store_path.parent, store_path) or error
        raise SmsmentorError(f"{source} cannot be put back ({why})") from error
    return former, waiting


def _open_copy(source: Path, draft: Path, key: str) -> bool:
    """Says whether it was encrypted, and so made with the operator's key.

    A store's own file, from another disk, may have a log beside it: the last texts are only there.
    """
    if has_log(source):
        make_empty(draft, draft.parent)
        with closing(connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        return False
    make_empty(draft, draft.parent)
    with source.open("rb") as file, draft.open("wb") as plain:
        known = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        if known:
            unseal(file, plain, key, source)
        else:
            shutil.copyfileobj(file, plain, PIECE_BYTES)
        plain.flush()
        os.fsync(plain.fileno())
    return known


def _is_encrypted(draft: Path) -> bool:
    """Whether a copy's store needs the store's key. What is no store at all is told by its check."""
    try:
        return is_sealed(draft)
    except sqlite3.Error:
        return True


def _ready(draft: Path, source: Path, now: datetime, store_key: str) -> int:
    """Check the copy, and mark each text that waits in it: it may have been sent after the copy was made."""
    try:
        if store_key and not _is_encrypted(draft):
            change_key(draft, "", store_key)
        with closing(TinyDBStore(draft, key=store_key)) as store:
            store.check()
            with store.reading() as reader:
                waiting = sum(1 for _ in reader.walk(OutText, "pending", "yes"))
            asyncio.run(_mark(store, now))
    except StoreSealed:
        wanted = "it was made with another key than the one in" if store_key else "set its key as"
        raise StoreSealed(f"{source} is encrypted: {wanted} SMSMENTOR_STORE_KEY; nothing was changed.") from None
    except StoreError as error:
        why = str(error).removeprefix(f"{draft}: ").removesuffix("; restore a backup")
        if isinstance(error, StoreDamaged):
            raise StoreDamaged(f"{source} is no whole copy of a store; nothing was changed. ({why})") from None
        raise StoreError(f"{source} cannot be put back; nothing was changed. ({why})") from None
    return waiting


async def _mark(store: TinyDBStore, now: datetime) -> None:
    def step(reader: Reader) -> Changes:
        rows = reader.walk(OutText, "pending", "yes")
        unsure = [replace(row, status="queued", leased_until=None, unsure=True) for row in rows]
        fact = Fact(f"f-restored-{now.isoformat()}", now, "operator.acted", {"act": "restore", "by": "cli"})
        return Changes(puts=[*unsure, fact])

    await store.transact(None, step, now=now)


def _set_aside(store_path: Path, now: datetime) -> Path | None:
    """Give the former file a second name, with its log if that could not be carried over; it stays in its place."""
    if not store_path.exists():
        return None
    with suppress(sqlite3.Error), closing(connect(store_path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    former = store_path.with_name(f"{store_path.name}.before-{now.astimezone(UTC).strftime(STAMP)}")
    try:
        os.link(store_path, former)
    except OSError:
        shutil.copy2(store_path, former)
        hand_over(former, store_path)
    # A log that stayed would be read as the new file's own.
    for companion in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            store_path.with_name(store_path.name + companion).rename(former.with_name(former.name + companion))
    sync_folder(store_path.parent)
    return former


# Encryption: AES-256-GCM in pieces, each with its number and whether it is the last, so that none can be left out,
# swapped or cut off. The key of a file comes from the operator's key and the file's own salt.


def seal(plain: BinaryIO, sealed: BinaryIO, key: str) -> None:
    """Encrypt a file. Raises SmsmentorError when the library for it is not installed."""
    salt = os.urandom(SALT_BYTES)
    box = cipher(derived(key, salt, KEY_BYTES))
    sealed.write(MAGIC + salt)
    for number, piece, last in _pieces(plain, PIECE_BYTES):
        sealed.write(box.encrypt(_nonce(number, last), piece, MAGIC))


def unseal(sealed: BinaryIO, plain: BinaryIO, key: str, name: Path) -> None:
    """Decrypt a file that `seal` wrote. Raises SmsmentorError for a wrong key and for a file that was changed."""
    if not key:
        raise SmsmentorError(f"{name} is encrypted: set SMSMENTOR_BACKUP_KEY to the key that it was made with.")
    sealed.seek(len(MAGIC))
    box = cipher(derived(key, sealed.read(SALT_BYTES), KEY_BYTES))
    from cryptography.exceptions import InvalidTag

    try:
        for number, piece, last in _pieces(sealed, PIECE_BYTES + TAG_BYTES):
            plain.write(box.decrypt(_nonce(number, last), piece, MAGIC))
    except (InvalidTag, ValueError):
        raise SmsmentorError(f"{name} cannot be decrypted: the key is another one, or the file was changed.") from None


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    number, piece = 0, file.read(size)
    while True:
        following = file.read(size)
        yield number, piece, not following
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
