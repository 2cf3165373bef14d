"""Topic matching: labelled questions, skills, the pool's own topics, and texts that belong to no topic."""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsmentor.core.understand import topics as module
from smsmentor.core.understand.topic_book import Branch
from smsmentor.core.understand.topic_words import words_of
from smsmentor.core.understand.topics import Topics

ROOT = Path(__file__).parents[2]
TABLE: dict[str, Any] = tomllib.loads((ROOT / "data" / "topics.toml").read_text(encoding="utf-8"))
ROWS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("topics.toml").read_text(encoding="utf-8"))
NONE: list[str] = ROWS["none"] + ROWS["later_none"]


@pytest.fixture(scope="module")
def topics() -> Topics:
    return shared()


@cache
def shared() -> Topics:
    return Topics(TABLE)


def hits(topics: Topics, rows: Iterable[list[str]], among: int) -> float:
    """The share of rows that have a right topic among the first so many."""
    found = [any(match.topic in right.split() for match in topics.match(text, among)) for text, right in rows]
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("rows", "first", "three"),
    [
        ("direct", 0.96, 0.99),
        ("indirect", 0.97, 0.99),
        ("later", 0.97, 0.99),
        ("spanish", 0.97, 0.99),
        ("later_spanish", 0.95, 0.99),
        ("unseen", 0.75, 0.95),
    ],
)
def test_the_right_topic_of_a_labelled_question_comes_first(
    topics: Topics, rows: str, first: float, three: float
) -> None:
    assert hits(topics, ROWS[rows], 1) >= first
    assert hits(topics, ROWS[rows], 3) >= three


def test_the_labelled_rows_name_only_topics_of_the_table_and_each_text_once(topics: Topics) -> None:
    labelled = [row for kind, rows in ROWS.items() if "none" not in kind for row in rows]
    texts = [text for text, _ in labelled] + NONE
    assert len(texts) == len(set(texts))
    assert {topic for _, right in labelled for topic in right.split()} == set(topics.names)


@pytest.mark.parametrize("half", [0, 1])
def test_texts_of_no_topic_mostly_go_to_the_general_pool(topics: Topics, half: int) -> None:
    texts = NONE[half::2]
    wrong = [text for text in texts if topics.best(text)]
    assert len(wrong) / len(texts) <= 0.25, wrong


def test_a_question_that_is_matched_is_seldom_sent_to_a_wrong_topic(topics: Topics) -> None:
    labelled = [row for kind in ("direct", "indirect", "spanish", "later") for row in ROWS[kind]]
    bests = [(topics.best(text), right) for text, right in labelled]
    assert sum(best is None for best, _ in bests) / len(bests) <= 0.04
    assert sum(best is not None and best.topic not in right.split() for best, right in bests) <= 10


@pytest.mark.parametrize("text", ["", " ", "???", "\u200b", "😀😀", "👍🏽", "hi", "thanks!!", "12345"])
def test_a_text_without_words_of_meaning_has_no_topic(topics: Topics, text: str) -> None:
    assert topics.best(text) is None


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("RAISE???", "pay"),
        ("soooo stresssssed", "stress"),
        ("my resumé", "resume"),
        ("enterview tips pls", "interviews"),
        ("spredsheet help", "spreadsheets"),
        ("I can’t sleep", "stress"),
        ("presntation on friday", "speaking"),
        ("c++ or c#", "code"),
        ("mi boss me grita", "boss"),
        ("ENTREVISTA MAÑANA", "interviews"),
    ],
)
def test_capitals_typos_accents_and_mixed_languages_are_read(topics: Topics, text: str, topic: str) -> None:
    best = topics.best(text)
    assert best is not None
    assert best.topic == topic


def test_a_longer_phrase_beats_the_words_inside_it(topics: Topics) -> None:
    best = topics.best("want to be my own boss")
    assert best is not None
    assert (best.topic, best.because[0]) == ("business", "own boss")


def test_words_joined_by_plus_count_wherever_they_stand() -> None:
    table = {"topics": {"boss": {"name": {"en": "bosses"}, "sure": {"en": "credit + boss"}}}}
    topics = Topics(table)
    assert [match.topic for match in topics.match("the credit always goes to my boss")] == ["boss"]
    assert [match.topic for match in topics.match("boss credit")] == ["boss"]
    assert topics.best("my boss is great") is None


def test_scores_lie_between_0_and_1_and_fall(topics: Topics) -> None:
    for text, _ in ROWS["direct"]:
        scores = [match.score for match in topics.match(text, limit=22)]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


