"""Which language a text is written in: short texts, without accents, about anything."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand import language
from tests.rigs import base_knowledge

CORPUS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).parents[1].joinpath("advice_corpus.toml").read_text("utf-8")
)
OTHER = {"en": "es", "es": "en"}
LANGUAGES = base_knowledge().languages
WORDS = sorted({word for texts in CORPUS.values() for text in texts for word in text.split()})


def sentences(lang: str) -> list[str]:
    return [text for text in CORPUS[lang] if len(text.split()) > 3]


@pytest.mark.parametrize(("lang", "least"), [("en", 0.85), ("es", 0.95)])
def test_a_first_text_tells_its_language(lang: str, least: float) -> None:
    texts = sentences(lang)
    missed = [text for text in texts if LANGUAGES.read(text, OTHER[lang], known=False) != lang]
    assert 1 - len(missed) / len(texts) >= least, missed


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("lang", sorted(CORPUS))
def test_nobody_is_switched_to_a_language_they_do_not_write(lang: str, known: bool) -> None:
    assert not [text for text in CORPUS[lang] if LANGUAGES.read(text, lang, known=known)]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("vale la pena estudiar enfermeria", "es"),
        ("cuantas paginas debe tener mi cv", "es"),
        ("renunciar o aguantar", "es"),
        ("mi boss me grita y no se que hacer", "es"),
        ("eres un idiota", "es"),
        ("q onda", "es"),
        ("que tal", "es"),
        ("buen dia", "es"),
        ("una duda", "es"),
        ("oiga", "es"),
        ("quiubo", "es"),
        ("busco chamba", "es"),
        ("estoy desempleada", "es"),
        ("ayudenme", "es"),
        ("a tal buen boss", None),
        ("asking for a raise after one year", "en"),
        ("should i quit", "en"),
        ("excel", None),
        ("ok", None),
        ("K43", None),
        ("😀", None),
    ],
)
def test_short_and_mixed_texts(text: str, lang: str | None) -> None:
    assert LANGUAGES.read(text, OTHER.get(lang or "en", "en"), known=False) == lang


@given(
    st.lists(st.sampled_from([*WORDS, "k43", "a1que", "77", "¿", "don't", "él", "_"]), max_size=12),
    st.sampled_from([*CORPUS, "fr"]),
    st.booleans(),
)
def test_what_is_remembered_of_words_changes_nothing(words: list[str], used: str, known: bool) -> None:
    text = " ".join(words)
    again = LANGUAGES.read(text, used, known=known), LANGUAGES.read(text, used, known=known)
    LANGUAGES._silent.clear()
    alone = LANGUAGES.read(text, used, known=known)
    assert again == (alone, alone)


def test_words_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_WORDS_MAX", 20)
    for number in range(100):
        LANGUAGES.read(f"w{'x' * number} {'y' * number}", ("en", "es")[number % 2], known=True)
    kept = [word for words in LANGUAGES._silent.values() for word in words]
    assert len(kept) <= 22
    assert max(map(len, kept)) <= language._WORD_LONGEST
