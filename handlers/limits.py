"""Bounds on what strangers can make us do: how many connections they have open, how much they write to the log."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from contextlib import suppress

MOST_CONNECTIONS = 1000
"""A carrier or a proxy has some dozens. Each can make us keep 100 KB or so."""


def allow_files() -> None:
    """Let this process have as many files open as the system allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a system may say that there is no bound, and have one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """How many connections may be open, with room for the other files that this process needs."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files * 3 // 4)


class Seldom:
    """For what is said at most once a minute, however often it is so."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times = 0
        self._next = clock()

    def again(self) -> int:
        """It is so again: how often it was since it was said, when it is to be said now; else 0."""
        self._times += 1
        now = self._clock()
        if now < self._next:
            return 0
        times, self._times, self._next = self._times, 0, now + 60
        return times


class Sparing(logging.Filter):
    """Lets so many lines a minute through and counts the others, so that nobody fills a disk with refused requests.

    It counts all senders together: behind a proxy everybody comes from one address, the carrier too, and nobody's
    noise may keep the carrier's requests out. That is also why requests are not refused by address.
    """

    def __init__(self, a_minute: int = 300, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.left_out = 0
        self._a_minute = a_minute
        self._clock = clock
        self._tokens = float(a_minute)
        self._at = clock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written. Warnings and errors are ours and always are."""
        if record.levelno >= logging.WARNING:
            return True
        now = self._clock()
        self._tokens = min(self._a_minute, self._tokens + (now - self._at) * self._a_minute / 60)
        self._at = now
        if self._tokens < 1:
            self.left_out += 1
            return False
        self._tokens -= 1
        if self.left_out:
            record.msg, record.args = f"{record.getMessage()} ({self.left_out} lines like it were left out)", None
            self.left_out = 0
        return True
