"""The short way for a carrier's texts: past Tornado's request handlers, which cost as much as half of all we do.

Only a request in which all is as it should be goes through to the end here. Whatever is odd about one, or goes wrong
with it, is left to `SmsHandler` and its like, which know every way to refuse; an event takes effect once, so nothing
is done twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
    parse_body_arguments,
)
from tornado.web import Application

from handlers.base import SAFE_HEADERS, InFlight, log_answer
from handlers.sms import EMPTY_TWIML, FORM, SIGNATURE, TWIML_TYPE, SmsHandler, Webhook
from handlers.webhook import Door
from smsmentor.core.events import Inbound
from smsmentor.ports import Clock

_OK = ResponseStartLine("", 200, "OK")
_BODY = EMPTY_TWIML.encode()
_HEADERS = {**SAFE_HEADERS, "Content-Type": TWIML_TYPE, "Content-Length": str(len(_BODY))}


def in_front(
    application: Application, routes: Iterable[tuple[Any, ...]], in_flight: InFlight
) -> Application | ShortWay:
    """The application with the short way before it, where texts of a signed webhook are among its routes."""
    for path, handler, *parts in routes:
        if handler is SmsHandler:
            return ShortWay(application, in_flight, path=path, **parts[0])
    return application


class ShortWay(HTTPServerConnectionDelegate):
    """In front of an application: POSTs to `path` are tried here first. Counts them in the same `in_flight`."""

    def __init__(
        self,
        application: Application,
        in_flight: InFlight,
        *,
        path: str,
        webhook: Webhook,
        service: Door,
        clock: Clock,
    ) -> None:
        self.application = application
        self.in_flight = in_flight
        self.path = path
        self.webhook = webhook
        self.service = service
        self.clock = clock
        self.tasks: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """A request begins; whose it is, its first line tells."""
        return _Message(self, server_conn, request_conn)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_timestamp(second)


class _Message(HTTPMessageDelegate):
    def __init__(self, way: ShortWay, server_conn: object, request_conn: HTTPConnection) -> None:
        self._way = way
        self._server_conn = server_conn
        self._conn = request_conn
        self._long: HTTPMessageDelegate | None = None
        self._chunks: list[bytes] = []
        self._began = 0.0

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        self._start_line, self._headers = start_line, headers
        if start_line.method == "POST" and start_line.path == self._way.path:
            self._began = time.monotonic()
            return None
        self._long = self._way.application.start_request(self._server_conn, self._conn)
        return self._long.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._long is not None:
            return self._long.data_received(chunk)
        self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        if self._long is not None:
            self._long.finish()
        elif (event := self._event()) is None:
            self._go_the_long_way()
        else:
            task = asyncio.get_running_loop().create_task(self._hand_over(event))
            self._way.tasks.add(task)
            task.add_done_callback(self._way.tasks.discard)

    def on_connection_close(self) -> None:
        if self._long is not None:
            self._long.on_connection_close()

    def _event(self) -> Inbound | None:
        """The text of a signed form."""
        headers = self._headers
        signatures = headers.get_list(SIGNATURE)
        if len(signatures) != 1 or "Content-Encoding" in headers:
            return None
        if headers.get("Content-Type", "").partition(";")[0].strip() != FORM:
            return None
        form: dict[str, list[bytes]] = {}
        with suppress(HTTPInputError):
            parse_body_arguments(FORM, b"".join(self._chunks), form, {})
        if not self._way.webhook.signed(self._start_line.path, signatures[0], form):
            return None
        event = self._way.webhook.inbound(form, self._way.clock.now())
        return event if isinstance(event, Inbound) else None

    async def _hand_over(self, event: Inbound) -> None:
        way = self._way
        way.in_flight.enter()
        try:
            await way.service.receive(event)
        except Exception:
            # Whatever it was: the long way comes upon it again, and says and logs what is to be said.
            self._go_the_long_way()
            return
        finally:
            way.in_flight.leave()
        headers = HTTPHeaders(_HEADERS)
        headers["Date"] = _date(int(time.time()))
        self._conn.write_headers(_OK, headers, _BODY)
        self._conn.finish()
        log_answer(200, "POST", way.path, time.monotonic() - self._began)

    def _go_the_long_way(self) -> None:
        self._long = self._way.application.start_request(self._server_conn, self._conn)
        self._long.headers_received(self._start_line, self._headers)
        for chunk in self._chunks:
            self._long.data_received(chunk)
        self._long.finish()
