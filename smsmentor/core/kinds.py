"""Which of our texts bring a person's words, and which are only kind."""

from __future__ import annotations

RELAYED = frozenset(
    {
        "advice.first",
        "advice.late",
        "advice.more",
        "offer.added",
        "offer.new",
        "offer.taken_over",
        "screen.shown",
        "thread.asks",
    }
)
"""Texts that bring a person's words: two within a minute are a conversation and no noise."""

COURTESIES = frozenset(
    {
        "answer.thanks",
        "checkin.ask",
        "checkin.thanks",
        "mentor.left_idle",
        "news.helped",
        "news.tried",
        "offer.filled",
        "offer.no_longer",
        "rate.thanks",
        "wait.first",
        "wait.second",
    }
)
"""Texts that are kind to send and harm nobody when they are missing: the first to go when the budget runs low."""
