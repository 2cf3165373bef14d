"""The pool: which mentors may be asked, kept on shelves by topic with the least recently asked in front."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from smsmentor.core import members
from smsmentor.core.model import Load, Member, Offer, Pair, Request, Standing
from smsmentor.core.schedule import quiet_until, zone_of
from smsmentor.core.turn import Turn
from smsmentor.core.when import next_open, open_at

EVERYONE = "*"
"""The shelf that every mentor of the pool stands on."""


class Refusal(NamedTuple):
    """Why a mentor may not be asked now, a key of the catalogue's `why` table, and until when if that is known."""

    reason: str
    until: datetime | None = None


def stand(turn: Turn, mentor: Member) -> None:
    """Put a mentor on the shelves where they belong now: none while paused or gone."""
    load = members.load_of(turn, mentor.id)
    rank = load.asked[-1].timestamp() if load.asked else 0.0
    wanted: set[str] = set()
    if mentor.mentor and mentor.state == "active" and not mentor.paused:
        wanted = {EVERYONE, *mentor.topics}
    for standing in turn.find(Standing, "mentor", mentor.id):
        if standing.shelf not in wanted:
            turn.drop(Standing, standing.id)
        wanted.discard(standing.shelf)
    for shelf in sorted(wanted):
        turn.save(Standing(f"{mentor.id}:{shelf}", mentor.id, shelf, rank))


def asked(turn: Turn, mentor: Member) -> None:
    """A mentor has just been asked: to the back of every shelf, and counted for the caps."""
    for standing in turn.find(Standing, "mentor", mentor.id):
        turn.save(replace(standing, rank=turn.now.timestamp()))
    load = members.load_of(turn, mentor.id)
    week_ago = turn.now - timedelta(days=7)
    turn.save(replace(load, asked=(*(at for at in load.asked if at > week_ago), turn.now)))


def replied(turn: Turn, mentor: str) -> None:
    """Any reply, PASS too, ends a mentor's silence."""
    load = members.load_of(turn, mentor)
    if load.silent or load.rest_until:
        turn.save(replace(load, silent=0, rest_until=None))


def silent(turn: Turn, offer: Offer) -> None:
    """An offer got no reply in good time: the mentor rests, longer each time, and is paused kindly in the end."""
    if offer.status not in ("sent", "lapsed") or offer.silence_counted:
        return
    turn.save(replace(offer, silence_counted=True))
    load = members.load_of(turn, offer.mentor)
    count = load.silent + 1
    rest = min(timedelta(hours=turn.rules.silence_hours * 2 ** (count - 1)), timedelta(days=7))
    turn.save(replace(load, silent=count, rest_until=offer.made + rest))
    mentor = turn.need(Member, offer.mentor)
    if count >= turn.rules.silent_offers_pause and not mentor.paused:
        mentor = turn.save(replace(mentor, paused=True, paused_until=None))
        stand(turn, mentor)
        turn.note("member.paused", member=mentor.id, why="silent")
        turn.say(mentor, "mentor.paused_kindly", courtesy=True)


def refusal(turn: Turn, mentor: Member, request: Request, mentee: Member, *, resting: bool) -> Refusal | None:
    """Why this mentor may not be asked about this request now, or None. `resting` lets those who rest be asked."""
    rules, now = turn.rules, turn.now
    if mentor.id == mentee.id:
        return Refusal("own")
    if mentor.state != "active" or not mentor.mentor:
        return Refusal("gone")
    if mentor.paused:
        return Refusal("paused", mentor.paused_until)
    if turn.get(Offer, f"{request.id}:{mentor.id}") is not None:
        return Refusal("asked_before")
    pair = turn.get(Pair, members.pair_id(mentor.id, mentee.id))
    if pair is not None and pair.blocked:
        return Refusal("blocked")
    if mentor.employer and mentor.employer.casefold() == mentee.employer.casefold():
        return Refusal("same_employer")
    if mentor.lang != mentee.lang and mentee.lang not in mentor.lang.split("+"):
        return Refusal("language")
    if (quiet := quiet_until(mentor, now, rules)) is not None:
        return Refusal("quiet", quiet)
    local = now.astimezone(zone_of(mentor, rules))
    if mentor.hours and not open_at(mentor.hours, local):
        return Refusal("hours", next_open(mentor.hours, local))
    return _worn_out(turn, mentor, members.load_of(turn, mentor.id), resting=resting)


def _worn_out(turn: Turn, mentor: Member, load: Load, *, resting: bool) -> Refusal | None:
    rules, now = turn.rules, turn.now
    if load.rest_until is not None and load.rest_until > now and not resting:
        return Refusal("resting", load.rest_until)
    week = [at for at in load.asked if at > now - timedelta(days=7)]
    if week and week[-1] + timedelta(hours=rules.cooldown_hours) > now:
        return Refusal("cooldown", week[-1] + timedelta(hours=rules.cooldown_hours))
    day = [at for at in week if at > now - timedelta(days=1)]
    a_day = mentor.offers_a_day if mentor.offers_a_day is not None else rules.offers_a_day
    a_week = mentor.offers_a_week if mentor.offers_a_week is not None else rules.offers_a_week
    if len(day) >= a_day:
        return Refusal("day_limit", day[-a_day] + timedelta(days=1) if a_day else None)
    if len(week) >= a_week:
        return Refusal("week_limit", week[-a_week] + timedelta(days=7) if a_week else None)
    if busy(turn, mentor) >= (mentor.open_limit if mentor.open_limit is not None else rules.open_limit):
        return Refusal("busy", now + timedelta(hours=rules.thread_rest_hours))
    return None


def busy(turn: Turn, mentor: Member) -> int:
    """How much this mentor has in hand: offers still waiting for a word, and threads that are not at rest."""
    fresh = turn.now - timedelta(hours=turn.rules.thread_rest_hours)
    offers = sum(1 for o in members.open_offers(turn, mentor.id) if o.status == "sent")
    threads = sum(1 for t in members.open_threads(turn, mentor.id) if t.last > fresh)
    return offers + threads


def outside_of(mentor: Member, mentee: Member, near: set[str]) -> bool:
    """Whether this mentor brings the view from outside: another field and another employer than the mentee's.

    Where the mentee has not said a field, the fields of the others on the panel stand for it.
    """
    if not mentor.field:
        return False
    if mentee.employer and mentor.employer.casefold() == mentee.employer.casefold():
        return False
    own = mentee.field.casefold()
    mine = mentor.field.casefold()
    return mine != own if own else mine not in near
