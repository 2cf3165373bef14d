"""Automata run as one say what each of them says alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand import phrases, together
from smsmentor.core.understand.phrases import ENDS, Phrases, words_of
from smsmentor.core.understand.together import Together
from tests.core.recognisers import pairs, tables

TABLES = tables()
RULES = [
    Phrases(rules, table["groups"])
    for table in TABLES.values()
    for rules in (
        {"clear": table["optout"]["clear"]},
        {"whole": [*table["carrier"]["stop"], *table["optout"]["whole"]]},
        table["crisis"]["self"],
        table["abuse"]["insult"],
    )
]
TOGETHER = Together(RULES)
TELLING = sorted({word for name in ("carrier", "safety") for _, text in pairs(name) for word in words_of(text)})


def alone(rules: Sequence[Phrases], words: Sequence[str]) -> tuple[list[int], list[int]]:
    """Which of the automata find something in the words, and which fit the whole of them."""
    said = [word for word in words if word not in ENDS]
    return (
        [number for number, part in enumerate(rules) if list(part.find(words))],
        [number for number, part in enumerate(rules) if part.whole(said)],
    )


def as_one(joint: Together, words: Sequence[str]) -> tuple[list[int], list[int]]:
    """The same, all at once."""
    return joint.fitting(words), joint.fitting_whole([word for word in words if word not in ENDS])


@pytest.mark.parametrize("name", ["carrier", "safety", "reactions"])
def test_together_and_alone_agree_on_every_text_of_the_tables(name: str) -> None:
    for _, text in pairs(name):
        assert as_one(TOGETHER, words_of(text)) == alone(RULES, words_of(text)), text


@given(st.lists(st.sampled_from(TELLING), max_size=30))
def test_together_and_alone_agree_on_any_order_of_telling_words(words: list[str]) -> None:
    assert as_one(TOGETHER, words) == alone(RULES, words)


@given(st.text(max_size=200))
def test_together_and_alone_agree_on_any_text(text: str) -> None:
    assert as_one(TOGETHER, words_of(text)) == alone(RULES, words_of(text))


@given(st.lists(st.sampled_from(["ab", "abb", "cd", "xy", "7", "77", "🔪", "👍", "_x", ".", "?"]), max_size=8))
def test_a_sign_that_only_one_automaton_knows_is_passed_over_by_the_others(words: list[str]) -> None:
    rules = [
        Phrases({"sign": ["🔪 ab", "cd 🔪"]}, {}),
        Phrases({"none": ["ab cd", "^ ab* $"]}, {}),
        Phrases({"other": ["👍 _ ##", "~cd 👍?"], "empty": ["xy?"]}, {}),
    ]
    assert as_one(Together(rules), words) == alone(rules, words)


def test_what_is_forgotten_is_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for _, text in pairs("safety")][:60]
    known = [as_one(TOGETHER, words_of(text)) for text in texts]
    monkeypatch.setattr(together, "_STATES_MAX", 5)
    monkeypatch.setattr(together, "_WORDS_MAX", 5)
    monkeypatch.setattr(phrases, "_STATES_MAX", 5)
    monkeypatch.setattr(phrases, "_WORDS_MAX", 5)
    small = Together(RULES)
    assert [as_one(small, words_of(text)) for text in texts] == known
