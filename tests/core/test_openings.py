"""One look at the first word decides nothing that a reading of the whole text would decide otherwise."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsmentor.core.understand import parse
from smsmentor.core.understand.openings import indexed
from tests.rigs import base_knowledge

KNOWLEDGE = base_knowledge()
LANGUAGES = KNOWLEDGE.words.languages
PIECES = sorted(
    {word for lang in LANGUAGES for phrase in KNOWLEDGE.words.keywords(lang) for word in (phrase, *phrase.split())}
    | {phrase for lang in LANGUAGES for phrase in KNOWLEDGE.yes_no(lang)["polite"]}
)
SLIPS = st.sampled_from(PIECES).flatmap(
    lambda word: st.integers(0, len(word)).map(lambda place: word[:place] + "e" + word[place + 1 :])
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), SLIPS, st.text(max_size=6)), max_size=6).map(" ".join)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_text_calls_what_it_calls_when_it_is_read_to_the_end(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keywords, lists = KNOWLEDGE.words.keywords(lang), KNOWLEDGE.yes_no(lang)

    @given(TEXTS)
    @example("")
    @example("i pass, thanks")
    @example("hello, mroe please")
    def read(text: str) -> None:
        soon = list(parse.calls(text, keywords, lists))
        with monkeypatch.context() as patch:
            patch.setattr(parse, "_may_call", lambda *_: True)
            assert list(parse.calls(text, keywords, lists)) == soon

    read()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_nearest_keyword_is_the_one_among_all(lang: str) -> None:
    keywords = KNOWLEDGE.words.keywords(lang)

    @given(st.one_of(SLIPS, st.text(max_size=12)))
    @example("mroe")
    def read(word: str) -> None:
        found = {
            keywords[keyword]: keyword
            for keyword in keywords
            if len(word) >= 3 and len(keyword) >= 4 and keyword[0] == word[0]
            if parse.one_slip(word, keyword) and not (word == f"{keyword}s" and not keyword.endswith("s"))
        }
        assert parse.nearest(word, keywords) == (next(iter(found.values())) if len(found) == 1 else None)

    read()


def test_a_mapping_that_has_grown_is_read_again() -> None:
    keywords = {"more": "more"}
    assert indexed(keywords).firsts == {"more"}
    keywords["pass on"] = "pass"
    assert indexed(keywords).firsts == {"more", "pass"}
