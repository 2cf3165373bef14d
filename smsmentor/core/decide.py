"""What an event means and does: reads as a table of contents.

A text passes the gates in the order of the contract; the first that knows what it is decides its one outcome.
"""

from __future__ import annotations

from collections.abc import Callable

from smsmentor.core import abuse, acts, crisis, delivery, gates, members, parked, placed, played, sending, timers
from smsmentor.core.events import Act, Event, Fired, Inbound, Receipt, SendOutcome, Unconfirmed, Withheld
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Text
from smsmentor.core.turn import USEFUL, Outcome, Turn

GATES: tuple[Callable[[Turn, Member, Inbound], Outcome | None], ...] = (
    parked.wrong_number,
    parked.life_sign,
    gates.carrier_words,
    gates.kept_out,
    gates.answered_carrier_words,
    gates.reactions,
    gates.nothing_to_read,
    gates.danger,
    placed.code_at_start,
    gates.our_question,
    gates.command,
    gates.after_a_crisis,
    gates.our_question_in_words,
    placed.open_places,
    gates.new_request_or_menu,
)
"""Each returns the one outcome of the text, or None to let it pass on; the last takes every text."""


def decide(turn: Turn, event: Event) -> None:
    """Let one event have its effect on the turn."""
    match event:
        case Inbound():
            _text(turn, event)
        case Fired():
            timers.fire(turn, event)
        case SendOutcome():
            delivery.settle(turn, event)
        case Withheld():
            delivery.withhold(turn, event)
        case Receipt():
            delivery.report(turn, event)
        case Act():
            acts.run(turn, event)


def _text(turn: Turn, event: Inbound) -> None:
    if turn.knowledge.simulated:
        played.mark_played(turn)
    if _is_short_code(event.sender):
        turn.begin(Text(event.id, "", event.body, event.at), None)
        turn.settle(Outcome("dropped", "short code"))
        return
    known = members.by_phone(turn, event.sender)
    if event.verified is None and known is not None and known.operator:
        raise Unconfirmed
    refused = "" if known is not None else abuse.refusal(turn, event)
    if refused and not abuse.lets_in_danger(turn, event, refused):
        turn.begin(Text(event.id, "", event.body, event.at), None)
        turn.settle(Outcome("dropped", refused))
        return
    member = known or members.newcomer(turn, event.sender, event.at)
    if refused:
        crisis.remember_let_in(turn, member)
    if event.to and event.to != member.line:
        member = turn.save(replace(member, line=event.to))
    turn.begin(Text(event.id, member.id, event.body, event.at), member)
    members.hear_language(turn, member, event.body)
    turn.verified = event.verified is not False
    sending.let_go_on(turn, member)
    for gate in GATES:
        member = turn.sender or member  # as the gates before have left it
        if outcome := gate(turn, member, event):
            turn.settle(_unless_looping(turn, turn.sender or member, outcome))
            return
    raise AssertionError("the last gate takes every text")


def _unless_looping(turn: Turn, member: Member, outcome: Outcome) -> Outcome:
    """Two machines talking: after some automatic answers in a row we fall silent until something useful comes."""
    if outcome.kind in USEFUL or outcome.kind in ("crisis", "operator", "held"):
        if member.automatic:
            turn.save(replace(member, automatic=0))
        return outcome
    replies = [t for t in turn.texts if t.member == member.id]
    if not replies:
        return outcome
    if member.automatic >= turn.rules.automatic_in_a_row:
        for text in replies:
            turn.unsay(text)
        return Outcome("dropped", "looping", outcome.request)
    turn.save(replace(member, automatic=member.automatic + 1))
    return outcome


def _is_short_code(sender: str) -> bool:
    """Short codes (3 to 8 digits without `+`) and names belong to machines: stored, never answered."""
    return not sender.startswith("+")
