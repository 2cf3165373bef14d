"""Phone reactions and automatic answers: told apart from a person's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.reactions import Reactions
from tests.core.recognisers import pairs, tables

REACTIONS = Reactions(tables())
KINDS = {"liked", "loved", "disliked", "laughed", "emphasized", "questioned", "reacted", "removed", "auto"}


@pytest.mark.parametrize(("kind", "text"), pairs("reactions"))
def test_a_text_is_the_reaction_that_the_table_says(kind: str, text: str) -> None:
    assert REACTIONS.read(text) == (None if kind == "own" else kind)


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    assert REACTIONS.read(text) in KINDS | {None}
