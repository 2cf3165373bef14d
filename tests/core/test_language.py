"""Which language a text is written in: short texts, without accents, about anything."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.rigs import base_knowledge

CORPUS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).parents[1].joinpath("advice_corpus.toml").read_text("utf-8")
)
OTHER = {"en": "es", "es": "en"}
LANGUAGES = base_knowledge().languages


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
