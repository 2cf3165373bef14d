"""The panel: answers fill places, are headed A, B, C, and go on as threads; late ones are kept and thanked."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import members, offering, pool, requests, rhythm, rotation, waiting
from smsmentor.core.lifecycle import move_offer, move_request
from smsmentor.core.making import replace
from smsmentor.core.model import Answer, Member, Offer, Request, Thread
from smsmentor.core.render import pieces
from smsmentor.core.turn import Outcome, Turn

LETTERS = 6
"""Letters of a panel that a mentee can name in a text, A to F."""


def answer(turn: Turn, mentor: Member, offer: Offer, text: str) -> Outcome:
    """A mentor's first answer: it takes a free place, waits for the kept one, or comes late."""
    request = turn.need(Request, offer.request)
    pool.replied(turn, mentor.id)
    members.drop_prompts(turn, mentor.id, "sure", f"offer:{offer.id}")
    if request.status == "closed" or len(request.answers) >= request.places:
        return late(turn, mentor, offer, request, text)
    offer = think_again(turn, offer)
    rhythm.count_answer(turn, offer)
    if _place_is_kept(turn, request, offer):
        turn.save(replace(offer, late=text))
        turn.forget("offer.silent", offer.id)
        turn.remind("request.release", request.id, request.outside_until or turn.now)
        turn.say(mentor, "answer.kept", code=request.code, request=request.id)
        return Outcome("relayed", "kept for the outside seat's deadline", request=request.id)
    relay_answer(turn, offer, request, text)
    turn.say(mentor, "answer.thanks", code=request.code, request=request.id)
    return Outcome("relayed", request=request.id)


def think_again(turn: Turn, offer: Offer) -> Offer:
    """Who passed or paused writes a view after all: while a place is free it counts, as that of a lapsed offer does."""
    if offer.status not in ("passed", "withdrawn"):
        return offer
    return turn.save(move_offer(offer, "lapsed", turn.now))


def relay_answer(turn: Turn, offer: Offer, request: Request, text: str) -> None:
    """Give an answer its place and letter, and the mentee the advice."""
    mentee, mentor = turn.need(Member, request.mentee), turn.need(Member, offer.mentor)
    letter = chr(ord("A") + len(request.answers))
    outside = _is_outside(turn, request, mentor, mentee) and (offer.seat == "outside" or bool(mentee.field))
    taken = Answer(letter, mentor.id, turn.now, outside)
    was_first = request.status == "asking"
    if was_first:
        waiting.keep(turn, request, answered=True)
    request = replace(request, answers=(*request.answers, taken), waiting=False)
    request = move_request(request, "answered") if was_first else request
    turn.save(request)
    turn.save(move_offer(offer, "answered", turn.now, late=""))
    turn.forget("offer.silent", offer.id)
    turn.save(Thread(f"{request.id}:{letter}", request.id, letter, mentee.id, mentor.id, turn.now, turn.now))
    if was_first:
        turn.note("request.answered", request=request.id, code=request.code)
    turn.note("advice.relayed", request=request.id, code=request.code, member=mentor.id, letter=letter, outside=outside)
    load = members.load_of(turn, mentor.id)
    turn.save(replace(load, answers=load.answers + 1))
    heading = _heading(turn, mentee, mentor, with_code(turn, mentee, request, letter), outside)
    say_in_pieces(turn, mentee, "advice.first", text, request, letter=heading, writer=mentor.id)
    _places_changed(turn, request)


def late(turn: Turn, mentor: Member, offer: Offer, request: Request, text: str) -> Outcome:
    """An answer after the last place was filled or the request closed: kept, thanked, and offered to the mentee.

    Somebody who has left is not asked, and nobody is told that they were.
    """
    if turn.need(Member, request.mentee).state != "active":
        turn.say(mentor, "code.closed", code=request.code, request=request.id)
        return Outcome("clarified", "the mentee has left", request.id)
    offer = turn.save(replace(offer, late=f"{offer.late} {text}".strip()))
    if not requests.offer_late_view(turn, offer, request):
        turn.say(mentor, "answer.unwanted", code=request.code, request=request.id)
    elif request.status == "closed" and request.closed is not None:
        turn.say(mentor, "answer.late_closed", code=request.code, time=request.closed, request=request.id)
    else:
        turn.say(mentor, "answer.late_full", code=request.code, request=request.id)
    return Outcome("relayed", "late", request=request.id)


