"""The whole service on simulated phones and a clock that can be moved: for `try`, `play`, stories and tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from smsmentor.catchup import CatchUp
from smsmentor.core.events import Event, Inbound, Receipt
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Member, OutText, Text
from smsmentor.core.turn import Turn
from smsmentor.gateways.simulator import Bubble, Simulator
from smsmentor.outbox import Outbox
from smsmentor.ports import Gateway, SetClock, Store
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
        self.outbox = Outbox(self.service, self.gateway())

    def gateway(self) -> Gateway:
        """The way out to the phones."""
        return self.phones

    async def deliver(self, inbound: Inbound) -> None:
        """The carrier brings a text."""
        await self.service.receive(inbound)

    def recall(self, series: int) -> None:
        """After a restart: the phones show again what the store remembers, and the clock goes on from there.

        `series` is a number below 2**64 that no earlier run had: message ids are made with it.
        """
        with self.store.reading() as reader:
            members = {m.id: m for m in reader.all(Member) if m.phone}
            came = [_came(text, members[text.member]) for text in reader.all(Text) if text.member in members]
            went = [_went(text) for text in reader.all(OutText) if text.provider_id and text.phone]
        shown = sorted(came + went, key=lambda bubble: bubble.at)
        self.phones.restore(shown, (m.phone for m in members.values() if m.state == "opted_out"), series)
        if shown and shown[-1].at > self.clock.now():
            self.clock.move(shown[-1].at)

    async def text(self, sender: str, body: str, *, media: int = 0) -> None:
        """A phone sends a text, and everything that happens at once happens."""
        for inbound in self.phones.text(sender, body, media=media):
            await self.deliver(inbound)
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
            await self.deliver(self.phones.last_inbound)
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

    async def catch_up(self) -> None:
        """Read the carrier's list for texts that did not reach us."""
        await CatchUp(self.service, self.phones).run()
        await self.settle()

    def next_moment(self) -> datetime | None:
        """The next moment at which something happens by itself."""
        moments = [m for m in (self.outbox.next_moment(), self.phones.next_moment()) if m is not None]
        return min(moments, default=None)


def _came(text: Text, sender: Member) -> Bubble:
    return Bubble(text.id, sender.phone, "in", text.body, text.at, "received", segments(text.body), encoding(text.body))


def _went(text: OutText) -> Bubble:
    status, at = text.report or "sent", text.sent or text.queued
    return Bubble(
        text.provider_id,
        text.phone,
        "out",
        text.body,
        at,
        status,
        text.segments,
        text.encoding,
        text.text_id,
        text.code,
    )
