"""The one way out: texts that were saved are leased, checked again, handed to the gateway and settled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from smsmentor.core import halt
from smsmentor.core.events import SendOutcome, Withheld
from smsmentor.core.kinds import lets_pass
from smsmentor.core.model import OutText, Timer
from smsmentor.core.pace import Bucket
from smsmentor.core.sending import at_carrier, withheld
from smsmentor.ports import Gateway
from smsmentor.service import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""While some sends hang, others that were queued meanwhile are looked for so often."""
HEADROOM = timedelta(seconds=25)
"""A text whose lease ends sooner is put back: a try may take so long."""
PUT_BACK = "put back"
AHEAD_SECONDS = 2
"""With a pace, no more texts are leased at once than leave within this time: one that is urgent waits for few."""


class Outbox:
    """Sends what is due. Several may run on one store: a text is leased by one of them only.

    `sleep` waits for the pace; without one (on a clock that is set) `drain` ends instead, and `next_moment` says when
    to come again.
    """

    def __init__(
        self,
        service: Service,
        gateway: Gateway,
        *,
        at_once: int = 16,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.service = service
        self.gateway = gateway
        self.at_once = at_once
        """How many sends may be in hand; 0 takes no more."""
        self.sleep = sleep
        self.rests_until: datetime | None = None
        """While the pace or a fault of our account keeps texts back: until when."""
        self._rate = gateway.capabilities.segments_per_second
        self._buckets: dict[str, Bucket] = {}

    async def drain(self) -> int:
        """Send all that may be sent now; returns how many texts were handled.

        Ends also when sending is stopped for a fault of our account. Raises StoreError when an outcome could not be
        kept; the text then comes again, and is looked up first.
        """
        return await _Round(self).run()

    def next_moment(self) -> datetime | None:
        """When there is something to do: the store's next moment, but for texts while sending rests."""
        store, until = self.service.store, self.rests_until
        moment = store.next_moment()
        if moment is None or until is None or until <= moment:
            return moment
        with store.reading() as reader:
            timer = next(reader.walk(Timer, "due", "yes"), None)
        return until if timer is None else min(until, timer.due)

    def free_at(self, row: OutText, now: datetime) -> datetime:
        """When the number that this text leaves from may send again."""
        return self._bucket(row).free_at(now) if self._rate else now

    def spend(self, row: OutText, now: datetime) -> None:
        """The text goes now."""
        if self._rate:
            self._bucket(row).take(row.segments, now)

    def batch(self) -> int:
        """How many texts are in hand at most."""
        if not self._rate:
            return self.at_once
        senders = max(len(self._buckets), 1)
        return min(self.at_once, max(int(self._rate * senders * AHEAD_SECONDS), 1))

    def _bucket(self, row: OutText) -> Bucket:
        return self._buckets.setdefault(self.gateway.sender_of(row), Bucket(self._rate))


class _Round:
    """One drain: the texts in hand, and those on their way."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.service = outbox.service
        self.hand: list[OutText] = []
        self.flying: set[asyncio.Task[None]] = set()
        self.handled = 0

    async def run(self) -> int:
        self.outbox.rests_until = None
        try:
            while True:
                await self._refill()
                until = await self._dispatch()
                if self.flying:
                    await self._land(LOOK_SECONDS)
                elif self.hand and until is not None and self.outbox.sleep is not None:
                    await self.outbox.sleep((until - self._now()).total_seconds())
                elif self.hand and until is not None:
                    self.outbox.rests_until = until
                    await self._put_back()
                    return self.handled
                elif not self.hand:
                    return self.handled
        except asyncio.CancelledError:
            # Who is cut off waits for no carrier: each text stays leased, and is looked up when its lease is over.
            for sending in self.flying:
                sending.cancel()
            raise
        finally:
            if self.flying:
                await asyncio.gather(*self.flying, return_exceptions=True)

    async def _refill(self) -> None:
        """Lease what may leave soon; one text alone to try whether a fault of our account is over."""
        outbox, now = self.outbox, self._now()
        stopped = self._stopped()
        if stopped is not None or not outbox.at_once:
            await self._put_back()
        room = min(outbox.batch(), outbox.at_once - len(self.flying)) - len(self.hand)
        if room <= 0:
            return
        if stopped is not None:
            if now < stopped.next_try or self.flying:
                outbox.rests_until = stopped.next_try
                return
            room = 1
        moment = self.service.store.next_moment()
        if moment is None or moment > now:
            return
        lease = timedelta(seconds=self.service.knowledge.rules.lease_seconds)
        # A number that has more to send than it can keeps nobody waiting who is texted from another.
        rows = await self.service.store.lease(now, room, lease, busy={row.sender for row in self.hand})
        # Of each recipient there is one at most, so the order within a conversation is not touched.
        self.hand = sorted([*self.hand, *rows], key=_turn)

    async def _dispatch(self) -> datetime | None:
        """Send what is in hand as far as the pace allows; gives the moment at which it allows the next."""
        waiting: list[OutText] = []
        until = None
        for row in self.hand:
            now = self._now()
            no = self._no(row, now)
            if no is not None:
                # What may have left already is looked up first, also when it must not go any more.
                left = row.unsure and no.why != PUT_BACK
                self._fly(self._send(row) if left else self._settle(no))
            elif (free := self.outbox.free_at(row, now)) > now:
                waiting.append(row)
                until = free if until is None else min(until, free)
            else:
                self.outbox.spend(row, now)
                self._fly(self._send(row))
        self.hand = waiting
        return until

    def _no(self, row: OutText, now: datetime) -> Withheld | None:
        """Opt-outs and quiet hours are looked at again at the last moment: things change while a text waits."""
        if row.leased_until is not None and row.leased_until - now < min(HEADROOM, self._lease() / 2):
            return Withheld(row.id, PUT_BACK, now)
        with self.service.store.reading() as reader:
            return withheld(reader, row, now, self.service.knowledge.rules)

    async def _put_back(self) -> None:
        for row in self.hand:
            await self.service.receive(Withheld(row.id, PUT_BACK, self._now()))
        self.hand = []

    async def _send(self, row: OutText) -> None:
        await self._settle(await self._attempt(row))

    async def _attempt(self, row: OutText) -> SendOutcome | Withheld:
        gateway = self.outbox.gateway
        if row.unsure and gateway.capabilities.looks_up:
            found = await gateway.look_up(row)
            if found is None:
                return SendOutcome(row.id, "unknown")
            if found.state == "taken":
                return found
        # Somebody may have opted out since this text was chosen, or while it was looked up.
        now = self._now()
        return self._no(row, now) or await gateway.send(at_carrier(row, now, self.service.knowledge.rules))

    async def _settle(self, outcome: SendOutcome | Withheld) -> None:
        await self.service.receive(outcome)

    def _fly(self, work: Awaitable[None]) -> None:
        self.flying.add(asyncio.ensure_future(work))
        self.handled += 1

    async def _land(self, seconds: float) -> None:
        landed, self.flying = await asyncio.wait(self.flying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        # Every task is asked: one whose fault nobody heard of would be complained about later, from anywhere.
        faults = [fault for task in landed if (fault := task.exception())]
        if faults:
            raise faults[0]

    def _stopped(self) -> halt.Halt | None:
        with self.service.store.reading() as reader:
            return halt.read(reader)

    def _lease(self) -> timedelta:
        return timedelta(seconds=self.service.knowledge.rules.lease_seconds)

    def _now(self) -> datetime:
        return self.service.clock.now()


def _turn(row: OutText) -> datetime:
    """When it is a text's turn among others that are ready."""
    return row.not_before + timedelta(seconds=lets_pass(row))
