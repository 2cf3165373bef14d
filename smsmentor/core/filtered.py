"""Carriers that filter our texts as spam: one may be chance, a share of a day's texts is a fault to mend."""

from __future__ import annotations

from typing import NamedTuple

from smsmentor.core import members
from smsmentor.core.budget import day_of
from smsmentor.core.model import Tally
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn

FILTERED = "filtered"
"""The tally of the last day on which texts were filtered."""
SHARE = 0.02
"""From this share of the day's texts on it is told, if there are `filtered_alarm` of them."""


class Filtered(NamedTuple):
    """A day's texts that carriers filtered, for a code, and whether that was told."""

    day: str
    texts: int
    code: int
    told: bool


def read(reader: Reads) -> Filtered | None:
    """The last day on which texts were filtered, or None."""
    tally = reader.get(Tally, FILTERED)
    return Filtered(**tally.values) if tally is not None else None


def count(turn: Turn, code: int) -> None:
    """A text was filtered. Operators are told once a day when there are too many of them."""
    known, day = read(turn), day_of(turn.now, turn.rules.zone)
    known = known if known is not None and known.day == day else Filtered(day, 0, code, told=False)
    known = known._replace(texts=known.texts + 1, code=code)
    sent = sent_on(turn, day)
    most = turn.rules.filtered_alarm
    if most and not known.told and known.texts >= max(most, SHARE * sent):
        known = known._replace(told=True)
        turn.note("sending.filtered", error=code, filtered=known.texts, sent=sent)
        for operator in members.operators(turn):
            turn.say(operator, "op.filtered", count=known.texts, code=code)
    turn.save(Tally(FILTERED, known._asdict()))


def sent_on(reader: Reads, day: str) -> int:
    """How many texts the carrier took on a day, if it is the newest on which it took one."""
    tally = reader.get(Tally, f"segments:{day[:7]}")
    return int(tally.values.get("texts", 0)) if tally is not None and tally.values.get("day") == day else 0
