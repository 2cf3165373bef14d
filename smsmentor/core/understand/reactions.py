"""Recognises phone reactions that arrive as text ('Liked "..."') and the automatic answers of phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from smsmentor.core.understand.normal import plain
from smsmentor.core.understand.phrases import Phrases, words_of
from smsmentor.core.understand.together import Together

# "a reaction sign, then to": Android and newer iPhones write the emoji itself.
_SIGNS = re.compile(r"[^\w\s\"']{1,12}")
_BEGINNING = 3
"""Characters of a form by which it is found; no form is shorter."""


class Reactions:
    """Reads a text for a reaction.

    `tables` maps a language to its tables, of which [reactions] holds, for each kind, the forms a phone
    writes; `*` stands for the quoted text, `@` for an emoji. `things` are what stands there instead of a
    quote (an image). `auto` are phrases with which automatic answers begin; a text that has one of `own` besides is
    a person's: who drives may still ask or answer.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], together: Together | None = None) -> None:
        forms_of_all: list[tuple[str, str, str]] = []
        self._auto: list[tuple[int, Phrases, Phrases]] = []
        self._together = together or Together()
        for table in tables.values():
            reactions: Mapping[str, Iterable[str]] = table.get("reactions", {})
            things = list(reactions.get("things", ()))
            groups = {name: words for name, words in reactions.items() if isinstance(words, str)}
            auto = Phrases({"auto": reactions.get("auto", ())}, groups)
            own = Phrases({"own": reactions.get("own", ())}, groups)
            self._auto.append((self._together.add(auto, "found"), auto, own))
            for kind, forms in reactions.items():
                if kind not in (*groups, "auto", "own", "things"):
                    for form in forms:
                        forms_of_all += [(kind, *_ends(form))]
                        forms_of_all += [(kind, plain(form.replace('"*"', thing)), "") for thing in things]
        self._forms: dict[str, list[tuple[int, str, str, str]]] = {}
        """By how they begin, so that a text is held against the few forms that begin like it."""
        for rank, known in enumerate(forms_of_all):
            self._forms.setdefault(known[1][:_BEGINNING], []).append((rank, *known))
        self._signed = frozenset(start[:_BEGINNING] for _, start, _ in forms_of_all if "@" in start)
        """How forms with an emoji begin."""
        self._beginnings = set(self._forms)
        if wrong := [start for start in self._beginnings if len(start) < _BEGINNING or "@" in start[1:]]:
            raise ValueError(f"reactions: {wrong[0]!r} has not {_BEGINNING} letters before anything else")

    def read(self, text: str) -> str | None:
        """The kind of reaction ("liked", "loved", ...), "auto" for an automatic answer, None for own words."""
        if (fits := self._together.fits(text)) and self._is_auto(text, fits):
            return "auto"
        words = plain(text)
        if words[:_BEGINNING] not in self._beginnings and words[:1].isalnum():
            return None
        found = self._fitting(words)
        if words[:_BEGINNING] in self._signed or _SIGNS.search(words, 0, _BEGINNING):
            found += [fit for fit in self._fitting(_SIGNS.sub("@", words, count=1)) if "@" in fit[2]]
        return min(found)[1] if found else None

    def _is_auto(self, text: str, fits: int) -> bool:
        """Whether a text begins as a phone or a desk answers by itself, and says nothing of its own."""
        for bit, auto, own in self._auto:
            if not fits & bit:
                continue
            words = words_of(text)
            if any(hit.start <= 1 for hit in auto.find(words)) and not any(own.find(words)):
                return True
        return False

    def _fitting(self, words: str) -> list[tuple[int, str, str]]:
        """The forms that a text has: rank, kind, and what stands first."""
        forms = self._forms.get(words[:_BEGINNING], ())
        return [(rank, kind, start) for rank, kind, start, end in forms if _fits(words, start, end)]


def _ends(form: str) -> tuple[str, str]:
    """What stands before and after the quoted text."""
    start, _, end = form.partition("*")
    return plain(start), plain(end)


def _fits(words: str, start: str, end: str) -> bool:
    if not end:
        return words.rstrip(".") == start
    if not words.startswith(start):
        return False
    rest = words[len(start) :]
    # Carriers cut long reactions, and then the closing quote is gone.
    return rest.endswith((end, '..."', "...")) or (end == '"' and '"' not in rest)
