"""The pool: which mentors may be asked, kept on shelves by topic and opening hours, free longest in front.

A mentor stands on the shelf of each of their topics and on the one for all. A shelf holds those with one zone, language
and set of HOURS, so that whole shelves sleep or are awake. Its order is the moment from which each may be asked again
by their own clock (cool-down, LIMIT, rest): behind the first who is not free yet, nobody is. So a pick looks at the few
in front, however many stand behind them or on shelves that sleep.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import dropwhile, islice, takewhile
from typing import NamedTuple

from smsmentor.core import debt, members, own_skills, rhythm, sending
from smsmentor.core.making import replace
from smsmentor.core.model import Load, Member, Offer, Pair, Request, Standing, Tally, Window, moment
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import is_quiet, quiet_end, quiet_until, zone, zone_of
from smsmentor.core.turn import Turn
from smsmentor.core.understand.when import next_open, open_at

EVERYONE = "*"
"""The shelves that every mentor of the pool stands on."""
RESTING = "~"
"""Before a topic: the shelf of those who rest after silence, for when there is nobody else."""
SHELVES = "shelves:"
"""A tally of this name and a topic lists the topic's shelves."""
LOOK_AHEAD = 4
"""Mentors of a shelf that are looked at for when somebody will be free."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)


FOR_GOOD = frozenset({"own", "gone", "asked_before", "blocked", "same_employer", "language"})
"""Reasons for not asking somebody that do not pass with time."""


class Refusal(NamedTuple):
    """Why a mentor may not be asked now, a key of the catalogue's `why` table, and until when if that is known."""

    reason: str
    until: datetime | None = None


# Shelves


def stand(turn: Turn, mentor: Member) -> None:
    """Put a mentor on the shelves where they belong now: none while paused, gone, or never to be asked.

    Who rests after silence stands behind the others, and on a shelf for when there is nobody else.
    """
    load = members.load_of(turn, mentor.id)
    wanted: dict[str, datetime] = {}
    if mentor.mentor and mentor.state == "active" and not mentor.paused:
        awake = free_from(mentor, load, turn.rules)
        rested = max(awake, load.rest_until) if awake and load.rest_until else awake
        topics = (EVERYONE, *sorted(set(mentor.topics)))
        wanted = dict.fromkeys(topics, rested) if rested else {}
        if awake and rested != awake:
            wanted |= {RESTING + topic: awake for topic in topics}
    for standing in turn.find(Standing, "mentor", mentor.id):
        if standing.id.removeprefix(f"{mentor.id}:") not in wanted:
            turn.drop(Standing, standing.id)
    opening = _opening(mentor)
    for topic, free in wanted.items():
        placed = Standing(f"{mentor.id}:{topic}", mentor.id, f"{topic}@{opening}", moment(free))
        if turn.get(Standing, placed.id) != placed:
            turn.save(placed)
            _list_shelf(turn, topic, opening)


def free_from(mentor: Member, load: Load, rules: Rules) -> datetime | None:
    """From when this mentor may be asked by cool-down and LIMIT; None for never.

    Somebody who was never asked counts as free for a week when they join: a new pool has time to spare.
    """
    a_day = mentor.offers_a_day if mentor.offers_a_day is not None else rules.offers_a_day
    a_week = mentor.offers_a_week if mentor.offers_a_week is not None else rules.offers_a_week
    if not a_day or not a_week:
        return None
    moments = [mentor.joined - timedelta(days=7)]
    if load.asked:
        moments.append(load.asked[-1] + timedelta(hours=rules.cooldown_hours))
    if len(load.asked) >= a_day:
        moments.append(load.asked[-a_day] + DAY)
    if len(load.asked) >= a_week:
        moments.append(load.asked[-a_week] + WEEK)
    return max(moments)


def front(turn: Turn, topic: str, lang: str, spare: timedelta = timedelta(0)) -> Iterator[Standing]:
    """Those of a topic whose shelves are open and who have been free by their own clock for `spare`, longest first."""
    since = (turn.now - spare).timestamp()
    return takewhile(lambda standing: standing.rank <= since, _in_line(turn, topic, lang))


