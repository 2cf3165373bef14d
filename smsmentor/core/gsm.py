"""What a text costs on the air: its alphabet and its segments (3GPP TS 23.038)."""

from __future__ import annotations

from typing import Literal

from smsmentor.core.graphemes import boundary, clusters, simple

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Two septets each: an escape and the character."""

_GSM_7 = BASIC | EXTENDED

Encoding = Literal["GSM-7", "UCS-2"]

_PLAIN = b"\n !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$@_"
"""One septet each in both alphabets."""


def encoding(text: str) -> Encoding:
    """The alphabet that a carrier will use: one character outside GSM-7 turns the whole text into UCS-2."""
    return "GSM-7" if _is_plain(text) or _GSM_7.issuperset(text) else "UCS-2"


def _is_plain(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _PLAIN)


def segments(text: str) -> int:
    """How many segments a text is billed as; an empty one counts as one.

    One segment holds 160 septets or 70 UTF-16 units; each of several holds 153 or 67 (six bytes go to the
    header). A two-septet character or a surrogate pair is never split: it moves whole to the next segment. Twilio's
    calculator keeps whole what people see as one character; networks need not, but the dearer count is the safe one.
    """
    if _is_plain(text):
        return 1 if len(text) <= 160 else -(-len(text) // 153)
    if encoding(text) == "GSM-7":
        return _count([2 if c in EXTENDED else 1 for c in text], 160, 153)
    if simple(text):
        return _count([2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67)
    return _count([units(cluster) for cluster in clusters(text)], 70, 67)


def units(text: str) -> int:
    """The length of a text as carriers limit it: in UTF-16 units, two for most emoji."""
    return len(text) if text.isascii() else len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def fits_until(text: str, longest: int) -> int:
    """How many code points of a text fit into so many UTF-16 units; what people see as one character is never split."""
    if units(text) <= longest:
        return len(text)
    room = longest
    for place, c in enumerate(text):
        room -= 2 if ord(c) > 0xFFFF else 1
        if room < 0:
            return boundary(text, place)
    return len(text)


def _count(widths: list[int], single: int, joined: int) -> int:
    if sum(widths) <= single:
        return 1
    count, room = 1, joined
    for width in widths:
        if width > room:
            count, room = count + 1, joined
        room -= width
    return count
