"""Opt-out and opt-in: honoured at once, everywhere, and dated."""

from __future__ import annotations

from datetime import datetime

from smsmentor.core import crisis, hourly, members, panel, pool, requests
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Member, OutText, Prompt, Request, Sprint, Suppressed
from smsmentor.core.turn import Outcome, Turn

TURNS_AN_HOUR = 3
"""So often an hour somebody who leaves and comes back hears of it; each time is kept all the same."""


def opt_out(turn: Turn, member: Member) -> None:
    """From now on nothing at all goes to this number; the carrier confirms. What waited for them goes to others."""
    if member.state in ("opted_out", "erased"):  # a report can come after FORGET
        return
    when = turn.inbound.at if turn.inbound is not None and turn.inbound.member == member.id else turn.now
    if member.state == "banned":
        # They hear nothing as it is, and START would let them in again.
        turn.save(replace(turn.need(Member, member.id), left=when))
        turn.note("member.opted_out", member=member.id)
        return
    themselves = turn.sender is not None and turn.sender.id == member.id
    if turn.knowledge.confirms_stop and themselves and _may_say(turn, member, "left"):
        turn.say(member, "carrier.stopped", urgent=True, farewell=True)
    turn.save(replace(turn.need(Member, member.id), state="opted_out", left=when))
    turn.note("member.opted_out", member=member.id)
    let_go(turn, member)


def overtaken(member: Member, word: str | None, at: datetime) -> bool:
    """Whether a STOP or START that comes late was followed by its opposite long since."""
    if word == "stop":
        return member.consent_how == "START" and member.consented is not None and at < member.consented
    return word == "start" and member.left is not None and at < member.left


def let_go(turn: Turn, member: Member, why: str = "opted out") -> None:
    """End what is open with someone who leaves: nothing more to them, their offers to others, their requests closed."""
    for text in turn.find(OutText, "to", member.id):
        # What may have left already is looked up at the carrier first, and then not sent again (`sending.withheld`).
        if text.status == "queued" and not text.unsure and not text.farewell:
            turn.save(replace(text, status="dropped", report=why))
    for prompt in turn.find(Prompt, "member", member.id):
        members.let_go(turn, prompt, "dropped")
    for sprint in turn.find(Sprint, "running", member.id):
        turn.save(replace(sprint, ended=turn.now))
        turn.forget("sprint.week", sprint.id)
    if member.mentor:
        panel.mentor_left(turn, member, for_good=True)
        pool.stand(turn, turn.need(Member, member.id))
    for request in members.live_requests(turn, member.id):
        requests.close(turn, request, "withdrawn")


def help_contact(turn: Turn, member: Member, event: Inbound, *, farewell: bool = False) -> Outcome:
    """HELP: who runs this, how to leave, where to get human help; not where the carrier has answered already."""
    if event.opt_out is None:
        text_id = "carrier.help_contact" if turn.rules.team_contact else "carrier.help"
        turn.say(member, text_id, contact=turn.rules.team_contact, farewell=farewell)
    return Outcome("command", "HELP")


def opt_in(turn: Turn, member: Member, *, answered: bool = False) -> None:
    """START from an opted-out number restores consent; a mentor comes back paused, with one line on BACK.

    `answered`: the carrier has welcomed them back with words of its own. Of BACK it knows nothing.
    """
    member = turn.save(
        replace(turn.need(Member, member.id), state="active", consented=turn.said_at, consent_how="START", automatic=0)
    )
    # Else an opt-out from before an erasing would count again after the next one.
    turn.drop(Suppressed, members.number_hash(member.phone))
    turn.note("member.returned", member=member.id)
    turn.note("member.consented", member=member.id, how="START")
    if member.mentor:
        turn.save(replace(member, paused=True, paused_until=None))
        if _may_say(turn, member, "back"):
            turn.say(member, "carrier.back_mentor")
    elif not answered and _may_say(turn, member, "back"):
        closed = _closed_by_leaving(turn, member)
        turn.say(member, "carrier.back_closed" if closed else "carrier.back", code=closed)
    crisis.tell_who_is_back(turn, member)
    if member.operator:
        crisis.tell_untold(turn)


def _may_say(turn: Turn, member: Member, what: str) -> bool:
    """Whether our own words about it are still sent: a phone that says STOP and START in turns could go on for ever."""
    return not hourly.full(turn, f"{what}:{member.id}", TURNS_AN_HOUR)


def _closed_by_leaving(turn: Turn, member: Member) -> str:
    """The code of the newest question that ended because its mentee left; empty when none did."""
    for request in turn.walk(Request, "mentee", member.id, newest=True):
        if member.left is None or request.closed is None or request.closed < member.left:
            break
        if request.reason == "withdrawn" and request.asked_at is not None:  # else its code is not known to them
            return request.code
    return ""
