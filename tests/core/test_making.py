"""A record never changes: `replace` makes the next one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smsmentor.core.making import replace
from smsmentor.core.model import RECORDS, Text

TEXT = Text("SM1", "m1", "hello", datetime(2026, 3, 3, tzinfo=UTC))


def test_a_changed_record_is_a_new_one() -> None:
    assert replace(TEXT, body="") == Text("SM1", "m1", "", TEXT.at) != TEXT
    assert TEXT.body == "hello"


def test_a_record_is_frozen() -> None:
    with pytest.raises(AttributeError):
        TEXT.body = ""  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        TEXT.other = 1  # type: ignore[attr-defined]


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError):
        replace(TEXT, words="")  # type: ignore[call-arg]


def test_every_record_is_frozen_and_none_is_the_garbage_collectors() -> None:
    assert all(kind.__struct_config__.frozen and not kind.__struct_config__.gc for kind in RECORDS)
