"""Bounds on what strangers can make us do: how many connections they have open, how much they write to the log."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

LOGGERS = ("handlers.base", "smsmentor.access", "smsmentor.logs", "tornado.general", "tornado.application")
"""Where strangers' requests leave lines."""
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
    """Lets so many lines a minute of each level through and counts the others, so that nobody fills a disk.

    One for all loggers in which strangers' requests leave lines. Each level has its own share: noise is told at `info`,
    and may not keep out what is worse. It counts all senders together: behind a proxy everybody comes from one address,
    the carrier too, and nobody's noise may keep the carrier's requests out. That is also why requests are not refused
    by address.
    """

    def __init__(self, a_minute: int = 300, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._a_minute = a_minute
        self._clock = clock
        self._shares: dict[int, _Share] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        now = self._clock()
        share = self._shares.get(record.levelno)
        if share is None:
            share = self._shares[record.levelno] = _Share(float(self._a_minute), now)
        share.left = min(self._a_minute, share.left + (now - share.at) * self._a_minute / 60)
        share.at = now
        if share.left < 1:
            share.left_out += 1
            return False
        share.left -= 1
        if share.left_out:
            record.msg, record.args = f"{record.getMessage()} ({share.left_out} lines like it were left out)", None
            share.left_out = 0
        return True


@dataclass
class _Share:
    """What a level may still write."""

    left: float
    at: float
    left_out: int = 0
