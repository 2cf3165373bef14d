"""What if a setting had been another: last month played again through the core, on the facts alone (`smsmentor.month`).

A mentor who was asked a question then does now what they did then; asked another, they answer as often and as fast as
their own facts say, and the pool's where those are few. Chance is drawn from mentor and question, so that two plays
differ by the settings only. Loads start level. Follow-ups and MORE are not played, and questions have stand-in words.
"""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from smsmentor.core import panel, pool, requests
from smsmentor.core.budget import month_of, spent
from smsmentor.core.commands import mentoring
from smsmentor.core.decide import decide
from smsmentor.core.events import Fired
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.making import replace
from smsmentor.core.model import Fact, Member, Offer, OutText, Record, Request, Tally, Wave
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.month import Did, Month, month
from smsmentor.ports import Changes, Reader
from smsmentor.stores.memory import MemoryStore

DAY = timedelta(days=1)
FEW = 5.0
"""The pool's habits weigh as much as so many offers of a mentor's own."""
WORDS = "and what would you say to them in my place, as I do not want to lose the job over it?"
"""What follows a question's number: about as long as questions are, so that offers cost about what they cost."""
MANY = 1_000_000
FELT = frozenset(
    {
        *("places", "outside_hold_minutes", "expiry_hours", "notes_after_minutes", "gather_seconds", "zone"),
        *("quiet_from", "quiet_until", "patience_minutes", "patience_growth", "patience_longest_minutes"),
        *("patience_half_life_hours", "patience_after_answer", "spare_hours", "spare_hours_after_answer"),
        *("same_pair_days", "offers_a_day", "offers_a_week", "open_limit", "cooldown_hours", "silence_hours"),
        *("silent_offers_pause", "thread_rest_hours", "retry_minutes", "monthly_segments"),
    }
)
"""The rules that a play can feel."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a play gave. A question without an answer counts as a day of waiting; one taken back is left out."""

    questions: int
    answered: float
    """The share with an answer."""
    median_minutes: float
    p90_minutes: float
    texts_a_mentor_and_week: float
    segments: int


class Compared(NamedTuple):
    """A span as its facts have it, as played with the present settings, and with the changed ones."""

    month: Month
    now: Played
    changed: Played

    @property
    def truly(self) -> tuple[float, float, float]:
        """As it really was: the share answered, and the median and 90th percentile of the minutes."""
        unanswered = {n for n, ended in self.month.ended.items() if not ended.answered}
        return figures([wait for number, wait in enumerate(self.month.waits) if number not in unanswered])

    @property
    def taken_back(self) -> int:
        """Questions that were ended before anybody had answered: they count in no share."""
        return sum(not ended.answered for ended in self.month.ended.values())

    @property
    def difference(self) -> dict[str, float]:
        """What the change adds to each figure."""
        now, changed = asdict(self.now), asdict(self.changed)
        return {name: round(changed[name] - now[name], 3) for name in now}


def compare(reader: Reader, knowledge: Knowledge, changed: Rules, until: datetime, days: int = 30) -> Compared:
    """The span as it is set now, and with other rules."""
    span = month(reader, until, days)
    return Compared(span, play(span, knowledge), play(span, dataclasses.replace(knowledge, rules=changed)))


def play(span: Month, knowledge: Knowledge) -> Played:
    """Play a span with the rules of this knowledge."""
    return asyncio.run(_Play(span, knowledge).run())


