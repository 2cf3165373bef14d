"""Reads the time that a text names, in the sender's zone, future first, and says when it is too unsure to act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import tz

from smsmentor.core import when_clock, when_hours
from smsmentor.core.model import Window
from smsmentor.core.when_clock import Clock
from smsmentor.core.when_day import Calendar, Day
from smsmentor.core.when_hours import next_open, open_at
from smsmentor.core.when_length import Length, length
from smsmentor.core.when_phrase import Phrase, Point, scan
from smsmentor.core.when_words import LIMIT, Lexicon, Sentence, plain

__all__ = ["LIMIT", "Length", "Reading", "Times", "Window", "next_open", "open_at", "say_time"]

_ONE = timedelta(days=1)
_LATEST_GUESS = 21 * 60
_FAR = timedelta(days=400)
_SAYS_YEAR = timedelta(days=300)


@dataclass(frozen=True)
class Reading:
    """What a text says about time."""

    start: datetime
    """Aware, in the sender's zone. A day without a clock starts at 00:00."""
    end: datetime | None
    """The end of a window or range, not included ("mon to wed" ends Thursday 00:00); None for a moment or one day."""
    grain: str
    """minute, hour, part, day, week, weekend, month or year."""
    guessed: frozenset[str]
    """The parts that the text did not name: day, month, year, ampm, time, end."""
    ask: str | None
    """None when sure enough; else why to ask back: past, same-weekday, mismatch, choice, ambiguous, far."""
    span: tuple[int, int]
    """Where it stands in the text as `when_words.plain` gives it."""


@dataclass(frozen=True)
class _Frame:
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


class Times:
    """Reads times in the languages whose `[times]` tables it is given."""

    def __init__(self, words: Mapping[str, Mapping[str, Any]]) -> None:
        self._lexicons = {language: Lexicon(table) for language, table in words.items()}
        self._windows = {language: _windows(table) for language, table in words.items()}

    def read(
        self,
        text: str,
        now: datetime,
        zone: tzinfo,
        *,
        languages: Sequence[str] = ("en",),
        day_first: bool = False,
        whole: bool = False,
    ) -> Reading | None:
        """The moment or window that the text names, or None.

        With `whole`, nothing but time words and small words around them may stand in the text; otherwise a
        time is picked out of running text, where doubtful words ("may", "sat", bare numbers) need a sign.
        Of several languages the one that understands the longest part is taken, the first among equals.
        """
        found = self.choices(text, now, zone, languages=languages, day_first=day_first, whole=whole)
        return found[0] if found else None

    def choices(
        self,
        text: str,
        now: datetime,
        zone: tzinfo,
        *,
        languages: Sequence[str] = ("en",),
        day_first: bool = False,
        whole: bool = False,
    ) -> tuple[Reading, ...]:
        """All moments that the text offers ("mon or tue at 3"), each marked `choice` when there are several."""
        best: tuple[Reading, ...] = ()
        for sentence, language in self._sentences(text, languages):
            frame = _Frame(
                now.astimezone(zone).replace(fold=now.astimezone(zone).fold), self._windows[language]
            )
            try:
                found = _readings(sentence, frame, day_first, whole)
            except (OverflowError, ValueError):  # past year 9999: not a time anybody means
                found = ()
            if found and (not best or _length(found) > _length(best)):
                best = found
        return best

    def until(
        self,
        text: str,
        now: datetime,
        zone: tzinfo,
        *,
        languages: Sequence[str] = ("en",),
        day_first: bool = False,
    ) -> datetime | None:
        """The end of a pause: "till monday" (its 00:00), "7" (days), "2 weeks", "until 6pm", "today", or None.

        The whole text must say it. The answer is aware, in `zone`, and later than `now`.
        """
        for sentence, language in self._sentences(text, languages):
            frame = _Frame(now.astimezone(zone), self._windows[language])
            try:
                found = _until(sentence, frame, day_first)
            except (OverflowError, ValueError):
                found = None
            if found is not None:
                return found if found > frame.now else None
        return None

    def duration(
        self, text: str, *, languages: Sequence[str] = ("en",), unit: str | None = None
    ) -> Length | None:
        """A length such as "2 weeks", "90 min" or "for 2.5 hrs"; a bare number counts in `unit` when one is given."""
        for sentence, _ in self._sentences(text, languages):
            found = _whole_length(sentence, unit)
            if found is not None:
                return found
        return None

    def hours(self, text: str, *, languages: Sequence[str] = ("en",)) -> tuple[Window, ...] | None:
        """Weekly windows such as "weekdays 9-18", "mon-thu 22-7, sat 10-12" or "any time"; None if not wholly that."""
        for sentence, language in self._sentences(text, languages):
            found = when_hours.hours(sentence, self._windows[language])
            if found is not None:
                return found
        return None

    def _sentences(self, text: str, languages: Sequence[str]) -> list[tuple[Sentence, str]]:
        shown = plain(text)
        known = [language for language in languages if language in self._lexicons]
        return [(Sentence(shown, self._lexicons[language]), language) for language in known]


