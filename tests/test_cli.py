"""The commands as people and programs call them: what they print, what they keep, and their exit codes."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tinydb import TinyDB, where

from smsmentor import __version__, resources
from smsmentor.app import build, listen, only_one
from smsmentor.cli import daytime, main, url
from smsmentor.cli_kit import open_service
from smsmentor.core.events import Act
from smsmentor.errors import SmsmentorError
from smsmentor.resources import data_folder
from smsmentor.settings import load as load_settings
from smsmentor.stores.tinydb import open_tinydb

POOL = data_folder() / "pool.example.csv"
START = "2026-03-03T18:00:00Z"
MENTEE, WORDS = "+12125550100", "my boss takes credit for my reports. do i say something or let it go"
HEADER = "phone,alias,consent\n"
LOAD = cache(resources.load)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in ("smsmentor", "handlers")}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(autouse=True)
def _data_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second, and the commands of these tests share a process."""
    monkeypatch.setattr(resources, "load", LOAD)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and nothing else in the environment."""
    for name in [name for name in os.environ if name.startswith("SMSMENTOR_") or name == "PORT"]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    monkeypatch.setenv("SMSMENTOR_DATA", str(folder))
    return folder


def call(*words: str | Path, given: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def fine(*words: str | Path, given: str | bytes | None = None) -> str:
    result = call(*words, given=given)
    assert result.exit_code == 0, result.output
    return result.stdout


def play(
    *inputs: Mapping[str, Any] | str, options: tuple[str | Path, ...] = ("--start", START)
) -> list[dict[str, Any]]:
    """What `play --json` writes for these inputs."""
    lines = [line if isinstance(line, str) else json.dumps(line) for line in inputs]
    written = fine("play", "--json", "--pool", POOL, *options, given="\n".join(lines) + "\n")
    return [json.loads(line) for line in written.splitlines()]


def bodies(out: list[dict[str, Any]], to: str) -> list[str]:
    return [line["body"] for line in out if line.get("to") == to]


# play --json


def test_play_answers_each_input_with_what_was_sent_and_what_happened(data: Path) -> None:
    out = play({"from": MENTEE, "body": WORDS}, {"wait": "1m"})
    assert [line["done"] for line in out if "done" in line] == [1, 2]
    first = out[: out.index({"done": 1})]
    assert {"request.opened", "text.settled"} <= {line.get("fact") for line in first}
    [receipt] = [line for line in first if "to" in line]
    assert set(receipt) == {"at", "id", "to", "body", "text_id", "segments", "encoding"}
    assert (receipt["at"], receipt["to"], receipt["segments"]) == (START, MENTEE, 1)
    offers = [line for line in out if line.get("text_id") == "offer.new"]
    assert len(offers) == 3
    assert all(WORDS in line["body"] for line in offers)
    assert not data.exists()


def test_play_gives_the_same_for_the_same(data: Path) -> None:
    inputs = ({"from": MENTEE, "body": WORDS}, {"wait": "5h"})
    assert play(*inputs) == play(*inputs)


def test_play_takes_rules_by_name(data: Path) -> None:
    out = play(
        {"from": MENTEE, "body": WORDS},
        {"wait": "1m"},
        options=("--start", START, "--set", "places=1", "--set", "name=Hi"),
    )
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 1
    assert bodies(out, MENTEE)[0].startswith("Hi:")


def test_play_goes_on_after_a_crash_and_ignores_what_comes_again(data: Path) -> None:
    out = play(
        {"from": MENTEE, "body": WORDS}, {"fault": "again"}, {"fault": "crash"}, {"fault": "again"}, {"wait": "1m"}
    )
    assert len(bodies(out, MENTEE)) == 1
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 3


def test_play_keeps_texts_while_the_carrier_is_down(data: Path) -> None:
    out = play({"fault": "gateway-down"}, {"from": MENTEE, "body": WORDS}, {"fault": "gateway-up"}, {"wait": "10m"})
    assert out.index({"done": 2}) < next(at for at, line in enumerate(out) if line.get("to") == MENTEE)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[1]",
        '{"wait": "soon"}',
        '{"wait": NaN}',
        '{"wait": 1e400}',
        '{"wait": true}',
        "[" * 100_000,
        '{"fault": "fire"}',
        '{"from": "+12125550100"}',
        '{"from": "not a phone at all", "body": "hi"}',
        '{"from": "2125550100", "body": "hi"}',
        '{"from": "+1212PEERLINE", "body": "hi"}',
        '{"from": "", "body": "hi"}',
        "{}",
        b"\xff{".decode("latin-1"),
    ],
)
def test_play_names_an_input_that_it_cannot_read_and_goes_on(data: Path, line: str) -> None:
    out = play(line, {"wait": 1})
    assert set(out[0]) == {"error"}
    assert out[1:] == [{"done": 1}, {"done": 2}]


def test_play_keeps_its_state_where_it_is_told_to(data: Path, tmp_path: Path) -> None:
    options = ("--start", START, "--data", tmp_path / "kept")
    play({"from": MENTEE, "body": WORDS}, options=options)
    out = play({"wait": "1m"}, options=options)
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "Name the story files to play, or --json."),
        (("--set", "places=2"), "go with --json"),
        (("--json", "--start", "noon"), "noon is not a time"),
        (("--json", "--set", "places"), "places is not NAME=VALUE"),
        (("--json", "--pool", "nowhere.csv"), "does not exist"),
    ],
)
def test_play_says_how_it_is_called(data: Path, words: tuple[str, ...], problem: str) -> None:
    result = call("play", *words)
    assert result.exit_code == 2
    assert problem in result.output


def test_play_pages_the_operators_that_it_is_given_and_lets_links_of_listed_sites_pass(data: Path) -> None:
    words = "how do i learn more about pay, is salaries.example.org any good?"
    given = ("--set", "operators=+12125550190", "--set", "allowed_sites=example.org")
    out = play({"from": MENTEE, "body": words}, {"from": "+1 212 555 0151", "body": "i want to die"}, options=given)
    paged = [line for line in out if line.get("to") == "+12125550190"]
    assert [line["text_id"] for line in paged] == ["op.crisis"]
    assert [line["outcome"] for line in out if line.get("fact") == "text.settled"] == ["request", "crisis"]
    assert "+12125550151" in {line.get("to") for line in out}


def test_play_refuses_a_rule_that_makes_no_sense(data: Path) -> None:
    result = call("play", "--json", "--set", "places=0", "--set", "plases=1")
    assert result.exit_code == 1
    assert "'0' is out of range" in result.output
    assert "Did you mean places?" in result.output


def test_play_refuses_a_pool_with_a_bad_line(data: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool.csv"
    pool.write_text(HEADER + "+12125550110,Ben,\n", encoding="utf-8")
    result = call("play", "--json", "--pool", pool)
    assert result.exit_code == 1
    assert "pool.csv: line 2, consent: the date" in result.output


# Stories

STORY = """# A mentee who asks is told so.

