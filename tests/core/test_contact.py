"""Contact details: found in figures and in words, with salaries, years and scores left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.contact import Contacts
from tests.core.recognisers import rows, tables

ROWS = rows("contact")
CONTACTS = Contacts(tables(), allowed_sites=["peerline.org"])


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
