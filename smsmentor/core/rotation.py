"""The rotation: ask those who fit and have been free longest, each at their good hours; wait a little longer each time.

Who: of those who may be asked now, the topic's own before the rest of the pool; in that order the front few who have
been free longest; of these the one for whom this is the best hour of their own week. A mentor is compared with
themselves, so that nobody is asked above their share. When: all open places at once, then one more after a wait that
doubles with the asks still in flight, whose share fades; longer once there is a first answer. The more a request has
already, the longer somebody must have been free to be asked by it: so the last free mentors are kept for those who have
nothing. Nobody free: the request waits, and whoever frees up goes to the oldest. `docs/routing.md` has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from smsmentor.core import debt, members, offering, pool, rhythm
from smsmentor.core.budget import wave_size
from smsmentor.core.lifecycle import move_offer
from smsmentor.core.making import replace
from smsmentor.core.model import Considered, Member, Offer, Request, Seat, Timer
from smsmentor.core.turn import Turn

FRONT = 4
"""Of so many who have been free longest, the one with the best hour is asked."""
UNLIKE = 12
"""Of so many is chosen for a further view, which comes best from a field that has not answered yet."""
LOOK_AT_MOST = 200
"""Candidates that are looked at for one place on one rung, however large the pool."""
LINE_LOOK = 100
"""Waiting requests that are looked at when somebody frees up, as long as anybody is free."""
EXPECTED_RATE = 0.25
DEBT_WEIGHT = 0.1
"""What one more ask a week weighs against the hour: so much of a mentor's mean chance of an answer."""
LAST_HOUR = timedelta(hours=1)
"""Whoever is asked at the end of a request's time has at least so long before it is given up."""
LOOK = "pool.look"
"""The timer on which waiting requests look again; there is one for the whole pool."""


@dataclass
class Picks:
    """Who would be asked now, why the others were not, and when the first of those could be."""

    taken: list[tuple[Member, Seat]] = field(default_factory=list)
    considered: dict[str, Considered] = field(default_factory=dict)
    looked_at: int = 0
    spare: timedelta = timedelta(0)
    """How long somebody must have been free to be asked."""
    opens: datetime | None = None
    nobody: bool = False
    """Nobody at all is free, whatever is asked."""

    def take(self, mentor: Member, seat: Seat, reason: str) -> None:
        """This one is asked."""
        self.taken.append((mentor, seat))
        self.considered[mentor.id] = Considered(mentor.id, True, reason)

    def skip(self, mentor: Member, reason: str) -> None:
        """This one is not asked, unless for another place; the first reason stands."""
        self.considered.setdefault(mentor.id, Considered(mentor.id, False, reason))


# When


def ask(turn: Turn, request: Request) -> None:
    """The first wave: all open places are asked at once, unless others wait already."""
    _ask(turn, request, open_places(turn, request))


def ask_further(turn: Turn, request: Request) -> None:
    """Its wait is over: one further mentor is asked, or as many as places have nobody asked for them."""
    if request.status not in ("asking", "answered") or not open_places(turn, request):
        return
    in_flight = len(_hoped_for(turn, request))
    _ask(turn, request, max(1, open_places(turn, request) - in_flight))


def patience(turn: Turn, request: Request) -> timedelta:
    """The wait between two asks: it grows with each ask in flight, whose share fades as it ages."""
    rules = turn.rules
    load = in_flight(turn, request) * min(max(rhythm.answer_rate(turn) / EXPECTED_RATE, 0.4), 1.5)
    minutes = rules.patience_minutes * rules.patience_growth ** (load / max(open_places(turn, request), 1) - 1)
    if request.answers:
        minutes *= rules.patience_after_answer
    return timedelta(minutes=min(minutes, rules.patience_longest_minutes))


def in_flight(turn: Turn, request: Request) -> float:
    """How many asks may still be hoped for: the share of each fades as it ages without a word."""
    half_life = timedelta(hours=turn.rules.patience_half_life_hours)
    return sum(math.exp2(-((turn.now - offer.made) / half_life)) for offer in _hoped_for(turn, request))


def spare(turn: Turn, request: Request, hopes: float) -> timedelta:
    """How long somebody must have been free to be asked by this request: longer, the more it has already.

    In a pool with time to spare this changes nothing. In a busy one the last free mentors are kept for those who have
    no answer and nobody asked. Who has lost a mentor goes before all of these.
    """
    rules = turn.rules
    hours = rules.spare_hours * hopes / max(open_places(turn, request), 1)
    hours += rules.spare_hours_after_answer if request.answers and not request.front else 0.0
    return timedelta(hours=hours)


