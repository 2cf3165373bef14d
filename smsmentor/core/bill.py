"""The bill for its operator: what each month, member and request has cost in segments, the budget, and a forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol, TypeVar

from smsmentor.core.budget import forecast, month_of, stage_of
from smsmentor.core.model import Member, OutText, Record, Request, Tally
from smsmentor.core.rules import Rules

R = TypeVar("R", bound=Record)
LISTED = 5
"""Of members and requests so many stand in the table; all are in the JSON."""


class Desk(Protocol):
    """What the figures are read from: the shape of `smsmentor.ports.Reader`."""

    def get(self, kind: type[R], id: str) -> R | None: ...
    def all(self, kind: type[R]) -> Iterator[R]: ...


def bill(reader: Desk, now: datetime, rules: Rules) -> dict[str, Any]:
    """All figures as plain JSON, in segments that the carrier took. It reads the whole outbox: never in an event.

    `members` and `requests` begin with the dearest. A member's own texts and those of a request overlap.
    """
    month = month_of(now, rules.zone)
    months: dict[str, int] = {}
    members = []
    for tally in reader.all(Tally):
        kind, _, name = tally.id.partition(":")
        if kind == "segments":
            months[name] = int(tally.values["segments"])
        elif kind == "sent" and name:
            now_cost = int(tally.values["segments"]) if tally.values["month"] == month else 0
            members.append({"member": name, "this_month": now_cost, "total": int(tally.values["total"])})
    by_request = Counter[str]()
    for text in reader.all(OutText):
        if text.request and text.sent is not None:
            by_request[text.request] += text.segments
    used = months.get(month, 0)
    return {
        "month": month,
        "segments": used,
        "budget": rules.monthly_segments or None,
        "stage": stage_of(used, rules.monthly_segments).name.lower(),
        "forecast": forecast(used, now, rules.zone),
        "months": dict(sorted(months.items())),
        "members": sorted(members, key=lambda m: (-m["this_month"], -m["total"], m["member"])),
        "requests": [
            {"request": id, "code": _code(reader, id), "segments": cost} for id, cost in by_request.most_common()
        ],
    }


def lines(reader: Desk, figures: dict[str, Any]) -> Iterator[str]:
    """The same for people: members by their alias, where they have one."""
    budget, expected = figures["budget"], figures["forecast"]
    said = f"segments in {figures['month']}: {figures['segments']}"
    said += f" of {budget} ({100 * figures['segments'] // budget}%)" if budget else ", no budget is set"
    if expected is not None:
        said += f"; about {expected} at the end of the month if it goes on like this"
        said += ", more than the budget" if budget and expected > budget else ""
    yield said
    if figures["stage"] != "free":
        yield f"budget: {STAGES[figures['stage']]}"
    before = {month: cost for month, cost in figures["months"].items() if month != figures["month"]}
    if before:
        yield "months before: " + ", ".join(f"{cost} in {month}" for month, cost in list(before.items())[-12:])
    if figures["members"]:
        yield "dearest members this month (and in all): " + ", ".join(
            f"{_name(reader, m['member'])} {m['this_month']} ({m['total']})" for m in figures["members"][:LISTED]
        )
    if figures["requests"]:
        yield "dearest requests: " + ", ".join(f"{r['code']} {r['segments']}" for r in figures["requests"][:LISTED])


STAGES = {
    "courtesies_go": "courtesies are left out",
    "waves_shrink": "courtesies are left out, and one mentor is asked at a time",
    "spent": "it is spent; courtesies are left out, and one mentor is asked at a time",
}
"""What an operator reads about each stage."""


def _code(reader: Desk, request: str) -> str:
    found = reader.get(Request, request)
    return found.code if found is not None else request


def _name(reader: Desk, member: str) -> str:
    found = reader.get(Member, member)
    return (found.alias if found is not None else "") or member
