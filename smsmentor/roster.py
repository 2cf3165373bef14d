"""The mentors' list as CSV: read with a clear message for each bad line, and written back."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import phonenumbers

from smsmentor.core.events import Act
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Member, Window
from smsmentor.core.schedule import is_zone

COLUMNS = ("phone", "alias", "field", "employer", "years", "topics", "zone", "hours", "lang", "consent")
LONGEST = {"alias": 20, "field": 24, "employer": 40, "topics": 300}
"""Characters: the first two stand before every piece of advice."""
READ_BY_OTHERS = ("alias", "field")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORMULA, _BLANK = "=+-@", "\t\r\n"
"""What begins a cell that a spreadsheet would run, in any width (OWASP, "CSV Injection")."""

_BEYOND = "beyond the last column"
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
    """The lines of a CSV file in the encodings that spreadsheets write. Raises OSError."""
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").splitlines()
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace").splitlines()


def read(lines: Iterable[str], knowledge: Knowledge, now: datetime, *, run: str = "") -> Roster:
    """Read `phone,alias,field,employer,years,topics,zone,hours,lang,consent` as Excel or a person writes it.

    Topics are separated by `;`. `consent` is the date on which the mentor agreed to be texted; without it a
    line is refused. The separator may be a comma, a semicolon or a tab; a byte-order mark is taken off.
    The acts' ids are made from `run`, or else from `now`: reading a file again at another time gives new events.
    """
    texts = [line.rstrip("\r\n") for line in lines]
    if texts:
        texts[0] = texts[0].removeprefix("\ufeff")
    roster = Roster()
    header = texts[0] if texts else ""
    if not header.strip():
        roster.problems.append("line 1: the file is empty; it needs a first line with the column names")
        return roster
    rows = csv.DictReader(texts, delimiter=max(",;\t", key=header.count), skipinitialspace=True, restkey=_BEYOND)
    try:
        _read(roster, rows, knowledge, now, run or now.isoformat())
    except csv.Error:
        roster.problems.append(
            f"line {rows.reader.line_num}: a cell has more than {csv.field_size_limit():,} characters "
            "(is a quotation mark left open?); from here on nothing was read"
        )
    return roster


def _read(roster: Roster, rows: csv.DictReader[str], knowledge: Knowledge, now: datetime, run: str) -> None:
    names = [str(name or "").strip().casefold() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    roster.ignored = tuple(name for name in names if name not in COLUMNS)
    if twice := sorted({name for name in names if name in COLUMNS and names.count(name) > 1}):
        roster.problems.append(f"line 1: there are two columns {' and two columns '.join(twice)}")
        return
    lacking = [name for name in ("phone", "consent") if name not in names]
    if lacking:
        roster.problems.append(f"line 1: there is no column {' and no column '.join(lacking)}")
        return
    for row in rows:
        cells = {name: _cell(row.get(name)) for name in COLUMNS}
        if any(str(cell).strip() for cell in row.get(_BEYOND) or ()):
            roster.problems.append(f"line {rows.line_num}: more cells than columns; is a separator inside a cell?")
        elif any(cells.values()):
            _take(roster, cells, rows.line_num, knowledge, now, run)
    if not roster.lines and not roster.problems:
        roster.problems.append("line 1: there are column names, and no mentor below them")


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


def _cell(value: object) -> str:
    """What a cell says. A leading apostrophe is a spreadsheet's mark for text, and `write` puts it there too."""
    text = str(value or "").strip()
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
        yield "consent: not a date; write it as 2026-03-31"
    elif day > now.date():
        yield "consent: this date is in the future"
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
    """The zone of a name, or of a city as people text it; empty when it is none."""
    return text if is_zone(text) else knowledge.zone_named(text) or ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
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
