"""The words by which keywords and polite phrases begin and end: one look at a word tells that most texts hold none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

SHORTEST_MISTYPED = 4
"""Letters of a keyword of which a slip is forgiven."""
_INDEXES_MAX = 16
_indexes: dict[int, Keywords] = {}


class Keywords:
    """Keywords by what may stand for them: their first word, or one that looks like them."""

    def __init__(self, keywords: Mapping[str, str]) -> None:
        self.of = keywords
        self.size = len(keywords)
        self.firsts = frozenset(keyword.partition(" ")[0] for keyword in keywords)
        self._alike: dict[tuple[str, int], list[str]] = {}
        for keyword in keywords:
            if len(keyword) >= SHORTEST_MISTYPED:
                for length in range(len(keyword) - 1, len(keyword) + 2):
                    self._alike.setdefault((keyword[0], length), []).append(keyword)

    def alike(self, word: str) -> list[str]:
        """The keywords with the word's first letter, and its length give or take one, in their order."""
        return self._alike.get((word[0], len(word)), [])


def indexed(keywords: Mapping[str, str]) -> Keywords:
    """The index of a mapping, remembered while the mapping is the same and has not grown."""
    index = _indexes.get(id(keywords))
    if index is None or index.of is not keywords or index.size != len(keywords):
        if len(_indexes) >= _INDEXES_MAX:
            _indexes.clear()
        index = _indexes[id(keywords)] = Keywords(keywords)
    return index


class Ends(NamedTuple):
    """The first and the last words of phrases."""

    firsts: frozenset[str]
    lasts: frozenset[str]


@lru_cache(maxsize=64)
def ends_of(phrases: frozenset[str]) -> Ends:
    """By which words these phrases begin and end."""
    return Ends(
        frozenset(phrase.partition(" ")[0] for phrase in phrases),
        frozenset(phrase.rpartition(" ")[2] for phrase in phrases),
    )
