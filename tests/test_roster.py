"""The mentors' list: what spreadsheets write is read, each bad line is told, and an export can be taken back."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smsmentor.core.knowledge import Knowledge
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Window
from smsmentor.errors import ImportProblem
from smsmentor.resources import data_folder
from smsmentor.roster import COLUMNS, hours_text, is_news, left_alone, lines_of, read, rows, said_once
from tests.rigs import base_knowledge, memory_rig

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
HEADER = ",".join(COLUMNS)
GOOD = "+1 212 555 0110,Ben,finance,Harbor Bank,9,pay;excel,America/New_York,weekdays 9-18,en,2026-01-12"


@pytest.fixture
def knowledge() -> Knowledge:
    return base_knowledge()


def test_the_sample_pool_is_good(knowledge: Knowledge) -> None:
    roster = read(lines_of(data_folder() / "pool.example.csv"), knowledge, NOW)
    assert roster.problems == []
    assert roster.notes == [
        "line 5, topics: no topic of ours fits contract; found by these words",
        "line 9, topics: no topic of ours fits contract; found by these words",
        "line 10, topics: no topic of ours fits safety at work; found by these words",
    ]
    assert len(roster.acts) == 14
    assert all(act.args["topics"] for act in roster.acts)
    assert "es" in {act.args["lang"] for act in roster.acts}
    assert len({act.args["zone"] for act in roster.acts}) == 3


def test_a_line_becomes_a_mentor_with_all_that_it_says(knowledge: Knowledge) -> None:
    [act] = read([HEADER, GOOD], knowledge, NOW).acts
    assert (act.name, act.by) == ("mentor", "import")
    assert "2125550110" not in act.id
    assert act.args == {
        "phone": "+12125550110",
        "alias": "Ben",
        "field": "finance",
        "employer": "Harbor Bank",
        "years": 9,
        "topics": knowledge.topics.expand("pay, excel"),
        "skills": "pay;excel",
        "zone": "America/New_York",
        "hours": (Window((0, 1, 2, 3, 4), 540, 1080),),
        "lang": "en",
        "consented": datetime(2026, 1, 12, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbfphone,alias,consent\r\n+12125550110,Ren\xc3\xa9,2026-01-12\r\n",
        "phone;alias;consent\r\n+12125550110;René;2026-01-12\r\n".encode("cp1252"),
        "phone\talias\tconsent\r\n+12125550110\tRené\t2026-01-12\r\n".encode("utf-16"),
        b'Phone, Alias ,CONSENT\n"(212) 555-0110","Ren\xc3\xa9",2026-01-12T00:00:00\n,,\n',
        b"phone,alias,consent\n'+12125550110,Ren\xc3\xa9,2026-01-12\n",
        "phone;alias;consent\n+12125550110;René;2026-01-12\n".encode("utf-16-le"),
        "phone;alias;consent\n+12125550110;René;2026-01-12\n".encode("utf-16-be"),
        "sep=;\r\n;;\r\n\r\nConsent;Phone;Alias\r\n\r\n2026/1/12;+12125550110;René\r\n;;\r\n".encode(),
        'phone;"field, or what you do, or did";alias;consent\n+12125550110;;"\x07René";2026-01-12'.encode(),
        "phone|alias|consent\r+12125550110|René|2026-01-12\r".encode(),
    ],
    ids=[
        "byte-order mark",
        "semicolons, old encoding",
        "tabs, UTF-16",
        "quotes and blanks",
        "apostrophe",
        "no mark",
        "no mark, the other way",
        "another order, Excel's own line, empty lines",
        "commas in a name",
        "old line ends",
    ],
)
def test_it_reads_what_spreadsheets_write(knowledge: Knowledge, tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "mentors.csv"
    path.write_bytes(raw)
    roster = read(lines_of(path), knowledge, NOW)
    assert roster.problems == []
    [act] = roster.acts
    assert (act.args["phone"], act.args["alias"]) == ("+12125550110", "René")


def test_a_line_break_in_a_cell_is_a_blank_and_lines_are_counted_as_an_editor_does(
    knowledge: Knowledge, tmp_path: Path
) -> None:
    path = tmp_path / "mentors.csv"
    path.write_bytes(
        b'phone,employer,topics,consent\r\n+12125550110,"Harbor\r\nBank\xe2\x80\xa8East","pay\r\nexcel",2026-01-12\r\n'
        b"+12125550110,,,2026-01-12\r\n"
    )
    roster = read(lines_of(path), knowledge, NOW)
    [act] = roster.acts
    assert (act.args["employer"], act.args["skills"]) == ("Harbor Bank East", "pay; excel")
    assert roster.problems == ["line 5, phone: the same number as in line 2"]


@pytest.mark.parametrize("topics", ["pay", 'pay\n+12125550111,Cam,2026-01-12,"excel'])
def test_a_quotation_that_is_left_open_swallows_nobody_silently(
    knowledge: Knowledge, tmp_path: Path, topics: str
) -> None:
    path = tmp_path / "mentors.csv"
    path.write_text(
        f'phone,alias,consent,topics\n+12125550110,Ben,2026-01-12,"{topics}\n+12125550112,Dee,2026-01-12,\n'
    )
    roster = read(lines_of(path), knowledge, NOW)
    assert roster.problems[0].startswith("line 2: a quotation mark is left open")
    assert "+12125550110" not in roster.lines


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"PK\x03\x04 a workbook", "mentors.csv: this is no text"),
        (b"phone,alias,consent\n+12125550110,B\0n,2026-01-12\n", "mentors.csv: this is no text"),
        (b"phone,alias,consent\n+12125550110,Ren\x81,2026-01-12\n", "mentors.csv: letters in it cannot be read"),
    ],
    ids=["a workbook", "zero bytes", "an encoding of neither kind"],
)
def test_what_is_no_list_is_refused(tmp_path: Path, raw: bytes, problem: str) -> None:
    path = tmp_path / "mentors.csv"
    path.write_bytes(raw)
    with pytest.raises(ImportProblem, match=problem):
        lines_of(path)


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("phone", "1.2125E+10", "phone: a spreadsheet has shortened the number"),
        ("phone", "555", "phone: not a phone number"),
        ("phone", "", "phone: not a phone number"),
        ("consent", "", "consent: the date on which this mentor agreed to be texted is missing"),
        ("consent", "last week", "consent: not a date"),
        ("consent", "3/1/2026", "consent: not a date; write it as 2026-03-31 (in a spreadsheet"),
        ("consent", "2026-02-30", "consent: not a date"),
        ("consent", "2026-03-04", "consent: this date is in the future"),
        ("consent", "1899-12-30", "consent: nobody could be texted then"),
        ("years", "many", "years: not a number of years"),
        ("zone", "Mars", "zone: not a time zone"),
        ("lang", "tlh", "lang: not one of en"),
        ("hours", "when the moon is full", "hours: not understood"),
        ("alias", "Benjamin the Magnificent", "alias: longer than 20 characters"),
        ("alias", "Peer Line", "alias: it could be taken for the team"),
        ("alias", "A", "alias: it could be taken for the team"),
        ("alias", "212 555 0110", "alias: other people read this"),
        ("field", "me@example.org", "field: other people read this"),
        ("alias", "=cmd|' /C calc'!A0", "alias: other people read this, so it begins with a letter"),
        ("field", "@home", "field: other people read this"),
    ],
)
def test_a_bad_cell_is_told_with_its_line_and_the_others_are_taken(
    knowledge: Knowledge, column: str, cell: str, problem: str
) -> None:
    bad = dict(zip(COLUMNS, GOOD.split(","), strict=True)) | {"phone": "+12125550111", column: cell}
    roster = read([HEADER, GOOD, ",".join(bad.values())], knowledge, NOW)
    assert len(roster.acts) == 1
    [told] = roster.problems
    assert told.startswith(f"line 3, {problem}")


def test_the_same_number_twice_is_told(knowledge: Knowledge) -> None:
    roster = read([HEADER, GOOD, GOOD.replace("+1 212 555 0110", "(212) 555-0110")], knowledge, NOW)
    assert len(roster.acts) == 1
    assert roster.problems == ["line 3, phone: the same number as in line 2"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "line 1: the file is empty; it needs a first line with the column names"),
        (["alias,field"], "line 1: there is no column phone and no column consent"),
        (["phone,alias"], "line 1: there is no column consent"),
        (["Our mentors,,", "phone,alias,consent"], "line 1: there is no column phone and no column consent; the names"),
        (["+12125550110;Ben"], "line 1: there is no column phone and no column consent; this line has to name"),
        (["phone,consent,alias,phone"], "line 1: there are two columns phone"),
        (["phone,consent,", "+12125550110,2026-01-12,,pay"], "line 2: more cells than columns"),
        (["phone,consent", ","], "line 1: there are column names, and no mentor below them"),
    ],
)
def test_a_file_without_its_columns_is_refused(knowledge: Knowledge, lines: list[str], problem: str) -> None:
    [told] = read(lines, knowledge, NOW).problems
    assert told.startswith(problem)


@pytest.mark.parametrize("long", ["x" * 200_000, '"' + "x" * 200_000], ids=["a cell", "an open quotation"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_cell_beyond_all_measure_is_told_and_what_was_read_before_is_taken(
    knowledge: Knowledge, long: str, line: int
) -> None:
    lines = [HEADER, GOOD]
    lines.insert(line - 1, long)
    roster = read(lines, knowledge, NOW)
    [problem] = roster.problems
    assert problem.startswith(f"line {line}: a cell has more than 131,072 characters")
    assert len(roster.acts) == (line == 3)


def test_topics_that_are_not_ours_are_told_and_the_line_is_taken(knowledge: Knowledge) -> None:
    roster = read([HEADER, GOOD.replace("excel", "xyzzy")], knowledge, NOW)
    assert roster.notes == ["line 2, topics: no topic of ours fits xyzzy; found by these words"]
    assert len(roster.acts) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Chicago", "America/Chicago"), ("EST", "America/New_York"), ("Europe/Paris", "Europe/Paris")],
)
def test_a_zone_may_be_a_city_as_in_a_text_and_has_its_summer_time(
    knowledge: Knowledge, written: str, meant: str
) -> None:
    [act] = read([HEADER, GOOD.replace("America/New_York", written)], knowledge, NOW).acts
    assert act.args["zone"] == meant


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([7], "line 7, years: no"),
        ([2, 3], "lines 2-3, years: no"),
        ([2, 3, 4, 9], "lines 2-4 and 9, years: no"),
        (range(2, 30, 2), "lines 2, 4, 6, 8, 10, 12, 14 and 7 more, years: no"),
    ],
)
def test_the_same_slip_in_many_lines_is_said_once(lines: Sequence[int], said: str) -> None:
    assert said_once([f"line {n}, years: no" for n in lines] + ["line 3: other"]) == [said, "line 3: other"]


def test_unknown_columns_are_named_and_left_out(knowledge: Knowledge) -> None:
    roster = read([f"{HEADER},Shoe Size", f"{GOOD},44"], knowledge, NOW)
    assert roster.ignored == ("shoe size",)
    assert len(roster.acts) == 1


def member(**more: object) -> Member:
    base = Member("m1", "+12125550110", NOW, mentor=True, alias="Ben", consented=datetime(2026, 1, 12, tzinfo=UTC))
    return replace(base, **more)  # type: ignore[arg-type]


def test_only_a_line_that_changes_something_is_news(knowledge: Knowledge) -> None:
    [act] = read(["phone,alias,field,consent", "+12125550110,Ben,,2026-01-12"], knowledge, NOW).acts
    assert not is_news(act, member(field="finance"))
    assert is_news(act, None)
    assert is_news(act, member(mentor=False))
    assert is_news(act, member(alias="Benny"))


def test_what_a_mentor_set_by_text_is_no_news_and_is_named(knowledge: Knowledge) -> None:
    [act] = read(["phone,alias,field,consent", "+12125550110,Benjamin,law,2026-01-12"], knowledge, NOW).acts
    own = member(field="law", chosen=("alias", "hours"))
    assert not is_news(act, own)
    assert left_alone(act, own) == ("alias",)
    assert is_news(act, replace(own, field="finance"))
    assert left_alone(act, None) == left_alone(act, member()) == ()


def test_a_list_that_is_read_again_leaves_what_a_mentor_set_by_text() -> None:
    async def imported_twice() -> Member:
        rig = await memory_rig(NOW, {})
        for run, line in (("first", "+12125550110,Benjamin,law"), ("again", "+12125550110,Benjamin,finance")):
            [act] = read(["phone,alias,field,consent", f"{line},2026-01-12"], rig.knowledge, NOW, run=run).acts
            await rig.service.receive(act)
            await rig.text("+12125550110", "ALIAS Ben")
        with rig.store.reading() as reader:
            return next(reader.walk(Member, "phone", "+12125550110"))

    mentor = asyncio.run(imported_twice())
    assert (mentor.alias, mentor.field, mentor.chosen) == ("Ben", "finance", ("alias",))


def test_what_is_written_is_read_back_the_same(knowledge: Knowledge) -> None:
    mentors = [
        member(field="finance", employer="Harbor, Bank", years=0, skills="pay;excel", zone="America/New_York"),
        member(phone="+12125550111", alias="Cam", employer="-Minus", hours=(Window((5, 6), 1320, 420),)),
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows(mentors))
    roster = read(text.getvalue().splitlines(), knowledge, NOW)
    assert roster.problems == []
    kept = [{name: act.args[name] for name in ("phone", "alias", "employer", "years", "hours")} for act in roster.acts]
    assert kept == [{name: getattr(m, name) for name in kept[0]} for m in mentors]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows(mentors) for cell in row)


@pytest.mark.parametrize(
    "windows",
    [
        (Window((0, 1, 2, 3, 4), 540, 1080),),
        (Window((0,), 0, 1440),),
        (Window((4, 5), 1320, 120),),
        (Window((0, 1, 2, 3, 4), 540, 720), Window((0, 1, 2, 3, 4), 780, 1020), Window((6,), 615, 1439)),
    ],
)
def test_hours_are_written_as_they_are_read(knowledge: Knowledge, windows: tuple[Window, ...]) -> None:
    found = knowledge.times.hours(hours_text(windows))
    assert found is not None
    assert tuple((tuple(sorted(w.days)), w.start, w.end) for w in found) == tuple(
        (w.days, w.start, w.end) for w in windows
    )
