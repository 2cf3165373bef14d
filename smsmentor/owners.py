"""Whose the data are: root leaves nothing that the server's user cannot use, and others are told whose a file is."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path

EFFECTIVE = os.access in os.supports_effective_ids


def hand_over(made: int | Path, *like: Path) -> None:
    """Give what root has just made (an open file, or a path) to the owner of the first of `like` that is there.

    Anybody else's files are their own; so are those on a disk that knows no owners.
    """
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        owner = next((os.stat(path) for path in like if path.exists()), None)
        if owner is not None and owner.st_uid != 0:
            if isinstance(made, int):
                os.fchown(made, owner.st_uid, owner.st_gid)
            else:
                os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folders(folder: Path, *like: Path) -> None:
    """A folder for its owner only, with those above it, handed over as above where they are new. Raises OSError."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in new:
        hand_over(path, *like)


def refusal(*paths: Path, mode: int = os.R_OK | os.W_OK) -> str:
    """Why this user may not use one of the files that are there, with the way out; empty when that is not so."""
    for path in paths:
        with suppress(PermissionError):
            if not path.exists() or os.access(path, mode, effective_ids=EFFECTIVE) or _takes_nothing(path):
                continue
        return f"{path}: {_whose(path)}"
    return ""


def _whose(path: Path) -> str:
    me = name_of(os.geteuid())
    hidden = next((folder for folder in reversed(path.absolute().parents) if not _entered(folder)), path)
    owner = name_of(os.stat(hidden).st_uid)
    if owner == me:
        return f"this user ({me}) may not use it by its mode; `chmod u+rwX {hidden}` allows it"
    which = "it" if hidden == path else str(hidden)
    return (
        f"{which} belongs to the user {owner}, and this is {me}, who may not use it. Give commands as the server's "
        f"user; if that is {me}: chown -R {me} {hidden}"
    )


def _takes_nothing(path: Path) -> bool:
    """A disk that is mounted to be read only refuses everybody."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _entered(folder: Path) -> bool:
    return os.access(folder, os.X_OK, effective_ids=EFFECTIVE)


def name_of(uid: int) -> str:
    """A user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
