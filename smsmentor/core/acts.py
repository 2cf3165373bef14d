"""What operators and our own programs do from outside the conversation: each is an event too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from smsmentor.core import crisis, halt, members, parked, played, pool, requests, retention, rotation
from smsmentor.core.events import Act
from smsmentor.core.making import replace
from smsmentor.core.model import Code, Member, Request, Tally, Timer
from smsmentor.core.turn import Turn


def run(turn: Turn, event: Act) -> None:
    """Do it, and write down who did. Raises KeyError for an act that is not in the table."""
    ACTS[event.name](turn, event.args)
    if event.by not in ("import", "catch-up", "housekeeping"):
        turn.note("operator.acted", act=event.name, by=event.by)


MENTOR_FIELDS = (
    *("alias", "field", "employer", "years", "topics", "skills", "zone", "hours", "lang"),
    *("open_limit", "offers_a_day", "offers_a_week"),
)


def _stranger(turn: Turn, phone: str) -> Member | None:
    """A member to be; nobody for a number that opted out and was erased: only START from that phone brings it back."""
    if members.suppressed(turn, phone):
        return None
    zone, lang = turn.knowledge.zone_for(phone), turn.rules.lang
    member = Member(turn.new_id("m"), phone, turn.now, zone=zone, lang=lang)
    members.take_up_blocks(turn, member)
    return member


def _mentor(turn: Turn, args: Mapping[str, Any]) -> None:
    """A mentor joins by the operator's list, or the entry of one who has joined is brought up to date."""
    phone = str(args["phone"])
    known = members.by_phone(turn, phone)
    base = known or _stranger(turn, phone)
    if base is None:
        return
    listed = (name for name in MENTOR_FIELDS if name not in base.chosen)
    fields = {name: args[name] for name in listed if args.get(name) not in (None, "", ())}
    consented = args["consented"]
    assert isinstance(consented, datetime)
    if known is None or not known.mentor:
        fields |= {"consented": consented, "consent_how": "operator's list"}
    mentor = replace(base, mentor=True, **fields)
    turn.save(mentor)
    pool.stand(turn, mentor)
    pool.clear_own_skills(turn, [topic for topic in base.topics if topic not in mentor.topics])
    if known is None or not known.mentor:
        turn.note("member.joined", member=mentor.id, role="mentor")
        rotation.freed(turn)
    else:
        turn.note("member.changed", member=mentor.id, what="import")


def _mentee(turn: Turn, args: Mapping[str, Any]) -> None:
    """Somebody who has not texted yet is known beforehand, with what the operator says about them."""
    phone = str(args["phone"])
    base = members.by_phone(turn, phone) or _stranger(turn, phone)
    if base is None:
        return
    fields = {n: args[n] for n in ("alias", "field", "employer", "zone", "lang") if args.get(n)}
    turn.save(replace(base, **fields))
    turn.note("member.joined", member=base.id, role="mentee")


def _operator(turn: Turn, args: Mapping[str, Any]) -> None:
    """A number may give operator commands and is paged. `listed`: the settings say so, as at each start.

    A number that may have a new owner is one again only by somebody's own act.

    The name is for somebody who has none. A mentor's is what mentees read, and theirs to choose.
    """
    phone = str(args["phone"])
    passed_on = parked.PASSED_ON + members.number_hash(phone)
    base = members.by_phone(turn, phone) or _stranger(turn, phone)
    if base is None or (args.get("listed") and turn.get(Tally, passed_on) is not None):
        return
    turn.drop(Tally, passed_on)
    alias = base.alias or ("" if base.mentor else str(args.get("alias") or ""))
    turn.save(replace(base, operator=True, alias=alias))
    turn.note("member.joined", member=base.id, role="operator")
    crisis.tell_untold(turn)


def _no_operator(turn: Turn, args: Mapping[str, Any]) -> None:
    """A number may not give operator commands any more, and is paged no longer."""
    member = members.by_phone(turn, str(args["phone"]))
    if member is not None and member.operator:
        turn.save(replace(member, operator=False))
        turn.note("member.changed", member=member.id, what="operator")


def _close(turn: Turn, args: Mapping[str, Any]) -> None:
    """An operator closes a request; the mentee is told."""
    code = turn.need(Code, str(args["code"]))
    request = turn.need(Request, code.request)
    if request.status != "closed":
        requests.close(turn, request, "withdrawn", tell="request.closed_by_team")


def _resume(turn: Turn, args: Mapping[str, Any]) -> None:
    """The fault of our account is mended: sending is tried at once."""
    halt.try_now(turn)


def _vouch(turn: Turn, args: Mapping[str, Any]) -> None:
    """An operator knows that the member with this number is still the same person."""
    member = turn.need(Member, str(args["member"]))
    if member.state == "suspended":
        parked.release(turn, member, "vouched for")


def _caught_up(turn: Turn, args: Mapping[str, Any]) -> None:
    """The carrier's list of texts to us has been read up to a moment."""
    until = args["until"]
    assert isinstance(until, datetime)
    turn.save(Tally("caught up", {"until": until.timestamp()}))


def _serving(turn: Turn, args: Mapping[str, Any]) -> None:
    """The service has started with a carrier's account, for people."""
    played.mark_served(turn)


def _clear(turn: Turn, args: Mapping[str, Any]) -> None:
    """Words and numbers that have been kept long enough go."""
    retention.clear(turn)


def _put_off(turn: Turn, args: Mapping[str, Any]) -> None:
    """A timer whose event failed comes again later."""
    timer = turn.get(Timer, str(args["timer"]))
    if timer is not None:
        turn.remind(timer.kind, timer.subject, turn.now + timedelta(minutes=turn.rules.retry_minutes))


ACTS: dict[str, Callable[[Turn, Mapping[str, Any]], None]] = {
    "mentee": _mentee,
    "put off": _put_off,
    "mentor": _mentor,
    "operator": _operator,
    "no operator": _no_operator,
    "clear": _clear,
    "close": _close,
    "resume": _resume,
    "serving": _serving,
    "vouch": _vouch,
    "caught up": _caught_up,
}
