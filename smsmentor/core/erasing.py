"""FORGET: a person's texts and number are erased; what remains is counts, and a hash for an opt-out and for a block."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from smsmentor.core import leaving, members, pool, retention
from smsmentor.core.making import replace
from smsmentor.core.model import (
    Choice,
    Member,
    Offer,
    OutText,
    Prompt,
    Request,
    Sprint,
    Standing,
    Text,
    Thread,
)
from smsmentor.core.turn import Turn

GONE = ""
T = TypeVar("T", Text, OutText)


def erase(turn: Turn, member: Member) -> None:
    """Erase one person now. What is open ends as if they had left; the others keep what they received."""
    if member.state != "opted_out":
        turn.say(member, "forget.done", farewell=True)
        leaving.let_go(turn, member)
    members.leave_blocks(turn, member)
    members.leave_number(turn, member)
    own = turn.find(Request, "mentee", member.id)
    offers = turn.find(Offer, "mentor", member.id)
    for request in own:
        turn.save(replace(turn.need(Request, request.id), question=GONE, follow_up=GONE))
        _erase_texts_of(turn, request)
        for thread in turn.find(Thread, "request", request.id):
            turn.save(replace(turn.need(Thread, thread.id), awaiting=GONE))
        for asked in turn.find(Offer, "request", request.id):
            turn.save(replace(turn.need(Offer, asked.id), late=GONE, follow_up=GONE))
        for prompt in turn.find(Prompt, "request", request.id):
            members.let_go(turn, prompt, "dropped")
    for offer in offers:
        turn.save(replace(turn.need(Offer, offer.id), late=GONE, follow_up=GONE))
        request = turn.need(Request, offer.request)
        letter = next((a.letter for a in request.answers if a.mentor == member.id), "")
        _erase_texts_of(turn, request, member.id, letter if offer.status == "answered" else "")
        for prompt in turn.find(Prompt, "request", request.id):
            if _is_from(prompt, offer, member, request):
                members.let_go(turn, prompt, "dropped")
    for brought in turn.find(OutText, "beside", member.id):
        _take_back(turn, brought)
    _hide_name(turn, member, [turn.need(Request, offer.request).mentee for offer in offers])
    for sprint in turn.find(Sprint, "member", member.id):
        ended = turn.need(Sprint, sprint.id).ended or turn.now
        turn.save(replace(sprint, skill=GONE, notes=(), ended=ended))
        turn.forget("sprint.week", sprint.id)
    taken_part = [*(request.id for request in own), *(offer.request for offer in offers)]
    for text in _of(turn, Text, member, taken_part):
        if text.body:
            turn.save(replace(text, body=GONE))
    for sent in _of(turn, OutText, member, taken_part):
        if not sent.phone:
            continue
        if _surely_here(sent) and not sent.farewell:
            sent = turn.save(replace(sent, status="dropped", report="erased"))
        retention.clear_out_text(turn, sent)
    for prompt in turn.find(Prompt, "member", member.id):
        members.let_go(turn, prompt, "dropped")
    for standing in turn.find(Standing, "mentor", member.id):
        turn.drop(Standing, standing.id)
    pool.clear_own_skills(turn, member.topics)
    turn.save(
        Member(member.id, GONE, member.joined, state="erased", zone=member.zone, lang=member.lang),
    )
    turn.note("member.erased", member=member.id)


def _of(turn: Turn, kind: type[T], member: Member, requests: Iterable[str]) -> list[T]:
    """A person's own texts: those about the requests that they took part in, and those beside."""
    lines = [*(("request", request) for request in dict.fromkeys(requests)), ("aside", member.id)]
    found = {text.id: text for index, key in lines for text in turn.find(kind, index, key) if text.member == member.id}
    return list(found.values())


def _is_from(prompt: Prompt, offer: Offer, mentor: Member, request: Request) -> bool:
    """Whether another's open question is about words of this mentor: a late view, a text that was held back."""
    letter = next((a.letter for a in request.answers if a.mentor == mentor.id), "")
    return prompt.target in (offer.id, f"offer:{offer.id}", f"mentor:{request.id}:{letter}")


def _erase_texts_of(turn: Turn, request: Request, writer: str = "", letter: str = "") -> None:
    """The copies for others lie in the outbox: what has left loses its words, what has not left never does.

    With a `writer`, a mentor, of what waits only their words are meant; texts of older versions know them by the
    `letter` alone. A text that may be on its way goes blank as soon as the carrier has told what became of it.
    """
    words = turn.knowledge.words
    for text in turn.find(OutText, "request", request.id):
        theirs = not writer or text.writer == writer or (letter and _is_advice_of(text, letter))
        if not text.pending:
            if theirs or letter:
                turn.save(replace(text, body=GONE))
        elif theirs and "quote" in words.placeholders(words.default, text.text_id):
            _take_back(turn, text)


def _take_back(turn: Turn, text: OutText) -> None:
    """A text to somebody else with words of who is erased."""
    if not text.pending:
        turn.save(replace(text, body=GONE))
    elif _surely_here(text):
        turn.save(replace(text, status="dropped", report="erased", body=GONE))
    else:
        turn.save(replace(text, erased=True))


def _hide_name(turn: Turn, member: Member, mentees: Iterable[str]) -> None:
    """What they called themselves stands in our texts to those whom they answered and to operators, outside requests.

    In a question that is still open, such as where a kept text is to go, the letter of the panel is enough.
    """
    if not member.alias:
        return
    name = re.compile(rf"\b{re.escape(member.alias)}(?!\w)")
    for id in dict.fromkeys([*mentees, *(operator.id for operator in members.operators(turn))]):
        for prompt in turn.find(Prompt, "member", id):
            choices = tuple(_nameless(choice, name) for choice in prompt.choices)
            if choices != prompt.choices:
                turn.save(replace(prompt, choices=choices))
        for text in turn.find(OutText, "aside", id):
            if id != member.id and name.search(text.body):
                turn.save(replace(text, erased=True) if text.pending else replace(text, body=GONE))


def _nameless(choice: Choice, name: re.Pattern[str]) -> Choice:
    key, _, label = choice.label.partition(" (")
    return replace(choice, label=key) if name.search(label) else choice


def _is_advice_of(text: OutText, letter: str) -> bool:
    return text.text_id.startswith("advice.") and text.body.startswith(letter)


def _surely_here(text: OutText) -> bool:
    """It has not left: it waits, and no try was made of which nobody knows the end."""
    return text.status == "queued" and not text.unsure
