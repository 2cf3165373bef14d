"""Tells news of a question that is over ("he said yes!") from a new question ("my boss fired me what now"), and reads
what came of advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from smsmentor.core.understand.phrases import Phrases, words_of

Tells = Literal["sure", "perhaps"]
CameOf = Literal["helped", "no change", "not yet"]

MOST_WORDS = 14
"""Words of news: what is longer tells a story, and stories are told to ask something."""
MOST_WORDS_OF_AN_ANSWER = 30
"""Words that answer how it went: somebody who was asked may tell it at length."""
_TELLING: tuple[Tells, ...] = ("sure", "perhaps")
_CAME_OF: Mapping[str, CameOf] = {"helped": "helped", "no_change": "no change", "not_yet": "not yet"}


class News:
    """Reads a text for news, or for what came of advice.

    `tables` maps a language to its [news]: `asks` are phrases of whoever asks, except inside one of `unless`; `sure`
    are phrases of news, and `perhaps` those that are news when something has just been talked about. `helped`,
    `no_change` and `not_yet` are answers to whether something was tried.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        tables_of_news = [table["news"] for table in tables.values() if "news" in table]
        self._phrases = [
            Phrases(
                {rule: table.get(rule, ()) for rule in ("asks", "unless", *_TELLING, *_CAME_OF)},
                {name: group for name, group in table.items() if isinstance(group, str)},
            )
            for table in tables_of_news
        ]

    def asks(self, text: str) -> bool:
        """Whether a text surely asks something, with a question mark or without one."""
        return "?" in text or "asks" in self._found(text)

    def read(self, text: str) -> Tells | None:
        """Whether a text tells something and asks nothing."""
        if "?" in text or len(text.split()) > MOST_WORDS:
            return None
        found = self._found(text)
        return None if "asks" in found else next((rule for rule in _TELLING if rule in found), None)

    def came_of(self, text: str) -> CameOf | None:
        """What came of advice, as somebody tells who was asked; None when they ask something or it is not clear."""
        if "?" in text or len(text.split()) > MOST_WORDS_OF_AN_ANSWER:
            return None
        found = self._found(text)
        told = [result for rule, result in _CAME_OF.items() if rule in found]
        return told[0] if len(told) == 1 and "asks" not in found else None

    def _found(self, text: str) -> set[str]:
        rules: set[str] = set()
        for phrases in self._phrases:
            found = list(phrases.find(words_of(text)))
            kept = [f for f in found if f.rule == "unless"]
            for one in found:
                if one.rule != "asks" or not any(k.start <= one.start and one.end <= k.end for k in kept):
                    rules.add(one.rule)
        return rules
