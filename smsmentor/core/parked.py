"""Numbers that cannot be reached or may have a new owner: nothing goes there until the person is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from smsmentor.core import abuse, crisis, leaving, members, pool, team
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Request, Tally, Text
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse
from smsmentor.core.understand.normal import plain

WRONG_NUMBER = 0
"""In place of a carrier's code: the phone itself said that we have the wrong number."""
PARKED = "parked"
"""The tally of who is parked, by member, and since when."""
PASSED_ON = "passed on:"
"""The tallies of operators' numbers that somebody else may have now, by hash: settings that still list them are old."""
UNREACHED = "unreached:"
"""The tallies of phones that were not reached last, by member: how often in a row, and since when."""
RUN = 4
"""A phone that was out of reach so often in a row, over some days, is given up."""
GIVEN_AGAIN = timedelta(days=45)
"""Carriers give a number to somebody else no sooner than this after it went out of use."""


def park(turn: Turn, member: Member, code: int) -> None:
    """Nothing more goes to this number. What waited for them goes to others, and operators are told once."""
    if member.state != "active":
        return
    turn.save(replace(turn.need(Member, member.id), state="suspended", parked=code))
    turn.save(Tally(PARKED, {**_since(turn), member.id: turn.now.timestamp()}))
    turn.drop(Tally, UNREACHED + member.id)
    turn.note("member.suspended", member=member.id, error=code)
    leaving.let_go(turn, member, "parked")
    if code == WRONG_NUMBER and not member.mentor and turn.first(Request, "mentee", member.id) is None:
        return  # somebody of whom nothing is known: there is nothing to look after
    # A carrier's fault is told each time, what a phone says no oftener than all else that it says to the team.
    told = team.readers(turn, member, "-", "") if code == WRONG_NUMBER else members.operators(turn)
    for operator in told:
        who = member.alias or turn.words(operator, "word.mentor" if member.mentor else "word.mentee")
        turn.say(operator, "op.parked", who=who, code=code or turn.words(operator, "word.wrong_number"))


def release(turn: Turn, member: Member, how: str) -> Member:
    """The person is known to be there again."""
    _strike(turn, member)
    member = turn.save(replace(turn.need(Member, member.id), state="active", parked=0))
    turn.note("member.returned", member=member.id, how=how)
    if member.mentor:
        pool.stand(turn, member)
    if member.operator:
        crisis.tell_untold(turn)
    return member


def parked(reader: Reads) -> list[Member]:
    """Everybody who is parked and can be vouched for, the newest first."""
    tally = reader.get(Tally, PARKED)
    ids = sorted(tally.values, key=tally.values.__getitem__, reverse=True) if tally else []
    found = (reader.get(Member, id) for id in ids)
    return [member for member in found if member is not None and member.state == "suspended" and member.phone]


def names(found: Sequence[Member]) -> dict[str, str]:
    """What each is called in a list, by id: the alias where it is theirs alone, else the end of the id."""
    aliases = Counter(member.alias.casefold() for member in found)
    return {m.id: m.alias if m.alias and aliases[m.alias.casefold()] == 1 else m.id[-4:] for m in found}


def called(found: Sequence[Member], name: str) -> Member | None:
    """The one of them that is called so; None when it is nobody, or more than one."""
    called = names(found)
    wanted = [member for member in found if called[member.id].casefold() == name.strip(" .").casefold()]
    return wanted[0] if len(wanted) == 1 else None


def unreached(turn: Turn, member: Member, code: int) -> None:
    """A text did not reach a phone that may be off. A run of these over some days is no phone that is off."""
    known = turn.get(Tally, UNREACHED + member.id)
    since = datetime.fromtimestamp(known.values["since"], UTC) if known else turn.now
    spoke = member.last_text_at is not None and member.last_text_at > since
    count = known.values["count"] + 1 if known and not spoke else 1
    since = turn.now if count == 1 else since
    if count >= RUN and turn.now - since >= timedelta(days=turn.rules.unreached_days):
        park(turn, member, code)
    else:
        turn.save(Tally(UNREACHED + member.id, {"count": count, "since": since.timestamp()}))


