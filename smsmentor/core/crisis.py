"""Somebody may be in danger: crisis contacts at once, nothing to peers, and operators are paged until one confirms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from smsmentor.core import members, team
from smsmentor.core.kinds import PAGES
from smsmentor.core.making import replace
from smsmentor.core.model import Code, Member, OutText, Request, Tally, Timer
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes
from smsmentor.core.understand.safety import Alarm

AT_ONCE = frozenset({"crisis", "crisis-other", "danger"})
"""Alarms that are answered with crisis contacts and never relayed."""
PAGE = "crisis.page"
"""The timer that pages again; its subject is the request under which operators handle it."""
LET_IN = "crisis.let_in"
"""The tally of numbers that such words alone let in within the hour, by member."""
UNTOLD = "crisis.untold"
"""The tally of requests about which there was no operator to page, and since when, by request."""
LISTED = 8
"""So many codes stand in one page."""


def hear(turn: Turn, member: Member, body: str) -> Outcome | None:
    """Words of self-harm, violence or danger; None when a text has none."""
    alarm = _alarm(turn, body)
    if alarm is None:
        return None
    request = _case(turn, member, body, alarm.rule)
    if _told_lately(turn, member):
        _tell_again(turn, member)
    else:
        _tell(turn, member)
    turn.save(replace(turn.need(Member, member.id), crisis_told=turn.now, crisis_case=request.id))
    turn.note("crisis.flagged", request=request.id, code=request.code, member=member.id, rule=alarm.rule)
    if turn.get(Timer, f"{PAGE}:{request.id}") is None:  # else the pages about it go on as it is
        page(turn, request)
    return Outcome("crisis", alarm.level, request.id)


def hear_of_one_who_left(turn: Turn, member: Member, body: str) -> Outcome | None:
    """Such words after STOP: nothing may be sent to them any more, so operators alone hear. All of an hour, and all
    while it is paged, is one case."""
    alarm = _alarm(turn, body)
    if alarm is None:
        return None
    known = turn.get(Request, member.crisis_case) if member.crisis_case else None
    since = max(turn.now - timedelta(minutes=turn.rules.crisis_text_minutes), member.left or member.joined)
    if known is None or (known.opened < since and not in_no_hands(turn, known)):
        known = _case(turn, member, body, alarm.rule)
        turn.save(replace(member, crisis_case=known.id))
        turn.note("crisis.flagged", request=known.id, code=known.code, member=member.id, rule=alarm.rule)
        page(turn, known)
    return Outcome("crisis", alarm.level, known.id)


def tell_who_is_back(turn: Turn, member: Member) -> None:
    """Who wrote such words while nothing might be sent to them hears now where help is."""
    known = turn.get(Request, member.crisis_case) if member.crisis_case else None
    if known is None or member.left is None or known.opened < member.left or _told_lately(turn, member):
        return
    if turn.now - known.opened < timedelta(days=1):
        _tell(turn, member)
        turn.save(replace(turn.need(Member, member.id), crisis_told=turn.now))


def is_meant(turn: Turn, body: str) -> bool:
    """Whether a text would be answered with crisis contacts."""
    return _alarm(turn, body) is not None


def is_untold(turn: Turn, member: Member, body: str) -> bool:
    """Whether a text has such words, and its sender was not told within the hour where help is."""
    return not _told_lately(turn, member) and is_meant(turn, body)


def is_fresh(turn: Turn, member: Member) -> bool:
    """Whether somebody wrote such words within the hour, or no operator has confirmed yet."""
    return bool(member.crisis_case) and (_told_lately(turn, member) or _waits_for_operators(turn, member.crisis_case))


def goes_on(turn: Turn, member: Member, body: str) -> Outcome:
    """What somebody writes while that is so: `is anybody there`.

    Plain words are nothing for peers then. Who goes on with a question says so, with its code or with a command.
    """
    request = turn.need(Request, member.crisis_case)
    _tell_again(turn, member)
    for operator in team.readers(turn, member, request.code, request.id, crisis=True):
        turn.say(operator, "op.crisis_more", urgent=True, code=request.code, quote=body, request=request.id)
    return Outcome("crisis", "goes on", request.id)


def page(turn: Turn, request: Request) -> None:
    """Text every operator about a flagged request, and again every few minutes until one acknowledges it."""
    found = members.operators(turn)
    if not found:
        _keep_untold(turn, [request])
        return
    mentee = turn.get(Member, request.mentee)
    text_id = "op.crisis_left" if mentee is not None and mentee.state == "opted_out" else "op.crisis"
    for operator in found:
        turn.say(operator, text_id, urgent=True, code=request.code, minutes=turn.rules.crisis_page_minutes)
    _again(turn, [request])


def page_again(turn: Turn, request: Request) -> None:
    """Nobody has acknowledged it in time. All that wait for that are in one text, so that none drowns in the others."""
    waiting = [request, *(other for other in paged(turn) if other.id != request.id)]
    _take_back_pages(turn)
    if len(waiting) == 1:
        page(turn, request)
    elif members.operators(turn):
        _page_all(turn, waiting, "op.crisis_all")
    else:  # the last of them has left
        _keep_untold(turn, waiting)


def tell_untold(turn: Turn) -> None:
    """There is an operator who can be texted: they are paged about what was brought before nobody."""
    if turn.get(Tally, UNTOLD) is None or not members.operators(turn):
        return
    _page_all(turn, [turn.need(Request, id) for id in untold(turn)], "op.crisis_untold")
    turn.drop(Tally, UNTOLD)


def untold(reader: Reads) -> dict[str, datetime]:
    """The requests with words of danger that no operator was told about, oldest first, and since when."""
    tally = reader.get(Tally, UNTOLD)
    return {id: datetime.fromtimestamp(at, UTC) for id, at in tally.values.items()} if tally else {}


def in_no_hands(turn: Turn, request: Request) -> bool:
    """Whether operators may still be paged about it, by its code."""
    return bool(request.flagged) and (turn.get(Timer, f"{PAGE}:{request.id}") is not None or request.id in untold(turn))


def forget_untold(turn: Turn, request: Request) -> None:
    """Its words are gone: there is nothing left that could be told."""
    tally = turn.get(Tally, UNTOLD) if request.flagged else None
    if tally is not None and request.id in tally.values:
        others = {id: at for id, at in tally.values.items() if id != request.id}
        if others:
            turn.save(Tally(UNTOLD, others))
        else:
            turn.drop(Tally, UNTOLD)


def _page_all(turn: Turn, waiting: list[Request], text_id: str) -> None:
    more = f" +{len(waiting) - LISTED}" if len(waiting) > LISTED else ""
    codes_of = ", ".join(one.code for one in waiting[:LISTED]) + more
    for operator in members.operators(turn):
        turn.say(operator, text_id, urgent=True, codes=codes_of, minutes=turn.rules.crisis_page_minutes)
    _again(turn, waiting)


def _take_back_pages(turn: Turn) -> None:
    """What is repeated takes the place of what has not left yet: a day without the carrier ended with 288 pages."""
    for operator in members.operators(turn):
        for text in turn.find(OutText, "to", operator.id):
            if text.text_id in PAGES and text.status == "queued" and not text.unsure:
                turn.save(replace(text, status="dropped", report="a newer page"))


def _again(turn: Turn, waiting: list[Request]) -> None:
    for one in waiting:
        turn.remind(PAGE, one.id, turn.now + timedelta(minutes=turn.rules.crisis_page_minutes))


def _keep_untold(turn: Turn, waiting: list[Request]) -> None:
    """Nobody can be paged. It is told to the first who can be; until then the log and `doctor` say so."""
    tally = turn.get(Tally, UNTOLD)
    kept = dict(tally.values) if tally else {}
    for one in waiting:
        turn.forget(PAGE, one.id)
        if one.id not in kept:
            kept[one.id] = turn.now.timestamp()
            turn.note("crisis.untold", request=one.id, code=one.code)
    turn.save(Tally(UNTOLD, kept))


def let_in(turn: Turn) -> dict[str, float]:
    """Whom words of danger alone let in within the hour while there was no room for new numbers, and when."""
    tally, since = turn.get(Tally, LET_IN), (turn.now - timedelta(hours=1)).timestamp()
    return {id: at for id, at in (tally.values if tally else {}).items() if at > since}


def remember_let_in(turn: Turn, member: Member) -> None:
    """They hear from us about it once within the hour: a flood of such words must not make us text and text."""
    turn.save(Tally(LET_IN, {**let_in(turn), member.id: turn.now.timestamp()}))


def acknowledge(turn: Turn, request: Request) -> None:
    """An operator has it in hand: the pages end."""
    turn.forget(PAGE, request.id)
    if not paged(turn):
        _take_back_pages(turn)


def paged(turn: Turn) -> list[Request]:
    """The requests about which operators are paged now, since none has confirmed."""
    soon = turn.now + timedelta(minutes=turn.rules.crisis_page_minutes)
    due: Iterator[Timer] = takewhile(lambda timer: timer.due <= soon, turn.walk(Timer, "due", "yes"))
    return [turn.need(Request, timer.subject) for timer in due if timer.kind == PAGE]


def _tell(turn: Turn, member: Member) -> None:
    contacts = "crisis.contacts" if members.operators(turn) else "crisis.contacts_only"
    turn.say(member, contacts, urgent=True, lines=_hotline(turn, member))


def _told_lately(turn: Turn, member: Member) -> bool:
    told = member.crisis_told
    return told is not None and turn.now - told < timedelta(minutes=turn.rules.crisis_text_minutes)


def _waits_for_operators(turn: Turn, request: str) -> bool:
    return turn.get(Timer, f"{PAGE}:{request}") is not None and bool(members.operators(turn))


def _tell_again(turn: Turn, member: Member) -> None:
    if member.id not in let_in(turn):
        turn.say(member, "crisis.again", urgent=True, lines=_hotline(turn, member))


def _hotline(turn: Turn, member: Member) -> str:
    """The crisis line of this member's country in one short sentence."""
    return turn.knowledge.hotline_words(member.lang, member.phone)


