"""Recognises which of our languages a text is written in, by its small words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from smsmentor.core.understand.normal import plain, runs, undrawn

ENOUGH = 2
"""Different words of a language that a text needs, and twice as many as of any other."""
ENOUGH_TO_CHANGE = 3
"""For somebody who has written in another language before."""
SHORTEST_WITH_ENDING = 6

# Words remembered before all are forgotten.
_WORDS_MAX = 20_000
_WORD_LONGEST = 32

_NOTHING = frozenset[str]()
_WORD = re.compile(r"[^\W\d_]+")


class Languages:
    """Reads the language of a text.

    `tables` maps a language to its tables, of which [recognise] holds `words`, small words that stand in nearly every
    sentence, `more`, and `sure`, words and signs that count alone, such as greetings. A word that two languages list
    counts for neither. `endings` are those of words that only this language has.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        listed = {
            lang: {
                plain(word) for part in ("words", "more", "sure") for word in table.get("recognise", {}).get(part, ())
            }
            for lang, table in tables.items()
        }
        counts = Counter(word for words in listed.values() for word in words)
        self._of = {word: lang for lang, words in listed.items() for word in words if counts[word] == 1}
        self._sure = {
            plain(word): lang for lang, table in tables.items() for word in table.get("recognise", {}).get("sure", ())
        }
        more = {plain(word) for table in tables.values() for word in table.get("recognise", {}).get("more", ())}
        self._small = frozenset(self._of) - more
        self._endings = {
            lang: tuple(map(plain, table.get("recognise", {}).get("endings", ()))) for lang, table in tables.items()
        }
        self._ending = lru_cache(maxsize=4096)(self._with_ending)
        self._silent: dict[str, set[str]] = {}
        """By language, runs of letters and digits that speak for no other."""
        self._signs = {word: lang for word, lang in self._sure.items() if not word.isalpha()}
        self._ascii_signs = tuple(filter(str.isascii, self._signs))

    def _with_ending(self, word: str) -> str | None:
        """The one language in which long words end so."""
        return next((lang for lang, endings in self._endings.items() if word.endswith(endings)), None)

    @property
    def small_words(self) -> frozenset[str]:
        """What stands in sentences and is nobody's name."""
        return self._small

    def read(self, text: str, used: str, *, known: bool) -> str | None:
        """The language to change to from the one that is `used`, or None. `known`: they have written before."""
        shown = undrawn(plain(text[:600]))
        said = runs(shown)
        # Most texts have nothing of another language.
        signs = self._ascii_signs if shown.isascii() else self._signs
        if self._silent.get(used, _NOTHING).issuperset(said) and not any(sign in shown for sign in signs):
            return None
        points: dict[str, int] = {}
        self._learn(said, used)
        words = (word for run in said for word in _words(run))
        for word in set(words):
            lang = self._language_of(word)
            if lang:
                points[lang] = points.get(lang, 0) + 1
                if not known and word in self._sure:
                    points[self._sure[word]] = points.get(self._sure[word], 0) + 1
        for sign, lang in self._signs.items():
            if sign in shown:
                points[lang] = points.get(lang, 0) + 1
        if not points:
            return None
        best = max(points, key=lambda lang: points[lang])
        others = max((value for lang, value in points.items() if lang != best), default=0)
        enough = ENOUGH_TO_CHANGE if known else ENOUGH
        return best if best != used and points[best] >= enough and points[best] >= 2 * others else None

    def _language_of(self, word: str) -> str | None:
        # Short words may end in any way.
        return self._of.get(word) or (self._ending(word) if len(word) >= SHORTEST_WITH_ENDING else None)

    def _learn(self, said: Iterable[str], used: str) -> None:
        """Remember what speaks for no other language than the one that is used."""
        if sum(map(len, self._silent.values())) > _WORDS_MAX:
            self._silent.clear()
        self._silent.setdefault(used, set()).update(
            run
            for run in said
            if len(run) <= _WORD_LONGEST
            and all({self._language_of(word), self._sure.get(word)} <= {None, used} for word in _words(run))
        )


def _words(run: str) -> Sequence[str]:
    """The words in a run of letters and digits."""
    return (run,) if run.isalpha() else _WORD.findall(run)
