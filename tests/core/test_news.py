"""News of a question that is over is told from a new question."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.rigs import base_knowledge

NEWS = base_knowledge().news
ROWS = tomllib.loads(Path(__file__).with_name("news.toml").read_text(encoding="utf-8"))["texts"]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_a_text_is_news_a_question_or_neither(text: str, expected: str) -> None:
    assert (NEWS.read(text) or ("asks" if NEWS.asks(text) else "-")) == expected
