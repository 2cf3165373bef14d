"""The project's own core, driven through a town: real selection, waves, timers and panel on the store in memory.

Only what no decision reads is left out: understanding free text (a question is its topic), the outbox and the facts.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from bench.routing_sim.measure import Journal
from bench.routing_sim.people import DAY, START, WEEK, Mentor, Question, Town
from smsmentor import resources
from smsmentor.core import leaving, panel, pool, requests
from smsmentor.core.commands import mentoring
from smsmentor.core.decide import decide
from smsmentor.core.events import Fired
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Fact, Member, Offer, OutText, Record, Request, Text, Wave, Window
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.ports import Changes, Reader
from smsmentor.stores.memory import MemoryStore

FORGOTTEN: frozenset[type[Record]] = frozenset({OutText, Fact, Text, Wave})
"""Tables that no decision of the routing reads: the simulation takes them from the turn and does not keep them."""


class SimStore(MemoryStore):
    """The store in memory, without the tables that would only grow."""

    def _apply(self, changes: Changes) -> None:
        super()._apply(Changes([r for r in changes.puts if type(r) not in FORGOTTEN], changes.drops))


class PlainTopics:
    """A question's first word is its topic."""

    def best(self, question: str) -> SimpleNamespace | None:
        topic = question.partition(" ")[0]
        return None if topic == "-" else SimpleNamespace(topic=topic)

    def label(self, topic: str, language: str = "en") -> str:
        return topic

    def own(self, skills: str) -> tuple[str, ...]:
        return ()


@cache
def shipped() -> Knowledge:
    """The shipped words with a recogniser of topics that costs nothing."""
    return replace(resources.load(Rules()), topics=cast(Any, PlainTopics()))


