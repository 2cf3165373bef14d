"""The answers to simple requests as ready bytes: the same that Tornado would write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate

from handlers.base import SAFE_HEADERS
from handlers.sms import EMPTY_TWIML, TWIML_TYPE


class Answer:
    """One answer; only its date changes, once a second."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str], body: str = "") -> None:
        self.status = status
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", body]
        self._before, self._after = "\r\n".join(lines).encode().split(b"{date}")
        self._second = 0
        self._bytes = b""

    def now(self) -> bytes:
        """Its bytes in this second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._bytes = self._before + formatdate(second, usegmt=True).encode() + self._after
        return self._bytes


TWIML = Answer(
    200,
    "OK",
    {"Content-Type": TWIML_TYPE, "Date": "{date}", **SAFE_HEADERS, "Content-Length": str(len(EMPTY_TWIML))},
    EMPTY_TWIML,
)
NOTHING = Answer(204, "No Content", {"Date": "{date}", **SAFE_HEADERS})
_BUSY = "503 Service Unavailable\n"
BUSY = Answer(
    503,
    "Service Unavailable",
    {
        "Content-Type": "text/plain; charset=utf-8",
        "Date": "{date}",
        **SAFE_HEADERS,
        "Content-Length": str(len(_BUSY)),
    },
    _BUSY,
)
"""Nothing was kept: the carrier's fallback and our reading of its list take over."""
