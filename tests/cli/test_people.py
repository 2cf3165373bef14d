"""`import`, `export`, and what was tried on simulated phones before there is an account."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tinydb import TinyDB, where

from smsmentor import resources
from smsmentor.app import build
from smsmentor.cli_kit import open_service
from smsmentor.core.events import Act
from smsmentor.errors import SmsmentorError
from smsmentor.settings import load as load_settings
from smsmentor.stores.drafts import PREFIX as DRAFT
from smsmentor.stores.tinydb import open_tinydb
from tests.cli.commands import HEADER, MENTEE, POOL, START, WORDS, call, fine


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


def test_a_number_that_went_to_somebody_else_is_counted_apart(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text(f"{HEADER}+12125550110,Ben,2026-01-12\n+12125550111,Cam,2026-01-12\n", encoding="utf-8")
    fine("import", mentors)
    texts = [{"from": "+12125550110", "body": body} for body in ("wrong number", "NEW")]
    fine("play", "--json", "--start", START, "--data", data, given="\n".join(map(json.dumps, texts)))
    counts = json.loads(fine("stats", "--json"))
    assert counts["members"] == {"active": 2, "number passed on": 1}
    assert counts["mentors"] == {"active": 1, "number passed on": 1}
    assert "people: 1 mentor, 0 operators" in call("doctor").stdout


def test_who_was_erased_without_an_opt_out_may_be_listed_anew_at_once(data: Path, tmp_path: Path) -> None:
    mentors = tmp_path / "mentors.csv"
    mentors.write_text(f"{HEADER}+12125550110,Ben,2026-01-12\n", encoding="utf-8")
    fine("import", mentors)
    texts = [{"from": "+12125550110", "body": body} for body in ("FORGET", "FORGET ME")]
    fine("play", "--json", "--start", START, "--data", data, given="\n".join(map(json.dumps, texts)))
    assert fine("import", mentors) == "1 taken or changed, 0 the same as before.\n"


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
    refused = call("export", "--format", form, "--out", tmp_path / "file")
    assert (refused.exit_code, "name" in refused.output) == (1, True)
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


def test_an_import_that_is_broken_off_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*acts: object) -> None:
        raise KeyboardInterrupt

    pool = tmp_path / "pool.csv"
    pool.write_text(HEADER + "+12125550130,Ben,2026-01-05\n")
    with monkeypatch.context() as patch:
        patch.setattr("smsmentor.cli_data.take", broken_off)
        result = call("import", pool)
    assert result.exit_code == 1
    assert "Some lines may have been taken. Give the command again to take the rest." in result.output
    assert "1 taken or changed" in fine("import", pool)


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


def test_a_copy_that_is_ended_by_a_signal_leaves_no_draft_and_says_so(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(connection: object, path: Path, layouts: object) -> None:
        assert DRAFT in str(path)
        os.kill(os.getpid(), signal.SIGTERM)

    fine("import", POOL)
    with monkeypatch.context() as patch:
        patch.setattr("smsmentor.stores.view.check_documents", ended)
        result = call("backup")
    assert result.exit_code == 1
    assert "Broken off. Nothing is half done: give the command again." in result.output
    assert list((data / "backups").iterdir()) == []
    assert fine("backup")
