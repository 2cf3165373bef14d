"""An outbox with a gateway whose answers are told beforehand, for tests of the way out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from smsmentor.core.events import Inbound, SendOutcome
from smsmentor.core.making import replace
from smsmentor.core.model import Fact, Member, OutText
from smsmentor.outbox import Outbox
from smsmentor.ports import Capabilities, Changes, Missed, SetClock
from smsmentor.service import Service
from smsmentor.stores.memory import MemoryStore
from smsmentor.ticker import fire_due
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, BEN = "+12125550101", "+12125550102"
State = Literal["taken", "refused", "later", "unknown"]


class Scripted:
    """A gateway whose answers are told beforehand, by the words of the text; all others are taken."""

    name = "scripted"

    def __init__(self, *, rate: float = 0.0, looks_up: bool = True) -> None:
        self.capabilities = Capabilities(looks_up=looks_up, segments_per_second=rate)
        self.answers: dict[str, list[SendOutcome]] = {}
        self.found: dict[str, SendOutcome | None] = {}
        self.waits: dict[str, asyncio.Event] = {}
        self.sent: list[str] = []
        self.looked_up: list[str] = []
        self.account = 0

    async def send(self, text: OutText) -> SendOutcome:
        self.sent.append(text.body)
        if wait := self.waits.get(text.body):
            await wait.wait()
        if self.account:
            return SendOutcome(text.id, "later", code=self.account, account_wide=True)
        if answers := self.answers.get(text.body):
            return replace(answers.pop(0), text=text.id)
        return SendOutcome(text.id, "taken", f"SM-{len(self.sent)}")

    async def look_up(self, text: OutText) -> SendOutcome | None:
        self.looked_up.append(text.body)
        found = self.found.get(text.body, SendOutcome(text.id, "later"))
        return replace(found, text=text.id) if found else None

    async def missed(self, since: datetime) -> Sequence[Missed]:
        return ()

    async def verify(self, inbound: Inbound) -> bool:
        return True

    def sender_of(self, text: OutText) -> str:
        return text.sender

    async def close(self) -> None:
        """Nothing to let go of."""


def answer(state: State, code: int = 0, provider_id: str = "") -> SendOutcome:
    return SendOutcome("", state, provider_id, code)


class House:
    """An outbox with members and texts put straight into the store."""

    def __init__(self, gateway: Scripted | None = None, **settings: str) -> None:
        self.clock = SetClock(NOON)
        self.store = MemoryStore()
        self.gateway = gateway or Scripted()
        self.service = Service(self.store, self.clock, knowledge(settings))
        self.outbox = Outbox(self.service, self.gateway, sleep=self.sleep)
        self.times: list[tuple[str, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.clock.move(self.clock.now() + timedelta(seconds=seconds))

    async def put(
        self,
        *bodies: str,
        to: str = ANA,
        segments: int = 1,
        sender: str = "",
        direct: bool = True,
        text_id: str = "advice.more",
        request: str = "",
    ) -> None:
        with self.store.reading() as reader:
            member = reader.get(Member, f"m{to}") or Member(f"m{to}", to, NOON)
        known = len(self.texts())
        texts = [
            OutText(f"o-{known + n:04d}", member.id, to, body, text_id, segments, "GSM-7", self.clock.now(),
                    self.clock.now(), direct=direct, sender=sender, request=request)
            for n, body in enumerate(bodies)
        ]  # fmt: skip
        await self.store.transact(None, lambda _: Changes((member, *texts)), now=self.clock.now())

    def texts(self) -> dict[str, OutText]:
        with self.store.reading() as reader:
            return {t.body: t for t in reader.all(OutText)}

    def rows(self) -> list[OutText]:
        with self.store.reading() as reader:
            return list(reader.all(OutText))

    async def forget_waiting(self) -> None:
        """What would be sent later never is."""
        waiting = [(OutText, text.id) for text in self.texts().values() if text.pending]
        await self.store.transact(None, lambda _: Changes((), waiting), now=self.clock.now())

    def statuses(self) -> Counter[str]:
        return Counter(t.status for t in self.texts().values())

    def facts(self, name: str) -> list[Fact]:
        with self.store.reading() as reader:
            return [f for f in reader.all(Fact) if f.fact == name]

    async def pass_time(self, span: timedelta) -> None:
        """Fire timers and drain at each moment at which there is something to do."""
        until = self.clock.now() + span
        await self.outbox.drain()
        for _ in range(2000):
            moment = self.outbox.next_moment()
            if moment is None or moment > until:
                self.clock.move(until)
                return
            self.clock.move(max(moment, self.clock.now()))
            await fire_due(self.service)
            await self.outbox.drain()
        raise AssertionError("the outbox is never at rest")


def play(story: Callable[[House], Awaitable[None]], gateway: Scripted | None = None, **settings: str) -> None:
    async def played() -> None:
        await asyncio.wait_for(story(House(gateway, **settings)), 120)

    asyncio.run(played())
