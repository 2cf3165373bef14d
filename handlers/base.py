"""What every handler shares: security headers, plain errors, quiet logs, and a count of what is in hand."""

from __future__ import annotations

import asyncio
import logging
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

log = logging.getLogger(__name__)
access = logging.getLogger("smsmentor.access")


CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries."""
LONGEST_LINE = 200
"""Characters of what was asked that go to the log: a path may have 16,000."""


class InFlight:
    """How many requests are in hand, so that a shutdown can wait for them."""

    def __init__(self) -> None:
        self.count = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> None:
        """A request has come."""
        self.count += 1
        self._none.clear()

    def leave(self) -> None:
        """A request has been answered."""
        self.count -= 1
        if self.count == 0:
            self._none.set()

    async def drained(self, grace_seconds: float) -> bool:
        """Wait until nothing is in hand, at most the grace period; returns whether nothing is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._none.wait(), grace_seconds)
        return self.count == 0


class Refused(HTTPError):
    """A request that we turn away. `why` goes to the log, not to the sender, and holds nothing from the request."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(status)
        self.why = why


class BaseHandler(RequestHandler):
    """Counts itself in the application's `in_flight` setting, where there is one."""

    CONTENT_POLICY = CONTENT_POLICY
    """A page that needs more says so in its own class."""

    _counted = False

    def prepare(self) -> None:
        in_flight = self.settings.get("in_flight")
        if in_flight is not None:
            in_flight.enter()
            self._counted = True

    def on_finish(self) -> None:
        if self._counted:
            self.settings["in_flight"].leave()

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in SAFE_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Security-Policy", self.CONTENT_POLICY)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The reason in a line, as JSON for those who ask for it; never a trace."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._methods()))
        if "application/json" in self.request.headers.get("Accept", ""):
            self.finish({"error": self._reason})
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"{status_code} {self._reason}\n")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Where it happened, never the exception's own words: these can quote a text or a number."""
        line = _asked(self.request.method or "", self.request.path)
        if isinstance(value, Refused):
            log_refusal(value.status_code, line, value.why)
        elif isinstance(value, HTTPError):
            log.info("%d %s", value.status_code, line)
        elif not isinstance(value, StreamClosedError):
            log.error("%s in %s\n%s", type(value).__name__, line, "".join(traceback.format_tb(tb)))

    def _methods(self) -> list[str]:
        return [
            method
            for method in self.SUPPORTED_METHODS
            if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())
        ]


class NotFound(BaseHandler):
    """For the application's `default_handler_class`."""

    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


def log_request(handler: RequestHandler) -> None:
    """For the application's `log_function`."""
    request = handler.request
    log_answer(handler.get_status(), request.method or "", request.path, request.request_time())


def log_refusal(status: int, line: str, why: str) -> None:
    """Why a request was turned away; `line` is its method and path."""
    log.log(_level(status), "%d %s: %s", status, line, why)


def log_answer(status: int, method: str, path: str, seconds: float) -> None:
    """Method, path without query, status and milliseconds."""
    access.log(_level(status), "%d %s %.1fms", status, _asked(method, path), 1000 * seconds)


def _asked(method: str, path: str) -> str:
    line = f"{method} {path}"
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… ({len(line)} characters)"


def _level(status: int) -> int:
    return logging.WARNING if status >= 500 else logging.INFO
