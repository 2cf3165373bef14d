"""What people see as one character: never split when a text is cut or counted (Unicode, UAX 29).

A letter with its accents, a family or a flag of emoji, a Hangul syllable. The rule reads the classes of the standard
from the general categories; held against the standard's own tables it differs only where marks of one script stand on
letters of another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

JOINER = "\u200d"
LINKERS = "\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d"
"""Marks that tie an Indic consonant to the next one."""
LONGEST = 32
"""Code points that are kept together at most: a longer heap of accents is nobody's letter."""


def boundary(text: str, place: int) -> int:
    """The last place up to `place`, but not the beginning, where a text may be cut; else `place` itself."""
    for back in range(place, max(place - LONGEST, 0), -1):
        if back >= len(text) or not _joined(text, back):
            return back
    return place


def clusters(text: str) -> Iterator[str]:
    """A text in what people see as single characters."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not _joined(text, place) or place - start >= LONGEST:
            yield text[start:place]
            start = place


def simple(text: str) -> bool:
    """Whether each character stands by itself, as far as can be seen quickly."""
    return text.isascii() or not any(map(_may_join, set(text)))


def _may_join(char: str) -> bool:
    return char == JOINER or _extends(char) or _flag_letter(char) or bool(_hangul(char))


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and at `place` belong together."""
    before, char = text[place - 1], text[place]
    if before == "\r":
        return char == "\n"
    if before not in "\u200c\u200d" and unicodedata.category(before) in ("Cc", "Cf", "Zl", "Zp"):
        return before >= "\U000e0020" and _extends(char)
    if char == JOINER or _extends(char):
        return True
    if before in LINKERS:
        return unicodedata.category(char) == "Lo" and "\u0900" <= char <= "\u0d7f"
    if before == JOINER:
        return _pictograph(char) and _pictograph(_before_joiner(text, place - 1))
    if _flag_letter(char) and _flag_letter(before):
        return _flag_letters_before(text, place) % 2 == 1
    return (_hangul(before), _hangul(char)) in SYLLABLES


def _extends(char: str) -> bool:
    """Accents, vowel signs, variation selectors, skin tones, and the tags of regional flags."""
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
        or char in "\u200c\uff9e\uff9f\u0e33\u0eb3"
    )


def _pictograph(char: str) -> bool:
    return unicodedata.category(char) in ("So", "Sm", "Po", "Pd", "Cn") and char > "\x7f"


def _before_joiner(text: str, place: int) -> str:
    """The character that a joiner at `place` hangs on, past its selectors and skin tone."""
    back = place - 1
    while back > 0 and _extends(text[back]):
        back -= 1
    return text[back] if back >= 0 else " "


def _flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_letters_before(text: str, place: int) -> int:
    count = 0
    while count < place and _flag_letter(text[place - 1 - count]):
        count += 1
    return count


SYLLABLES = {
    ("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"), ("V", "V"), ("V", "T"), ("LV", "V"), ("LV", "T"),
    ("LVT", "T"), ("T", "T"),
}  # fmt: skip
"""Which parts of a Hangul syllable go on."""


def _hangul(char: str) -> str:
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    if "\uac00" <= char <= "\ud7a3":
        return "LV" if (ord(char) - 0xAC00) % 28 == 0 else "LVT"
    return ""
