"""What the simulated phones page shows: the state as plain JSON, with people's names in place of ids and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from smsmentor.core.model import Fact, Member, Offer, OutText, Prompt, Request, Timer, Wave
from smsmentor.gateways.simulator import Bubble, Simulator
from smsmentor.ports import Reader

Json = dict[str, Any]

OPEN_STATES = ("asking", "answered", "gathering", "clarifying", "draft")
MOST_REQUESTS, MOST_CLOSED, MOST_CONSIDERED, MOST_QUEUED, MOST_DUE, MOST_IN_POOL = 20, 5, 30, 30, 4, 300

PEOPLE_KEYS = frozenset({"member", "mentor", "mentee", "operator", "by", "other"})
"""Keys of a fact's data whose value is a member's id."""
ID_KEYS = frozenset({"text", "offer", "thread", "outbox", "prompt"})
"""Keys of a fact's data whose value is an id that tells a reader of the page nothing."""


class Names:
    """What members are called on the page: their alias, or the label of their simulated phone. Never a number."""

    def __init__(self, reader: Reader, labels: Mapping[str, str]) -> None:
        self._reader = reader
        self._labels = labels

    def member(self, id: str) -> str:
        """The name for a member's id; an id of nobody is given back as it is."""
        member = self._reader.get(Member, id)
        return self.of(member) if member is not None else id

    def of(self, member: Member) -> str:
        """The name of a member."""
        return member.alias or self._labels.get(member.phone, "") or ("a mentor" if member.mentor else "a mentee")

    def request(self, id: str) -> str:
        """The code of a request's id, as people know it."""
        request = self._reader.get(Request, id)
        return request.code if request is not None and request.code else id


def bubble(shown: Bubble) -> Json:
    """One text of a phone's thread."""
    return {
        "phone": shown.phone,
        "id": shown.id,
        "from_phone": shown.direction == "in",
        "body": shown.body,
        "at": shown.at.isoformat(),
        "status": shown.status,
        "code": shown.code,
        "segments": shown.segments,
        "encoding": shown.encoding,
    }


def person(reader: Reader, phone: str, label: str) -> Json:
    """The head of a phone: who holds it."""
    member = next(reader.walk(Member, "phone", phone), None)
    return {
        "phone": phone,
        "name": (member.alias if member else "") or label,
        "role": role(member),
        "about": about(member) if member else "",
        "zone": member.zone if member else "",
        "state": _condition(member),
    }


def carrier(simulator: Simulator, phone: str) -> Json:
    """What the carrier does to a phone."""
    return {
        "blocked": phone in simulator.opted_out,
        "refused": simulator.faults.refused.get(phone, 0),
        "undelivered": simulator.faults.undelivered.get(phone, 0),
    }


def about(member: Member) -> str:
    """A mentor in a few words: `finance, 9 yrs`."""
    parts = [member.field] if member.field else []
    if member.years is not None:
        parts.append(f"{member.years} yrs")
    return ", ".join(parts)


def role(member: Member | None) -> str:
    """What somebody is first of all: operator, mentor or mentee."""
    if member is not None and member.operator:
        return "operator"
    return "mentor" if member is not None and member.mentor else "mentee"


def _condition(member: Member | None) -> str:
    if member is None:
        return "new"
    return "paused" if member.state == "active" and member.paused else member.state


def pool(reader: Reader) -> list[Json]:
    """The mentors whose phones can be put on the page."""
    mentors = islice(reader.walk(Member, "mentor", "yes"), MOST_IN_POOL)
    return [
        {"phone": m.phone, "name": m.alias or m.phone, "about": about(m), "topics": list(m.topics)}
        for m in mentors
        if m.phone
    ]


def requests(reader: Reader, names: Names, reasons: Mapping[str, Any]) -> list[Json]:
    """The open requests and the last few closed ones, newest first. `reasons` has words for each reason's key."""
    found = [r for s in OPEN_STATES for r in islice(reader.walk(Request, "status", s, newest=True), MOST_REQUESTS)]
    found.sort(key=lambda r: r.opened, reverse=True)
    closed = islice(reader.walk(Request, "status", "closed", newest=True), MOST_CLOSED)
    return [_request(reader, names, reasons, r) for r in [*found[:MOST_REQUESTS], *closed]]


