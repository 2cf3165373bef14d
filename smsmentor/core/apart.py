"""Two members who are kept apart for good, by BLOCK or the lowest rating: what is open between them ends at once."""

from __future__ import annotations

from smsmentor.core import members, requests, rotation, screen
from smsmentor.core.kinds import RELAYED
from smsmentor.core.making import replace
from smsmentor.core.model import Offer, OutText, Prompt, Request, Thread
from smsmentor.core.turn import Turn


def part(turn: Turn, one: str, other: str, why: str) -> None:
    """Keep two members apart from now on, as the first of them wants; the other is not told.

    It holds for all questions of both, not only for the one in which it was wanted.
    """
    members.block(turn, one, other, why)
    for mentee, mentor in ((one, other), (other, one)):
        for request in members.live_requests(turn, mentee):
            _take_off(turn, request, mentor, tell="" if mentor == one else "offer.filled")
        _offer_no_words(turn, mentee, mentor)
        _offer_no_words(turn, mentor, mentee)
    _bring_no_words(turn, one, other)


def _take_off(turn: Turn, request: Request, mentor: str, *, tell: str) -> None:
    """A mentor has no part in a question any more; the next one is asked in their place."""
    for thread in turn.find(Thread, "request", request.id):
        if thread.mentor == mentor and not thread.closed:
            turn.save(replace(thread, closed=True, awaiting=""))
    offer = turn.get(Offer, f"{request.id}:{mentor}")
    if offer is not None and offer.status in ("sent", "lapsed"):
        requests.withdraw(turn, offer, request, tell=tell)
        rotation.lost(turn, request)


def _offer_no_words(turn: Turn, reader: str, writer: str) -> None:
    """MORE brings no late view, and SHOW no text that is held back, of somebody with whom they have parted."""
    for prompt in turn.find(Prompt, "member", reader):
        late = turn.get(Offer, prompt.target) if prompt.kind in requests.LATE_VIEWS else None
        wrote = late.mentor if late is not None else ""
        if prompt.kind == "hard":
            wrote = screen.who_wrote(turn, prompt.target, turn.need(Request, prompt.request))
        if wrote == writer:
            members.let_go(turn, prompt, "dropped")


def _bring_no_words(turn: Turn, reader: str, writer: str) -> None:
    """What somebody wrote of whom this member wants to hear no more, and has not left: it may wait for the morning."""
    for text in turn.find(OutText, "to", reader):
        if text.text_id not in RELAYED:  # what an operator is told for the team is not for them alone
            continue
        request = turn.get(Request, text.request) if not text.writer else None
        wrote = request.mentee if request is not None else text.writer
        if wrote == writer and text.status == "queued" and not text.unsure:
            turn.save(replace(text, status="dropped", report="apart"))
