"""An event loop whose time passes only while nothing is to do: no cut-off comes early because the machine is busy."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

QUIET_SECONDS = 0.02
"""How long nothing must have come before the next timer is due. What comes is from sockets of the same loop."""


class _Quiet(selectors.DefaultSelector):
    """Tells the time, which moves to the next timer when nothing comes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        come = super().select(min(timeout, QUIET_SECONDS))
        if not come:
            self.now += timeout
        return come


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._quiet = _Quiet()
        super().__init__(self._quiet)

    def time(self) -> float:
        return self._quiet.now


def run(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`. For what waits for no threads and no other process: they would be given no time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(main)
