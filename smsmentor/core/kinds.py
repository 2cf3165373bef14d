"""Which of our texts bring a person's words, which are only kind, and which go before others when there is a queue."""

from __future__ import annotations

from smsmentor.core.model import OutText

RELAYED = frozenset(
    {
        "advice.first",
        "advice.late",
        "advice.more",
        "news.told",
        "offer.added",
        "offer.new",
        "offer.taken_over",
        "screen.shown",
        "thread.asks",
    }
)
"""Texts that bring a person's words: two within a minute are a conversation and no noise."""

REPLIES = frozenset({"advice.first", "advice.more", "thread.asks"})
"""Texts that bring a person's words to somebody who has written to them, or asked: the other half of a conversation."""

COURTESIES = frozenset(
    {
        "answer.thanks",
        "checkin.ask",
        "checkin.thanks",
        "checkin.thanks_for",
        "mentor.left_idle",
        "news.helped",
        "news.helped_some",
        "news.tried",
        "news.tried_some",
        "offer.filled",
        "offer.no_longer",
        "rate.thanks",
        "rate.thanks_for",
        "wait.all_asked",
        "wait.first",
        "wait.nobody_left",
        "wait.second",
    }
)
"""Texts that are kind to send and harm nobody when they are missing: the first to go when the budget runs low."""

PAGES = frozenset({"op.crisis", "op.crisis_all", "op.crisis_left", "op.crisis_untold"})
"""Texts to an operator that are repeated until one confirms."""

CRISIS = PAGES | {"crisis.again", "crisis.contacts", "crisis.contacts_only", "op.crisis_more"}
"""Texts to somebody in danger, and about them."""


def lets_pass(text: OutText) -> float:
    """For how many seconds other recipients' texts may go before this one, while a number has more to send than it can.

    Somebody who has just texted holds the phone and waits for the answer. What another person wrote comes next, then
    all else; nothing waits for ever, because what has waited longer is ahead in the end. A crisis waits for nobody.
    """
    if text.text_id in CRISIS:
        return -86_400.0
    if text.direct:
        return 0.0
    return 300.0 if text.text_id in RELAYED else 900.0
