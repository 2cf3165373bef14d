"""Reads days, dates, weeks and months ("next tue", "12 may", "5/12", "the week after next") from a given today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from smsmentor.core.when_length import Length, length
from smsmentor.core.when_words import Sentence

_WEEK = timedelta(days=7)
_ONE = timedelta(days=1)
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


def day(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """Reads the longest day, date or period that starts at this token."""
    single_days = (_numeric, _month_first, _number_first, _weekday, _relative, _of_month)
    periods = (_nth_weekday, _period, _edge_of_period, _of_period, _nth_of_month, _next_few)
    return _longest(s, at, calendar, (_anchored, *single_days, *periods))


def _anchor(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """The day that another one counts from: only forms that count from nothing, so that no text nests them."""
    start = s.after(at, "article")
    found = _longest(
        s, start, calendar, (_numeric, _month_first, _number_first, _weekday, _relative, _of_month)
    )
    return found if found is not None and found[0].grain == "day" else None


def _longest(s: Sentence, at: int, calendar: Calendar, forms: Iterable[Form]) -> Found | None:
    found = [form(s, at, calendar) for form in forms]
    return max((f for f in found if f is not None), key=lambda f: f[1], default=None)


def impossible(calendar: Calendar) -> Day:
    return Day(calendar.today, calendar.today, "day", "date", ask="impossible")


def single(moment: date, kind: str, guessed: frozenset[str] = _NONE, ask: str | None = None) -> Day:
    return Day(moment, moment, "day", kind, guessed, ask)


def merged(one: Day, other: Day) -> Day | None:
    """Two ways of naming one day put together ("sat" and "next week", "tue" and "the 12th"), or None."""
    for a, b in ((one, other), (other, one)):
        if a.kind == "weekday" and b.grain != "day":
            inside = b.first + timedelta(days=(a.first.weekday() - b.first.weekday()) % 7)
            return (
                replace(a, first=inside, last=inside, ask=b.ask, strong=True, bare=False)
                if inside <= b.last
                else None
            )
        if a.kind == "weekday" and b.kind in ("of-month", "date", "relative"):
            return _agreed(a.first.weekday(), b)
        if a.kind == "of-month" and b.grain == "month":
            chosen = in_month(b.first.year, b.first.month, a.first.day)
            return single(chosen, "date") if chosen else None
        if a.kind == "relative" and b.kind == "date":
            return b if a.first == b.first else replace(b, ask="mismatch")
    return None


def _agreed(weekday: int, dated: Day) -> Day:
    """A weekday beside a date: the guessed month or year gives way, else the two contradict each other."""
    steps: list[relativedelta] = [relativedelta()]
    if dated.kind == "of-month":
        steps += [relativedelta(months=n) for n in range(1, 7)]
    for step in steps:
        moved = dated.first + step
        if moved.weekday() == weekday and moved.day == dated.first.day:
            return replace(dated, first=moved, last=moved, strong=True)
    return replace(dated, ask=dated.ask or "mismatch", strong=True)


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


def _year(s: Sentence, at: int) -> tuple[int | None, int]:
    """A year of four digits after a date, with an optional comma or "of" before it."""
    start = at + 1 if s.symbol(at, ",") else s.after(at, "of")
    token = s.digits(start)
    short = s.digits(start + 1) if s.symbol(start, "'") and s.glued(start + 1) else None
    if short is not None and short.number is not None and len(short.text) == 2:
        return 2000 + short.number, start + 2
    if token is None or token.number is None or len(token.text) != 4 or _clock_follows(s, start + 1):
        return None, at
    return (token.number, start + 1) if 2000 <= token.number < 2100 else (None, at)


def _month_first(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """may 12, May 12th 2027, may 12-14."""
    month = s.has(at, "month")
    if month is None:
        return None
    number_at = s.after(month[1] + 1 if s.symbol(month[1], ".") else month[1], "article")
    number = month_day(s, number_at)
    if number is None or _clock_follows(s, number[1]) or s.has(number[1], "of_them"):
        return None
    value, after = number
    last = _range_end(s, after, value)
    if last is not None:
        year, after = _year(s, last[1])
        return _run(calendar, year, int(month[0]), value, last[0]), after
    year, after = _year(s, after)
    return _dated(calendar, year, int(month[0]), value), after


def _range_end(s: Sentence, at: int, start: int) -> tuple[int, int] | None:
    """The 14 of 12-14."""
    joint = at + 1 if s.symbol(at, "-") else s.after(at, "to")
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


def _number_first(s: Sentence, at: int, calendar: Calendar) -> Found | None:
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
    year, end = _year(s, month[1] + 1 if s.symbol(month[1], ".") else month[1])
    if last is not None:
        return _run(calendar, year, int(month[0]), value, last[0]), end
    return _dated(calendar, year, int(month[0]), value), end


def _month_place(s: Sentence, at: int) -> int:
    if s.symbol(at, "-", "/", ".") and s.glued(at):
        return at + 1
    return s.after(at, "of")


def _numeric(s: Sentence, at: int, calendar: Calendar) -> Found | None:
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


def _of_month(s: Sentence, at: int, calendar: Calendar) -> Found | None:
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


def _relative(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    found = s.has(at, "day")
    if found is None:
        return None
    days = int(found[0])
    return single(calendar.today + timedelta(days=days), "relative", ask="past" if days < 0 else None), found[
        1
    ]


def _modifier(s: Sentence, at: int) -> tuple[str | None, int]:
    start = s.after(at, "article")
    for name in ("coming", "this", "next", "last"):
        found = s.has(start, name)
        if found:
            # "this coming friday", "this next friday"
            inner = s.has(found[1], "coming") if name == "this" else None
            return ("coming", inner[1]) if inner else (name, found[1])
    return None, start


def _postfix(s: Sentence, at: int) -> tuple[str | None, int]:
    for name in ("after_next", "postfix_next", "postfix_last", "next"):
        found = s.has(at, name)
        if found and not (name == "next" and _named_next(s, found[1])):
            return {"postfix_next": "coming", "postfix_last": "last"}.get(name, name), found[1]
    return None, at


def _named_next(s: Sentence, at: int) -> bool:
    """ "tuesday next week": the "next" belongs to what follows."""
    return (
        any(s.has(at, key) for key in ("unit", "weekend", "month", "weekday", "part"))
        or s.number(at) is not None
    )


def _weekday(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """tue, this tue, next tue, tue after next, tue week, el martes que viene."""
    modifier, start = _modifier(s, at)
    name = s.has(start, "weekday")
    if name is None:
        return None
    after = name[1] + 1 if s.symbol(name[1], ".") and s.glued(name[1]) else name[1]
    if modifier is None:
        modifier, after = _postfix(s, after)
    week = s.has(after, "unit")
    extra = 1 if modifier is None and week and week[0] == "week" and s.has(after, "week_later") else 0
    found = _weekday_date(int(name[0]), modifier, calendar)
    if extra:
        moved = found.first + _WEEK
        return replace(found, first=moved, last=moved, ask=None), after + 1
    weak = s.has(start, "weak") is not None and modifier is None
    return replace(found, strong=not weak, bare=modifier is None), after


def _weekday_date(weekday: int, modifier: str | None, calendar: Calendar) -> Day:
    ahead = timedelta(days=(weekday - calendar.today.weekday()) % 7)
    after_today = calendar.today + (ahead or _WEEK)
    ask = None if ahead else "same-weekday"
    if modifier == "this":
        chosen = calendar.monday + timedelta(days=weekday)
        return single(chosen, "weekday", ask="past" if chosen < calendar.today else ask)
    if modifier in ("next", "after_next"):
        weeks = 1 if modifier == "next" else 2
        return single(calendar.monday + weeks * _WEEK + timedelta(days=weekday), "weekday")
    if modifier == "last":
        return single(calendar.today - (_WEEK - ahead), "weekday", ask="past")
    return single(after_today, "weekday", ask=None if modifier == "coming" else ask)


def _nth_weekday(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """first monday of june, last friday of the month."""
    number = s.ordinal(at)
    last = s.has(at, "last")
    if number is None and last is None:
        return None
    weekday = s.has(number[1] if number else s.after(at, "last"), "weekday")
    joint = s.after(weekday[1], "of", "in") if weekday else 0
    if weekday is None or joint == weekday[1]:
        return None
    period = _month_period(s, joint, calendar)
    if period is None:
        return None
    first = period[0].first
    chosen = first + timedelta(days=(int(weekday[0]) - first.weekday()) % 7)
    chosen += _WEEK * (number[0] - 1 if number else 4)
    if number is None and chosen.month != first.month:
        chosen -= _WEEK
    if chosen.month != first.month:
        return impossible(calendar), period[1]
    return single(chosen, "date", ask="past" if chosen < calendar.today else None), period[1]


def _nth_of_month(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """first week of june, last day of the month."""
    number = s.ordinal(at)
    last = s.has(at, "last")
    unit = s.has(number[1] if number else last[1] if last else len(s), "unit")
    joint = s.after(unit[1], "of", "in") if unit else 0
    if unit is None or unit[0] not in ("day", "week") or joint == unit[1]:
        return None
    period = _month_period(s, joint, calendar)
    if period is None:
        return None
    size = 7 if unit[0] == "week" else 1
    first = (
        period[0].first + timedelta(days=size * (number[0] - 1))
        if number
        else period[0].last - (size - 1) * _ONE
    )
    if first > period[0].last:
        return impossible(calendar), period[1]
    end = min(period[0].last, first + (size - 1) * _ONE)
    return Day(first, end, unit[0], "period", ask="past" if end < calendar.today else None), period[1]


def _of_period(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """5th of next month, the 20th of the month."""
    number = s.ordinal(at)
    joint = s.after(number[1], "of", "in") if number else 0
    period = _month_period(s, joint, calendar) if number and joint > number[1] else None
    if number is None or period is None or s.has(joint, "month"):
        return None
    chosen = in_month(period[0].first.year, period[0].first.month, number[0])
    if chosen is None:
        return impossible(calendar), period[1]
    return single(chosen, "date", ask="past" if chosen < calendar.today else None), period[1]


def _month_period(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    period = _period(s, s.after(at, "article"), calendar) or _plain_unit(s, at, calendar)
    return period if period is not None and period[0].grain == "month" else None


def _period(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """next week, this weekend, the week after next, the week of may 12, in june, next month, may 2027."""
    modifier, start = _modifier(s, at)
    weekend = s.has(start, "weekend")
    unit = s.has(start, "unit")
    month = s.has(start, "month")
    if weekend:
        return _after_postfix(s, weekend[1], modifier, "weekend", calendar)
    if unit and unit[0] in ("week", "month", "year"):
        of = s.after(unit[1], "of")
        anchor = _anchor(s, of, calendar) if unit[0] == "week" and of > unit[1] else None
        if anchor is not None:
            monday = anchor[0].first - timedelta(days=anchor[0].first.weekday())
            return Day(monday, monday + 6 * _ONE, "week", "period", ask=anchor[0].ask), anchor[1]
        return _after_postfix(s, unit[1], modifier, unit[0], calendar)
    if month is None:
        return None
    year, after = _year(s, month[1])
    strong = year is not None or modifier is not None or s.has(at - 1, "month_lead") is not None
    return replace(_month(calendar, int(month[0]), year, modifier), strong=strong), after


def _after_postfix(s: Sentence, at: int, modifier: str | None, unit: str, calendar: Calendar) -> Found | None:
    after = at
    if modifier is None or s.has(at, "after_next"):
        modifier, after = _postfix(s, at)
    if modifier is None and unit != "weekend":
        return None
    return _unit_period(unit, modifier, calendar), after


def _unit_period(unit: str, modifier: str | None, calendar: Calendar) -> Day:
    step = {"next": 1, "coming": 1, "after_next": 2, "last": -1}.get(modifier or "", 0)
    past = "past" if step < 0 else None
    if unit in ("week", "weekend"):
        coming_weekend = unit == "weekend" and modifier == "coming"
        monday = calendar.monday + _WEEK * (0 if coming_weekend else step)
        first = monday + 5 * _ONE if unit == "weekend" else monday
        return Day(first, monday + 6 * _ONE, unit, "period", ask=past)
    if unit == "month":
        first = calendar.today.replace(day=1) + relativedelta(months=step)
        return Day(first, first + relativedelta(months=1) - _ONE, "month", "period", ask=past)
    first = date(calendar.today.year + step, 1, 1)
    return Day(first, date(first.year, 12, 31), "year", "period", ask=past)


def _month(calendar: Calendar, number: int, year: int | None, modifier: str | None) -> Day:
    today = calendar.today
    if year is None:
        ahead = number >= today.month if modifier != "next" else number > today.month
        year = today.year + (0 if ahead else 1) - (1 if modifier == "last" else 0)
    first = date(year, number, 1)
    last = first + relativedelta(months=1) - _ONE
    return Day(first, last, "month", "period", ask="past" if last < today else None)


def _edge_of_period(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """end of next week, early june, mid week, later this week, eow."""
    for short, unit in (("eow", "week"), ("eom", "month")):
        found = s.has(at, short)
        if found:
            return _edge(_unit_period(unit, None, calendar), "end_of", calendar), found[1]
    midweek = s.has(at, "midweek")
    if midweek:
        return _edge(_unit_period("week", None, calendar), "middle_of", calendar), midweek[1]
    for edge in ("end_of", "late_in", "start_of", "middle_of", "later", "rest_of"):
        lead = s.has(at, edge)
        if lead is None:
            continue
        start = s.after(lead[1], "of", "in")
        period = _period(s, start, calendar) or _plain_unit(s, start, calendar)
        if period is not None and period[0].grain in ("week", "month"):
            return _edge(period[0], edge, calendar), period[1]
    return None


def _plain_unit(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """The bare "week" of "end of the week"."""
    unit = s.has(s.after(at, "article"), "unit")
    if unit is None or unit[0] not in ("week", "month", "year"):
        return None
    return _unit_period(unit[0], None, calendar), unit[1]


def _edge(period: Day, edge: str, calendar: Calendar) -> Day:
    first, last = period.first, period.last
    week = period.grain == "week"
    if edge == "end_of":
        first = last - 2 * _ONE if week else last
    elif edge == "late_in":
        first = last - (2 * _ONE if week else 9 * _ONE)
    elif edge == "start_of":
        last = first + (_ONE if week else 9 * _ONE)
    elif edge == "middle_of":
        first, last = (first + _ONE, first + 3 * _ONE) if week else (first + 10 * _ONE, first + 19 * _ONE)
    else:
        first = max(first, calendar.today + (_ONE if edge == "later" else timedelta()))
    if first <= calendar.today <= last:
        first = max(first, calendar.today)
    ask = "past" if last < calendar.today else None
    kind = "edge" if edge in ("end_of", "rest_of") else "period"
    return replace(period, first=first, last=max(first, last), grain="day", kind=kind, ask=ask)


def _one_unit(s: Sentence, at: int) -> tuple[Length, int] | None:
    """The week of "week from tuesday"."""
    unit = s.has(at, "unit")
    if unit is None or unit[0] not in ("week", "month") or not s.has(unit[1], "from"):
        return None
    return (Length(days=7) if unit[0] == "week" else Length(months=1)), unit[1]


def _next_few(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """the next 3 days, los proximos 3 dias: from tomorrow on."""
    start = s.after(at, "article")
    lead = s.has(start, "next") or s.has(start, "coming")
    amount = length(s, lead[1]) if lead else None
    if amount is None or not amount[0].whole_days:
        return None
    first = calendar.today + _ONE
    last = first + relativedelta(months=amount[0].months, days=amount[0].days) - _ONE
    return Day(first, last, "day", "period"), amount[1]


def _anchored(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """a week from monday, 2 days after tomorrow, a week on tuesday, dos semanas despues del lunes."""
    amount = length(s, at) or _one_unit(s, at)
    if amount is None or not amount[0].whole_days:
        return None
    joint = s.after(amount[1], "from", "after", "on")
    if joint == amount[1] and amount[0].days % 7:
        return None  # "a week friday" is said, "2 days friday" is not
    anchor = _anchor(s, joint, calendar)
    if anchor is None:
        return None
    moved = anchor[0].first + relativedelta(months=amount[0].months, days=amount[0].days)
    return single(moved, "relative", ask=None), anchor[1]
