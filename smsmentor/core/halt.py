"""When the fault is ours: an account that is suspended or not registered stops all sending until a try goes through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from smsmentor.core.model import Tally
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn

HALT = "sending.stopped"
"""The tally that stands while sending is stopped."""
OVER = "sending.over"
"""The timer that looks whether a fault which is reported late is over, also when no text waits that could show it."""
FIRST_TRY, LONGEST = timedelta(minutes=1), timedelta(minutes=30)
"""How soon one text is tried again, doubling to the longest."""
REPORT = timedelta(minutes=5)
"""Within so long a carrier that takes a text reports that it came back for a fault of our account."""


class Halt(NamedTuple):
    """Sending is stopped since a moment, for a carrier's code; one text is tried again at the next."""

    since: datetime
    code: int
    tries: int
    next_try: datetime
    reported: bool = False
    """The carrier takes texts and reports the fault later: that one was taken is no sign yet that it is over."""
    taken: bool = False
    """Then: the last try was taken, and nothing was reported since."""


def read(reader: Reads) -> Halt | None:
    """The halt that stands, or None while all is well."""
    tally = reader.get(Tally, HALT)
    if tally is None:
        return None
    values = tally.values
    since, next_try = _at(values["since"]), _at(values["next_try"])
    reported, taken = values.get("reported", False), values.get("taken", False)
    return Halt(since, int(values["code"]), int(values["tries"]), next_try, reported, taken)


def stop(turn: Turn, code: int, *, reported: bool = False) -> None:
    """An account-wide fault: nothing more is sent but one text now and then, to see whether it is over.

    `reported`: of a text that was taken before.
    """
    known = read(turn)
    if known is None:
        turn.note("sending.stopped", error=code)
        _write(turn, Halt(turn.now, code, 1, turn.now + FIRST_TRY, reported))
        return
    known = known._replace(code=code, reported=known.reported or reported, taken=False)
    _write(turn, known if turn.now < known.next_try else _tried(turn, known))


def taken(turn: Turn) -> None:
    """A text was taken: sending goes on, where that shows that the fault is over.

    Where the fault is reported later, it is over when the next try comes and nothing was reported of the last one.
    """
    if turn.get(Tally, HALT) is None:
        return
    known = read(turn)
    assert known is not None
    if known.reported and not known.taken:
        if turn.now >= known.next_try:  # else it was on its way when sending stopped
            known = _tried(turn, known)
            known = known._replace(taken=True, next_try=max(known.next_try, turn.now + REPORT))
            _write(turn, known)
            turn.remind(OVER, HALT, known.next_try)
        return
    _end(turn)


def over(turn: Turn, subject: str) -> None:
    """The time for a report of the last try has come: sending goes on if none came."""
    known = read(turn)
    if known is not None and known.taken and turn.now >= known.next_try:
        _end(turn)


def _end(turn: Turn) -> None:
    turn.drop(Tally, HALT)
    turn.note("sending.resumed")


def _tried(turn: Turn, halt: Halt) -> Halt:
    wait = min(FIRST_TRY * 2 ** min(halt.tries, 10), LONGEST)
    return halt._replace(tries=halt.tries + 1, next_try=turn.now + wait)


def try_now(turn: Turn) -> None:
    """An operator says that the fault is mended: one text is tried at once."""
    if (known := read(turn)) is not None:
        _write(turn, known._replace(tries=0, next_try=turn.now))


def _write(turn: Turn, halt: Halt) -> None:
    since, next_try = halt.since.timestamp(), halt.next_try.timestamp()
    values = {"since": since, "code": halt.code, "tries": halt.tries, "next_try": next_try}
    turn.save(Tally(HALT, {**values, "reported": halt.reported, "taken": halt.taken}))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