def hasten(turn: Turn, request: Request) -> None:
    """An ask has come to nothing (PASS) or a place has been filled: the wait is worked out again."""
    if request.waiting or not open_places(turn, request):
        return
    last = max((o.made for o in turn.find(Offer, "request", request.id)), default=turn.now)
    turn.remind("request.next", request.id, max(last + patience(turn, request), turn.now))


def freed(turn: Turn) -> None:
    """Somebody may be free now: those who wait look again at once, the oldest first."""
    if turn.first(Request, "waiting", "yes") is not None:
        turn.remind(LOOK, "pool", turn.now)


def lost(turn: Turn, request: Request) -> None:
    """A mentor who was asked has left: somebody else is asked at once, before all who wait."""
    if request.status in ("asking", "answered"):
        turn.save(replace(turn.need(Request, request.id), front=True))
        turn.remind("request.next", request.id, turn.now)


def look(turn: Turn, _: str = "pool") -> None:
    """Those who wait are asked for in the order of their claims, one place each, until nobody can be found."""
    opens: list[datetime] = []
    nobody_reads: set[str] = set()
    for request in list(islice(turn.walk(Request, "waiting", "yes"), LINE_LOOK)):
        lang = turn.need(Member, request.mentee).lang
        if lang not in nobody_reads:
            picks = _serve(turn, request, 1)
            opens += [picks.opens] if picks.opens else []
            if picks.nobody:  # whoever is free next may be right for those who are not looked at now
                nobody_reads.add(lang)
                opens += [free] if (free := _next_free(turn, lang)) else []
    if turn.first(Request, "waiting", "yes") is not None:
        soon = turn.now + timedelta(minutes=turn.rules.retry_minutes)
        turn.remind(LOOK, "pool", max(min(opens, default=soon), turn.now + timedelta(minutes=1)))


def _ask(turn: Turn, request: Request, count: int) -> None:
    """Ask for so many places; behind those who wait with an equal or better claim."""
    if _behind(turn, request):
        turn.save(replace(request, waiting=True))
    elif _serve(turn, request, count).taken:
        return
    look(turn)


def _behind(turn: Turn, request: Request) -> bool:
    """Whether somebody waits with an equal or better claim."""
    first = turn.first(Request, "waiting", "yes")
    return first is not None and first.turn_in_line < request.turn_in_line


def _serve(turn: Turn, request: Request, count: int) -> Picks:
    """Ask whom there is; a request for which there is nobody waits."""
    picks = pick(turn, request, count)
    fresh = [o for o in _hoped_for(turn, request) if o.status == "sent"] if picks.taken else []
    for mentor, seat in picks.taken:
        offering.make(turn, request, mentor, seat, request.follow_up)
    offering.keep_wave(turn, request, list(picks.considered.values()))
    if not picks.taken:
        turn.save(replace(request, waiting=True))
        turn.forget("request.next", request.id)
        return picks
    request = turn.save(replace(request, wave=request.wave + 1, waiting=False, front=False, follow_up=""))
    for offer in fresh:
        turn.save(move_offer(offer, "lapsed", turn.now))
        turn.note("offer.lapsed", request=request.id, code=request.code, member=offer.mentor)
    rhythm.count(turn, asked=len(picks.taken))
    turn.remind("request.next", request.id, turn.now + patience(turn, request))
    return picks


def replace_mentor(turn: Turn, request: Request, follow_up: str) -> bool:
    """A mentor had to leave with a mentee's follow-up unanswered: the next one is asked it, in front of all others.

    False when nobody can be asked now: the follow-up then goes with the next offer that is made.
    """
    request = turn.save(replace(turn.need(Request, request.id), follow_up=follow_up, front=True))
    found = bool(_serve(turn, request, 1).taken)
    if not found:
        look(turn)
    return found


def in_flight_of(turn: Turn, request: Request) -> list[Offer]:
    """The request's offers that may still be answered."""
    if request.asked_at is None:  # nobody was asked yet
        return []
    return [o for o in turn.find(Offer, "request", request.id) if o.status in ("sent", "lapsed")]


