"""Opt-out and opt-in: honoured at once, everywhere, and dated."""

from __future__ import annotations

from dataclasses import replace

from smsmentor.core import members, panel, pool, requests
from smsmentor.core.model import Member, OutText, Prompt
from smsmentor.core.turn import Turn


def opt_out(turn: Turn, member: Member) -> None:
    """From now on nothing at all goes to this number; the carrier confirms. What waited for them goes to others."""
    if member.state == "opted_out":
        return
    turn.save(replace(turn.need(Member, member.id), state="opted_out"))
    turn.note("member.opted_out", member=member.id)
    let_go(turn, member)


def let_go(turn: Turn, member: Member) -> None:
    """End what is open with someone who leaves: nothing more to them, their offers to others, their requests closed."""
    for text in turn.find(OutText, "to", member.id):
        if text.status == "queued" and not text.farewell:
            turn.save(replace(text, status="dropped", report="opted out"))
    for prompt in turn.find(Prompt, "member", member.id):
        turn.drop(Prompt, prompt.id)
        turn.forget("prompt.expire", prompt.id)
    if member.mentor:
        panel.mentor_left(turn, member, for_good=True)
        pool.stand(turn, turn.need(Member, member.id))
    for request in members.live_requests(turn, member.id):
        requests.close(turn, request, "withdrawn")


def opt_in(turn: Turn, member: Member) -> None:
    """START from an opted-out number restores consent; a mentor comes back paused, with one line on BACK."""
    member = turn.save(
        replace(turn.need(Member, member.id), state="active", consented=turn.now, consent_how="START", automatic=0)
    )
    turn.note("member.returned", member=member.id)
    turn.note("member.consented", member=member.id, how="START")
    if member.mentor:
        turn.save(replace(member, paused=True, paused_until=None))
        turn.say(member, "carrier.back_mentor")
    else:
        turn.say(member, "carrier.back")
