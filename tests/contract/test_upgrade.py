"""A store that an early version wrote is taken as it is: nothing in it is lost, and its open question goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from smsmentor.core.model import Member, Offer, OutText, Request, Timer
from smsmentor.stores.tinydb import TinyDBStore
from tests.cli.commands import fine

EARLY = Path(__file__).with_name("store_of_november_23.sql")
"""Ana's question, asked of Ben and Cam, as the first version with a command line kept it: other indexes and fields."""
ANA, BEN, CAM = "+12125550101", "+12125550110", "+12125550111"


def early_store(folder: Path) -> Path:
    path = folder / "smsmentor.db"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(EARLY.read_text(encoding="utf-8"))
    return path


def test_an_early_store_opens_whole(tmp_path: Path) -> None:
    path = early_store(tmp_path)
    for _ in range(2):
        with closing(TinyDBStore(path)) as store:
            store.check()
            with store.reading() as reader:
                assert {member.phone for member in reader.all(Member)} == {ANA, BEN, CAM}
                assert [(request.code, request.status) for request in reader.all(Request)] == [("M88", "asking")]
                assert [offer.status for offer in reader.all(Offer)] == ["sent", "sent"]
                assert [text.status for text in reader.all(OutText)] == ["sent"] * 3
                assert "request.expire" in {timer.kind for timer in reader.all(Timer)}


def test_the_question_of_an_early_store_goes_on_and_ends(tmp_path: Path) -> None:
    early_store(tmp_path)
    given: list[dict[str, str]] = [
        {"from": BEN, "body": "M88 Bring three results and ask for a number."},
        {"from": ANA, "body": "What if they say no?"},
        {"wait": "2d"},
    ]
    lines = "\n".join(map(json.dumps, given)) + "\n"
    out = fine("play", "--json", "--data", tmp_path, "--start", "2026-03-03T18:05:00Z", given=lines)
    texts = [(line["to"], line["text_id"]) for line in map(json.loads, out.splitlines()) if "text_id" in line]
    assert texts == [
        (BEN, "answer.thanks"),
        (ANA, "advice.first"),
        (BEN, "thread.asks"),
        (CAM, "offer.over"),
        (BEN, "offer.over"),
        (ANA, "request.ended"),
    ]
