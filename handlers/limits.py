"""Bounds on what strangers can make us do: how many of their requests are written to the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


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