def open_places(turn: Turn, request: Request) -> int:
    """Places that have neither an answer nor one that is kept for them."""
    kept = sum(1 for o in in_flight_of(turn, request) if o.late)
    return max(request.places - len(request.answers) - kept, 0)


def _hoped_for(turn: Turn, request: Request) -> list[Offer]:
    return [o for o in in_flight_of(turn, request) if not o.late]


# Who


def preview(turn: Turn, request: Request) -> tuple[int, datetime | None]:
    """How many mentors would be asked now; when there are none, the earliest moment at which one could be.

    Neither is known while others wait in front: whoever is free may be theirs.
    """
    count = wave_size(turn, turn.now, turn.rules, request.places)
    if not _out_of_time(turn, request) and _surely(turn, request, count):
        return count, None
    if _behind(turn, request):
        return 0, None
    picks = pick(turn, request, request.places)
    return len(picks.taken), None if picks.taken else picks.opens


def anybody_left(turn: Turn, request: Request) -> bool:
    """Whether the pool has somebody who could still be asked about this, now or later."""
    mentee = turn.need(Member, request.mentee)
    looked_at = 0
    for mentor in islice(pool.everyone(turn, mentee.lang), LOOK_AT_MOST):
        looked_at += 1
        refusal = pool.refusal(turn, mentor, request, mentee)
        if refusal is None or refusal.reason not in pool.FOR_GOOD:
            return True
    return looked_at == LOOK_AT_MOST  # in so large a pool nobody can tell without looking at all of it


def hoped_until(turn: Turn, request: Request) -> datetime | None:
    """Until when those who have just heard of a request should have it, an hour each; None when nobody has."""
    heard = timedelta(hours=turn.rules.silence_hours) - LAST_HOUR
    timers = (turn.get(Timer, f"offer.silent:{offer.id}") for offer in in_flight_of(turn, request))
    until = max((timer.due - heard for timer in timers if timer is not None), default=turn.now)
    return until if until > turn.now else None


def _out_of_time(turn: Turn, request: Request) -> bool:
    """Whether a request without an answer is at its end, and waits only for those who were asked last."""
    asked = request.asked_at
    return asked is not None and not request.answers and turn.now >= asked + timedelta(hours=turn.rules.expiry_hours)


def _surely(turn: Turn, request: Request, count: int) -> bool:
    """Whether there is somebody for each of so many places, whoever is chosen for the others: far cheaper than a pick.

    Each of those who count has been free for as long as the last place asks for, and so may be asked for any.
    """
    mentee = turn.need(Member, request.mentee)
    longest = spare(turn, request, in_flight(turn, request) + count - 1)
    front = islice(pool.front(turn, pool.EVERYONE, mentee.lang, longest), LOOK_AT_MOST)
    mentors = (turn.need(Member, standing.mentor) for standing in front)
    free = (mentor for mentor in mentors if pool.refusal(turn, mentor, request, mentee) is None)
    return len(list(islice(free, count))) == count


def pick(turn: Turn, request: Request, count: int) -> Picks:
    """Who is to be asked for so many places. Those who rest after silence only when there is nobody else."""
    picks = Picks()
    mentee = turn.need(Member, request.mentee)
    shelves = [s for s in ("", pool.RESTING) if next(pool.front(turn, s + pool.EVERYONE, mentee.lang), None)]
    picks.nobody = not shelves
    hopes = in_flight(turn, request)
    late = _out_of_time(turn, request)
    for seat in () if late else _seats(turn, request, wave_size(turn, turn.now, turn.rules, count)):
        picks.spare = spare(turn, request, hopes + len(picks.taken))
        kinds: tuple[Seat, ...] = (seat,) if seat == "near" else (seat, "near")
        ladder = [(kind, shelf) for shelf in shelves for kind in kinds]
        if not any(_pick_one(turn, request, mentee, kind, shelf, picks) for kind, shelf in ladder):
            break
    if not picks.taken and not late and (free := _next_free(turn, mentee.lang, picks.spare)) is not None:
        picks.opens = min(free, picks.opens or free)
    return picks


def _next_free(turn: Turn, lang: str, spare: timedelta = timedelta(0)) -> datetime | None:
    """When the next mentor will have been free for so long; None when nobody can tell.

    Those who rest after silence are waited for only where nobody else is free for some hours.
    """
    free = pool.next_free(turn, pool.EVERYONE, lang, spare)
    if free is not None and free - turn.now < timedelta(hours=turn.rules.silence_hours):
        return free
    resting = pool.next_free(turn, pool.RESTING + pool.EVERYONE, lang, spare)
    return min((at for at in (free, resting) if at is not None), default=None)


