"""Reads times of the day ("3pm", "half past 6", "15h30", "las 5 menos cuarto") and settles am and pm."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smsmentor.core.understand.when_words import Sentence

NOON = 12 * 60
DAY = 24 * 60
_MONEY_AND_NUMBERS = ("$", "€", "£", "#")


@dataclass(frozen=True)
class Clock:
    """A time of day as it was written."""

    hour: int
    minute: int
    half: str | None
    """`am`, `pm`, `24` when the hour means what it says, None when it must be guessed."""
    sure: int
    """2: the form is a time by itself, 1: probably (15.30), 0: a bare number."""
    word: bool = False
    """Written as a word ("three")."""

    @property
    def minutes(self) -> int:
        """Minutes after midnight, a bare hour as people mean it: 1-7 pm, 8-11 am, 12 noon."""
        if self.half == "24":
            return self.hour * 60 + self.minute
        hour = self.hour % 12
        if self.half == "pm" or (self.half is None and hour <= 7):
            hour += 12
        return hour * 60 + self.minute


def span_of(start: Clock, end: Clock) -> tuple[int, int]:
    """Minutes of a range's two ends; the second is not above the first when it crosses midnight.

    The end lends its half of the day to a bare start when that keeps the start before the end.
    """
    if start.half is None and end.half is None:
        return _both_bare(start, end)
    if start.half is None:
        return _lent(start, end), end.minutes
    if end.half is None:
        return start.minutes, _end_after(start, end)
    return start.minutes, end.minutes


def _both_bare(start: Clock, end: Clock) -> tuple[int, int]:
    for begin in (start.minutes, (start.minutes + NOON) % DAY):
        ends = [e for e in sorted((end.minutes, (end.minutes + NOON) % DAY)) if e > begin]
        if ends:
            return begin, ends[0]
    return start.minutes, end.minutes


def _lent(start: Clock, end: Clock) -> int:
    if end.half == "24":
        if end.hour in (12, 24) or end.hour == 0:  # noon and midnight are no sign of 24-hour writing
            fitting = replace(start, half="am" if end.hour == 12 else "pm")
            return start.minutes if start.hour == 12 else fitting.minutes
        return start.hour * 60 + start.minute
    lent = replace(start, half=end.half).minutes
    return lent if lent < end.minutes else (lent + NOON) % DAY


def _end_after(start: Clock, end: Clock) -> int:
    if start.half == "24" and start.hour != 12:
        literal = end.hour * 60 + end.minute
        if start.hour >= 13 or literal > start.minutes:
            return literal
    ends = (end.minutes, (end.minutes + NOON) % DAY)
    return min(ends, key=lambda minutes: (minutes - start.minutes - 1) % DAY)


def in_part(clock: Clock, window: tuple[int, int], night: bool) -> Clock:
    """The clock with the half of the day that a part of the day ("in the evening") gives it."""
    if clock.half is not None:
        return clock
    hour = clock.hour % 12
    if night:
        half = "am" if hour < 5 else "pm"
    elif window[1] <= NOON:
        if clock.hour == 12:
            return clock
        half = "am"
    else:
        half = "am" if window[0] < NOON and 8 <= hour <= 11 else "pm"
    return replace(clock, half=half)


def clock(s: Sentence, at: int, ranges_first: bool = False) -> tuple[Clock, int] | None:
    """Reads one time of the day. With `ranges_first`, "ten to four" is a range, not 3:50."""
    if s.symbol(at - 1, *_MONEY_AND_NUMBERS):
        return None
    found = _named(s, at) or _fraction_first(s, at, ranges_first) or _written(s, at, ranges_first)
    if found is None:
        return None
    return found[0], s.after(found[1], "clock_tail")


def _named(s: Sentence, at: int) -> tuple[Clock, int] | None:
    token = s.digits(at)
    word_at = at + 1 if token is not None and token.number == 12 else at
    for key, hour in (("noon", 12), ("midnight", 24), ("eod", 17)):
        word = s.has(word_at, key)
        if word:
            return Clock(hour, 0, "24", 2, True), word[1]
    return None


def _fraction_first(s: Sentence, at: int, ranges_first: bool) -> tuple[Clock, int] | None:
    """half past 6, half 6, quarter to 5, 20 past 3, ten to four."""
    half = s.has(at, "half_past")
    if half:
        hour = _hour(s, _past_hyphen(s, half[1]))
        return _moved(s, hour, 30) if hour else None
    quarter = s.has(at, "quarter")
    if quarter:
        minutes, after, plain_number = 15, quarter[1], False
    else:
        number = s.number(at)
        if number is None or not 0 < number[0] < 60:
            return None
        minutes, after = number
        unit = s.has(after, "unit")
        if unit and unit[0] == "minute":
            after, plain_number = unit[1], False
        else:
            in_words = s.digits(at) is None
            plain_number = minutes <= 12 and (ranges_first or not in_words or minutes % 5 != 0)
    after = _past_hyphen(s, after)
    past = s.has(after, "past_hour")
    if past:
        hour = _hour(s, s.after(_past_hyphen(s, past[1]), "at"))
        return _moved(s, hour, minutes) if hour else None
    before = s.has(after, "to_hour")
    if before and not plain_number:
        hour = _hour(s, s.after(_past_hyphen(s, before[1]), "at"))
        return _moved(s, hour, -minutes) if hour else None
    return None


def _past_hyphen(s: Sentence, at: int) -> int:
    """Past the hyphen of "quarter-to-four"; a spaced one is a range."""
    joined = s.symbol(at, "-") and s.glued(at) and s.glued(at + 1) and s.digits(at + 1) is None
    return at + 1 if joined else at


def _hour(s: Sentence, at: int) -> tuple[int, int] | None:
    named = _named(s, at)
    if named:
        return named[0].hour, named[1]
    number = s.number(at)
    return number if number and 0 < number[0] <= 24 and not s.joined_digits(number[1], ":", ".") else None


def _moved(s: Sentence, hour: tuple[int, int], minutes: int) -> tuple[Clock, int]:
    value, after = hour
    half, after = _half(s, after)
    half = half or ("24" if value >= 13 else None)
    if value == 12 and s.has(hour[1] - 1, "noon"):
        half = "24"
    total = value * 60 + minutes
    if half is None and total >= 13 * 60:
        total -= NOON
    shown = total // 60
    if half in ("am", "pm") and minutes < 0 and value == 12:
        half = "am" if half == "pm" else "pm"  # quarter to 12 pm is before noon
    if half is None and minutes < 0 and value in (1, 8):
        half = "pm" if value == 1 else "am"  # quarter to 8 stays on the side of 8
    return Clock(shown if shown else 12, total % 60, half, 2), after


def _half(s: Sentence, at: int) -> tuple[str | None, int]:
    for half in ("am", "pm"):
        found = s.has(at, half)
        token = s.token(at)
        if found and token and (token.glued or found[1] > at + 1 or len(token.text) > 1):
            return half, found[1]
    return None, at


def _written(s: Sentence, at: int, ranges_first: bool) -> tuple[Clock, int] | None:
    token = s.digits(at)
    if token is None or token.number is None:
        return _in_words(s, at, ranges_first)
    before = s.token(at - 1)
    if token.glued and before is not None and _part_of_something(s, at - 1):
        return None
    hour, minute, after, sure = token.number, 0, at + 1, 0
    marked = s.joined_digits(after, ":", ".", "h")
    if marked is not None and marked.number is not None:
        if len(marked.text) != 2 or marked.number > 59 or len(token.text) > 2:
            return None
        minute, sure = marked.number, 1 if s.symbol(after, ".") else 2
        after += 2
        seconds = s.joined_digits(after, ":")
        after += 2 if seconds is not None else 0
    elif len(token.text) in (3, 4):
        hour, minute = divmod(token.number, 100)
    elif s.digits(after) is not None and _spaced_minutes(s, after):
        minute, after = s.tokens[after].number or 0, after + 1
    return _finished(s, token.text, hour, minute, after, sure, ranges_first)


def _part_of_something(s: Sentence, at: int) -> bool:
    """True for a mark or word that a glued number belongs to ("5/12", "B12")."""
    text = s.tokens[at].text
    return text in ("/", ".", ":", "'") or (text.isalpha() and not s.known(at))


def _spaced_minutes(s: Sentence, at: int) -> bool:
    """The 30 of "6 30 pm"."""
    token = s.digits(at)
    return token is not None and not token.glued and len(token.text) == 2 and _half(s, at + 1)[0] is not None


def _finished(
    s: Sentence, text: str, hour: int, minute: int, after: int, sure: int, ranges_first: bool
) -> tuple[Clock, int] | None:
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    half, after = _half(s, after)
    if half:
        if hour > 12 and half == "pm":
            half = "24"
        elif hour > 12 or (hour == 0 and half == "pm"):
            return None
        return Clock(hour, minute, half, 2), after
    literal = "24" if hour >= 13 or hour == 0 or text.startswith("0") else None
    oclock = s.has(after, "oclock")
    if oclock:
        return Clock(hour, minute, literal, 2), oclock[1]
    mark = s.has(after, "hour_mark")
    if mark and (s.glued(after) or sure == 2 or len(text) == 4 or s.has(after - 2, "hour_lead")):
        sure = 0 if sure == 0 and hour < 13 else 2  # "2h" alone is a length
        return Clock(hour, minute, "24" if len(text) == 4 else literal, sure), mark[1]
    if sure == 0 and len(text) <= 2:
        added = _plus_or_minus(s, hour, literal, after, ranges_first)
        if added:
            return added
    if sure < 2 and not _ends_well(s, after):
        return None
    return Clock(hour, minute, literal, sure), after


def _ends_well(s: Sentence, at: int) -> bool:
    """False when what follows shows that the number counts or measures something."""
    token = s.token(at)
    if token is None:
        return True
    if s.has(at, "unit") or (s.has(at, "ordinal_suffix") and token.glued) or s.has(at, "of_them"):
        return False
    if not token.glued:
        return token.text not in ("%", "€", "$", "£")
    if token.text in ("%", "€", "$", "£", "/", ":", "'", "+", "x"):
        return False
    if token.text in (".", ",") and s.glued(at + 1) and s.digits(at + 1) is not None:
        return False
    return not token.text.isalpha() or s.known(at)


def _plus_or_minus(s: Sentence, hour: int, half: str | None, at: int, ranges_first: bool) -> tuple[Clock, int] | None:
    """las 3 y media, las 5 menos cuarto, las 3 y 20."""
    for key, sign in (("plus", 1), ("minus", -1)):
        joint = s.has(at, key)
        if joint is None:
            continue
        minutes = _minutes_word(s, joint[1])
        between = key == "plus" and ranges_first and minutes is not None and minutes[0] < 13
        if minutes is None or between or not 0 < hour <= 24:
            return None
        moved, after = _moved(s, (hour, minutes[1]), sign * minutes[0])
        return replace(moved, half=moved.half or half), after
    return None


def _minutes_word(s: Sentence, at: int) -> tuple[int, int] | None:
    for key, minutes in (("half", 30), ("quarter", 15)):
        found = s.has(at, key)
        if found:
            return minutes, found[1]
    number = s.number(at)
    if number is None or not 0 < number[0] < 60 or s.joined_digits(number[1], ":", ".") or _half(s, number[1])[0]:
        return None
    unit = s.has(number[1], "unit")
    if unit:
        return (number[0], unit[1]) if unit[0] == "minute" else None
    return number if number[0] >= 5 and number[0] % 5 == 0 else None


def _in_words(s: Sentence, at: int, ranges_first: bool) -> tuple[Clock, int] | None:
    number = s.word_number(at)
    if number is None or not 1 <= number[0] <= 12:
        return None
    hour, after = number
    hyphen = _past_hyphen(s, after)
    minutes_at = hyphen if (s.word_number(hyphen) or (0, 0))[0] > 24 else s.after(after, "oh")
    minutes = s.word_number(minutes_at)
    low = 1 if s.has(after, "oh") else 10
    if minutes is not None and low <= minutes[0] <= 59 and not s.has(minutes[1], "unit"):
        found = _finished(s, "", hour, minutes[0], minutes[1], 1, ranges_first)
    else:
        found = _finished(s, "", hour, 0, after, 0, ranges_first)
    return (replace(found[0], word=True), found[1]) if found else None
