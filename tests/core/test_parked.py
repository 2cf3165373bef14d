"""What people whose number was given up are called in a list."""

from __future__ import annotations

from datetime import UTC, datetime

from smsmentor.core.model import Member
from smsmentor.core.parked import called, names


def test_an_alias_that_two_have_names_neither() -> None:
    joined = datetime(2026, 3, 3, tzinfo=UTC)
    found = [
        Member(f"m-{end}", f"+1212555{end}", joined, alias=alias)
        for end, alias in (("0101", "Ana"), ("0102", "ana"), ("0103", "Ben"), ("0104", ""))
    ]
    assert list(names(found).values()) == ["0101", "0102", "Ben", "0104"]
    assert called(found, "ana") is None
    assert called(found, " ben.") == found[2]
    assert called(found, "0102") == found[1]
