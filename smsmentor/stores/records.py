"""Records to plain JSON documents and back: the shape that every store keeps and every export shows.

A document holds each field of its record by name, and `v`, the version of its shape. Times are ISO 8601 text in UTC,
tuples are lists, nested records are objects. A field that a document lacks takes the record's default, and one that
the record does not know is left out, so that older and newer programs can read each other's files.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from smsmentor.core.model import Record
from smsmentor.errors import StoreDamaged

R = TypeVar("R", bound=Record)
Doc = dict[str, Any]
Turn = Callable[[Any], Any]
Upgrade = Callable[[Doc], Doc]

UPGRADES: dict[str, Sequence[Upgrade]] = {}
"""By table: the nth function makes a document of version n + 1 out of one of version n.

A record class whose fields or index keys change in a way that a default cannot bridge gets a function here; stores see
by the version that their key columns have to be filled again.
"""


def version(kind: type[Record]) -> int:
    """The version that documents of this kind are written with."""
    return 1 + len(UPGRADES.get(kind.TABLE, ()))


def encode(record: Record) -> Doc:
    """The plain JSON document of a record. Raises ValueError or TypeError for what JSON cannot hold."""
    codec = _codec(type(record))
    doc = codec.encode(record)
    doc["v"] = version(type(record))
    return doc


def decode(kind: type[R], doc: Mapping[str, Any]) -> R:
    """The record of a document. Raises StoreDamaged, naming the document, when it is not one of this kind.

    A document without a version was written by hand and is taken to have today's shape.
    """
    try:
        current = version(kind)
        if (written := doc.get("v", current)) != current:
            doc = _upgraded(kind, doc, written)
        record: R = _codec(kind).decode(doc)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        where = f"{kind.TABLE} {doc.get('id', 'without an id')}" if isinstance(doc, Mapping) else kind.TABLE
        raise StoreDamaged(f"{where}: not readable as {kind.__name__} ({type(problem).__name__}: {problem})") from None
    return record


def dumps(record: Record) -> str:
    """The stored text of a record: `dump(encode(record))`, by a way that takes half the time."""
    return written(record)[0]


def written(record: Record) -> tuple[str, bool]:
    """The stored text of a record, and whether reading it gives the very same: times in UTC, no free values."""
    kind = type(record)
    codec = _CODECS.get(kind) or _codec(kind)
    text = codec.write(record, version(kind))
    return (dump(encode(record)), False) if text is None else (text, not codec.free)


def dump(doc: Mapping[str, Any]) -> str:
    """JSON text. A time that slipped through raises TypeError instead of turning into text silently."""
    return orjson.dumps(doc, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS).decode()


def loads(kind: type[R], text: str) -> R:
    """The record of a stored text; StoreDamaged when it is none."""
    return decode(kind, load(text))


def load(text: str) -> Doc:
    """The document of a stored text; StoreDamaged when it is none."""
    try:
        doc = orjson.loads(text)
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


class _Codec:
    """What turns one class: the way of each field, found once from its annotations."""

    __slots__ = (
        "_decoders", "_defaults", "_encoders", "_kind", "_names", "_values", "_wanted", "free", "is_plain", "write",
    )  # fmt: skip

    def __init__(self, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        known = fields(kind)
        self.free = any(get_origin(hints[f.name]) is dict for f in known)
        """A tuple in a free value is read back as a list."""
        self._kind = kind
        self._names = tuple(f.name for f in known)
        self._values = _getter(operator.attrgetter, self._names)
        self._wanted = _getter(operator.itemgetter, self._names)
        self._defaults = {f.name: f for f in known if not _required(f)}
        ways = [(at, _way(hints[f.name])) for at, f in enumerate(known)]
        self._encoders = [(self._names[at], way[0]) for at, way in ways if way is not None]
        self._decoders = [(at, way[1]) for at, way in ways if way is not None]
        self.is_plain, self.write = _written_out({f.name: _plainness(hints[f.name]) for f in known})

    def encode(self, record: Any) -> Doc:
        doc: Doc = dict(zip(self._names, self._values(record), strict=True))
        for name, turn in self._encoders:
            doc[name] = turn(doc[name])
        return doc

    def decode(self, doc: Mapping[str, Any]) -> Any:
        try:
            values = list(self._wanted(doc))
        except KeyError:
            doc = {name: _default(f) for name, f in self._written_defaults(doc)} | dict(doc)
            values = list(self._wanted(doc))
        for at, turn in self._decoders:
            values[at] = turn(values[at])
        return self._kind(*values)

    def _written_defaults(self, doc: Mapping[str, Any]) -> list[tuple[str, Field[Any]]]:
        return [(name, f) for name, f in self._defaults.items() if name not in doc]


def _written_out(
    tests: Mapping[str, Callable[[Any], bool] | None],
) -> tuple[Callable[[Any], bool], Callable[[Any, int], str | None]]:
    """Functions for one class as plain code, because each record that is saved goes through them.

    The first tells whether JSON holds each value of a record as it is, by the `tests` of its fields; the second gives
    such a record's text, and None for any other: the encoder would change some of its values silently.
    """
    space: dict[str, Any] = {"UTC": UTC, "dumps": orjson.dumps}
    lines = []
    for number, (name, test) in enumerate(tests.items()):
        if test is _is_utc:
            lines += [
                f"    at = record.{name}",
                "    if at is not None and at.tzinfo is not UTC:",
                "        return {no}",
            ]
        elif test is not None:
            space[f"test{number}"] = test
            lines += [f"    if not test{number}(record.{name}):", "        return {no}"]
    values = ", ".join(f'"{name}": record.{name}' for name in tests)
    source = [
        "def is_plain(record):",
        *(line.replace("{no}", "False") for line in lines),
        "    return True",
        "def write(record, version):",
        *(line.replace("{no}", "None") for line in lines),
        f'    return dumps({{{values}, "v": version}}).decode()',
    ]
    exec("\n".join(source), space)
    return space["is_plain"], space["write"]


def _getter(make: Callable[..., Callable[[Any], Any]], names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """`attrgetter` and `itemgetter` give a tuple only for two names and more."""
    if not names:
        return lambda _source: ()
    get = make(*names)
    return get if len(names) > 1 else lambda source: (get(source),)


def _required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _default(f: Field[Any]) -> Any:
    """A default as a document would hold it, so that one path decodes both."""
    if f.default_factory is not MISSING:
        return _plain_default(f.default_factory())
    return _plain_default(f.default)


def _plain_default(value: Any) -> Any:
    if isinstance(value, datetime):
        return _time_to_text(value)
    if isinstance(value, tuple):
        return [_plain_default(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _codec(type(value)).encode(value)
    return value


_CODECS: dict[type[Any], _Codec] = {}
_SIMPLE = frozenset((str, int, bool, NoneType))
_NAMES = frozenset((str,))


def _codec(kind: type[Any]) -> _Codec:
    codec = _CODECS.get(kind)
    if codec is None:
        codec = _CODECS[kind] = _Codec(kind)
    return codec


def _way(hint: Any) -> tuple[Turn, Turn] | None:
    """How a field of this annotation goes to JSON and back; None when it is JSON already."""
    origin = get_origin(hint)
    if hint in (str, int, bool) or hint is NoneType or origin is Literal:
        return None
    if hint is float:
        return _finite, _same
    if hint is datetime:
        return _time_to_text, datetime.fromisoformat
    if origin in (Union, UnionType):
        return _optional_way(hint)
    if origin is tuple:
        return _tuple_way(hint)
    if origin is dict:
        return _json_value, _same
    if isinstance(hint, type) and is_dataclass(hint):
        codec = _codec(hint)
        return codec.encode, codec.decode
    raise TypeError(f"no way to keep a field of type {hint}")


def _optional_way(hint: Any) -> tuple[Turn, Turn] | None:
    inner = [part for part in get_args(hint) if part is not NoneType]
    if len(inner) != 1:
        raise TypeError(f"no way to keep a field of type {hint}")
    way = _way(inner[0])
    if way is None:
        return None
    to_json, from_json = way
    return (
        lambda value: None if value is None else to_json(value),
        lambda value: None if value is None else from_json(value),
    )


def _tuple_way(hint: Any) -> tuple[Turn, Turn]:
    item, *rest = get_args(hint)
    if rest != [Ellipsis]:
        raise TypeError(f"no way to keep a field of type {hint}")
    way = _way(item)
    if way is None:
        return list, tuple
    to_json, from_json = way
    return (
        lambda values: [to_json(value) for value in values],
        lambda values: tuple([from_json(value) for value in values]),
    )


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
    if isinstance(hint, type) and is_dataclass(hint):
        return _codec(hint).is_plain
    return None


def _is_simple(value: Mapping[str, Any]) -> bool:
    """Whether a free value is names and words or whole numbers, as most are."""
    return _SIMPLE.issuperset(map(type, value.values())) and _NAMES.issuperset(map(type, value))


def _is_utc(at: datetime | None) -> bool:
    return at is None or at.tzinfo is UTC


def _same(value: Any) -> Any:
    return value


def _finite(value: float) -> float:
    """JSON has no NaN or infinity, and the encoder would write them as null."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be kept")
    return value


def _time_to_text(at: datetime) -> str:
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no time zone")
        at = at.astimezone(UTC)
    return at.isoformat()


def _json_value(value: Any) -> Any:
    """A free value as it will be read back: tuples as lists, nothing that JSON would change silently."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("only text can name a value that is kept")
        return {key: _json_value(item) for key, item in value.items()}
    raise TypeError(f"a {type(value).__name__} cannot be kept")
