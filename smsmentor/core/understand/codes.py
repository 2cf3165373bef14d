"""The short names of requests, such as `K48`: a letter, digits, and a Damm check digit over all of them.

A slip is refused and never reaches a stranger: any one wrong digit, two digits swapped, or a letter taken for
its neighbour on a keyboard or a phone's key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

LETTERS = "ABCDEFGHJKMNPQRTUVWXY"
"""Without I, L, O, S and Z, which are read as digits."""

_DIGIT_OF = dict(zip("QWERTYUPADFGHJKXCVBNM", "012345695789012901234", strict=True))
"""21 letters share 10 digits: spread so that letters beside each other on a keyboard or a keypad differ."""

# A totally anti-symmetric quasigroup of order 10 (H. M. Damm, 2004): finds all single errors and adjacent swaps.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)

_AT_START = re.compile(
    r"[\s\"'(\[#]*([A-Za-z])([\s.\-]{0,2})(\d{2,4}|\d(?:[ .\-]?\d){1,3})(?!\w)([\s:,;.\-)\]\"'>]*)(.*)", re.DOTALL
)
"""Digits that stand together are the code: `K43 3 things` is K43."""
_WORDS = frozenset("AEUY")
"""Letters that are a word or begin a sentence with a number, in a language of ours: `A 10 minute walk`, `Y 20 dias`."""


class Coded(NamedTuple):
    """A code-like word at the start of a text, in its printed form, and what follows it."""

    code: str
    rest: str
    tight: bool
    """Letter and digits stood together: a spaced form (`A 10 minute walk`) may be ordinary words."""
    plainly: bool
    """It can hardly be ordinary words: it stood together, or its letter is no word, or a colon follows."""


def check_digit(letter: str, digits: str) -> str:
    """The Damm digit over the letter's digit and the digits."""
    interim = 0
    for digit in _DIGIT_OF[letter] + digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def valid(code: str) -> bool:
    """Whether a code in its printed form has the right check digit."""
    return (
        3 <= len(code) <= 5
        and code[0] in LETTERS
        and code[1:].isdecimal()
        and check_digit(code[0], code[1:-1]) == code[-1]
    )


def read(text: str) -> Coded | None:
    """A code-like word at the start of a text: `k43 : hi` gives `("K43", "hi", True, True)`.

    The code need not be valid or known: the caller answers for a mistyped one. None when the text does not
    begin with something of a code's shape.
    """
    found = _AT_START.match(text)
    if not found:
        return None
    letter, gap, digits, signs, rest = found.groups()
    together = digits.isdecimal()
    if not (together and digits.isascii()):  # figures of another width or script are figures
        digits = "".join([str(int(sign)) for sign in digits if sign.isdecimal()])
    code = letter.upper() + digits
    plainly = together and (not gap or letter.upper() not in _WORDS or ":" in signs)
    return Coded(code, rest.strip(), not gap and together, plainly)


def new(seed: str, taken: Callable[[str], bool], in_use: Callable[[int], int]) -> str:
    """A free code, the same for the same seed and state.

    `in_use(length)` counts the codes of that length; when more than half of the short ones are in use, codes
    get one more digit, so that a free one is always found soon and a guess rarely hits.
    """
    length = 1
    while in_use(length + 2) > len(LETTERS) * 10**length // 2:
        length += 1
    room = len(LETTERS) * 10**length
    place = int.from_bytes(blake2b(seed.encode(), digest_size=8).digest()) % room
    for step in range(room):
        index, digits = divmod((place + step * 7919) % room, 10**length)
        body = f"{digits:0{length}d}"
        code = LETTERS[index] + body + check_digit(LETTERS[index], body)
        if not taken(code):
            return code
    raise AssertionError("more than half were free")
