"""What people say about themselves stands before each of their texts to others, past every filter."""

from __future__ import annotations

from smsmentor.core import screen
from smsmentor.core.commands.kit import Asked
from smsmentor.core.turn import Outcome


def refused(asked: Asked, words: str) -> Outcome | None:
    """The answer to a name or a field that insults or threatens those who would read it; None for all others."""
    alarms = asked.turn.knowledge.safety.alarms(words)
    hit = next((alarm for alarm in alarms if alarm.level in screen.FOR_RECEIVER), None)
    if hit is None:
        return None
    asked.turn.say(asked.member, "screen.not_shown")
    return Outcome("clarified", hit.rule)
