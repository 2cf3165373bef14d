"""The two clean forms of a text: for comparing and for passing on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.normal import _all_seen, _seen, plain, relay_text, runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  STOP\n", "stop"),
        ("I\u2019m \u201cfine\u201d", 'i\'m "fine"'),
        ("st\u200bop", "stop"),
        ("\u202estop\u202c", "stop"),
        ("\uff33\uff34\uff2f\uff30", "stop"),
        ("a\u00a0\t\r\n b", "a b"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("a\x00b", "a b"),
        ("\ud800x", "x"),
        ("", ""),
    ],
)
def test_the_plain_form_keeps_what_is_said(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I\u2019d ask \u2013 \u201cwhen?\u201d\u2026", 'I\'d ask - "when?"...'),
        ("one\ntwo\r\n\r\nthree", "one two three"),
        ("a\u00a0b\u2009c", "a b c"),
        ("\u202eabc\u202c\u2066d\u2069", "abcd"),
        ("ok \U0001f44d\U0001f3fd", "ok \U0001f44d\U0001f3fd"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\u00bfQu\u00e9 tal, ni\u00f1o?", "\u00bfQu\u00e9 tal, ni\u00f1o?"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("a\x00\x07b\ufffe\uffff\ud800", "a b"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("z\u0337\u0322" + "\u0316" * 500 + "algo", "z\u0337\u0322\u0316\u0316algo"),
        ("UPPER stays", "UPPER stays"),
        ("my \uf8ff phone", "my \uf8ff phone"),  # the apple of an iPhone's keyboard
        ("  ", ""),
    ],
)
def test_the_relayed_form_keeps_letters_and_drops_what_hides(text: str, expected: str) -> None:
    assert relay_text(text) == expected


@given(st.text(max_size=300))
def test_a_relayed_text_is_one_line_that_xml_allows(text: str) -> None:
    relayed = relay_text(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]", relayed)
    assert relayed == relayed.strip()


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert relay_text(relay_text(text)) == relay_text(text)
    assert plain(plain(text)) == plain(text)


@given(st.one_of(st.text(max_size=200), st.text(alphabet=st.characters(max_codepoint=127), max_size=200)))
def test_the_runs_of_a_text_are_its_letters_and_digits(text: str) -> None:
    assert runs(text) == re.findall(r"[^\W_]+", text)


@given(st.one_of(st.text(max_size=20), st.text(alphabet="éñ¿ \xa0\u200b\u200d\ufe0f\ufe00😀\x85\n", max_size=20)))
def test_a_text_of_which_all_is_seen_stays_as_it_is(text: str) -> None:
    assert not _all_seen(text) or text == "".join(map(_seen, text))
