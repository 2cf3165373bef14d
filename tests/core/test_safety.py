"""Crisis, danger, threats, abuse and fishing: found in people's words, with no idiom taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmentor.core.understand.phrases import Phrases, words_of
from smsmentor.core.understand.safety import LEVELS, Safety
from tests.core.recognisers import pairs, tables

TABLES = tables()
SAFETY = Safety(TABLES)
TELLING = sorted({word for _, text in pairs("safety") for word in text.split()})


def long_way(text: str) -> set[tuple[str, str, str]]:
    """The alarms of a text as all rules see it that know no other text."""
    return {(level, rule, lang) for _, lang, rules in SAFETY._languages for level, rule in rules.fired(words_of(text))}


def short_way(text: str) -> set[tuple[str, str, str]]:
    return {(alarm.level, alarm.rule, alarm.language) for alarm in SAFETY.alarms(text)}


@pytest.mark.parametrize(("level", "text"), pairs("safety"))
def test_the_most_severe_alarm_of_a_text_is_what_the_table_says(level: str, text: str) -> None:
    alarms = SAFETY.alarms(text)
    assert [alarm.level for alarm in alarms[:1]] == ([] if level == "harmless" else [level]), alarms


def test_an_alarm_names_the_rule_and_the_language_of_its_data() -> None:
    for alarm in SAFETY.alarms("i want to die. me quiero morir. my husband hits me. ur an idiot"):
        table, part = LEVELS[alarm.level]
        assert alarm.rule in TABLES[alarm.language][table][part]


def test_several_alarms_come_with_the_most_severe_first() -> None:
    levels = [alarm.level for alarm in SAFETY.alarms("you are an idiot and i want to die")]
    assert levels == ["crisis", "abuse"]


def test_a_saying_excuses_only_the_words_that_it_shares() -> None:
    assert not SAFETY.alarms("this deadline is killing me")
    assert SAFETY.alarms("this deadline is killing me. honestly i want to kill myself")


@pytest.mark.parametrize(
    "text",
    ["I DON’T WANT TO LIVE", "i dont  want\u200b to live", "i don t want to live", "idk. i dnt wanna live"],
)
def test_apostrophes_spaces_and_capitals_hide_nothing(text: str) -> None:
    assert [alarm.level for alarm in SAFETY.alarms(text)] == ["crisis"]


@pytest.mark.parametrize("phrase", ["(a", "a)", "?", "<nobody>", "(a|b", "(a)*"])
def test_a_phrase_with_a_mistake_is_refused_by_name(phrase: str) -> None:
    with pytest.raises(ValueError, match=r"phrase"):
        Phrases({"rule": [phrase]}, {})


def test_a_phrase_finds_what_its_notation_says() -> None:
    phrases = Phrases({"rule": ["(take|took) <all>? _?2 pill* ~tonight $"]}, {"all": "all (of)? the"})
    for text in ("take pills tonight", "took all of the pills tonigt", "he took my old pills, tonight!"):
        words = [".", *text.replace(",", "").replace("!", "").split(), "."]
        assert [found.rule for found in phrases.find(words)] == ["rule"]
    assert not list(phrases.find(["take", "pills"]))


@given(st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    assert all(alarm.rule for alarm in SAFETY.alarms(text))


@given(
    st.lists(
        st.sampled_from(
            (
                "i",
                "want",
                "to",
                "die",
                "my",
                "friend",
                "kill",
                "you",
                "send",
                "me",
                "code",
                "not",
                ".",
                "10",
                "he",
            )
        ),
        max_size=120,
    )
)
def test_no_order_of_telling_words_raises(words: list[str]) -> None:
    assert all(alarm.level in LEVELS for alarm in SAFETY.alarms(" ".join(words)))


@pytest.mark.parametrize("before", ["K43 ", "A: ", "k43. ", "so\n", "é ", "(K43) ", "x", "'"])
def test_a_text_without_what_stood_before_it_has_the_alarms_of_its_own(before: str) -> None:
    for _, text in pairs("safety"):
        for said in (before + text, text, text.partition(" ")[2]):
            assert short_way(said) == long_way(said), said


@given(
    st.lists(st.sampled_from([*TELLING, *[".", "?", "\n", "é", "_", "'", "K43:", '"'] * 9]), max_size=20),
    st.lists(st.integers(0, 100), max_size=3),
)
def test_no_part_of_a_text_loses_an_alarm_because_the_whole_had_none(words: list[str], cuts: list[int]) -> None:
    text = " ".join(words)
    for said in (text, *(text[cut:] for cut in cuts), *(" ".join(words[cut % 20 :]) for cut in cuts)):
        assert short_way(said) == long_way(said), said


def test_what_begins_a_sentence_only_when_it_stands_alone_is_not_missed() -> None:
    safety = Safety({"en": {"crisis": {"self": {"bye": ["^ so long $"]}}}})
    assert not safety.alarms("he was away so long")
    assert [alarm.rule for alarm in safety.alarms("so long")] == ["bye"]
    assert not safety.alarms("")
