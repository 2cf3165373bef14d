"""Settles what a phrase leaves open: which day, which half of the day, which end, by the rules for people's times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from dateutil import tz

from smsmentor.core.understand import when_clock
from smsmentor.core.understand.when_clock import Clock
from smsmentor.core.understand.when_date import Day
from smsmentor.core.understand.when_length import Length
from smsmentor.core.understand.when_phrase import Phrase, Point

_ONE = timedelta(days=1)
_LATEST_GUESS = 21 * 60


@dataclass(frozen=True)
class Frame:
    """The moment and place of reading, and the parts of the day of one language."""

    now: datetime
    windows: Mapping[str, tuple[int, int]]

    @property
    def zone(self) -> tzinfo:
        assert self.now.tzinfo is not None
        return self.now.tzinfo

    @property
    def today(self) -> date:
        return self.now.date()

    def at(self, day: date, minutes: int) -> datetime:
        """Local minutes after midnight of a day; a skipped time moves forward, a doubled one is the first."""
        days, rest = divmod(minutes, when_clock.DAY)
        local = datetime.combine(day + days * _ONE, time(rest // 60, rest % 60), tzinfo=self.zone)
        return tz.resolve_imaginary(local)

    def window(self, part: str) -> tuple[int, int]:
        return self.windows[part]


@dataclass(frozen=True)
class Made:
    """A reading before it is placed in the text."""

    start: datetime
    end: datetime | None
    grain: str
    guessed: frozenset[str] = frozenset()
    ask: str | None = None


def _clock_in_part(clock: Clock, part: str | None, frame: Frame) -> Clock:
    if part is None:
        return clock
    return when_clock.in_part(clock, frame.window(part), part in ("night", "tonight"))


def single(point: Point, frame: Frame) -> Made:
    if point.offset is not None:
        return _after_offset(point, point.offset, frame)
    if point.clock is not None:
        return at_clock(point, point.clock, frame)
    if point.part is not None:
        return _in_part(point, point.part, frame)
    assert point.day is not None
    return _same_time(point.day, frame) if point.same_time else _on_day(point.day, frame)


def _on_day(day: Day, frame: Frame) -> Made:
    several = day.last > day.first
    end = frame.at(day.last + _ONE, 0) if several else None
    return Made(frame.at(day.first, 0), end, day.grain, day.guessed | {"time"}, day.ask)


def _same_time(day: Day, frame: Frame) -> Made:
    """same time tomorrow, same time next week."""
    now = frame.now
    chosen = day.first
    if day.grain == "week":
        chosen += timedelta(days=now.weekday())
    start = frame.at(chosen, now.hour * 60 + now.minute)
    return Made(start, None, "minute", day.guessed, day.ask)


def _after_offset(point: Point, offset: Length, frame: Frame) -> Made:
    """in 2 hours, in 2 weeks (same time of day), in 2 weeks on sat at 10, in 3 days at noon."""
    moment = offset.after(frame.now, frame.zone)
    if point.day is None and point.clock is None and point.part is None:
        guessed = frozenset({"time"}) if offset.whole_days else frozenset[str]()
        return Made(moment, None, offset.grain, guessed)
    chosen = moment.date()
    if point.day is not None and point.day.kind == "weekday":
        chosen += timedelta(days=point.day.first.weekday() - chosen.weekday())
    elif point.day is not None:
        chosen = point.day.first
    day = Day(chosen, chosen, "day", "relative", ask="past" if chosen < frame.today else None)
    return single(replace(point, offset=None, day=day), frame)


def at_clock(point: Point, clock: Clock, frame: Frame) -> Made:
    settled = _clock_in_part(clock, point.part, frame)
    minutes = settled.minutes
    guessed = {"ampm"} if settled.half is None else set()
    ask = None
    if point.day is None:
        chosen, minutes, day_guess = _without_day(settled, minutes, point, frame)
        guessed |= day_guess
    else:
        chosen, ask = point.day.first, point.day.ask
        guessed |= point.day.guessed
        if point.day.last > point.day.first:
            ask = ask or "ambiguous"
        today = point.day.kind == "relative" and chosen == frame.today
        if today and settled.half is None:
            minutes = _still_ahead(chosen, minutes, frame) or minutes
        if minutes == when_clock.DAY and not today:
            ask = ask or "ambiguous"  # midnight at which end of that day?
        if _small_hours(point, settled):
            minutes += when_clock.DAY
    start = frame.at(chosen, minutes)
    end = point.lasting.after(start, frame.zone) if point.lasting else None
    return Made(start, end, "minute" if settled.minute else "hour", frozenset(guessed), ask)


def _small_hours(point: Point, clock: Clock) -> bool:
    """ "friday at 1 in the night" is on Saturday."""
    return point.part in ("night", "tonight") and clock.half == "am" and clock.hour % 12 < 5


def _without_day(clock: Clock, minutes: int, point: Point, frame: Frame) -> tuple[date, int, set[str]]:
    """Today if still ahead; a bare hour may be today's other half, not after 21:00; else tomorrow."""
    if point.this:
        late = when_clock.DAY if _small_hours(point, clock) else 0
        return frame.today, minutes + late, set()
    if frame.at(frame.today, minutes) > frame.now:
        return frame.today, minutes, {"day"}
    if clock.half is None:
        other = _still_ahead(frame.today, minutes, frame)
        if other is not None:
            return frame.today, other, {"day"}
    return frame.today + _ONE, minutes, {"day"}


