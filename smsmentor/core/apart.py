"""Two members who are kept apart for good, by BLOCK or the lowest rating: what is open between them ends at once."""

from __future__ import annotations

from smsmentor.core import members, requests, rotation
from smsmentor.core.making import replace
from smsmentor.core.model import Offer, Prompt, Request, Thread
from smsmentor.core.turn import Turn


def part(turn: Turn, one: str, other: str, why: str) -> None:
    """Keep two members apart from now on, as the first of them wants; the other is not told.

    It holds for all questions of both, not only for the one in which it was wanted.
    """
    members.block(turn, one, other, why)
    for mentee, mentor in ((one, other), (other, one)):
        for request in members.live_requests(turn, mentee):
            _take_off(turn, request, mentor, tell="" if mentor == one else "offer.filled")
        _offer_no_late_view(turn, mentee, mentor)


def _take_off(turn: Turn, request: Request, mentor: str, *, tell: str) -> None:
    """A mentor has no part in a question any more; the next one is asked in their place."""
    for thread in turn.find(Thread, "request", request.id):
        if thread.mentor == mentor and not thread.closed:
            turn.save(replace(thread, closed=True, awaiting=""))
    offer = turn.get(Offer, f"{request.id}:{mentor}")
    if offer is not None and offer.status in ("sent", "lapsed"):
        requests.withdraw(turn, offer, request, tell=tell)
        rotation.lost(turn, request)


def _offer_no_late_view(turn: Turn, mentee: str, mentor: str) -> None:
    """MORE brings no late view of somebody with whom they have parted."""
    for prompt in turn.find(Prompt, "member", mentee):
        offer = turn.get(Offer, prompt.target) if prompt.kind == "late" else None
        if offer is not None and offer.mentor == mentor:
            members.end_prompt(turn, prompt)
