"""From a text to what it asks for: keywords with their grammar, small typos, digits, thin questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from smsmentor.core.normal import plain


class Call(NamedTuple):
    """A text that may call a command: it counts only when `rest` fits the command's grammar."""

    command: str
    rest: str
    """What follows the keyword, as it was written, without the separator."""
    shouted: bool
    """The keyword stood in capitals."""
    separated: bool
    """Punctuation stood between the keyword and the rest."""
    exact: bool
    """No typo was forgiven."""


_WORD = re.compile(r"\s*([^\W_]+)(\s*[^\w\s]*\s*)(.*)", re.DOTALL)
_DIGIT = re.compile(r"\W*([0-9])\W*")
_LETTERED = re.compile(r"\s*([A-Fa-f])\s*[:,;.)\-]\s*(\S.*)", re.DOTALL)


def calls(text: str, keywords: Mapping[str, str], common: Iterable[str] = ()) -> Iterator[Call]:
    """The commands that a text may call, best reading first: two-word keywords, the first word, its small typos."""
    found = _WORD.match(text)
    if not found:
        return
    word, gap, rest = found.groups()
    second = _WORD.match(rest)
    separated = bool(gap.strip()) and bool(rest.strip())
    if second and not separated:
        both = f"{plain(word)} {plain(second[1])}"
        if both in keywords:
            yield Call(keywords[both], second[3].strip(), word.isupper(), bool(second[2].strip()), True)
    first = plain(word)
    if first in keywords:
        yield Call(keywords[first], rest.strip(), word.isupper(), separated, True)
    elif (near := nearest(first, keywords, common)) is not None:
        yield Call(keywords[near], rest.strip(), word.isupper(), separated, False)


def nearest(word: str, keywords: Mapping[str, str], common: Iterable[str] = ()) -> str | None:
    """The one keyword that a mistyped word stands for: one slip, the same first letter, and no everyday word."""
    if len(word) < 3 or word in common:
        return None
    found = {
        keywords[keyword]: keyword
        for keyword in keywords
        if len(keyword) >= 4 and keyword[0] == word[0] and one_slip(word, keyword)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def one_slip(one: str, other: str) -> bool:
    """Whether two words differ by one letter put in, left out or changed, or by two neighbours swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]


def digit(text: str) -> str | None:
    """A text that is one digit, perhaps with punctuation around it."""
    found = _DIGIT.fullmatch(text)
    return found[1] if found else None


def digits(text: str, allowed: str) -> list[str] | None:
    """A text that is digits only (`3 4`, `A 3, B 4`, `34`), each of them allowed; None for anything else."""
    bare = re.sub(r"(?i)\b[a-f]\s*[:=-]?\s*(?=\d)", " ", text)
    if not re.fullmatch(r"[\s\d,;./&+]*(?:and|y)?[\s\d,;./&+]*", bare):
        return None
    found = re.findall(r"\d", bare)
    if not found or len(found) > 6 or any(d not in allowed for d in found):
        return None
    return found


def lettered(text: str) -> tuple[str, str] | None:
    """`B: text` as the letter and the text; None when a text does not begin so."""
    found = _LETTERED.match(text)
    return (found[1].upper(), found[2].strip()) if found else None


_THIN = re.compile(
    r"(?:(?:hi+|hey+|hello+|hallo|hola|yo|sup|good (?:morning|evening|afternoon)|buenas|buenos dias|there|all|team|"
    r"pls|please|por favor|ayuda|i|id|we|you|can|could|would|someone|somebody|anyone|anybody|like|need|want|looking|"
    r"for|a|an|un|una|the|to|get|some|any|is|this|mentor|mentors|mentoring|advice|help|question|ask|test|testing|"
    r"me|my|have|got|one|quick|so|um|ok|okay|thanks|thx|new|here|join|start|info|necesito|quiero|una pregunta|"
    r"consejo|tengo|pregunta|que tal|working|work|work\?|with|hey there)\W*)+"
)


def thin(text: str) -> bool:
    """Whether a first text is too thin to answer: a greeting, a bare wish for a mentor, a word or two."""
    bare = plain(text)
    words = re.findall(r"\w+", bare)
    if len(words) <= 1:
        return True
    if len(words) == 2 and "?" not in bare:
        return True
    return len(words) <= 9 and _THIN.fullmatch(bare) is not None
