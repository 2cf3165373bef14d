"""A connection of which some bytes were read already, as Tornado's stream: it reads those first."""

from __future__ import annotations

import socket

from tornado.iostream import IOStream


class BegunStream(IOStream):
    """Tornado tries to read before it waits, so that it meets what was read before, and then the socket."""

    def __init__(self, connection: socket.socket, begun: bytes, max_buffer_size: int | None = None) -> None:
        super().__init__(connection, max_buffer_size=max_buffer_size)
        self._begun = begun

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if not self._begun:
            return super().read_from_fd(buf)
        size = min(len(buf), len(self._begun))
        buf[:size] = self._begun[:size]
        self._begun = self._begun[size:]
        return size
