"""Turns a text into tokens and says what each could mean as a time word, by the tables of one language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LIMIT = 160
"""Characters that are looked at: a time stands early, and a bound keeps every text cheap."""

_TOKEN = re.compile(r"\d+|[^\W\d_](?:'?[^\W\d_])*|\S")
_LIKE = str.maketrans("’‘`´ʼ–—−‐‑‒", "'''''------")
_SHORTEST_REPAIRED = 6


def plain(text: str) -> str:
    """The text in composed form, without invisible characters and shortened: what spans count in."""
    composed = unicodedata.normalize("NFC", text[: 4 * LIMIT])
    return "".join(c for c in composed if unicodedata.category(c) not in ("Cf", "Mn", "Me"))[:LIMIT]


def fold(text: str) -> str:
    """Small letters without accents, one character for each, so that positions stay."""
    return "".join(_fold_one(c) for c in text).translate(_LIKE)


def _fold_one(character: str) -> str:
    if character.isascii():
        return character.lower()
    if unicodedata.category(character) == "No" and unicodedata.numeric(character, 0.0) % 1:
        return character  # a half sign must not become its first digit
    return unicodedata.normalize("NFKD", character)[:1].lower()[:1] or " "


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int
    glued: bool
    """No space stands before it."""
    number: int | None
    """The value of a run of digits."""


def tokens_of(folded: str) -> list[Token]:
    found = []
    last_end = -1
    for match in _TOKEN.finditer(folded):
        word = match.group().replace("'", "") or "'"
        number = int(word) if word.isdecimal() else None
        found.append(Token(word, match.start(), match.end(), match.start() == last_end, number))
        last_end = match.end()
    return found


class Lexicon:
    """The phrases of one language's `[times]` table.

    Each sub-table is a key, each of its entries a value with its spellings: `weekday = {"0" = ["monday", ...]}`.
    The entries of `[times.link]` are keys of their own, because the grammar asks for each by name.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self._by_first: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        self._known: set[str] = set(table.get("never_repaired", ()))
        for key, value, spelling in _entries(table):
            words = tuple(token.text for token in tokens_of(fold(spelling)))
            self._by_first.setdefault(words[0], []).append((words, key, value))
            self._known.update(words)
        for phrases in self._by_first.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))
        self._repairable = [fold(word) for word in table.get("repaired", ())]

    def repair(self, word: str) -> str:
        """A time word of one slip (a letter missing, added, wrong or swapped), else the word itself."""
        if len(word) < _SHORTEST_REPAIRED - 1 or word in self._known or not word.isalpha():
            return word
        for right in self._repairable:
            if right[0] == word[0] and one_slip(word, right):
                return right
        return word

    def phrases(self, words: list[str], at: int) -> Iterator[tuple[str, str, int]]:
        """(key, value, words taken) of every phrase that starts here, the longest first."""
        for phrase, key, value in self._by_first.get(words[at], ()):
            if len(phrase) == 1 or tuple(words[at : at + len(phrase)]) == phrase:
                yield key, value, len(phrase)


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, entries in table.items():
        if not isinstance(entries, Mapping) or key in ("say", "window", "rule"):
            continue
        for value, spellings in entries.items():
            for spelling in spellings:
                yield (value if key == "link" else key), value, spelling


def one_slip(word: str, right: str) -> bool:
    """True for exactly one letter missing, added, wrong, or two neighbours swapped."""
    if abs(len(word) - len(right)) > 1 or word == right:
        return False
    same = 0
    while same < min(len(word), len(right)) and word[same] == right[same]:
        same += 1
    left, rest = word[same:], right[same:]
    return (
        left[1:] == rest[1:]
        or left[1:] == rest
        or left == rest[1:]
        or (left[:2] == rest[:2][::-1] and left[2:] == rest[2:])
    )


class Sentence:
    """The tokens of one text, and what each could begin in one language."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text = text
        self.lexicon = lexicon
        self.tokens = tokens_of(fold(text))
        words = [token.text if token.number is not None else lexicon.repair(token.text) for token in self.tokens]
        self._meanings: list[dict[str, tuple[str, int]]] = []
        for at in range(len(words)):
            meanings: dict[str, tuple[str, int]] = {}
            for key, value, taken in lexicon.phrases(words, at):
                meanings.setdefault(key, (value, at + taken))
            self._meanings.append(meanings)

    def __len__(self) -> int:
        return len(self.tokens)

    def has(self, at: int, key: str) -> tuple[str, int] | None:
        """The value and the position after it when a phrase of this key starts here."""
        return self._meanings[at].get(key) if 0 <= at < len(self._meanings) else None

    def after(self, at: int, *keys: str) -> int:
        """The position after one phrase of these keys, or the same position when there is none."""
        for key in keys:
            found = self.has(at, key)
            if found:
                return found[1]
        return at

    def known(self, at: int) -> bool:
        return 0 <= at < len(self._meanings) and bool(self._meanings[at])

    def token(self, at: int) -> Token | None:
        return self.tokens[at] if 0 <= at < len(self.tokens) else None

    def symbol(self, at: int, *texts: str) -> bool:
        return 0 <= at < len(self.tokens) and self.tokens[at].text in texts

    def digits(self, at: int) -> Token | None:
        token = self.token(at)
        return token if token is not None and token.number is not None else None

    def glued(self, at: int) -> bool:
        return 0 <= at < len(self.tokens) and self.tokens[at].glued

    def joined_digits(self, at: int, *marks: str) -> Token | None:
        """The digits that follow a mark with no space on either side, as in 15:30 or 5/12."""
        if self.symbol(at, *marks) and self.glued(at) and self.glued(at + 1):
            return self.digits(at + 1)
        return None

    def word_number(self, at: int) -> tuple[int, int] | None:
        """A number written as words, "twenty five" included."""
        found = self.has(at, "number")
        if found is None:
            return None
        value, after = int(found[0]), found[1]
        if value >= 20 and value % 10 == 0:
            ones_at = after + 1 if self.symbol(after, "-") else self.after(after, "tens_and")
            ones = self.has(ones_at, "number")
            if ones and 0 < int(ones[0]) < 10:
                return value + int(ones[0]), ones[1]
        return value, after

    def number(self, at: int) -> tuple[int, int] | None:
        """A whole number in digits or words."""
        token = self.digits(at)
        if token is not None and token.number is not None:
            return token.number, at + 1
        return self.word_number(at)

    def ordinal(self, at: int) -> tuple[int, int] | None:
        """12th, 1st, 1ro, twelfth, twenty-first."""
        token = self.digits(at)
        if token is not None and token.number is not None:
            suffix = self.has(at + 1, "ordinal_suffix")
            return (token.number, suffix[1]) if suffix and self.glued(at + 1) else None
        found = self.has(at, "ordinal")
        if found:
            return int(found[0]), found[1]
        tens = self.has(at, "number")
        if tens and int(tens[0]) in (20, 30):
            ones = self.has(tens[1] + 1 if self.symbol(tens[1], "-") else tens[1], "ordinal")
            if ones and int(ones[0]) < 10:
                return int(tens[0]) + int(ones[0]), ones[1]
        return None
