"""Every error that the project raises on purpose, in one tree.

SmsmentorError
├── SettingsError        the settings are missing or wrong; lists every problem at once
├── StoreError           the store could not do its work; nothing of the event was kept
│   ├── StoreBusy        another process holds the store too long; trying again can help
│   ├── StoreUnwritable  the disk takes nothing: it is full, read-only or failing
│   ├── StoreSealed      the file is encrypted and the key is missing or another one, or the other way round
│   └── StoreDamaged     the file is not what we wrote; a backup is the way back
├── NotConfirmed         a text looks made up, and the carrier did not confirm it; nothing was kept
├── ImportProblem        a line of a CSV or story file cannot be read; says which and why
└── IllegalMove          code asked for a move that `core.lifecycle` does not know (a bug)

A refusal to a person (a wrong code, a late answer) is an answer and never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence


class SmsmentorError(Exception):
    """The root: catch this to catch all of ours."""


class SettingsError(SmsmentorError):
    """The settings are wrong. `problems` holds one sentence each, with the fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StoreError(SmsmentorError):
    """The store failed; the event has had no effect and may be given again."""

    cause = "the store failed"
    """For logs of what strangers send: says what is wrong in words that are the same each time."""


class StoreBusy(StoreError):
    """Another process held the store for too long; trying again can help."""

    cause = "another process holds the store"


class StoreUnwritable(StoreError):
    """The disk takes nothing: it is full, read-only or failing."""

    cause = "the disk would not do it: is it full, or the folder not to be written?"


class StoreSealed(StoreError):
    """The file's encryption and the key that was given do not fit together; the file is whole."""


class StoreDamaged(StoreError):
    """The file is not one that we wrote, or was changed by something else."""

    cause = "the store's file is damaged"


class NotConfirmed(SmsmentorError):
    """A text looks made up, and the carrier, asked for it by its id, did not confirm it; nothing was kept."""

    cause = "it may be made up, and the carrier did not confirm it"


class ImportProblem(SmsmentorError):
    """A line of a file cannot be read: `where` names it, `why` says what is wrong."""

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"{where}: {why}")


class IllegalMove(SmsmentorError):
    """A record was to make a move that its lifecycle does not know."""