def _windows(table: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """{"morning": "9:00-12:00"} as minutes after midnight."""
    found = {}
    for part, text in table.get("window", {}).items():
        start, end = ((int(h) * 60 + int(m)) for h, m in (clock.split(":") for clock in text.split("-")))
        found[part] = (start, end)
    return found


def _length(found: tuple[Reading, ...]) -> int:
    return sum(reading.span[1] - reading.span[0] for reading in found)


def _readings(s: Sentence, frame: _Frame, day_first: bool, whole: bool) -> tuple[Reading, ...]:
    calendar = Calendar(frame.today, day_first)
    scanned = scan(s, calendar, whole)
    phrases = list(scanned.phrases)
    if any(p.day and p.day.ask == "impossible" for phrase in phrases for p in phrase.points):
        return ()
    if whole and (scanned.loose_words or not phrases):
        return _whole_rest(s, frame) if whole else ()
    phrases = _joined(phrases)
    phrases = _shared(phrases if scanned.choice else _fullest(phrases))
    found = [_resolved(phrase, frame, s) for phrase in phrases]
    if len(found) > 1:
        found = [replace(reading, ask=reading.ask or "choice") for reading in found]
    return tuple(found)


def _whole_rest(s: Sentence, frame: _Frame) -> tuple[Reading, ...]:
    """Whole texts that are no phrase of their own: "now", "for 3 days"."""
    now = s.has(0, "now")
    if now and _only_small_words(s, now[1]):
        return (_reading(frame.now, None, "minute", set(), None, s, 0, now[1]),)
    amount = _whole_length(s, None)
    if amount is None:
        return ()
    ask = None if s.has(0, "for") else "ambiguous"
    return (_reading(frame.now, amount.after(frame.now, frame.zone), amount.grain, set(), ask, s, 0, len(s)),)


def _only_small_words(s: Sentence, at: int) -> bool:
    while at < len(s):
        after = s.after(at, "filler", "clock_tail")
        if after == at and s.tokens[at].text.isalnum():
            return False
        at = max(after, at + 1)
    return True


def _whole_length(s: Sentence, unit: str | None) -> Length | None:
    for start in (0, s.after(0, "for")):
        found = length(s, s.after(start, "article"), unit) or length(s, start, unit)
        if found and _only_small_words(s, found[1]):
            return found[0]
    return None


def _fullest(phrases: list[Phrase]) -> list[Phrase]:
    """Day and clock together beat a clock elsewhere: "I finish at 6, so thu 6:30pm"."""
    full = [phrase for phrase in phrases if phrase.day and (phrase.clock or phrase.part)]
    return full or phrases


def _joined(phrases: list[Phrase]) -> list[Phrase]:
    """A day here and a clock there are one time: "tuesday works, how about 3pm"."""
    if len(phrases) != 2:
        return phrases
    one, two = phrases
    for dated, clocked in ((one, two), (two, one)):
        named = dated.day or (dated.part and dated.start.this)
        if not named or dated.clock or dated.end or clocked.day or clocked.start.offset:
            continue
        if dated.day and dated.part and two.lo > one.hi:
            continue  # "I finish at 6, thu evening is good" names two times
        if clocked.clock or (clocked.part and not dated.part):
            part = clocked.start.part or dated.part
            this = clocked.start.this or dated.start.this
            start = replace(clocked.start, day=dated.day, part=part, this=this, lo=min(one.lo, two.lo))
            end = replace(clocked.end, hi=max(one.hi, two.hi)) if clocked.end else None
            if end is None:
                start = replace(start, hi=max(one.hi, two.hi))
            return [replace(clocked, lo=one.lo, start=start, end=end)]
    return phrases


def _shared(phrases: list[Phrase]) -> list[Phrase]:
    """ "mon or tue at 3": what one choice leaves open, the other gives."""
    if len(phrases) < 2:
        return phrases
    clocked = next((p for p in phrases if p.clock or p.part), None)
    dated = next((p for p in phrases if p.day), None)
    filled = []
    for phrase in phrases:
        if clocked and not (phrase.clock or phrase.part or phrase.end):
            start = replace(clocked.start, day=phrase.start.day, lo=phrase.start.lo, hi=phrase.start.hi)
            phrase = replace(clocked, lo=phrase.lo, start=start)
        elif dated and not phrase.day:
            phrase = replace(phrase, start=replace(phrase.start, day=dated.day))
        filled.append(phrase)
    return filled


def _reading(
    start: datetime,
    end: datetime | None,
    grain: str,
    guessed: set[str] | frozenset[str],
    ask: str | None,
    s: Sentence,
    lo: int,
    hi: int,
) -> Reading:
    return Reading(start, end, grain, frozenset(guessed), ask, (s.tokens[lo].start, s.tokens[hi - 1].end))


def _resolved(phrase: Phrase, frame: _Frame, s: Sentence) -> Reading:
    zone = next((p.zone for p in phrase.points if p.zone), None)
    local = replace(frame, now=frame.now.astimezone(ZoneInfo(zone))) if zone else frame
    if phrase.end is not None:
        made = _range(phrase, phrase.end, local)
    else:
        made = _bounded(phrase, _single(phrase.start, local), local)
    start, end = made.start.astimezone(frame.zone), made.end.astimezone(frame.zone) if made.end else None
    ask = made.ask
    if ask is None and (end if end is not None and end > start else _last_moment(made, start)) < frame.now:
        ask = "past"
    if ask is None and start - frame.now > _FAR:
        ask = "far"
    return _reading(start, end, made.grain, made.guessed, ask, s, phrase.lo, phrase.hi)


def _last_moment(made: _Made, start: datetime) -> datetime:
    return start + _ONE if made.grain == "day" else start


@dataclass(frozen=True)
class _Made:
    """A reading before it is placed in the text."""

    start: datetime
    end: datetime | None
    grain: str
    guessed: frozenset[str] = frozenset()
    ask: str | None = None


def _clock_in_part(clock: Clock, part: str | None, frame: _Frame) -> Clock:
    if part is None:
        return clock
    return when_clock.in_part(clock, frame.window(part), part in ("night", "tonight"))


def _single(point: Point, frame: _Frame) -> _Made:
    if point.offset is not None:
        return _after_offset(point, point.offset, frame)
    if point.clock is not None:
        return _at_clock(point, point.clock, frame)
    if point.part is not None:
        return _in_part(point, point.part, frame)
    assert point.day is not None
    return _same_time(point.day, frame) if point.same_time else _on_day(point.day, frame)


def _on_day(day: Day, frame: _Frame) -> _Made:
    several = day.last > day.first
    end = frame.at(day.last + _ONE, 0) if several else None
    return _Made(frame.at(day.first, 0), end, day.grain, day.guessed | {"time"}, day.ask)


def _same_time(day: Day, frame: _Frame) -> _Made:
    """same time tomorrow, same time next week."""
    now = frame.now
    chosen = day.first
    if day.grain == "week":
        chosen += timedelta(days=now.weekday())
    start = frame.at(chosen, now.hour * 60 + now.minute)
    return _Made(start, None, "minute", day.guessed, day.ask)


def _after_offset(point: Point, offset: Length, frame: _Frame) -> _Made:
    """in 2 hours, in 2 weeks (same time of day), in 2 weeks on sat at 10, in 3 days at noon."""
    moment = offset.after(frame.now, frame.zone)
    if point.day is None and point.clock is None and point.part is None:
        guessed = frozenset({"time"}) if offset.whole_days else frozenset[str]()
        return _Made(moment, None, offset.grain, guessed)
    chosen = moment.date()
    if point.day is not None and point.day.kind == "weekday":
        chosen += timedelta(days=point.day.first.weekday() - chosen.weekday())
    elif point.day is not None:
        chosen = point.day.first
    day = Day(chosen, chosen, "day", "relative", ask="past" if chosen < frame.today else None)
    return _single(replace(point, offset=None, day=day), frame)


def _at_clock(point: Point, clock: Clock, frame: _Frame) -> _Made:
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
    return _Made(start, end, "minute" if settled.minute else "hour", frozenset(guessed), ask)


def _small_hours(point: Point, clock: Clock) -> bool:
    """ "friday at 1 in the night" is on Saturday."""
    return point.part in ("night", "tonight") and clock.half == "am" and clock.hour % 12 < 5


def _without_day(clock: Clock, minutes: int, point: Point, frame: _Frame) -> tuple[date, int, set[str]]:
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


def _still_ahead(day: date, minutes: int, frame: _Frame) -> int | None:
    """The bare hour or its other half, whichever of today is still ahead and not after 21:00."""
    if frame.at(day, minutes) > frame.now:
        return minutes
    other = (minutes + when_clock.NOON) % when_clock.DAY
    return other if other <= _LATEST_GUESS and frame.at(day, other) > frame.now else None


def _in_part(point: Point, part: str, frame: _Frame) -> _Made:
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
    return _Made(frame.at(chosen, begin), frame.at(chosen, finish), "part", guessed, ask)


def _bounded(phrase: Phrase, made: _Made, frame: _Frame) -> _Made:
    """after 3, before noon, from monday, until 6pm."""
    guessed = made.guessed | {"end"}
    exact = made.grain in ("minute", "hour")
    if phrase.bound == "after":
        start = made.start if exact else made.end or made.start + _ONE
        return replace(made, start=start, end=None, guessed=guessed)
    if phrase.bound in ("before", "until"):
        named = phrase.start.day is not None and made.start.date() != frame.today
        begin = frame.at(made.start.date(), 0) if exact and named else frame.now
        return replace(made, start=begin, end=made.start, guessed=made.guessed | {"start"})
    if phrase.bound == "from" and exact and made.end is None:
        return replace(made, guessed=guessed)
    return made


def _range(phrase: Phrase, end: Point, frame: _Frame) -> _Made:
    start = phrase.start
    if start.clock and end.clock and not (start.day and end.day):
        return _clock_range(phrase, start.clock, end.clock, frame)
    first = _single(replace(start, part=start.part), frame)
    if end.clock is None and end.part is None:
        return _day_range(first, end, frame)
    day = end.day or start.day
    last = _single(replace(end, day=day, this=end.this or start.this), frame)
    if end.clock is not None:
        first = replace(first, grain=last.grain)
    finish = last.end if end.clock is None and last.end else last.start
    if end.day is not None and start.day is not None and finish <= first.start and end.day.bare:
        finish = frame.at(finish.date() + 7 * _ONE, finish.hour * 60 + finish.minute)
    ask = first.ask or ("ambiguous" if finish <= first.start else None)
    return _Made(first.start, finish, first.grain, first.guessed | last.guessed, ask)


def _day_range(first: _Made, end: Point, frame: _Frame) -> _Made:
    assert end.day is not None
    last = end.day.last
    while last < first.start.date() and end.day.kind == "weekday" and end.day.bare:
        last += 7 * _ONE
    ask = first.ask or (end.day.ask if end.day.ask not in ("same-weekday", None) else None)
    if last < first.start.date():
        ask = ask or "ambiguous"
    return _Made(first.start, frame.at(last + _ONE, 0), "day", first.guessed | end.day.guessed, ask)


def _clock_range(phrase: Phrase, begin: Clock, finish: Clock, frame: _Frame) -> _Made:
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
    return _Made(frame.at(chosen, low), frame.at(chosen, high), grain, frozenset(guessed), ask)


def _next_range(day: date, low: int, high: int, bare: bool, frame: _Frame) -> tuple[date, int, int]:
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


def _until(s: Sentence, frame: _Frame, day_first: bool) -> datetime | None:
    start = s.after(0, "until")
    amount = _whole_length(s, "day") if start == 0 else None
    if amount is not None:
        return amount.after(frame.now, frame.zone) if amount.timedelta else None
    calendar = Calendar(frame.today, day_first)
    rest = Sentence(s.text[s.tokens[start].start :], s.lexicon) if start < len(s) else None
    if rest is None:
        return None
    scanned = scan(rest, calendar, whole=True)
    phrases = _joined(list(scanned.phrases))
    if scanned.loose_words or len(phrases) != 1:
        return _until_number(rest, frame) if start else None
    phrase = phrases[0]
    if phrase.end is not None or (phrase.day and phrase.day.ask in ("impossible", "past", "mismatch")):
        return None
    return _end_of_pause(phrase, frame, named_until=start > 0)


def _until_number(s: Sentence, frame: _Frame) -> datetime | None:
    """The bare hour of "till 6"."""
    found = when_clock.clock(s, 0)
    if found is None or not _only_small_words(s, found[1]):
        return None
    return _at_clock(Point(0, found[1], clock=found[0]), found[0], frame).start


def _end_of_pause(phrase: Phrase, frame: _Frame, named_until: bool) -> datetime | None:
    point, day = phrase.start, phrase.day
    if point.offset is not None or point.clock is not None or point.part is not None:
        made = _single(point, frame)
        if point.part and not point.clock and (phrase.bound == "after" or not named_until):
            return made.end
        return None if made.ask == "past" else made.start
    assert day is not None
    covers = not named_until and (day.first <= frame.today or day.last > day.first)
    if covers or phrase.bound == "after" or day.first <= frame.today:
        return frame.at(day.last + _ONE, 0)
    if day.kind == "edge":
        return frame.at(day.last + _ONE, 0)  # "till the end of the week" includes that end
    return frame.at(day.first, 0)


def say_time(
    at: datetime, zone: tzinfo, now: datetime, language: str, words: Mapping[str, Mapping[str, Any]]
) -> str:
    """The moment in plain GSM-7 characters, "Tue 12 May, 15:00", with the year when it is far from `now`."""
    say = words[language]["say"]
    local = at.astimezone(zone)
    form = say["moment_with_year"] if abs(at - now) > _SAYS_YEAR else say["moment"]
    return str(form).format(
        weekday=say["weekday"][local.weekday()],
        day=local.day,
        month=say["month"][local.month - 1],
        year=local.year,
        clock=f"{local.hour}:{local.minute:02d}",
    )
