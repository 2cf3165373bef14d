"""The mentors' list as CSV: read with a clear message for each bad line, and written back."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phonenumbers

from smsmentor.core.events import Act
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Member, Window
from smsmentor.core.schedule import is_zone
from smsmentor.errors import ImportProblem

if TYPE_CHECKING:
    from _csv import Reader

COLUMNS = ("phone", "alias", "field", "employer", "years", "topics", "zone", "hours", "lang", "consent")
FIRST_TEXT = date(1992, 12, 3)
LONGEST = {"alias": 20, "field": 24, "employer": 40, "topics": 300}
"""Characters: the first two stand before every piece of advice."""
NEEDED = ("phone", "consent")
LISTS = ("topics", "hours")
MOST_ABOVE = 20
"""Lines below the first in which the column's names are looked for, to say where they are."""
READ_BY_OTHERS = ("alias", "field")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORMULA, _BLANK = "=+-@", "\t\r\n"
"""What begins a cell that a spreadsheet would run, in any width (OWASP, "CSV Injection")."""

_SEPARATORS = ",;\t|"
_EMPTY = re.compile(r'(?:sep=.)?[\s,;|"]*', re.IGNORECASE)
"""A line that names no column: Excel writes one of separators for an empty row, and `sep=;` for itself."""
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")
_BREAK, _CONTROL = re.compile(r"\s*[\r\n]\s*"), re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?", re.ASCII)
_ABOUT_LINE = re.compile(r"line (\d+)(.*)", re.DOTALL)
MOST_RUNS = 8
"""Runs of lines that are named before the rest is only counted."""
_MANY_DIGITS = re.compile(r"(?:\d[\s().-]*){7,}")


@dataclass
class Roster:
    """What a CSV holds: the good lines as acts, a problem for each bad one, and the columns that were ignored.

    `notes` tell what is odd about a good line.
    """

    acts: list[Act] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)
    """In which line each number stands."""


