"""Every legal move of a request and of an offer, in one table. `docs/lifecycle.md` is generated from it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from smsmentor.core.making import replace
from smsmentor.core.model import Offer, OfferState, Request, RequestState
from smsmentor.errors import IllegalMove


class Move(NamedTuple):
    """One legal move and what makes it."""

    of: str
    to: str
    why: str


REQUEST_MOVES: tuple[Move, ...] = (
    Move("draft", "gathering", "a place among the open requests is free and the mentee sends it"),
    Move("draft", "closed", "the mentee drops it, leaves or is erased"),
    Move("clarifying", "gathering", "the mentee says more, or SEND, or nothing for the gather time"),
    Move("clarifying", "closed", "the mentee drops it, leaves or is erased"),
    Move("gathering", "asking", "the gather time is over: the first wave goes out"),
    Move("gathering", "closed", "the mentee is done, leaves or is erased"),
    Move("asking", "answered", "the first advice is relayed"),
    Move("asking", "closed", "the mentee is done, leaves or is erased, or time is up"),
    Move("answered", "closed", "the mentee is done, leaves or is erased, or time is up"),
)

OFFER_MOVES: tuple[Move, ...] = (
    Move("sent", "answered", "the mentor answers"),
    Move("sent", "passed", "PASS"),
    Move("sent", "lapsed", "the next wave goes out"),
    Move(
        "sent",
        "withdrawn",
        "the last place is filled, the request closes, the mentor leaves, or they part",
    ),
    Move("lapsed", "answered", "the mentor answers while a place is free"),
    Move("lapsed", "passed", "PASS"),
    Move(
        "lapsed",
        "withdrawn",
        "the last place is filled, the request closes, the mentor leaves, or they part",
    ),
    Move("passed", "lapsed", "the mentor thinks again while a place is free"),
    Move("withdrawn", "lapsed", "the mentor who had paused answers while a place is free"),
    Move("passed", "answered", "the mentee wants the late view"),
    Move("withdrawn", "answered", "the mentee wants the late view"),
)

_REQUEST = {(m.of, m.to) for m in REQUEST_MOVES}
_OFFER = {(m.of, m.to) for m in OFFER_MOVES}


def move_request(request: Request, to: RequestState, **fields: object) -> Request:
    """The request after a legal move; other fields may change with it. Raises IllegalMove."""
    if (request.status, to) not in _REQUEST:
        raise IllegalMove(f"request: {request.status} -> {to}")
    return replace(request, status=to, **fields)  # type: ignore[arg-type]


def move_offer(offer: Offer, to: OfferState, now: datetime, **fields: object) -> Offer:
    """The offer after a legal move, settled at `now`. Raises IllegalMove."""
    if (offer.status, to) not in _OFFER:
        raise IllegalMove(f"offer: {offer.status} -> {to}")
    return replace(offer, status=to, settled=now, **fields)  # type: ignore[arg-type]


def diagram() -> str:
    """The two tables as Mermaid state diagrams, for `docs/lifecycle.md`."""
    parts = ["# Lifecycle\n\nGenerated from `smsmentor/core/lifecycle.py`; a test keeps it current.\n"]
    for title, moves in (("Request", REQUEST_MOVES), ("Offer", OFFER_MOVES)):
        lines = [f"    {m.of} --> {m.to}: {m.why}" for m in moves]
        parts.append(f"## {title}\n\n```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)
