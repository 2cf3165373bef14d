"""Two clean forms of a text from a phone: one to compare with, one to pass on."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from string import ascii_lowercase

# Look-alikes that cost nothing in meaning but would turn a GSM-7 text (160 characters a segment)
# into a UCS-2 one (70 characters), see 3GPP TS 23.038, section 6.2.1.
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ´`＇", "'"),
        **dict.fromkeys("“”„‟″«»＂", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•·‣", "-"),
        "‹": "<",
        "›": ">",
        "…": "...",
        "×": "x",
        "⁄": "/",
    }
)

# Letters of other alphabets that nobody tells from Latin ones on a phone (Unicode Technical Standard 39). Some look so
# as capitals only, and a name may be written in these.
_LOOKS_LATIN = str.maketrans(
    {
        **dict.fromkeys("аαɑ", "a"),
        **dict.fromkeys("вβ", "b"),
        **dict.fromkeys("сϲ", "c"),
        **dict.fromkeys("ԁ", "d"),
        **dict.fromkeys("еёεє", "e"),
        **dict.fromkeys("ɡ", "g"),
        **dict.fromkeys("һнη", "h"),
        **dict.fromkeys("іїιı", "i"),
        **dict.fromkeys("ј", "j"),
        **dict.fromkeys("кκ", "k"),
        **dict.fromkeys("ӏ", "l"),
        **dict.fromkeys("мμ", "m"),
        **dict.fromkeys("п", "n"),
        **dict.fromkeys("оοσ", "o"),
        **dict.fromkeys("рρ", "p"),
        **dict.fromkeys("ԛ", "q"),
        **dict.fromkeys("ѕ", "s"),
        **dict.fromkeys("тτ", "t"),
        **dict.fromkeys("υ", "u"),
        **dict.fromkeys("ѵν", "v"),
        **dict.fromkeys("ԝω", "w"),
        **dict.fromkeys("хχ", "x"),
        **dict.fromkeys("уүγ", "y"),
        **dict.fromkeys("ζ", "z"),
    }
)

# Kept in relayed text: they shape emoji and some scripts, and cannot reorder or hide words.
_JOINERS = "\u200c\u200d"

_SPACES = re.compile(r"\s+")
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_WORD = re.compile(r"[^\W_]+")
# No letter of a language bears more of these than four; heaps of them cover the lines around.
_MARK = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_HEAP = re.compile(f"({_MARK}{{4}}){_MARK}+")
_ASCII_WORDS = bytes(c if chr(c).isalnum() else ord(" ") for c in range(128)).ljust(256)


@lru_cache(maxsize=64)
def plain(text: str) -> str:
    """The text as we compare it: NFKC, nothing invisible, straight quotes, single spaces, lower case.

    Remembered for a moment: each recogniser asks for it.
    """
    if text.isascii() and text.isprintable():  # most texts: of all the rest only the backtick concerns them
        return " ".join(text.replace("`", "'").split()).lower()
    folded = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY)).translate(_TYPOGRAPHY)
    seen = folded if _all_seen(folded) else "".join(map(_seen, folded))
    return _SPACES.sub(" ", seen).strip().lower()


def as_it_looks(text: str) -> str:
    """A name in the Latin letters that it looks like: small ones, whatever alphabet they were taken from."""
    return text if text.isascii() else plain(text).translate(_LOOKS_LATIN)


def runs(text: str) -> list[str]:
    """The runs of letters and digits in a text."""
    if text.isascii():  # three times as fast as the pattern
        return text.encode().translate(_ASCII_WORDS).decode().split()
    return _WORD.findall(text)


def relay_text(text: str) -> str:
    """The text as we pass it on: one line, letters and emoji untouched, nothing that XML 1.0 forbids
    (section 2.2), nothing that reorders, hides or covers words, typography in GSM-7 where a look-alike exists."""
    if text.isascii() and text.isprintable():
        return " ".join(text.replace("`", "'").split())
    composed = unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)
    if not _all_seen(composed):
        composed = "".join(c if c in _JOINERS or c == "\ufe0f" else _seen(c) for c in composed)
    return _SPACES.sub(" ", _HEAP.sub(r"\1", composed)).strip()


def _all_seen(text: str) -> bool:
    """Whether `_seen` surely leaves every character as it is."""
    return text.isprintable() and not _SELECTORS.search(text)


def _seen(character: str) -> str:
    """The character, a space for white space and controls, nothing for what a reader cannot see."""
    if character.isprintable() and not "\ufe00" <= character <= "\ufe0f":
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    if category == "Co":
        return character
    return ""  # format, variation selector, surrogate, unassigned (XML-illegal FFFE and FFFF among them)


@lru_cache(maxsize=64)
def undrawn(text: str) -> str:
    """A text, as `plain` gives it, without letters that are drawn out: `holaaa` is `hola`.

    Remembered for a moment, as `plain` is.
    """
    if text.isascii():  # to look for each letter three times costs a fifth of a pattern that refers back
        for drawn in _DRAWN_ASCII:
            if drawn in text:
                break
        else:
            return text
    return _DRAWN.sub(r"\1", text)


_DRAWN = re.compile(r"([^\W\d_])\1{2,}")
_DRAWN_ASCII = tuple(3 * letter for letter in ascii_lowercase)
