"""Reads the forms that carriers send, fast: names and values to the byte as Tornado reads them, or not at all."""

from __future__ import annotations

from binascii import a2b_qp
from functools import lru_cache

MOST_FIELDS = 100
"""Twilio sends some 25; Tornado takes 1,000."""


def read_form(body: bytes) -> dict[str, list[bytes]] | None:
    """A form in which each name comes once and all is written as it should be; None for any other, good or bad."""
    if not body or b"\n" in body or b"\r" in body:  # `a2b_qp` takes line ends after a percent sign away
        return None
    fields = body.replace(b"+", b" ").split(b"&")
    if len(fields) > MOST_FIELDS:
        return None
    try:
        values = dict([field.split(b"=") for field in fields])
        names = _names(tuple(values))
        if len(names) != len(fields):
            return None
        return {
            name: [_decoded(value) if b"%" in value else value]
            for name, value in zip(names, values.values(), strict=True)
        }
    except ValueError:
        return None


def _decoded(value: bytes) -> bytes:
    """Each %XX as its byte. With `=` for `%` it is quoted-printable, which the library reads without a loop in Python.

    It leaves what is no escape as it is or drops it, and so gives more than a byte for each three.
    """
    plain = a2b_qp(value.replace(b"%", b"="))
    if len(plain) != len(value) - 2 * value.count(b"%"):
        raise ValueError("a percent sign without two hexadecimal digits")
    return plain


@lru_cache(maxsize=64)
def _names(names: tuple[bytes, ...]) -> tuple[str, ...]:
    """A carrier writes the same names in the same order each time."""
    if any(b"%" in name for name in names):
        raise ValueError("an unusual name")
    return tuple([name.decode("latin-1") for name in names])
