"""Recognises phone reactions that arrive as text ('Liked "..."') and the automatic answers of phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from smsmentor.core.understand.normal import plain

# "a reaction sign, then to": Android and newer iPhones write the emoji itself.
_SIGNS = re.compile(r"[^\w\s\"']{1,12}")
_BEGINNING = 3
"""Characters of a form by which it is found; no form is shorter."""


class Reactions:
    """Reads a text for a reaction.

    `tables` maps a language to its tables, of which [reactions] holds, for each kind, the forms a phone
    writes; `*` stands for the quoted text, `@` for an emoji. `things` are what stands there instead of a
    quote (an image), `auto` the beginnings of automatic answers.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        forms_of_all: list[tuple[str, str, str]] = []
        self._auto: dict[str, tuple[str, ...]] = {}
        """Beginnings of automatic answers by their first letters."""
        self._asks: list[str] = []
        """What an automatic answer does not say: whoever writes it has a question."""
        for table in tables.values():
            reactions: Mapping[str, Iterable[str]] = table.get("reactions", {})
            things = list(reactions.get("things", ()))
            for kind, forms in reactions.items():
                if kind == "auto":
                    for beginning in map(plain, forms):
                        self._auto[beginning[:1]] = (*self._auto.get(beginning[:1], ()), beginning)
                elif kind == "asks":
                    self._asks += [f" {plain(form)}" for form in forms]
                elif kind != "things":
                    for form in forms:
                        forms_of_all += [(kind, *_ends(form))]
                        forms_of_all += [(kind, plain(form.replace('"*"', thing)), "") for thing in things]
        self._forms: dict[str, list[tuple[int, str, str, str]]] = {}
        """By how they begin, so that a text is held against the few forms that begin like it."""
        for rank, known in enumerate(forms_of_all):
            self._forms.setdefault(known[1][:_BEGINNING], []).append((rank, *known))
        self._signed = frozenset(start[:_BEGINNING] for _, start, _ in forms_of_all if "@" in start)
        """How forms with an emoji begin."""
        self._beginnings = {start[:_BEGINNING] for starts in self._auto.values() for start in starts}
        self._beginnings |= self._forms.keys()
        if wrong := [start for start in self._beginnings if len(start) < _BEGINNING or "@" in start[1:]]:
            raise ValueError(f"reactions: {wrong[0]!r} has not {_BEGINNING} letters before anything else")

    def read(self, text: str) -> str | None:
        """The kind of reaction ("liked", "loved", ...), "auto" for an automatic answer, None for own words."""
        words = plain(text)
        if words[:_BEGINNING] not in self._beginnings and words[:1].isalnum():
            return None
        if words.startswith(self._auto.get(words[:1], ())) and not any(asks in words for asks in self._asks):
            return "auto"
        found = self._fitting(words)
        if words[:_BEGINNING] in self._signed or _SIGNS.search(words, 0, _BEGINNING):
            found += [fit for fit in self._fitting(_SIGNS.sub("@", words, count=1)) if "@" in fit[2]]
        return min(found)[1] if found else None

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