def everyone(turn: Turn, lang: str) -> Iterator[Member]:
    """All who stand in the pool and read this language, free now or not."""
    for name in _shelves(turn, EVERYONE, lang):
        for standing in turn.walk(Standing, "shelf", f"{EVERYONE}@{name}"):
            yield turn.need(Member, standing.mentor)


def next_free(turn: Turn, topic: str, lang: str, spare: timedelta = timedelta(0)) -> datetime | None:
    """When the next mentor will have been free for `spare` on a shelf that is open then; None when nobody can tell.

    It is told to people, so a moment in somebody's night counts as the morning after. Who has something in hand is left
    out where it may well last until then: nobody knows when that ends.
    """
    since = (turn.now - spare).timestamp()
    lasts = turn.now + timedelta(hours=turn.rules.thread_rest_hours)
    found = []
    for name in _shelves(turn, topic, lang):
        line = turn.walk(Standing, "shelf", f"{topic}@{name}")
        awake = _is_open(turn, name, turn.now)
        not_yet = dropwhile(lambda standing: standing.rank <= since, line) if awake else line
        for standing in islice(not_yet, LOOK_AHEAD):
            free = datetime.fromtimestamp(standing.rank, turn.now.tzinfo) + spare
            opens = _open_from(turn, name, max(free, turn.now))
            if opens >= lasts or not busy(turn, turn.need(Member, standing.mentor)):
                found.append(opens)
                break
    return min(found, default=None)


def wakes(turn: Turn, lang: str, at: datetime) -> bool:
    """Whether until then all who read this language are in their night or outside their HOURS."""
    before = at - timedelta(minutes=1)
    awake = (name for name in _shelves(turn, EVERYONE, lang) if _is_open(turn, name, before))
    return all(turn.first(Standing, "shelf", f"{EVERYONE}@{name}") is None for name in awake)


def _in_line(turn: Turn, topic: str, lang: str) -> Iterator[Standing]:
    awake = [name for name in _shelves(turn, topic, lang) if _is_open(turn, name, turn.now)]
    lines = [turn.walk(Standing, "shelf", f"{topic}@{name}") for name in awake]
    return heapq.merge(*lines, key=lambda standing: standing.rank)


def _opening(mentor: Member) -> str:
    """The name of a mentor's shelf: `America/New_York en 01234:540-1080`."""
    windows = sorted(("".join(str(d) for d in sorted(w.days)), w.start, w.end) for w in mentor.hours)
    return " ".join([mentor.zone, mentor.lang, *(f"{days}:{start}-{end}" for days, start, end in windows)])


@lru_cache(maxsize=4096)
def _read_opening(name: str) -> tuple[str, tuple[Window, ...]]:
    place, _, *parts = name.split(" ")
    windows = []
    for part in parts:
        days, _, span = part.partition(":")
        start, _, end = span.partition("-")
        windows.append(Window(tuple(int(d) for d in days), int(start), int(end)))
    return place, tuple(windows)