def show_late(turn: Turn, mentee: Member, offer: Offer) -> None:
    """The mentee wants the late view: while the question is open it joins the panel, so that they can go on with it.

    Who is on the panel already, and has left the conversation, gets no second place.
    """
    request, mentor = turn.need(Request, offer.request), turn.need(Member, offer.mentor)
    text = offer.late
    has_place = offer.status == "answered" or len(request.answers) >= LETTERS
    if request.status != "closed" and mentor.state == "active" and not has_place:
        request = turn.save(replace(request, places=max(request.places, len(request.answers) + 1)))
        relay_answer(turn, offer, request, text)
        return
    turn.save(replace(offer, late=""))
    turn.note("advice.relayed", request=request.id, code=request.code, member=mentor.id, letter="late", outside=False)
    who = _who(turn, mentee, mentor, False) or turn.words(mentee, "word.peer")
    say_in_pieces(turn, mentee, "advice.late", text, request, letter=who, writer=mentor.id)


def release(turn: Turn, request: Request) -> None:
    """The outside seat's deadline has passed: answers that were kept for it take the places that are free."""
    for offer in turn.find(Offer, "request", request.id):
        now = turn.need(Request, request.id)
        if offer.late and offer.status in ("sent", "lapsed") and len(now.answers) < now.places:
            relay_answer(turn, offer, now, offer.late)


def mentor_left(turn: Turn, mentor: Member, *, for_good: bool) -> None:
    """A mentor opted out or paused: what waited for them goes to others; mentees are told once, not why.

    A pause leaves conversations as they are in which the mentor owes no answer.
    """
    for offer in members.open_offers(turn, mentor.id):
        request = turn.need(Request, offer.request)
        requests.withdraw(turn, offer, request)
        rotation.lost(turn, request)
    for thread in members.open_threads(turn, mentor.id):
        if not (for_good or thread.awaiting):
            continue
        request = turn.need(Request, thread.request)
        turn.save(replace(thread, closed=True, awaiting=""))
        if thread.awaiting:
            take_over(turn, request, thread.letter, thread.awaiting)
        else:
            mentee = turn.need(Member, thread.mentee)
            turn.say(mentee, "mentor.left_idle", letter=thread.letter, code=request.code, request=request.id)


def take_over(turn: Turn, request: Request, letter: str, follow_up: str) -> None:
    """A follow-up has lost its mentor: it goes to another peer, in front of all others, and the mentee is told once.

    Whoever was asked about this request already and has not answered comes first; else somebody new is asked, for
    whom there is one more place.
    """
    request = turn.need(Request, request.id)
    request = turn.save(replace(request, places=max(request.places, len(request.answers) + 1)))
    found = True
    if asked := [o for o in rotation.in_flight_of(turn, request) if not o.late]:
        mentor = turn.need(Member, asked[0].mentor)
        turn.save(replace(asked[0], follow_up=follow_up))
        first, *more = pieces(follow_up, turn.rules.relay_longest)
        turn.say(mentor, "offer.taken_over", code=request.code, about="", quote=first, sent="", request=request.id)
        for piece in more:
            offering.add(turn, request, asked[0], piece)
    else:
        found = rotation.replace_mentor(turn, request, follow_up)
    mentee = turn.need(Member, request.mentee)
    text_id = "mentor.left" if found else "mentor.left_waiting"
    if not found and not rotation.anybody_left(turn, request):
        text_id = "mentor.left_nobody"
    turn.say(mentee, text_id, letter=letter, code=request.code, request=request.id)


def go_on_with_others(turn: Turn, mentee: Member, request: Request, text: str) -> Outcome:
    """More from a mentee whose mentors have all left the conversation: for those asked instead, or for somebody new."""
    if asked := [o for o in rotation.in_flight_of(turn, request) if not o.late]:
        turn.save(replace(request, parts=request.parts + 1))
        for offer in asked:
            offering.add(turn, request, offer, text)
    elif request.waiting and request.follow_up:
        turn.save(replace(request, follow_up=f"{request.follow_up} {text}", parts=request.parts + 1))
    elif not rotation.anybody_left(turn, request):
        turn.say(mentee, "more.gone", code=request.code, request=request.id)
        return Outcome("clarified", "nobody is left to ask", request.id)
    else:
        turn.save(replace(request, places=max(request.places, len(request.answers) + 1)))
        found = rotation.replace_mentor(turn, request, text)
        turn.say(mentee, "more.others" if found else "more.later", code=request.code, request=request.id)
    turn.note("request.extended", request=request.id, code=request.code)
    return Outcome("request", "extended", request.id)


