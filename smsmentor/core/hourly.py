"""Counters of an hour, for what may happen only so often within one."""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmentor.core.model import Tally
from smsmentor.core.turn import Turn

HOUR = timedelta(hours=1)


def full(turn: Turn, name: str, most: int) -> bool:
    """Whether this hour's places are taken; takes one when they are not. 0 is no limit."""
    if not most:
        return False
    since, count = _count(turn, name)
    if count >= most:
        return True
    turn.save(Tally(name, {"since": since, "count": count + 1}))
    return False


def goes_on(turn: Turn, name: str, since: datetime, count: int) -> None:
    """So many were counted elsewhere in the hour that begins then."""
    if count:
        turn.save(Tally(name, {"since": since.timestamp(), "count": count}))


def count(turn: Turn, name: str) -> int:
    """How many places of this hour are taken."""
    return _count(turn, name)[1]


def _count(turn: Turn, name: str) -> tuple[float, int]:
    """When the hour began that is counted, and how many there were."""
    tally, now = turn.get(Tally, name), turn.now.timestamp()
    since, count = (tally.values["since"], tally.values["count"]) if tally else (now, 0)
    return (now, 0) if now - since >= HOUR.total_seconds() else (since, count)
