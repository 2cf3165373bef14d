"""Keeps a piece of work going: at once after a commit, at the next due moment, and on a slow look besides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from smsmentor.ports import Clock

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""At the latest after this it looks again: another process may have written to it."""


class Pump:
    """Runs `work` when `next_moment` has come, until it is stopped. What goes wrong is logged and tried again."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        next_moment: Callable[[], datetime | None],
        work: Callable[[], Awaitable[object]],
    ) -> None:
        self.name = name
        self.clock = clock
        self.next_moment = next_moment
        self.work = work
        self.looked: datetime | None = None
        """When it last came round without a fault."""
        self._woken = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Something was committed: look now."""
        self._woken.set()

    async def stop(self, grace_seconds: float) -> bool:
        """Finish the work in hand, or cut it off after the grace period. Returns whether all was done."""
        if self._task is None:
            return True
        self._stopping = True
        self.wake()
        done, _ = await asyncio.wait({self._task}, timeout=grace_seconds)
        if not done:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        return bool(done)

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                moment = self.next_moment()
                if moment is not None and moment <= self.clock.now():
                    await self.work()
                    moment = self.next_moment()
                self.looked = self.clock.now()
            except Exception:
                log.exception("The %s failed and will try again", self.name)
                moment = None
            await self._rest(moment)

    async def _rest(self, moment: datetime | None) -> None:
        seconds = LOOK_SECONDS
        if moment is not None and moment > self.clock.now():
            seconds = min(seconds, (moment - self.clock.now()).total_seconds())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
