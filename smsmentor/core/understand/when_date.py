"""Reads single days and dates ("next tue", "12 may", "5/12", "the 12th") as seen from a given today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from smsmentor.core.understand.when_words import Sentence

WEEK = timedelta(days=7)
ONE = timedelta(days=1)
_NONE: frozenset[str] = frozenset()
_LEAP_YEAR = 2024


@dataclass(frozen=True)
class Day:
    """One day, or a run of days from `first` to `last`, both included."""

    first: date
    last: date
    grain: str
    """day, week, weekend, month or year."""
    kind: str
    """How it was named: weekday, of-month (the 12th), date, relative, period, edge (the end of one)."""
    guessed: frozenset[str] = _NONE
    ask: str | None = None
    """past, same-weekday, mismatch, or impossible: no such date."""
    strong: bool = True
    """False for a word that is a day only beside other time words ("sat", "may")."""
    bare: bool = False
    """A weekday with no word that says which week."""


Found = tuple[Day, int]
Form = Callable[[Sentence, int, "Calendar"], Found | None]


@dataclass(frozen=True)
class Calendar:
    """What reading a day depends on."""

    today: date
    day_first: bool

    @property
    def monday(self) -> date:
        return self.today - timedelta(days=self.today.weekday())


def anchor(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """The day that another one counts from: only forms that count from nothing, so that no text nests them."""
    start = s.after(at, "article")
    found = longest(s, start, calendar, SINGLE_DAYS)
    return found if found is not None and found[0].grain == "day" else None


def longest(s: Sentence, at: int, calendar: Calendar, forms: Iterable[Form]) -> Found | None:
    found = [form(s, at, calendar) for form in forms]
    return max((f for f in found if f is not None), key=lambda f: f[1], default=None)


def impossible(calendar: Calendar) -> Day:
    return Day(calendar.today, calendar.today, "day", "date", ask="impossible")


def single(moment: date, kind: str, guessed: frozenset[str] = _NONE, ask: str | None = None) -> Day:
    return Day(moment, moment, "day", kind, guessed, ask)


def month_day(s: Sentence, at: int) -> tuple[int, int] | None:
    """The 12 of "12 may": digits or an ordinal, not a clock, a length or a count."""
    found = s.ordinal(at)
    if found is None:
        token = s.digits(at)
        if token is None or token.number is None or len(token.text) > 2:
            return None
        if s.symbol(at - 1, "/", ":", "$") and token.glued:
            return None
        found = (token.number, at + 1)
    return found if found[0] <= 31 or s.digits(at) else None


def _clock_follows(s: Sentence, at: int) -> bool:
    return bool(
        s.joined_digits(at, ":", "h")
        or (s.symbol(at, ".") and s.joined_digits(at, "."))
        or any(s.has(at, key) for key in ("am", "pm", "oclock", "unit"))
        or (s.has(at, "hour_mark") and s.glued(at))
    )


def in_month(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def next_month(first: date) -> date:
    return first + relativedelta(months=1)


def _dated(calendar: Calendar, year: int | None, month: int, number: int) -> Day:
    """The date, in the first year that puts it today or later when no year is named."""
    if in_month(_LEAP_YEAR, month, number) is None:
        return impossible(calendar)
    if year is not None:
        named = in_month(year, month, number)
        if named is None:
            return impossible(calendar)
        return single(named, "date", ask="past" if named < calendar.today else None)
    for candidate in range(calendar.today.year, calendar.today.year + 9):
        guess = in_month(candidate, month, number)
        if guess is not None and guess >= calendar.today:
            return single(guess, "date", frozenset({"year"}))
    return impossible(calendar)


def year_after(s: Sentence, at: int) -> tuple[int | None, int]:
    """A year of four digits after a date, with an optional comma or "of" before it."""
    start = at + 1 if s.symbol(at, ",") else s.after(at, "of")
    token = s.digits(start)
    short = s.digits(start + 1) if s.symbol(start, "'") and s.glued(start + 1) else None
    if short is not None and short.number is not None and len(short.text) == 2:
        return 2000 + short.number, start + 2
    if token is None or token.number is None or len(token.text) != 4 or _clock_follows(s, start + 1):
        return None, at
    return (token.number, start + 1) if 2000 <= token.number < 2100 else (None, at)


def month_first(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """may 12, May 12th 2027, may 12-14."""
    month = s.has(at, "month")
    if month is None:
        return None
    number_at = s.after(month[1] + 1 if s.symbol(month[1], ".") else month[1], "article")
    number = month_day(s, number_at)
    if number is None or _clock_follows(s, number[1]) or s.has(number[1], "of_them"):
        return None
    if s.has(at, "weekday") and s.has(number[1], "month"):
        return None  # "mar 5 may" is Tuesday in Spanish, not March
    value, after = number
    last = _range_end(s, after, value, between=s.has(at - 1, "between") is not None)
    if last is not None:
        year, after = year_after(s, last[1])
        return _run(calendar, year, int(month[0]), value, last[0]), after
    year, after = year_after(s, after)
    return _dated(calendar, year, int(month[0]), value), after


def _range_end(s: Sentence, at: int, start: int, between: bool = False) -> tuple[int, int] | None:
    """The 14 of 12-14, or of "between may 12 and 14"."""
    joint = at + 1 if s.symbol(at, "-") else s.after(at, "to", *(("and",) if between else ()))
    if joint == at:
        return None
    number = month_day(s, s.after(joint, "article"))
    if number is None or number[0] <= start or _clock_follows(s, number[1]):
        return None
    return number


def _run(calendar: Calendar, year: int | None, month: int, start: int, end: int) -> Day:
    last = _dated(calendar, year, month, end)
    first = in_month(last.first.year, month, start)
    if last.ask == "impossible" or first is None:
        return impossible(calendar)
    return replace(last, first=first)


def number_first(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """12 may, 12th of May 2027, 12-14 may, del 3 al 7 de junio."""
    number = month_day(s, at)
    if number is None:
        words = s.word_number(at)
        number = words if words and s.has(s.after(words[1], "of"), "month") else None
    if number is None or _clock_follows(s, number[1]):
        return None
    value, after = number
    last = _range_end(s, after, value)
    month = s.has(_month_place(s, last[1] if last else after), "month")
    if month is None:
        return None
    year, end = year_after(s, month[1] + 1 if s.symbol(month[1], ".") else month[1])
    if last is not None:
        return _run(calendar, year, int(month[0]), value, last[0]), end
    return _dated(calendar, year, int(month[0]), value), end


def _month_place(s: Sentence, at: int) -> int:
    if s.symbol(at, "-", "/", ".") and s.glued(at):
        return at + 1
    return s.after(at, "of")


def numeric(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """5/12, 5/12/27, 12.5.2027, 5-12-27, 2027-05-12."""
    first = s.digits(at)
    before = s.token(at - 1)
    if first is None or first.number is None:
        return None
    if first.glued and before is not None and before.text in ("/", ".", ":"):
        return None
    for mark in ("/",) if first.glued and before is not None and before.text == "-" else ("/", "-", "."):
        second = s.joined_digits(at + 1, mark)
        if second is None or second.number is None:
            continue
        third = s.joined_digits(at + 3, mark)
        if third is not None and third.number is not None:
            return _three(calendar, first.text, second.number, third.text), at + 5
        if mark != "/" or len(first.text) > 2 or len(second.text) > 2 or _counts(s, at + 3):
            return None
        month, number = _ordered(first.number, second.number, calendar.day_first)
        return replace(_dated(calendar, None, month, number), strong=False), at + 3
    return None


def _counts(s: Sentence, at: int) -> bool:
    """True after a fraction ("1/2 hour", "3/4 of them", "24/7")."""
    before = s.digits(at - 3)
    always = before is not None and before.number == 24 and s.symbol(at - 1, "7")
    return always or bool(s.has(at, "unit") or s.has(at, "of_them") or s.symbol(at, "/"))


def _ordered(first: int, second: int, day_first: bool) -> tuple[int, int]:
    """(month, day), swapped when the month would be over 12."""
    month, number = (second, first) if day_first else (first, second)
    return (number, month) if month > 12 >= number else (month, number)


def _three(calendar: Calendar, first: str, second: int, third: str) -> Day:
    if len(first) == 4:
        return _dated(calendar, int(first), second, int(third)) if 1 <= second <= 12 else impossible(calendar)
    if len(third) not in (2, 4) or len(first) > 2:
        return impossible(calendar)
    month, number = _ordered(int(first), second, calendar.day_first)
    year = int(third) + (2000 if len(third) == 2 else 0)
    return _dated(calendar, year, month, number) if 1 <= month <= 12 and year else impossible(calendar)


def of_month(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """the 12th, el 12, el dia 12."""
    lead = s.has(at, "dom_lead")
    number = month_day(s, lead[1]) if lead else None
    if number is not None and (_clock_follows(s, number[1]) or s.symbol(number[1], "/") or number[0] > 31):
        number = None
    if number is None:
        number = s.ordinal(at) if s.digits(at) or s.has(at - 1, "article") else None
    if number is None or s.has(number[1], "of_them") or not 1 <= number[0] <= 31:
        return None
    value, after = number
    month = calendar.today.replace(day=1)
    for _ in range(4):
        guess = in_month(month.year, month.month, value)
        if guess is not None and guess >= calendar.today:
            strong = bool(lead) or bool(s.has(at - 1, "article"))
            return replace(single(guess, "of-month", frozenset({"month"})), strong=strong), after
        month += relativedelta(months=1)
    return None


def relative(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    found = s.has(at, "day")
    if found is None:
        return None
    days = int(found[0])
    return single(calendar.today + timedelta(days=days), "relative", ask="past" if days < 0 else None), found[1]


def modifier_at(s: Sentence, at: int) -> tuple[str | None, int]:
    start = s.after(at, "article")
    for name in ("coming", "this", "next", "last"):
        found = s.has(start, name)
        if found:
            # "this coming friday", "this next friday"
            inner = s.has(found[1], "coming") if name == "this" else None
            return ("coming", inner[1]) if inner else (name, found[1])
    return None, start


def postfix_at(s: Sentence, at: int) -> tuple[str | None, int]:
    for name in ("after_next", "postfix_next", "postfix_last", "next"):
        found = s.has(at, name)
        if found and not (name == "next" and _named_next(s, found[1])):
            return {"postfix_next": "coming", "postfix_last": "last"}.get(name, name), found[1]
    return None, at


def _named_next(s: Sentence, at: int) -> bool:
    """ "tuesday next week": the "next" belongs to what follows."""
    return any(s.has(at, key) for key in ("unit", "weekend", "month", "weekday", "part")) or s.number(at) is not None


def weekday_day(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """tue, this tue, next tue, tue after next, tue week, el martes que viene."""
    modifier, start = modifier_at(s, at)
    name = s.has(start, "weekday")
    if name is None:
        return None
    after = name[1] + 1 if s.symbol(name[1], ".") and s.glued(name[1]) else name[1]
    if modifier is None:
        modifier, after = postfix_at(s, after)
    week = s.has(after, "unit")
    extra = 1 if modifier is None and week and week[0] == "week" and s.has(after, "week_later") else 0
    found = _weekday_date(int(name[0]), modifier, calendar)
    if extra:
        moved = found.first + WEEK
        return replace(found, first=moved, last=moved, ask=None), after + 1
    weak = s.has(start, "weak") is not None and modifier is None
    return replace(found, strong=not weak, bare=modifier is None), after


def _weekday_date(weekday: int, modifier: str | None, calendar: Calendar) -> Day:
    ahead = timedelta(days=(weekday - calendar.today.weekday()) % 7)
    after_today = calendar.today + (ahead or WEEK)
    ask = None if ahead else "same-weekday"
    if modifier == "this":
        chosen = calendar.monday + timedelta(days=weekday)
        return single(chosen, "weekday", ask="past" if chosen < calendar.today else ask)
    if modifier in ("next", "after_next"):
        weeks = 1 if modifier == "next" else 2
        return single(calendar.monday + weeks * WEEK + timedelta(days=weekday), "weekday")
    if modifier == "last":
        return single(calendar.today - (WEEK - ahead), "weekday", ask="past")
    return single(after_today, "weekday", ask=None if modifier == "coming" else ask)


SINGLE_DAYS: tuple[Form, ...] = (numeric, month_first, number_first, weekday_day, relative, of_month)
