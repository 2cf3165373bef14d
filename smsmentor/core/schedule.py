"""Deadlines and quiet hours: when a person may be disturbed, in the zone where that person is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from smsmentor.core.model import Member
from smsmentor.core.rules import Rules


@lru_cache(maxsize=512)
def zone(name: str, fallback: str = "UTC") -> ZoneInfo:
    """The zone of that name; an unknown one is the fallback's, so that a bad setting never stops a text."""
    return ZoneInfo(name if name and is_zone(name) else fallback)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name, as in `America/New_York`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of names
        return False
    return True


def zone_of(member: Member, rules: Rules) -> ZoneInfo:
    """Where this member is, as well as we know."""
    return zone(member.zone, rules.zone)


@lru_cache(maxsize=16)
def clock_time(text: str) -> time:
    """`21:00` as a time of day."""
    hours, _, minutes = text.partition(":")
    return time(int(hours), int(minutes or 0))


def awake(member: Member, now: datetime, rules: Rules) -> bool:
    """Whether this member holds the phone, whatever the hour: a reply that comes now is a direct one.

    Who has asked for a pause is let alone at night.
    """
    said = member.last_text_at
    return said is not None and (now - said).total_seconds() <= 60 * rules.awake_minutes and not member.paused


def quiet_until(member: Member, now: datetime, rules: Rules) -> datetime | None:
    """When the quiet hours end that this member is in, or None when it is day there."""
    start, end = clock_time(rules.quiet_from), clock_time(rules.quiet_until)
    if start == end:
        return None
    here = zone_of(member, rules)
    local = now.astimezone(here)
    at = local.time()
    if start > end:
        if end <= at < start:
            return None
        day = local.date() if at < end else local.date() + timedelta(days=1)
    else:
        if not start <= at < end:
            return None
        day = local.date()
    return datetime.combine(day, end, tzinfo=here).astimezone(UTC)


def is_quiet(local: datetime, quiet_from: str, quiet_until: str) -> bool:
    """Whether a local wall-clock moment lies in the quiet hours."""
    start, end, at = clock_time(quiet_from), clock_time(quiet_until), local.time()
    return start <= at or at < end if start > end else start <= at < end


def quiet_end(local: datetime, quiet_until: str) -> datetime:
    """The next local moment at which quiet hours end."""
    end = clock_time(quiet_until)
    day = local.date() if local.time() < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=local.tzinfo)


def backoff(attempts: int, seed: str) -> timedelta:
    """The wait before try number `attempts + 1`: 30 s doubling to 5 min, spread by up to a fifth by the seed."""
    base = min(30.0 * 2 ** min(max(attempts - 1, 0), 10), 300.0)
    spread = (sum(seed.encode()) * 2654435761 % 1000) / 1000
    return timedelta(seconds=base * (0.9 + 0.2 * spread))