def figures(waits: list[float | None]) -> tuple[float, float, float]:
    """The share answered, and the median and 90th percentile of the minutes to a first answer."""
    if not waits:
        return 0.0, 0.0, 0.0
    ordered = sorted(min(1440.0 if wait is None else wait, 1440.0) for wait in waits)
    answered = sum(wait is not None for wait in waits) / len(waits)
    return round(answered, 3), round(ordered[len(ordered) // 2], 1), round(ordered[int(0.9 * len(ordered))], 1)


class _Play:
    def __init__(self, span: Month, knowledge: Knowledge) -> None:
        self.span = span
        # Each draft of the span has its request already: here nobody has too many questions open, or in a day.
        rules = dataclasses.replace(knowledge.rules, open_requests=MANY, questions_a_day=0)
        self.knowledge = dataclasses.replace(knowledge, rules=rules, topics=cast(Any, _NoTopics(knowledge)))
        self.store = MemoryStore()
        self.now = span.since
        self.number: dict[str, int] = {}
        self.request: dict[int, str] = {}
        self.first: dict[int, float] = {}
        self.taken_back: set[int] = set()
        self.pauses = Counter[str]()
        self.segments = self.texts = self._count = 0
        self._heap: list[tuple[datetime, int, Callable[[Turn], Any]]] = []
        self._mentors = frozenset(member.id for member in span.people if member.mentor)
        dids = list(span.did.values())
        counts = {what: sum(did.what == what for did in dids) for what in ("answer", "pass")}
        self.habit = {what: (count + 1) / (len(dids) + 4) for what, count in counts.items()}
        self.speed = sorted(did.minutes for did in dids if did.what == "answer") or [15.0]

    async def run(self) -> Played:
        span = self.span
        people = {member.id: member for member in span.people}
        for member in span.people:
            if member.mentor:
                self._at(max(member.joined, span.since), partial(self._joins, member=member))
        for away in span.away:
            if away.mentor in self._mentors:
                self._at(max(away.since, span.since), partial(self._leaves, mentor=away.mentor))
                if away.until is not None and away.until < span.until:
                    self._at(away.until, partial(self._returns, mentor=away.mentor))
        for number, asked in enumerate(span.asked):
            mentee = people.get(asked.mentee) or Member(asked.mentee, "", asked.at, checkins=False)
            self._at(asked.at, partial(self._asks, number=number, mentee=mentee))
            ended = span.ended.get(number)
            if ended is not None and not ended.answered:
                self._at(asked.at + timedelta(minutes=ended.minutes), partial(self._ends, number=number))
        await self._until(span.until + DAY)
        waits = [self.first.get(number) for number in range(len(span.asked)) if number not in self.taken_back]
        weeks = max(span.until - span.since, DAY) / timedelta(days=7)  # a day is played beyond its end
        texts = round(self.texts / max(len(self._mentors), 1) / weeks, 2)
        return Played(len(waits), *figures(waits), texts, self.segments)

    # What people do

    def _joins(self, turn: Turn, member: Member) -> None:
        turn.save(member)
        pool.stand(turn, member)

    def _leaves(self, turn: Turn, mentor: str) -> None:
        if turn.get(Member, mentor) is not None:
            mentoring.pause(turn, turn.need(Member, mentor), None)

    def _returns(self, turn: Turn, mentor: str) -> None:
        if turn.get(Member, mentor) is not None:
            mentoring.back(turn, turn.need(Member, mentor))

    def _asks(self, turn: Turn, number: int, mentee: Member) -> None:
        known = turn.get(Member, mentee.id) or turn.save(mentee)
        request = requests.begin(turn, known, f"question {number}: {WORDS}", thin=False).request
        asked = self.span.asked[number]
        turn.save(replace(turn.need(Request, request), topics=asked.topics, skills=asked.skills))
        self.number[request], self.request[number] = number, request

    def _ends(self, turn: Turn, number: int) -> None:
        request = turn.need(Request, self.request[number])
        if request.status != "closed":
            requests.close(turn, request, "done" if request.answers else "withdrawn")
            if not request.answers:
                self.taken_back.add(number)

    def _replies(self, turn: Turn, mentor: str, request: str, what: str) -> None:
        offer, member = turn.need(Offer, f"{request}:{mentor}"), turn.need(Member, mentor)
        if offer.status not in ("sent", "lapsed") or offer.late:
            return
        if what == "answer":
            panel.answer(turn, member, offer, WORDS)
        else:
            mentoring.passed(turn, member, offer, turn.need(Request, request), None)

    def _guess(self, mentor: str, number: int) -> Did:
        own = self.span.by_mentor.get(mentor, ())
        chances = {
            what: (sum(did.what == what for did in own) + FEW * self.habit[what]) / (len(own) + FEW)
            for what in ("answer", "pass")
        }
        chance, quick = _draw(mentor, number, "what"), _draw(mentor, number, "when")
        speeds = sorted(did.minutes for did in own if did.what == "answer")
        speeds = speeds if len(speeds) >= FEW else self.speed
        minutes = speeds[int(quick * len(speeds))]
        if chance < chances["answer"]:
            return Did("answer", minutes)
        return Did("pass", minutes) if chance < chances["answer"] + chances["pass"] else Did("silence")

    # The machinery

    async def _until(self, end: datetime) -> None:
        while True:
            due = await self.store.due(end, 1)
            timer = due[0].due if due else end
            event = self._heap[0][0] if self._heap else end
            if min(timer, event) >= end:
                return
            self.now = max(min(timer, event), self.now)
            if event <= timer:
                await self._do(heapq.heappop(self._heap)[2])
            else:
                await self._do(partial(_fires, event=Fired(due[0].id, due[0].kind, due[0].subject, due[0].due)))

    def _at(self, when: datetime, act: Callable[[Turn], Any]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, act))

    async def _do(self, act: Callable[[Turn], Any]) -> None:
        self._count += 1
        done: list[Turn] = []

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, self.now, f"what-if {self._count}", self.knowledge)
            act(turn)
            if cost := sum(text.segments for text in turn.texts):
                month = month_of(self.now, turn.rules.zone)
                turn.save(Tally(f"segments:{month}", {"segments": spent(turn, month) + cost}))
            done[:] = [turn]
            puts: list[Record] = [r for r in turn.puts() if not isinstance(r, OutText | Fact | Wave)]
            return Changes(puts, turn.drops())

        await self.store.transact(None, step, now=self.now)
        for fact in done[0].facts:
            self._follows(fact)
        self.segments += sum(text.segments for text in done[0].texts)
        self.texts += sum(text.member in self._mentors for text in done[0].texts)

    def _follows(self, fact: Fact) -> None:
        """What people do because of it."""
        mentor, request = str(fact.data.get("member")), str(fact.data.get("request"))
        if fact.fact == "request.answered":
            number = self.number[request]
            self.first[number] = (self.now - self.span.asked[number].at) / timedelta(minutes=1)
            ended = self.span.ended.get(number)
            if ended is not None and ended.answered:
                self._at(self.now + timedelta(minutes=ended.minutes), partial(self._ends, number=number))
        elif fact.fact == "offer.made":
            number = self.number[request]
            did = self.span.did.get((mentor, number)) or self._guess(mentor, number)
            if did.what != "silence":
                when = self.now + timedelta(minutes=max(did.minutes, 0.1))
                self._at(when, partial(self._replies, mentor=mentor, request=request, what=did.what))
        elif fact.fact == "member.paused" and fact.data["why"] == "silent":
            share, minutes = self.span.comes_back
            self.pauses[mentor] += 1
            if _draw(mentor, self.pauses[mentor], "back") < share:
                self._at(self.now + timedelta(minutes=minutes), partial(self._returns, mentor=mentor))


class _NoTopics:
    """Stand-in words are about nothing: what a question is about comes from its fact."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.label = knowledge.topics.label

    def best(self, question: str) -> None:
        return None

    def own(self, skills: str) -> tuple[str, ...]:
        return ()


def _fires(turn: Turn, event: Fired) -> None:
    decide(turn, event)


def _draw(mentor: str, number: int, what: str) -> float:
    return int.from_bytes(blake2b(f"{mentor}|{number}|{what}".encode(), digest_size=6).digest()) / 2**48
