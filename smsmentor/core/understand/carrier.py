"""The words that belong to the carrier (STOP, START, HELP), and the plain requests that mean STOP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from smsmentor.core.understand.phrases import Found, Phrases, words_of
from smsmentor.core.understand.together import Together

Meaning = Literal["stop", "start", "help", "stop?"]

# A request inside a longer text may be quoted advice, a poem, a story: then we take it for none.
_REQUEST_WORDS_MAX = 60

# Of a text with one of these not every word is a single letter.
_LONGER_WORD = re.compile(r"(?:^|\s)[A-Za-z]{2}")
_QUOTED = re.compile(r"[\"“„«][^\"“”„«»]*[\"”»]")
_MEANINGS: tuple[Meaning, ...] = ("stop", "start", "help", "stop?")


class CarrierWords:
    """Reads a text for opt-out, opt-in and help.

    `tables` maps a language to its [carrier] (words that count as the whole text), [optout] (phrases) and [groups].
    What counts without any doubt is named by 47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel,
    unsubscribe; other wording counts when a reasonable person would understand it.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], together: Together | None = None) -> None:
        self._languages = [_Language(table) for table in tables.values()]
        self._together = together or Together()
        self._bits = 0
        for language in self._languages:
            self._bits |= self._together.add(language.whole, "whole") | self._together.add(language.requests, "found")
        # Remembered for a moment: it is asked before all else, and again after what keeps floods out.
        self.read = lru_cache(maxsize=16)(self._meaning)
        """What a text asks of the carrier; "stop?" is to be confirmed with a question, never obeyed."""
        self.words: frozenset[str] = frozenset(
            word for table in tables.values() for part in table.get("carrier", {}).values() for word in part
        )

    def _meaning(self, text: str) -> Meaning | None:
        unquoted = _without_quotes(text)
        fits = self._together.fits(text)
        if unquoted != text:
            fits |= self._together.fits(unquoted)
        if not fits & self._bits and _LONGER_WORD.search(text):
            return None
        found = self._read(text, unquoted)
        return next((meaning for meaning in _MEANINGS if meaning in found), None)

    def _read(self, text: str, unquoted: str) -> set[str]:
        said = [word for word in words_of(text) if word[0].isalnum()]
        if len(said) > 2 and all(len(word) == 1 for word in said):  # "S T O P"
            said = ["".join(said)]
        if len(said) > _REQUEST_WORDS_MAX:
            return set()
        found: set[str] = set()
        for language in self._languages:
            found |= language.whole.whole(said) or language.request(words_of(unquoted))
        return found


def _without_quotes(text: str) -> str:
    """The text with a sign and a word for each quotation."""
    if text.isascii() and '"' not in text:
        return text
    return _QUOTED.sub(" , quote , ", text)


class _Language:
    """The carrier words and opt-out phrases of one language."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        groups = tables.get("groups", {})
        carrier: Mapping[str, Iterable[str]] = tables.get("carrier", {})
        optout: Mapping[str, Iterable[str]] = tables.get("optout", {})
        self.whole = Phrases(
            {
                "stop": [*carrier.get("stop", ()), *optout.get("whole", ())],
                "start": [*carrier.get("start", ()), *optout.get("start", ())],
                "help": [*carrier.get("help", ()), *optout.get("help", ())],
                "stop?": optout.get("perhaps_whole", ()),
            },
            groups,
        )
        self.requests = Phrases({"stop": optout.get("clear", ()), "stop?": optout.get("perhaps", ())}, groups)
        self._unless = Phrases({"unless": optout.get("unless", ())}, groups)
        self._about_others = Phrases({"others": optout.get("about_others", ())}, groups)

    def request(self, words: Sequence[str]) -> set[str]:
        """What the words ask for when they are no request as a whole."""
        requests = list(self.requests.find(words))
        if not requests:
            return set()
        harmless = list(self._unless.find(words))
        requests = [hit for hit in requests if not any(_touch(hit, h) for h in harmless)]
        clear = [hit for hit in requests if hit.rule == "stop"]
        if clear and not any(not any(_touch(other, hit) for hit in clear) for other in self._about_others.find(words)):
            return {"stop"}
        return {"stop?"} if requests else set()


def _touch(one: Found, other: Found) -> bool:
    """Whether the two share more than a sentence end."""
    return (one.start < other.end - 1 and other.start < one.end - 1) or (
        max(one.start, other.start) < min(one.end, other.end) and min(one.end - one.start, other.end - other.start) == 1
    )