def _still_ahead(day: date, minutes: int, frame: Frame) -> int | None:
    """The bare hour or its other half, whichever of today is still ahead and not after 21:00."""
    if frame.at(day, minutes) > frame.now:
        return minutes
    other = (minutes + when_clock.NOON) % when_clock.DAY
    return other if other <= _LATEST_GUESS and frame.at(day, other) > frame.now else None


def _in_part(point: Point, part: str, frame: Frame) -> Made:
    begin, finish = frame.window(part)
    guessed: frozenset[str] = frozenset()
    ask = None
    if point.day is not None:
        chosen, ask, guessed = point.day.first, point.day.ask, point.day.guessed
        if point.day.last > point.day.first:
            ask = ask or "ambiguous"
    elif point.this:
        chosen = frame.today
    else:
        chosen = frame.today if frame.at(frame.today, finish) > frame.now else frame.today + _ONE
        guessed = frozenset({"day"})
    if part == "tonight" and frame.at(chosen, finish) <= frame.now:
        finish = when_clock.DAY  # said late in the evening it means what is left of the night
    return Made(frame.at(chosen, begin), frame.at(chosen, finish), "part", guessed, ask)


def bounded(phrase: Phrase, made: Made, frame: Frame) -> Made:
    """after 3, before noon, from monday, until 6pm."""
    guessed = made.guessed | {"end"}
    exact = made.grain in ("minute", "hour")
    if phrase.bound == "after":
        start = made.start if exact else made.end or made.start + _ONE
        return replace(made, start=start, end=None, guessed=guessed)
    if phrase.bound in ("before", "until"):
        named = phrase.start.day is not None and made.start.date() != frame.today
        begin = frame.at(made.start.date(), 0) if exact and named else frame.now
        # "till tonight", in the evening: till it is over
        end = made.end if made.end is not None and made.start <= begin < made.end else made.start
        return replace(made, start=begin, end=end, guessed=made.guessed | {"start"})
    if phrase.bound == "from" and exact and made.end is None:
        return replace(made, guessed=guessed)
    return made


def ranged(phrase: Phrase, end: Point, frame: Frame) -> Made:
    start = phrase.start
    if start.clock and end.clock and not (start.day and end.day):
        return _clock_range(phrase, start.clock, end.clock, frame)
    first = single(replace(start, part=start.part), frame)
    if end.clock is None and end.part is None:
        return _day_range(first, end, frame)
    day = end.day or start.day
    last = single(replace(end, day=day, this=end.this or start.this), frame)
    if end.clock is not None:
        first = replace(first, grain=last.grain)
    finish = last.end if end.clock is None and last.end else last.start
    if end.day is not None and start.day is not None and finish <= first.start and end.day.bare:
        finish = frame.at(finish.date() + 7 * _ONE, finish.hour * 60 + finish.minute)
    ask = first.ask or ("ambiguous" if finish <= first.start else None)
    return Made(first.start, finish, first.grain, first.guessed | last.guessed, ask)


def _day_range(first: Made, end: Point, frame: Frame) -> Made:
    assert end.day is not None
    last = end.day.last
    while last < first.start.date() and end.day.kind == "weekday" and end.day.bare:
        last += 7 * _ONE
    ask = first.ask or (end.day.ask if end.day.ask not in ("same-weekday", None) else None)
    if last < first.start.date():
        ask = ask or "ambiguous"
    return Made(first.start, frame.at(last + _ONE, 0), "day", first.guessed | end.day.guessed, ask)


def _clock_range(phrase: Phrase, begin: Clock, finish: Clock, frame: Frame) -> Made:
    parts = [point.part for point in phrase.points]
    if parts[0] and parts[-1]:
        begin = _clock_in_part(begin, parts[0], frame)
    finish = _clock_in_part(finish, parts[-1] or parts[0], frame)
    low, high = when_clock.span_of(begin, finish)
    high += when_clock.DAY if high <= low else 0
    bare = begin.half is None and finish.half is None
    guessed = {"ampm"} if bare else set()
    day, ask = phrase.day, None
    if day is not None:
        chosen, ask = day.first, day.ask
        guessed |= day.guessed
        if day.last > day.first:
            ask = ask or "ambiguous"
    else:
        chosen = frame.today
        if not any(p.this for p in phrase.points):
            guessed.add("day")
            chosen, low, high = _next_range(chosen, low, high, bare, frame)
    grain = "minute" if begin.minute or finish.minute else "hour"
    return Made(frame.at(chosen, low), frame.at(chosen, high), grain, frozenset(guessed), ask)


def _next_range(day: date, low: int, high: int, bare: bool, frame: Frame) -> tuple[date, int, int]:
    if frame.at(day, low) > frame.now:
        return day, low, high
    shifted = low + when_clock.NOON
    if (
        bare
        and shifted <= _LATEST_GUESS
        and high + when_clock.NOON <= when_clock.DAY
        and frame.at(day, shifted) > frame.now
    ):
        return day, shifted, high + when_clock.NOON
    return day + _ONE, low, high
