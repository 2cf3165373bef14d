"""The keyword table of the README is the one that the commands and the language files give."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsmentor import keywords
from smsmentor.core.commands.table import TABLE
from tests.rigs import base_knowledge

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_has_the_keyword_table_of_the_commands() -> None:
    text = README.read_text(encoding="utf-8")
    rows = keywords.table(base_knowledge().words)
    assert keywords.put_into(text, rows) == text, "run: python -m smsmentor.keywords README.md"


def test_every_command_has_its_row_with_its_spanish_word() -> None:
    rows = keywords.table(base_knowledge().words).splitlines()
    assert len(rows) == len(TABLE) + 2
    assert "| mentor | `PASS` | not me; PASS till 6pm: nothing before then | `PASO` |" in rows


def test_a_file_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        keywords.put_into("no table here", "rows")