@ 2026-03-03 18:00 America/New_York
mentee Ana

18:00 Ana > how do i ask my boss for fewer hours a week
18:00 Ana < {expected}
"""


def test_a_story_that_comes_as_written_passes(data: Path, tmp_path: Path) -> None:
    story = tmp_path / "asked.sms"
    story.write_text(STORY.format(expected="(ask.got_nobody)"), encoding="utf-8")
    assert fine("play", story) == f"as written  {story} (1 texts)\n"
    assert "18:00 Ana < (ask.got_nobody)" in fine("try", "--script", story)


def test_a_story_that_comes_otherwise_shows_the_difference_and_can_be_rewritten(data: Path, tmp_path: Path) -> None:
    story = tmp_path / "asked.sms"
    story.write_text(STORY.format(expected="(ask.thin)"), encoding="utf-8")
    result = call("play", story)
    assert result.exit_code == 1
    assert "-18:00 Ana < (ask.thin)\n+18:00 Ana < (ask.got_nobody)" in result.output
    fine("play", "--rewrite", story)
    assert story.read_text(encoding="utf-8") == STORY.format(expected="(ask.got_nobody)")


def test_a_story_that_is_not_there_is_named(data: Path) -> None:
    result = call("try", "--script", "atlantis")
    assert (result.exit_code, result.output) == (1, result.output)
    assert re.match(r"There is no story atlantis\. Try: \w+", result.output)
    assert "Ben" in call("try", "--script", "pause_and_back").output


# import, export


def test_import_takes_the_pool_once(data: Path) -> None:
    dry = fine("import", "--dry-run", POOL).splitlines()
    assert (dry[0], dry[-1]) == ("line 2: Ben, new", "14 would be taken or changed, 0 the same as before.")
    assert fine("import", POOL) == "14 taken or changed, 0 the same as before.\n"
    assert fine("import", POOL) == "0 taken or changed, 14 the same as before.\n"
    with closing(open_tinydb(data / "smsmentor.db")) as db:
        assert len(db.table("members").search(where("mentor") == True)) == 14  # noqa: E712 - a TinyDB query
        assert len(db.table("facts").search(where("fact") == "member.joined")) == 14


def test_a_dry_run_lists_who_and_what_would_change(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    header = "phone,alias,field,hours,consent"
    lines = ["+12125550110,Ben,law,,2026-01-12", "+12125550111,Cam,law,weekdays 9-18,2026-01-12"]
    mentors.write_text("\n".join([header, *lines]), encoding="utf-8")
    fine("import", mentors)
    lines = [lines[0], "+12125550111,Camilla,,sat 10-12,2026-01-12", "+12125550112,,,,2026-01-12"]
    mentors.write_text("\n".join([header, *lines]), encoding="utf-8")
    assert fine("import", "--dry-run", mentors).splitlines() == [
        "line 3: Camilla, alias: Camilla, was Cam; hours: sat 10:00-12:00, was mon,tue,wed,thu,fri 9:00-18:00",
        "line 4: -, new",
        "2 would be taken or changed, 1 the same as before.",
    ]


def test_import_can_change_a_line_there_and_back(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    for alias in ("Ben", "Benny", "Ben"):
        mentors.write_text(f"{HEADER}+12125550110,{alias},2026-01-12\n", encoding="utf-8")
        assert fine("import", mentors) == "1 taken or changed, 0 the same as before.\n"
        with closing(open_tinydb(data / "smsmentor.db")) as db:
            assert [member["alias"] for member in db.table("members")] == [alias]


def test_import_writes_nothing_while_a_line_is_bad_unless_told_to(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text(
        f"{HEADER}+12125550110,Ben,2026-01-12\n555,Cam,2026-01-12\n+12125550112,Dan,\n", encoding="utf-8"
    )
    result = call("import", mentors)
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
        "line 3, phone",
        "line 4, consent",
        "Nothing was taken from mentors.csv. 1 line is good",
    ]
    assert json.loads(fine("stats", "--json"))["members"] == {}
    assert "1 taken or changed" in fine("import", "--skip-bad", mentors)
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 1}


def test_who_opted_out_and_was_erased_comes_back_by_no_list(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text(f"{HEADER}+12125550110,Ben,2026-01-12\n+12125550111,Cam,2026-01-12\n", encoding="utf-8")
    kept = ("--start", START, "--data", data)
    fine("import", mentors)
    texts = [{"from": "+12125550110", "body": body} for body in ("STOP", "FORGET ME")]
    fine("play", "--json", *kept, given="\n".join(map(json.dumps, texts)))
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 1}
    result = call("import", mentors)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == (
        "line 2, phone: this number has opted out; only START from that phone brings it back"
    )
    assert "0 taken or changed, 1 the same" in fine("import", "--skip-bad", mentors)
    assert "has opted out" in call("op", "add", "+12125550110", "Ben").output
    # Also where no command has looked: at the sample pool of `play`, for one.
    fine("play", "--json", *kept, "--pool", mentors, "--set", "operators=+12125550110", given="")
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 1}
    fine("play", "--json", *kept, given=json.dumps({"from": "+12125550110", "body": "START"}))
    assert fine("import", mentors) == "1 taken or changed, 1 the same as before.\n"


def test_nothing_is_said_of_good_lines_where_there_are_none(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text("name,number\nBen,+12125550110\n", encoding="utf-8")
    assert call("import", mentors).stderr.splitlines()[-1] == "Nothing was taken from mentors.csv."


def test_a_dry_run_makes_no_store(data: Path) -> None:
    fine("import", "--dry-run", POOL)
    assert not data.exists()


def test_an_export_is_opened_by_a_stock_tinydb(data: Path, tmp_path: Path) -> None:
    fine("import", POOL)
    target = tmp_path / "all.json"
    assert fine("export", "--out", target).strip() == str(target)
    with TinyDB(target) as db, closing(open_tinydb(data / "smsmentor.db")) as kept:
        assert db.tables() == kept.tables()
        assert db.table("members").all() == kept.table("members").all()
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_export_writes_over_nothing_unless_told_to(data: Path, tmp_path: Path, form: str) -> None:
    fine("import", POOL)
    target = tmp_path / "all"
    words = ("export", "--format", form, "--out", target)
    fine(*words)
    assert "use --force" in call(*words).output
    fine(*words, "--force")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert call("export", "--format", form, "--out", tmp_path / "file").exit_code == 1
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_an_export_without_a_place_says_where_it_is(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine("import", POOL)
    monkeypatch.chdir(tmp_path)
    path = Path(fine("export").strip())
    assert (path.parent, path.is_file()) == (tmp_path, True)


def test_exported_mentors_can_be_imported_elsewhere(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine("import", POOL)
    out = tmp_path / "csv"
    written = [Path(line).name for line in fine("export", "--format", "csv", "--out", out).splitlines()]
    assert {"mentors.csv", "members.csv", "facts.csv"} <= set(written)
    assert fine("import", out / "mentors.csv") == "0 taken or changed, 14 the same as before.\n"
    monkeypatch.setenv("SMSMENTOR_DATA", str(tmp_path / "elsewhere"))
    assert fine("import", out / "mentors.csv") == "14 taken or changed, 0 the same as before.\n"
    fine("export", "--format", "csv", "--out", tmp_path / "again")
    assert (tmp_path / "again" / "mentors.csv").read_bytes() == (out / "mentors.csv").read_bytes()
    for path in out.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        with path.open(encoding="utf-8", newline="") as file:
            assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for cell in row)


# From simulated phones to an account


ACCOUNT = {
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_NUMBERS": "+12125550100",
    "PUBLIC_URL": "https://peers.example.org",
}


def set_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"SMSMENTOR_{name}", value)


def built_engine() -> str:
    """What would serve on the data folder now; SmsmentorError where nothing should."""
    settings = load_settings()
    app = build(settings, resources.load(settings.rules))
    app.store.close()
    return type(app.engine).__name__


def marked_checks() -> dict[str, str]:
    return {check["name"]: check["mark"] for check in json.loads(call("doctor", "--json").stdout)["checks"]}


def test_what_was_tried_on_simulated_phones_is_cleared_before_real_phones_are_texted(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    assert "Nothing was cleared" in fine("clear-play")
    texts = [("+12125550101", "STOP"), (MENTEE, WORDS)]
    tried = [json.dumps({"from": sender, "body": body}) for sender, body in texts]
    fine("play", "--json", "--start", "2030-01-01T18:00:00Z", "--data", data, given="\n".join(tried))
    assert built_engine() == "Phones"
    set_account(monkeypatch)
    with pytest.raises(SmsmentorError, match="smsmentor clear-play"):
        built_engine()
    checks = marked_checks()
    assert checks["data"] == "fail"
    assert checks["clock"] == "ok"
    assert "Kept: 14 mentors, 1 operator." in fine("clear-play", "--yes")
    assert built_engine() == "Carrier"
    assert "data" not in marked_checks()
    counts = json.loads(fine("stats", "--json"))
    assert (counts["mentors"], counts["members"]) == ({"active": 14}, {"active": 15})
    assert counts["requests"] == counts["texts_in"] == counts["texts_out"] == {}
    assert fine("op", "list") == "Olga  +***99\n"
    assert fine("import", POOL) == "0 taken or changed, 14 the same as before.\n"


def test_who_joined_on_simulated_phones_has_agreed_to_nothing(data: Path) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    texts = [("+12125550199", "OP INVITE harbor"), ("+12125550150", "JOIN harbor")]
    tried = [json.dumps({"from": sender, "body": body}) for sender, body in texts]
    fine("play", "--json", "--start", START, "--data", data, given="\n".join(tried))
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 15}
    assert "1 mentor joined or came back on simulated phones" in fine("clear-play", "--yes")
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 14}


def test_data_that_has_served_people_is_not_played_with(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine("import", POOL)
    with open_service() as service:
        asyncio.run(service.receive(Act("serving", "serving", by="housekeeping")))
    with pytest.raises(SmsmentorError, match="has served people"):
        built_engine()
    assert marked_checks()["data"] == "fail"
    assert "play in another" in call("play", "--json", "--data", data, given="").output
    assert call("clear-play", "--yes").exit_code == 1
    set_account(monkeypatch)
    assert built_engine() == "Carrier"


# stats, why, op, config, version


def test_stats_add_up_and_why_tells_who_was_considered(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    out = play({"from": MENTEE, "body": WORDS}, {"wait": "1m"}, options=("--start", START, "--data", kept))
    monkeypatch.setenv("SMSMENTOR_DATA", str(kept))
    counts = json.loads(fine("stats", "--json"))
    assert sum(counts["members"].values()) == 15
    assert counts["texts_in"] == {"request": 1}
    assert sum(counts["texts_out"].values()) == len([line for line in out if "to" in line])
    assert counts["segments_sent"] == sum(line.get("segments", 0) for line in out)
    assert counts["requests"] == {"asking": 1}
    assert counts["cost"]["months"] == {"2026-03": counts["segments_sent"]}
    assert sum(member["total"] for member in counts["cost"]["members"]) == counts["segments_sent"]
    assert counts["pool"]["mentors"] == 14
    assert "texts in: 1 (1 request)" in fine("stats")
    assert "  mentors               14, none of them paused\n" in fine("stats")
    code = next(line["code"] for line in out if line.get("fact") == "request.opened")
    told = fine("why", code.lower())
    assert told.startswith(f"{code}, asking, opened Tue 2026-03-03 13:00; times are America/New_York\n\nWave 1, ")
    assert told.count("  asked    ") == 3
    assert "knows the topic" in told
    assert "  skipped  Luis: reads another language\n" in told
    assert "+1" not in told
    as_json = json.loads(fine("why", code, "--json"))
    [wave] = as_json["waves"]
    assert len(wave["considered"]) == 14
    assert {one["name"] for one in wave["considered"] if one["taken"]} == set(re.findall(r"  asked    (\w+):", told))


def test_what_if_shows_now_changed_and_the_difference(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    play({"from": MENTEE, "body": WORDS}, {"wait": "25h"}, options=("--start", START, "--data", kept))
    monkeypatch.setenv("SMSMENTOR_DATA", str(kept))
    words = ("what-if", "--until", "2026-03-06", "--price", "0.01", "--set", "places=1")
    found = json.loads(fine(*words, "--json"))
    assert found["now"]["questions"] == 1
    assert found["truly"]["answered"] == found["changed"]["answered"] == 0.0
    assert found["difference"]["segments"] == found["changed"]["segments"] - found["now"]["segments"]
    assert found["now"]["cost"] == found["now"]["segments"] / 100
    shown = fine(*words)
    assert "1 question of 30 days, the first of them 2 days ago, played twice." in shown
    assert "0% were answered, fewer than half in a day." in shown
    assert "texts a mentor and week " not in shown
    assert re.search(rf"^segments +{found['now']['segments']} +{found['changed']['segments']} +[-+]\d+$", shown, re.M)
    assert (
        call("what-if", "--set", "places=0", "--until", "2026-03-06").exit_code
        == call("what-if", "--set", "name=Hi").exit_code
        == 1
    )
    assert "does not feel name" in call("what-if", "--set", "name=Hi").output
    assert "Nobody asked anything" in call("what-if", "--set", "places=1", "--until", "2026-01-01").output


def test_why_names_a_code_that_nobody_has(data: Path) -> None:
    fine("import", POOL)
    result = call("why", "K43")
    assert (result.exit_code, result.output) == (1, "There is no question with the code K43.\n")


@pytest.mark.parametrize(
    "command",
    ["stats", "backup", "export", "carrier resume", "carrier vouch m1", "op list", "op add +12125550199 Olga"],
)
def test_a_mistyped_folder_is_said_and_no_empty_store_is_made_there(data: Path, command: str) -> None:
    result = call(*command.split(" "))
    assert result.exit_code == 1
    assert f"There is no store in {data}" in result.output
    assert not (data / "smsmentor.db").exists()


def test_an_operator_is_added_by_number_and_name(data: Path) -> None:
    fine("import", POOL)
    assert fine("op", "add", "(212) 555-0199", "Olga") == "Olga is an operator now.\n"
    with closing(open_tinydb(data / "smsmentor.db")) as db:
        [member] = db.table("members").search(where("phone") == "+12125550199")
    assert (member["operator"], member["alias"]) == (True, "Olga")
    assert call("op", "add", "Olga", "Olga").exit_code == 2
    assert call("op", "add", "(212) 555-0199", "").exit_code == call("op", "add", "(212) 555-0199", "12").exit_code == 2


@pytest.mark.parametrize("name", ["", "  ", "+1 212 555 0199", "Olga, who runs everything"])
def test_an_operator_needs_a_name_that_is_one(data: Path, name: str) -> None:
    fine("import", POOL)
    assert call("op", "add", "+12125550199", name).exit_code == 2
    assert fine("op", "list").startswith("There is no operator")


def test_a_mentor_who_becomes_an_operator_keeps_their_name(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text(f"{HEADER}+12125550110,Ben,2026-01-12\n+12125550111,,2026-01-12\n", encoding="utf-8")
    fine("import", mentors)
    assert fine("op", "add", "+12125550110", "Benjamin Smith") == "Ben is an operator now.\n"
    assert fine("op", "add", "+12125550111", "Cam Smith").startswith("This mentor, who has chosen no name, is")
    assert fine("op", "list") == "Ben  +***10\n(no name)  +***11\n"


def test_an_operator_can_be_taken_away_and_a_mentor_stays_one(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    assert fine("op", "remove", "+12125550199") == "Olga is no operator any more.\n"
    assert call("op", "remove", "+12125550199").exit_code == 1
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 14}
    fine("op", "add", "+12125550199", "Olga")
    monkeypatch.setenv("SMSMENTOR_OPERATORS", "+12125550199")
    assert "take it out there first" in call("op", "remove", "+12125550199").output


def test_config_shows_values_with_their_origin(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSMENTOR_PLACES", "2")
    shown = fine("config")
    assert "places = 2  (SMSMENTOR_PLACES)\n" in shown
    assert "port = 8765  (default)\n" in shown
    assert "twilio_auth_token = (not set)  (default)\n" in shown


def test_wrong_settings_stop_a_command_with_all_problems(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSMENTOR_PLASES", "2")
    monkeypatch.setenv("SMSMENTOR_PORT", "many")
    result = call("serve")
    assert result.exit_code == 1
    assert result.stderr.startswith("The settings need attention:\n- SMSMENTOR_PLASES is not a setting.")
    assert "\n- port (SMSMENTOR_PORT): 'many' is not a whole number.\n" in result.stderr


def test_it_knows_its_version() -> None:
    assert fine("version").strip() == __version__
    assert fine("--version").strip() == f"smsmentor {__version__}"


# doctor


def test_doctor_is_content_with_a_new_folder_and_says_what_comes_next(data: Path) -> None:
    report = json.loads(fine("doctor", "--json"))
    assert report["fine"] is True
    people = next(check for check in report["checks"] if check["name"] == "people")
    assert (people["mark"], people["fix"]) == ("warn", "Take mentors from a list: smsmentor import mentors.csv")


def test_doctor_counts_people_once_they_are_there(data: Path) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    assert "people: 14 mentors, 1 operator\n" in fine("doctor")


def test_doctor_tells_wrong_settings_a_forgetful_platform_and_a_broken_store(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.mkdir()
    (data / "smsmentor.db").write_bytes(b"this is no database, whatever its name says" * 100)
    monkeypatch.setenv("DYNO", "web.1")
    result = call("doctor", "--json")
    assert result.exit_code == 1
    failed = {check["name"] for check in json.loads(result.stdout)["checks"] if check["mark"] == "fail"}
    assert failed == {"platform", "store"}
    monkeypatch.setenv("SMSMENTOR_PLACES", "0")
    failed = {
        check["name"] for check in json.loads(call("doctor", "--json").stdout)["checks"] if check["mark"] == "fail"
    }
    assert failed == {"platform", "settings"}


def test_doctor_blames_the_file_only_when_the_file_is_to_blame(data: Path) -> None:
    (data / "smsmentor.db").mkdir(parents=True)  # stands for a disk that fails
    said = call("doctor").output
    assert "the disk would not do it" in said
    assert "leave it where it is" in said
    assert "begin anew" not in said


def test_no_copy_is_said(data: Path) -> None:
    fine("import", POOL)
    assert fine("backup", "--list") == f"There is no copy in {data / 'backups'}.\n"
    assert fine("backup", "--list", "--out", data / "nowhere") == f"There is no copy in {data / 'nowhere'}.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a folder in which nothing can be made")
@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/full"])
def test_doctor_fails_when_no_copy_can_be_made(data: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    fine("import", POOL)
    monkeypatch.setenv("SMSMENTOR_BACKUP_FOLDER", folder)
    result = call("doctor")
    assert result.exit_code == 1
    assert f"fail  copies: {folder} cannot be written" in result.output


def test_doctor_judges_a_small_disk_by_its_size(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, said in (
        (1, "fail  disk: 1.0 MB free of 64.0 MB"),
        (5, "warn  disk: 5.0 MB"),
        (40, "ok    disk: 40.0 MB"),
    ):
        usage = shutil._ntuple_diskusage(64 * 2**20, (64 - free) * 2**20, free * 2**20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        assert said in call("doctor").output


def test_a_disk_that_takes_nothing_is_said_with_what_to_copy(data: Path) -> None:
    (data / "smsmentor.db").mkdir(parents=True)  # stands for a disk that fails
    assert f"cp -p {data / 'smsmentor.db'}* /another/disk/" in call("backup").output


def test_doctor_says_that_an_address_is_not_https(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
        "TWILIO_AUTH_TOKEN": "token",
        "TWILIO_NUMBERS": "+12125550100",
        "PUBLIC_URL": "http://peers.example.org",
    }.items():
        monkeypatch.setenv(f"SMSMENTOR_{name}", value)
    assert "warn  public address: it is not https" in fine("doctor")


# The process


def test_colours_are_left_out_when_they_are_not_wanted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    result = CliRunner().invoke(main, ["doctor"], color=True)
    assert "\x1b" not in result.output
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" in CliRunner().invoke(main, ["doctor"], color=True).output


def test_the_commands_start_without_what_only_some_of_them_need() -> None:
    program = (
        "import sys, smsmentor.cli; print(sorted({'twilio', 'phonenumbers', 'tornado', 'tinydb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_try_opens_a_page_on_loopback_and_keeps_nothing(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMSMENTOR_")}
    environ |= {"TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "smsmentor", "try", "--no-browser", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        assert process.wait() == 0
    assert lines[0].startswith("Open http://127.0.0.1:")
    assert "Ctrl-C" in lines[2]
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named_or_another_one_is_used() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(SmsmentorError, match=f"port {port} cannot be listened on"):
            listen("127.0.0.1", port)
        with listen("127.0.0.1", port, or_any=True) as other:
            assert other.getsockname()[1] != port


def test_one_process_holds_a_folder_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(SmsmentorError, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


@pytest.mark.parametrize("former", [False, True])
def test_nobody_else_can_open_the_lock(tmp_path: Path, former: bool) -> None:
    lock = tmp_path / "serve.lock"
    if former:
        lock.touch(0o644)
    with only_one(tmp_path):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()  # stands for any fault: root may write in a folder that is read-only
    with pytest.raises(SmsmentorError, match=f"The data folder {tmp_path} cannot be written"), only_one(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_folder_on_a_full_disk_is_held_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").symlink_to("/dev/full")
    with only_one(tmp_path), pytest.raises(SmsmentorError, match="Another smsmentor"), only_one(tmp_path):
        pass


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-03T03:00:00Z", "2026-03-02T18:00:00Z"),
        ("2026-03-03T23:00:00Z", "2026-03-03T18:00:00Z"),
        ("2026-03-07T12:00:00Z", "2026-03-09T17:00:00Z"),
        ("2026-03-08T12:00:00Z", "2026-03-09T17:00:00Z"),
    ],
)
def test_the_clock_of_try_begins_when_nobody_sleeps(now: str, start: str) -> None:
    assert daytime(datetime.fromisoformat(now), "America/New_York") == datetime.fromisoformat(start).astimezone(UTC)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:1/"),
        ("0.0.0.0", "http://127.0.0.1:1/"),
        ("::", "http://[::1]:1/"),
        ("::1", "http://[::1]:1/"),
        ("example.org", "http://example.org:1/"),
    ],
)
def test_an_address_is_one_that_a_browser_opens(host: str, shown: str) -> None:
    assert url(host, 1) == shown
