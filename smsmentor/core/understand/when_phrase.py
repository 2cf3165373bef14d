"""Finds the time phrases of a text: a day, a clock, a part of the day or two ends of a range, in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smsmentor.core.understand import when_clock, when_date, when_day
from smsmentor.core.understand.when_clock import Clock
from smsmentor.core.understand.when_date import Calendar, Day
from smsmentor.core.understand.when_length import Length, length
from smsmentor.core.understand.when_words import Sentence

_SKIPPED = ("at", "on", "article", "of", "in")
_BOUNDS = ("between", "from", "after", "before", "until")


@dataclass(frozen=True)
class Point:
    """What names one moment or one run of days: token positions `lo` to `hi`, the second not included."""

    lo: int
    hi: int
    day: Day | None = None
    clock: Clock | None = None
    part: str | None = None
    offset: Length | None = None
    """From now on, as in "in 2 hours"."""
    lasting: Length | None = None
    """How long it takes, as in "for 2 hours"."""
    zone: str | None = None
    this: bool = False
    """The part belongs to today ("this evening", "tonight")."""
    marked: bool = False
    """A word like "at" stands before the clock."""
    clock_at: int = -1
    same_time: bool = False
    """At this time of day: "same time tomorrow"."""


@dataclass(frozen=True)
class Phrase:
    """One point, or a range of two, with the word that bounds it (`after`, `before`, `until`, ...)."""

    lo: int
    start: Point
    end: Point | None = None
    bound: str | None = None

    @property
    def hi(self) -> int:
        return self.end.hi if self.end else self.start.hi

    @property
    def points(self) -> tuple[Point, ...]:
        return (self.start, self.end) if self.end else (self.start,)

    @property
    def day(self) -> Day | None:
        return next((p.day for p in self.points if p.day), None)

    @property
    def clock(self) -> Clock | None:
        return next((p.clock for p in self.points if p.clock), None)

    @property
    def part(self) -> str | None:
        return next((p.part for p in self.points if p.part), None)


@dataclass(frozen=True)
class Scan:
    phrases: tuple[Phrase, ...]
    loose_words: bool
    """Words remain that are no part of saying a time."""
    choice: bool
    """An "or" stands between two phrases."""


@dataclass(frozen=True)
class _Found:
    """What begins at one token: each with the position after it."""

    day: tuple[Day, int] | None = None
    clock: tuple[Clock, int] | None = None
    part: tuple[str, int, bool] | None = None
    offset: tuple[Length, int] | None = None


_NOTHING = _Found()


class _Text:
    """A sentence read on one day. What begins at a token is worked out once: a text may be gone over again."""

    def __init__(self, s: Sentence, calendar: Calendar) -> None:
        self.s = s
        self.calendar = calendar
        self._found: dict[tuple[int, bool], _Found] = {}

    def at(self, at: int, range_end: bool) -> _Found:
        found = self._found.get((at, range_end))
        if found is None:
            found = self._found[at, range_end] = self._read(at, range_end)
        return found

    def _read(self, at: int, range_end: bool) -> _Found:
        s = self.s
        if not s.known(at) and s.digits(at) is None and s.tokens[at].text.isalpha():
            return _NOTHING
        day = when_day.day(s, at, self.calendar)
        return _Found(day, when_clock.clock(s, at, range_end), _part(s, at), _offset(s, at))


def scan(s: Sentence, calendar: Calendar, whole: bool) -> Scan:
    """All phrases of the text that can stand, from left to right."""
    text = _Text(s, calendar)
    found: list[Phrase] = []
    rest = joined = False
    at = 0
    while at < len(s):
        phrase = seen = _phrase(text, at)
        again = bool(found and found[-1].clock and (s.has(at - 1, "or") or s.symbol(at - 1, ",")))
        phrase = _standing(s, phrase, whole, again)
        if phrase is not None:
            found.append(phrase)
            at = phrase.hi
            continue
        if seen is not None and seen.day and seen.day.ask == "past":
            at = seen.hi  # "last friday" is no friday to come
            continue
        after = s.after(at, "filler", "or", "and", "clock_tail")
        joined = joined or bool(found and s.has(at, "or"))
        token = s.tokens[at]
        if after == at:
            rest = rest or token.text.isalnum() or token.text in ("%", "$", "€", "£", "/")
        at = max(after, at + 1)
    return Scan(tuple(found), rest, joined)


def _phrase(text: _Text, at: int) -> Phrase | None:
    s = text.s
    bound, start_at = None, at
    for key in _BOUNDS:
        lead = s.has(at, key)
        if lead and not s.has(at, "part"):
            bound, start_at = key, lead[1]
            break
    start = _point(text, start_at, bound)
    if start is None:
        return _point_only(text, at) if bound else None
    end_at = s.after(start.hi, "to") if bound != "between" else s.after(start.hi, "and", "to")
    if end_at > start.hi and not (s.symbol(start.hi, "-") and s.symbol(end_at, "-")):
        end = _point(text, end_at, "to")
        if end is not None and _pair(start, end):
            return Phrase(at, start, end, bound if bound in ("between", "from") else None)
    onwards = s.has(start.hi, "onwards")
    if onwards and start.clock and not _point(text, onwards[1], None):
        return Phrase(at, replace(start, hi=onwards[1]), bound="after")
    earlier = s.has(start.hi, "or_earlier")
    if earlier and start.clock:
        return Phrase(at, replace(start, hi=earlier[1]), bound="before")
    return Phrase(at, start, bound=bound)


def _point_only(text: _Text, at: int) -> Phrase | None:
    """A phrase read without its first word being a bound ("after next week" is none, "past 3" is)."""
    alone = _point(text, at, None)
    return Phrase(at, alone) if alone else None


def _pair(start: Point, end: Point) -> bool:
    """True when both ends name the same sort of thing, or the second only adds a clock."""
    if start.offset or end.offset:
        return False
    if end.clock or end.part:
        return bool(start.clock or start.day or start.part)
    return bool(start.day) and not (start.clock is not None and end.day is not None and end.day.grain != "day")


def _point(text: _Text, at: int, bound: str | None) -> Point | None:
    """Collects what names one moment, as far as it fits together."""
    so_far = Point(at, at, marked=bound in _BOUNDS)
    here, marked = at, so_far.marked
    while here < len(text.s):
        grown = _grown(text, here, so_far, marked, bound in ("between", "from", "to"))
        if grown is not None:
            so_far, here, marked = grown, grown.hi, False
            continue
        skipped, marks = _skip(text.s, here, so_far)
        if skipped == here:
            break
        marked, here = marked or marks, skipped
    empty = so_far.same_time and so_far.day is None
    return so_far if so_far.hi > at and not empty else None


def _skip(s: Sentence, at: int, so_far: Point) -> tuple[int, bool]:
    """Past one small word that may stand inside a phrase; the flag says that a clock is announced."""
    announced = s.has(at, "at")
    if announced:
        return announced[1], True
    if s.symbol(at, ",", ".") or (s.symbol(at, "-") and so_far.day and not so_far.clock and not s.glued(at)):
        return (at + 1 if so_far.hi == at and so_far.hi > so_far.lo else at), False
    if s.symbol(at, "t") and s.glued(at) and s.glued(at + 1):
        return at + 1, True
    # "early tomorrow", but "early" begins "early june"
    return s.after(at, *_SKIPPED, "edge_word"), False


def _grown(text: _Text, at: int, p: Point, marked: bool, range_end: bool) -> Point | None:
    """The point with the next component, or None when what stands here does not belong to it."""
    s = text.s
    if p.clock and p.hi == at and p.zone is None:
        zone = s.has(at, "zone")
        if zone:
            return replace(p, hi=zone[1], zone=zone[0])
    lasting = _lasting(s, at) if p.clock else None
    if lasting:
        return replace(p, hi=lasting[1], lasting=lasting[0])
    same = s.has(at, "same_time")
    if same and p.clock is None:
        return replace(p, hi=same[1], same_time=True)
    found = text.at(at, range_end)
    offset = found.offset if p.offset is None and not p.clock else None
    longest = max((named[1] for named in (offset, found.day, found.clock) if named), default=0)
    if found.part and found.part[1] >= longest:
        return _with_part(p, found.part)
    if offset and offset[1] == longest:
        return replace(p, hi=offset[1], offset=offset[0])
    if found.day and found.day[1] == longest:
        return _with_day(p, found.day)
    return _with_clock(text, p, found.clock, at, marked) if found.clock else None


def _with_part(p: Point, part: tuple[str, int, bool]) -> Point | None:
    name, after, this = part
    return None if p.part else replace(p, hi=after, part=name, this=this)


def _with_day(p: Point, found: tuple[Day, int]) -> Point | None:
    if p.day is None:
        return replace(p, day=found[0], hi=found[1])
    both = when_day.merged(p.day, found[0])
    return replace(p, day=both, hi=found[1]) if both else None


def _with_clock(text: _Text, p: Point, found: tuple[Clock, int], at: int, marked: bool) -> Point | None:
    s, calendar = text.s, text.calendar
    clock, after = found
    if p.clock is None:
        numbered = _weekday_number(s, p, clock, at, calendar) if not marked else None
        return numbered or replace(p, clock=clock, hi=after, marked=marked or p.marked, clock_at=at)
    # "tue 12 at 3": the first number was the day of the month
    if p.clock.sure == 0 and not p.marked and p.day and p.day.kind == "weekday":
        dated = _numbered_day(p.day, p.clock.hour, calendar)
        if dated.ask and s.digits(p.clock_at) is None:
            return None
        return replace(p, day=dated, clock=clock, hi=after, marked=marked, clock_at=at)
    return None


def _weekday_number(s: Sentence, p: Point, clock: Clock, at: int, calendar: Calendar) -> Point | None:
    """A number after a weekday is the day of the month when the calendar agrees and nobody would say such an hour.

    Where a language says "martes 12" for the date, any number that agrees is.
    """
    dates = s.lexicon.table.get("rule", {}).get("weekday_number") == "day"
    if clock.sure or not s.digits(at) or not (dates or clock.hour >= 13) or s.has(at + 1, "to"):
        return None
    if p.day is None or p.day.kind != "weekday" or at != p.hi:
        return None
    dated = _numbered_day(p.day, clock.hour, calendar)
    return replace(p, day=dated, hi=at + 1) if dated.ask is None and not clock.minute else None


def _numbered_day(weekday: Day, number: int, calendar: Calendar) -> Day:
    month = calendar.today.replace(day=1)
    for candidate in (month, when_date.next_month(month)):
        found = when_date.in_month(candidate.year, candidate.month, number)
        if found and found >= calendar.today and found.weekday() == weekday.first.weekday():
            return when_date.single(found, "date", frozenset({"month"}))
    return replace(weekday, ask="mismatch", strong=True)


def _part(s: Sentence, at: int) -> tuple[str, int, bool] | None:
    """(name, position after it, belongs to today) of a part of the day."""
    lead = s.has(at, "this")
    start = lead[1] if lead else s.after(at, "article")
    found = s.has(start, "part") or s.has(at, "part")
    if found is None or s.has(at - 1, "greeting"):
        return None
    return found[0], found[1], bool(lead) or found[0] in ("tonight", "this_morning")


def _offset(s: Sentence, at: int) -> tuple[Length, int] | None:
    """in 2 weeks, 2 weeks from now, 3 hours later."""
    lead = s.has(at, "in")
    amount = length(s, lead[1] if lead else at)
    if amount is None:
        return None
    hence = s.has(amount[1], "hence")
    if hence and not (lead is None and _week_of(s, hence[1])):
        return amount[0], hence[1]
    if lead is None or s.has(amount[1], "ago"):
        return None
    return amount


def _week_of(s: Sentence, at: int) -> bool:
    return bool(s.has(at, "weekday"))


def _lasting(s: Sentence, at: int) -> tuple[Length, int] | None:
    lead = s.has(at, "for")
    amount = length(s, lead[1]) if lead else None
    return amount if amount and amount[0].months == 0 else None


def _standing(s: Sentence, phrase: Phrase | None, whole: bool, again: bool = False) -> Phrase | None:
    """The phrase without what only looks like a time, or None when nothing is left.

    With `again`, a clock stands before it: the 4 of "at 3 or 4".
    """
    if phrase is None:
        return None
    bare = [p for p in phrase.points if p.clock and p.clock.sure == 0]
    sure = any(p.clock and p.clock.sure == 2 for p in phrase.points)
    if bare and not sure and not again and not _announced(phrase, whole):
        return None
    a_year = not phrase.day and not phrase.part and any(_like_a_year(s, p) for p in bare)
    if a_year and (phrase.bound or not whole):
        return None  # "since 2020", "until 2027"
    if whole:
        return phrase
    if bare and phrase.points[-1].clock_at == phrase.hi - 1 and not _followed_well(s, phrase.hi):
        return _standing(s, _without_last_clock(phrase), whole) if phrase.day or phrase.part else None
    if phrase.clock is not None and (phrase.clock.sure > 0 or phrase.start.marked or again):
        named = phrase.day or phrase.part or phrase.start.marked
        return phrase if phrase.clock.sure != 1 or named else None
    if phrase.part and phrase.start.clock_at == phrase.start.lo and phrase.start.hi - phrase.start.lo > 2:
        return phrase  # "8 in the evening", not "3 morning meetings"
    return phrase if _day_stands(s, phrase) else None


def _announced(phrase: Phrase, whole: bool) -> bool:
    """A bare number is a time when a day, a part of the day, "at" or the other end of a range is near."""
    named = phrase.day or phrase.part or phrase.start.offset
    return bool(named or phrase.start.marked or phrase.bound or (whole and phrase.end))


def _without_last_clock(phrase: Phrase) -> Phrase | None:
    """The day of "monday 3 people quit"."""
    if phrase.end is not None:
        return Phrase(phrase.lo, phrase.start, bound=phrase.bound)
    start = replace(phrase.start, clock=None, hi=phrase.start.clock_at)
    return Phrase(phrase.lo, start) if start.day or start.part else None


def _like_a_year(s: Sentence, point: Point) -> bool:
    token = s.digits(point.clock_at)
    return token is not None and token.number is not None and 1900 <= token.number < 2100


def _followed_well(s: Sentence, at: int) -> bool:
    token = s.token(at)
    if s.has(at, "to") and s.number(at + 1):
        return False  # "from 5 to 7 people"
    if token is None or (not token.text.isalnum() and token.text not in ("%", "€", "$", "£")):
        return True
    return bool(
        s.has(at, "follow") or s.has(at, "weekday") or s.has(at, "day") or s.has(at, "part") or s.has(at, "zone")
    )


def _day_stands(s: Sentence, phrase: Phrase) -> bool:
    """In running text a doubtful day word needs a word before it that makes it a day."""
    start = phrase.start
    if start.offset:
        return True
    if phrase.day is None:
        return _part_stands(s, phrase)
    if phrase.day.ask == "past" and phrase.day.kind != "date":
        return False
    if phrase.day.grain in ("month", "year") and phrase.day.kind == "period" and not phrase.day.strong:
        return False
    if phrase.day.grain == "year":
        return False
    lead_at = start.lo - 1
    while s.has(lead_at, "article"):
        lead_at -= 1
    led = bool(s.has(lead_at, "strong_lead") or s.has(phrase.lo, "strong_lead"))
    if phrase.day.kind == "of-month":
        word = s.digits(start.lo) is None and not s.digits(start.hi - 2)
        return (led or (phrase.day.strong and not word)) and _followed_well(s, phrase.hi)
    if phrase.day.kind == "date" and not phrase.clock and s.has(phrase.hi - 1, "weak"):
        return led or _followed_well(s, phrase.hi)  # "5 may be enough"
    if phrase.day.strong or phrase.part or phrase.end:
        return True
    if phrase.clock is not None:
        return led or not s.has(lead_at, "never_before")
    if lead_at < start.lo - 1 or s.has(start.lo, "article"):
        return led and phrase.day.kind == "date"  # "the sun" and "el mar" are no days
    if led:
        return True
    return phrase.day.kind == "weekday" and lead_at < 0 and _followed_well(s, phrase.hi)


def _part_stands(s: Sentence, phrase: Phrase) -> bool:
    """ "in the morning" and "this evening" are times, "morning!" is a greeting."""
    start = phrase.start
    if phrase.part is None:
        return False
    if start.this or phrase.bound or phrase.end:
        return True
    alone = s.has(start.lo, "part")
    if alone and alone[1] - start.lo > 1:
        return True  # "after work", "por la tarde"
    led = any(s.has(start.lo + n, key) for n in (0, -1) for key in ("in", "at", "on"))
    return led and not s.has(start.hi - 1, "weak")
