"""Opt-out, opt-in and help: obeyed when meant, never read into ordinary sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.carrier import CarrierWords, _without_quotes
from tests.core.recognisers import pairs, tables

CARRIER = CarrierWords(tables())
TELLING = sorted({word for _, text in pairs("carrier") for word in text.split()})
PER_SE = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")


@pytest.mark.parametrize(("meaning", "text"), pairs("carrier"))
def test_a_text_means_to_the_carrier_what_the_table_says(meaning: str, text: str) -> None:
    assert CARRIER.read(text) == (None if meaning == "ordinary" else meaning)


@pytest.mark.parametrize("word", PER_SE)
@pytest.mark.parametrize("form", ["{}", "{}.", "{}!", " {}\n", '"{}"', "{} 🛑", "\u200b{}\u200b"])
def test_a_word_that_revokes_by_law_counts_in_any_case_and_dress(word: str, form: str) -> None:
    for text in (form.format(word), form.format(word.upper()), form.format(word.capitalize())):
        assert CARRIER.read(text) == "stop"


@pytest.mark.parametrize("word", PER_SE)
def test_a_word_that_revokes_by_law_is_reserved(word: str) -> None:
    assert word in CARRIER.words


def test_the_opt_in_and_help_words_are_reserved() -> None:
    assert {"start", "yes", "unstop", "help", "info"} <= CARRIER.words


def test_a_request_in_quotes_is_advice() -> None:
    assert CARRIER.read('send "please stop texting me" and nothing else') is None


def test_a_request_to_tell_somebody_else_is_asked_back() -> None:
    assert CARRIER.read("He writes every night. Stop texting me. That is all") == "stop?"


@given(st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    assert CARRIER.read(text) in ("stop", "start", "help", "stop?", None)


def long_way(text: str) -> set[str]:
    """What each language finds in a text by itself."""
    return CARRIER._read(text, _without_quotes(text))


@pytest.mark.parametrize("form", ["{}", '"{}"', "he said “{}”", "K43 {}", "{}?", "¡{}!", "{} 😀", "_ {}"])
def test_nothing_is_asked_of_the_carrier_that_the_first_look_misses(form: str) -> None:
    for _, text in pairs("carrier"):
        for said in (text, " ".join(text), text.swapcase()):
            assert (CARRIER.read(form.format(said)) is None) == (not long_way(form.format(said))), said


@given(
    st.lists(
        st.sampled_from([*TELLING, *['"', "“", "”", ".", "?", "s", "t", "o", "p", "\n", "é", "_", "'"] * 9]),
        max_size=20,
    ),
    st.sampled_from([" ", " ", ""]),
)
def test_no_order_of_telling_words_is_missed_by_the_first_look(words: list[str], between: str) -> None:
    text = between.join(words)
    assert (CARRIER.read(text) is None) == (not long_way(text))
