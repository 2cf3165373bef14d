"""A random walk over a pool with every constraint at once: none is broken, whatever people do.

`TEST_ROUTING_STEPS=100000` makes it as long as wanted; the suite takes a short one.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smsmentor.core import leaving, members, panel
from smsmentor.core.commands import mentoring
from smsmentor.core.model import Member, Offer, Request, Standing, Window
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from tests.core.small_pool import NOON, SmallPool

STEPS = int(os.environ.get("TEST_ROUTING_STEPS", "700"))
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Madrid")
HOURS: tuple[tuple[Window, ...], ...] = (
    (),
    (),
    (Window((0, 1, 2, 3, 4), 540, 1080),),
    (Window((5, 6), 600, 60),),
    (Window((0, 2, 4), 720, 840), Window((1, 3), 1080, 1260)),
)


class Walk:
    """The pool, what has been seen of its offers, and the checks of each new one."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"routing walk {seed}")
        busy = Rules(cooldown_hours=0.5, offers_a_day=6, offers_a_week=20)
        self.town = SmallPool(Rules() if seed % 2 else busy)
        self.offers: dict[str, list[datetime]] = defaultdict(list)
        self.pairs: set[tuple[str, str]] = set()
        self.blocked: set[frozenset[str]] = set()
        self.open: list[tuple[str, str]] = []
        self.in_hand: dict[str, dict[str, datetime]] = defaultdict(dict)
        """By mentor: each request that waits for their word, or that they gave one to, and since when."""
        self.count = 0
        self.mentors = [f"m{n}" for n in range(14)]
        self.people = [f"p{n}" for n in range(30)]
        for id in (*self.mentors, *self.people):
            self._join(id)

    def _join(self, id: str) -> None:
        rng = self.rng
        fields: dict[str, Any] = {
            "field": rng.choice(("", "finance", "law", "nursing")),
            "employer": rng.choice(("", "Acme", "Bolt")),
            "lang": rng.choice(("en", "en", "en", "es", "en+es" if id.startswith("m") else "en")),
            "zone": rng.choice(ZONES),
        }
        if id.startswith("m"):
            fields |= {
                "topics": rng.choice((("pay",), ("boss",), ("pay", "boss"))),
                "hours": rng.choice(HOURS),
                "offers_a_day": rng.choice((None, 1, 3)),
                "offers_a_week": rng.choice((None, 2, 8)),
                "open_limit": rng.choice((None, 1, 2)),
            }
            self.town.mentor(id, **fields)
        else:
            self.town.person(id, **fields)

    def step(self) -> None:
        acts = [self._wait] * 4 + [self._ask] * 2 + [self._react] * 5 + [self._pause, self._block, self._more]
        self.rng.choice(acts)()
        for turn in self.town.turns:
            self._check(turn)
        self.town.turns.clear()

    def _wait(self) -> None:
        self.town.wait(timedelta(minutes=self.rng.choice((1, 7, 30, 120, 300))))

    def _ask(self) -> None:
        mentee = self.rng.choice([*self.people, self.rng.choice(self.mentors)])
        if self.town.get(Member, mentee).state == "active":
            self.count += 1
            self.town.ask(mentee, f"{self.rng.choice(('pay', 'boss', 'else'))} how do i do number {self.count}")

    def _react(self) -> None:
        """An offer is answered or passed; now and then two at the same moment, or long after."""
        for _ in range(self.rng.choice((1, 1, 2))):
            if not self.open:
                return
            mentor, request = self.open.pop(self.rng.randrange(len(self.open)))
            offer = self.town.get(Offer, f"{request}:{mentor}")
            if offer.status not in ("sent", "lapsed") or offer.late:
                continue
            (self.town.answer if self.rng.random() < 0.6 else self.town.passes)(mentor, request)

    def _pause(self) -> None:
        mentor = self.rng.choice(self.mentors)

        def act(turn: Turn) -> None:
            member = turn.need(Member, mentor)
            if member.state != "active":
                leaving.opt_in(turn, member)
            elif member.paused:
                mentoring.back(turn, member)
            elif self.rng.random() < 0.3:
                leaving.opt_out(turn, member)
            else:
                mentoring.pause(turn, member, turn.now + timedelta(hours=20) if self.rng.random() < 0.5 else None)

        self.town.do(act)

    def _block(self) -> None:
        one, other = self.rng.choice(self.mentors), self.rng.choice(self.people)
        if self.rng.random() < 0.2:
            self.town.do(lambda turn: members.block(turn, one, other, "walk"))
            self.blocked.add(frozenset((one, other)))

    def _more(self) -> None:
        with self.town.store.reading() as reader:
            request = next(reader.walk(Request, "status", "answered", newest=True), None)
        if request is not None:
            self.town.do(lambda turn: panel.more_views(turn, turn.need(Member, request.mentee), request))

    def _check(self, turn: Turn) -> None:
        for fact in turn.facts:
            member, request = str(fact.data.get("member")), str(fact.data.get("request"))
            if fact.fact == "offer.made":
                self._allowed(turn, turn.need(Member, member), turn.need(Request, request))
            if fact.fact in ("offer.made", "advice.relayed"):
                self.in_hand[member][request] = turn.now
            elif fact.fact in ("offer.passed", "offer.lapsed", "offer.withdrawn"):
                self.in_hand[member].pop(request, None)
            elif fact.fact == "member.opted_out":
                self.in_hand[member].clear()
            elif fact.fact == "request.closed":
                for in_hand in self.in_hand.values():
                    in_hand.pop(request, None)
        for record in turn.puts():
            if isinstance(record, Request):
                assert len(record.answers) <= record.places <= turn.rules.places + turn.rules.further_views + 1
                assert len({a.mentor for a in record.answers}) == len(record.answers)

    def _allowed(self, turn: Turn, mentor: Member, request: Request) -> None:
        """The limits once more, worked out from what was seen and not by the code under test."""
        mentee, now = turn.need(Member, request.mentee), turn.now
        local = now.astimezone(ZoneInfo(mentor.zone))
        assert 8 <= local.hour < 21, "quiet hours"
        assert not mentor.hours or any(_within(w, local) for w in mentor.hours), "HOURS"
        before = self.offers[mentor.id]
        assert not before or now - before[-1] >= timedelta(hours=turn.rules.cooldown_hours), "cool-down"
        assert sum(at > now - DAY for at in before) < (mentor.offers_a_day or turn.rules.offers_a_day), "LIMIT a day"
        assert sum(at > now - WEEK for at in before) < (mentor.offers_a_week or turn.rules.offers_a_week), (
            "LIMIT a week"
        )
        rest = timedelta(hours=turn.rules.thread_rest_hours)
        in_hand = sum(since > now - rest for since in self.in_hand[mentor.id].values())
        assert in_hand < (mentor.open_limit or turn.rules.open_limit), "OPEN"
        assert mentor.mentor
        assert mentor.state == "active"
        assert mentor.id != mentee.id, "own question"
        assert frozenset((mentor.id, mentee.id)) not in self.blocked, "blocked"
        assert not mentor.employer or mentor.employer != mentee.employer, "same employer"
        assert mentee.lang in mentor.lang.split("+"), "language"
        assert (mentor.id, request.id) not in self.pairs, "asked twice"
        assert request.status in ("asking", "answered")
        self.pairs.add((mentor.id, request.id))
        before.append(now)
        self.open.append((mentor.id, request.id))


def _within(window: Window, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    if window.end > window.start:
        return local.weekday() in window.days and window.start <= minute < window.end
    late = local.weekday() in window.days and minute >= window.start
    return late or ((local.weekday() - 1) % 7 in window.days and minute < window.end)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_constraint_is_broken_in_a_random_walk(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS // 2):
        walk.step()
    assert len(walk.pairs) > STEPS // 30
    assert walk.town.now > NOON + DAY


def test_the_shelves_hold_exactly_those_who_may_be_asked_one_day() -> None:
    walk = Walk(3)
    for _ in range(150):
        walk.step()

    def check(turn: Turn) -> None:
        for mentor in walk.mentors:
            member = turn.need(Member, mentor)
            shelves = {s.shelf.split("@")[0] for s in turn.find(Standing, "mentor", mentor)}
            awake = member.state == "active" and not member.paused
            assert {s for s in shelves if not s.startswith("~")} == ({"*", *member.topics} if awake else set())

    walk.town.do(check)
