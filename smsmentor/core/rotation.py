"""Who is asked next and when: those who fit and were asked longest ago, with growing patience between asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from smsmentor.core import members, pool
from smsmentor.core.lifecycle import move_offer
from smsmentor.core.model import Considered, Member, Offer, Pair, Request, Standing, Tally, Wave
from smsmentor.core.turn import Turn

LOOK_AT_MOST = 400
"""Candidates of one shelf that are looked at for one place."""
PRIOR_ANSWERED, PRIOR_ASKED, HALVED_AT = 9.0, 30.0, 400.0
"""The pool's answer rate within the hour before anything is known, and how fast old asks fade (docs/routing.md)."""
EXPECTED_RATE = 0.25


@dataclass
class Picks:
    """Who would be asked now, why the others were not, and when the first of those could be."""

    taken: list[tuple[Member, str]] = field(default_factory=list)
    considered: list[Considered] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    opens: datetime | None = None


def preview(turn: Turn, request: Request) -> tuple[int, datetime | None]:
    """How many mentors would be asked now; when there are none, the earliest moment at which one could be."""
    picks = _pick(turn, request, _seats(turn, request, request.places))
    return len(picks.taken), None if picks.taken else picks.opens


def ask(turn: Turn, request: Request) -> None:
    """The first wave: all open places are asked at once."""
    _ask(turn, request, _seats(turn, request, request.places - len(request.answers)))


def ask_further(turn: Turn, request: Request) -> None:
    """One further mentor is asked; offers of earlier waves lapse, and can still be answered."""
    if request.status not in ("asking", "answered") or len(request.answers) >= request.places:
        return
    in_flight = in_flight_of(turn, request)
    fresh = [o for o in in_flight if o.status == "sent"]
    wanted = request.places - len(request.answers)
    count = max(1, wanted - len(in_flight))
    if not _ask(turn, request, _seats(turn, request, count)):
        return
    for offer in fresh:
        turn.save(move_offer(offer, "lapsed", turn.now))
        turn.note("offer.lapsed", request=request.id, code=request.code, member=offer.mentor)


def freed(turn: Turn) -> None:
    """Somebody may be free now: the oldest waiting request looks again at once."""
    waiting = turn.first(Request, "waiting", "yes")
    if waiting is not None:
        turn.remind("request.next", waiting.id, turn.now)


def replace_mentor(turn: Turn, request: Request, follow_up: str) -> bool:
    """A mentor had to leave with a mentee's follow-up unanswered: the next one is asked it, in front of all others.

    False when nobody can be asked now: the follow-up then goes with the next offer that is made.
    """
    picks = _pick(turn, request, ["near"])
    for mentor, seat in picks.taken:
        _offer(turn, request, mentor, seat, follow_up=follow_up)
    found = bool(picks.taken)
    turn.save(
        replace(
            turn.need(Request, request.id),
            wave=request.wave + 1,
            waiting=not found,
            follow_up="" if found else follow_up,
        )
    )
    _keep_wave(turn, request, picks)
    if not found:
        turn.remind("request.next", request.id, turn.now + timedelta(minutes=turn.rules.retry_minutes))
    return found


def in_flight_of(turn: Turn, request: Request) -> list[Offer]:
    """The request's offers that may still be answered."""
    return [o for o in turn.find(Offer, "request", request.id) if o.status in ("sent", "lapsed")]


def patience(turn: Turn, request: Request) -> timedelta:
    """The wait before the next single ask: it doubles with each ask in flight, whose share fades as it ages."""
    rules = turn.rules
    half_life = timedelta(hours=rules.patience_half_life_hours)
    load = sum(0.5 ** ((turn.now - o.made) / half_life) for o in in_flight_of(turn, request))
    load *= min(max(answer_rate(turn) / EXPECTED_RATE, 0.4), 1.5)
    places = max(request.places - len(request.answers), 1)
    minutes = rules.patience_minutes * rules.patience_growth ** (load / places - 1)
    return timedelta(minutes=min(minutes, rules.patience_longest_minutes))


def answer_rate(turn: Turn) -> float:
    """The pool's share of asks that are answered within the hour: the one learned number of the policy."""
    tally = turn.get(Tally, "answers")
    values = tally.values if tally else {}
    asked = PRIOR_ASKED + values.get("asked", 0.0)
    return float((PRIOR_ANSWERED + values.get("answered", 0.0)) / asked)


def count_answer(turn: Turn, offer: Offer) -> None:
    """Remember an answer that came within the hour."""
    if turn.now - offer.made <= timedelta(hours=1):
        _count(turn, answered=1)


def _count(turn: Turn, asked: int = 0, answered: int = 0) -> None:
    tally = turn.get(Tally, "answers") or Tally("answers", {"asked": 0.0, "answered": 0.0})
    total, answers = tally.values["asked"] + asked, tally.values["answered"] + answered
    if total > HALVED_AT:
        total, answers = total / 2, answers / 2
    turn.save(Tally("answers", {"asked": total, "answered": answers}))