def more_views(turn: Turn, mentee: Member, request: Request) -> bool:
    """MORE alone: a further view, or the reason why there is none. False when nothing comes of it."""
    full = len(request.answers) >= request.places
    asked = len(rotation.in_flight_of(turn, request))
    refused = ""
    if full and request.further >= turn.rules.further_views:
        refused = "more.enough"
    elif not rotation.anybody_left(turn, request):
        refused = "more.nobody_left" if turn.first(Offer, "request", request.id) else "ask.got_nobody_again"
    elif asked >= rotation.open_places(turn, request) + turn.rules.further_views:
        refused = "more.asked"
    if refused:
        turn.say(mentee, refused, code=request.code, peers=requests.peers(turn, mentee, asked), request=request.id)
        return False
    if full:
        request = turn.save(replace(request, places=request.places + 1, further=request.further + 1))
    turn.remind("request.next", request.id, turn.now)
    somebody, _ = rotation.preview(turn, request)
    text_id = "more.asking" if somebody else "more.if_free" if request.answers else "more.later"
    turn.say(mentee, text_id, code=request.code, request=request.id)
    if request.answers:  # a day from their last word, as a conversation has
        turn.remind("request.expire", request.id, turn.now + timedelta(hours=turn.rules.expiry_hours))
    return True


def say_in_pieces(
    turn: Turn,
    member: Member,
    text_id: str,
    text: str,
    request: Request,
    *,
    letter: str = "",
    code: str = "",
    writer: str = "",
) -> None:
    """Relay a text under its heading; a very long one in several, none cut off."""
    for piece in pieces(text, turn.rules.relay_longest):
        turn.say(member, text_id, quote=piece, request=request.id, letter=letter, code=code, writer=writer)


def with_code(turn: Turn, mentee: Member, request: Request, letter: str) -> str:
    """The letter of a mentor, with the code of the question where another one of its mentee is open: `K43 A`."""
    if len(mentee.asked) < 2:  # nearly always: no look-up
        return letter
    others = (r for r in members.live_requests(turn, mentee.id) if r.id != request.id and r.status != "draft")
    return f"{request.code} {letter}" if any(others) else letter


def _heading(turn: Turn, mentee: Member, mentor: Member, letter: str, outside: bool) -> str:
    who = _who(turn, mentee, mentor, outside)
    return f"{letter} ({who})" if who else letter


def _who(turn: Turn, mentee: Member, mentor: Member, outside: bool) -> str:
    parts = [turn.words(mentee, "word.outside_view")] if outside else []
    parts += [part for part in (mentor.alias, mentor.field) if part]
    if mentor.years:
        parts.append(turn.words(mentee, "word.years", count=mentor.years))
    return ", ".join(parts)


def _is_outside(turn: Turn, request: Request, mentor: Member, mentee: Member) -> bool:
    """Whether a view of this mentor is one from outside, for this mentee and beside those who have answered."""
    near = [turn.need(Member, a.mentor) for a in request.answers if not a.outside]
    return mentee.wants_outside and pool.outside_of(turn, mentor, mentee, near)


def _place_is_kept(turn: Turn, request: Request, offer: Offer) -> bool:
    """Whether the last free place is still kept for the outside view that has been asked for."""
    if offer.seat == "outside" or not request.outside or request.outside_until is None:
        return False
    if turn.now >= request.outside_until or len(request.answers) < request.places - 1:
        return False
    mentee = turn.need(Member, request.mentee)
    there = any(a.outside for a in request.answers)
    if there or _is_outside(turn, request, turn.need(Member, offer.mentor), mentee):
        return False
    return any(o.seat == "outside" for o in rotation.in_flight_of(turn, request))


def _places_changed(turn: Turn, request: Request) -> None:
    if len(request.answers) < request.places:
        rotation.hasten(turn, request)
        return
    turn.forget("request.next", request.id)
    for offer in rotation.in_flight_of(turn, request):
        if offer.late:  # the place that it waited for has gone to the view from outside
            requests.offer_late_view(turn, offer, request)
        else:
            requests.withdraw(turn, offer, request, tell="offer.filled")
    rotation.freed(turn)
