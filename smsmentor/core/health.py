"""The health of the pool for its operator: thin topics, uncovered hours, tired mentors, load, fairness, waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

from smsmentor.core import debt, waiting
from smsmentor.core.model import Load, Member, Offer, Record, Request, Tally
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import is_quiet, zone, zone_of
from smsmentor.core.understand.when import open_at

R = TypeVar("R", bound=Record)
FEW = 3
"""A topic with fewer mentors than places is thin."""
TIRED_SHARE = 0.8
"""Who has had so much of a week's LIMIT is near fatigue."""
WEEK = timedelta(days=7)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Desk(Protocol):
    """What the figures are read from: the shape of `smsmentor.ports.Reader`."""

    def get(self, kind: type[R], id: str) -> R | None: ...
    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]: ...
    def all(self, kind: type[R]) -> Iterator[R]: ...


def health(reader: Desk, now: datetime, rules: Rules) -> dict[str, Any]:
    """All figures as plain JSON. It reads the whole pool: for desks, never in an event. Members appear by id."""
    mentors = [m for m in reader.walk(Member, "mentor", "yes") if m.state == "active"]
    awake = [m for m in mentors if not m.paused]
    loads = {m.id: reader.get(Load, m.id) or Load(m.id) for m in awake}
    asked = {m.id: sum(at > now - WEEK for at in loads[m.id].asked) for m in awake}
    requests = sum(r.opened > now - WEEK and r.status != "draft" for r in reader.all(Request))
    waiting_for_one = (r for r in reader.walk(Request, "waiting", "yes") if not r.answers)
    waits = [round((now - request.opened) / timedelta(minutes=1)) for request in waiting_for_one]
    free = sum(max(_limit(m, rules) - asked[m.id], 0) for m in awake)
    return {
        "mentors": len(mentors),
        "paused": len(mentors) - len(awake),
        "thin_topics": thin_topics(awake, reader, now),
        "uncovered_hours": uncovered(awake, now, rules),
        "near_fatigue": [m.id for m in awake if _tired(m, loads[m.id], asked[m.id], rules)],
        "requests_a_week": requests,
        "requests_a_mentor_and_week": round(requests / len(awake), 3) if awake else None,
        "asks_a_week": sum(asked.values()),
        "free_asks": free,
        "gini": round(gini([asked[m.id] / _hours(m, rules) for m in awake]), 3),
        "waiting": len(waits),
        "longest_wait_minutes": max(waits, default=0),
        "first_answer_minutes": forecast(reader, now),
    }


def thin_topics(mentors: Sequence[Member], reader: Desk, now: datetime) -> dict[str, int]:
    """Topics that were asked about in the last four weeks, or that somebody has, with fewer than three mentors."""
    wanted = {t for r in reader.all(Request) if r.opened > now - 4 * WEEK for t in r.asked_under}
    counts = Counter(topic for mentor in mentors for topic in set(mentor.topics))
    return {topic: counts[topic] for topic in sorted(wanted | set(counts)) if counts[topic] < FEW}


def uncovered(mentors: Sequence[Member], now: datetime, rules: Rules) -> list[str]:
    """Hours outside the service's own quiet hours in which nobody could be asked, such as `sat 8`."""
    here = zone(rules.zone)
    monday = now.astimezone(here).replace(minute=30, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    found = []
    for number in range(7 * 24):
        day, hour = divmod(number, 24)
        local = (monday + timedelta(days=day)).replace(hour=hour)
        at = local.astimezone(UTC)
        if not is_quiet(local, rules.quiet_from, rules.quiet_until) and not any(_open(m, at, rules) for m in mentors):
            found.append(f"{DAYS[day]} {hour}")
    return found


def forecast(reader: Desk, now: datetime) -> list[int] | None:
    """The range in which the middle half of the first answers come, in minutes; None while it is not known."""
    tally = reader.get(Tally, waiting.TALLY)
    cases = [waiting.Case(float(minutes), bool(done)) for minutes, done in (tally.values["cases"] if tally else ())]
    for request in islice(reader.walk(Request, "status", "asking"), waiting.KEPT):
        first = next(reader.walk(Offer, "request", request.id), None)
        if first is not None:
            cases.append(waiting.Case((now - first.made) / timedelta(minutes=1), answered=False))
    found = waiting.usual(cases)
    return [round(found[0]), round(found[1])] if found else None


def gini(values: Iterable[float]) -> float:
    """How unequally something is spread: 0 when all have the same, towards 1 when one has all."""
    ordered = sorted(values)
    total = sum(ordered)
    if not total:
        return 0.0
    return sum((2 * (i + 1) - len(ordered) - 1) * value for i, value in enumerate(ordered)) / (len(ordered) * total)


def _limit(mentor: Member, rules: Rules) -> int:
    return mentor.offers_a_week if mentor.offers_a_week is not None else rules.offers_a_week


def _tired(mentor: Member, load: Load, asked: int, rules: Rules) -> bool:
    limit = _limit(mentor, rules)
    return load.silent >= rules.silent_offers_pause - 1 or (limit > 0 and asked >= TIRED_SHARE * limit)


def _hours(mentor: Member, rules: Rules) -> float:
    return debt.hours_a_week(mentor.hours, rules.quiet_from, rules.quiet_until)


def _open(mentor: Member, at: datetime, rules: Rules) -> bool:
    local = at.astimezone(zone_of(mentor, rules))
    return not is_quiet(local, rules.quiet_from, rules.quiet_until) and open_at(mentor.hours, local)
