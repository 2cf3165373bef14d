"""Files that are not whole yet: each lies in a folder of its own, and nothing stays when a process is killed.

A draft of a copy or an export holds what people wrote, and SQLite puts companions beside it. So all of it lies in one
folder for its owner only, which is locked as long as its process lives: what nobody has locked any more is left over.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smsmentor.owners import hand_over, make_folders

PREFIX = ".smsmentor-draft-"
_OURS: set[Path] = set()
"""The drafts that this process is writing."""


@contextmanager
def drafting(beside: Path, *like: Path) -> Iterator[Path]:
    """A folder in the folder `beside`, gone with all that is in it at the end. First removes what others left over.

    It belongs to who makes it, or is handed over (`owners.hand_over`).
    """
    clear_drafts(beside)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        # A disk without locks: then nobody takes it for left over, and nobody finds what is.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if folder.exists():
            hand_over(handle, *like)
            _OURS.add(folder)
            break
        os.close(handle)  # somebody cleared up between the making and the lock
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _OURS.discard(folder)
        os.close(handle)


def give_up_drafts(folder: Path) -> None:
    """Remove what this process is writing in a folder, at its end: the thread that writes is not waited for."""
    for draft in [draft for draft in tuple(_OURS) if draft.parent == folder]:
        shutil.rmtree(draft, ignore_errors=True)


def clear_drafts(folder: Path) -> None:
    """Remove the drafts in a folder whose process has ended before they were whole. Raises OSError."""
    for left in folder.glob(f"{PREFIX}*"):
        # Gone meanwhile; no folder, or somebody else's; or it is being written.
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError, BlockingIOError):
            handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(handle)


@contextmanager
def written_whole(target: Path, *like: Path) -> Iterator[Path]:
    """A file to write to, which takes the target's name only when it is complete and on disk. Only its owner can read.

    What is made belongs to the owner of what it is `like`. A link of that name is replaced, and not what it leads to.
    Raises OSError.
    """
    make_folders(target.parent, *like)
    with drafting(target.parent, *like) as folder:
        draft = folder / target.name
        make_empty(draft, *like)
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        sync_folder(target.parent)


def make_empty(path: Path, *like: Path) -> None:
    """A new, empty file that only its owner can read. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        hand_over(handle, *like)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """A new name is durable only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
