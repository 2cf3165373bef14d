"""When the fault is ours: an account that is suspended or not registered stops all sending until a try goes through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from smsmentor.core.model import Tally
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn

HALT = "sending.stopped"
"""The tally that stands while sending is stopped."""
FIRST_TRY, LONGEST = timedelta(minutes=1), timedelta(minutes=30)
"""How soon one text is tried again, doubling to the longest."""


class Halt(NamedTuple):
    """Sending is stopped since a moment, for a carrier's code; one text is tried again at the next."""

    since: datetime
    code: int
    tries: int
    next_try: datetime


def read(reader: Reads) -> Halt | None:
    """The halt that stands, or None while all is well."""
    tally = reader.get(Tally, HALT)
    if tally is None:
        return None
    values = tally.values
    return Halt(_at(values["since"]), int(values["code"]), int(values["tries"]), _at(values["next_try"]))


def stop(turn: Turn, code: int) -> None:
    """An account-wide fault: nothing more is sent but one text now and then, to see whether it is over."""
    known = read(turn)
    if known is None:
        turn.note("sending.stopped", error=code)
        _write(turn, Halt(turn.now, code, 1, turn.now + FIRST_TRY))
    elif turn.now >= known.next_try:
        wait = min(FIRST_TRY * 2 ** min(known.tries, 10), LONGEST)
        _write(turn, Halt(known.since, code, known.tries + 1, turn.now + wait))


def over(turn: Turn) -> None:
    """A text was taken: sending goes on."""
    if turn.get(Tally, HALT) is not None:
        turn.drop(Tally, HALT)
        turn.note("sending.resumed")


def try_now(turn: Turn) -> None:
    """An operator says that the fault is mended: one text is tried at once."""
    if (known := read(turn)) is not None:
        _write(turn, known._replace(tries=0, next_try=turn.now))


def _write(turn: Turn, halt: Halt) -> None:
    since, next_try = halt.since.timestamp(), halt.next_try.timestamp()
    turn.save(Tally(HALT, {"since": since, "code": halt.code, "tries": halt.tries, "next_try": next_try}))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
