"""The last look before a text leaves: things change while it waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmentor.core.events import Withheld
from smsmentor.core.kinds import CRISIS, REPLIES
from smsmentor.core.making import replace
from smsmentor.core.model import QUIET, TOO_MANY, Member, Offer, OutText, Request, Thread
from smsmentor.core.pace import wait_for_day, wait_for_phone
from smsmentor.core.reads import Reads
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import awake, quiet_until
from smsmentor.core.turn import Turn

DAILY_CAP = "daily cap"
"""Why a text waits for the carrier's next day."""


def withheld(reader: Reads, row: OutText, now: datetime, rules: Rules) -> Withheld | None:
    """Why this text must not go out now, or None when it may."""
    if (as_it_stands := reader.get(OutText, row.id)) is not None and as_it_stands.erased:
        return Withheld(row.id, "erased")
    if row.farewell:
        return None
    member = reader.get(Member, row.member)
    if member is None or member.state != "active":
        return Withheld(row.id, "gone" if member is None else member.state)
    if row.useless_after is not None and now > row.useless_after:
        return Withheld(row.id, "stale")
    if (row.offer and not _still_wanted(reader, row)) or _asks_for_nothing(reader, row):
        return Withheld(row.id, "no longer needed")
    in_time = _answers_now(row, now, rules) or (row.text_id in REPLIES and awake(member, now, rules))
    waits = {
        QUIET: None if in_time else quiet_until(member, now, rules),
        DAILY_CAP: wait_for_day(reader, row, now, rules),
        TOO_MANY: wait_for_phone(reader, row, member, now, rules),
    }
    held = {why: until for why, until in waits.items() if until is not None and until > now}
    if not held:
        return None
    why = max(held, key=held.__getitem__)
    return Withheld(row.id, why, held[why])


def take_back(turn: Turn, offer: Offer) -> bool:
    """Drop an offer's text that has not left yet. True when it was there: its mentor has heard nothing to take back."""
    text = waiting(turn, offer)
    if text is None or text.status != "queued" or text.unsure:
        return False
    turn.save(replace(text, status="dropped", report="no longer needed"))
    return True


def waiting(turn: Turn, offer: Offer) -> OutText | None:
    """An offer's text while it has not left yet."""
    return next((text for text in turn.find(OutText, "to", offer.mentor) if text.offer == offer.id), None)


def at_carrier(row: OutText, now: datetime, rules: Rules) -> OutText:
    """The text as the carrier gets it: an offer is of no use there once silence would count against its mentor."""
    if not row.offer:
        return row
    silence = now + timedelta(hours=rules.silence_hours)
    return replace(row, useless_after=silence if row.useless_after is None else min(row.useless_after, silence))


def _answers_now(row: OutText, now: datetime, rules: Rules) -> bool:
    """Whether a text goes out at any hour: an urgent one, and a reply as long as its receiver is awake for it.

    What the daily cap held back is neither by then.
    """
    urgent = (row.text_id in CRISIS or row.text_id.startswith("op.")) and row.report != DAILY_CAP
    return row.direct and (urgent or now - row.queued <= timedelta(minutes=rules.awake_minutes))


def let_go_on(turn: Turn, member: Member) -> None:
    """A phone has said something: what was held back for it goes now, before what comes later.

    So do replies of people that wait for the morning: they are what somebody who texts at night is waiting for.
    """
    for text in turn.find(OutText, "held_up", member.id):
        if text.report == TOO_MANY or text.text_id in REPLIES:
            turn.save(replace(text, not_before=turn.now, report=""))


def _asks_for_nothing(reader: Reads, row: OutText) -> bool:
    """More of a question, or a follow-up, that has ended meanwhile or is no longer this mentor's."""
    if row.text_id not in ("offer.added", "offer.taken_over", "thread.asks"):
        return False
    request = reader.get(Request, row.request)
    if request is None or request.status == "closed":
        return request is not None
    if row.text_id == "thread.asks":
        own = (t for t in reader.walk(Thread, "request", request.id) if t.mentor == row.member)
        return all(thread.closed for thread in own)
    offer = reader.get(Offer, f"{row.request}:{row.member}")
    return offer is not None and offer.status in ("passed", "withdrawn")


def _still_wanted(reader: Reads, row: OutText) -> bool:
    offer = reader.get(Offer, row.offer)
    return offer is None or offer.status in ("sent", "lapsed")
