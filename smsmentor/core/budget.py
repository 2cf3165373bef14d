"""The monthly budget of segments: how far it is used, and what is left out when it runs low."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from enum import IntEnum

from smsmentor.core.kinds import COURTESIES
from smsmentor.core.model import Tally
from smsmentor.core.reads import Reads
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import zone

COURTESIES_GO, WAVES_SHRINK = 0.80, 0.90
"""The shares of the budget from which on something is left out."""


class Stage(IntEnum):
    """How far the month's budget is used; each stage includes the ones before it."""

    FREE = 0
    COURTESIES_GO = 1
    WAVES_SHRINK = 2
    SPENT = 3
    """Nothing more is left out than before: answers, safety and opt-outs always go."""


def stage_of(used: int, budget: int) -> Stage:
    """The stage for so many segments of a budget; 0 is no budget."""
    if not budget or used < budget * COURTESIES_GO:
        return Stage.FREE
    if used < budget * WAVES_SHRINK:
        return Stage.COURTESIES_GO
    return Stage.SPENT if used >= budget else Stage.WAVES_SHRINK


def stage(reader: Reads, now: datetime, rules: Rules) -> Stage:
    """How far this month's budget is used."""
    if not rules.monthly_segments:
        return Stage.FREE
    return stage_of(spent(reader, month_of(now, rules.zone)), rules.monthly_segments)


def left_out(reader: Reads, now: datetime, rules: Rules, text_id: str, *, courtesy: bool) -> bool:
    """Whether the budget is too low for a text of this kind."""
    if not courtesy and text_id not in COURTESIES:
        return False
    return stage(reader, now, rules) >= Stage.COURTESIES_GO


def wave_size(reader: Reads, now: datetime, rules: Rules, wanted: int) -> int:
    """How many mentors may be asked at once: one at a time when the budget runs low."""
    return min(wanted, 1) if stage(reader, now, rules) >= Stage.WAVES_SHRINK else wanted


def spent(reader: Reads, month: str) -> int:
    """The segments of a month, written `2026-03`."""
    tally = reader.get(Tally, f"segments:{month}")
    return int(tally.values["segments"]) if tally else 0


def forecast(used: int, now: datetime, zone_name: str) -> int | None:
    """The month's segments if it goes on as it began; None in its first two days, when nothing can be said."""
    here = now.astimezone(zone(zone_name))
    elapsed = here - here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if elapsed < timedelta(days=2):
        return None
    days = calendar.monthrange(here.year, here.month)[1]
    return round(used * (timedelta(days=days) / elapsed))


def month_of(now: datetime, zone_name: str) -> str:
    """`2026-03`: the service's own month, in which its bill is counted."""
    return day_of(now, zone_name)[:7]


def day_of(now: datetime, zone_name: str) -> str:
    """`2026-03-31`: the service's own day."""
    return f"{now.astimezone(zone(zone_name)):%Y-%m-%d}"
