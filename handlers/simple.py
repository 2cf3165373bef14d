"""Tells from the bytes of a connection whether a simple request has come, which no two readers could read in two ways.

Tornado reads HTTP as others may write it. This reads only what carriers and proxies do write, in few steps, and says of
anything else that it is not simple. Whatever is taken here Tornado would take too, with the same meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from handlers.head import is_host

LONGEST_HEAD = 8 * 1024
MOST_BYTES = 32 * 1024
"""Of head and body. The longest text in Twilio's form has 20,000."""

FORM = b"application/x-www-form-urlencoded"
PRINTABLE = bytes(range(0x20, 0x7F))

_TOLD = (b"content-length", b"x-twilio-signature", b"content-type", b"host", b"connection")
_ODD = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"te", b"trailer", b"keep-alive"))
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")


class Not(Enum):
    """Why there is no simple request."""

    YET = auto()
    """It may become one with more bytes."""
    SIMPLE = auto()
    """Whatever comes, it is none."""


class Request(NamedTuple):
    """A simple request: a form posted to `path`."""

    path: str
    signature: str
    body: bytes
    size: int
    """How many of the bytes are its."""


def first_line(path: str) -> bytes:
    """How a simple request for a path begins."""
    return f"POST {path} HTTP/1.1".encode()


def read(data: bytes, paths: Mapping[bytes, str]) -> Request | Not:
    """The request with which `data` begins. `paths` has the paths that are served, by their `first_line`."""
    first = data.find(b"\r\n")
    if first < 0:
        begun = data.removesuffix(b"\r")
        return Not.YET if any(line.startswith(begun) for line in paths) else Not.SIMPLE
    path = paths.get(data[:first])
    if path is None:
        return Not.SIMPLE
    end = data.find(b"\r\n\r\n", first)
    if end < 0:
        plain = data.count(b"\n") == data.count(b"\r\n")
        return Not.YET if plain and len(data) < LONGEST_HEAD else Not.SIMPLE
    found = _fields(data[first + 2 : end])
    if found is None:
        return Not.SIMPLE
    signature, length = found
    size = end + 4 + length
    if len(data) < size:
        return Not.YET if size <= MOST_BYTES else Not.SIMPLE
    return Request(path, signature, data[end + 4 : size], size)


def _fields(head: bytes) -> tuple[str, int] | None:
    """Signature and length of a head in which all is as it should be."""
    lines = head.split(b"\r\n")
    if len(head) > LONGEST_HEAD or len(head.translate(None, PRINTABLE)) != 2 * (len(lines) - 1):
        return None
    try:
        fields = dict([line.split(b": ", 1) for line in lines])
    except ValueError:
        return None
    names = _names(tuple(fields)) if len(fields) == len(lines) else None
    if names is None:
        return None
    length, signature, kind, host, connection = map(fields.get, names)
    if length is None or signature is None or kind is None or host is None:
        return None
    if not length.isdigit() or len(length) > 5 or b" " in signature or not is_host(host):
        return None
    if kind != FORM and not kind.startswith(FORM + b";"):
        return None
    if connection is not None and connection.lower() != b"keep-alive":
        return None
    return signature.decode("ascii"), int(length)


@lru_cache(maxsize=64)
def _names(given: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
    """Of the names of all fields those that tell us something, as they were written or empty; None when any is odd.

    Who sends us texts writes the same names in the same order each time.
    """
    by_name = {name.lower(): name for name in given}
    odd = len(by_name) != len(given) or by_name.keys() & _ODD or not all(map(_NAME.fullmatch, given))
    return None if odd else tuple(by_name.get(name, b"") for name in _TOLD)