def _request(reader: Reader, names: Names, reasons: Mapping[str, Any], request: Request) -> Json:
    offers = list(reader.walk(Offer, "request", request.id))
    waves = list(reader.walk(Wave, "request", request.id))
    return {
        "code": request.code,
        "status": request.status,
        "reason": request.reason,
        "waiting": request.waiting,
        "mentee": names.member(request.mentee),
        "question": request.question,
        "topics": list(request.topics),
        "opened": request.opened.isoformat(),
        "places": request.places,
        "answers": [
            {"letter": a.letter, "name": names.member(a.mentor), "outside": a.outside, "rating": a.rating}
            for a in request.answers
        ],
        "offers": [{"name": names.member(o.mentor), "status": o.status, "seat": o.seat} for o in offers],
        "waves": [_wave(names, reasons, number, wave) for number, wave in enumerate(waves, 1)],
    }


def _wave(names: Names, reasons: Mapping[str, Any], number: int, wave: Wave) -> Json:
    considered = sorted(wave.considered, key=lambda c: not c.taken)
    return {
        "number": number,
        "at": wave.at.isoformat(),
        "considered": [
            {
                "name": names.member(c.member),
                "taken": c.taken,
                "reason": str(reasons.get(c.reason, c.reason)),
                "detail": c.detail,
            }
            for c in considered[:MOST_CONSIDERED]
        ],
        "more": max(len(considered) - MOST_CONSIDERED, 0),
    }


def outbox(reader: Reader, names: Names, recent: Iterable[OutText]) -> Json:
    """Texts that wait, and what became of the newest others."""
    waiting = list(islice(reader.walk(OutText, "pending", "yes"), MOST_QUEUED))
    ids = {row.id for row in waiting}
    return {
        "waiting": [_out(names, row) for row in waiting],
        "recent": [_out(names, row) for row in recent if row.id not in ids],
    }


def _out(names: Names, row: OutText) -> Json:
    return {
        "id": row.id,
        "to": names.member(row.member),
        "text_id": row.text_id,
        "status": row.status,
        "at": (row.sent or row.queued).isoformat(),
        "not_before": row.not_before.isoformat(),
        "attempts": row.attempts,
        "unsure": row.unsure,
        "code": row.code,
        "segments": row.segments,
    }


def due(reader: Reader, names: Names, simulator: Simulator) -> list[Json]:
    """What happens next by itself, soonest first: timers and waiting texts; with none of these, a delivery report."""
    found: list[Json] = [
        {"at": t.due.isoformat(), "kind": t.kind, "about": _subject(reader, names, t)}
        for t in islice(reader.walk(Timer, "due", "yes"), MOST_DUE)
    ]
    found += [
        {"at": row.not_before.isoformat(), "kind": "text", "about": names.member(row.member)}
        for row in islice(reader.walk(OutText, "pending", "yes"), MOST_DUE)
    ]
    report = simulator.next_moment()
    if report is not None and not found:
        found.append({"at": report.isoformat(), "kind": "report", "about": ""})
    return sorted(found, key=lambda d: str(d["at"]))[:MOST_DUE]


def _subject(reader: Reader, names: Names, timer: Timer) -> str:
    """A timer's subject is a request, a member, something we asked a member, or an id that begins with one of these."""
    first = timer.subject.split(":")[0]
    asked = reader.get(Prompt, timer.subject)
    if asked is not None:
        return names.member(asked.member)
    code = names.request(first)
    if code != first:
        return code
    name = names.member(first)
    return name if name != first else ""


def facts(names: Names, happened: Sequence[Fact]) -> list[Json]:
    """Facts in the order that they happened, readable."""
    return [{"id": f.id, "at": f.at.isoformat(), "fact": f.fact, "data": _data(names, f)} for f in happened]


def _data(names: Names, fact: Fact) -> list[list[str]]:
    shown = []
    for key, value in fact.data.items():
        if key in ID_KEYS or (key == "code" and "request" in fact.data):
            continue
        text = _plain(value)
        if key in PEOPLE_KEYS:
            text = names.member(text)
        elif key == "request":
            text = names.request(text)
        shown.append([key, text])
    return shown


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def faults(simulator: Simulator) -> Json:
    """The switches that hold for all phones."""
    now = simulator.faults
    return {
        "down": now.down,
        "hanging": now.hanging,
        "twice": now.twice,
        "receipt_delay": now.receipt_delay.total_seconds(),
    }
