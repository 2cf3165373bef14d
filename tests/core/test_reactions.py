"""Phone reactions and automatic answers: told apart from a person's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.reactions import Reactions
from tests.core.recognisers import pairs, tables


class Everything(set[str]):
    """Holds whatever is asked for: no text is passed by for how it begins."""

    def __contains__(self, _: object) -> bool:
        return True


REACTIONS = Reactions(tables())
LONG_WAY = Reactions(tables())
LONG_WAY._beginnings = Everything()
TELLING = sorted({word for _, text in pairs("reactions") for word in text.split()})
KINDS = {"liked", "loved", "disliked", "laughed", "emphasized", "questioned", "reacted", "removed", "auto"}


@pytest.mark.parametrize(("kind", "text"), pairs("reactions"))
def test_a_text_is_the_reaction_that_the_table_says(kind: str, text: str) -> None:
    assert REACTIONS.read(text) == (None if kind == "own" else kind)


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    assert REACTIONS.read(text) in KINDS | {None}


@given(
    st.lists(st.sampled_from([*TELLING, *["@", "👍", "“", ":", "_", ".", "é"] * 9]), max_size=6), st.text(max_size=2)
)
def test_no_reaction_is_missed_for_how_a_text_begins(words: list[str], before: str) -> None:
    for text in (" ".join(words), "".join(words), before + " ".join(words)):
        assert REACTIONS.read(text) == LONG_WAY.read(text), text


@pytest.mark.parametrize("reactions", [{"liked": ['"*"']}, {"liked": ['I @ "*"']}])
def test_a_form_that_could_be_missed_is_refused(reactions: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="reactions: "):
        Reactions({"en": {"reactions": reactions}})
