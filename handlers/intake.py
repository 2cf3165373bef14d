"""Takes in the connections that come to listening sockets: so many at a time, with a pause when files have run out."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from handlers.limits import Seldom

log = logging.getLogger(__name__)

AT_ONCE = 32
"""How many are taken in before others have their turn. Fewer than there are places, so that who came in one turn is
read before who comes in the next can take the place."""
PAUSE_SECONDS = 1.0
_RUN_OUT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Intake:
    """Listens. A connection for which there is no room is closed at once: its sender hears so, and can try again."""

    def __init__(self, take: Callable[[socket.socket, Any], None], room: Callable[[], bool]) -> None:
        """`take` is given each connection with its address. `room` is asked before, and may make some."""
        self._take = take
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._listening: set[socket.socket] = set()
        self._full, self._run_out = Seldom(), Seldom()

    def add(self, listener: socket.socket) -> None:
        """Take in what comes to a listening socket."""
        self._listening.add(listener)
        self._loop.add_reader(listener, self._come, listener)

    def stop(self) -> None:
        """Take in no more, and close the sockets."""
        while self._listening:
            listener = self._listening.pop()
            self._loop.remove_reader(listener)
            listener.close()

    def _come(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _RUN_OUT:
                    self._pause(listener, error)
                    return
                continue  # that one has gone already
            if self._room():
                self._take(connection, address)
                continue
            connection.close()
            if times := self._full.again():
                log.warning("No more connections can be open: %d were closed at once", times)

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        """It would be as bad at each turn of the loop, and nothing else could be done."""
        if times := self._run_out.again():
            log.error("Connections cannot be taken in (%s): tried %d times", error.strerror, times)
        self._loop.remove_reader(listener)
        self._loop.call_later(PAUSE_SECONDS, self._go_on, listener)

    def _go_on(self, listener: socket.socket) -> None:
        if listener in self._listening:
            self._loop.add_reader(listener, self._come, listener)
