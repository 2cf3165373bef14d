"""Splits a text into plain words, takes their endings off, and says which slips of the thumb lead to a word."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

SHORTEST_REPAIR = 6

_WORD = re.compile(r"w/o?\b|#+[^\W_]*|[^\W_]+[+#]*")
_APOSTROPHES = str.maketrans("", "", "'’‘`´")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VOWEL = re.compile(r"[aeiouy]")
# A trade and who is in it: welder and welding, panadero and panaderia.
TRADE = re.compile("(?<=.{3})(?:ers?|ing)$|(?<=.{4})(?:ador(?:a|es|as)?|aduras?|er[oa]s?|erias?)$")
# Words whose short form is another word: tired is not tire, a meeting is not to meet.
_NO_ENDING = re.compile(
    "care|caring|plane|wine|note|rate|tired|site|meeting|opening|calling|wedding|nothing|something|anything|everything|being|bring|spring|building"
    "|boring|bored|speaking|feeling|evening|morning|stare|during|training|hundred|covered|leaves|thing|string"
)
_SPANISH_WHOLE = frozenset({"partido", "partidos", "casero", "casera"})  # no forms of parto and casar
_SPANISH_ENDING = re.compile(
    "(?<=.{4})(?:andome|iendome|andolo|aciones|iendo|ieron|aron|ando|[aei]rme|[aei]rse|arlo|erlo|arle|[aei]mos"
    "|aban|[ai]d[ao]s|abas|aba|[ai]d[ao]|ias|ian|ria|[aei]r|[ae]n|[aeo]s)$"
)


def words_of(text: str) -> list[str]:
    """The words of a text in plain small letters, without accents and stretched letters ("sooo")."""
    return [*map(unstretched, stretched_words(text))]


def stretched_words(text: str) -> list[str]:
    """The words of a text, which may still have stretched letters."""
    letters = text.casefold()
    if letters.isascii():
        letters = letters.replace("'", "").replace("`", "")
    else:
        decomposed = unicodedata.normalize("NFKD", letters.translate(_APOSTROPHES))
        letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    if "/" in letters:  # the one sign inside a word: "w/o"
        letters = unstretched(letters)
    return _WORD.findall(letters)


def unstretched(letters: str) -> str:
    return _STRETCHED.sub(r"\1", letters)


def slips(word: str) -> set[str]:
    """All spellings one letter away: left out, doubled, mistaken or swapped; the first letter is trusted."""
    if len(word) < SHORTEST_REPAIR - 1:
        return set()
    halves = [(word[:cut], word[cut:]) for cut in range(1, len(word) + 1)]
    left_out = {head + tail[1:] for head, tail in halves if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    mistaken = {head + letter + tail[1:] for head, tail in halves if tail for letter in _LETTERS}
    added = {head + letter + tail for head, tail in halves for letter in _LETTERS}
    return left_out | swapped | mistaken | added


@lru_cache(maxsize=4096)
def _english_stem(word: str) -> str:
    """The word without its commonest endings; rough, since the table's words go through the same mill."""
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if _NO_ENDING.fullmatch(word):
        return word
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and _VOWEL.search(word[: -len(ending)]):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


@lru_cache(maxsize=4096)
def _spanish_stem(word: str) -> str:
    """The word without plural, gender and the commonest verb endings."""
    if len(word) <= 4 or not word.isalpha() or word in _SPANISH_WHOLE:
        return word.removesuffix("s")
    shorter = _SPANISH_ENDING.sub("", word)
    if shorter != word:
        return shorter
    word = word[:-1] if word.endswith("s") else word
    return word[:-1] if word[-1] in "aeo" and len(word) > 3 else word


STEMMERS = {"en": _english_stem, "es": _spanish_stem}
