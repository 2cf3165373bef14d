"""Reads what a text names of the calendar: a day, a week, a month or a part of one, as seen from a given today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from smsmentor.core.understand.when_date import (
    ONE,
    SINGLE_DAYS,
    WEEK,
    Calendar,
    Day,
    Found,
    anchor,
    impossible,
    in_month,
    longest,
    modifier_at,
    postfix_at,
    single,
    year_after,
)
from smsmentor.core.understand.when_length import Length, length
from smsmentor.core.understand.when_words import Sentence


def day(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """Reads the longest day, date or period that starts at this token."""
    periods = (_nth_weekday, _period, _edge_of_period, _of_period, _nth_of_month, _next_few)
    return longest(s, at, calendar, (_anchored, *SINGLE_DAYS, *periods))


def merged(one: Day, other: Day) -> Day | None:
    """Two ways of naming one day put together ("sat" and "next week", "tue" and "the 12th"), or None."""
    for a, b in ((one, other), (other, one)):
        if a.kind == "weekday" and b.grain != "day":
            inside = b.first + timedelta(days=(a.first.weekday() - b.first.weekday()) % 7)
            return (
                replace(a, first=inside, last=inside, ask=b.ask, strong=True, bare=False) if inside <= b.last else None
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


def _nth_weekday(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """first monday of june, last friday of the month."""
    start = s.after(at, "article")
    number, last = s.ordinal(start), s.has(start, "last")
    if number is None and last is None:
        return None
    weekday = s.has(number[1] if number else s.after(start, "last"), "weekday")
    joint = s.after(weekday[1], "of", "in") if weekday else 0
    if weekday is None or joint == weekday[1]:
        return None
    period = _month_period(s, joint, calendar)
    if period is None:
        return None
    first = period[0].first
    chosen = first + timedelta(days=(int(weekday[0]) - first.weekday()) % 7)
    chosen += WEEK * (number[0] - 1 if number else 4)
    if number is None and chosen.month != first.month:
        chosen -= WEEK
    if chosen.month != first.month:
        return impossible(calendar), period[1]
    return single(chosen, "date", ask="past" if chosen < calendar.today else None), period[1]


def _nth_of_month(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """first week of june, last day of the month."""
    start = s.after(at, "article")
    number, last = s.ordinal(start), s.has(start, "last")
    unit = s.has(number[1] if number else last[1] if last else len(s), "unit")
    joint = s.after(unit[1], "of", "in") if unit else 0
    if unit is None or unit[0] not in ("day", "week") or joint == unit[1]:
        return None
    period = _month_period(s, joint, calendar)
    if period is None:
        return None
    size = 7 if unit[0] == "week" else 1
    first = period[0].first + timedelta(days=size * (number[0] - 1)) if number else period[0].last - (size - 1) * ONE
    if first > period[0].last:
        return impossible(calendar), period[1]
    end = min(period[0].last, first + (size - 1) * ONE)
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
    modifier, start = modifier_at(s, at)
    weekend = s.has(start, "weekend")
    unit = s.has(start, "unit")
    month = s.has(start, "month")
    if weekend:
        return _after_postfix(s, weekend[1], modifier, "weekend", calendar)
    if unit and unit[0] in ("week", "month", "year"):
        of = s.after(unit[1], "of")
        start_day = anchor(s, of, calendar) if unit[0] == "week" and of > unit[1] else None
        if start_day is not None:
            monday = start_day[0].first - timedelta(days=start_day[0].first.weekday())
            return Day(monday, monday + 6 * ONE, "week", "period", ask=start_day[0].ask), start_day[1]
        return _after_postfix(s, unit[1], modifier, unit[0], calendar)
    if month is None:
        return None
    year, after = year_after(s, month[1])
    strong = year is not None or modifier is not None or s.has(at - 1, "month_lead") is not None
    return replace(_month(calendar, int(month[0]), year, modifier), strong=strong), after


def _after_postfix(s: Sentence, at: int, modifier: str | None, unit: str, calendar: Calendar) -> Found | None:
    after = at
    if modifier is None or s.has(at, "after_next"):
        modifier, after = postfix_at(s, at)
    if modifier is None and unit != "weekend":
        return None
    return _unit_period(unit, modifier, calendar), after


def _unit_period(unit: str, modifier: str | None, calendar: Calendar) -> Day:
    step = {"next": 1, "coming": 1, "after_next": 2, "last": -1}.get(modifier or "", 0)
    past = "past" if step < 0 else None
    if unit in ("week", "weekend"):
        coming_weekend = unit == "weekend" and modifier == "coming"
        monday = calendar.monday + WEEK * (0 if coming_weekend else step)
        first = monday + 5 * ONE if unit == "weekend" else monday
        return Day(first, monday + 6 * ONE, unit, "period", ask=past)
    if unit == "month":
        first = calendar.today.replace(day=1) + relativedelta(months=step)
        return Day(first, first + relativedelta(months=1) - ONE, "month", "period", ask=past)
    first = date(calendar.today.year + step, 1, 1)
    return Day(first, date(first.year, 12, 31), "year", "period", ask=past)


def _month(calendar: Calendar, number: int, year: int | None, modifier: str | None) -> Day:
    today = calendar.today
    if year is None:
        ahead = number >= today.month if modifier != "next" else number > today.month
        year = today.year + (0 if ahead else 1) - (1 if modifier == "last" else 0)
    first = date(year, number, 1)
    last = first + relativedelta(months=1) - ONE
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
        first = last - 2 * ONE if week else last
    elif edge == "late_in":
        first = last - (2 * ONE if week else 9 * ONE)
    elif edge == "start_of":
        last = first + (ONE if week else 9 * ONE)
    elif edge == "middle_of":
        first, last = (first + ONE, first + 3 * ONE) if week else (first + 10 * ONE, first + 19 * ONE)
    else:
        first = max(first, calendar.today + (ONE if edge == "later" else timedelta()))
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
    first = calendar.today + ONE
    last = first + relativedelta(months=amount[0].months, days=amount[0].days) - ONE
    return Day(first, last, "day", "period"), amount[1]


def _anchored(s: Sentence, at: int, calendar: Calendar) -> Found | None:
    """a week from monday, 2 days after tomorrow, a week on tuesday, dos semanas despues del lunes."""
    amount = length(s, at) or _one_unit(s, at)
    if amount is None or not amount[0].whole_days:
        return None
    joint = s.after(amount[1], "from", "after", "on")
    if joint == amount[1] and amount[0].days % 7:
        return None  # "a week friday" is said, "2 days friday" is not
    start_day = anchor(s, joint, calendar)
    if start_day is None:
        return None
    moved = start_day[0].first + relativedelta(months=amount[0].months, days=amount[0].days)
    return single(moved, "relative", ask=None), start_day[1]
