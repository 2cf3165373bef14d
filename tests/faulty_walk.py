"""The walk on a service that dies at random points, against a simple model: where each thought went, and how often.

The model knows nothing of the service. Every free text carries a mark that nobody else has; what phones show in the
end says whether it arrived, and whether twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

from smsmentor.core.model import Fact, Text
from smsmentor.ports import Reader
from smsmentor.rig import Rig
from tests.faulty import FaultyRig, dies_now_and_then
from tests.walk import ANSWERS, QUESTIONS, Walk

PASSED_ON = ("offer.new", "advice.first", "advice.more", "advice.late", "thread.asks")
"""The texts that carry another's words: a phone shows the same words in each of them once."""
PARTING = ("STOP", "stop texting", "unsubscribe", "FORGET", "BLOCK", "REPORT", "PAUSE", "pause", "anymore", "idiot")
"""Words after which what was on its way to somebody may rightly stay away."""

DEATHS_A_STEP = 4


class FaultyWalk(Walk):
    """One walk with sudden deaths, some clock steps and late receipts. Without `partings` every thought must arrive."""

    rig: FaultyRig

    def __init__(self, rig: FaultyRig, seed: int, *, partings: bool) -> None:
        super().__init__(rig, seed, _restart)
        self.partings = partings
        self.marks: dict[str, str] = {}
        """By mark: the id of the text that it came in."""
        self.doom = random.Random(seed + 1)
        self.most_deaths = 0

    async def run(self, steps: int) -> None:
        await super().run(steps)
        self._look_at_marks()

    async def _cast(self) -> None:
        await super()._cast()
        now_and_then = dies_now_and_then(self.doom, self.doom.choice((15, 40, 120)))
        self.rig.doom.wanted = lambda point, total: (
            self.rig.doom.deaths < self.most_deaths and now_and_then(point, total)
        )

    async def _acknowledge(self) -> None:
        self.rig.doom.wanted = lambda point, total: False
        await super()._acknowledge()

    async def _do(self, work: Callable[[], Awaitable[object]]) -> None:
        deaths = self.rig.doom.deaths
        self.most_deaths = deaths + DEATHS_A_STEP
        await self.rig.live(work)
        self.told += ["! crash"] * (self.rig.doom.deaths - deaths)

    async def _text(self) -> None:
        known = set(self.marks)
        await self._do(super()._text)
        for mark in self.marks.keys() - known:
            assert self.rig.phones.last_inbound is not None
            self.marks[mark] = self.rig.phones.last_inbound.id

    def _words(self, name: str) -> str:
        words = super()._words(name)
        while not self.partings and any(part in words for part in PARTING):
            words = super()._words(name)
        if not any(said in words for said in (*QUESTIONS, *ANSWERS)):
            return words
        mark = f"zq{len(self.marks)}"
        self.marks[mark] = ""
        return f"{words} {mark}"

    async def _wait(self, span: timedelta) -> None:
        self.told.append(f"@ +{int(span.total_seconds())}s")
        await self._do(lambda: self.rig.pass_by(span))
        if self.dice.random() < 0.05:
            step = timedelta(minutes=self.dice.choice((-60, -5, 5, 60)))
            self.told.append(f"# the clock steps by {step}")
            self.rig.clock.move(self.rig.clock.now() + step)

    def _look_at_account(self, reader: Reader) -> None:
        """Who died after a commit has told nobody: the facts are the account."""
        texts = Counter(text.id for text in reader.all(Text) if text.outcome)
        settled = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.settled")
        self._demand(self.rig.acknowledged <= texts.keys(), "an acknowledged text is lost")
        self._demand(settled == texts, "an inbound text has not exactly one outcome")

    def _look_at_marks(self) -> None:
        shown = Counter[tuple[str, str, str]]()
        for phone, thread in self.rig.phones.threads.items():
            for bubble in thread:
                if bubble.direction == "out" and bubble.status in ("sent", "delivered"):
                    words = bubble.body.replace('"', " ").split()
                    shown.update((mark, bubble.text_id, phone) for mark in self.marks if mark in words)
        twice = [seen for seen, count in shown.items() if count > 1 and seen[1] in PASSED_ON]
        self._demand(not twice, f"shown twice: {twice}")
        arrived = {mark for mark, text_id, _ in shown if text_id in PASSED_ON}
        with self.rig.store.reading() as reader:
            relayed = {t.id for t in reader.all(Text) if t.outcome == "relayed" and not t.detail}
        lost = sorted(mark for mark, id in self.marks.items() if id in relayed and mark not in arrived)
        self._demand(self.partings or not lost, f"never arrived: {lost}")


async def _restart(rig: Rig) -> None:
    assert isinstance(rig, FaultyRig)
    rig.restart()
