"""Contact details: found in figures and in words, with salaries, years and scores left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsmentor.core.understand import contact
from smsmentor.core.understand.contact import Contacts
from tests.core.recognisers import rows, tables

ROWS = rows("contact")
CONTACTS = Contacts(tables(), allowed_sites=["peerline.org"])
FOUND = [text for text, _, _ in ROWS["found"]]
WORDS = sorted(
    {
        word
        for table in tables().values()
        for words in table["contact"].values()
        for phrase in words
        for word in phrase.split()
    }
    | {word for text in FOUND for word in text.split()}
)


@pytest.mark.parametrize(("text", "kind", "words"), ROWS["found"])
def test_a_detail_is_found_where_it_stands(text: str, kind: str, words: str) -> None:
    assert [(detail.kind, text[detail.start : detail.end]) for detail in CONTACTS.find(text)] == [(kind, words)]


@pytest.mark.parametrize("text", ROWS["nothing"])
def test_ordinary_figures_and_words_are_left_alone(text: str) -> None:
    assert CONTACTS.find(text) == ()


@pytest.mark.parametrize("text", ROWS["allowed"])
def test_links_to_the_listed_sites_pass(text: str) -> None:
    assert CONTACTS.without(text) == text


def test_another_site_that_only_ends_alike_does_not_pass() -> None:
    assert CONTACTS.without("see notpeerline.org or peerline.org.example.com") == "see [removed] or [removed]"


def test_what_is_left_reads_on() -> None:
    assert CONTACTS.without("call me on 555 0123 and we sort it") == "call me on [removed] and we sort it"


def test_several_details_are_all_removed() -> None:
    text = "555 0123, jane@example.com, insta: janedoe, https://example.com"
    assert CONTACTS.without(text) == "[removed], [removed], insta: [removed], [removed]"


@given(st.text(max_size=400))
def test_details_never_overlap_and_lie_in_the_text(text: str) -> None:
    at = 0
    for detail in CONTACTS.find(text):
        assert at <= detail.start < detail.end <= len(text)
        at = detail.end


@given(st.text(alphabet="0123456789 -.()+@/:ab", max_size=300))
def test_no_heap_of_figures_raises(text: str) -> None:
    assert isinstance(CONTACTS.without(text), str)


@pytest.mark.parametrize("text", FOUND)
@pytest.mark.parametrize("form", ["{}", "¿{}?", "é {} 👍", "ſ {}", "{}İ"])
def test_a_text_with_a_detail_is_always_looked_at(text: str, form: str) -> None:
    for worded in (text, text.upper(), text.title()):
        assert CONTACTS.may_hold(form.format(worded)) or not list(CONTACTS._all(form.format(worded)))


@settings(max_examples=1000)
@given(
    st.lists(
        st.one_of(st.sampled_from(WORDS), st.sampled_from([*" .@:/-,éñ²٣", "İ", "ſ", "K"]), st.text(max_size=3)),
        max_size=12,
    ),
    st.sampled_from(["", " ", " ", ". "]),
)
@example(["é", "t", "me", "slashjane"], " ")
@example(["ſeven", "ſeven", "ſeven", "one", "two", "four", "nine"], " ")
def test_a_text_that_is_not_looked_at_holds_no_detail(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    assert CONTACTS.may_hold(text) or not list(CONTACTS._all(text)), text


def test_usual_letters_count_as_one_another_only_when_they_are_the_same_in_lower_case() -> None:
    letters = {
        letter for word in [*WORDS, contact._SERVICES, contact._PROVIDERS] for letter in word if letter.isalpha()
    }
    any_letter = re.compile(f"[{''.join(sorted(letters))}]", re.IGNORECASE)
    lower = {letter.lower() for letter in letters}
    usual = [c for c in map(chr, range(0x110000)) if contact._USUAL.fullmatch(c)]
    assert all(c.lower() in lower for c in usual if any_letter.fullmatch(c))


@settings(max_examples=500)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from([*"-._'\"\t\x1c"]), st.text(max_size=3)), max_size=12)
)
def test_a_text_is_looked_at_when_its_pieces_say_so_and_only_then(pieces: list[str]) -> None:
    for text in (" ".join(pieces), "".join(pieces)):
        assert CONTACTS.may_hold(text) == CONTACTS._may_hold(text), text


def test_pieces_of_texts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_CHUNKS_MAX", 20)
    contacts = Contacts(tables())
    for number in range(100):
        contacts.may_hold(f"word{'x' * number} {'y' * number}")
    assert len(contacts._weights) <= 21
    assert max(map(len, contacts._weights)) <= contact._CHUNK_LONGEST
