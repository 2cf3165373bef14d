"""Records to plain JSON documents and back: the shape that every store keeps and every export shows.

A document holds each field of its record by name, and `v`, the version of its shape. Times are ISO 8601 text in UTC,
tuples are lists, nested records are objects. A field that a document lacks takes the record's default, and one that
the record does not know is left out, so that older and newer programs can read each other's files. What a field holds
must be of its type: msgspec, which writes and reads them, says where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from smsmentor.core.model import Record
from smsmentor.errors import StoreDamaged

R = TypeVar("R", bound=Record)
Doc = dict[str, Any]
Upgrade = Callable[[Doc], Doc]

UPGRADES: dict[str, Sequence[Upgrade]] = {}
"""By table: the nth function makes a document of version n + 1 out of one of version n.

A record class whose fields or index keys change in a way that a default cannot bridge gets a function here; stores see
by the version that their key columns have to be filled again.
"""

_FIRST = ',"v":1}'
"""The end of a document of the first version."""
_ENCODER = msgspec.json.Encoder()


def version(kind: type[Record]) -> int:
    """The version that documents of this kind are written with."""
    return 1 + len(UPGRADES.get(kind.TABLE, ()))


def encode(record: Record) -> Doc:
    """The plain JSON document of a record. Raises ValueError or TypeError for what JSON cannot hold."""
    return load(dumps(record))


def decode(kind: type[R], doc: Mapping[str, Any]) -> R:
    """The record of a document. Raises StoreDamaged, naming the document, when it is not one of this kind.

    A document without a version was written by hand and is taken to have today's shape.
    """
    try:
        current = version(kind)
        if (written := doc.get("v", current)) != current:
            doc = _upgraded(kind, doc, written)
        record: R = msgspec.convert(doc, kind)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        where = f"{kind.TABLE} {doc.get('id', 'without an id')}" if isinstance(doc, Mapping) else kind.TABLE
        raise StoreDamaged(f"{where}: not readable as {kind.__name__} ({type(problem).__name__}: {problem})") from None
    return record


def dumps(record: Record) -> str:
    """The stored text of a record. Raises ValueError or TypeError for what JSON cannot hold."""
    return written(record)[0]


def written(record: Record) -> tuple[str, bool]:
    """The stored text of a record, and whether reading it gives the very same: times in UTC, no free values."""
    kind = type(record)
    way = _way(kind)
    plain = way.is_plain(record)
    text = _ENCODER.encode(record if plain else _made_plain(record))
    end = _FIRST if kind.TABLE not in UPGRADES else f',"v":{version(kind)}}}'
    return text[:-1].decode() + end, plain and not way.free


def loads(kind: type[R], text: str) -> R:
    """The record of a stored text; StoreDamaged when it is none."""
    if text.endswith(_FIRST) and kind.TABLE not in UPGRADES:
        try:
            record: R = _way(kind).decoder.decode(text)
        except ValueError:
            pass  # it is read again, to say what is wrong with it
        else:
            return record
    return decode(kind, load(text))


def dump(doc: Mapping[str, Any]) -> str:
    """JSON text. What JSON would change silently, such as a time, raises TypeError or ValueError."""
    return _ENCODER.encode(_json_value(doc)).decode()


def load(text: str) -> Doc:
    """The document of a stored text; StoreDamaged when it is none."""
    try:
        doc = msgspec.json.decode(text)
    except ValueError as problem:
        raise StoreDamaged(f"a stored document is not JSON ({problem})") from None
    if not isinstance(doc, dict):
        raise StoreDamaged("a stored document is not a JSON object")
    return doc


def _upgraded(kind: type[Record], doc: Mapping[str, Any], written: Any) -> Doc:
    current = version(kind)
    if type(written) is not int or not 1 <= written <= current:
        raise ValueError(f"version {written!r}; this program knows 1 to {current}")
    upgraded = dict(doc)
    for step in UPGRADES[kind.TABLE][written - 1 :]:
        upgraded = step(upgraded)
    return upgraded


# The encoder writes a time of any zone or of none, and NaN as null. So each record is looked at first.


class _Way(NamedTuple):
    """How records of one class are written and read."""

    is_plain: Callable[[Any], bool]
    """Whether JSON holds each value of a record as it is."""
    free: bool
    """It has a free value, in which a tuple is read back as a list."""
    decoder: msgspec.json.Decoder[Any]


_SIMPLE = frozenset((str, int, bool, NoneType))
_NAMES = frozenset((str,))


@cache
def _way(kind: type[Any]) -> _Way:
    hints = get_type_hints(kind)
    fields = {name: hints[name] for name in kind.__struct_fields__}
    free = any(get_origin(hint) is dict for hint in fields.values())
    is_plain = _plain_test({name: _plainness(hint) for name, hint in fields.items()})
    return _Way(is_plain, free, msgspec.json.Decoder(kind))


def _plain_test(tests: Mapping[str, Callable[[Any], bool] | None]) -> Callable[[Any], bool]:
    """One function of the tests of all fields, written out: each record that is saved goes through it."""
    space: dict[str, Any] = {"UTC": UTC}
    lines = ["def is_plain(record):"]
    for number, (name, test) in enumerate(tests.items()):
        if test is _is_utc:
            lines += [
                f"    at = record.{name}",
                "    if at is not None and at.tzinfo is not UTC:",
                "        return False",
            ]
        elif test is not None:
            space[f"test{number}"] = test
            lines += [f"    if not test{number}(record.{name}):", "        return False"]
    exec("\n".join([*lines, "    return True"]), space)
    is_plain: Callable[[Any], bool] = space["is_plain"]
    return is_plain


def _plainness(hint: Any) -> Callable[[Any], bool] | None:
    """A test of a field's value for `is_plain`; None when every value of this annotation is."""
    origin = get_origin(hint)
    if hint is datetime:
        return _is_utc
    if hint is float:
        return math.isfinite
    if origin is dict:
        return lambda value: _is_simple(value) or _json_value(value) is not None
    if origin in (Union, UnionType, tuple):
        part = _plainness(get_args(hint)[0])
        if part is None:
            return None
        if origin is tuple:
            return lambda values: all(part(value) for value in values)
        return part if part is _is_utc else lambda value: value is None or part(value)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _way(hint).is_plain
    return None


def _is_simple(value: Mapping[str, Any]) -> bool:
    """Whether a free value is names and words or whole numbers, as most are."""
    return _SIMPLE.issuperset(map(type, value.values())) and _NAMES.issuperset(map(type, value))


def _is_utc(at: datetime | None) -> bool:
    return at is None or at.tzinfo is UTC


def _made_plain(value: Any) -> Any:
    """A record or a part of it with all times in UTC. Raises ValueError or TypeError for what JSON cannot hold."""
    if isinstance(value, Struct):
        return replace(value, **{name: _made_plain(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC)
    return tuple(map(_made_plain, value)) if isinstance(value, tuple) else _json_value(value)


def _json_value(value: Any) -> Any:
    """A free value as it will be read back: tuples as lists, nothing that JSON would change silently."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be kept")
        return value
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("only text can name a value that is kept")
        return {key: _json_value(item) for key, item in value.items()}
    raise TypeError(f"a {type(value).__name__} cannot be kept")