def reached(turn: Turn, member: str) -> None:
    """A text has arrived: the run is over."""
    if turn.get(Tally, UNREACHED + member) is not None:
        turn.drop(Tally, UNREACHED + member)


def life_sign(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """A text from a number that was given up.

    Where only the line was dead, the text shows that it is not, and is read as usual. Where the number may have a new
    owner, nothing of the earlier one's is shown or changed: NEW begins afresh, and so do an opt-out and somebody in
    danger; an operator can vouch for the old.
    """
    if member.state != "suspended":
        return None
    word = event.opt_out or turn.knowledge.carrier.read(event.body)
    if not _may_be_another(turn, member):
        if word != "stop":
            release(turn, member, "texted")
        return None
    if word == "stop":
        leaving.opt_out(turn, _begin_afresh(turn, member, event))
        return Outcome("command", "STOP")
    if abuse.too_many(turn, member) and not crisis.is_untold(turn, member, event.body):
        return Outcome("dropped", "too many texts")
    member = turn.save(abuse.counted(turn, member))
    if crisis.is_meant(turn, event.body):
        return crisis.hear(turn, _begin_afresh(turn, member, event), event.body)
    if plain(event.body).strip(" .!") in turn.knowledge.yes_no(member.lang)["new"]:
        turn.say(_begin_afresh(turn, member, event), "parked.fresh")
        return Outcome("command", "NEW")
    if word == "help":
        return leaving.help_contact(turn, _heard(member), event, farewell=True)
    text_id = "parked.who_said" if member.parked == WRONG_NUMBER else "parked.who"
    turn.say(_heard(member), text_id, farewell=True)
    return Outcome("clarified", "the number may have a new owner")


def wrong_number(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """`Wrong number`: whoever has this phone is not who we think."""
    if member.state != "active":
        return None
    lists = turn.knowledge.yes_no(member.lang)
    if plain(event.body).strip(" .!") not in lists["wrong_number"]:
        return None
    if parse.is_no_view(event.body, lists) and members.open_offers(turn, member.id):
        return None  # "wrong person" for that question
    if abuse.too_many(turn, member):
        return None  # dropped with its reason, as any text
    member = turn.save(abuse.counted(turn, member))
    park(turn, member, WRONG_NUMBER)
    turn.say(_heard(member), "parked.sorry", farewell=True)
    return Outcome("command", "WRONG NUMBER")


def _may_be_another(turn: Turn, member: Member) -> bool:
    meaning = turn.knowledge.carrier_codes.of(member.parked)
    if member.parked == WRONG_NUMBER or (meaning is not None and meaning.recycled):
        return True
    since = _since(turn).get(member.id)
    return since is not None and turn.now - datetime.fromtimestamp(since, UTC) >= GIVEN_AGAIN


def _begin_afresh(turn: Turn, member: Member, event: Inbound) -> Member:
    """The number goes to a new member; the old one keeps what was theirs, without a number."""
    _strike(turn, member)
    if member.operator:
        turn.save(Tally(PASSED_ON + members.number_hash(member.phone), {"at": turn.now.timestamp()}))
    turn.save(replace(member, phone=""))
    turn.note("member.changed", member=member.id, what="number")
    fresh = members.newcomer(turn, event.sender, event.at)
    if member.hour_from is not None and turn.now - member.hour_from < abuse.HOUR:
        # No number changes hands within the hour: what it has done in this one counts on.
        fresh = members.goes_on(turn, fresh, member)
    turn.begin(Text(event.id, fresh.id, event.body, event.at), fresh)
    return fresh


def _since(turn: Turn) -> dict[str, float]:
    tally = turn.get(Tally, PARKED)
    return tally.values if tally is not None else {}


def _strike(turn: Turn, member: Member) -> None:
    """Take them off the list."""
    turn.save(Tally(PARKED, {id: at for id, at in _since(turn).items() if id != member.id}))


def _heard(member: Member) -> Member:
    """For the one answer to somebody who is suspended: like a farewell, it passes the last look and is not kept."""
    return replace(member, state="active")
