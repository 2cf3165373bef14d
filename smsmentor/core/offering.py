"""An offer: one mentor is asked about one request, in a text that says all they need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from smsmentor.core import members, pool
from smsmentor.core.making import replace
from smsmentor.core.model import Considered, Member, Offer, Pair, Request, Seat, Timer, Wave
from smsmentor.core.render import pieces
from smsmentor.core.turn import Turn

LISTED = 60
"""Candidates of a wave that are written down with their reasons."""


def make(turn: Turn, request: Request, mentor: Member, seat: Seat, follow_up: str = "") -> Offer:
    """Ask this mentor. `follow_up` is what the mentee asked of somebody who had to leave."""
    offer = Offer(
        f"{request.id}:{mentor.id}",
        request.id,
        mentor.id,
        turn.now,
        wave=request.wave + 1,
        seat=seat,
        follow_up=follow_up,
    )
    turn.save(offer)
    pool.asked(turn, mentor)
    pair_id = members.pair_id(mentor.id, request.mentee)
    turn.save(replace(turn.get(Pair, pair_id) or Pair(pair_id), last=turn.now))
    turn.remind("offer.silent", offer.id, turn.now + timedelta(hours=turn.rules.silence_hours))
    turn.note("offer.made", request=request.id, code=request.code, member=mentor.id, wave=offer.wave, seat=offer.seat)
    _say(turn, request, mentor, offer)
    return offer


def _say(turn: Turn, request: Request, mentor: Member, offer: Offer) -> None:
    sent = ""
    if turn.now - request.opened > timedelta(hours=1) and not offer.follow_up:
        sent = turn.words(mentor, "offer.sent_at", time=request.opened)
    # A skill in a mentor's words is shown only to who has typed it too.
    shown = (topic for topic in request.asked_under if topic not in request.skills or topic in mentor.topics)
    topic = turn.knowledge.topics.label(first, mentor.lang) if (first := next(shown, "")) else ""
    about = turn.words(mentor, "offer.outside") if offer.seat == "outside" else topic
    first, *more = pieces(offer.follow_up or request.question, turn.rules.relay_longest)
    turn.say(
        mentor,
        "offer.taken_over" if offer.follow_up else "offer.new",
        code=request.code,
        about=f", {about}" if about else "",
        quote=first,
        sent=sent,
        request=request.id,
        offer=offer.id,
        useless_after=_end(turn, request),
    )
    _add(turn, request, mentor, more)


def add(turn: Turn, request: Request, offer: Offer, text: str) -> None:
    """More of a question to somebody who was asked; a very long text in several, none cut off."""
    _add(turn, request, turn.need(Member, offer.mentor), pieces(text, turn.rules.relay_longest))


def _add(turn: Turn, request: Request, mentor: Member, more: Sequence[str]) -> None:
    for piece in more:
        turn.say(mentor, "offer.added", code=request.code, quote=piece, request=request.id)


def _end(turn: Turn, request: Request) -> datetime:
    """When the request ends, and with it the use of asking."""
    timer = turn.get(Timer, f"request.expire:{request.id}")
    return timer.due if timer is not None else turn.now + timedelta(hours=turn.rules.expiry_hours)


def keep_wave(turn: Turn, request: Request, considered: Sequence[Considered]) -> None:
    """Write down who was considered and why each was taken or skipped."""
    wave = request.wave + 1
    listed = sorted(considered, key=lambda one: not one.taken)[:LISTED]
    turn.save(Wave(f"{request.id}:{wave}", request.id, turn.now, tuple(listed)))
    if listed and listed[0].taken:
        turn.note(
            "wave.made",
            request=request.id,
            code=request.code,
            wave=wave,
            asked={one.member: one.reason for one in listed if one.taken},
            skipped={one.member: one.reason for one in listed if not one.taken},
        )
