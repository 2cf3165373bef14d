"""Plays the table of texts, situations and outcomes in `understanding.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.situations import NAMES, situation

TABLE = Path(__file__).with_name("understanding.toml")


class Row(NamedTuple):
    """One text in one situation, what it comes to, and words that somebody then reads."""

    situation: str
    text: str
    outcome: str
    words: str
    lang: str


def rows() -> Iterator[Row]:
    for group in tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]:
        for name in group["situations"]:
            for entry in group["texts"]:
                text, words = (entry, "") if isinstance(entry, str) else entry
                yield Row(name, text, group["outcome"], words, group.get("lang", ""))


ROWS = tuple(rows())


def what_went_wrong(row: Row) -> str:
    """Empty when a row holds."""
    played = situation(row.situation).text(row.text, lang=row.lang)
    if played.outcome != row.outcome and not (" " not in row.outcome and played.outcome.split()[0] == row.outcome):
        return f"{row.text!r}: {played.outcome} ({played.reason}) instead of {row.outcome}"
    if row.words and not any(row.words in words for _, _, words in played.texts):
        return f"{row.text!r}: nobody reads {row.words!r} in {[words for _, _, words in played.texts]}"
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_the_table_has_its_outcome(name: str) -> None:
    own = [row for row in ROWS if row.situation == name]
    wrong = [line for row in own if (line := what_went_wrong(row))]
    assert not wrong, f"{len(wrong)} of {len(own)} in {name}:\n" + "\n".join(wrong)


def test_the_table_is_large_and_knows_every_situation() -> None:
    assert len(ROWS) >= 400
    assert {row.situation for row in ROWS} == set(NAMES)


def test_no_row_stands_twice_with_different_outcomes() -> None:
    seen: dict[tuple[str, str, str], Any] = {}
    for row in ROWS:
        assert seen.setdefault((row.situation, row.text, row.lang), row.outcome) == row.outcome, row
