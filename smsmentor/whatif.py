"""What if a setting had been another: last month played again through the core, on the facts alone.

Nothing that anybody wrote is read. A mentor who was asked a question then does now what they did then; asked another,
they answer as often and as fast as their own facts say, and the pool's where those are few. Chance is drawn from mentor
and request, so that two plays differ by the settings only. Loads and pauses start level.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, cast

from smsmentor.core import panel, pool, requests
from smsmentor.core.commands import mentoring
from smsmentor.core.decide import decide
from smsmentor.core.events import Fired
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Fact, Member, Offer, OutText, Record, Request
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.ports import Changes, Reader
from smsmentor.stores.memory import MemoryStore

DAY = timedelta(days=1)
FEW = 5.0
"""The pool's habits weigh as much as so many offers of a mentor's own."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a play gave. Minutes from the question to its first answer; one without counts as a day."""

    requests: int
    answered: int
    median_minutes: float
    p90_minutes: float
    texts_a_mentor_and_week: float
    segments: int


@dataclass(frozen=True, slots=True)
class Month:
    """The facts of a span: who asked when about what, and what each mentor did with each offer."""

    since: datetime
    until: datetime
    asked: tuple[tuple[datetime, str, tuple[str, ...]], ...]
    """Moment, mentee, topics; their number is the request's."""
    did: Mapping[tuple[str, int], tuple[str, float]]
    """Mentor and request to `answer`, `pass` or `silence`, and the minutes it took."""
    people: tuple[Member, ...]


def month(reader: Reader, until: datetime, days: int = 30) -> Month:
    """Read a span that ends at `until` from the facts."""
    since = until - timedelta(days=days)
    opened = [f for f in reader.walk(Fact, "fact", "request.opened") if since <= f.at < until]
    numbers = {f.data["request"]: number for number, f in enumerate(opened)}
    asked = tuple((f.at, str(f.data["member"]), tuple(f.data.get("topics", ()))) for f in opened)
    made: dict[tuple[str, int], datetime] = {}
    did: dict[tuple[str, int], tuple[str, float]] = {}
    for fact, what in (("offer.made", "silence"), ("offer.passed", "pass"), ("advice.relayed", "answer")):
        for f in reader.walk(Fact, "fact", fact):
            number = numbers.get(f.data["request"])
            if number is None:
                continue
            key = (str(f.data["member"]), number)
            made.setdefault(key, f.at)
            did[key] = (what, (f.at - made[key]) / timedelta(minutes=1))
    return Month(since, until, asked, did, tuple(m for m in reader.all(Member) if m.state == "active"))


def compare(
    reader: Reader, knowledge: Knowledge, changed: Rules, until: datetime, days: int = 30
) -> tuple[Played, Played]:
    """The span as it is set now, and with other rules."""
    span = month(reader, until, days)
    return play(span, knowledge), play(span, replace(knowledge, rules=changed))


def play(span: Month, knowledge: Knowledge) -> Played:
    """Play a span with the rules of this knowledge."""
    return _Play(span, knowledge).run()


