"""A service that dies at a chosen moment, is started again on its file, and is brought what it had not acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from smsmentor.core.events import Event, Inbound, SendOutcome
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Fact, OutText, Text
from smsmentor.core.turn import Turn
from smsmentor.errors import StoreError
from smsmentor.gateways.simulator import Simulator
from smsmentor.ports import Gateway, SetClock
from smsmentor.rig import Rig
from smsmentor.service import Service
from smsmentor.stores.tinydb import TinyDBStore

EVENTS = ("Inbound", "Fired", "SendOutcome", "Receipt")
POINTS = (
    *(f"{when}-{event}" for event in EVENTS for when in ("before", "after")),
    *(
        "before-save",
        "before-sync",
        "after-save",
        "before-lease",
        "after-lease",
        "before-send",
        "after-send",
        "before-look-up",
    ),
)
"""Every step between receiving and settling. `save` is each commit to the disk, of whichever event."""


class Died(Exception):
    """The process is gone: nothing after this moment is done by it."""


class Doom:
    """Counts the points that are reached, and kills at the one that is wanted. Who is dead stays dead."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self.wanted: Callable[[str, int], bool] = lambda point, total: False
        self.dead = False
        self.deaths = 0

    def __call__(self, point: str) -> None:
        if not self.dead:
            self.reached[point] += 1
            if not self.wanted(point, self.reached.total()):
                return
            self.dead = True
            self.deaths += 1
        raise Died(point)


class MortalStore(TinyDBStore):
    """The real store, with points around each commit and each lease."""

    def __init__(self, path: Path, doom: Doom) -> None:
        super().__init__(path, crash=doom)
        # Nobody pulls the plug here: what was written is there for the next store of this process.
        self._connection.execute("PRAGMA synchronous = OFF")
        self.doom = doom

    async def lease(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()) -> Sequence[OutText]:
        self.doom("before-lease")
        rows = await super().lease(now, limit, lease, busy)
        self.doom("after-lease")
        return rows


class MortalService(Service):
    """The real service, with points before and after each event."""

    def __init__(self, store: MortalStore, clock: SetClock, knowledge: Knowledge) -> None:
        super().__init__(store, clock, knowledge)
        self.doom = store.doom

    async def receive(self, event: Event) -> Turn | None:
        name = type(event).__name__
        self.doom(f"before-{name}")
        turn = await super().receive(event)
        self.doom(f"after-{name}")
        return turn


class MortalGateway:
    """Simulated phones, with points around each call."""

    name = "mortal"

    def __init__(self, phones: Simulator, doom: Doom) -> None:
        self.phones = phones
        self.doom = doom
        self.capabilities = phones.capabilities
        self.missed, self.verify = phones.missed, phones.verify
        self.sender_of, self.close = phones.sender_of, phones.close

    async def send(self, text: OutText) -> SendOutcome:
        self.doom("before-send")
        outcome = await self.phones.send(text)
        self.doom("after-send")
        return outcome

    async def look_up(self, text: OutText) -> SendOutcome | None:
        self.doom("before-look-up")
        return await self.phones.look_up(text)


class FaultyRig(Rig):
    """A rig on a file whose service can die; the phones, and what the carrier knows, live on."""

    def __init__(self, path: Path, start: datetime, knowledge: Knowledge) -> None:
        self.path = path
        self.doom = Doom()
        self.accounts = Counter[str]()
        """How often each text was settled in a turn that was committed and seen."""
        self.waiting: list[Inbound] = []
        """Texts that the carrier has and we have not acknowledged."""
        self.acknowledged: set[str] = set()
        super().__init__(MortalStore(path, self.doom), SetClock(start), knowledge, reports=True)

    def use(self, store: object) -> None:
        assert isinstance(store, MortalStore)
        self.store = store
        super().use(store)
        self.service = MortalService(store, self.clock, self.knowledge)
        self.service.watchers = self.watchers
        self.outbox.service = self.service

    def gateway(self) -> Gateway:
        return MortalGateway(self.phones, self.doom)

    async def receive(self, event: Event) -> None:
        """Give the service that lives now an event."""
        await self.service.receive(event)

    async def say(self, *texts: tuple[str, str]) -> None:
        """Phones text at the same moment. Who gets no answer is brought again, as carriers do."""
        for phone, body in texts:
            self.waiting += self.phones.text(phone, body)
        await self.live(self._bring)

    async def text(self, sender: str, body: str, *, media: int = 0) -> None:
        self.waiting += self.phones.text(sender, body, media=media)
        await self.live(self._bring)

    async def pass_by(self, span: timedelta) -> None:
        """Let time pass, through whatever happens."""
        until = self.clock.now() + span
        await self.live(lambda: self.wait(max(until - self.clock.now(), timedelta(0))))

    async def live(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it; whenever the service dies, start it again, bring what was not acknowledged, and go on."""
        for _ in range(50):
            try:
                await work()
                if not self.waiting:
                    return
                await self._bring()
            except Died:
                self.restart()
            except StoreError:
                return
        raise AssertionError("it dies again and again")

    def restart(self) -> None:
        """A new process on the same file, at once."""
        self.store.close()
        self.doom.dead = False
        self.use(MortalStore(self.path, self.doom))

    async def _bring(self) -> None:
        before = list(self.waiting)
        answers = await asyncio.gather(*(self.service.receive(text) for text in before), return_exceptions=True)
        for text, answer in zip(before, answers, strict=True):
            if not isinstance(answer, BaseException):
                self.waiting.remove(text)
                self.acknowledged.add(text.id)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        await self.settle()

    def look(self) -> None:
        """The accounts: every acknowledged text is there once with one outcome, every text out reached a phone once."""
        with self.store.reading() as reader:
            texts = list(reader.all(Text))
            assert self.acknowledged <= {text.id for text in texts}, "an acknowledged text is lost"
            assert all(text.outcome for text in texts), "a text has no outcome"
            settled = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.settled")
            assert settled == Counter(text.id for text in texts), "the accounts do not add up"
            out = list(reader.all(OutText))
            assert not [row.text_id for row in out if row.pending], "a text is still waiting"
            provider_ids = Counter(row.provider_id for row in out if row.status in ("sent", "delivered"))
            shown = Counter(
                bubble.id for thread in self.phones.threads.values() for bubble in thread if bubble.direction == "out"
            )
            assert shown == provider_ids, "a text was sent twice, or without anybody knowing"

    def heard(self) -> dict[str, list[str]]:
        """What each phone has received, in order."""
        return {
            phone: [bubble.body for bubble in thread if bubble.direction == "out"]
            for phone, thread in self.phones.threads.items()
        }


def dies_at(point: str, count: int) -> Callable[[str, int], bool]:
    """Once, when this point is reached for the `count`th time."""
    reached = 0

    def wanted(name: str, total: int) -> bool:
        nonlocal reached
        reached += name == point
        return name == point and reached == count

    return wanted


def dies_now_and_then(dice: random.Random, mean: int) -> Callable[[str, int], bool]:
    """On average once in so many points."""
    return lambda point, total: dice.random() < 1 / mean
