"""Fields of work: which are near relatives, so that a view from outside comes from outside (`data/fields.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from smsmentor.core.understand.parse import bare


class Fields:
    """The groups of fields of the table, found in what people write about themselves."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._ranks = frozenset(map(bare, table["ranks"]))
        groups = {name: entry["words"] for name, entry in table.items() if name != "ranks"}
        self._groups = {_one(bare(words)): name for name, entries in groups.items() for words in entries}
        self._longest = max(len(words.split()) for words in self._groups)
        self.of = lru_cache(maxsize=4096)(self._of)
        """What a field is: its groups, and where it has none its own words. Related fields have something in common."""

    def _of(self, field: str) -> frozenset[str]:
        words = [_one(word) for word in bare(field).split()]
        found = set()
        for length in range(self._longest, 0, -1):  # `software engineer` before `engineer`
            at = 0
            while at + length <= len(words):
                group = self._groups.get(" ".join(words[at : at + length]))
                if group is None:
                    at += 1
                else:
                    found.add(group)
                    words[at : at + length] = ["|"]
        return frozenset(found or {f"={word}" for word in words if word not in self._ranks} or {f"={bare(field)}"})


def _one(words: str) -> str:
    """Words without the `s` of a plural."""
    return " ".join(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words.split())
