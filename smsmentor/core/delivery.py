"""What became of our texts: the gateway's answer to each try, and the delivery reports that may follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from smsmentor.core import leaving, requests
from smsmentor.core.events import Receipt, SendOutcome, Withheld
from smsmentor.core.model import Member, Offer, OutText, Request, Tally
from smsmentor.core.schedule import backoff
from smsmentor.core.turn import Turn

OPTED_OUT_AT_CARRIER = 21610
RANK = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    **dict.fromkeys(("delivered", "undelivered", "failed", "canceled"), 4),
    "read": 5,
}
"""Delivery reports come unordered and doubled: only a higher rank moves a text on (Twilio, message status)."""
EARLY = "early:"
"""A report that came before the send call returned waits under this prefix and the provider's id."""


def settle(turn: Turn, event: SendOutcome) -> None:
    """One try to send has ended."""
    text = turn.get(OutText, event.text)
    if text is None or text.status not in ("leased", "queued"):
        return
    if event.state == "taken":
        _taken(turn, text, event.provider_id)
    elif event.state == "refused":
        _failed(turn, turn.save(replace(text, status="failed", leased_until=None, code=event.code)), event.code)
    else:
        _again(turn, text, event)


def withhold(turn: Turn, event: Withheld) -> None:
    """The last look said no: dropped for good, or kept for later."""
    text = turn.get(OutText, event.text)
    if text is None or text.status != "leased":
        return
    if event.until is not None:
        turn.save(replace(text, status="queued", leased_until=None, not_before=event.until))
    else:
        turn.save(replace(text, status="dropped", leased_until=None, report=event.why))


def report(turn: Turn, event: Receipt) -> None:
    """A delivery report: by id and status, never backwards."""
    text = turn.first(OutText, "provider_id", event.provider_id)
    if text is None:
        turn.save(Tally(EARLY + event.provider_id, {"status": event.status, "code": event.code}))
        turn.remind("report.early", event.provider_id, turn.now + timedelta(days=1))
        return
    if RANK.get(event.status, 0) <= RANK.get(text.report, -1):
        return
    failed = event.status in ("undelivered", "failed")
    status = "failed" if failed else "delivered" if RANK.get(event.status, 0) >= RANK["delivered"] else text.status
    changed = turn.save(replace(text, report=event.status, code=event.code or text.code, status=status))
    if failed:
        _failed(turn, changed, event.code)


def forget_early(turn: Turn, provider_id: str) -> None:
    """A report for a text that never was ours."""
    turn.drop(Tally, EARLY + provider_id)


def _taken(turn: Turn, text: OutText, provider_id: str) -> None:
    if text.farewell:
        text = replace(text, body="", phone="")
    turn.save(
        replace(
            text, status="sent", leased_until=None, unsure=False, provider_id=provider_id, sent=turn.now, report="sent"
        )
    )
    early = turn.get(Tally, EARLY + provider_id)
    if early is not None:
        turn.drop(Tally, early.id)
        turn.forget("report.early", provider_id)
        report(turn, Receipt(provider_id, early.values["status"], early.values["code"]))


def _again(turn: Turn, text: OutText, event: SendOutcome) -> None:
    """Refused for now, or nobody knows: another try later, of this text before any other to the same member."""
    attempts = text.attempts + 1
    if attempts >= turn.rules.send_tries and not event.account_wide:
        _failed(turn, turn.save(replace(text, status="failed", leased_until=None, attempts=attempts)), event.code)
        return
    until = turn.now + backoff(attempts, text.id)
    turn.save(
        replace(
            text,
            status="queued",
            leased_until=None,
            attempts=attempts,
            unsure=event.state == "unknown",
            not_before=until,
            code=event.code,
        )
    )
    for other in turn.find(OutText, "to", text.member):
        if other.id != text.id and other.not_before < until:
            turn.save(replace(other, not_before=until))


def _failed(turn: Turn, text: OutText, code: int) -> None:
    turn.note("delivery.failed", text=text.id, text_id=text.text_id, member=text.member, code=code)
    member = turn.need(Member, text.member)
    if code == OPTED_OUT_AT_CARRIER:
        leaving.opt_out(turn, member)
        return
    if text.offer and (offer := turn.get(Offer, text.offer)) is not None and offer.status in ("sent", "lapsed"):
        request = turn.need(Request, offer.request)
        requests.withdraw(turn, offer, request)
        turn.remind("request.next", request.id, turn.now)
