"""In front of Tornado's server: takes a carrier's simple requests to their end, and hands it every other connection.

Tornado costs as much for a text as all that we do with it. So connections are read here first, and a request in which
all is as it should be (`handlers/simple.py`) is answered here, also when its event could not be kept. Whatever is odd
about one, or goes wrong otherwise, makes its connection Tornado's for good, with all bytes that were not answered: the
handlers there know every way to refuse, and an event takes effect once, so nothing is done twice.

All connections are counted here, also Tornado's, and from time to time looked at: who neither sends nor takes anything
is closed. Tornado itself would wait for ever for answers to be taken, and take in any number of connections.

When all places are taken, who comes gets the place of who has it the longest without having brought a signed request.
So strangers who hold connections, from however many addresses, keep nobody out: a carrier's request comes with its
connection or right after it, and they would have to open as many as there are places in between.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from tornado.httpserver import HTTPServer

from handlers.answers import NOTHING, TWIML, Answer
from handlers.base import InFlight
from handlers.form import read_form
from handlers.intake import Intake
from handlers.limits import MOST_CONNECTIONS, Seldom
from handlers.line import Line
from handlers.simple import Request, first_line
from handlers.sms import Form, SmsHandler, Webhook
from handlers.status import StatusHandler
from handlers.stream import Stream
from handlers.webhook import Door, Rejection
from smsmentor.core.events import Inbound, Receipt
from smsmentor.ports import Clock

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.2
"""How long the rest of a request may take to come. After that it is slow, and Tornado's with its own bounds."""
SWEEPS = 4
"""How often connections are looked at within the time that one may be silent."""


class Route(NamedTuple):
    """What is done with the forms that come to a path."""

    path: str
    event: Callable[[Webhook, Form, datetime], Inbound | Receipt | Rejection]
    answer: Answer
    webhook: Webhook
    service: Door
    clock: Clock


KINDS: dict[type, tuple[Callable[[Webhook, Form, datetime], Inbound | Receipt | Rejection], Answer]] = {
    SmsHandler: (lambda webhook, form, at: webhook.inbound(form, at), TWIML),
    StatusHandler: (lambda webhook, form, at: webhook.receipt(form), NOTHING),
}
"""By the handler that knows them wholly, the routes that can be served here."""


def in_front(
    server: HTTPServer,
    routes: Iterable[tuple[Any, ...]],
    in_flight: InFlight,
    idle_seconds: float,
    most: int = MOST_CONNECTIONS,
) -> Front:
    """The server with the front before it, which serves the signed webhooks among its routes.

    `most` connections may be open at a time, and each be silent, or take no answers, for `idle_seconds`.
    """
    ours = [Route(path, *KINDS[kind], **parts[0]) for path, kind, *parts in routes if kind in KINDS]
    return Front(server, ours, in_flight, idle_seconds, most)


class Front:
    """Owns the connections, and is started and stopped like an `HTTPServer`."""

    def __init__(
        self, server: HTTPServer, routes: Iterable[Route], in_flight: InFlight, idle_seconds: float, most: int
    ) -> None:
        self.in_flight = in_flight
        self.routes = {route.path: route for route in routes}
        self.paths = {first_line(path): path for path in self.routes}
        self.most = most
        self._server = server
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._intake = Intake(self._accepted, self._has_room)
        self._places: dict[Line | Stream, None] = {}
        """Who is open, in the order in which they came, became Tornado's or last brought a signed request."""
        self._given_up = Seldom()
        self._begun: dict[Line, float] = {}
        """Who has sent a part of a request, and since when: the longest first."""
        self._slow: asyncio.TimerHandle | None = None
        self._silent: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._places)

    # As a server

    def add_socket(self, listener: socket.socket) -> None:
        """Take in the connections that come to a listening socket."""
        self._intake.add(listener)
        if self._silent is None:
            self._close_silent()

    def stop(self) -> None:
        """Take in no more connections; those that are open go on."""
        self._intake.stop()

    async def close_all_connections(self) -> None:
        """Close what is open, here and in Tornado."""
        for timer in (self._slow, self._silent):
            if timer is not None:
                timer.cancel()
        for connection in tuple(self._places):
            if isinstance(connection, Line):
                connection.close()
        await self._server.close_all_connections()

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connection.close()
            return
        self._places[Line(self, connection, address)] = None

    def _has_room(self) -> bool:
        """Whether one more can be open, if need be in place of another. Who has a signed request in hand keeps it."""
        if self.open < self.most:
            return True
        last = next((connection for connection in self._places if not connection.in_hand), None)
        if last is None:
            return False
        last.close()
        if times := self._given_up.again():
            log.warning("No more connections can be open: %d that brought nothing were closed for others", times)
        return True

    # For its lines

    def work(self, request: Request) -> tuple[Route, Inbound | Receipt] | None:
        """The event that a request brings, if it is signed and brings one."""
        route, form = self.routes[request.path], read_form(request.body)
        try:
            if form is None or not route.webhook.signed(request.path, request.signature, form):
                return None
            event = route.event(route.webhook, form, route.clock.now())
        except Exception:
            return None  # the handler comes upon it again, and says and logs what is to be said
        return (route, event) if isinstance(event, Inbound | Receipt) else None

    def pass_on(self, connection: socket.socket, address: Any, begun: bytes, unsent: bytes) -> None:
        """Make a connection Tornado's. `begun` was read of it already, `unsent` is still to be written."""
        stream = Stream(connection, begun, self._gone, self._server.max_buffer_size)
        self._places[stream] = None
        if unsent:
            stream.write(unsent)
        self._server.handle_stream(stream, address)

    def wait_for(self, line: Line) -> None:
        """A part of a request has come. Its rest must come soon."""
        self._begun.setdefault(line, self._loop.time())
        if self._slow is None:
            self._slow = self._loop.call_later(PATIENCE_SECONDS, self._pass_on_slow)

    def forget(self, line: Line) -> None:
        """A connection has been closed, or is Tornado's."""
        self._gone(line)
        self._begun.pop(line, None)

    def has_brought(self, line: Line) -> None:
        """A signed request has come."""
        if line in self._places:
            self._places[line] = self._places.pop(line)

    def has_come(self, line: Line) -> None:
        """The rest of a request has come."""
        self._begun.pop(line, None)

    def _gone(self, connection: Line | Stream) -> None:
        self._places.pop(connection, None)

    # From time to time

    def _pass_on_slow(self) -> None:
        self._slow, now = None, self._loop.time()
        for line, since in tuple(self._begun.items()):
            if now < since + PATIENCE_SECONDS:
                self._slow = self._loop.call_at(since + PATIENCE_SECONDS, self._pass_on_slow)
                break
            line.pass_on(line.rest)

    def _close_silent(self) -> None:
        for connection in tuple(self._places):
            connection.looked_at(SWEEPS)
        self._silent = self._loop.call_later(self._idle_seconds / SWEEPS, self._close_silent)
