"""A story that somebody has mistyped: the line is named, with what could stand there, and nothing is left out."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from smsmentor.errors import ImportProblem
from smsmentor.story import WRITTEN, Story, play_file
from tests.rigs import keep_running, memory_rig

HEAD = "@ 2026-03-03 18:00 America/New_York\nmentee Ana\nmentor Ben field=finance\n"
DOCS = Path(__file__).parent.parent / "docs" / "stories.md"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("18:02 ana > hello", "ana is not in the cast; did you mean Ana?"),
        ("18:02 Benn > hello", "Benn is not in the cast; did you mean Ben?"),
        ("18:02 Zoe > hello", "Zoe is not in the cast; above its texts write `mentee Zoe`"),
        ("18.02 Ana > hello", "not a line of a story, like `18:02 Ana > hello`: 18.02 Ana > hello"),
        ("25:02 Ana > hello", "hour must be in 0..23"),
        ("! crsh", "no such fault: crsh; there are again, twice"),
        ("!", "no such fault: none"),
        ("! refuse Zoe 21610", "Zoe is not in the cast"),
        ("! refuse Ben", "refuse is written like `! refuse Ben 21610`"),
        ("! down", "down is written like `! down 2h`"),
        ("! down soon", "not a length of time, like 30m, 2h or 7d: soon"),
        ("? mood good", "no such check: mood; there are request"),
        ("? request K43", "request is written like `? request K43 closed done`"),
        ("? member Zoe paused", "Zoe is not in the cast"),
        ("? outbox many", "outbox is written like `? outbox 0`"),
        ("@ tomorrow", "the clock is set like `@ 2026-03-03 18:00 America/New_York`, or moved like `@ +2h`"),
        ("@ 2026-03-04 08:00 Amerika/Chicago", "not a time zone, like America/New_York: Amerika/Chicago"),
        ("@ 2026-03-01 08:00", "the clock stands at 2026-03-03 18:00 already"),
        ("@ +soon", "not a length of time"),
        ("set places", "write NAME=VALUE"),
        ("mentor", "write the name as one word, like `mentor Ana`, not none"),
        ("mentor Ben field=law", "Ben is in the cast already"),
        ("mentor Cam feild=law", "no such field of a cast's mentor: feild; there are alias, field,"),
        ("mentor Cam years=nine", "years is a whole number, not nine"),
        ("mentor Cam zone=Nowhere", "not a time zone"),
        ("mentor Cam phone=+12125550100", "phone is a number that nobody else here has"),
        ('mentor Cam field="law', "No closing quotation"),
    ],
)
def test_a_mistyped_line_is_named_with_what_could_stand_there(line: str, problem: str) -> None:
    with pytest.raises(ImportProblem) as raised:
        Story("mine.sms", f"{HEAD}{line}\n")
    assert str(raised.value).startswith(f"mine.sms:4: {problem}")


def test_a_report_about_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.sms"
    path.write_text(f"{HEAD}! receipt Ben delivered\n", encoding="utf-8")
    with pytest.raises(ImportProblem, match=r"mine\.sms:4: no text has gone to Ben"):
        asyncio.run(play_file(path, memory_rig, keep_running))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_story_in_another_encoding_is_told(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.sms"
    path.write_text(f"{HEAD}18:00 Ana > ¿qué hago con mi jefe?\n", encoding=encoding)
    with pytest.raises(ImportProblem, match="save it as text in UTF-8"):
        asyncio.run(play_file(path, memory_rig, keep_running))


def test_the_clock_goes_on_behind_the_time_that_the_host_was_off() -> None:
    lines = Story("mine.sms", f"{HEAD}18:00 Ana > hello\n! down 62h\n09:30 Ana > hello\n").lines
    assert lines[-1].at is not None
    assert f"{lines[-1].at:%d %H:%M}" == "06 14:30"


def test_the_page_has_every_fault_and_check() -> None:
    page = DOCS.read_text(encoding="utf-8")
    documented = {sign: set(re.findall(rf"`{re.escape(sign)} ([a-z]+)", page)) for sign in WRITTEN}
    assert documented == {sign: set(known) for sign, (_, known) in WRITTEN.items()}
