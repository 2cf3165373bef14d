"""Short answers to what we asked somebody: a digit, a word with politeness around it, a command alone."""

from __future__ import annotations

from smsmentor.core.model import Member
from smsmentor.core.turn import Turn
from smsmentor.core.understand import parse

DIGITS_OF_AN_ANSWER = 2
"""Up to so many digits alone, when nothing was asked, are an answer that comes too late, and no question."""


def digit(turn: Turn, member: Member, text: str) -> str | None:
    """The digit that a text is, also as a word: `the second one`."""
    names = {**turn.knowledge.ordinals(member.lang), **turn.knowledge.numbers(member.lang)}
    return parse.digit(text, turn.knowledge.yes_no(member.lang), names)


def is_digits(bare: str) -> bool:
    """Whether bare words are no more than an answer in digits."""
    return bare.isdecimal() and len(bare) <= DIGITS_OF_AN_ANSWER


def kept_words(turn: Turn, member: Member, text: str) -> str:
    """The words of a text without politeness around them."""
    return parse.kept_words(text, turn.knowledge.yes_no(member.lang)["polite"])


def after_yes(said: str, lists: parse.Lists) -> str:
    """Bare words without a `yes` in front of them: `yes send it`."""
    first, _, rest = said.partition(" ")
    return rest if rest and first in lists["yes"] else said


def called(turn: Turn, member: Member, text: str) -> str | None:
    """The command that a text is, and nothing else: `more please`, `mroe`."""
    keywords = turn.knowledge.words.keywords(member.lang)
    for call in parse.calls(text, keywords, turn.knowledge.yes_no(member.lang)):
        if not call.rest:
            return call.command
    return None
