"""No text, however odd, makes the reading of times raise, run away, or answer outside its promises."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsmentor.core.understand.when import Times, Window, next_open, open_at
from smsmentor.core.understand.when_words import LIMIT, Lexicon, Sentence, plain

LANGUAGES = ("en", "es")
NEW_YORK = ZoneInfo("America/New_York")


def words(language: str) -> dict[str, Any]:
    file = Path(__file__).parents[2] / "data" / "messages" / f"{language}.toml"
    table: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))["times"]
    return table


WORDS = {language: words(language) for language in LANGUAGES}
TIMES = Times(WORDS)


def spellings() -> list[str]:
    tables = [table for words in WORDS.values() for table in words.values() if isinstance(table, dict)]
    return sorted(
        {spelling for table in tables for entry in table.values() if isinstance(entry, list) for spelling in entry}
    )


numbers = st.integers(min_value=0, max_value=10**20).map(str)
marks = st.sampled_from(["-", ":", ".", "/", ",", "'", "½", "\u200b", "\n", "", "$", "%", "th", "h", "pm"])
pieces = st.one_of(st.sampled_from(spellings()), numbers, st.integers(0, 60).map(str), marks)
time_like = st.builds(lambda glue, parts: glue.join(parts), st.sampled_from([" ", ""]), st.lists(pieces, max_size=60))
texts = st.one_of(st.text(max_size=1600), time_like)
moments = st.datetimes(
    min_value=datetime.fromisoformat("2000-01-01"),
    max_value=datetime.fromisoformat("2090-01-01"),
    timezones=st.just(UTC),
)
zones = st.sampled_from(["America/New_York", "Europe/Madrid", "Australia/Lord_Howe", "Pacific/Apia"]).map(ZoneInfo)


@settings(max_examples=300, deadline=None)
@example("till tonight", datetime.fromisoformat("2000-01-01T00:00+00:00"), ZoneInfo("America/New_York"), False, False)
@given(text=texts, now=moments, zone=zones, whole=st.booleans(), day_first=st.booleans())
def test_any_text_is_read_or_not_but_never_raises(
    text: str, now: datetime, zone: ZoneInfo, whole: bool, day_first: bool
) -> None:
    found = TIMES.choices(text, now, zone, languages=LANGUAGES, day_first=day_first, whole=whole)
    shown = plain(text)
    for reading in found:
        low, high = reading.span
        assert 0 <= low < high <= len(shown)
        assert reading.start.tzinfo is zone
        if reading.ask is None:
            assert reading.end is None or reading.end > reading.start
            assert (reading.end or reading.start) >= now or reading.grain in ("day", "hour", "minute")


@settings(max_examples=200, deadline=None)
@given(text=texts, now=moments, zone=zones)
def test_any_pause_ends_in_the_future(text: str, now: datetime, zone: ZoneInfo) -> None:
    end = TIMES.until(text, now, zone, languages=LANGUAGES)
    assert end is None or end > now


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_any_opening_hours_are_within_the_week(text: str) -> None:
    for window in TIMES.hours(text, languages=LANGUAGES) or ():
        assert window.days
        assert set(window.days) <= set(range(7))
        assert 0 <= window.start < 1440
        assert 0 <= window.end <= 1440


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_any_length_is_not_negative(text: str) -> None:
    length = TIMES.duration(text, languages=LANGUAGES, unit="day")
    assert length is None or min(length.months, length.days, length.minutes) >= 0


windows = st.builds(
    Window,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(0, 1439),
    st.integers(1, 1440),
)


@settings(max_examples=200, deadline=None)
@given(windows=st.lists(windows, max_size=3), now=moments, zone=zones)
def test_the_next_opening_is_open_and_not_past(windows: list[Window], now: datetime, zone: ZoneInfo) -> None:
    local = now.astimezone(zone)
    opening = next_open(windows, local)
    assert open_at(windows, opening)
    assert opening.astimezone(UTC) >= local.astimezone(UTC)


REPEATED = ["1 ", "1-", "1/", "1.", "mon or ", "in 2 ", "2 weeks from ", "week of ", "the ", "may ", "may 1-"]


@pytest.mark.parametrize("piece", [*REPEATED, "half ", "first monday of ", "3pm to ", "a week ", "2-3 ", "-"])
def test_a_repeated_piece_costs_a_bounded_number_of_look_ups(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts look-ups instead of time: a pattern that goes back over its steps would need millions."""
    looked_up = 0
    has = Sentence.has

    def counted(self: Sentence, at: int, key: str) -> tuple[str, int] | None:
        nonlocal looked_up
        looked_up += 1
        return has(self, at, key)

    monkeypatch.setattr(Sentence, "has", counted)
    TIMES.read(piece * 400, datetime(2026, 5, 5, 14, 0, tzinfo=UTC), NEW_YORK)
    assert 0 < looked_up < 600 * LIMIT


def test_only_the_first_characters_are_looked_at() -> None:
    sentence = Sentence(plain("a " * 800), Lexicon(WORDS["en"]))
    assert len(sentence) == LIMIT // 2
