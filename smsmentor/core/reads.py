"""What the core needs of a store's reader: the shape of `smsmentor.ports.Reader`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from smsmentor.core.model import Record

R = TypeVar("R", bound=Record)


class Reads(Protocol):
    """Reads records; a turn is one too, and sees its own writes."""

    def get(self, kind: type[R], id: str) -> R | None: ...
    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]: ...
    def count(self, kind: type[Record], index: str, value: str) -> int: ...