class _Play:
    def __init__(self, span: Month, knowledge: Knowledge) -> None:
        self.span = span
        self.knowledge = replace(knowledge, topics=cast(Any, _NumberedTopics(span, knowledge)))
        self.store = MemoryStore()
        self.now = span.since
        self.number: dict[str, int] = {}
        self.first: dict[int, float] = {}
        self.segments = self.offers = self._count = 0
        self._heap: list[tuple[datetime, int, Callable[[Turn], Any]]] = []
        done = [what for what, _ in span.did.values()]
        self.habit = {what: (done.count(what) + 1) / (len(done) + 4) for what in ("answer", "pass")}
        self.speed = sorted(minutes for what, minutes in span.did.values() if what == "answer") or [15.0]

    def run(self) -> Played:
        people = {m.id: m for m in self.span.people}
        mentors = [replace(m, paused=False, paused_until=None) for m in people.values() if m.mentor]
        for mentor in mentors:
            self._do(lambda turn, m=mentor: (turn.save(m), pool.stand(turn, m)))  # type: ignore[misc, func-returns-value]
        for number, (at, mentee, _) in enumerate(self.span.asked):
            member = people.get(mentee) or Member(mentee, "", at)
            self._at(at, lambda turn, n=number, m=member: self._ask(turn, n, m))  # type: ignore[misc]
        self._until(self.span.until + DAY)
        waits = sorted(min(self.first.get(n, 1440.0), 1440.0) for n in range(len(self.span.asked))) or [0.0]
        weeks = (self.span.until - self.span.since) / timedelta(days=7)
        return Played(
            len(self.span.asked),
            len(self.first),
            round(waits[len(waits) // 2], 1),
            round(waits[min(int(0.9 * len(waits)), len(waits) - 1)], 1),
            round(self.offers / max(len(mentors), 1) / weeks, 2),
            self.segments,
        )

    def _ask(self, turn: Turn, number: int, member: Member) -> None:
        mentee = turn.get(Member, member.id) or turn.save(replace(member, checkins=False))
        outcome = requests.begin(turn, mentee, f"question {number} of the span", thin=False)
        self.number[outcome.request] = number

    def _until(self, end: datetime) -> None:
        while True:
            due = asyncio.run(self.store.due(end, 1))
            timer = due[0].due if due else end
            event = self._heap[0][0] if self._heap else end
            if min(timer, event) >= end:
                return
            self.now = max(min(timer, event), self.now)
            if event < timer:
                self._do(heapq.heappop(self._heap)[2])
            else:
                fired = Fired(due[0].id, due[0].kind, due[0].subject, due[0].due)
                self._do(lambda turn, fired=fired: decide(turn, fired))  # type: ignore[misc]

    def _at(self, when: datetime, act: Callable[[Turn], Any]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, act))

    def _do(self, act: Callable[[Turn], Any]) -> None:
        self._count += 1
        done: list[Turn] = []

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, self.now, f"what-if {self._count}", self.knowledge)
            act(turn)
            done[:] = [turn]
            puts: list[Record] = [r for r in turn.puts() if not isinstance(r, OutText | Fact)]
            return Changes(puts, turn.drops())

        asyncio.run(self.store.transact(None, step, now=self.now))
        for fact in done[0].facts:
            if fact.fact == "request.answered":
                number = self.number[fact.data["request"]]
                self.first[number] = (self.now - self.span.asked[number][0]) / timedelta(minutes=1)
            elif fact.fact == "offer.made":
                self.offers += 1
                self._reacts(str(fact.data["member"]), str(fact.data["request"]))
        self.segments += sum(text.segments for text in done[0].texts)

    def _reacts(self, mentor: str, request: str) -> None:
        number = self.number[request]
        what, minutes = self.span.did.get((mentor, number)) or self._guess(mentor, number)
        if what == "silence":
            return

        def act(turn: Turn) -> None:
            offer, member = turn.need(Offer, f"{request}:{mentor}"), turn.need(Member, mentor)
            if offer.status not in ("sent", "lapsed") or offer.late:
                return
            if what == "answer":
                panel.answer(turn, member, offer, "an answer")
            else:
                mentoring.passed(turn, member, offer, turn.need(Request, request), None)

        self._at(self.now + timedelta(minutes=max(minutes, 0.1)), act)

    def _guess(self, mentor: str, number: int) -> tuple[str, float]:
        own = [did for (who, _), did in self.span.did.items() if who == mentor]
        chances = {
            what: (sum(did == what for did, _ in own) + FEW * self.habit[what]) / (len(own) + FEW)
            for what in ("answer", "pass")
        }
        chance, quick = _draw(mentor, number, "what"), _draw(mentor, number, "when")
        speeds = sorted(minutes for did, minutes in own if did == "answer")
        speeds = speeds if len(speeds) >= FEW else self.speed
        minutes = speeds[int(quick * len(speeds))]
        if chance < chances["answer"]:
            return "answer", minutes
        return ("pass", minutes) if chance < chances["answer"] + chances["pass"] else ("silence", 0.0)


class _NumberedTopics:
    """The topics that the facts give to a question, which stands here by its number."""

    def __init__(self, span: Month, knowledge: Knowledge) -> None:
        self._asked = span.asked
        self._topics = knowledge.topics

    def best(self, question: str) -> SimpleNamespace | None:
        topics = self._asked[int(question.split(" ")[1])][2]
        return SimpleNamespace(topic=topics[0]) if topics else None

    def label(self, topic: str, language: str = "en") -> str:
        return self._topics.label(topic, language)

    def own(self, skills: str) -> tuple[str, ...]:
        return ()


def _draw(mentor: str, number: int, what: str) -> float:
    return int.from_bytes(blake2b(f"{mentor}|{number}|{what}".encode(), digest_size=6).digest()) / 2**48
