"""Records are made fast, and are what they would be without that."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest

from smsmentor.core.making import made_fast
from smsmentor.core.model import RECORDS, Record


@dataclass(frozen=True, slots=True)
class Plain(Record):
    """A record as Python makes it."""

    kind: str
    frozen: int = 0
    size: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Fast(Record):
    """The same, made fast."""

    kind: str
    frozen: int = 0
    size: tuple[int, ...] = ()


made_fast(Fast)


def test_a_record_made_fast_is_the_record() -> None:
    one, other = Plain("a", "b", size=(1,)), Fast("a", "b", size=(1,))
    assert type(other) is Fast
    assert [getattr(other, f.name) for f in fields(other)] == [getattr(one, f.name) for f in fields(one)]
    assert other == Fast("a", "b", 0, (1,)) != Fast("a", "c", 0, (1,))
    assert hash(other) == hash(Fast("a", "b", 0, (1,)))
    assert replace(other, kind="c") == Fast("a", "c", size=(1,))
    assert inspect.signature(Fast) == inspect.signature(Plain)


def test_a_record_made_fast_is_frozen() -> None:
    record = Fast("a", "b")
    with pytest.raises(FrozenInstanceError):
        record.kind = "c"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del record.kind
    with pytest.raises((AttributeError, TypeError)):
        record.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [(), ("a",), ("a", "b", 1, (), 2)])
def test_too_few_or_too_many_values_are_refused(wrong: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        Fast(*wrong)  # type: ignore[arg-type]


def test_every_record_is_made_fast() -> None:
    assert all("_draft" in kind.__init__.__code__.co_names for kind in RECORDS)
