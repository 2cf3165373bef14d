"""The whole service on simulated phones and a clock that can be moved: for `try`, `play`, stories and tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from smsmentor.core.events import Event, Receipt
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.turn import Turn
from smsmentor.gateways.simulator import Simulator
from smsmentor.outbox import Outbox
from smsmentor.ports import SetClock, Store
from smsmentor.service import Service
from smsmentor.ticker import fire_due


class Rig:
    """Phones, clock and service together. Every method leaves nothing due at the clock's present moment."""

    def __init__(self, store: Store, clock: SetClock, knowledge: Knowledge, *, reports: bool = False) -> None:
        self.clock = clock
        self.phones = Simulator(clock, reports=reports)
        self.knowledge = knowledge
        self.watchers: list[Callable[[Event, Turn], None]] = []
        """Called after each commit, also of a store that comes later."""
        self.use(store)

    def use(self, store: Store) -> None:
        """Run on this store from now on: what a restart does."""
        self.store = store
        self.service = Service(store, self.clock, self.knowledge)
        self.service.watchers = self.watchers
        self.outbox = Outbox(self.service, self.phones)

    async def text(self, sender: str, body: str, *, media: int = 0) -> None:
        """A phone sends a text, and everything that happens at once happens."""
        for inbound in self.phones.text(sender, body, media=media):
            await self.service.receive(inbound)
        await self.settle()

    async def receipt(self, provider_id: str, status: str, code: int = 0) -> None:
        """A delivery report comes in."""
        receipt = Receipt(provider_id, status, code)
        self.phones.mark(receipt)
        await self.service.receive(receipt)
        await self.settle()

    async def again(self) -> None:
        """The carrier delivers the last inbound text once more, under the same id."""
        if self.phones.last_inbound is not None:
            await self.service.receive(self.phones.last_inbound)
            await self.settle()

    async def settle(self) -> None:
        """Do all that is due now: timers, texts to send, delivery reports."""
        for _ in range(1000):
            fired = await fire_due(self.service)
            sent = await self.outbox.drain()
            reports = self.phones.due_reports(self.clock.now())
            for report in reports:
                await self.service.receive(report)
            if not (fired or sent or reports):
                return
        raise AssertionError("the service does not come to rest: a timer or a text stays due for ever")

    async def wait(self, span: timedelta) -> None:
        """Let time pass; the clock stops at each due moment on the way."""
        until = self.clock.now() + span
        await self.settle()
        while (moment := self.next_moment()) is not None and moment <= until:
            self.clock.move(max(moment, self.clock.now()))
            await self.settle()
        self.clock.move(until)
        await self.settle()

    async def to_next(self) -> bool:
        """Move to the next due moment; False when nothing is due ever."""
        moment = self.next_moment()
        if moment is None:
            return False
        await self.wait(max(moment - self.clock.now(), timedelta(0)))
        return True

    def next_moment(self) -> datetime | None:
        """The next moment at which something happens by itself."""
        moments = [m for m in (self.store.next_moment(), self.phones.next_moment()) if m is not None]
        return min(moments, default=None)
