"""Automata run as one never miss what one of them says alone, nor what it would say about the end of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand import phrases, together
from smsmentor.core.understand.phrases import Phrases, words_of
from smsmentor.core.understand.together import Together, Where
from tests.core.recognisers import pairs, tables

TABLES = tables()
WHERE: dict[str, Where] = {"clear": "found", "whole": "whole", "crisis": "anywhere", "insult": "found"}
RULES = [
    (Phrases(rules, table["groups"]), WHERE[name])
    for table in TABLES.values()
    for name, rules in (
        ("clear", {"clear": table["optout"]["clear"]}),
        ("whole", {"whole": [*table["carrier"]["stop"], *table["optout"]["whole"]]}),
        ("crisis", table["crisis"]["self"]),
        ("insult", table["abuse"]["insult"]),
    )
]
NAMES = ("carrier", "safety", "reactions")
TELLING = sorted({word for name in NAMES for _, text in pairs(name) for word in text.split()})
SIGNS = [".", "?", "...", " ", "\n", "-", "_", "_.", "*", "'", '"', "¿", "é", "ñ", "😀", "🛑", "7a", "K43:", "\u2003"]


def joined(rules: list[tuple[Phrases, Where]]) -> Together:
    joint = Together()
    assert [joint.add(part, where) for part, where in rules] == [1 << number for number in range(len(rules))]
    return joint


TOGETHER = joined(RULES)


def alone(rules: list[tuple[Phrases, Where]], text: str) -> int:
    """The bits of the automata that say something, each asked by itself."""
    words = words_of(text)
    said = [word for word in words if word[0].isalnum()]
    return sum(
        1 << number
        for number, (part, where) in enumerate(rules)
        if (part.whole(said) if where == "whole" else list(part.find(words)))
    )


def misses(rules: list[tuple[Phrases, Where]], joint: Together, text: str) -> int:
    """What the automata say alone and is not seen by them as one."""
    return alone(rules, text) & ~joint.fits(text)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_missed_in_a_text_of_the_tables(name: str) -> None:
    for _, text in pairs(name):
        assert not misses(RULES, TOGETHER, text), text


@pytest.mark.parametrize("name", NAMES)
def test_hardly_anything_is_seen_that_is_not_there(name: str) -> None:
    exact = [number for number, (_, where) in enumerate(RULES) if where != "anywhere"]
    bits = sum(1 << number for number in exact)
    for _, text in pairs(name):
        assert TOGETHER.fits(text) & bits == alone(RULES, text) & bits, text


@given(st.lists(st.sampled_from(TELLING + SIGNS * 20), max_size=30), st.sampled_from([" ", " ", ""]))
def test_nothing_is_missed_in_any_order_of_telling_words(words: list[str], between: str) -> None:
    assert not misses(RULES, TOGETHER, between.join(words))


@given(st.text(max_size=200))
def test_nothing_is_missed_in_any_text(text: str) -> None:
    assert not misses(RULES, TOGETHER, text)


@given(st.lists(st.sampled_from(["ab", "abb", "cd", "xy", "7", "77", "🔪", "👍", "_x", ".", "?", "_."]), max_size=8))
def test_a_sign_that_only_one_automaton_knows_is_passed_over_by_the_others(words: list[str]) -> None:
    rules: list[tuple[Phrases, Where]] = [
        (Phrases({"sign": ["🔪 ab", "cd 🔪"]}, {}), "found"),
        (Phrases({"none": ["ab cd", "^ ab* $"]}, {}), "found"),
        (Phrases({"other": ["👍 _ ##", "~cd 👍?"], "empty": ["xy?"]}, {}), "found"),
        (Phrases({"whole": ["👍 ab", "ab 7?3", "xy?"]}, {}), "whole"),
        (Phrases({"begun": ["^ ab cd", "(ab|^ xy|^) 7 $", "^ 🔪 ab"]}, {}), "anywhere"),
    ]
    assert not misses(rules, joined(rules), " ".join(words))


@given(st.lists(st.sampled_from([*"abcxyz", "b.", "c?", ".a", ".", "_"]), max_size=10), st.integers(0, 9))
def test_the_end_of_a_text_cannot_say_more_than_the_text(words: list[str], cut: int) -> None:
    rules: list[tuple[Phrases, Where]] = [
        (Phrases({"one": ["^ a b", "^ (x|y?) z $"], "two": ["(a|^) _ c", "^ x?2 b", "b ^ c"]}, {}), "anywhere")
    ]
    joint = joined(rules)
    assert joint.fits(" ".join(words)) or not alone(rules, " ".join(words[cut:]))


def test_what_is_forgotten_is_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for _, text in pairs("safety")][:60]
    known = [TOGETHER.fits(text) for text in texts]
    for module, name in (
        (together, "_STATES_MAX"),
        (together, "_WORDS_MAX"),
        (together, "_CHUNKS_MAX"),
        (phrases, "_STATES_MAX"),
        (phrases, "_WORDS_MAX"),
    ):
        monkeypatch.setattr(module, name, 5)
    small = joined(RULES)
    assert [small.fits(text) for text in [*texts, *reversed(texts)]] == [*known, *reversed(known)]


def test_a_text_of_words_never_heard_before_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_CHUNKS_MAX", 50)
    joint = joined(RULES)
    for number in range(300):
        joint.fits(f"word{number} {'long' * number} q.{number}")
    assert len(joint._chunks) <= 51
    assert max(map(len, joint._chunks)) <= together._CHUNK_LONGEST
