"""A carrier that is worse than any real one, phones that answer, and the service between them on its own clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from smsmentor.catchup import CatchUp
from smsmentor.core.events import Act, Event, Inbound, Receipt, SendOutcome
from smsmentor.core.model import OutText
from smsmentor.core.turn import Turn
from smsmentor.errors import SmsmentorError
from smsmentor.outbox import Outbox
from smsmentor.ports import Capabilities, Missed, SetClock, Store
from smsmentor.service import Service
from smsmentor.ticker import fire_due
from tests.rigs import knowledge

START = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
CODE = re.compile(r"\b[A-Z]\d{2,4}\b")
QUESTIONS = (
    "how do i ask for a raise after a year",
    "my boss takes credit for my work. what do i say",
    "what do i wear to a talk at the bank",
    "is it ok to leave a job after three months",
    "how do i tell my team that i made a mistake",
)
ADVICE = (
    "say it the same day, calm, in one sentence",
    "write down what you did and bring it along",
    "ask what the first month looks like and listen. " * 6,
    "wait a week, then ask once — “politely”",
)


@dataclass
class Account:
    """What really happened, to be compared with what the service believes."""

    inbound: dict[str, str] = field(default_factory=dict)
    """Every text that a phone sent, by its id."""
    delivered: Counter[str] = field(default_factory=Counter)
    """How often each of our texts reached its phone, by its id."""
    gaps: dict[str, str] = field(default_factory=dict)
    """Our texts whose fate no program could know, and why: the documented gap."""
    to_opted_out: list[str] = field(default_factory=list)
    """Our texts that were handed over after their phone's opt-out was acknowledged."""
    sends: int = 0


