"""What became of our texts: the gateway's answer to each try, and the delivery reports that may follow."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import filtered, halt, leaving, money, parked, requests
from smsmentor.core.carrier_codes import CodeMeaning
from smsmentor.core.events import Receipt, SendOutcome, Withheld
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Offer, OutText, Request, Tally
from smsmentor.core.pace import next_day
from smsmentor.core.schedule import backoff
from smsmentor.core.turn import Turn

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
UNDELIVERED = frozenset({"undelivered", "failed", "canceled"})
HELD_UP = timedelta(minutes=5)
"""An offer whose text left so late begins its time anew."""
PLAIN_FAILURE = CodeMeaning("content-final")
"""A code that we do not know says nothing about the person or the account."""


def settle(turn: Turn, event: SendOutcome) -> None:
    """One try to send has ended."""
    text = turn.get(OutText, event.text)
    if text is None or not text.pending:
        return
    if event.account_wide:
        halt.stop(turn, event.code)
        turn.save(replace(text, status="queued", leased_until=None, code=event.code))
    elif event.state == "taken":
        _taken(turn, text, event)
    elif event.state == "refused":
        refused = replace(text, status="failed", leased_until=None, unsure=False, code=event.code)
        _failed(turn, turn.save(_emptied(turn, refused)))
    else:
        _again(turn, text, event)


def withhold(turn: Turn, event: Withheld) -> None:
    """The last look said no: dropped for good, or kept for later."""
    text = turn.get(OutText, event.text)
    if text is None or text.status != "leased":
        return
    if event.until is not None:
        turn.save(replace(text, status="queued", leased_until=None, not_before=event.until, report=event.why))
        return
    dropped = replace(text, status="dropped", leased_until=None, unsure=False, report=event.why)
    turn.save(_emptied(turn, dropped))
    _free_the_place(turn, text)


def report(turn: Turn, event: Receipt) -> None:
    """A delivery report: by id and status, never backwards."""
    text = turn.first(OutText, "provider_id", event.provider_id)
    if text is None:
        _keep_early(turn, event)
        return
    if RANK.get(event.status, 0) <= RANK.get(text.report, -1):
        return
    failed = event.status in UNDELIVERED
    if event.status == "delivered":
        parked.reached(turn, text.member)
    status = "failed" if failed else "delivered" if RANK.get(event.status, 0) >= RANK["delivered"] else text.status
    changed = turn.save(replace(text, report=event.status, code=event.code or text.code, status=status))
    if failed:
        _came_back(turn, changed)


def forget_early(turn: Turn, provider_id: str) -> None:
    """A report for a text that never was ours."""
    turn.drop(Tally, EARLY + provider_id)


def _keep_early(turn: Turn, event: Receipt) -> None:
    """Before the send call has returned nobody knows whose report it is; of several the furthest counts."""
    known = turn.get(Tally, EARLY + event.provider_id)
    if known is None or RANK.get(event.status, 0) > RANK.get(known.values["status"], 0):
        turn.save(Tally(EARLY + event.provider_id, {"status": event.status, "code": event.code}))
    if known is None:
        turn.remind("report.early", event.provider_id, turn.now + timedelta(days=1))


def _taken(turn: Turn, text: OutText, event: SendOutcome) -> None:
    halt.taken(turn)
    turn.save(
        replace(
            _emptied(turn, text),
            status="sent",
            leased_until=None,
            unsure=False,
            provider_id=event.provider_id,
            sent=turn.now,
            report="sent",
            code=event.code,
        )
    )
    money.count(turn, text)
    _begin_silence(turn, text)
    early = turn.get(Tally, EARLY + event.provider_id)
    if early is not None:
        turn.drop(Tally, early.id)
        turn.forget("report.early", event.provider_id)
        report(turn, Receipt(event.provider_id, early.values["status"], early.values["code"]))


def _emptied(turn: Turn, text: OutText) -> OutText:
    """A text that is over: of a farewell, and of what was on its way when somebody was erased, no word stays."""
    member = turn.get(Member, text.member)
    if text.farewell or member is None or member.state == "erased":
        return replace(text, body="", phone="")
    return replace(text, body="") if text.erased else text


def _begin_silence(turn: Turn, text: OutText) -> None:
    """An offer that was held up on its way: its mentor has the whole time from now on."""
    offer = turn.get(Offer, text.offer) if text.offer else None
    if offer is None or offer.silence_counted or turn.now - offer.made < HELD_UP:
        return
    if offer.status in ("sent", "lapsed"):
        turn.remind("offer.silent", offer.id, turn.now + timedelta(hours=turn.rules.silence_hours))


def _again(turn: Turn, text: OutText, event: SendOutcome) -> None:
    """Refused for now, or nobody knows: another try later, before any other text to the same member."""
    attempts = text.attempts + 1
    unsure = event.state == "unknown"
    since = text.tried or turn.now
    tried = replace(
        text,
        status="queued",
        leased_until=None,
        attempts=attempts,
        unsure=unsure,
        code=event.code or text.code,
        tried=since,
    )
    old = turn.now - since >= timedelta(hours=turn.rules.try_hours)
    if attempts >= turn.rules.send_tries and old:
        _failed(turn, turn.save(_emptied(turn, replace(tried, status="failed"))))
        return
    wait = max(backoff(attempts, text.id), _wait(turn, _meaning(turn, event.code)))
    turn.save(replace(tried, not_before=turn.now + wait))


def _came_back(turn: Turn, text: OutText) -> None:
    """A late report says that a text did not arrive: sent anew where that can help, else it has failed."""
    meaning = _meaning(turn, text.code)
    ours = meaning.kind == "account-wide"
    if ours:
        halt.stop(turn, text.code, reported=True)
    if meaning.unreachable:
        parked.unreached(turn, turn.need(Member, text.member), text.code)
    there = turn.need(Member, text.member).state == "active"
    # An offer that its phone did not get goes to somebody else, unless the fault is ours: nobody would get it then.
    again = ours or (text.returned < meaning.again and not text.offer)
    if there and again and text.body:
        _send_anew(turn, text, _wait(turn, meaning))
    else:
        _failed(turn, text)


def _send_anew(turn: Turn, text: OutText, wait: timedelta) -> None:
    """The same words in a row of their own: a later look-up must not take the lost message for this one."""
    turn.save(
        OutText(
            turn.new_id("o"),
            text.member,
            text.phone,
            text.body,
            text.text_id,
            text.segments,
            text.encoding,
            turn.now,
            turn.now + wait,
            direct=text.direct and not wait,
            useless_after=text.useless_after,
            request=text.request,
            offer=text.offer,
            sender=text.sender,
            returned=text.returned + 1,
            of_party=text.of_party,
            writer=text.writer,
        )
    )


def _failed(turn: Turn, text: OutText) -> None:
    """A text will not arrive. What that means for the person and for the offer stands in the carrier's codes."""
    turn.note("delivery.failed", text=text.id, text_id=text.text_id, member=text.member, error=text.code)
    member = turn.need(Member, text.member)
    meaning = _meaning(turn, text.code)
    kind = meaning.kind
    if meaning.filtered:
        filtered.count(turn, text.code)
    if kind == "opted-out":
        leaving.opt_out(turn, member)
    elif kind == "recipient-final":
        parked.park(turn, member, text.code)
    _free_the_place(turn, text)


def _free_the_place(turn: Turn, text: OutText) -> None:
    """An offer that was never heard of is taken back without a word, and the next mentor is asked at once."""
    offer = turn.get(Offer, text.offer) if text.offer else None
    if offer is not None and offer.status in ("sent", "lapsed") and not offer.late:
        request = turn.need(Request, offer.request)
        requests.withdraw(turn, offer, request)
        turn.remind("request.next", request.id, turn.now)


def _wait(turn: Turn, meaning: CodeMeaning) -> timedelta:
    """How long a code asks to wait before the next try."""
    if meaning.next_day:
        return next_day(turn.now, turn.rules) - turn.now
    return timedelta(minutes=meaning.wait_minutes)


def _meaning(turn: Turn, code: int) -> CodeMeaning:
    return turn.knowledge.carrier_codes.of(code) or PLAIN_FAILURE