class Drive:
    """Runs the service's core over a town."""

    def __init__(self, town: Town, rules: Rules | None = None) -> None:
        self.town = town
        self.knowledge = replace(shipped(), rules=rules or Rules())
        self.journal = Journal(town)
        self.store = SimStore()
        self.now = START
        self.digest = hashlib.sha256()
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._texts: list[deque[tuple[float, int]]] = [deque() for _ in town.mentors]
        self._asked: list[deque[float]] = [deque(maxlen=12) for _ in town.mentors]
        self._paused: dict[int, float] = {}
        self._pauses: dict[int, int] = {}
        self._gone: set[int] = set()
        self._question: dict[str, Question] = {}
        self._answers: dict[str, int] = {}
        self._people()

    def run(self) -> Journal:
        """All questions, and a day after the last one."""
        for question in self.town.questions:
            self._at(question.at, self._ask, question)
        ends = self.town.ends + DAY
        while True:
            due = self.store.next_moment()
            timer = due.timestamp() if due else float("inf")
            event = self._heap[0][0] if self._heap else float("inf")
            if min(timer, event) > ends:
                break
            if timer <= event:
                self.now = max(timer, self.now)
                for row in _done(self.store.due(self._moment(), 100)):
                    self._fire(Fired(row.id, row.kind, row.subject, row.due))
            else:
                self.now, _, act, args = heapq.heappop(self._heap)
                act(*args)
        for number, since in self._paused.items():
            self._was_away(number, since, ends)
        return self.journal

    def _fire(self, event: Fired) -> None:
        self._do(lambda turn: decide(turn, event))

    # The people

    def _people(self) -> None:
        joined = datetime.fromtimestamp(START - WEEK, UTC)
        for mentor in self.town.mentors:
            member = Member(
                f"m{mentor.number}",
                f"+1{mentor.number:010d}",
                joined,
                mentor=True,
                field=mentor.field,
                employer=mentor.employer,
                topics=mentor.topics,
                zone=mentor.zone,
                hours=tuple(Window(days, int(start * 60), int(end * 60)) for days, start, end in mentor.hours),
                offers_a_day=mentor.a_day,
                offers_a_week=mentor.a_week,
            )

            def join(turn: Turn, member: Member = member) -> None:
                turn.save(member)
                pool.stand(turn, member)

            self._do(join)

    def _ask(self, question: Question) -> None:
        mentee = Member(
            f"q{question.mentee}",
            f"+2{question.mentee:010d}",
            self._moment(),
            field=question.field,
            employer=question.employer,
            zone=question.zone,
            checkins=False,
            first_told=True,
        )

        def begin(turn: Turn) -> None:
            turn.save(mentee)
            outcome = requests.begin(turn, mentee, f"{question.topic or '-'} how do i do this well", thin=False)
            self._question[outcome.request] = question

        self._do(begin)

    def _answer(self, number: int, offer_id: str) -> None:
        def answer(turn: Turn) -> None:
            offer = turn.need(Offer, offer_id)
            if offer.status in ("sent", "lapsed"):
                panel.answer(turn, turn.need(Member, f"m{number}"), offer, "do it like this")

        if number not in self._gone:
            self._do(answer)

    def _pass(self, number: int, offer_id: str) -> None:
        def say(turn: Turn) -> None:
            offer = turn.need(Offer, offer_id)
            if offer.status in ("sent", "lapsed"):
                mentoring.passed(turn, turn.need(Member, f"m{number}"), offer, turn.need(Request, offer.request), None)

        if number not in self._gone:
            self._do(say)

    def _back(self, number: int) -> None:
        if number not in self._gone:
            self._was_away(number, self._paused.pop(number), self.now)
            self._do(lambda turn: mentoring.back(turn, turn.need(Member, f"m{number}")))

    def _leave(self, number: int) -> None:
        self._gone.add(number)
        self._paused.setdefault(number, self.now)
        self.journal.left += 1
        self._do(lambda turn: leaving.opt_out(turn, turn.need(Member, f"m{number}")))

    def _was_away(self, number: int, since: float, until: float) -> None:
        away = max(until - max(since, START + WEEK), 0.0)
        self.journal.away[number] = self.journal.away.get(number, 0.0) + away

    # The machinery

    def _do(self, act: Callable[[Turn], None]) -> None:
        """One event of the core, committed; then its texts arrive."""
        now = self._moment()
        self._count += 1

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, now, f"event {self._count}", self.knowledge)
            act(turn)
            return Changes(turn.puts(), turn.drops(), turn)

        turn: Turn = _done(self.store.transact(None, step, now=now)).answer
        for fact in turn.facts:
            if fact.fact == "advice.relayed" and fact.data["letter"] != "late":
                course = self.journal.course(self._question[fact.data["request"]])
                course.answers.append((self.now, self.town.mentors[int(fact.data["member"][1:])]))
        for text in turn.texts:
            if text.member.startswith("m"):
                self._arrives(text)

    def _arrives(self, text: OutText) -> None:
        number = int(text.member[1:])
        mentor = self.town.mentors[number]
        if text.text_id == "mentor.paused_kindly":
            self._paused[number] = self.now
            self._pauses[number] = nth = self._pauses.get(number, 0) + 1
            if (back := self.town.comes_back(mentor, nth)) is not None:
                self._at(self.now + back, self._back, number)
        elif text.text_id in ("offer.new", "offer.taken_over"):
            self._offered(text, mentor)
        elif text.text_id in ("offer.filled", "offer.no_longer", "offer.over"):
            self.journal.course(self._question[text.request]).unneeded += 1
            self._tire(mentor)

    def _offered(self, text: OutText, mentor: Mentor) -> None:
        assert text.not_before.timestamp() <= self.now, "nobody is asked in quiet hours"
        assert mentor.open_at(self.now), "nobody is asked outside their hours"
        question = self._question[text.request]
        self.digest.update(f"{self.now:.3f} {mentor.number} {question.number}\n".encode())
        self.journal.course(question).asked += 1
        self.journal.asks.append((self.now, mentor.number, question.number))
        asked = self._asked[mentor.number]
        reaction = self.town.reaction(mentor, question, self.now, sum(at > self.now - 3 * DAY for at in asked))
        asked.append(self.now)
        act = {"answer": self._answer, "pass": self._pass}.get(reaction.kind)
        if act is not None:
            self._at(self.now + reaction.after, act, mentor.number, text.offer)
        self._tire(mentor)

    def _tire(self, mentor: Mentor) -> None:
        texts = self._texts[mentor.number]
        texts.append((self.now, 1))
        while texts[0][0] < self.now - 2 * WEEK:
            texts.popleft()
        if len(texts) > mentor.tolerance and mentor.number not in self._gone:
            self._at(self.now, self._leave, mentor.number)
            self._gone.add(mentor.number)

    def _at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, act, args))

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


def _done(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits: the store in memory does not."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the store in memory waits for nothing")
