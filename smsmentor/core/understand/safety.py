"""Finds what must not wait or must not be passed on: crisis, danger, threats, abuse, fishing for money or codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from smsmentor.core.understand.phrases import ENDS, Found, Phrases, words_of
from smsmentor.core.understand.together import Together

Level = Literal["crisis", "crisis-other", "danger", "threat", "abuse", "phishing"]

# The table and sub-table of a language file that hold the rules of a level, most severe level first.
LEVELS: dict[Level, tuple[str, str]] = {
    "crisis": ("crisis", "self"),
    "crisis-other": ("crisis", "other"),
    "danger": ("danger", "rules"),
    "threat": ("abuse", "threat"),
    "abuse": ("abuse", "insult"),
    "phishing": ("abuse", "phishing"),
}


@dataclass(frozen=True)
class Alarm:
    """One rule that fired: its level, its name in the data, and the language whose data it is from."""

    level: Level
    rule: str
    language: str


class Safety:
    """The rules of every language at once: people mix languages when they are upset.

    `tables` maps a language to its tables: [groups] and, for each level, rules (name to phrases). The phrases under
    `unless` are harmless sayings: a hit that shares a word with one of them does not count.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], together: Together | None = None) -> None:
        self._together = together or Together()
        self._languages: list[tuple[int, str, _Rules]] = []
        for language, table in tables.items():
            rules = _Rules(table)
            self._languages.append((self._together.add(rules.rules, "anywhere"), language, rules))
        self._bits = sum(bit for bit, _, _ in self._languages)
        self._calm = ""
        """The last text in which no rule can fit, nor in its end alone."""
        # Remembered for a moment: a text is looked at when it comes, before it passes on, and for its receiver.
        self._fired = lru_cache(maxsize=64)(self._look)

    def alarms(self, text: str) -> tuple[Alarm, ...]:
        """Every rule that fired, the most severe first; nothing when all is well."""
        if self._ends_calm(text):
            return ()
        if self._together.fits(text) & self._bits:
            return self._fired(text)
        # In others a word may be read otherwise for what stands before it: a line's end, an accent.
        if text.isascii() and text.isprintable():
            self._calm = text
        return ()

    def _ends_calm(self, text: str) -> bool:
        """Whether the last calm text ends with this one, which is then calm too: most pass on without their code.

        Behind a space the same words are read, and a rule that wants a sentence to begin there was looked for anywhere.
        """
        calm = self._calm
        return text != "" and calm.endswith(text) and (len(calm) == len(text) or calm[-len(text) - 1] == " ")

    def _look(self, text: str) -> tuple[Alarm, ...]:
        words, fits = words_of(text), self._together.fits(text)
        fired = {
            Alarm(level, rule, language)
            for bit, language, rules in self._languages
            if fits & bit
            for level, rule in rules.fired(words)
        }
        if not fired:
            return ()
        order = list(LEVELS)
        return tuple(sorted(fired, key=lambda alarm: (order.index(alarm.level), alarm.rule, alarm.language)))


class _Rules:
    """The safety rules of one language."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        groups = tables.get("groups", {})
        self._names: dict[str, tuple[Level, str]] = {}
        rules: dict[str, Iterable[str]] = {}
        for level, (table, part) in LEVELS.items():
            for rule, phrases in tables.get(table, {}).get(part, {}).items():
                rules[f"{level}/{rule}"] = phrases
                self._names[f"{level}/{rule}"] = (level, rule)
        self.rules = Phrases(rules, groups)
        self._first_person = frozenset(tables.get("crisis", {}).get("first_person", ()))
        self._unless = Phrases(
            {table: tables.get(table, {}).get("unless", ()) for table in ("crisis", "danger", "abuse")},
            groups,
        )

    def fired(self, words: tuple[str, ...]) -> set[tuple[Level, str]]:
        hits = list(self.rules.find(words))
        harmless = list(self._unless.find(words))
        hits = [hit for hit in hits if not self._excused(hit, harmless, words)]
        others = [hit for hit in hits if self._names[hit.rule][0] == "crisis-other"]
        return {self._names[hit.rule] for hit in hits if not self._is_about(others, hit, words)}

    def _is_about(self, others: list[Found], hit: Found, words: tuple[str, ...]) -> bool:
        """Whether a crisis hit is only a part of what is said about another person."""
        end = hit.end - (words[hit.end - 1] in ENDS)
        return (
            self._names[hit.rule][0] == "crisis"
            and any(other.start <= hit.start and end <= other.end for other in others)
            and self._first_person.isdisjoint(words[hit.start : hit.end])
        )

    def _excused(self, hit: Found, harmless: list[Found], words: tuple[str, ...]) -> bool:
        table, _ = LEVELS[self._names[hit.rule][0]]
        return any(
            words[place] not in ENDS
            for saying in harmless
            if saying.rule == table
            for place in range(max(hit.start, saying.start), min(hit.end, saying.end))
        )
