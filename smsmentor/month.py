"""Last month as its facts tell it: who asked when about what, and what each mentor did. No texts are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from statistics import median
from typing import NamedTuple

from smsmentor.core import own_skills
from smsmentor.core.making import replace
from smsmentor.core.model import Fact, Member, Request
from smsmentor.ports import Reader

MOST = 1000
"""The newest questions that are read, so that two plays end within a minute or so."""
SILENCE = timedelta(hours=4)
"""An offer that was taken back sooner says nothing of what its mentor would have done."""


class Asked(NamedTuple):
    """One question; its place in the month is its number."""

    at: datetime
    mentee: str
    topics: tuple[str, ...]
    skills: tuple[str, ...] = ()
    """Of the pool's own, as long as the question remembers them."""


class Did(NamedTuple):
    """What a mentor did with an offer: `answer`, `pass` or `silence`, and the minutes it took."""

    what: str
    minutes: float = 0.0


class Ended(NamedTuple):
    """A mentee ended a question: so many minutes after asking it, or after its first answer when there was one."""

    minutes: float
    answered: bool


class Away(NamedTuple):
    """A mentor was paused by their own wish, or had left, or could not be texted."""

    mentor: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A span of facts."""

    since: datetime
    until: datetime
    asked: tuple[Asked, ...]
    did: Mapping[tuple[str, int], Did]
    """By mentor and question."""
    waits: tuple[float | None, ...]
    """Of each question, the minutes to its first answer as it really was; None for no answer."""
    ended: Mapping[int, Ended]
    away: tuple[Away, ...]
    comes_back: tuple[float, float]
    """After a kind pause: how many come back, and after how many minutes."""
    people: tuple[Member, ...]
    left_out: int = 0
    """Older questions of the span that were too many to read."""
    by_mentor: Mapping[str, tuple[Did, ...]] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, list[Did]] = defaultdict(list)
        for (mentor, _), did in self.did.items():
            found[mentor].append(did)
        object.__setattr__(self, "by_mentor", {mentor: tuple(dids) for mentor, dids in found.items()})


def month(reader: Reader, until: datetime, days: int = 30) -> Month:
    """Read the span that ends at `until` and begins with its first question. Those that never went out are left out."""
    since = until - timedelta(days=days)
    offered = {str(f.data["request"]) for f in _facts(reader, "offer.made", since)}
    closed = {str(f.data["request"]): f for f in _facts(reader, "request.closed", since)}
    opened = [
        f
        for f in _facts(reader, "request.opened", since)
        if f.at < until and (f.data["request"] in offered or _waited(closed.get(str(f.data["request"]))))
    ]
    left_out, opened = max(len(opened) - MOST, 0), opened[-MOST:]
    since = opened[0].at if opened else since
    numbers = {str(f.data["request"]): number for number, f in enumerate(opened)}
    first = {str(f.data["request"]): f.at for f in _facts(reader, "request.answered", since)}
    waits = [_minutes(f.at, first.get(r)) for r, f in zip(numbers, opened, strict=True)]
    ended = {}
    for request, number in numbers.items():
        fact = closed.get(request)
        if fact is not None and fact.data["reason"] in ("done", "withdrawn"):
            begun = first.get(request, opened[number].at)
            ended[number] = Ended((fact.at - begun) / timedelta(minutes=1), request in first)
    away, comes_back = _away(reader, since, until)
    return Month(
        since,
        until,
        tuple(_asked(reader, f) for f in opened),
        _did(reader, since, numbers),
        tuple(waits),
        ended,
        away,
        comes_back,
        tuple(_people(reader, since)),
        left_out,
    )


def _asked(reader: Reader, opened: Fact) -> Asked:
    request = reader.get(Request, str(opened.data["request"]))
    topics = tuple(topic for topic in opened.data.get("topics", ()) if topic != own_skills.OWN)
    return Asked(opened.at, str(opened.data["member"]), topics, request.skills if request else ())


def _waited(closed: Fact | None) -> bool:
    """Whether a question that nobody was asked about was meant to be: one that its mentee dropped may be a thin one."""
    return closed is not None and closed.data["reason"] == "expired"


def _minutes(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else (until - since) / timedelta(minutes=1)


def _facts(reader: Reader, name: str, since: datetime) -> list[Fact]:
    """Oldest first, and nothing older is read."""
    newest = takewhile(lambda f: f.at >= since, reader.walk(Fact, "rare", name, newest=True))
    return list(newest)[::-1]


def _did(reader: Reader, since: datetime, numbers: Mapping[str, int]) -> dict[tuple[str, int], Did]:
    made: dict[tuple[str, int], datetime] = {}
    did: dict[tuple[str, int], Did] = {}
    kinds = {"offer.made": "silence", "offer.passed": "pass", "advice.relayed": "answer", "advice.late": "answer"}
    for name, what in kinds.items():
        for fact in _facts(reader, name, since):
            number = numbers.get(str(fact.data["request"]))
            key = (str(fact.data["member"]), number if number is not None else -1)
            if name == "offer.made" and number is not None:
                made[key], did[key] = fact.at, Did(what)
            elif key in made and did[key].what != "answer":
                did[key] = Did(what, (fact.at - made[key]) / timedelta(minutes=1))
    for fact in _facts(reader, "offer.withdrawn", since):
        key = (str(fact.data["member"]), numbers.get(str(fact.data["request"]), -1))
        if key in made and did[key].what == "silence" and fact.at - made[key] < SILENCE:
            del did[key]
    return did


def _away(reader: Reader, since: datetime, until: datetime) -> tuple[tuple[Away, ...], tuple[float, float]]:
    """Pauses by one's own wish; and of the kind ones after silence, which the play makes itself, how they end."""
    facts: list[Fact] = []
    for name in ("member.paused", "member.resumed", "member.opted_out", "member.suspended", "member.returned"):
        facts += [f for f in reader.walk(Fact, "rare", name) if f.at < until]
    away: list[Away] = []
    kind, spans = 0, []
    paused: dict[str, Fact] = {}
    for fact in sorted(facts, key=lambda f: f.at):
        member = str(fact.data["member"])
        if fact.fact == "member.returned" and (member not in paused or paused[member].fact != "member.suspended"):
            continue  # after an opt-out a mentor is paused until BACK
        begun = paused.pop(member, None)
        if fact.fact not in ("member.resumed", "member.returned"):
            paused[member] = fact
            kind += fact.data.get("why") == "silent"
        if begun is None:
            continue
        if begun.data.get("why") != "silent":
            away.append(Away(member, begun.at, fact.at))
        elif fact.fact == "member.resumed":
            spans.append((fact.at - begun.at) / timedelta(minutes=1))
    away += [Away(member, fact.at, None) for member, fact in paused.items() if fact.data.get("why") != "silent"]
    comes_back = ((len(spans) + 1) / (kind + 2), median(spans) if spans else 1440.0)
    return tuple(a for a in away if a.until is None or a.until > since), comes_back


def _people(reader: Reader, since: datetime) -> Iterator[Member]:
    """Who was there in the span, as they are set today; a number that went out of use or to somebody else as well."""
    given_up = {str(fact.data["member"]) for fact in _facts(reader, "member.suspended", since)}
    for member in reader.all(Member):
        left = (member.state == "opted_out" and member.left and member.left > since) or (
            member.state == "suspended" and member.id in given_up
        )
        if member.state == "active" or left:
            yield replace(member, state="active", paused=False, paused_until=None, checkins=False)