def _is_open(turn: Turn, name: str, at: datetime) -> bool:
    rules = turn.rules
    minute = int(at.timestamp() // 60)
    return _open_in(name, minute, rules.zone, rules.quiet_from, rules.quiet_until)


@lru_cache(maxsize=8192)
def _open_in(name: str, minute: int, home: str, quiet_from: str, quiet_until: str) -> bool:
    """Whether a shelf is open in a minute of time, counted from the epoch."""
    place, windows = _read_opening(name)
    local = datetime.fromtimestamp(minute * 60, zone(place, home))
    return not is_quiet(local, quiet_from, quiet_until) and open_at(windows, local)


def _open_from(turn: Turn, name: str, at: datetime) -> datetime:
    """The first moment from a given one at which a shelf is open."""
    if _is_open(turn, name, at):
        return at
    rules = turn.rules
    minute = int(at.timestamp() // 60)
    return _opens_after(name, minute, rules.zone, rules.quiet_from, rules.quiet_until).astimezone(turn.now.tzinfo)


@lru_cache(maxsize=8192)
def _opens_after(name: str, minute: int, home: str, quiet_from: str, quiet_until: str) -> datetime:
    place, windows = _read_opening(name)
    local = datetime.fromtimestamp(minute * 60, zone(place, home))
    for _ in range(3):
        local = next_open(windows, local) if windows else local
        if not is_quiet(local, quiet_from, quiet_until):
            break
        local = quiet_end(local, quiet_until)
    return local


def _shelves(turn: Turn, topic: str, lang: str) -> list[str]:
    """The names of a topic's shelves whose mentors read this language."""
    return [name for name in _listed(turn, topic) if lang in name.split(" ")[1].split("+")]


def _listed(turn: Turn, topic: str) -> list[str]:
    tally = turn.get(Tally, SHELVES + topic)
    return list(tally.values) if tally else []


def _list_shelf(turn: Turn, topic: str, opening: str) -> None:
    known = _listed(turn, topic)
    if opening not in known:
        turn.save(Tally(SHELVES + topic, dict.fromkeys([*known, opening], 1)))
        own_skills.enter(turn, topic)


def clear_own_skills(turn: Turn, names: Iterable[str]) -> None:
    """A mentor has left the shelves of these topics: of the skills that only they typed nothing is left."""
    for name in names:
        if name not in turn.knowledge.topics.own(name):
            continue
        both = (name, RESTING + name)
        shelves = [(topic, f"{topic}@{opening}") for topic in both for opening in _listed(turn, topic)]
        if all(turn.first(Standing, "shelf", shelf) is None for _, shelf in shelves):
            for topic, _ in shelves:
                turn.drop(Tally, SHELVES + topic)
            own_skills.leave(turn, name)


# What being asked does


def asked(turn: Turn, mentor: Member) -> None:
    """A mentor has just been asked: counted for the caps and for fairness, and further back on every shelf."""
    load = members.load_of(turn, mentor.id)
    week = (*(at for at in load.asked if at > turn.now - WEEK), turn.now)
    turn.save(debt.add(replace(load, asked=week), turn.now, debt.OFFER))
    stand(turn, mentor)


def replied(turn: Turn, mentor: str) -> None:
    """Any reply, PASS too, ends a mentor's silence."""
    load = members.load_of(turn, mentor)
    if load.silent or load.rest_until:
        turn.save(replace(load, silent=0, rest_until=None))
        stand(turn, turn.need(Member, mentor))


def silent(turn: Turn, offer: Offer) -> None:
    """An offer got no reply in good time: the mentor rests, longer each time, and is paused kindly in the end."""
    if offer.status not in ("sent", "lapsed") or offer.silence_counted or offer.late:
        return
    if sending.waiting(turn, offer) is not None:
        return  # They have not heard of it yet: the time begins when its text is taken.
    turn.save(replace(offer, silence_counted=True))
    rhythm.learn(turn, offer, answered=False)
    load = members.load_of(turn, offer.mentor)
    count = load.silent + 1
    rest = min(timedelta(hours=turn.rules.silence_hours * 2 ** (count - 1)), WEEK)
    turn.save(debt.add(replace(load, silent=count, rest_until=offer.made + rest), turn.now, debt.SILENCE))
    mentor = turn.need(Member, offer.mentor)
    if count >= turn.rules.silent_offers_pause and not mentor.paused:
        mentor = turn.save(replace(mentor, paused=True, paused_until=None))
        turn.note("member.paused", member=mentor.id, why="silent")
        turn.say(mentor, "mentor.paused_kindly", courtesy=True)
    stand(turn, mentor)


# Who may be asked


def refusal(turn: Turn, mentor: Member, request: Request, mentee: Member, *, resting: bool = False) -> Refusal | None:
    """Why this mentor may not be asked about this request now, or None. `resting` lets those who rest be asked."""
    rules, now = turn.rules, turn.now
    if mentor.id == mentee.id:
        return Refusal("own")
    if mentor.state != "active" or not mentor.mentor:
        return Refusal("gone")
    if mentor.paused:
        return Refusal("paused", mentor.paused_until)
    if request.asked_at is not None and turn.get(Offer, f"{request.id}:{mentor.id}") is not None:
        return Refusal("asked_before")
    pair = turn.get(Pair, members.pair_id(mentor.id, mentee.id))
    if pair is not None and pair.blocked:
        return Refusal("blocked")
    if mentor.employer and mentor.employer.casefold() == mentee.employer.casefold():
        return Refusal("same_employer")
    if mentee.lang not in mentor.lang.split("+"):
        return Refusal("language")
    if (quiet := quiet_until(mentor, now, rules)) is not None:
        return Refusal("quiet", quiet)
    if mentor.hours and not open_at(mentor.hours, local := now.astimezone(zone_of(mentor, rules))):
        return Refusal("hours", next_open(mentor.hours, local))
    return _worn_out(turn, mentor, members.load_of(turn, mentor.id), resting=resting)


def met_lately(turn: Turn, mentor: Member, mentee: Member) -> bool:
    """Whether this mentor was asked a question of this mentee a short while ago: somebody else comes first."""
    pair = turn.get(Pair, members.pair_id(mentor.id, mentee.id))
    return (
        pair is not None and pair.last is not None and turn.now - pair.last < timedelta(days=turn.rules.same_pair_days)
    )


def _worn_out(turn: Turn, mentor: Member, load: Load, *, resting: bool) -> Refusal | None:
    rules, now = turn.rules, turn.now
    if load.rest_until is not None and load.rest_until > now and not resting:
        return Refusal("resting", load.rest_until)
    week = [at for at in load.asked if at > now - WEEK]
    if week and week[-1] + timedelta(hours=rules.cooldown_hours) > now:
        return Refusal("cooldown", week[-1] + timedelta(hours=rules.cooldown_hours))
    day = [at for at in week if at > now - DAY]
    a_day = mentor.offers_a_day if mentor.offers_a_day is not None else rules.offers_a_day
    a_week = mentor.offers_a_week if mentor.offers_a_week is not None else rules.offers_a_week
    if len(day) >= a_day:
        return Refusal("day_limit", day[-a_day] + DAY if a_day else None)
    if len(week) >= a_week:
        return Refusal("week_limit", week[-a_week] + WEEK if a_week else None)
    if busy(turn, mentor) >= (mentor.open_limit if mentor.open_limit is not None else rules.open_limit):
        return Refusal("busy", now + timedelta(minutes=rules.retry_minutes))
    return None


def busy(turn: Turn, mentor: Member) -> int:
    """How much this mentor has in hand: offers that wait for a word, and threads, as long as they are not at rest.

    An offer older than a silence that was not counted as one has not reached the phone yet, or only just now; after a
    week that is no reason any more.
    """
    fresh = turn.now - timedelta(hours=turn.rules.thread_rest_hours)
    heard, known = turn.now - timedelta(hours=turn.rules.silence_hours), turn.now - WEEK
    offers = sum(
        1
        for o in members.open_offers(turn, mentor.id)
        if (o.status == "sent" and o.made > fresh) or (known < o.made < heard and not o.silence_counted and not o.late)
    )
    threads = sum(1 for t in members.open_threads(turn, mentor.id) if t.last > fresh)
    return offers + threads


def outside_of(turn: Turn, mentor: Member, mentee: Member, near: Iterable[Member]) -> bool:
    """Whether this mentor brings the view from outside: another field and another employer than the mentee's.

    Fields that are near relatives are no other fields. Where the mentee has not said a field, those of the others on
    the panel stand for it.
    """
    if not mentor.field:
        return False
    if mentee.employer and mentor.employer.casefold() == mentee.employer.casefold():
        return False
    inside = (mentee,) if mentee.field else near
    return turn.knowledge.fields.of(mentor.field).isdisjoint(fields_of(turn, inside))


def fields_of(turn: Turn, people: Iterable[Member]) -> frozenset[str]:
    """The fields of some people, as far as they are known."""
    return frozenset().union(*(turn.knowledge.fields.of(member.field) for member in people if member.field))