def lines_of(path: Path) -> list[str]:
    """The lines of a CSV file in the encodings that spreadsheets write, with their ends: a cell may hold line breaks.

    Raises OSError, and ImportProblem for what is no text.
    """
    raw = path.read_bytes()
    text = _decoded(raw)
    if raw.startswith(_WORKBOOKS) or "\0" in text:
        raise ImportProblem(path.name, "this is no text; open it in the spreadsheet's program and save it as CSV")
    if "\ufffd" in text:
        raise ImportProblem(path.name, "letters in it cannot be read; save it as CSV in UTF-8")
    return list(io.StringIO(text, newline=""))


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    # Some programs leave the mark out: a list begins with a letter that has a zero byte beside it.
    if raw[:1] == b"\0" or raw[1:2] == b"\0":
        return raw.decode("utf-16-be" if raw[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def read(lines: Iterable[str], knowledge: Knowledge, now: datetime, *, run: str = "") -> Roster:
    """Read `phone,alias,field,employer,years,topics,zone,hours,lang,consent` as Excel or a person writes it.

    Topics are separated by `;`. `consent` is the date on which the mentor agreed to be texted; without it a
    line is refused. The separator is found out; a byte-order mark, empty lines and Excel's `sep=;` are passed over.
    The acts' ids are made from `run`, or else from `now`: reading a file again at another time gives new events.
    """
    texts = list(lines)
    if texts:
        texts[0] = texts[0].removeprefix("\ufeff")
    roster = Roster()
    above = next((at for at, text in enumerate(texts) if not _EMPTY.fullmatch(text)), len(texts))
    if above == len(texts):
        roster.problems.append("line 1: the file is empty; it needs a first line with the column names")
        return roster
    separator = max(_SEPARATORS, key=lambda sign: _separates(texts[above], sign))
    table = csv.reader(texts[above:], delimiter=separator, skipinitialspace=True)
    try:
        names = [name.strip().casefold() for name in next(table)]
        if problem := _wrong_columns(names, texts[above + 1 :], separator):
            roster.problems.append(f"line {above + 1}: {problem}")
            return roster
        _read(roster, names, table, above, knowledge, now, run or now.isoformat())
    except csv.Error:
        roster.problems.append(
            f"line {above + table.line_num}: a cell has more than {csv.field_size_limit():,} characters "
            "(is a quotation mark left open?); from here on nothing was read"
        )
    return roster


def said_once(sayings: Iterable[str]) -> list[str]:
    """What is said of several lines alike, once, as it is one slip: `lines 2-21 and 30, consent: not a date`."""
    about: dict[str, list[int]] = {}
    for saying in sayings:
        found = _ABOUT_LINE.fullmatch(saying)
        assert found is not None, saying
        about.setdefault(found[2], []).append(int(found[1]))
    return [f"{_lines(numbers)}{saying}" for saying, numbers in about.items()]


def _lines(numbers: Sequence[int]) -> str:
    runs = [[at for _, at in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    if len(parts) > MOST_RUNS:
        parts = [*parts[: MOST_RUNS - 1], f"{sum(map(len, runs[MOST_RUNS - 1 :]))} more"]
    named = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    return f"line{'s' if len(numbers) > 1 else ''} {named}"


def _separates(header: str, sign: str) -> tuple[int, int]:
    """How well a sign parts the first line: by our names that it sets free, then by how often it is there."""
    try:
        names = next(csv.reader([header], delimiter=sign, skipinitialspace=True))
    except csv.Error:
        names = []
    return sum(name.strip().casefold() in COLUMNS for name in names), header.count(sign)


def _wrong_columns(names: Sequence[str], below: Sequence[str], separator: str) -> str:
    """What is wrong with the first line; nothing when it names what is needed."""
    if twice := sorted({name for name in names if name in COLUMNS and names.count(name) > 1}):
        return f"there are two columns {' and two columns '.join(twice)}"
    lacking = [name for name in NEEDED if name not in names]
    if not lacking:
        return ""
    said = f"there is no column {' and no column '.join(lacking)}"
    if any(_separates(line, separator)[0] >= len(NEEDED) for line in below[:MOST_ABOVE]):
        return f"{said}; the names stand further down: take out what is above them"
    return f"{said}; this line has to name the columns: {separator.join(COLUMNS)}"


def _read(
    roster: Roster,
    names: list[str],
    table: Reader,
    above: int,
    knowledge: Knowledge,
    now: datetime,
    run: str,
) -> None:
    roster.ignored = tuple(dict.fromkeys(name for name in names if name and name not in COLUMNS))
    first = above + table.line_num + 1
    for row in table:
        last = above + table.line_num
        cells = dict.fromkeys(COLUMNS, "") | {
            name: _cell(cell, "; " if name in LISTS else " ")
            for name, cell in zip(names, row, strict=False)
            if name in COLUMNS
        }
        if any(map(_swallows, row)):
            roster.problems.append(f"line {first}: a quotation mark is left open; it goes on to line {last}")
        elif any(cell.strip() for cell in row[len(names) :]):
            roster.problems.append(f"line {first}: more cells than columns; is a separator inside a cell?")
        elif any(cells.values()):
            _take(roster, cells, first, knowledge, now, run)
        if "" not in roster.ignored and any(cell.strip() for name, cell in zip(names, row, strict=False) if not name):
            roster.ignored += ("",)
        first = last + 1
    if not roster.lines and not roster.problems:
        roster.problems.append(f"line {above + 1}: there are column names, and no mentor below them")


def _take(
    roster: Roster,
    cells: dict[str, str],
    number: int,
    knowledge: Knowledge,
    now: datetime,
    run: str,
) -> None:
    problems = list(_check(cells, knowledge, now))
    phone = phone_of(cells["phone"], knowledge.rules.country)
    if phone is not None and phone in roster.lines:
        problems.append(f"phone: the same number as in line {roster.lines[phone]}")
    if phone is None or problems:
        roster.problems += [f"line {number}, {problem}" for problem in problems]
        return
    roster.lines[phone] = number
    unknown = knowledge.topics.unknown(cells["topics"].replace(";", ", "))
    if unknown:
        roster.notes.append(f"line {number}, topics: no topic of ours fits {', '.join(unknown)}; found by these words")
    # Not made from the number: ids of events outlive what a member may ask us to forget.
    roster.acts.append(Act(f"import:{run}:{number}", "mentor", _args(cells, phone, knowledge), by="import"))


def _swallows(cell: str) -> bool:
    """Whether a cell goes on in another line with a number or a date: then somebody else's line is in it."""
    lines = cell.splitlines()
    return any(map(_MANY_DIGITS.search, lines[1:]))


def _cell(value: str, joint: str) -> str:
    """What a cell says, on one line: a break becomes the `joint`.

    A leading apostrophe is a spreadsheet's mark for text, and `rows` puts it there too.
    """
    text = _CONTROL.sub(" ", _BREAK.sub(joint, value.strip())).strip()
    return text[1:] if text.startswith("'") and _is_run(text[1:]) else text


def _check(cells: dict[str, str], knowledge: Knowledge, now: datetime) -> Iterator[str]:
    phone = cells["phone"]
    if re.fullmatch(r"\d(?:[.,]\d+)?[eE]\+?\d+", phone):
        yield "phone: a spreadsheet has shortened the number; format the column as text and export again"
    elif phone_of(phone, knowledge.rules.country) is None:
        yield "phone: not a phone number; write it with its country, like +1 212 555 0123"
    if not cells["consent"]:
        yield "consent: the date on which this mentor agreed to be texted is missing"
    elif (day := _day(cells["consent"])) is None:
        yield "consent: not a date; write it as 2026-03-31 (in a spreadsheet, format the column as text first)"
    elif day > now.date():
        yield "consent: this date is in the future"
    elif day < FIRST_TEXT:
        yield "consent: nobody could be texted then; is the cell a spreadsheet's zero?"
    if cells["years"] and not re.fullmatch(r"\d{1,2}", cells["years"]):
        yield "years: not a number of years"
    if cells["zone"] and not _zone(cells["zone"], knowledge):
        yield "zone: not a time zone; write it like America/New_York"
    if cells["lang"] and cells["lang"].casefold() not in knowledge.words.languages:
        yield f"lang: not one of {', '.join(knowledge.words.languages)}"
    if cells["hours"] and not _hours(cells["hours"], knowledge):
        yield "hours: not understood; write them like weekdays 9-18"
    if cells["alias"] and knowledge.is_name_of_ours(cells["alias"]):
        yield "alias: it could be taken for the team, for the service or for a word of ours; write a first name"
    for name in LONGEST:
        if problem := wrong_name(name, cells[name]):
            yield f"{name}: {problem}"


def wrong_name(column: str, text: str) -> str:
    """What is wrong with a text of a column in `LONGEST`; nothing when it can be kept."""
    if len(text) > LONGEST[column]:
        return f"longer than {LONGEST[column]} characters"
    if column in READ_BY_OTHERS:
        if _MANY_DIGITS.search(text) or "@" in text:
            return "other people read this, so it may not hold a phone number or an address"
        if _is_run(text):
            return "other people read this, so it begins with a letter or a digit"
    return ""


def _args(cells: dict[str, str], phone: str, knowledge: Knowledge) -> dict[str, Any]:
    day = _day(cells["consent"])
    assert day is not None
    skills = cells["topics"].replace(";", ", ")
    return {
        "phone": phone,
        "alias": cells["alias"],
        "field": cells["field"],
        "employer": cells["employer"],
        "years": int(cells["years"]) if cells["years"] else None,
        "topics": (*knowledge.topics.expand(skills), *knowledge.topics.own(skills)),
        "skills": cells["topics"],
        "zone": _zone(cells["zone"], knowledge),
        "hours": _hours(cells["hours"], knowledge) if cells["hours"] else (),
        "lang": cells["lang"].casefold(),
        "consented": datetime(day.year, day.month, day.day, tzinfo=UTC),
    }


def is_news(act: Act, member: Member | None) -> bool:
    """Whether an act of `read` would change what is kept of this member. An empty cell changes nothing."""
    if member is None or not member.mentor:
        return True
    return not _unlike(act, member).issubset(member.chosen)


def left_alone(act: Act, member: Member | None) -> tuple[str, ...]:
    """The columns of a line that differ from what its member has set by text, which stays."""
    return () if member is None else tuple(sorted(_unlike(act, member).intersection(member.chosen, COLUMNS)))


def _unlike(act: Act, member: Member) -> set[str]:
    given = {name: value for name, value in act.args.items() if value not in (None, "", ())}
    return {name for name, value in given.items() if getattr(member, name) != value}


def changes(act: Act, member: Member | None) -> str:
    """What an act of `read` would change, for people: `field: finance, was law`."""
    if member is None or not member.mentor:
        return "new"
    columns = ("alias", "field", "employer", "years", "skills", "zone", "hours", "lang")
    said = []
    for name in columns:
        new: Any = act.args[name]
        old = getattr(member, name)
        if new not in (None, "", ()) and new != old and name not in member.chosen:
            shown = (hours_text(new), hours_text(old)) if name == "hours" else (new, old)
            said.append(f"{'topics' if name == 'skills' else name}: {shown[0]}, was {shown[1] or 'empty'}")
    return "; ".join(said) or "brought up to date"


def _hours(text: str, knowledge: Knowledge) -> tuple[Window, ...]:
    """The weekly windows, none for a text that is not understood."""
    found = knowledge.times.hours(text, languages=knowledge.words.languages) or ()
    return tuple(Window(tuple(sorted(w.days)), w.start, w.end) for w in found)


def phone_of(text: str, country: str) -> str | None:
    """The number in E.164, or None. Fictional numbers (555-0100 to 555-0199) count as possible."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _zone(text: str, knowledge: Knowledge) -> str:
    """The zone of a city as people text it, or of a name; empty when it is none. EST is a zone without summer time."""
    return knowledge.zone_named(text) or (text if is_zone(text) else "")


def _day(text: str) -> date | None:
    """A day that is written with the year first: of 3/4/2026 nobody can say whether it is in March or in April."""
    found = _YEAR_FIRST.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(text)
    except ValueError:
        return None


# Back to CSV


def rows(mentors: Iterable[Member]) -> Iterator[list[str]]:
    """The header and a line for each mentor, in the columns that `read` takes."""
    yield list(COLUMNS)
    for mentor in mentors:
        row = {
            "phone": mentor.phone,
            "alias": mentor.alias,
            "field": mentor.field,
            "employer": mentor.employer,
            "years": "" if mentor.years is None else str(mentor.years),
            "topics": mentor.skills or ";".join(mentor.topics),
            "zone": mentor.zone,
            "hours": hours_text(mentor.hours),
            "lang": mentor.lang,
            "consent": mentor.consented.date().isoformat() if mentor.consented else "",
        }
        yield [safe_cell(row[name]) for name in COLUMNS]


def hours_text(windows: Iterable[Window]) -> str:
    """Weekly windows as `Times.hours` reads them back: `mon,tue 9:00-18:00; sat 10:00-12:00`."""
    return "; ".join(f"{','.join(DAYS[d] for d in w.days)} {_clock(w.start)}-{_clock(w.end)}" for w in windows)


def _clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{text}" if _is_run(text) else text


def _is_run(text: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula. Blanks and what is not seen do not keep it from that."""
    seen = (char for char in text if not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf"))
    return text[:1] in tuple(_BLANK) or unicodedata.normalize("NFKC", next(seen, "")) in tuple(_FORMULA)