class WildCarrier:
    """A `ports.Gateway`: delays, doubles, reorders, lies about success, hangs up before and after taking a text."""

    name = "wild"
    capabilities = Capabilities(looks_up=True, lists_inbound=True)

    def __init__(self, world: World) -> None:
        self.world = world
        self.taken: dict[str, str] = {}
        self.listed: list[Missed] = []
        self.opted_out: set[str] = set()
        self._ids = itertools.count(1)

    async def send(self, text: OutText) -> SendOutcome:
        world, dice = self.world, self.world.dice
        world.account.sends += 1
        if text.phone in world.acknowledged_stops and not text.farewell:
            world.account.to_opted_out.append(text.id)
        await asyncio.sleep(0)
        if world.suspended:
            return SendOutcome(text.id, "later", code=30002, account_wide=True)
        if text.phone in self.opted_out and dice.random() < 0.8:
            return SendOutcome(text.id, "refused", code=21610)
        if text.phone in self.opted_out:
            # Advanced opt-out says so only afterwards.
            provider_id = self._new_id()
            self._report(provider_id, "undelivered", 21610)
            return SendOutcome(text.id, "taken", provider_id)
        roll = dice.random()
        if roll < 0.02:
            return SendOutcome(text.id, "later", code=20429)
        if roll < 0.04:
            return SendOutcome(text.id, "unknown")
        if roll < 0.042:
            # Given up here, taken there after the look-up: nobody can prevent that it is sent twice.
            world.account.gaps[text.id] = "taken after it was looked up"
            world.after(dice.uniform(200, 400), lambda: self._arrive_late(text))
            return SendOutcome(text.id, "unknown")
        if roll < 0.045:
            world.account.gaps[text.id] = "said to be taken, and lost"
            lost = self._new_id()
            if dice.random() < 0.5:
                self._report(lost, "delivered")
            return SendOutcome(text.id, "taken", lost)
        provider_id = self._take(text)
        if roll < 0.07:
            return SendOutcome(text.id, "unknown")
        if roll < 0.15:
            words = ("queued", "sent", "delivered") if world.account.delivered[text.id] else ("queued", "sent")
            await world.service.receive(Receipt(provider_id, dice.choice(words)))
        return SendOutcome(text.id, "taken", provider_id)

    async def look_up(self, text: OutText) -> SendOutcome | None:
        await asyncio.sleep(0)
        if self.world.dice.random() < 0.1:
            return None
        provider_id = self.taken.get(text.id)
        return SendOutcome(text.id, "taken", provider_id) if provider_id else SendOutcome(text.id, "later")

    async def missed(self, since: datetime) -> Sequence[Missed]:
        if self.world.dice.random() < 0.2:
            raise SmsmentorError("The carrier's list cannot be read: HTTP 503.")
        return self.listed[bisect_left(self.listed, since, key=lambda text: text.at) :]

    async def verify(self, inbound: Inbound) -> bool:
        return inbound.id in self.world.account.inbound

    def sender_of(self, text: OutText) -> str:
        return ""

    async def close(self) -> None:
        """Nothing to let go of."""

    def text(self, sender: str, body: str) -> None:
        """A phone sends a text: delayed, doubled, or never brought to the webhook."""
        world, dice = self.world, self.world.dice
        inbound = Inbound(self._new_id(), sender, body, world.clock.now())
        world.account.inbound[inbound.id] = body
        self.listed.append(Missed(inbound.id, sender, body, inbound.at))
        if body == "STOP":
            self.opted_out.add(sender)
        elif body == "START":
            self.opted_out.discard(sender)
        for _ in range(dice.choices((0, 1, 2, 3), (5, 85, 8, 2))[0]):
            world.after(dice.expovariate(0.5), lambda: world.bring(inbound))

    def _take(self, text: OutText) -> str:
        provider_id = self._new_id()
        self.taken[text.id] = provider_id
        self._deliver(text, provider_id)
        return provider_id

    async def _arrive_late(self, text: OutText) -> None:
        self._deliver(text, self._new_id())

    def _deliver(self, text: OutText, provider_id: str) -> None:
        world, dice = self.world, self.world.dice
        roll = dice.random()
        if roll < 0.02:
            # Reported as not delivered, and true: for some codes the service sends the words again in another row.
            self._report(
                provider_id, "undelivered", dice.choices((30003, 30008, 30007, 30005, 30006), (9, 9, 4, 1, 1))[0]
            )
            return
        if roll < 0.03:
            self._report(self._new_id(), dice.choice(("sent", "delivered", "undelivered")))  # of somebody else's text
        world.account.delivered[text.id] += 1
        if text.farewell:
            return
        for status in ("queued", "sent", "delivered"):
            for _ in range(dice.choices((0, 1, 2), (10, 80, 10))[0]):
                self._report(provider_id, status)
        world.phones.hears(text)

    def _report(self, provider_id: str, status: str, code: int = 0) -> None:
        report = Receipt(provider_id, status, code)
        self.world.after(self.world.dice.expovariate(0.1), lambda: self.world.report(report))

    def _new_id(self) -> str:
        return f"SM{next(self._ids):032x}"


class Phones:
    """People with phones: they ask, answer, pass, go on, leave and come back."""

    def __init__(self, world: World) -> None:
        self.world = world

    def hears(self, text: OutText) -> None:
        """Somebody reads a text, and may answer in a while."""
        answer = self._answer(text)
        if answer:
            self.world.after(self.world.dice.uniform(20, 3000), lambda: self._texts(text.phone, answer))

    async def _texts(self, phone: str, body: str) -> None:
        self.world.carrier.text(phone, body)
        if body == "STOP":
            self.world.after(self.world.dice.uniform(3000, 9000), lambda: self._texts(phone, "START"))
        if body == "START":
            self.world.after(self.world.dice.uniform(300, 600), lambda: self._texts(phone, "BACK"))

    def _answer(self, text: OutText) -> str:
        dice, kind = self.world.dice, text.text_id
        found = CODE.search(text.body)
        code = found.group() if found else ""
        roll = dice.random()
        if roll < 0.01:
            return "STOP"
        if kind in ("offer.new", "offer.taken_over"):
            return "" if roll < 0.3 else f"PASS {code}" if roll < 0.4 else f"{code} {dice.choice(ADVICE)}"
        if kind == "thread.asks":
            return f"{code} {dice.choice(ADVICE)}"
        if kind == "advice.first":
            return dice.choice(("DONE", "MORE A and how do i begin", "thanks, what then", "MORE", ""))
        if kind in ("rate.one", "rate.many"):
            return "3" if kind == "rate.one" else "3 4"
        if kind in ("hold.ask", "code.unknown"):
            return dice.choice(("1", "0", ""))
        return ""


