"""What a mentor has given lately, in asks, so that shares stay fair over the week and over the hours people offer.

An offer counts 1, an answer 1 more (it is the work), an offer left without reply half (it cost little). It fades by
half each week, and counts more for those who offer fewer hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from smsmentor.core.making import replace
from smsmentor.core.model import Load, Member, Window
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import clock_time

OFFER, ANSWER, SILENCE = 1.0, 1.0, -0.5
HALF_LIFE = timedelta(days=7)
FEWEST_HOURS = 4.0


def owed(load: Load, now: datetime) -> float:
    """What is left today of all that was counted."""
    if load.debt_at is None:
        return 0.0
    return float(load.debt * 0.5 ** ((now - load.debt_at) / HALF_LIFE))


def add(load: Load, now: datetime, amount: float) -> Load:
    """The load with so much more on it."""
    return replace(load, debt=max(owed(load, now) + amount, 0.0), debt_at=now)


def share(mentor: Member, load: Load, now: datetime, rules: Rules) -> float:
    """What is owed for each waking day of the week that this mentor offers."""
    return owed(load, now) / (hours_a_week(mentor.hours, rules.quiet_from, rules.quiet_until) / 13.0)


@lru_cache(maxsize=4096)
def hours_a_week(windows: tuple[Window, ...], quiet_from: str, quiet_until: str) -> float:
    """The hours of a week in which somebody with these HOURS may be asked, at least four."""
    night, morning = clock_time(quiet_from), clock_time(quiet_until)
    start, end = morning.hour * 60 + morning.minute, night.hour * 60 + night.minute
    end += 1440 if end <= start else 0
    if not windows:
        return 7 * (end - start) / 60
    minutes = 0
    for window in windows:
        last = window.end if window.end > window.start else window.end + 1440
        for day in (-1440, 0, 1440):
            minutes += len(window.days) * max(min(last, end + day) - max(window.start, start + day), 0)
    return max(minutes / 60, FEWEST_HOURS)
