"""Data that was played with on simulated phones must not go on with real ones, nor the other way round.

Its questions would be texted to people, at times that a moved clock has set.
"""

from __future__ import annotations

from smsmentor.core.model import Tally
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn

PLAYED, SERVED = "played with", "served people"


def mark_played(turn: Turn) -> None:
    """A text has come from a simulated phone."""
    if turn.get(Tally, PLAYED) is None:
        turn.save(Tally(PLAYED, {"since": turn.now.timestamp()}))


def mark_served(turn: Turn) -> None:
    """The service has begun with a carrier's account, for people."""
    if turn.get(Tally, SERVED) is None:
        turn.save(Tally(SERVED, {"since": turn.now.timestamp()}))


def was_played(reader: Reads) -> bool:
    """Whether texts came from simulated phones."""
    return reader.get(Tally, PLAYED) is not None


def has_served(reader: Reads) -> bool:
    """Whether people have been served from this data."""
    return reader.get(Tally, SERVED) is not None
