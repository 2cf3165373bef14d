"""Records become plain documents that other programs can read, and come back as they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from smsmentor.core.model import RECORDS, Answer, Load, Member, Offer, Record, Request, Standing, Tally, Timer
from smsmentor.errors import StoreDamaged
from smsmentor.stores import records
from tests.contract.stores import NOW, SAMPLES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.TABLE)
def test_a_record_survives_plain_json(sample: Record) -> None:
    doc = json.loads(json.dumps(records.encode(sample)))
    assert doc == records.encode(sample) == json.loads(records.dumps(sample))
    assert records.decode(type(sample), doc) == sample


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001 - the zone is drawn beside it
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(-(2**63), 2**63),
    bool: st.booleans(),
    float: _NUMBERS,
    NoneType: st.none(),
    datetime: st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]), min_value=_EARLIEST),
    Any: st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | _NUMBERS | _TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
        max_leaves=4,
    ),
}


def _values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field with this annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, UnionType):
        return st.one_of(*map(_values, args))
    if origin is tuple:
        return st.lists(_values(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(args[0]), _values(args[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Struct):
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: _values(hints[name]) for name in hint.__struct_fields__})
    return _PLAIN[hint]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.TABLE)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_record_of_any_kind_survives_and_both_ways_of_writing_agree(
    kind: type[Record], data: st.DataObject
) -> None:
    record = data.draw(_values(kind))
    doc = records.encode(record)
    assert records.decode(kind, json.loads(json.dumps(doc))) == record
    assert records.load(records.dumps(record)) == doc


def test_a_number_of_any_length_comes_back_exact() -> None:
    tally = Tally("t", {"n": 2**70, "below": -(2**70)})
    assert records.loads(Tally, records.dumps(tally)) == tally


def test_a_document_shows_its_fields_as_they_are_named() -> None:
    doc = records.encode(Timer("lapse:r1", "lapse", "r1", NOW))
    assert doc == {"id": "lapse:r1", "kind": "lapse", "subject": "r1", "due": "2026-03-03T18:00:00Z", "v": 1}


def test_a_time_of_another_zone_is_kept_in_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert records.encode(Timer("t", "t", "t", east))["due"] == "2026-03-03T18:00:00Z"


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
        (
            Request,
            {
                "id": "r",
                "code": "K4",
                "mentee": "m",
                "question": "?",
                "opened": NOW.isoformat(),
                "answers": [{"letter": "A", "mentor": "n", "at": NOW.isoformat(), "rating": 4, "tried": "helped"}],
            },
            Request("r", "K4", "m", "?", NOW, answers=(Answer("A", "n", NOW, rating=4),)),
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
