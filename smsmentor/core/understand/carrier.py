"""The words that belong to the carrier (STOP, START, HELP), and the plain requests that mean STOP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from smsmentor.core.understand.phrases import ENDS, Found, Phrases, words_of

Meaning = Literal["stop", "start", "help", "stop?"]

# A request inside a longer text may be quoted advice, a poem, a story: then we take it for none.
_REQUEST_WORDS_MAX = 60

_QUOTED = re.compile(r"[\"“„«][^\"“”„«»]*[\"”»]")


class CarrierWords:
    """Reads a text for opt-out, opt-in and help.

    `tables` maps a language to its [carrier] (words that count as the whole text), [optout] (phrases) and [groups].
    What counts without any doubt is named by 47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel,
    unsubscribe; other wording counts when a reasonable person would understand it.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._languages = [_Language(table) for table in tables.values()]
        self.words: frozenset[str] = frozenset(
            word for table in tables.values() for part in table.get("carrier", {}).values() for word in part
        )

    def read(self, text: str) -> Meaning | None:
        """What the text asks of the carrier; "stop?" is to be confirmed with a question, never obeyed."""
        words = [word for word in words_of(text) if word[0].isalnum() or word in ENDS]
        unquoted = words_of(_QUOTED.sub(" , quote , ", text))
        found = {meaning for language in self._languages for meaning in language.read(words, unquoted)}
        order: tuple[Meaning, ...] = ("stop", "start", "help", "stop?")
        return next((meaning for meaning in order if meaning in found), None)


class _Language:
    """The carrier words and opt-out phrases of one language."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        groups = tables.get("groups", {})
        carrier: Mapping[str, Iterable[str]] = tables.get("carrier", {})
        optout: Mapping[str, Iterable[str]] = tables.get("optout", {})
        self._whole = Phrases(
            {
                "stop": [*carrier.get("stop", ()), *optout.get("whole", ())],
                "start": [*carrier.get("start", ()), *optout.get("start", ())],
                "help": [*carrier.get("help", ()), *optout.get("help", ())],
                "stop?": optout.get("perhaps_whole", ()),
            },
            groups,
        )
        self._requests = Phrases({"stop": optout.get("clear", ()), "stop?": optout.get("perhaps", ())}, groups)
        self._unless = Phrases({"unless": optout.get("unless", ())}, groups)
        self._about_others = Phrases({"others": optout.get("about_others", ())}, groups)

    def read(self, words: Sequence[str], unquoted: Sequence[str]) -> set[Meaning]:
        bare = [word for word in words if word not in ENDS]
        if len(bare) > 2 and all(len(word) == 1 for word in bare):  # "S T O P"
            bare = ["".join(bare)]
        if len(bare) > _REQUEST_WORDS_MAX:
            return set()
        whole = self._whole.whole(bare)
        if whole:
            return {meaning for meaning in _MEANINGS if meaning in whole}
        return self._request(unquoted)

    def _request(self, words: Sequence[str]) -> set[Meaning]:
        requests = list(self._requests.find(words))
        if not requests:
            return set()
        harmless = list(self._unless.find(words))
        requests = [hit for hit in requests if not any(_touch(hit, h) for h in harmless)]
        clear = [hit for hit in requests if hit.rule == "stop"]
        if clear and not any(not any(_touch(other, hit) for hit in clear) for other in self._about_others.find(words)):
            return {"stop"}
        return {"stop?"} if requests else set()


_MEANINGS: tuple[Meaning, ...] = ("stop", "start", "help", "stop?")


def _touch(one: Found, other: Found) -> bool:
    """Whether the two share more than a sentence end."""
    return (one.start < other.end - 1 and other.start < one.end - 1) or (
        max(one.start, other.start) < min(one.end, other.end) and min(one.end - one.start, other.end - other.start) == 1
    )
