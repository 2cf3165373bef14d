"""The entries of the topics' table in one language: how they are found in a text, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from math import log, sqrt
from typing import NamedTuple

from smsmentor.core.understand.topic_words import STEMMERS, slips

# What an entry of each kind is worth in a question and in a mentor's skills; a kind that is missing is not read there.
IN_QUESTIONS = {"sure": 1.0, "likely": 0.55, "hint": 0.2}
IN_SKILLS = {"name": 2.0, "skills": 1.0, "sure": 1.0, "likely": 0.55}
SURE_SKILLS = {kind: worth for kind, worth in IN_SKILLS.items() if kind != "likely"}
# Words of another language than the text's: borrowed ("mi boss") or alike by chance.
FOREIGN = 0.5
PHRASE_BONUS = 0.3  # for each further word of a phrase, because a longer phrase says more


class Sign(NamedTuple):
    """What one entry of the table says, and of which kind the entry is."""

    topic: str
    kind: str
    entry: str
    breadth: int = 1  # how many of its words mean something by themselves

    def weight(self, worth: Mapping[str, float]) -> float:
        return worth[self.kind] * (1 + PHRASE_BONUS * (self.breadth - 1))


class Said(NamedTuple):
    """What an entry says: the weight, topic and entry of each sign; more than hints, or hints only."""

    signs: tuple[tuple[float, str, str], ...]
    firm: bool


@dataclass(slots=True, eq=False)
class Branch:
    """How entries go on after some words, and what these words mean where they are an entry."""

    after: dict[str, Branch] = field(default_factory=dict)
    signs: list[Sign] = field(default_factory=list)
    in_questions: Said | None = None
    foreign: Said | None = None

    def said(self, worth: Mapping[str, float], foreign: bool) -> Said:
        """What the entry says, the less for each topic the more topics it stands for."""
        if worth is not IN_QUESTIONS:
            return self._weighed(worth, foreign)
        if foreign:
            self.foreign = said = self.foreign or self._weighed(worth, foreign)
        else:
            self.in_questions = said = self.in_questions or self._weighed(worth, foreign)
        return said

    def _weighed(self, worth: Mapping[str, float], foreign: bool) -> Said:
        signs = [sign for sign in self.signs if sign.kind in worth]
        share = 1 / sqrt(len({sign.topic for sign in signs})) if len(signs) > 1 else 1.0
        trust = FOREIGN if foreign else 1.0
        weighed = tuple((sign.weight(worth) * share * trust, sign.topic, sign.entry) for sign in signs)
        return Said(weighed, any(sign.kind != "hint" for sign in signs))


class Book:
    """The entries of one language, found by the stems of their words."""

    def __init__(self, language: str) -> None:
        self.stem = STEMMERS.get(language, str)
        self.tree: dict[str, Branch] = {}
        """By the first words of entries, how they go on: most words begin none."""
        self.together: dict[str, list[tuple[frozenset[str], Sign]]] = {}
        """By its first word, an entry whose words may stand anywhere."""
        self.known: set[str] = set()
        self.repair = lru_cache(maxsize=1024)(self._repair)
        self._counts: dict[str, dict[str, int]] = {}
        self._sizes: dict[str, int] = {}
        self._longest = 0

    def enter(self, words: Sequence[str], sign: Sign, together: bool) -> None:
        stems = [self.stem(word) for word in words]
        if not stems:
            return
        if sign.kind in IN_QUESTIONS:
            self._sizes[sign.topic] = self._sizes.get(sign.topic, 0) + len(stems)
            for stem in stems:
                counts = self._counts.setdefault(stem, {})
                counts[sign.topic] = counts.get(sign.topic, 0) + 1
        self.known.update(stems)
        self._longest = max(self._longest, *map(len, stems))
        if together:
            self.together.setdefault(stems[0], []).append((frozenset(stems), sign))
            return
        branch = self.tree.setdefault(stems[0], Branch())
        for stem in stems[1:]:
            branch = branch.after.setdefault(stem, Branch())
        if sign not in branch.signs:
            branch.signs.append(sign)

    def means(self, word: str) -> bool:
        """Whether a word alone means a topic, more than as a hint."""
        branch = self.tree.get(self.stem(word))
        return branch is not None and any(sign.kind != "hint" for sign in branch.signs)

    def said_together(
        self, firsts: Iterable[str], present: Set[str], worth: Mapping[str, float], foreign: bool
    ) -> Iterator[Said]:
        """What the words that are present say together, wherever they stand; `firsts` are those that begin entries."""
        for first in dict.fromkeys(firsts):
            for needed, sign in self.together[first]:
                if sign.kind in worth and needed <= present:
                    weight = sign.weight(worth) * (FOREIGN if foreign else 1.0)
                    yield Said(((weight, sign.topic, sign.entry),), sign.kind != "hint")

    def leanings(self, stem: str) -> dict[str, float]:
        """What a word says for each topic: BM25 with one document a topic, all words of its entries.

        k1 = 1.2 and b = 0.75 as is usual.
        """
        counts = self._counts.get(stem, {})
        usual = sum(self._sizes.values()) / max(len(self._sizes), 1)
        rarity = log(1 + (len(self._sizes) - len(counts) + 0.5) / (len(counts) + 0.5))
        sizes = {topic: 0.25 + 0.75 * self._sizes[topic] / usual for topic in counts}
        return {topic: rarity * count * 2.2 / (count + 1.2 * sizes[topic]) for topic, count in counts.items()}

    def _repair(self, word: str) -> str | None:
        """The known word that is one slip of the thumb away, if there is one."""
        stem = self.stem(word)
        if len(stem) > self._longest + 1:
            return None
        meant = (slip for slip in slips(stem) & self.tree.keys() if self.tree[slip].signs)
        return min(meant, default=None)
