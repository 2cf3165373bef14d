"""Keeps a piece of work going: at once after a commit, at the next due moment, and on a slow look besides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

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
        self._woken = False
        self._nap: asyncio.Future[None] | None = None
        """Done when it is to look again; while it rests."""
        self._until: datetime | None = None
        """When the rest ends by itself."""
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Something was committed: look now."""
        self._woken = True
        if self._nap is not None:
            _end(self._nap)

    def wake_by(self, moment: datetime | None) -> None:
        """There will be something to do at this moment: look now if the rest would end later."""
        if moment is not None and (self._until is None or moment < self._until):
            self.wake()

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
            self._woken = False
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
        if self._woken:
            return
        seconds, now = LOOK_SECONDS, self.clock.now()
        if moment is not None and moment > now:
            seconds = min(seconds, (moment - now).total_seconds())
        loop = asyncio.get_running_loop()
        self._nap, self._until = loop.create_future(), now + timedelta(seconds=seconds)
        timer = loop.call_later(seconds, _end, self._nap)
        try:
            await self._nap
        finally:
            timer.cancel()
            self._nap = self._until = None


def _end(nap: asyncio.Future[None]) -> None:
    if not nap.done():
        nap.set_result(None)
