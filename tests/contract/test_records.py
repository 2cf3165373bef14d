"""Records become plain documents that other programs can read, and come back as they were."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from smsmentor.core.model import Load, Member, Offer, Record, Request, Standing, Tally, Timer
from smsmentor.errors import StoreDamaged
from smsmentor.stores import records
from tests.contract.stores import NOW, SAMPLES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.TABLE)
def test_a_record_survives_plain_json(sample: Record) -> None:
    doc = json.loads(json.dumps(records.encode(sample)))
    assert doc == records.encode(sample) == json.loads(records.dumps(sample))
    assert records.decode(type(sample), doc) == sample


def test_a_document_shows_its_fields_as_they_are_named() -> None:
    doc = records.encode(Timer("lapse:r1", "lapse", "r1", NOW))
    assert doc == {"id": "lapse:r1", "kind": "lapse", "subject": "r1", "due": "2026-03-03T18:00:00+00:00", "v": 1}


def test_a_time_of_another_zone_is_kept_in_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert records.encode(Timer("t", "t", "t", east))["due"] == "2026-03-03T18:00:00+00:00"


@pytest.mark.parametrize(
    ("kind", "doc", "record"),
    [
        (Load, {"id": "m1", "silent": 2}, Load("m1", silent=2)),
        (Load, {"id": "m1", "of_tomorrow": [1]}, Load("m1")),
        (
            Request,
            {"id": "r", "code": "K4", "mentee": "m", "question": "?", "opened": NOW.isoformat()},
            Request("r", "K4", "m", "?", NOW),
        ),
        (
            Request,
            {
                "id": "r",
                "code": "K4",
                "mentee": "m",
                "question": "?",
                "opened": NOW.isoformat(),
                "answers": [],
                "x": 1,
                "v": 1,
            },
            Request("r", "K4", "m", "?", NOW),
        ),
    ],
)
def test_missing_fields_take_the_default_and_unknown_ones_are_left_out(
    kind: type[Record], doc: dict[str, Any], record: Record
) -> None:
    assert records.decode(kind, doc) == record


@pytest.mark.parametrize(
    ("kind", "doc"),
    [
        (Member, {"id": "m1"}),
        (Member, {"id": "m1", "phone": "+12025550101", "joined": "yesterday"}),
        (Member, {"id": "m1", "phone": "+12025550101", "joined": 5}),
        (Load, {"id": "m1", "asked": None}),
        (Load, {"id": "m1", "v": 2}),
        (Load, {"id": "m1", "v": "1"}),
        (Load, []),
    ],
)
def test_a_document_that_is_no_record_says_so(kind: type[Record], doc: Any) -> None:
    with pytest.raises(StoreDamaged, match=kind.TABLE):
        records.decode(kind, doc)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": NaN}'])
def test_a_stored_text_that_is_no_document_says_so(text: str) -> None:
    with pytest.raises(StoreDamaged):
        records.loads(Load, text)


@pytest.mark.parametrize(
    "record",
    [
        Timer("t", "t", "t", datetime(2026, 3, 3, 18, 0)),  # noqa: DTZ001 - a time without a zone is the point
        Standing("s", "m", "*", float("nan")),
        Standing("s", "m", "*", float("inf")),
        Tally("t", {"n": 2**64}),
        Tally("t", {"n": float("nan")}),
        Tally("t", {"deep": [{"at": NOW}]}),
        Tally("t", {1: 2}),  # type: ignore[dict-item]
        Tally("t", {"set": {1}}),
        Tally("\udcff", {}),
    ],
)
def test_what_json_would_change_silently_is_refused(record: Record) -> None:
    with pytest.raises((ValueError, TypeError)):
        records.dumps(record)


def test_a_document_of_an_older_version_goes_through_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        lambda doc: {**doc, "late": doc["note"]},
        lambda doc: {**doc, "late": doc["late"].upper()},
    ]
    monkeypatch.setitem(records.UPGRADES, "offers", steps)
    doc = {"id": "o", "request": "r", "mentor": "m", "made": NOW.isoformat(), "note": "yes", "v": 1}
    assert records.decode(Offer, doc).late == "YES"
    assert records.encode(Offer("o", "r", "m", NOW))["v"] == 3
    assert "v" in doc
    with pytest.raises(StoreDamaged, match="version 4"):
        records.decode(Offer, doc | {"v": 4})
