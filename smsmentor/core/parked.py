"""Numbers that cannot be reached or may have a new owner: nothing goes there until the person is back."""

from __future__ import annotations

from dataclasses import replace

from smsmentor.core import leaving, members, pool
from smsmentor.core.events import Inbound
from smsmentor.core.model import Member
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand.normal import plain

WRONG_NUMBER = 0
"""In place of a carrier's code: the phone itself said that we have the wrong number."""


def park(turn: Turn, member: Member, code: int) -> None:
    """Nothing more goes to this number. What waited for them goes to others, and operators are told once."""
    if member.state != "active":
        return
    turn.save(replace(turn.need(Member, member.id), state="suspended", parked=code))
    turn.note("member.suspended", member=member.id, error=code)
    leaving.let_go(turn, member, "parked")
    for operator in members.operators(turn):
        who = member.alias or turn.words(operator, "word.mentor" if member.mentor else "word.mentee")
        turn.say(operator, "op.parked", who=who, code=code or turn.words(operator, "word.wrong_number"))


def release(turn: Turn, member: Member, how: str) -> Member:
    """The person is known to be there again."""
    member = turn.save(replace(turn.need(Member, member.id), state="active", parked=0))
    turn.note("member.returned", member=member.id, how=how)
    if member.mentor:
        pool.stand(turn, member)
    return member


def life_sign(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """A text from a number that was given up.

    Where only the line was dead, the text shows that it is not, and is read as usual. Where the number may have a new
    owner, nothing of the earlier one's is shown or changed: NEW begins afresh, and an operator can vouch for the old.
    """
    if member.state != "suspended":
        return None
    if member.parked != WRONG_NUMBER and not _recycled(turn, member.parked):
        release(turn, member, "texted")
        return None
    if plain(event.body).strip(" .!") in turn.knowledge.yes_no(member.lang)["new"]:
        return _begin_afresh(turn, member, event)
    _say(turn, member, "parked.who")
    return Outcome("clarified", "the number may have a new owner")


def wrong_number(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """`Wrong number`: whoever has this phone is not who we think."""
    if member.state != "active":
        return None
    if plain(event.body).strip(" .!") not in turn.knowledge.yes_no(member.lang)["wrong_number"]:
        return None
    park(turn, member, WRONG_NUMBER)
    _say(turn, member, "parked.sorry")
    return Outcome("command", "WRONG NUMBER")


def _recycled(turn: Turn, code: int) -> bool:
    meaning = turn.knowledge.carrier_codes.of(code)
    return meaning is not None and meaning.recycled


def _begin_afresh(turn: Turn, member: Member, event: Inbound) -> Outcome:
    """The number goes to a new member; the old one keeps what was theirs, without a number."""
    turn.save(replace(member, phone=""))
    turn.note("member.changed", member=member.id, what="number")
    fresh = members.newcomer(turn, event.sender, event.at)
    turn.say(fresh, "parked.fresh")
    return Outcome("command", "NEW")


def _say(turn: Turn, member: Member, text_id: str) -> None:
    """The one answer to somebody who is suspended: like a farewell, it passes the last look and is not kept."""
    turn.say(replace(member, state="active"), text_id, farewell=True)
