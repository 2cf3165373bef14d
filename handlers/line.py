"""One connection, as long as only simple requests come over it: read, handed over, answered, one after the other."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

from handlers.answers import BUSY, Answer
from handlers.base import log_answer, log_refusal
from handlers.simple import MOST_BYTES, Not, read
from handlers.webhook import not_kept
from smsmentor.errors import StoreError

if TYPE_CHECKING:
    from handlers.front import Front, Route
    from smsmentor.core.events import Inbound, Receipt

_JSON = b"application/json"
"""Who accepts it, in whatever way, is told what is wrong in it."""


class Line:
    """Reads by itself, so that a request costs one read and one write, and nothing between them but what it needs."""

    __slots__ = ("_address", "_fd", "_front", "_listens", "_looks", "_loop", "_open", "_socket", "_task", "rest")

    def __init__(self, front: Front, connection: socket.socket, address: Any) -> None:
        self._front = front
        self._socket = connection
        self._address = address
        self._fd = connection.fileno()
        self._loop = asyncio.get_running_loop()
        self._open = self._listens = True
        self._looks = 0
        self._task: asyncio.Task[None] | None = None
        """The request that is in hand."""
        self.rest = b""
        """What has come of a request whose end has not."""
        self._loop.add_reader(self._fd, self._readable)

    @property
    def in_hand(self) -> bool:
        """Whether a signed request waits to be answered."""
        return self._task is not None

    def looked_at(self, most: int) -> None:
        """Close it when nothing came while it was looked at so many times."""
        self._looks += 1
        if self._looks > most and self._task is None:
            self.close()

    def close(self) -> None:
        """Let go of it. A request in hand goes on, and is not answered."""
        if self._open:
            self._leave()
            self._socket.close()

    def pass_on(self, begun: bytes, unsent: bytes = b"") -> None:
        """Make it Tornado's. `begun` are the bytes that came and were not answered, `unsent` is still to be written."""
        if self._open:
            self._leave()
            self._front.pass_on(self._socket, self._address, begun, unsent)

    def _leave(self) -> None:
        self._open = False
        self._loop.remove_reader(self._fd)
        self._front.forget(self)

    def _readable(self) -> None:
        if self._task is not None:
            # What comes now waits in the system, which in the end makes its sender wait.
            self._loop.remove_reader(self._fd)
            self._listens = False
            return
        try:
            data = self._socket.recv(MOST_BYTES - len(self.rest))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._looks = 0
        self._take(self.rest + data if self.rest else data)

    def _take(self, data: bytes) -> None:
        """Begin with the next request."""
        began = time.monotonic()
        request = read(data, self._front.paths)
        if not isinstance(request, Not):
            if self.rest:
                self.rest = b""
                self._front.has_come(self)
            work = self._front.work(request)
            if work is not None:
                self._hand_over(*work, data, request.size, began)
            else:
                self.pass_on(data)
        elif request is Not.YET and len(data) < MOST_BYTES:
            self.rest = data
            self._front.wait_for(self)
        else:
            self.pass_on(data)

    def _hand_over(self, route: Route, event: Inbound | Receipt, data: bytes, size: int, began: float) -> None:
        self._front.in_flight.enter()
        self._front.has_brought(self)
        self._task = self._loop.create_task(self._handed_over(route, event, data, size, began))

    async def _handed_over(self, route: Route, event: Inbound | Receipt, data: bytes, size: int, began: float) -> None:
        answer = route.answer
        try:
            await route.service.receive(event)
        except Exception as error:
            if not isinstance(error, StoreError) or _JSON in data[:size]:
                # Whatever it was: the handler comes upon it again, and says and logs what is to be said.
                self._task = None
                self.pass_on(data)
                return
            # Here at once: where all is busy nothing is tried twice, and no line becomes dearer than it was.
            answer = BUSY
            log_refusal(BUSY.status, f"POST {route.path}", not_kept(error))
        finally:
            self._front.in_flight.leave()
        self._task = None
        self._answer(answer, data[size:])
        log_answer(answer.status, "POST", route.path, time.monotonic() - began)

    def _answer(self, made: Answer, rest: bytes) -> None:
        if not self._open:
            return
        answer = made.now()
        try:
            sent = self._socket.send(answer)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(answer):
            # Who does not read answers gets no more of them made: Tornado waits until this one has gone.
            self.pass_on(rest, answer[sent:])
            return
        if not self._listens:
            self._loop.add_reader(self._fd, self._readable)
            self._listens = True
        if rest:
            self._take(rest)