class World:
    """Clock, carrier, phones and service; one seed plays the same each time."""

    def __init__(self, seed: int, store: Store) -> None:
        self.dice = random.Random(seed)
        self.clock = SetClock(START)
        self.account = Account()
        self.carrier = WildCarrier(self)
        self.phones = Phones(self)
        self.suspended = False
        self.acknowledged_stops: set[str] = set()
        limits = {"offers_a_day": "40", "offers_a_week": "200", "open_limit": "4", "cooldown_hours": "0"}
        self.service = Service(store, self.clock, knowledge({**limits, "quiet_from": "00:00", "quiet_until": "00:00"}))
        self.service.watchers.append(self._acknowledged)
        self._words: dict[str, tuple[datetime, str]] = {}
        self.outbox = Outbox(self.service, self.carrier)
        self.catch_up = CatchUp(self.service, self.carrier)
        self._plan: list[tuple[datetime, int, Callable[[], Awaitable[Any]]]] = []
        self._count = itertools.count()

    def after(self, seconds: float, do: Callable[[], Awaitable[Any]]) -> None:
        """Do something later."""
        heapq.heappush(self._plan, (self.clock.now() + timedelta(seconds=seconds), next(self._count), do))

    async def bring(self, inbound: Inbound) -> None:
        """The webhook is called, and answers once the text is kept."""
        await self.service.receive(inbound)

    def _acknowledged(self, event: Event, turn: Turn) -> None:
        """An opt-out or opt-in is kept, by whichever way it came: of several the one that was written last counts."""
        if isinstance(event, Inbound) and event.body in ("STOP", "START"):
            last = max((event.at, event.body), self._words.get(event.sender, (START, "START")))
            self._words[event.sender] = last
            if last[1] == "STOP":
                self.acknowledged_stops.add(event.sender)
            else:
                self.acknowledged_stops.discard(event.sender)

    async def report(self, receipt: Receipt) -> None:
        """The status callback is called."""
        await self.service.receive(receipt)

    async def _suspend(self) -> None:
        self.suspended = True

    async def _mend(self) -> None:
        self.suspended = False

    async def _look(self) -> None:
        await self.catch_up.run()
        self.after(900, self._look)

    async def play(self, conversations: int, *, seconds_between: float = 60.0) -> None:
        """Let so many people ask, and go on until all is said."""
        for number in range(60 + conversations // 30):
            args = {
                "phone": _phone(1, number),
                "alias": f"M{number}",
                "consented": START,
                "field": f"field {number % 7}",
            }
            await self.service.receive(Act(f"mentor:{number}", "mentor", args, by="import"))
        await self.service.receive(Act("operator", "operator", {"phone": _phone(0, 0), "alias": "Opa"}, by="import"))
        await self._look()
        for number in range(conversations):
            phone, question = _phone(2, number), self.dice.choice(QUESTIONS)
            asks = self.dice.uniform(0, conversations * seconds_between)
            self.after(asks, lambda phone=phone, question=question: self._asks(phone, question))  # type: ignore[misc]
        for _ in range(1 + conversations // 1000):
            begins = self.dice.uniform(0, conversations * seconds_between)
            self.after(begins, self._suspend)
            self.after(begins + 600, self._mend)
        await self._run(
            START + timedelta(seconds=conversations * seconds_between) + timedelta(days=16)
        )  # the check-in comes a week after a close

    async def _asks(self, phone: str, question: str) -> None:
        self.carrier.text(phone, question)

    async def _run(self, until: datetime) -> None:
        while self.clock.now() < until:
            due = []
            while self._plan and self._plan[0][0] <= self.clock.now():
                due.append(heapq.heappop(self._plan)[2])
            await asyncio.gather(fire_due(self.service), self.outbox.drain(), *(do() for do in due))
            moments = [m for m in (self.outbox.next_moment(), self._plan[0][0] if self._plan else None) if m]
            ahead = min(moments, default=until)
            self.clock.move(min(max(ahead, self.clock.now() + timedelta(milliseconds=1)), until))


def _phone(kind: int, number: int) -> str:
    """A number that no carrier knows: each area code has a hundred that are kept for fiction."""
    return f"+1{200 + kind * 300 + number // 100:03d}5550{100 + number % 100}"