def _case(turn: Turn, member: Member, body: str, rule: str) -> Request:
    """The request under which operators handle it: the one about which they are paged already or will be, this
    member's newest open one, or a new one that asks nobody."""
    known = turn.get(Request, member.crisis_case) if member.crisis_case else None
    if known is not None and in_no_hands(turn, known):
        return turn.save(replace(known, flagged=f"crisis: {rule}"))
    for request in reversed(members.live_requests(turn, member.id)):
        return turn.save(replace(request, flagged=f"crisis: {rule}"))
    code = codes.new(
        turn.new_id("code"),
        taken=lambda code: turn.get(Code, code) is not None,
        in_use=lambda length: turn.count(Code, "length", str(length)),
    )
    request = Request(
        turn.new_id("r"),
        code,
        member.id,
        body,
        turn.now,
        "closed",
        closed=turn.now,
        reason="crisis",
        flagged=f"crisis: {rule}",
    )
    turn.save(Code(code, request.id))
    turn.remind("code.free", request.id, turn.now + timedelta(days=turn.rules.code_kept_days))
    return turn.save(request)


def _alarm(turn: Turn, body: str) -> Alarm | None:
    return next((alarm for alarm in turn.knowledge.safety.alarms(body) if alarm.level in AT_ONCE), None)
