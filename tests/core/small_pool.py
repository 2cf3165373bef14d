"""A small pool on the store in memory, driven below the texts: for tests of who is asked and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from smsmentor.core import making, panel, pool, requests
from smsmentor.core.commands import mentoring
from smsmentor.core.decide import decide
from smsmentor.core.events import Fired
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Member, Offer, OutText, Record, Request
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.ports import Changes, Reader
from smsmentor.stores.memory import MemoryStore
from tests.rigs import base_knowledge

R = TypeVar("R", bound=Record)
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
"""A Tuesday, noon in New York."""


class OneTopic:
    """Every question that begins with a topic is about it."""

    def best(self, question: str) -> SimpleNamespace | None:
        topic = question.partition(" ")[0]
        return SimpleNamespace(topic=topic) if topic in ("pay", "boss") else None

    def own(self, skills: str) -> tuple[str, ...]:
        return ()

    def label(self, topic: str, language: str = "en") -> str:
        return topic


@cache
def shipped() -> Knowledge:
    return replace(base_knowledge(), topics=cast(Any, OneTopic()))


class SmallPool:
    """Mentors, mentees and a clock. Each act is one event of the core."""

    def __init__(self, rules: Rules | None = None, start: datetime = NOON) -> None:
        self.store = MemoryStore()
        self.knowledge = replace(shipped(), rules=rules or Rules())
        self.now = start
        self.turns: list[Turn] = []
        self.events = 0

    def do(self, act: Callable[[Turn], Any]) -> Turn:
        turns: list[Turn] = []

        self.events += 1

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, self.now, f"event {self.events}", self.knowledge)
            act(turn)
            turns[:] = [turn]
            return Changes(turn.puts(), turn.drops())

        asyncio.run(self.store.transact(None, step, now=self.now))
        self.turns.append(turns[0])
        return turns[0]

    def person(self, id: str, **fields: Any) -> Member:
        fields = {"zone": "America/New_York", "phone": f"+1212555{100 + self.number:04d}", **fields}
        member = Member(id, joined=self.now - timedelta(days=9), **fields)
        self.do(lambda turn: turn.save(member))
        return member

    @property
    def number(self) -> int:
        with self.store.reading() as reader:
            return sum(1 for _ in reader.all(Member))

    def mentor(self, id: str, **fields: Any) -> Member:
        member = self.person(id, mentor=True, **fields)
        self.do(lambda turn: pool.stand(turn, member))
        return member

    def ask(self, mentee: str, question: str = "pay how do i ask for more of it") -> str:
        """A mentee asks; returns the request's id. Its gather time is still to pass."""
        with self.store.reading() as reader:
            before = {r.id for r in reader.all(Request)}
        self.do(lambda turn: requests.begin(turn, turn.need(Member, mentee), question, thin=False))
        with self.store.reading() as reader:
            return next(r.id for r in reader.all(Request) if r.id not in before)

    def answer(self, mentor: str, request: str) -> None:
        self.do(
            lambda turn: panel.answer(turn, turn.need(Member, mentor), turn.need(Offer, f"{request}:{mentor}"), "go")
        )

    def passes(self, mentor: str, request: str) -> None:
        self.do(
            lambda turn: mentoring.passed(
                turn,
                turn.need(Member, mentor),
                turn.need(Offer, f"{request}:{mentor}"),
                turn.need(Request, request),
                None,
            )
        )

    def wait(self, span: timedelta) -> None:
        """Let time pass; every timer fires at its moment."""
        until = self.now + span
        self._send()
        while (timers := asyncio.run(self.store.due(until, 1))) and timers[0].due <= until:
            self.now = max(self.now, timers[0].due)
            for timer in asyncio.run(self.store.due(self.now, 50)):
                self.do(lambda turn, t=timer: decide(turn, Fired(t.id, t.kind, t.subject, t.due)))  # type: ignore[misc]
        self.now = until

    def _send(self) -> None:
        """What was said leaves at once: a question with an answer that has not left does not end."""

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, self.now, "outbox", self.knowledge)
            for text in turn.find(OutText, "pending", "yes"):
                turn.save(making.replace(text, status="sent", sent=self.now))
            return Changes(turn.puts(), turn.drops())

        asyncio.run(self.store.transact(None, step, now=self.now))

    def get(self, kind: type[R], id: str) -> R:
        with self.store.reading() as reader:
            found = reader.get(kind, id)
        assert found is not None
        return found

    def asked(self, request: str) -> list[str]:
        """Who was asked, in order."""
        with self.store.reading() as reader:
            return [offer.mentor for offer in reader.walk(Offer, "request", request)]
