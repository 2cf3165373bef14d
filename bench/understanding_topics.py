"""Compares the topic matching with the simpler methods that were rejected: accuracy, time and memory in one run.

    python bench/understanding_topics.py

All methods read the same table (data/topics.toml) and the same labelled rows (tests/core/topics.toml). The author of
the table has seen the rows: read the figures side by side, not as a promise for unseen questions. rapidfuzz takes part
if it is installed. Memory is what the method's own objects hold.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import math
import statistics
import time
import tomllib
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smsmentor.core.understand.topics import Topics

ROOT = Path(__file__).parents[1]
Rank = Callable[[str], list[str]]


def plain_words(text: str) -> list[str]:
    return [word.strip(".,?!'\"") for word in text.casefold().split()]


def stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def entries_of(table: dict[str, Any]) -> dict[str, list[str]]:
    """Every entry of the table that may be read in a question, by topic."""
    found: dict[str, list[str]] = {}
    for topic, about in table["topics"].items():
        texts = [text for kind in ("sure", "likely", "hint") for text in about.get(kind, {}).values()]
        found[topic] = [
            *about["name"].values(),
            *(entry.strip() for text in texts for entry in text.split(",")),
        ]
    return found


def ranked(scores: Mapping[str, float]) -> list[str]:
    return [topic for topic, score in sorted(scores.items(), key=lambda item: -item[1]) if score > 0][:3]


def chosen(table: dict[str, Any]) -> Rank:
    topics = Topics(table)
    return lambda text: [match.topic for match in topics.match(text)]


def keyword_table(table: dict[str, Any]) -> Rank:
    """Counts of the single words of the table that stand in the text, as they are."""
    known: dict[str, set[str]] = defaultdict(set)
    for topic, entries in entries_of(table).items():
        for entry in entries:
            if " " not in entry:
                known[entry].add(topic)

    def rank(text: str) -> list[str]:
        return ranked(Counter(topic for word in plain_words(text) for topic in known.get(word, ())))

    return rank


def bm25(table: dict[str, Any]) -> Rank:
    """BM25 over one document a topic, with stemmed words."""
    documents = {
        topic: Counter(stem(word) for entry in entries for word in plain_words(entry))
        for topic, entries in entries_of(table).items()
    }
    lengths = {topic: sum(counts.values()) for topic, counts in documents.items()}
    mean = statistics.mean(lengths.values())
    spread = Counter(word for counts in documents.values() for word in counts)
    weight = {word: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for word, n in spread.items()}

    def rank(text: str) -> list[str]:
        words = [stem(word) for word in plain_words(text)]
        return ranked(
            {
                topic: sum(
                    weight.get(word, 0)
                    * counts[word]
                    * 2.2
                    / (counts[word] + 1.2 * (0.25 + 0.75 * lengths[topic] / mean))
                    for word in words
                )
                for topic, counts in documents.items()
            }
        )

    return rank


def grams(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in plain_words(text):
        padded = f" {word} "
        for size in (3, 4, 5):
            found.update(padded[at : at + size] for at in range(len(padded) - size + 1))
    return found


def char_grams(table: dict[str, Any]) -> Rank:
    """TF-IDF over character 3- to 5-grams, cosine, one document a topic."""
    documents = {topic: grams(" ".join(entries)) for topic, entries in entries_of(table).items()}
    spread = Counter(gram for counts in documents.values() for gram in counts)
    rarity = {gram: math.log(len(documents) / n) + 0.1 for gram, n in spread.items()}
    vectors = {
        topic: {gram: (1 + math.log(n)) * rarity[gram] for gram, n in counts.items()}
        for topic, counts in documents.items()
    }
    norms = {topic: math.sqrt(sum(v * v for v in vector.values())) for topic, vector in vectors.items()}

    def rank(text: str) -> list[str]:
        query = grams(text)
        return ranked(
            {
                topic: sum(n * rarity.get(gram, 0) * vector.get(gram, 0) for gram, n in query.items()) / norms[topic]
                for topic, vector in vectors.items()
            }
        )

    return rank


def fuzzy(table: dict[str, Any]) -> Rank:
    """The best partial likeness of any entry of a topic with the text."""
    library: Any = importlib.import_module("rapidfuzz")
    entries = entries_of(table)

    def rank(text: str) -> list[str]:
        best = {
            topic: library.process.extractOne(text, words, scorer=library.fuzz.token_set_ratio)[1]
            for topic, words in entries.items()
        }
        return ranked(best)

    return rank


def measure(make: Callable[[dict[str, Any]], Rank], table: dict[str, Any]) -> tuple[Rank, float]:
    gc.collect()
    tracemalloc.start()
    rank = make(table)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return rank, held


def main() -> None:
    table = tomllib.loads((ROOT / "data" / "topics.toml").read_text(encoding="utf-8"))
    rows = tomllib.loads((ROOT / "tests" / "core" / "topics.toml").read_text(encoding="utf-8"))
    methods: dict[str, Callable[[dict[str, Any]], Rank]] = {
        "chosen: phrases + stems + repair": chosen,
        "single words of the table": keyword_table,
        "BM25, stemmed": bm25,
        "char 3-5-gram TF-IDF": char_grams,
    }
    if importlib.util.find_spec("rapidfuzz"):
        methods["rapidfuzz token_set_ratio"] = fuzzy
    groups = [group for group in rows if "none" not in group]
    print(f"{'at 1 / at 3 (%)':34}" + "".join(f"{group:>15}" for group in groups) + "   ms p50   p99  times    MB")
    base = 0.0
    for name, make in methods.items():
        rank, held = measure(make, table)
        cells, took = [], []
        for group in groups:
            first = three = 0
            for text, right in rows[group]:
                begin = time.perf_counter()
                found = rank(text)
                took.append((time.perf_counter() - begin) * 1000)
                first += bool(found) and found[0] in right.split()
                three += any(topic in right.split() for topic in found)
            cells.append(f"{100 * first / len(rows[group]):.0f} / {100 * three / len(rows[group]):.0f}")
        took.sort()
        middle, tail = statistics.median(took), took[int(len(took) * 0.99)]
        base = base or middle
        print(
            f"{name:34}"
            + "".join(f"{cell:>15}" for cell in cells)
            + f"   {middle:6.2f} {tail:5.1f} {middle / base:5.1f}x {held:5.1f}"
        )


if __name__ == "__main__":
    main()
