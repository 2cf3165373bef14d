"""What is looked at before a text passes to another person: contact details, insults and threats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from smsmentor.core import members, team
from smsmentor.core.model import Choice, Member, Offer, Prompt, Request, Sprint, Thread
from smsmentor.core.render import pieces
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand.normal import relay_text

FOR_RECEIVER = ("threat", "abuse")


def held_for_sender(turn: Turn, member: Member, target: str, text: str) -> Outcome | None:
    """Contact details wait for the sender's choice. Fishing goes before the operators, and so does abuse where nobody
    receives it alone and could choose whether to read it: in a question, and in what is added to one."""
    refused = ("phishing",) if _has_receiver(turn, target) else ("phishing", *FOR_RECEIVER)
    alarms = {str(a.level): a for a in turn.knowledge.safety.alarms(text)}
    for level in refused:
        if level in alarms:
            return _refuse(turn, member, target, text, alarms[level].rule)
    found = turn.knowledge.contacts.find(text)
    if not found:
        return None
    kinds = dict.fromkeys(detail.kind for detail in found)
    what = turn.words(member, "word.and").join(turn.words(member, f"detail.{kind}") for kind in kinds)
    removed = f"[{turn.words(member, 'word.removed')}]"
    without = turn.knowledge.contacts.without(text, removed)
    if not any(map(str.isalnum, without.replace(removed, ""))):
        stranger = target == "new" and not member.first_told
        turn.say(member, "screen.contact_first" if stranger else "screen.contact_alone", what=what)
        return Outcome("clarified", "contact details alone")
    until = turn.now + timedelta(minutes=turn.rules.hold_minutes)
    prompt = Prompt(
        turn.new_id("p"),
        member.id,
        "contact",
        turn.now,
        until,
        text=without,
        text_id=turn.text_id,
        choices=(Choice("1", target), Choice("2", "drop")),
        target=target,
    )
    turn.save(prompt)
    turn.remind("prompt.expire", prompt.id, until)
    turn.say(member, "screen.contact_new" if target == "new" else "screen.contact", what=what)
    turn.note("text.held", text=prompt.text_id, member=member.id, why=found[0].kind)
    return Outcome("held", "contact details")


def _has_receiver(turn: Turn, target: str) -> bool:
    """Whether a text for this place goes to one member who is known now."""
    kind, _, id = target.partition(":")
    if kind == "mentee":
        return not turn.need(Thread, id).closed
    return kind in ("mentor", "offer", "late")


def _refuse(turn: Turn, member: Member, target: str, text: str, rule: str) -> Outcome:
    """Say that a text was not passed on, and show it to the operators if there are any."""
    request = turn.get(Request, target.partition(":")[2].partition(":")[0])
    code, about = (request.code, request.id) if request else ("-", "")
    operators = members.operators(turn)
    turn.say(member, "screen.operator" if operators else "screen.not_passed")
    for operator in team.readers(turn, member, code, about):
        turn.say(operator, "op.held", code=code, rule=rule, quote=text, request=about, writer=member.id)
    turn.note("request.flagged", request=about, member=member.id, rule=rule)
    return Outcome("operator" if operators else "clarified", rule, about)


def held_for_receiver(turn: Turn, member: Member, target: str, text: str, request: Request) -> Outcome | None:
    """An insult or a threat is not shown: the receiver chooses SHOW, BLOCK or REPORT."""
    alarm = next((a for a in turn.knowledge.safety.alarms(text) if a.level in FOR_RECEIVER), None)
    if alarm is None:
        return None
    receiver = turn.need(Member, other_end(turn, target, request))
    told = hard_ones(turn, receiver, target)
    until = turn.now + timedelta(hours=turn.rules.late_hours)
    turn.save(
        Prompt(
            turn.new_id("p"),
            receiver.id,
            "hard",
            turn.now,
            until,
            request=request.id,
            text=text,
            target=target,
            text_id=turn.text_id,
        )
    )
    if not told:  # else they know that something waits, and hear of this one when they have read it
        turn.say(receiver, "screen.hard", code=request.code, request=request.id)
    turn.note("text.held", text=turn.text_id, member=member.id, why=alarm.rule)
    turn.note("request.flagged", request=request.id, code=request.code, member=member.id, rule=alarm.rule)
    return Outcome("held", alarm.level, request.id)


def hard_ones(turn: Turn, receiver: Member, target: str) -> list[Prompt]:
    """What is held back for somebody from one place, and they have not chosen yet whether to read it."""
    open_now = (p for p in turn.find(Prompt, "member", receiver.id) if p.kind == "hard" and p.target == target)
    return [prompt for prompt in open_now if prompt.expires > turn.now]


def other_end(turn: Turn, target: str, request: Request) -> str:
    """The member at the other end of a place."""
    kind, _, id = target.partition(":")
    if kind == "mentee":
        return turn.need(Thread, id).mentor
    assert kind in ("offer", "mentor"), target
    return request.mentee


def who_wrote(turn: Turn, target: str, request: Request) -> str:
    """The member whose text was held for its receiver."""
    kind, _, id = target.partition(":")
    if kind == "offer":
        return turn.need(Offer, id).mentor
    return turn.need(Thread, id).mentor if kind == "mentor" else request.mentee


def still_open(turn: Turn, target: str) -> bool:
    """Whether a place that was open when a text was held still is."""
    kind, _, id = target.partition(":")
    if kind == "new":
        return True
    if kind == "offer":
        offer = turn.get(Offer, id)
        if offer is None or offer.status != "answered":
            return offer is not None and offer.status != "passed"
        threads = turn.find(Thread, "request", offer.request)
        return any(thread.mentor == offer.mentor and not thread.closed for thread in threads)
    if kind == "late":
        return turn.get(Offer, id) is not None
    if kind == "sprint":
        sprint = turn.get(Sprint, id)
        return sprint is not None and sprint.ended is None
    if kind == "extend":
        request = turn.get(Request, id)
        return request is not None and request.status != "closed"
    thread = turn.get(Thread, id)
    if thread is not None and kind == "mentee":  # another peer takes it over where theirs has left
        return turn.need(Request, thread.request).status != "closed"
    return thread is not None and not thread.closed


def report(turn: Turn, member: Member, request: Request | None, letter: str = "", about: str = "") -> None:
    """REPORT: one question, whose answer goes to the operators, with whom of the panel it is about."""
    until = turn.now + timedelta(minutes=turn.rules.hold_minutes)
    asked = turn.save(
        Prompt(
            turn.new_id("p"),
            member.id,
            "report",
            turn.now,
            until,
            request=request.id if request else "",
            text=about,
            target=letter,
        )
    )
    turn.remind("prompt.expire", asked.id, until)
    turn.say(member, "report.ask")


def file_report(turn: Turn, member: Member, about: str, letter: str, what_happened: str) -> Outcome:
    """The operators are told what happened, and about which question and mentor."""
    turn.note("report.filed", request=about, member=member.id, text=turn.text_id)
    request = turn.get(Request, about) if about else None
    named = "-" if request is None else f"{request.code} {letter}".strip()
    on_mentee = request is not None and request.mentee != member.id
    readers = team.readers(turn, member, named, about, on_mentee=on_mentee)
    for operator in readers:
        who = named
        if on_mentee:
            who = f"{who}, {turn.words(operator, 'word.mentee')}"
        say_in_full(turn, operator, "op.report", what_happened, urgent=True, request=about, writer=member.id, who=who)
    turn.say(member, "report.thanks" if readers else "report.kept")
    return Outcome("operator", "report", about)


def say_in_full(turn: Turn, operator: Member, text_id: str, words: str, **args: Any) -> None:
    """What was written to the team reaches an operator whole: times and places stand at the end of it."""
    for piece in pieces(relay_text(words), turn.rules.relay_longest):
        turn.say(operator, text_id, quote=piece, **args)
