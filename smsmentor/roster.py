"""The mentors' list as CSV: read with a clear message for each bad line, and written back."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from smsmentor.core.events import Act
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.schedule import zone

COLUMNS = (
    "phone",
    "alias",
    "field",
    "employer",
    "years",
    "topics",
    "zone",
    "hours",
    "lang",
    "consent",
)  # fmt: skip


@dataclass
class Roster:
    """What a CSV holds: the good lines as acts, a problem for each bad one, and the columns that were ignored."""

    acts: list[Act] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ignored: tuple[str, ...] = ()


def read(lines: Iterable[str], knowledge: Knowledge, now: datetime) -> Roster:
    """Read `phone,alias,field,employer,years,topics,zone,hours,lang,consent` as Excel or a person writes it.

    Topics are separated by `;`. `consent` is the date on which the mentor agreed to be texted; without it a
    line is refused. The separator may be a comma, a semicolon or a tab; a byte-order mark is taken off.
    """
    texts = [line.rstrip("\r\n") for line in lines]
    if texts:
        texts[0] = texts[0].removeprefix("\ufeff")
    roster = Roster()
    header = texts[0] if texts else ""
    if not header.strip():
        roster.problems.append("line 1: the file is empty; it needs a first line with the column names")
        return roster
    rows = csv.DictReader(texts, delimiter=max(",;\t", key=header.count), skipinitialspace=True)
    names = [str(name or "").strip().casefold() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    roster.ignored = tuple(name for name in names if name not in COLUMNS)
    lacking = [name for name in ("phone", "consent") if name not in names]
    if lacking:
        roster.problems.append(f"line 1: there is no column {' and no column '.join(lacking)}")
        return roster
    seen: dict[str, int] = {}
    for row in rows:
        number = rows.line_num
        cells = {name: str(row.get(name) or "").strip() for name in COLUMNS}
        if not any(cells.values()):
            continue
        problems = list(_check(cells, knowledge, now))
        phone = _phone(cells["phone"], knowledge.rules.country)
        if phone is not None and phone in seen:
            problems.append(f"phone: the same number as in line {seen[phone]}")
        if problems:
            roster.problems += [f"line {number}, {problem}" for problem in problems]
            continue
        assert phone is not None
        seen[phone] = number
        args = _args(cells, phone, knowledge)
        roster.acts.append(Act(f"import:{phone}:{_digest(args)}", "mentor", args, by="import"))
    return roster


def _digest(args: dict[str, Any]) -> str:
    from hashlib import blake2b

    return blake2b(repr(sorted(args.items())).encode(), digest_size=8).hexdigest()


def _check(cells: dict[str, str], knowledge: Knowledge, now: datetime) -> Iterator[str]:
    phone = cells["phone"]
    if re.fullmatch(r"\d(?:[.,]\d+)?[eE]\+?\d+", phone):
        yield "phone: a spreadsheet has shortened the number; format the column as text and export again"
    elif _phone(phone, knowledge.rules.country) is None:
        yield "phone: not a phone number; write it with its country, like +1 212 555 0123"
    if not cells["consent"]:
        yield "consent: the date on which this mentor agreed to be texted is missing"
    elif (day := _day(cells["consent"])) is None:
        yield "consent: not a date; write it as 2026-03-31"
    elif day > now.date():
        yield "consent: this date is in the future"
    if cells["years"] and not re.fullmatch(r"\d{1,2}", cells["years"]):
        yield "years: not a number of years"
    if cells["zone"] and not _is_zone(cells["zone"]):
        yield "zone: not a time zone; write it like America/New_York"
    if cells["lang"] and cells["lang"].casefold() not in knowledge.words.languages:
        yield f"lang: not one of {', '.join(knowledge.words.languages)}"
    if cells["hours"] and knowledge.times.hours(cells["hours"], languages=knowledge.words.languages) is None:
        yield "hours: not understood; write them like weekdays 9-18"


def _args(cells: dict[str, str], phone: str, knowledge: Knowledge) -> dict[str, Any]:
    topics = knowledge.topics.expand(cells["topics"].replace(";", ", "))
    day = _day(cells["consent"])
    assert day is not None
    args: dict[str, Any] = {
        "phone": phone,
        "alias": cells["alias"],
        "field": cells["field"],
        "employer": cells["employer"],
        "years": int(cells["years"]) if cells["years"] else None,
        "topics": topics,
        "skills": cells["topics"],
        "zone": cells["zone"],
        "lang": cells["lang"].casefold(),
        "consented": datetime(day.year, day.month, day.day, tzinfo=UTC),
    }
    if cells["hours"]:
        args["hours"] = knowledge.times.hours(cells["hours"], languages=knowledge.words.languages)
    return args


def _phone(text: str, country: str) -> str | None:
    """The number in E.164, or None. Fictional numbers (555-0100 to 555-0199) count as possible."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return zone(name).key == name
