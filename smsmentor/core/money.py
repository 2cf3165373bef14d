"""What texts cost, in segments, by member, request and month: counted when the carrier takes them."""

from __future__ import annotations

from typing import Any

from smsmentor.core import members
from smsmentor.core.budget import day_of, month_of, spent, stage_of
from smsmentor.core.filtered import sent_on
from smsmentor.core.kinds import RELAYED
from smsmentor.core.model import OutText, Tally
from smsmentor.core.pace import HOUR, count_day
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn


def count(turn: Turn, text: OutText) -> None:
    """A text was taken by the carrier: from now on it costs. Operators are told once at each stage of the budget."""
    month = month_of(turn.now, turn.rules.zone)
    _count_member(turn, text, month)
    count_day(turn, text)
    before = spent(turn, month)
    total = before + text.segments
    today = day_of(turn.now, turn.rules.zone)
    turn.save(Tally(f"segments:{month}", {"segments": total, "day": today, "texts": sent_on(turn, today) + 1}))
    budget = turn.rules.monthly_segments
    reached = stage_of(total, budget)
    if reached > stage_of(before, budget):
        turn.note("budget.reached", month=month, stage=reached.name.lower(), segments=total)
        for operator in members.operators(turn):
            turn.say(operator, "op.budget", used=total, budget=budget)


def spent_on_member(reader: Reads, member: str, month: str) -> tuple[int, int]:
    """What texts to a member have cost: in this month, and in all."""
    tally = reader.get(Tally, f"sent:{member}")
    if tally is None:
        return 0, 0
    this_month = tally.values["segments"] if tally.values["month"] == month else 0
    return int(this_month), int(tally.values["total"])


def spent_on_request(reader: Reads, request: str) -> int:
    """What the texts about a request have cost."""
    return sum(t.segments for t in reader.walk(OutText, "request", request) if t.sent is not None)


def _count_member(turn: Turn, text: OutText, month: str) -> None:
    """One small row a member: this month's segments, all of them, and the automatic texts of the last hour."""
    id = f"sent:{text.member}"
    known = turn.get(Tally, id)
    values: dict[str, Any] = known.values if known else {"month": month, "segments": 0, "total": 0, "automatic": []}
    since = (turn.now - HOUR).timestamp()
    automatic = [entry for entry in values["automatic"] if entry[0] > since]
    if not text.direct:
        automatic.append([turn.now.timestamp(), text.text_id in RELAYED])
    this_month = values["segments"] if values["month"] == month else 0
    changed = {
        "month": month,
        "segments": this_month + text.segments,
        "total": values["total"] + text.segments,
        "automatic": automatic,
    }
    turn.save(Tally(id, changed))
