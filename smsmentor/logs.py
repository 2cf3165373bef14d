"""Logs for people and for machines, without phone numbers, words of exceptions and characters that do not print."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from smsmentor.errors import SmsmentorError

NUMBER = re.compile(r"(\+|%2B)(\d{6,15})", re.IGNORECASE)
OURS = ("smsmentor", "handlers")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

log = logging.getLogger(__name__)


def mask(text: str) -> str:
    """The text with each phone number cut to its last two digits, also where it is written for a URL."""
    return NUMBER.sub(lambda found: f"{found[1]}***{found[2][-2:]}", text)


def visible(text: str) -> str:
    """The text with what does not print written as JSON would, but for line ends.

    A terminal obeys control characters, also those beyond ASCII, and marks of direction show a line as what it is not.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign == "\n" or sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def set_up(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error): `text`, `json`, or `auto`, which is text on a terminal and JSON elsewhere.

    Libraries are heard from `warning` on whatever the level: below it some of them log requests whole.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if form == "json" or (form == "auto" and not stream.isatty()) else Readable())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())


def report_to_log(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For `loop.set_exception_handler`: asyncio's own words show tasks and their exceptions, which can quote a text."""
    error = context.get("exception")
    exc_info = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None
    log.error("Something went wrong outside a request", exc_info=exc_info)


class Masking(logging.Formatter):
    """Masks numbers in all that is written and shows what does not print, and gives of an exception its type and place.

    The words of an exception can quote what somebody texted; only our own errors are known not to.
    """

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler's formatter may have left the exception's words here
        return visible(mask(super().format(record)))

    def formatException(self, ei: ExcInfo) -> str:
        kind, error, trace = ei
        if kind is None:
            return ""
        words = f": {error}" if isinstance(error, SmsmentorError) else ""
        return "".join(traceback.format_tb(trace)) + f"{kind.__name__}{words}"


class Readable(Masking):
    """A line for a person: time, level, where from, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")


class JsonLines(Masking):
    """One JSON object a line, as log drains like it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return visible(mask(json.dumps(line, ensure_ascii=False)))
