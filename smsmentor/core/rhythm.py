"""What the service learns of when people answer: each mentor's hours of the week, and the pool's as a whole.

All numbers start at sensible guesses, move with what happened and fade, so that a changed habit is learned again. A
text is put into one of 16 bins: eight parts of the local day, on weekdays and at weekends.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmentor.core import debt, members
from smsmentor.core.making import replace
from smsmentor.core.model import Load, Member, Offer, Tally
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import zone_of
from smsmentor.core.turn import Turn

BINS = 16
PRIOR_ANSWERED, PRIOR_ASKED, HALVED_AT = 9.0, 30.0, 400.0
"""The pool's answer rate within the hour before anything is known, and how fast old asks fade (docs/routing.md)."""
MENTOR_HALVED_AT = 60.0
POOL_WEIGHT = 3.0
"""How many asks of one's own in a bin weigh as much as what the pool does in it."""
POOL = "rhythm"
ANSWERS = "answers"


def bin_of(mentor: Member, at: datetime, rules: Rules) -> int:
    """The part of this mentor's week that a moment falls into."""
    local = at.astimezone(zone_of(mentor, rules))
    return local.hour // 3 + (8 if local.weekday() >= 5 else 0)


def learn(turn: Turn, offer: Offer, *, answered: bool) -> None:
    """An offer was answered, or passed, or met with silence: remember for its hour of the week."""
    mentor = turn.need(Member, offer.mentor)
    at = bin_of(mentor, offer.made, turn.rules)
    load = members.load_of(turn, mentor.id)
    own = _added(load.rhythm, at, answered, MENTOR_HALVED_AT)
    pool = turn.get(Tally, POOL)
    counts = tuple(pool.values["counts"]) if pool else ()
    expected = load.expected + _pool_chance(counts, at)
    faded = sum(own[:BINS]) < sum(load.rhythm[:BINS])
    load = replace(load, rhythm=own, expected=expected / 2 if faded else expected)
    turn.save(debt.add(load, turn.now, debt.ANSWER) if answered else load)
    turn.save(Tally(POOL, {"counts": list(_added(counts, at, answered, HALVED_AT * 4))}))


def _added(counts: tuple[float, ...], at: int, answered: bool, halved_at: float) -> tuple[float, ...]:
    """Counts with one more: how often asked in each bin, then how often answered."""
    new = list(counts) if counts else [0.0] * (2 * BINS)
    new[at] += 1.0
    new[BINS + at] += 1.0 if answered else 0.0
    if sum(new[:BINS]) > halved_at:
        new = [n / 2 for n in new]
    return tuple(new)


def _pool_chance(counts: tuple[float, ...], at: int) -> float:
    prior = PRIOR_ANSWERED / PRIOR_ASKED
    if not counts:
        return prior
    asked, answered = sum(counts[:BINS]), sum(counts[BINS:])
    overall = (answered + PRIOR_ANSWERED) / (asked + PRIOR_ASKED)
    return (counts[BINS + at] + 10 * overall) / (counts[at] + 10)


class Rhythm:
    """The chances of answers as known in one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        pool = turn.get(Tally, POOL)
        counts = tuple(pool.values["counts"]) if pool else ()
        self._pool = [_pool_chance(counts, at) for at in range(BINS)]

    def chance(self, load: Load, at: int) -> float:
        """The chance that a text in this bin is answered by this mentor: the pool's, bent by what is known of them."""
        counts = load.rhythm
        if not counts:
            return self._pool[at]
        willing = (sum(counts[BINS:]) + 1.0) / (load.expected + 1.0)
        expected = self._pool[at] * min(willing, 2.0)
        return min((counts[BINS + at] + POOL_WEIGHT * expected) / (counts[at] + POOL_WEIGHT), 0.95)

    def now(self, mentor: Member, load: Load) -> tuple[float, float]:
        """The chance of an answer now, and how that compares with this mentor's own mean over the waking week.

        Comparing people with themselves asks each at their good hours and nobody above their share.
        """
        at = bin_of(mentor, self._turn.now, self._turn.rules)
        chance = self.chance(load, at)
        if not load.rhythm:
            return chance, chance / (sum(self._pool[2:7]) / 5)
        waking = [self.chance(load, day + part) for day in (0, 8) for part in range(2, 7)]
        mean = (5 * sum(waking[:5]) + 2 * sum(waking[5:])) / 35
        return chance, chance / mean


def answer_rate(turn: Turn) -> float:
    """The pool's share of asks that are answered within the hour."""
    tally = turn.get(Tally, ANSWERS)
    values = tally.values if tally else {}
    asked = PRIOR_ASKED + values.get("asked", 0.0)
    return float((PRIOR_ANSWERED + values.get("answered", 0.0)) / asked)


def count(turn: Turn, asked: int = 0, answered: int = 0) -> None:
    """Remember asks, and answers that came within the hour."""
    tally = turn.get(Tally, ANSWERS) or Tally(ANSWERS, {"asked": 0.0, "answered": 0.0})
    total, answers = tally.values["asked"] + asked, tally.values["answered"] + answered
    if total > HALVED_AT:
        total, answers = total / 2, answers / 2
    turn.save(Tally(ANSWERS, {"asked": total, "answered": answers}))


def count_answer(turn: Turn, offer: Offer) -> None:
    """An answer came: remember the mentor's hour, and for the pool whether it was within the hour."""
    learn(turn, offer, answered=True)
    if turn.now - offer.made <= timedelta(hours=1):
        count(turn, answered=1)
