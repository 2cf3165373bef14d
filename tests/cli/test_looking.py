"""`stats`, `why`, `what-if`, `op`, `config` and `doctor`: what a service is like, and what is wrong with it."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import responses
from tinydb import where

from smsmentor import __version__
from smsmentor.errors import StoreUnwritable
from smsmentor.stores import tinydb
from smsmentor.stores.tinydb import open_tinydb
from tests.cli.commands import HEADER, MENTEE, POOL, START, WORDS, call, fine, play


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


def test_doctor_is_content_with_a_new_folder_and_says_what_comes_next(data: Path) -> None:
    report = json.loads(fine("doctor", "--json"))
    assert report["fine"] is True
    people = next(check for check in report["checks"] if check["name"] == "people")
    assert (people["mark"], people["fix"]) == ("warn", "Take mentors from a list: smsmentor import mentors.csv")


def test_doctor_counts_people_once_they_are_there(data: Path) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    assert "people: 14 mentors, 1 operator\n" in fine("doctor")


def test_doctor_counts_whom_texts_reach_and_fails_where_words_of_danger_reached_no_operator(data: Path) -> None:
    fine("import", POOL)
    fine("op", "add", "+12125550199", "Olga")
    texts = [("+12125550199", "STOP"), ("+12125550198", "i want to kill myself")]
    given = "\n".join(json.dumps({"from": phone, "body": body}) for phone, body in texts)
    fine("play", "--json", "--data", data, given=given)
    result = call("doctor")
    assert result.exit_code == 1
    assert "14 mentors, 0 operators" in result.stdout
    assert "Words of danger of which no operator knows: 1 question" in result.stdout


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


def test_data_on_a_disk_that_takes_nothing_is_read_where_it_lies(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, key: str) -> None:
        raise StoreUnwritable(f"{path}: cannot be opened for writing")

    fine("import", POOL)
    monkeypatch.setattr(tinydb, "open_file", refused)
    assert json.loads(fine("stats", "--json"))["mentors"] == {"active": 14}
    assert fine("op", "list").startswith("There is no operator")
    assert Path(fine("export", "--out", tmp_path / "all.json").strip()).stat().st_size
    assert Path(fine("backup", "--out", tmp_path / "copies").strip()).stat().st_size
    doctor = call("doctor")
    assert doctor.exit_code == 1
    assert "everything in it can be read\nfail  store: nothing can be written to it\n" in doctor.output


ACCOUNT = {
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_NUMBERS": "+12125550100",
    "PUBLIC_URL": "http://peers.example.org",
}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, "{}", "ok    carrier online: the account answers\n"),
        (200, "<html>Sign in to the network</html>", "fail  carrier online: its answer cannot be read\n      Is SMS"),
        (401, "{}", "fail  carrier online: it answered HTTP 401\n      Compare the SID"),
        (429, "{}", "fail  carrier online: it answered HTTP 429\n      The carrier is busy"),
        (503, "", "fail  carrier online: it answered HTTP 503\n      The carrier is busy"),
    ],
)
@responses.activate
def test_doctor_asks_the_carrier_and_believes_no_other_page(
    data: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: str, said: str
) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"SMSMENTOR_{name}", value)
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT['TWILIO_ACCOUNT_SID']}.json"
    responses.get(url, status=status, body=body)
    result = call("doctor", "--online")
    assert said in result.output
    assert result.exit_code == (not said.startswith("ok"))


def test_doctor_says_that_an_address_is_not_https(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"SMSMENTOR_{name}", value)
    assert "warn  public address: it is not https" in fine("doctor")


def test_doctor_asks_for_room_where_room_is_lacking(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsmentor.doctor._unwritable", lambda folder: os.strerror(errno.ENOSPC))
    said = call("doctor").output
    assert "cannot be written (No space left on device)" in said
    assert "Make room: old backups and logs go first." in said
    assert "Give the server's user the folder" not in said
