"""The last look before a text leaves: things change while it waits."""

from __future__ import annotations

from datetime import datetime

from smsmentor.core.events import Withheld
from smsmentor.core.model import Member, OutText
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import quiet_until
from smsmentor.core.turn import Reads


def withheld(reader: Reads, row: OutText, now: datetime, rules: Rules) -> Withheld | None:
    """Why this text must not go out now, or None when it may."""
    if row.farewell:
        return None
    member = reader.get(Member, row.member)
    if member is None or member.state != "active":
        return Withheld(row.id, "gone" if member is None else member.state)
    if row.useless_after is not None and now > row.useless_after:
        return Withheld(row.id, "stale")
    if not row.direct and (quiet := quiet_until(member, now, rules)) is not None:
        return Withheld(row.id, "quiet", quiet)
    return None