def _ask(turn: Turn, request: Request, seats: list[str]) -> int:
    picks = _pick(turn, request, seats)
    for mentor, seat in picks.taken:
        _offer(turn, request, mentor, seat, follow_up=request.follow_up)
    changed = replace(turn.need(Request, request.id), wave=request.wave + 1, waiting=not picks.taken)
    if picks.taken:
        changed = replace(changed, follow_up="")
    turn.save(changed)
    _keep_wave(turn, request, picks)
    if picks.taken:
        _count(turn, asked=len(picks.taken))
        turn.remind("request.next", request.id, turn.now + patience(turn, changed))
    else:
        retry = turn.now + timedelta(minutes=turn.rules.retry_minutes)
        turn.remind("request.next", request.id, min(picks.opens or retry, retry))
    return len(picks.taken)


def _offer(turn: Turn, request: Request, mentor: Member, seat: str, follow_up: str = "") -> None:
    offer = Offer(
        f"{request.id}:{mentor.id}",
        request.id,
        mentor.id,
        turn.now,
        wave=request.wave + 1,
        seat="outside" if seat == "outside" else "near",
        follow_up=follow_up,
    )
    turn.save(offer)
    pool.asked(turn, mentor)
    pair_id = members.pair_id(mentor.id, request.mentee)
    turn.save(replace(turn.get(Pair, pair_id) or Pair(pair_id), last=turn.now))
    turn.remind("offer.silent", offer.id, turn.now + timedelta(hours=turn.rules.silence_hours))
    turn.note("offer.made", request=request.id, code=request.code, member=mentor.id, wave=offer.wave, seat=offer.seat)
    sent = ""
    if turn.now - request.opened > timedelta(hours=1) and not follow_up:
        sent = turn.words(mentor, "offer.sent_at", time=request.opened)
    topic = turn.knowledge.topics.label(request.topics[0], mentor.lang) if request.topics else ""
    about = turn.words(mentor, "offer.outside") if seat == "outside" else topic
    turn.say(
        mentor,
        "offer.taken_over" if follow_up else "offer.new",
        code=request.code,
        about=f", {about}" if about else "",
        quote=follow_up or request.question,
        sent=sent,
        request=request.id,
        offer=offer.id,
        useless_after=turn.now + timedelta(hours=turn.rules.expiry_hours),
    )


def _keep_wave(turn: Turn, request: Request, picks: Picks) -> None:
    wave = request.wave + 1
    turn.save(Wave(f"{request.id}:{wave}", request.id, turn.now, tuple(picks.considered[:60])))


def _seats(turn: Turn, request: Request, count: int) -> list[str]:
    """What kind of places are asked for: one outside view where it is wanted and not there yet, the others near."""
    has_outside = any(a.outside for a in request.answers) or any(
        o.seat == "outside" for o in in_flight_of(turn, request)
    )
    held = request.outside_until is None or turn.now <= request.outside_until
    outside = 1 if request.outside and held and not has_outside and request.places > 1 else 0
    return ["near"] * (count - outside) + ["outside"] * outside


def _pick(turn: Turn, request: Request, seats: list[str]) -> Picks:
    mentee = turn.need(Member, request.mentee)
    picks = Picks()
    for resting in (False, True):
        for seat in seats[len(picks.taken) :] if resting else seats:
            found = _pick_one(turn, request, mentee, seat, picks, resting=resting)
            if found is None and seat == "outside":
                found = _pick_one(turn, request, mentee, "near", picks, resting=resting)
                seat = "near"
            if found is not None:
                picks.taken.append((found, seat))
        if len(picks.taken) == len(seats):
            break
        picks.seen.clear()
    return picks


def _pick_one(turn: Turn, request: Request, mentee: Member, seat: str, picks: Picks, *, resting: bool) -> Member | None:
    near = {m.field.casefold() for m, s in picks.taken if s == "near" and m.field}
    near |= {turn.need(Member, a.mentor).field.casefold() for a in request.answers if not a.outside}
    taken = {m.id for m, _ in picks.taken}
    for mentor in _candidates(turn, request, seat):
        if mentor.id in taken:
            continue
        if seat == "outside" and not pool.outside_of(mentor, mentee, near):
            continue
        refusal = pool.refusal(turn, mentor, request, mentee, resting=resting)
        if refusal is None:
            reason = (
                "outside" if seat == "outside" else ("topic" if set(mentor.topics) & set(request.topics) else "general")
            )
            picks.considered.append(Considered(mentor.id, True, reason))
            return mentor
        if mentor.id not in picks.seen:
            picks.seen.add(mentor.id)
            picks.considered.append(Considered(mentor.id, False, refusal.reason))
        if refusal.until is not None and (picks.opens is None or refusal.until < picks.opens):
            picks.opens = refusal.until
    return None


def _candidates(turn: Turn, request: Request, seat: str) -> Iterator[Member]:
    """Mentors in the order in which they would be asked: topic first for a near place, then the whole pool."""
    shelves = [pool.EVERYONE] if seat == "outside" else [*request.topics, pool.EVERYONE]
    seen: set[str] = set()
    for shelf in shelves:
        for place, standing in enumerate(turn.walk(Standing, "shelf", shelf)):
            if place >= LOOK_AT_MOST:
                break
            if standing.mentor not in seen:
                seen.add(standing.mentor)
                yield turn.need(Member, standing.mentor)
