"""Reads the time that a text names, in the sender's zone, future first, and says when it is too unsure to act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from smsmentor.core.model import Window
from smsmentor.core.understand import when_clock, when_hours
from smsmentor.core.understand.when_date import Calendar
from smsmentor.core.understand.when_hours import next_open, open_at
from smsmentor.core.understand.when_length import Length, length
from smsmentor.core.understand.when_phrase import Phrase, Point, scan
from smsmentor.core.understand.when_settle import Frame, Made, at_clock, bounded, ranged, single
from smsmentor.core.understand.when_words import LIMIT, Lexicon, Sentence, plain

__all__ = ["LIMIT", "Length", "Reading", "Times", "Window", "next_open", "open_at", "say_time"]

_ONE = timedelta(days=1)
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
            frame = Frame(now.astimezone(zone).replace(fold=now.astimezone(zone).fold), self._windows[language])
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
            frame = Frame(now.astimezone(zone), self._windows[language])
            try:
                found = _until(sentence, frame, day_first)
            except (OverflowError, ValueError):
                found = None
            if found is not None:
                return found if found > frame.now else None
        return None

    def duration(self, text: str, *, languages: Sequence[str] = ("en",), unit: str | None = None) -> Length | None:
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


def _readings(s: Sentence, frame: Frame, day_first: bool, whole: bool) -> tuple[Reading, ...]:
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


def _whole_rest(s: Sentence, frame: Frame) -> tuple[Reading, ...]:
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


def _resolved(phrase: Phrase, frame: Frame, s: Sentence) -> Reading:
    zone = next((p.zone for p in phrase.points if p.zone), None)
    local = replace(frame, now=frame.now.astimezone(ZoneInfo(zone))) if zone else frame
    if phrase.end is not None:
        made = ranged(phrase, phrase.end, local)
    else:
        made = bounded(phrase, single(phrase.start, local), local)
    start, end = made.start.astimezone(frame.zone), made.end.astimezone(frame.zone) if made.end else None
    ask = made.ask
    if ask is None and (end if end is not None and end > start else _last_moment(made, start)) < frame.now:
        ask = "past"
    if ask is None and start - frame.now > _FAR:
        ask = "far"
    return _reading(start, end, made.grain, made.guessed, ask, s, phrase.lo, phrase.hi)


def _last_moment(made: Made, start: datetime) -> datetime:
    return start + _ONE if made.grain == "day" else start


def _until(s: Sentence, frame: Frame, day_first: bool) -> datetime | None:
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


def _until_number(s: Sentence, frame: Frame) -> datetime | None:
    """The bare hour of "till 6"."""
    found = when_clock.clock(s, 0)
    if found is None or found[0].minute or not _only_small_words(s, found[1]):
        return None
    return at_clock(Point(0, found[1], clock=found[0]), found[0], frame).start


def _end_of_pause(phrase: Phrase, frame: Frame, named_until: bool) -> datetime | None:
    point, day = phrase.start, phrase.day
    if point.offset is not None or point.clock is not None or point.part is not None:
        made = single(point, frame)
        if point.part and not point.clock and (phrase.bound == "after" or not named_until):
            return made.end
        return None if made.ask == "past" else made.start
    assert day is not None
    covers = not named_until and (day.first <= frame.today + _ONE or day.last > day.first)  # "tomorrow": all of it
    if covers or phrase.bound == "after" or day.first <= frame.today:
        return frame.at(day.last + _ONE, 0)
    if day.kind == "edge":
        return frame.at(day.last + _ONE, 0)  # "till the end of the week" includes that end
    return frame.at(day.first, 0)


def say_time(at: datetime, zone: tzinfo, now: datetime, say: Mapping[str, Any]) -> str:
    """The moment in plain GSM-7 characters, "Tue 12 May, 15:00", with the year when it is far from `now`.

    `say` is the table `[times.say]` of a language.
    """
    local = at.astimezone(zone)
    form = say["moment_with_year"] if abs(at - now) > _SAYS_YEAR else say["moment"]
    return str(form).format(
        weekday=say["weekday"][local.weekday()],
        day=local.day,
        month=say["month"][local.month - 1],
        year=local.year,
        clock=f"{local.hour:02d}:{local.minute:02d}",
    )
