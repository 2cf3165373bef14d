"""Why somebody was asked or not: each wave's candidates, and all others with the reason at that moment.

A wave writes down whom it looked at, which is a few however large the pool. Why the others were not asked is worked out
when somebody wants to know: by the rotation's own refusals, on the pool as it stood then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar, cast

from smsmentor.core import pool
from smsmentor.core.health import Desk
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.making import replace
from smsmentor.core.model import Considered, Fact, Load, Member, Offer, Record, Request, Thread, Wave
from smsmentor.core.turn import Turn

R = TypeVar("R", bound=Record)
STATES = {
    "member.paused": "paused",
    "member.returned": "paused",
    "member.opted_out": "gone",
    "member.resumed": "",
}
"""What a fact says of its member from then on: a reason not to ask them, or none. Who returns comes back paused."""


class Moment(NamedTuple):
    """A wave, or the moment at which there could be none, with everybody of the pool."""

    at: datetime
    wave: int
    """Counted from 1; 0 when nobody was asked."""
    considered: list[Considered]
    """Those taken first."""


def history(reader: Desk, request: Request, now: datetime, knowledge: Knowledge) -> list[Moment]:
    """Each wave of a request in order; and how things stood, or stand now, when nobody could be asked."""
    waves = list(reader.walk(Wave, "request", request.id))
    stood = {wave.at: wave.considered for wave in waves}
    if not waves and request.asked_at is not None:
        stood[request.asked_at] = ()
    if request.waiting and request.status != "closed":
        stood[now] = ()
    states = _states(reader)
    found, number = [], 0
    for at, considered in stood.items():
        taken = any(one.taken for one in considered)
        number += taken
        free = "later" if taken else "kept"
        others = _others(reader, request, at, {one.member for one in considered}, states, knowledge)
        rest = [replace(one, reason=one.reason or free) for one in others]
        found.append(Moment(at, number if taken else 0, [*considered, *rest]))
    return found


def _others(
    reader: Desk,
    request: Request,
    at: datetime,
    known: set[str],
    states: Mapping[str, list[tuple[datetime, str]]],
    knowledge: Knowledge,
) -> Iterator[Considered]:
    """Everybody else who was a mentor then, with the reason; none for those who were free."""
    mentee = reader.get(Member, request.mentee)
    turn = Turn(cast(Any, _AsOf(reader, at, knowledge)), at, "why", knowledge)
    for mentor in reader.walk(Member, "mentor", "yes"):
        if mentor.id in known or mentor.joined > at or mentee is None:
            continue
        state = next((s for when, s in reversed(states.get(mentor.id, [])) if when <= at), "")
        then = mentor
        if mentor.id in states and mentor.state in ("active", "opted_out"):
            then = replace(mentor, state="active", paused=False)
        refusal = pool.refusal(turn, then, request, mentee)
        yield Considered(mentor.id, False, state or (refusal.reason if refusal else ""))


def _states(reader: Desk) -> dict[str, list[tuple[datetime, str]]]:
    found: dict[str, list[tuple[datetime, str]]] = {}
    for name, state in STATES.items():
        for fact in reader.walk(Fact, "rare", name):
            found.setdefault(str(fact.data["member"]), []).append((fact.at, state))
    return {member: sorted(states) for member, states in found.items()}


class _AsOf:
    """The pool as it stood at a moment: what came later is left out."""

    def __init__(self, reader: Desk, at: datetime, knowledge: Knowledge) -> None:
        self.reader = reader
        self.at = at
        self.rules = knowledge.rules

    def get(self, kind: type[R], id: str) -> R | None:
        found = self.reader.get(kind, id)
        if isinstance(found, Offer) and found.made >= self.at:
            return None
        return cast("R | None", self._load(found) if isinstance(found, Load) else found)

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        """What was open with a mentor: offers, and threads that had begun."""
        fresh = self.at - timedelta(hours=self.rules.thread_rest_hours)
        for offer in self._offers(value, fresh):
            ended = offer.settled is not None and offer.settled <= self.at
            if kind is Offer and not ended:
                yield cast(R, replace(offer, status="sent"))
            elif kind is Thread and ended and offer.status == "answered":
                began = cast(datetime, offer.settled)
                yield cast(R, Thread(offer.id, offer.request, "", "", offer.mentor, began, began))

    def _load(self, load: Load) -> Load:
        """The asks of the week before. A rest is known only while nothing has come after it."""
        asked = tuple(sorted(o.made for o in self._offers(load.id, self.at - timedelta(days=7))))
        silence = timedelta(hours=self.rules.silence_hours)
        holds = bool(load.asked) and load.asked[-1] + silence <= self.at
        return replace(load, asked=asked, rest_until=load.rest_until if holds else None)

    def _offers(self, mentor: str, since: datetime) -> list[Offer]:
        newest = takewhile(lambda o: o.made > since, self.reader.walk(Offer, "mentor", mentor, newest=True))
        return [offer for offer in newest if offer.made < self.at]
