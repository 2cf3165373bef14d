"""Measures the understanding of texts alone: texts per second, memory, and what simpler ways of reading commands steal.

    python bench/understanding.py

Every way reads the same rows: those of tests/understanding.toml whose outcome is a command, and the sentences of
tests/advice_corpus.toml, which are none. A command counts as found when its name is right, a sentence as stolen when
any command is read. dateparser takes part in the times if it is installed. Memory is what the objects hold.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
import time
import tomllib
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))  # the situations of the tests are read here too

from smsmentor import resources
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.rules import Rules
from smsmentor.core.understand.parse import bare
from tests.situations import situation

TESTS = Path(__file__).parents[1] / "tests"
CARRIER = {"command STOP", "command START", "command HELP"}
Read = Callable[[str], str | None]


def commands() -> list[tuple[str, str, str, str]]:
    """Situation, language, text and command of each row that is a command of ours."""
    found = []
    for group in tomllib.loads((TESTS / "understanding.toml").read_text("utf-8"))["group"]:
        if not group["outcome"].startswith("command ") or group["outcome"] in CARRIER:
            continue
        for name in group["situations"]:
            for entry in group["texts"]:
                text = entry if isinstance(entry, str) else entry[0]
                found.append((name, group.get("lang", ""), text, group["outcome"].removeprefix("command ")))
    return found


def sentences() -> list[tuple[str, str]]:
    """Language and text of each sentence that is no command."""
    corpus: Mapping[str, list[str]] = tomllib.loads((TESTS / "advice_corpus.toml").read_text("utf-8"))
    return [(lang, text) for lang, texts in corpus.items() for text in texts]


def first_word(keywords: Mapping[str, str], edits: int) -> Read:
    """The usual way: the first word is a keyword, or so many edits away from one."""

    def read(text: str) -> str | None:
        word = bare(text).split(" ", 1)[0]
        if word in keywords:
            return keywords[word].upper()
        near = [k for k in keywords if edits and abs(len(k) - len(word)) <= edits and distance(k, word) <= edits]
        return keywords[near[0]].upper() if near else None

    return read


def whole_text(keywords: Mapping[str, str]) -> Read:
    """Careful and deaf: the whole text is a keyword."""
    return lambda text: keywords[bare(text)].upper() if bare(text) in keywords else None


def distance(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def judge(name: str, find: Callable[[str, str, str], str | None], steal: Callable[[str, str], bool]) -> None:
    """One line of the comparison."""
    rows, free = commands(), sentences()
    started = time.perf_counter()
    found = sum(find(place, lang, text) == command for place, lang, text, command in rows)
    stolen = sum(steal(lang, text) for lang, text in free)
    each = (time.perf_counter() - started) / (len(rows) + len(free))
    print(
        f"{name:34} {found / len(rows):6.1%} of {len(rows)} commands   "
        f"{stolen / len(free):6.1%} of {len(free)} sentences stolen   {1 / each:10,.0f} texts/s"
    )


def simple(name: str, read: Mapping[str, Read]) -> None:
    """A way that knows no situation."""
    judge(name, lambda _, lang, text: read[lang or "en"](text), lambda lang, text: read[lang](text) is not None)


def ours() -> None:
    """The whole decision in its situation, on a store in memory; a sentence is played with an open offer."""
    offer = situation("mentor_offer")

    def find(place: str, lang: str, text: str) -> str | None:
        return situation(place).text(text, lang=lang).outcome.removeprefix("command ")

    def steal(lang: str, text: str) -> bool:
        outcome: str = offer.text(text, lang=lang, verbatim=True).outcome
        return outcome.startswith("command ")

    for place, *_ in commands():
        situation(place)
    judge("this project, decision and all", find, steal)


def speed(knowledge: Knowledge) -> None:
    """Each recogniser alone, over every text of both tables."""
    texts = [text for _, _, text, _ in commands()] + [text for _, text in sentences()]
    now, zone = datetime(2026, 3, 3, 23, tzinfo=UTC), ZoneInfo("America/New_York")
    readers: dict[str, Callable[[str], object]] = {
        "carrier words and opt-outs": knowledge.carrier.read,
        "crisis, danger, insults": knowledge.safety.alarms,
        "contact details": knowledge.contacts.find,
        "phone reactions": knowledge.reactions.read,
        "language": lambda text: knowledge.languages.read(text, "en", known=True),
        "topic": knowledge.topics.best,
        "times": lambda text: knowledge.times.read(text, now, zone, languages=("en", "es")),
    }
    if importlib.util.find_spec("dateparser"):
        search: Any = importlib.import_module("dateparser.search")
        readers["times by dateparser"] = lambda text: search.search_dates(text, languages=["en", "es"])
    print(f"\nEach recogniser over {len(texts)} texts:")
    for name, read in readers.items():
        seconds = timed(read, texts)
        print(f"  {name:32} {len(texts) / seconds:12,.0f} texts/s   {max_of(read, texts) * 1000:8.2f} ms at most")


def timed(read: Callable[[str], object], texts: Iterable[str]) -> float:
    """Seconds for all of them, the first pass not counted: tables are filled as words are met."""
    for text in texts:
        read(text)
    started = time.perf_counter()
    for text in texts:
        read(text)
    return time.perf_counter() - started


def max_of(read: Callable[[str], object], texts: Iterable[str]) -> float:
    longest = 0.0
    for text in texts:
        started = time.perf_counter()
        read(text)
        longest = max(longest, time.perf_counter() - started)
    return longest


def main() -> None:
    """All of it, in one run."""
    gc.collect()
    tracemalloc.start()
    knowledge = resources.load(Rules())
    for _, text in sentences():
        knowledge.carrier.read(text)
        knowledge.safety.alarms(text)
        knowledge.topics.best(text)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    keywords = {lang: knowledge.words.keywords(lang) for lang in knowledge.words.languages}
    ours()
    simple("first word exact", {lang: first_word(words, 0) for lang, words in keywords.items()})
    simple("first word, 1 edit", {lang: first_word(words, 1) for lang, words in keywords.items()})
    simple("first word, 2 edits", {lang: first_word(words, 2) for lang, words in keywords.items()})
    simple("whole text", {lang: whole_text(words) for lang, words in keywords.items()})
    speed(knowledge)
    print(f"\nMemory of all recognisers after these texts: {held / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