def _seats(turn: Turn, request: Request, count: int) -> list[Seat]:
    """What kind of places are asked for: one outside view where it is wanted and not there yet, the others near."""
    there = any(a.outside for a in request.answers) or any(o.seat == "outside" for o in _hoped_for(turn, request))
    held = request.outside_until is None or turn.now <= request.outside_until
    begun = count > 1 or bool(request.answers) or bool(_hoped_for(turn, request))
    outside = 1 if request.outside and held and not there and request.places > 1 and begun else 0
    near: list[Seat] = ["near"] * (count - outside)
    return [*near, "outside"] if outside else near


def _pick_one(turn: Turn, request: Request, mentee: Member, seat: Seat, shelf: str, picks: Picks) -> bool:
    """Take the best of the first rung of the ladder that has anybody: the skills and topics, then everyone."""
    met: list[Member] = []
    for rung in (*request.asked_under, pool.EVERYONE):
        found: list[Member] = []
        for mentor in _candidates(turn, request, mentee, seat, shelf + rung, picks):
            again = "sprint" if mentor.id in request.avoid else "met" if pool.met_lately(turn, mentor, mentee) else ""
            (met if again else found).append(mentor)
            if again:
                picks.skip(mentor, again)
            if len(found) == (UNLIKE if request.further else FRONT):
                break
        if found:
            kind: Seat = "general" if seat == "near" and rung == pool.EVERYONE else seat
            plain = {"near": "topic", "general": "general" if request.asked_under else "anyone"}.get(kind, kind)
            picks.take(_best(turn, request, found, picks), kind, "in_rest" if shelf else plain)
            return True
    if met:
        picks.take(
            min(met, key=lambda mentor: mentor.id in request.avoid), "general" if seat == "near" else seat, "again"
        )
    return bool(met)


def _best(turn: Turn, request: Request, found: list[Member], picks: Picks) -> Member:
    """Of those free longest: for MORE a field that has not answered, then the best hour less what was given lately."""
    rhythms = rhythm.Rhythm(turn)
    answered = [turn.need(Member, a.mentor) for a in request.answers] if request.further else []
    fields = pool.fields_of(turn, answered)
    claims: dict[str, tuple[bool, float, float]] = {}
    for mentor in found:
        load = members.load_of(turn, mentor.id)
        given = DEBT_WEIGHT * debt.share(mentor, load, turn.now, turn.rules)
        unlike = pool.fields_of(turn, [mentor]).isdisjoint(fields)
        claims[mentor.id] = (unlike, rhythms.now(mentor, load)[1], given)
    best = max(found, key=lambda mentor: (claims[mentor.id][0], claims[mentor.id][1] - claims[mentor.id][2]))
    unlike, hour, given = claims[best.id]
    for mentor in found:
        own_unlike, own_hour, own_given = claims[mentor.id]
        less = {"hour": hour - own_hour, "given": own_given - given}
        reason = max(less, key=less.__getitem__)
        picks.skip(mentor, "alike" if unlike > own_unlike else reason if less[reason] > 0 else "later")
    return best


def _candidates(turn: Turn, request: Request, mentee: Member, seat: Seat, rung: str, picks: Picks) -> Iterator[Member]:
    """Those who may be asked for a place, free longest first; the others are written down with the reason."""
    near = [m for m, s in picks.taken if s != "outside"]
    near += [turn.need(Member, a.mentor) for a in request.answers if not a.outside]
    taken = {m.id for m, _ in picks.taken}
    for standing in islice(pool.front(turn, rung, mentee.lang, picks.spare), LOOK_AT_MOST):
        picks.looked_at += 1
        mentor = turn.need(Member, standing.mentor)
        if mentor.id in taken or (seat == "outside" and not pool.outside_of(turn, mentor, mentee, near)):
            continue
        refusal = pool.refusal(turn, mentor, request, mentee, resting=rung.startswith(pool.RESTING))
        if refusal is None:
            yield mentor
            continue
        picks.skip(mentor, refusal.reason)
        if refusal.until is not None:
            picks.opens = min(refusal.until, picks.opens or refusal.until)
