"""Free text is never stolen: no sentence that people write to people is taken for a command, in any situation."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from smsmentor.core.model import Member
from smsmentor.core.understand.parse import bare, nearest
from tests.rigs import base_knowledge
from tests.situations import NAMES, Played, situation

CORPUS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("advice_corpus.toml").read_text("utf-8"))
SENTENCES = [(lang, text) for lang, texts in CORPUS.items() for text in texts]
TAKES_ANY_WORDS = {"mentee_report": "operator", "mentor_practice": "answer"}
"""Situations in which we asked for words: what happened, and the practice answer."""
IS_THE_ANSWER = {
    ("mentee_checkin", text)
    for text in (
        "not yet, but soon i hope",
        "Practice interview went badly",
        "Done all of it and she still ignores me",
        "About that raise, he said no",
        "in the end it worked out",
        "later that day she apologised",
        "thanks but that didnt help, he still says no",
        "I took a pause and it helped",
        "stop all meetings on fridays, that helped us",
        "Done that, did not help",
        "Forget it, he will not change",
        "it helped my sister",
        "I talked to her and she said sorry",
        "volvi a estudiar y me fue bien",
        "mas tarde le digo",
        "listo, se lo dije y se enojo",
        "final feliz: me dieron el puesto",
        "gracias pero no me sirvio, sigue igual",
        "todavia no le digo nada",
        "me ayudo mucho escribirlo",
        "gracias pero eso ya lo probe y no sirvio",
    )
}
"""What is advice elsewhere, and here just what we asked for: how it went."""
NOTHING_TO_DO = ("mentor_idle", "mentor_paused", "mentor_filled", "opted_out", "opted_out_mentor")
SETTINGS = ("state", "mentor", "alias", "field", "employer", "topics", "zone", "wants_outside", "hours", "offers_a_day",
            "offers_a_week", "open_limit", "paused", "checkins", "lang_fixed")  # fmt: skip


def what_was_stolen(name: str, played: Played) -> str:
    """Empty when the text was left to be what it is."""
    kind = played.outcome.split()[0]
    if kind in ("request", "relayed", "held"):
        return changed(name, played)
    if TAKES_ANY_WORDS.get(name) == kind:
        return ""
    if name in NOTHING_TO_DO and kind in ("clarified", "ignored"):
        return changed(name, played)
    return f"{played.outcome} ({played.reason})"


def changed(name: str, played: Played) -> str:
    """Which settings of the sender the text has changed."""
    before = situation(name).member()
    if before is None:
        return ""
    after = played.turn.need(Member, before.id)
    return ", ".join(f"{field} is another" for field in SETTINGS if getattr(before, field) != getattr(after, field))


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_is_taken_for_a_command(name: str) -> None:
    here = situation(name)
    wrong = [
        f"{lang} {text!r}: {stolen}"
        for lang, text in SENTENCES
        if (name, text) not in IS_THE_ANSWER
        and (stolen := what_was_stolen(name, here.text(text, verbatim=True, lang=lang)))
    ]
    assert not wrong, f"{len(wrong)} of {len(SENTENCES)} in {name}:\n" + "\n".join(wrong)


def test_the_corpus_is_large_and_speaks_both_languages() -> None:
    assert len(SENTENCES) >= 300
    assert len({text for _, text in SENTENCES}) == len(SENTENCES)
    assert min(len(texts) for texts in CORPUS.values()) >= 100


@pytest.mark.parametrize("lang", sorted(CORPUS))
def test_no_everyday_word_is_taken_for_a_mistyped_keyword(lang: str) -> None:
    knowledge = base_knowledge()
    keywords, common = knowledge.words.keywords(lang), knowledge.yes_no(lang)["common"]
    words = {word for text in CORPUS[lang] for word in bare(text).split()} - set(keywords)
    taken = {word: near for word in words if (near := nearest(word, keywords, common))}
    assert not taken, f"add these to [words].common of {lang}.toml: {taken}"
