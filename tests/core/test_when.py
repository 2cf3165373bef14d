"""The table of time phrases in when.toml, and the rules that need another clock or zone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smsmentor.core.gsm import encoding
from smsmentor.core.understand.when import Length, Reading, Times, Window, next_open, open_at, say_time

ROOT = Path(__file__).parents[2]
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 5, 5, 10, 0, tzinfo=NEW_YORK)
BOTH = ("en", "es")


def words() -> dict[str, dict[str, Any]]:
    files = {language: ROOT / "data" / "messages" / f"{language}.toml" for language in BOTH}
    return {language: tomllib.loads(file.read_text("utf-8"))["times"] for language, file in files.items()}


WORDS = words()
TIMES = Times(WORDS)
TABLE = tomllib.loads((Path(__file__).parent / "when.toml").read_text("utf-8"))


def rows(*tables: str) -> Iterator[Any]:
    for table in tables:
        for group, pairs in TABLE[table].items():
            for text, expected in pairs:
                yield pytest.param(table, text, expected, id=f"{table}, {group}: {text}")


def day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b}" + (f" {moment.year}" if moment.year != 2026 else "")


def clock(moment: datetime) -> str:
    return f"{moment.hour}:{moment.minute:02d}"


def shown(reading: Reading | None) -> str:
    if reading is None:
        return "-"
    asked = f" ?{reading.ask}" if reading.ask else ""
    return shown_span(reading) + asked


def shown_span(reading: Reading) -> str:
    start, end = reading.start, reading.end
    if "time" in reading.guessed and clock(start) == "0:00":
        last = end - timedelta(days=1) if end else start
        return day(start) if last.date() == start.date() else f"{day(start)}..{day(last)}"
    if end is None:
        return f"{day(start)} {clock(start)}"
    if end.date() == start.date():
        return f"{day(start)} {clock(start)}-{clock(end)}"
    return f"{day(start)} {clock(start)}..{day(end)} {clock(end)}"


def shown_windows(windows: tuple[Window, ...] | None) -> str:
    def one(window: Window) -> str:
        days = "".join(letter if n in window.days else "-" for n, letter in enumerate("MTWTFSS"))
        start, end = (f"{m // 60}:{m % 60:02d}" for m in (window.start, window.end))
        return f"{days} {start}-{end}"

    return "-" if windows is None else ", ".join(one(window) for window in windows)


def shown_length(length: Length | None) -> str:
    if length is None:
        return "-"
    named = [(length.months, "months"), (length.days, "days"), (length.minutes, "min")]
    return " ".join(f"{value} {unit}" for value, unit in named if value)


@pytest.mark.parametrize(
    ("table", "text", "expected"), list(rows("whole", "loose", "day_first", "spanish", "spanish_loose"))
)
def test_a_phrase_means_what_the_table_says(table: str, text: str, expected: str) -> None:
    reading = TIMES.read(
        text,
        NOW,
        NEW_YORK,
        languages=("es",) if table.startswith("spanish") else ("en",),
        day_first=table != "whole" and table != "loose",
        whole=not table.endswith("loose"),
    )
    assert shown(reading) == expected


@pytest.mark.parametrize(("table", "text", "expected"), list(rows("until")))
def test_a_pause_ends_when_the_table_says(table: str, text: str, expected: str) -> None:
    end = TIMES.until(text, NOW, NEW_YORK, languages=BOTH)
    assert ("-" if end is None else f"{day(end)} {clock(end)}") == expected


@pytest.mark.parametrize(("table", "text", "expected"), list(rows("hours")))
def test_opening_hours_are_what_the_table_says(table: str, text: str, expected: str) -> None:
    assert shown_windows(TIMES.hours(text, languages=BOTH)) == expected


@pytest.mark.parametrize(("table", "text", "expected"), list(rows("lengths")))
def test_a_length_is_what_the_table_says(table: str, text: str, expected: str) -> None:
    assert shown_length(TIMES.duration(text, languages=BOTH)) == expected


FRIDAY_EVENING = datetime(2026, 11, 20, 18, 30, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 7", "Fri 20 Nov 19:00"),
        ("at 9", "Fri 20 Nov 21:00"),
        ("at 10", "Sat 21 Nov 10:00"),
        ("at 6", "Sat 21 Nov 18:00"),
        ("3pm", "Sat 21 Nov 15:00"),
        ("today at 5", "Fri 20 Nov 17:00 ?past"),
        ("tonight", "Fri 20 Nov 17:00-21:00"),
        ("this afternoon", "Fri 20 Nov 12:00-17:00 ?past"),
        ("friday", "Fri 27 Nov ?same-weekday"),
        ("next friday", "Fri 27 Nov"),
        ("7-9", "Fri 20 Nov 19:00-21:00"),
        ("9-5", "Sat 21 Nov 9:00-17:00"),
        ("weekend", "Sat 21 Nov..Sun 22 Nov"),
        ("1/5", "Tue 5 Jan 2027"),
        ("11/19", "Fri 19 Nov 2027"),
    ],
)
def test_on_a_friday_evening_what_has_passed_moves_on(text: str, expected: str) -> None:
    assert shown(TIMES.read(text, FRIDAY_EVENING, NEW_YORK, whole=True)) == expected


def test_tonight_said_after_nine_is_what_is_left_of_the_night() -> None:
    late = datetime(2026, 5, 5, 22, 30, tzinfo=NEW_YORK)
    reading = TIMES.read("tonight", late, NEW_YORK)
    assert shown(reading) == "Tue 5 May 17:00..Wed 6 May 0:00"


def test_a_time_that_a_clock_change_skips_moves_forward_by_the_gap() -> None:
    eve = datetime(2027, 3, 13, 10, 0, tzinfo=NEW_YORK)
    reading = TIMES.read("tomorrow 2:30am", eve, NEW_YORK)
    assert reading is not None
    assert reading.start == datetime(2027, 3, 14, 3, 30, tzinfo=NEW_YORK)


def test_a_time_that_comes_twice_is_the_first() -> None:
    eve = datetime(2026, 10, 31, 10, 0, tzinfo=NEW_YORK)
    reading = TIMES.read("tomorrow 1:30am", eve, NEW_YORK)
    assert reading is not None
    assert reading.start.astimezone(UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(("text", "hour"), [("in 1 day", 10), ("in 24 hours", 9), ("in 2 weeks", 10)])
def test_days_keep_the_local_time_and_hours_pass_as_they_pass(text: str, hour: int) -> None:
    eve = datetime(2026, 10, 31, 10, 0, tzinfo=NEW_YORK)
    reading = TIMES.read(text, eve, NEW_YORK)
    assert reading is not None
    assert reading.start.hour == hour


def test_the_answer_is_in_the_sender_s_zone_whatever_the_zone_of_now() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    reading = TIMES.read("tomorrow at 3", NOW.astimezone(UTC), tokyo)
    assert reading is not None
    assert reading.start.tzinfo is tokyo
    assert shown(reading) == "Wed 6 May 15:00"


def test_a_zone_in_the_text_wins_over_the_sender_s() -> None:
    reading = TIMES.read("thu 3pm pacific", NOW, NEW_YORK)
    assert reading is not None
    assert reading.start == datetime(2026, 5, 7, 18, 0, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("text", "guessed"),
    [
        ("thu 3pm", set()),
        ("thu at 3", {"ampm"}),
        ("at 3", {"ampm", "day"}),
        ("3pm", {"day"}),
        ("thursday", {"time"}),
        ("may 12 at 15:00", {"year"}),
        ("thu after 3pm", {"end"}),
    ],
)
def test_what_was_guessed_is_named(text: str, guessed: set[str]) -> None:
    reading = TIMES.read(text, NOW, NEW_YORK)
    assert reading is not None
    assert reading.guessed == guessed


def test_the_span_cuts_the_time_out_of_the_text() -> None:
    text = "Could we meet on Thu at 3pm at the library?"
    reading = TIMES.read(text, NOW, NEW_YORK)
    assert reading is not None
    start, end = reading.span
    assert "Thu at 3pm" in text[start:end]
    assert "library" not in text[start:end]


def test_every_choice_is_read() -> None:
    readings = TIMES.choices("thu or fri at 3", NOW, NEW_YORK, whole=True)
    assert [shown(reading) for reading in readings] == ["Thu 7 May 15:00 ?choice", "Fri 8 May 15:00 ?choice"]


def test_of_two_languages_the_one_that_understands_more_is_taken() -> None:
    reading = TIMES.read("mañana a las 3pm", NOW, NEW_YORK, languages=BOTH)
    assert shown(reading) == "Wed 6 May 15:00"
    assert shown(TIMES.read("tomorrow at 3", NOW, NEW_YORK, languages=("es", "en"))) == "Wed 6 May 15:00"


def test_a_bare_number_is_a_length_only_in_a_given_unit() -> None:
    assert TIMES.duration("10") is None
    assert TIMES.duration("10", unit="minute") == Length(minutes=10)
    assert TIMES.duration("1.5", unit="hour") == Length(minutes=90)


def test_a_length_knows_its_size() -> None:
    assert Length(months=1, days=2, minutes=3).timedelta == timedelta(days=32, minutes=3)


OFFICE = Window((0, 1, 2, 3, 4), 540, 1080)
NIGHT = Window((4,), 1320, 420)


@pytest.mark.parametrize(
    ("windows", "moment", "open_then"),
    [
        ((), "2026-05-05 03:00", True),
        ((OFFICE,), "2026-05-05 09:00", True),
        ((OFFICE,), "2026-05-05 08:59", False),
        ((OFFICE,), "2026-05-05 18:00", False),
        ((OFFICE,), "2026-05-09 12:00", False),
        ((NIGHT,), "2026-05-08 22:00", True),
        ((NIGHT,), "2026-05-09 06:59", True),
        ((NIGHT,), "2026-05-09 07:00", False),
        ((NIGHT,), "2026-05-08 06:00", False),
        ((Window((6,), 0, 1440),), "2026-05-10 23:59", True),
        ((Window((6,), 0, 1440),), "2026-05-11 00:00", False),
        ((OFFICE, NIGHT), "2026-05-08 23:00", True),
    ],
)
def test_windows_are_open_by_the_wall_clock(windows: tuple[Window, ...], moment: str, open_then: bool) -> None:
    assert open_at(windows, datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK)) is open_then


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        ((), "2026-05-05 03:00", "2026-05-05 03:00"),
        ((OFFICE,), "2026-05-05 10:00", "2026-05-05 10:00"),
        ((OFFICE,), "2026-05-05 18:00", "2026-05-06 09:00"),
        ((OFFICE,), "2026-05-08 18:00", "2026-05-11 09:00"),
        ((NIGHT,), "2026-05-09 07:00", "2026-05-15 22:00"),
        ((NIGHT, OFFICE), "2026-05-08 19:00", "2026-05-08 22:00"),
        # The clock goes from 2:00 to 3:00: what opens at 2:30 opens at 3:00, what closes before never opens.
        ((Window((6,), 150, 300),), "2027-03-14 00:00", "2027-03-14 03:00"),
        ((Window((6,), 130, 170),), "2027-03-14 00:00", "2027-03-21 02:10"),
    ],
)
def test_the_next_opening_is_found(windows: tuple[Window, ...], now: str, opens: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=NEW_YORK)
    assert next_open(windows, moment) == datetime.fromisoformat(opens).replace(tzinfo=NEW_YORK)


def test_a_window_in_the_doubled_hour_opens_in_its_second_round_too() -> None:
    second_round = datetime(2026, 11, 1, 1, 10, fold=1, tzinfo=NEW_YORK)
    opening = next_open((Window((6,), 90, 300),), second_round)
    assert opening.astimezone(UTC) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "moment", "said"),
    [
        ("en", datetime(2026, 5, 12, 15, 0, tzinfo=NEW_YORK), "Tue 12 May, 15:00"),
        ("en", datetime(2026, 5, 12, 13, 5, tzinfo=UTC), "Tue 12 May, 09:05"),
        ("es", datetime(2026, 5, 12, 15, 0, tzinfo=NEW_YORK), "mar 12 may, 15:00"),
        ("es", datetime(2026, 5, 13, 15, 0, tzinfo=NEW_YORK), "mié 13 may, 15:00"),
        ("en", datetime(2027, 5, 12, 15, 0, tzinfo=NEW_YORK), "Wed 12 May 2027, 15:00"),
    ],
)
def test_a_time_is_said_back_in_plain_characters(language: str, moment: datetime, said: str) -> None:
    text = say_time(moment, NEW_YORK, NOW, WORDS[language]["say"])
    assert text == said
    assert encoding(text) == "GSM-7"


def test_what_is_said_back_is_read_as_the_same_time() -> None:
    for hours in range(1, 24 * 40, 7):
        moment = (NOW + timedelta(hours=hours)).astimezone(NEW_YORK)
        for language in BOTH:
            text = say_time(moment, NEW_YORK, NOW, WORDS[language]["say"])
            reading = TIMES.read(text, NOW, NEW_YORK, languages=(language,), whole=True)
            assert reading is not None, text
            assert reading.start == moment, text


@pytest.mark.parametrize("language", BOTH)
def test_every_part_of_the_day_has_its_hours(language: str) -> None:
    assert set(WORDS[language]["part"]) <= set(WORDS[language]["window"])


def test_both_languages_name_the_same_roles() -> None:
    assert set(WORDS["en"]["link"]) == set(WORDS["es"]["link"])
    assert set(WORDS["en"]) == set(WORDS["es"])
