"""A connection of ours as Tornado's stream: it knows what was read before, and does not wait for ever to be read."""

from __future__ import annotations

import socket
from asyncio import Future
from collections.abc import Awaitable, Callable

from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, StreamClosedError

from handlers.head import fault

MOST_WAITING = 2 * 1024 * 1024
"""Bytes that may wait to be taken when more come. The simulated phones send a page some hundred thousand at once."""


class Stream(IOStream):
    """Tornado tries to read before it waits, so that it meets what was read before, and then the socket.

    To write it would wait for ever, and keep any number of bytes for it. So who takes nothing of what waits for them is
    closed after a while, and who takes less than comes when too much waits.
    """

    in_hand = False
    """What Tornado has in hand it answers in a moment, and most of it is a stranger's."""

    def __init__(
        self,
        connection: socket.socket,
        begun: bytes,
        gone: Callable[[Stream], None],
        max_buffer_size: int | None = None,
    ) -> None:
        """`begun` was read already; `gone` is told when it has been closed."""
        super().__init__(connection, max_buffer_size=max_buffer_size)
        self._begun = begun
        self._gone = gone
        self._looks = 0
        self._waiting = 0

    def looked_at(self, most: int) -> None:
        """Close it when nothing of what waits was taken while it was looked at so many times."""
        self._looks = self._looks + 1 if self.writing() else 0
        if self._looks > most:
            self.close()

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Tornado reads nothing but heads so. Raises HTTPInputError, which it answers with 400 and closes.

        It would go on with what came behind a request that was to be the last (RFC 9112, 9.6), for nobody to answer.
        """
        if self.closed():
            raise StreamClosedError
        return self._plain(super().read_until_regex(regex, max_bytes))

    async def _plain(self, reading: Awaitable[bytes]) -> bytes:
        head = await reading
        if wrong := fault(head):
            raise HTTPInputError(wrong)
        return head

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if not self._begun:
            return super().read_from_fd(buf)
        size = min(len(buf), len(self._begun))
        buf[:size] = self._begun[:size]
        self._begun = self._begun[size:]
        return size

    def write(self, data: bytes | memoryview) -> Future[None]:
        if self._waiting <= MOST_WAITING or self.closed():
            self._waiting += len(data)
            return super().write(data)
        self.close()
        failed: Future[None] = Future()
        failed.set_exception(StreamClosedError())
        failed.exception()  # who does not wait for it need not hear of it
        return failed

    def write_to_fd(self, data: memoryview) -> int:
        taken = super().write_to_fd(data)
        if taken:
            self._looks = 0
            self._waiting -= taken
        return taken

    def close_fd(self) -> None:
        super().close_fd()
        self._gone(self)
