"""FORGET: a person's texts and number are erased; what remains is counts and a keyed hash for an opt-out."""

from __future__ import annotations

from dataclasses import replace

from smsmentor.core import leaving, members, retention
from smsmentor.core.model import Member, Offer, OutText, Prompt, Request, Sprint, Standing, Suppressed, Text, Thread
from smsmentor.core.turn import Turn

GONE = ""


def erase(turn: Turn, member: Member) -> None:
    """Erase one person now. What is open ends as if they had left; the others keep what they received."""
    if member.state == "opted_out":
        turn.save(Suppressed(members.number_hash(member.phone), turn.now))
    else:
        turn.say(member, "forget.done", farewell=True)
        leaving.let_go(turn, member)
    for request in turn.find(Request, "mentee", member.id):
        turn.save(replace(turn.need(Request, request.id), question=GONE, follow_up=GONE))
        _erase_texts_of(turn, request)
        for thread in turn.find(Thread, "request", request.id):
            turn.save(replace(turn.need(Thread, thread.id), awaiting=GONE))
    for offer in turn.find(Offer, "mentor", member.id):
        turn.save(replace(turn.need(Offer, offer.id), late=GONE, follow_up=GONE))
        if turn.need(Offer, offer.id).status == "answered":
            _erase_texts_of(turn, turn.need(Request, offer.request))
    for sprint in turn.find(Sprint, "member", member.id):
        ended = turn.need(Sprint, sprint.id).ended or turn.now
        turn.save(replace(sprint, skill=GONE, notes=(), ended=ended))
        turn.forget("sprint.week", sprint.id)
    for text in turn.find(Text, "member", member.id):
        turn.save(replace(turn.need(Text, text.id), body=GONE))
    for sent in turn.find(OutText, "whose", member.id):
        retention.clear_out_text(turn, sent)
    for prompt in turn.find(Prompt, "member", member.id):
        turn.drop(Prompt, prompt.id)
        turn.forget("prompt.expire", prompt.id)
    for standing in turn.find(Standing, "mentor", member.id):
        turn.drop(Standing, standing.id)
    turn.save(
        Member(member.id, GONE, member.joined, state="erased", zone=member.zone, lang=member.lang),
    )
    turn.note("member.erased", member=member.id)


def _erase_texts_of(turn: Turn, request: Request) -> None:
    """The copies that went to others lie in the outbox: their words go too, once they have left."""
    for text in turn.find(OutText, "request", request.id):
        if not text.pending:
            turn.save(replace(text, body=GONE))
