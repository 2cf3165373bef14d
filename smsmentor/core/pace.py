"""How fast texts go out: segments per second of a sender, and how much one phone hears that it did not ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from smsmentor.core.kinds import CRISIS, RELAYED
from smsmentor.core.model import Member, OutText, Tally
from smsmentor.core.reads import Reads
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import zone
from smsmentor.core.turn import Turn

HOUR = timedelta(hours=1)
DAY = "sent.day"
"""The tally of the day's segments, for carriers with a daily cap."""
KEPT_FOR_ANSWERS = 0.1
"""The share of a daily cap that only direct replies may use."""


class Bucket:
    """Segments per second of one sender. A text may go into debt, so that long ones are not starved by short ones."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.room = max(rate, 1.0)
        self._left = self.room
        self._at: datetime | None = None

    def free_at(self, now: datetime) -> datetime:
        """When the next text may go."""
        self._fill(now)
        missing = min(self.room, 1.0) - self._left
        return now if missing <= 1e-6 else now + timedelta(seconds=missing / self.rate)

    def take(self, segments: int, now: datetime) -> None:
        """A text of so many segments goes now."""
        self._fill(now)
        self._left -= segments

    def _fill(self, now: datetime) -> None:
        if self._at is not None and now > self._at:
            self._left = min(self._left + (now - self._at).total_seconds() * self.rate, self.room)
        self._at = now  # also when it is earlier: a clock that was set back must not hold sending up for as long


class Limit(NamedTuple):
    """At most `most` automatic texts to one phone within `span`; `relayed` says whether people's words count too."""

    most: int
    span: timedelta
    relayed: bool


def limits(rules: Rules) -> tuple[Limit, ...]:
    """The limits that are set; 0 is none."""
    all_of_them = (
        Limit(rules.automatic_a_minute, timedelta(minutes=1), relayed=False),
        Limit(rules.automatic_in_15_minutes, timedelta(minutes=15), relayed=True),
        Limit(rules.automatic_an_hour, HOUR, relayed=True),
    )
    return tuple(limit for limit in all_of_them if limit.most)


def automatic_wait(
    sent: Sequence[tuple[datetime, bool]], now: datetime, limits: Sequence[Limit], *, relayed: bool
) -> datetime | None:
    """Until when an automatic text has to wait; None when it may go.

    `sent` holds the moment of each automatic text of the last hour, oldest first, and whether it was relayed.
    """
    until = None
    for most, span, with_relayed in limits:
        if relayed and not with_relayed:
            continue
        counted = [at for at, was_relayed in sent if at > now - span and (with_relayed or not was_relayed)]
        if len(counted) >= most:
            free = counted[-most] + span
            until = free if until is None or free > until else until
    return until


def heard(reader: Reads, member: Member) -> list[tuple[datetime, bool]]:
    """The automatic texts that this phone got within the last hour of sending, since it last said something itself."""
    tally = reader.get(Tally, f"sent:{member.id}")
    moments = tally.values.get("automatic", []) if tally else []
    since = member.last_text_at.timestamp() if member.last_text_at else 0.0
    return [(datetime.fromtimestamp(at, member.joined.tzinfo), bool(relayed)) for at, relayed in moments if at > since]


def wait_for_phone(reader: Reads, row: OutText, member: Member, now: datetime, rules: Rules) -> datetime | None:
    """Until when this text waits so that its phone is not flooded; direct replies and urgent texts never do."""
    if row.direct:
        return None
    return automatic_wait(heard(reader, member), now, limits(rules), relayed=row.text_id in RELAYED)


def wait_for_day(reader: Reads, row: OutText, now: datetime, rules: Rules) -> datetime | None:
    """Until when this text waits because the day's segments are used up; the last part is kept for direct replies.

    Texts about danger are tried all the same: not every carrier has this cap. One that is longer than all of a day goes
    as the first of a day: it would wait for ever, and with it what comes behind it.
    """
    if not rules.daily_segments or row.text_id in CRISIS:
        return None
    tally = reader.get(Tally, DAY)
    used = tally.values["segments"] if tally and tally.values["day"] == _day(now, rules) else 0
    room = rules.daily_segments if row.direct else int(rules.daily_segments * (1 - KEPT_FOR_ANSWERS))
    return next_day(now, rules) if used and used + row.segments > room else None


def next_day(now: datetime, rules: Rules) -> datetime:
    """The midnight at which the daily cap begins anew, in the zone of the carrier that has it."""
    here = now.astimezone(zone(rules.daily_zone))
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(now.tzinfo)


def count_day(turn: Turn, text: OutText) -> None:
    """A text was taken: its segments belong to today."""
    if turn.rules.daily_segments:
        tally, today = turn.get(Tally, DAY), _day(turn.now, turn.rules)
        used = tally.values["segments"] if tally and tally.values["day"] == today else 0
        turn.save(Tally(DAY, {"day": today, "segments": used + text.segments}))


def _day(now: datetime, rules: Rules) -> str:
    return now.astimezone(zone(rules.daily_zone)).date().isoformat()
