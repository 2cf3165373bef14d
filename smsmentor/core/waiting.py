"""How long a first answer takes, from the service's own history, with those counted who still wait or waited in vain.

The share still waiting after some time is estimated as Kaplan and Meier did (J. Am. Stat. Assoc. 53, 1958): leaving out
those without an answer would promise too much. With a thin history, or too few answers to know, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

from smsmentor.core.model import Member, Offer, Request, Tally
from smsmentor.core.turn import Turn

FEWEST = 10
"""With fewer cases nothing is said."""
KEPT = 200
"""The newest cases that are remembered, and the most that are counted of those still waiting."""
EARLY, LATE = 0.25, 0.75
"""The range that is told: half of all answers come within it."""
TALLY = "waiting"


class Case(NamedTuple):
    """One request: minutes from the first ask to the first answer, or to now or its end when there was none."""

    minutes: float
    answered: bool


def survival(cases: Iterable[Case]) -> list[tuple[float, float]]:
    """After each time at which answers came, the share that is still waiting. Starts with everybody at 0."""
    ordered = sorted(cases)
    left, share = len(ordered), 1.0
    curve = [(0.0, 1.0)]
    at = 0
    while at < len(ordered):
        minutes = ordered[at].minutes
        same = [case for case in ordered[at:] if case.minutes == minutes]
        answers = sum(case.answered for case in same)
        if answers:
            share *= 1 - answers / left
            curve.append((minutes, share))
        left -= len(same)
        at += len(same)
    return curve


def usual(cases: Sequence[Case], waited: float = 0.0) -> tuple[float, float] | None:
    """The minutes from now within which the middle half of the answers come, for somebody who has waited so long.

    None under ten cases, or when the history does not reach that far.
    """
    if len(cases) < FEWEST:
        return None
    curve = survival(cases)
    now = min(share for minutes, share in curve if minutes <= waited)
    found = []
    for part in (EARLY, LATE):
        still = now * (1 - part) + 1e-9
        when = next((minutes for minutes, share in curve if minutes > waited and share <= still), None)
        if when is None:
            return None
        found.append(when - waited)
    return found[0], found[1]


def keep(turn: Turn, request: Request, *, answered: bool, in_vain: bool = False) -> None:
    """A request got its first answer, or ended without one: remember how long that took.

    One that waited `in_vain` to its end counts as longer than any that was answered, also when it was asked late in
    its day: else those who get no answer at all would be left out of what is told.
    """
    first = turn.first(Offer, "request", request.id)
    if first is None:
        return
    minutes = (turn.now - first.made) / timedelta(minutes=1)
    minutes = max(minutes, 60.0 * turn.rules.expiry_hours) if in_vain else minutes
    tally = turn.get(Tally, TALLY)
    cases = [*(tally.values["cases"] if tally else ()), [round(minutes, 2), answered]]
    turn.save(Tally(TALLY, {"cases": cases[-KEPT:]}))


def cases_of(turn: Turn) -> list[Case]:
    """What is remembered, and everybody who waits now for as long as they have waited."""
    tally = turn.get(Tally, TALLY)
    cases = [Case(float(minutes), bool(answered)) for minutes, answered in (tally.values["cases"] if tally else ())]
    for request in islice(turn.walk(Request, "status", "asking"), KEPT):
        first = turn.first(Offer, "request", request.id)
        if first is not None:
            cases.append(Case((turn.now - first.made) / timedelta(minutes=1), answered=False))
    return cases


def words(turn: Turn, member: Member, request: Request) -> str:
    """The range for this request from now on, in this member's words; empty when it is not known.

    Nor is one told that goes on after the request's own end.
    """
    first = turn.first(Offer, "request", request.id)
    waited = (turn.now - first.made) / timedelta(minutes=1) if first else 0.0
    found = usual(cases_of(turn), waited)
    if found is None:
        return ""
    low, high = found
    if turn.now + timedelta(minutes=high) > (request.asked_at or turn.now) + timedelta(hours=turn.rules.expiry_hours):
        return ""
    if high <= 90:
        low, high = _rounded(low, 5), _rounded(high, 5)
        return turn.words(member, "waiting.minutes", low=low, high=max(high, low + 5))
    low, high = max(round(low / 60), 1), max(round(high / 60 + 0.4), 2)
    return turn.words(member, "waiting.hours", low=low, high=max(high, low + 1))


def _rounded(minutes: float, step: int) -> int:
    """Up to the next step, so that nothing is promised too early."""
    return max(-(-int(minutes + 0.999) // step) * step, step)
