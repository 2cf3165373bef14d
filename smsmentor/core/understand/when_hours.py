"""Reads weekly opening hours ("weekdays 9-5 and sat 10-12") and answers when they are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from dateutil import tz

from smsmentor.core.model import Window
from smsmentor.core.understand import when_clock
from smsmentor.core.understand.when_clock import Clock
from smsmentor.core.understand.when_words import Sentence

EVERY_DAY = frozenset(range(7))
WEEKDAYS = frozenset(range(5))
WEEKEND = frozenset((5, 6))
DAY = when_clock.DAY


Span = tuple[int, int]


@dataclass
class _Group:
    """Days and the clock ranges that hold on them."""

    days: frozenset[int]
    spans: list[Span]


def hours(s: Sentence, parts: Mapping[str, Span]) -> tuple[Window, ...] | None:
    """The windows that the whole text gives, in the order of the text, or None."""
    items = _items(s, parts)
    if not items:
        return None
    groups = _grouped(items)
    if groups is None:
        return None
    windows = [Window(tuple(sorted(g.days)), *span) for g in groups for span in g.spans if g.days]
    return tuple(dict.fromkeys(windows)) or None


Item = tuple[str, frozenset[int] | Span | None]
"""("days", set), ("except", set), ("span", minutes) or ("break", None)."""


def _items(s: Sentence, parts: Mapping[str, Span]) -> list[Item] | None:
    items: list[Item] = []
    at = 0
    while at < len(s):
        found = _item(s, at, parts, items)
        evenings = s.has(at, "weeknights")
        if evenings is not None:
            items.append(("days", WEEKDAYS))
            at = evenings[1]
            if not _starts_span(s, at):
                items.append(("span", parts["evening"]))
            continue
        if found is not None:
            items.append(found[0])
            at = found[1]
            continue
        if s.symbol(at, ",", ";", "/", "+", "&") or s.has(at, "and"):
            items.append(("break", None))
            at = max(at + 1, s.after(at, "and"))
            continue
        after = s.after(at, "filler", "every", "at", "on", "from", "article", "for", "or")
        if after == at and s.tokens[at].text.isalnum():
            return None
        at = max(after, at + 1)
    return items


def _item(s: Sentence, at: int, parts: Mapping[str, Span], before: Sequence[Item]) -> tuple[Item, int] | None:
    forms = [_always(s, at), _span(s, at, parts), _excepted(s, at, before)]
    days = _days(s, at)
    forms.append((("days", days[0]), days[1]) if days else None)
    return max((f for f in forms if f is not None), key=lambda f: f[1], default=None)


def _always(s: Sentence, at: int) -> tuple[Item, int] | None:
    found = s.has(at, "always") or s.has(at, "all_day")
    return (("span", (0, DAY)), found[1]) if found else None


def _excepted(s: Sentence, at: int, before: Sequence[Item]) -> tuple[Item, int] | None:
    """The days that are left out, to the last: "weekdays except wed and fri 9-5".

    A clock behind a day may be its own: "weekdays 9-5 except wed, fri 10-12", "weekdays except wed, sat 10-12".
    """
    lead = s.has(at, "except")
    days = _days(s, lead[1]) if lead else None
    if days is None:
        return None
    total, after = days
    while True:
        joint = s.after(after, "and", "or") if not s.symbol(after, ",") else after + 1
        more = _days(s, joint) if joint > after else None
        if more is None or (_starts_span(s, more[1]) and not _leaves_out(before, more[0])):
            return ("except", total), after
        total, after = total | more[0], more[1]


def _leaves_out(before: Sequence[Item], days: frozenset[int]) -> bool:
    """Whether days can only be left out: they are of those named before, which have no clock of their own yet."""
    named = frozenset[int]().union(*(v for kind, v in before if kind == "days" and isinstance(v, frozenset)))
    return days <= (named or EVERY_DAY) and all(kind != "span" for kind, _ in before)


def _starts_span(s: Sentence, at: int) -> bool:
    return s.digits(s.after(at, "from", "at")) is not None


def _days(s: Sentence, at: int) -> tuple[frozenset[int], int] | None:
    """One day, a run of days, or a name for several."""
    start = s.after(at, "every")
    start = s.after(start, "article", "on")
    for key, days in (("weekdays", WEEKDAYS), ("weekend", WEEKEND), ("every_day", EVERY_DAY)):
        found = s.has(at, key) or s.has(start, key)
        if found:
            return days, found[1]
    first = s.has(at, "weekday") or s.has(start, "weekday")
    if first is None:
        return None
    after = first[1] + 1 if s.symbol(first[1], ".") else first[1]
    joint = s.after(after, "to")
    last = s.has(s.after(joint, "article"), "weekday") if joint > after else None
    if last is None:
        return frozenset((int(first[0]),)), after
    count = (int(last[0]) - int(first[0])) % 7
    run = frozenset((int(first[0]) + n) % 7 for n in range(count + 1))
    return run, last[1] + 1 if s.symbol(last[1], ".") else last[1]


def _span(s: Sentence, at: int, parts: Mapping[str, Span]) -> tuple[Item, int] | None:
    for key in ("after", "before", "between", "from", "until"):
        lead = s.has(at, key)
        if lead is not None and not s.has(at, "part"):
            found = _clock_range(s, lead[1], key, parts) or _one_sided(s, lead[1], key)
            if found is not None:
                return found
    return _clock_range(s, at, "", parts) or _part(s, at, parts)


def _one_sided(s: Sentence, at: int, key: str) -> tuple[Item, int] | None:
    found = when_clock.clock(s, s.after(at, "at"), True)
    if found is None:
        return None
    minutes = found[0].minutes
    after = s.after(found[1], "onwards")
    if key in ("after", "from"):
        return ("span", (minutes % DAY, DAY)), after
    return (("span", (0, minutes)), after) if minutes and key in ("before", "until") else None


def _part(s: Sentence, at: int, parts: Mapping[str, Span]) -> tuple[Item, int] | None:
    start = s.after(at, "in", "at", "on")
    start = s.after(start, "article")
    found = s.has(start, "part") or s.has(at, "part")
    if found is None:
        return None
    return _narrowed(s, found[1], parts, found[0]) or (("span", parts[found[0]]), found[1])


def _narrowed(s: Sentence, at: int, parts: Mapping[str, Span], part: str) -> tuple[Item, int] | None:
    """mornings 7-9, evenings after 7."""
    lead = s.after(at, "between", "from", "at")
    found = _clock_range(s, lead, "between" if lead > at else "", parts, part)
    if found is not None:
        return found
    after = s.has(at, "after") or s.has(at, "from")
    start = _clock(s, after[1], parts, part) if after else None
    if start is None or start[0].minutes >= parts[part][1]:
        return None
    return ("span", (start[0].minutes, parts[part][1])), start[1]


def _clock(s: Sentence, at: int, parts: Mapping[str, Span], given: str | None = None) -> tuple[Clock, int] | None:
    """A clock with the part of the day beside it, as in "9 in the morning"."""
    found = when_clock.clock(s, s.after(at, "at"), True)
    if found is None:
        return None
    beside = s.after(s.after(found[1], "in", "at", "of"), "article")
    part = s.has(beside, "part") or s.has(found[1], "part")
    after = part[1] if part else found[1]
    name = part[0] if part else given
    return (when_clock.in_part(found[0], parts[name], name == "night") if name else found[0]), after


def _clock_range(
    s: Sentence, at: int, key: str, parts: Mapping[str, Span], part: str | None = None
) -> tuple[Item, int] | None:
    start = _clock(s, at, parts)
    if start is None:
        return _onwards(s, at)
    joint = s.after(start[1], "to", "and") if key == "between" else s.after(start[1], "to", "until")
    if joint == start[1]:
        return _onwards(s, at)
    end = _clock(s, joint, parts, part)
    if end is None:
        return None
    low, high = when_clock.span_of(start[0], end[0])
    if _is_nobodys_guess(start[0], end[0]) or (low % DAY == high % DAY and low % DAY):
        return None
    return ("span", (low % DAY, high or DAY)), end[1]


def _is_nobodys_guess(start: Clock, end: Clock) -> bool:
    """12-12 may be the morning or the afternoon, no time or a whole day; 9-9 is no night."""
    same = (start.hour, start.minute) == (end.hour, end.minute)
    return same and start.hour == 12 and None in (start.half, end.half)


def _onwards(s: Sentence, at: int) -> tuple[Item, int] | None:
    start = when_clock.clock(s, s.after(at, "at"), True)
    onwards = s.has(start[1], "onwards") if start else None
    return (("span", (start[0].minutes % DAY, DAY)), onwards[1]) if start and onwards else None


def _grouped(items: list[Item]) -> list[_Group] | None:
    """Gives each span its days: days come before their spans, or after them when the text begins with a span."""
    kinds = [kind for kind, _ in items if kind != "break"]
    if not kinds:
        return None
    first_span = kinds[0] == "span"
    groups = _spans_first(items) if first_span and "days" in kinds else _days_first(items)
    return groups if any(g.days and g.spans for g in groups) else None


def _days_first(items: list[Item]) -> list[_Group]:
    groups: list[_Group] = []
    left_out: frozenset[int] = frozenset()
    closed = True
    for kind, value in items:
        if kind == "break":
            continue
        if kind == "span":
            assert isinstance(value, tuple)
            if not groups:
                groups.append(_Group(EVERY_DAY, []))
            groups[-1].spans.append(value)
            closed = True
        elif kind == "except":
            assert isinstance(value, frozenset)
            left_out |= value
        else:
            assert isinstance(value, frozenset)
            if closed:
                groups.append(_Group(value, []))
            else:
                groups[-1].days |= value
            closed = False
    return _finished(groups, left_out)


def _spans_first(items: list[Item]) -> list[_Group]:
    """ "9-5 weekdays, 10-12 sat"; a span at the end goes with the days before it ("9-5 weekdays, sat 10-12")."""
    if [kind for kind, _ in items if kind in ("span", "days")][-1] == "span":
        cut = _first_break_after_days(items)
        if cut is not None:
            return _spans_first(items[:cut]) + _days_first(items[cut:])
    groups: list[_Group] = []
    left_out: frozenset[int] = frozenset()
    closed = True
    for kind, value in items:
        if kind == "span":
            assert isinstance(value, tuple)
            if closed:
                groups.append(_Group(frozenset(), []))
            groups[-1].spans.append(value)
            closed = False
        elif kind == "except":
            assert isinstance(value, frozenset)
            left_out |= value
        elif kind == "days":
            assert isinstance(value, frozenset)
            groups[-1].days |= value
            closed = True
    return _finished(groups, left_out)


def _first_break_after_days(items: list[Item]) -> int | None:
    seen = False
    for at, (kind, _) in enumerate(items):
        if kind == "days":
            seen = True
        elif kind == "break" and seen:
            return at
    return None


def _finished(groups: list[_Group], left_out: frozenset[int]) -> list[_Group]:
    """Days without hours are open all day; spans without days hold every day; exceptions are taken away."""
    if not groups and left_out:
        groups = [_Group(EVERY_DAY, [])]
    for group in groups:
        group.days = (group.days or EVERY_DAY) - left_out
        group.spans = group.spans or [(0, DAY)]
    return groups


def open_at(windows: Sequence[Window], local: datetime) -> bool:
    """True when a window holds the local wall-clock time; no windows means always open."""
    if not windows:
        return True
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    for window in windows:
        crosses = window.end <= window.start
        if today in window.days and window.start <= minute and (crosses or minute < window.end):
            return True
        if crosses and yesterday in window.days and minute < window.end:
            return True
    return False


def next_open(windows: Sequence[Window], local: datetime) -> datetime:
    """The first moment from `local` (aware) on at which a window is open, by its zone's wall clock.

    Where a clock change skips the opening time, the first existing minute after it counts.
    """
    if open_at(windows, local):
        return local
    found = [
        moment
        for ahead in range(9)
        for window in windows
        for moment in _openings(window, local, ahead)
        if open_at(windows, moment) and moment.astimezone(UTC) > local.astimezone(UTC)
    ]
    return min(found, key=lambda moment: moment.astimezone(UTC)) if found else local


def _openings(window: Window, local: datetime, ahead: int) -> list[datetime]:
    """When the window opens that many days after `local`: none, once, or twice in a doubled hour."""
    day = local.date() + timedelta(days=ahead)
    if day.weekday() not in window.days:
        return []
    opening = datetime.combine(day, time(window.start // 60, window.start % 60), tzinfo=local.tzinfo)
    while not tz.datetime_exists(opening):
        opening += timedelta(minutes=1)
    return [opening, opening.replace(fold=1)] if tz.datetime_ambiguous(opening) else [opening]