def test_match_gives_at_most_so_many(topics: Topics) -> None:
    text = "interview for a job, my resume, the pay and my boss"
    assert len(topics.match(text)) == 3
    assert len(topics.match(text, limit=1)) == 1
    assert topics.match(text, limit=0) == []


def test_two_tables_alike_answer_alike(topics: Topics) -> None:
    other = Topics(TABLE)
    assert all(topics.match(text) == other.match(text) for text, _ in ROWS["later"])


@pytest.mark.parametrize(
    ("skills", "expected", "unknown"),
    [
        ("time management, interviews; goals", ("time", "interviews", "goals"), ()),
        ("difficult bosses and coworkers", ("boss",), ()),
        ("Pay", ("pay",), ()),
        ("entrevistas, curriculum", ("interviews", "resume"), ()),
        ("excel, nursing 12 yrs", ("spreadsheets",), ("nursing",)),
        ("personal finance and taxes", ("money",), ()),
        ("welding | resume writing & interviews", ("resume", "interviews"), ("welding",)),
        ("programing, spredsheets", ("code", "spreadsheets"), ()),
        ("toastmasters 9 years", ("feedback", "speaking"), ()),
        ("contabilidad, madre de 3", ("spreadsheets", "money", "family"), ()),
        ("", (), ()),
        (" , ;12 yrs", (), ()),
    ],
)
def test_a_mentors_skills_become_topics_and_the_rest_is_kept(
    topics: Topics, skills: str, expected: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    assert topics.expand(skills) == expected
    assert topics.unknown(skills) == unknown


def test_hr_stands_for_the_topics_that_people_of_hr_know(topics: Topics) -> None:
    assert {"interviews", "resume", "jobs"} <= set(topics.expand("hr"))


def test_every_id_name_and_label_means_its_own_topic_first(topics: Topics) -> None:
    for topic, about in TABLE["topics"].items():
        for spelling in (topic, *about["name"].values(), *about["label"].values()):
            assert topics.expand(spelling)[:1] == (topic,), spelling


@pytest.mark.parametrize(
    ("skills", "expected", "own"),
    [
        ("nursing 12 yrs, time management, Excel", ("time", "spreadsheets"), ("nursing",)),
        ("welding and soldering", (), ("welding", "soldering")),
        ("horse care; dog training; soccer coaching", (), ("horse care", "dog training", "soccer coaching")),
        ("safety at work, union organizing", (), ("safety at work", "union organizing")),
        ("immigration papers", (), ("immigration papers",)),
        ("apprenticeship", ("change",), ("apprenticeship",)),
        ("soldadura, sueldo", ("pay",), ("soldadura",)),
        ("work, new things, help", (), ()),
        ("", (), ()),
    ],
)
def test_skills_that_no_topic_surely_means_are_topics_of_their_own(
    topics: Topics, skills: str, expected: tuple[str, ...], own: tuple[str, ...]
) -> None:
    assert topics.expand(skills) == expected
    assert topics.own(skills) == own


def test_labels_are_short_in_both_languages_and_fall_back(topics: Topics) -> None:
    assert (topics.label("pay"), topics.label("pay", "es"), topics.label("pay", "fr")) == (
        "pay",
        "sueldo",
        "pay",
    )
    assert topics.label("unheard of") == "unheard of"
    assert all(len(topics.label(topic, language)) <= 12 for topic in topics.names for language in ("en", "es"))


def test_an_operators_topic_needs_a_name_and_words_only() -> None:
    table = {"topics": {"garden": {"name": {"en": "gardening"}, "sure": {"en": "tomato, my plants"}}}}
    topics = Topics(table)
    assert [match.topic for match in topics.match("tomatoes turn yellow")] == ["garden"]
    assert topics.label("garden", "es") == "gardening"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "topics"),
        ({"topics": {}}, "topics"),
        ({"topics": {"a": {"sure": {"en": "x"}}}}, "topics.a: needs a name"),
        ({"topics": {"a": {"name": {"en": "a"}, "sure": "x"}}}, "topics.a.sure: needs words per language"),
        ({"topics": {"a": {"name": {"en": "a"}, "shure": {"en": "x"}}}}, "topics.a.shure: not one of"),
        ({"topics": {"a": {}, "b": {}}}, "topics.b"),
        ({"topics": {"a": "gardening"}}, "topics.a: needs a name"),
        ({"topics": {"a": {"name": "gardening"}}}, "topics.a: needs a name"),
    ],
)
def test_a_wrong_table_is_refused_with_every_mistake(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Topics(table)


@pytest.mark.parametrize(
    ("skill", "question"),
    [
        ("welding", "is a welder cert worth it"),
        ("trucking", "how do truckers sleep on the road"),
        ("sourdough baking", "i want to be a baker"),
        ("enfermeria", "quiero ser enfermera, por donde empiezo"),
        ("soldadura", "cuanto gana un soldador"),
        ("immigration papers", "my immigration papers expire"),
    ],
)
def test_a_trade_is_found_by_who_is_in_it(topics: Topics, skill: str, question: str) -> None:
    asked = set(topics.asked_stems(question))
    assert any(asked.intersection(forms) for forms in topics.stems(skill))


@given(st.text(alphabet=st.characters(max_codepoint=127, exclude_characters="/"), max_size=200))
@example("c++ a#b##c #4 aaab '`x` 12abc")
def test_plain_words_are_read_as_the_same_words_again(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


@pytest.mark.parametrize("rows", ["direct", "indirect", "spanish", "unseen", "none"])
def test_the_best_topic_is_the_first_of_all(topics: Topics, rows: str) -> None:
    for text in (row if isinstance(row, str) else row[0] for row in ROWS[rows]):
        assert topics.best(text) in (None, *topics.match(text, 1))


TEXTS = [row if isinstance(row, str) else row[0] for rows in ROWS.values() for row in rows]
SHORT = [
    "u",
    "w/",
    "w/o",
    "ur",
    "boss",
    "raise",
    "my",
    "w///o",
    "ppl",
    "lol",
    "MAÑANA",
    "™",
    "ǅ",
    "sooo",
    "c++",
    "/",
    "'",
]


@given(st.lists(st.sampled_from(SHORT) | st.text(max_size=8), max_size=140), st.sampled_from([" ", "", ", "]))
def test_words_that_are_not_read_again_would_be_the_same_words(words: list[str], between: str) -> None:
    topics = shared()
    read = topics._read(between.join(words))
    if any(word.doubtful for word in read):
        return
    again = topics._read(" ".join(word.spelled for word in read))
    repaired = topics._repaired(between.join(words))
    assert [word.spelled for word in repaired] == [word.spelled for word in again]


def test_entries_are_found_with_and_without_the_ignored_words_inside(topics: Topics) -> None:
    entries = [dict(branches(book.tree)) for book in topics._books]
    for text in TEXTS[::3]:
        words = topics._read(text)
        telling = [place for place, word in enumerate(words) if word.telling]
        for language, found in enumerate(topics._entries_in(words)):
            expected: dict[tuple[int, int, Branch], None] = {}
            for places in (telling, range(len(words))):
                for first in range(len(places)):
                    for run in (places[first:last] for last in range(first + 1, len(places) + 1)):
                        branch = entries[language].get(tuple(words[place].stems[language] for place in run))
                        if branch and branch.signs and len(run) <= module.LONGEST_PHRASE:
                            expected[run[0], run[-1] + 1, branch] = None
            assert found == list(expected), text


def branches(tree: dict[str, Branch], before: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Branch]]:
    for stem, branch in tree.items():
        yield (*before, stem), branch
        yield from branches(branch.after, (*before, stem))


def test_what_words_lean_to_is_added_up_topic_by_topic(topics: Topics) -> None:
    for text in TEXTS[::3]:
        telling = [word for word in topics._read(text) if word.telling]
        weights: dict[str, float] = {}
        for language in sorted(topics._spoken(telling)):
            for word in dict.fromkeys(word.spelled for word in telling):
                book = topics._books[language]
                for topic, weight in book.leanings(book.stem(word)).items():
                    weights[topic] = weights.get(topic, 0.0) + weight
        usual = sum(weights.values()) / len(topics.names)
        above = {topic: module.LEANING * (weight - usual) for topic, weight in weights.items() if weight > usual}
        assert list(topics._leaning(telling).items()) == list(above.items())


def test_few_words_are_kept_and_forgetting_them_changes_nothing(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORDS_KEPT", 10)
    forgetful = Topics(TABLE)
    for text in TEXTS[::5]:
        assert forgetful.match(text) == topics.match(text)
        assert len(forgetful._reading) <= 10 + module.WORDS_READ


def test_a_long_word_is_no_slip_of_a_short_one_and_costs_no_search(topics: Topics) -> None:
    book = topics._books[0]
    assert book.repair("intervieww") == book.stem("interview")
    assert book.repair("interview" * 200) is None
