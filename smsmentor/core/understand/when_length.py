"""Reads lengths of time ("2 weeks", "an hour and a half", "1h30") and adds them to a moment."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from dateutil import tz
from dateutil.relativedelta import relativedelta

from smsmentor.core.understand.when_words import Sentence

_LONGEST_DAYS = 36525
_DAY = 24 * 60
_UNITS = {
    "year": (12, 0),
    "month": (1, 0),
    "week": (0, 7 * _DAY),
    "fortnight": (0, 14 * _DAY),
    "day": (0, _DAY),
}


@dataclass(frozen=True)
class Length:
    """A length of time. Months and days are wall-clock, minutes are elapsed time."""

    months: int = 0
    days: int = 0
    minutes: int = 0

    @property
    def timedelta(self) -> timedelta:
        """As a fixed length, a month counted as 30 days."""
        return timedelta(days=30 * self.months + self.days, minutes=self.minutes)

    @property
    def whole_days(self) -> bool:
        return self.minutes == 0

    @property
    def grain(self) -> str:
        if self.minutes:
            return "minute"
        if self.days:
            return "week" if self.days % 7 == 0 and not self.months else "day"
        return "month"

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The moment this much later: days keep the local time of day, minutes pass as they pass.

        A local time that a clock change skips moves forward by the gap; OverflowError past year 9999.
        """
        local = moment.astimezone(zone)
        if self.months or self.days:
            shifted = local.replace(tzinfo=None) + relativedelta(months=self.months, days=self.days)
            local = tz.resolve_imaginary(shifted.replace(tzinfo=zone))
        return (local.astimezone(UTC) + timedelta(minutes=self.minutes)).astimezone(zone)


def length(s: Sentence, at: int, default_unit: str | None = None) -> tuple[Length, int] | None:
    """Reads one length, several units included ("1 hr 15 min"); a lone number only with a default unit."""
    first = _part(s, at)
    if first is None:
        return _lone(s, at, default_unit)
    total, after, unit = first
    while True:
        joint = s.after(after, "and") if not s.symbol(after, ",") else after + 1
        more = _bare_minutes(s, after) if unit == "hour" else None
        following = _part(s, joint) if more is None and joint < len(s) else None
        if more is not None:
            total, after, unit = _sum(total, Length(minutes=more[0])), more[1], "minute"
        elif following is not None and _smaller(following[2], unit):
            total, after, unit = _sum(total, following[0]), following[1], following[2]
        else:
            break
    return None if total.timedelta > timedelta(days=_LONGEST_DAYS) else (total, _or_more(s, after))


def _or_more(s: Sentence, at: int) -> int:
    """Past the "or two" of "a day or two", which counts as one."""
    more = s.number(s.after(at, "or"))
    return more[1] if more and s.has(at, "or") and not s.has(more[1], "unit") else at


def _smaller(unit: str, than: str) -> bool:
    order = ("minute", "hour", "day", "week", "fortnight", "month", "year")
    return order.index(unit) < order.index(than)


def _sum(one: Length, other: Length) -> Length:
    return Length(one.months + other.months, one.days + other.days, one.minutes + other.minutes)


def _lone(s: Sentence, at: int, unit: str | None) -> tuple[Length, int] | None:
    amount = _amount(s, at) if unit else None
    if amount is None or unit is None or s.symbol(amount[1], "/", ":", "%"):
        return None
    made = _of(amount[0], unit)
    return None if made is None else (made, amount[1])


def _bare_minutes(s: Sentence, at: int) -> tuple[int, int] | None:
    """The 30 of 1h30."""
    token = s.digits(at)
    if token is None or not token.glued or token.number is None or len(token.text) != 2 or token.number > 59:
        return None
    return token.number, s.after(at + 1, "unit") if s.glued(at + 1) else at + 1


def _part(s: Sentence, at: int) -> tuple[Length, int, str] | None:
    amount = _amount(s, at)
    value, after = amount if amount else (1.0, at)
    unit = s.has(s.after(after, "of"), "unit")
    if amount is not None and unit is None:
        higher = _amount(s, s.after(after, "to", "or"))  # "2-3 days" counts as 2
        unit = s.has(higher[1], "unit") if higher and higher[0] > value else None
    if unit is None:
        return None
    extra, end = _and_fraction(s, unit[1])
    if amount is None and not extra:
        return None  # "hour" alone is no length, "hour and a half" is
    made = _of(value + extra, unit[0])
    return None if made is None else (made, end, unit[0])


def _and_fraction(s: Sentence, at: int) -> tuple[float, int]:
    for key, value in (("and_half", 0.5), ("and_quarter", 0.25)):
        found = s.has(at, key)
        if found:
            return value, found[1]
    return 0.0, at


def _of(value: float, unit: str) -> Length | None:
    if value > _LONGEST_DAYS * (_DAY if unit in ("minute", "hour") else 1):
        return None
    if unit in ("minute", "hour"):
        return Length(minutes=round(value * (60 if unit == "hour" else 1)))
    months, minutes = _UNITS[unit]
    if months:
        whole = value * months
        return Length(months=int(whole), days=round(30 * (whole % 1)))
    days, rest = divmod(round(value * minutes), _DAY)
    return Length(days=days, minutes=rest)


def _amount(s: Sentence, at: int) -> tuple[float, int] | None:
    """2, 2.5, 2,5, 1/2, 1 1/2, 2½, two, two and a half, a couple of, half a."""
    found = s.has(at, "quantity")
    if found:
        return float(found[0]), found[1]
    sign = _fraction_sign(s, at)
    if sign is not None:
        return sign, s.after(at + 1, "one")
    number = s.number(at)
    if number is None:
        return None
    value, after = number
    token = s.digits(at)
    if token is not None:
        decimals = s.joined_digits(after, ".", ",")
        if decimals is not None and len(decimals.text) <= 2:
            return float(f"{value}.{int(decimals.text):0{len(decimals.text)}d}"), after + 2
        below = s.joined_digits(after, "/")
        if below is not None and below.number and value < below.number <= 4:
            return value / below.number, s.after(after + 2, "one")
        fraction = _fraction_after(s, after)
        if fraction is not None:
            return value + fraction[0], fraction[1]
    extra, end = _and_fraction(s, after)
    return value + extra, end


def _fraction_sign(s: Sentence, at: int) -> float | None:
    token = s.token(at)
    if token is None or len(token.text) != 1 or unicodedata.category(token.text) != "No":
        return None
    value = unicodedata.numeric(token.text, 0.0)
    return value if 0 < value < 1 else None


def _fraction_after(s: Sentence, at: int) -> tuple[float, int] | None:
    sign = _fraction_sign(s, at)
    if sign is not None:
        return sign, at + 1
    above, below = s.digits(at), s.joined_digits(at + 1, "/")
    if above and below and above.number and below.number and above.number < below.number <= 4:
        return above.number / below.number, at + 3
    return None
