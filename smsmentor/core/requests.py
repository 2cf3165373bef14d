"""The life of a request: opened by a text, gathered, asked, answered, and closed with an outcome that is told."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta
from itertools import takewhile

from smsmentor.core import crisis, members, offering, own_skills, pool, rotation, screen, waiting
from smsmentor.core.kinds import REPLIES
from smsmentor.core.lifecycle import move_offer, move_request
from smsmentor.core.making import replace
from smsmentor.core.model import (
    Choice,
    Code,
    Member,
    Offer,
    OutText,
    Prompt,
    PromptKind,
    Request,
    Sprint,
    Thread,
    Timer,
)
from smsmentor.core.render import short
from smsmentor.core.schedule import quiet_until
from smsmentor.core.sending import take_back
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes, parse

DAY = timedelta(days=1)
CODES = 4
"""So many codes are named in one text."""
WORTH_NAMING = timedelta(minutes=20)
"""A moment that is nearer is not told: somebody who is busy now may be free before it, or not yet. For the same reason
none is told but that at which the pool wakes: of one mentor's own rest nobody knows to whom it will end."""


def begin(turn: Turn, mentee: Member, question: str, *, thin: bool) -> Outcome:
    """A new question: receipt, code, and the gather time; a draft when enough are open already."""
    live = members.live_requests(turn, mentee.id)
    codes_open = [r.code for r in live if r.status != "draft"]
    rest = rested_from(turn, mentee)
    if rest is not None and thin:
        return say_rest(turn, mentee, rest)
    later = rest is not None or len(codes_open) >= turn.rules.open_requests
    drafts = [r.code for r in live if r.status == "draft"]
    if later and len(drafts) >= turn.rules.drafts:
        turn.say(mentee, "ask.drafts_full", count=turn.rules.drafts, codes=", ".join(drafts[:CODES]))
        return Outcome("clarified", "too many drafts")
    code = _new_code(turn)
    request = Request(
        turn.new_id("r"),
        code,
        mentee.id,
        question,
        turn.said_at,
        topics=_topics(turn, question),
        skills=own_skills.asked_for(turn, question),
        places=turn.rules.places,
        outside=mentee.wants_outside,
        last_part=turn.now,
    )
    turn.save(Code(code, request.id))
    if later:
        turn.save(replace(request, status="draft"))
        if rest is not None:
            turn.say(mentee, "ask.rest_draft", count=turn.rules.questions_a_day, time=rest, request=request.id)
            turn.remind("request.rested", request.id, rest)
        else:
            turn.say(mentee, "ask.draft", count=turn.rules.open_requests, codes=", ".join(codes_open))
        return Outcome("request", "draft", request.id)
    _count(turn, mentee)
    turn.note("request.opened", request=request.id, code=code, member=mentee.id, topics=own_skills.told(request))
    if thin:
        turn.save(replace(request, status="clarifying"))
        turn.say(mentee, "ask.thin")
        turn.remind("request.gathered", request.id, turn.now + timedelta(hours=turn.rules.expiry_hours))
        return Outcome("request", request=request.id)
    turn.save(request)
    _receipt(turn, mentee, request)
    _gather(turn, request)
    return Outcome("request", request=request.id)


def open_for(turn: Turn, mentee: Member, question: str, *, topics: tuple[str, ...], avoid: tuple[str, ...]) -> Request:
    """A request to one mentor that something else than a plain text began: no drafts, asked after the gather time."""
    code = _new_code(turn)
    request = Request(
        turn.new_id("r"),
        code,
        mentee.id,
        question,
        turn.now,
        topics=topics,
        places=1,
        outside=False,
        avoid=avoid,
        last_part=turn.now,
    )
    turn.save(Code(code, request.id))
    _count(turn, mentee)
    turn.note("request.opened", request=request.id, code=code, member=mentee.id, topics=list(topics))
    turn.save(request)
    turn.say(mentee, "sprint.got", code=code, request=request.id)
    _gather(turn, request)
    return request


def rested_from(turn: Turn, mentee: Member) -> datetime | None:
    """From when this person may ask the next question; None for now, as it nearly always is.

    A day takes only so many: each asks several mentors, whose own day has few places. Nobody is held to account for a
    question that nobody heard of, or that waited long for an answer and got none.
    """
    most, since = turn.rules.questions_a_day, turn.now - DAY
    if not most or len(mentee.asked) < most:  # it has them all: no look at the questions themselves
        return None
    own = takewhile(lambda request: request.opened > since, turn.walk(Request, "mentee", mentee.id, newest=True))
    counts = [request.opened for request in own if _counts(turn, request)]
    counts += [at for at in reversed(mentee.asked) if since < at < mentee.joined]  # before they were erased
    return counts[most - 1] + DAY if len(counts) >= most else None


def _counts(turn: Turn, request: Request) -> bool:
    """Whether a question has taken of its mentors' day, and brought something or was taken back soon."""
    if request.status == "draft" or not request.wave:
        return False
    waited = (request.closed or turn.now) - request.opened
    return bool(request.answers) or waited < timedelta(hours=turn.rules.silence_hours)


def say_rest(turn: Turn, mentee: Member, until: datetime) -> Outcome:
    """Tell somebody who has asked much within a day from when the next question is welcome."""
    turn.say(mentee, "ask.rest", count=turn.rules.questions_a_day, time=until)
    return Outcome("clarified", "many questions in a day")


def _count(turn: Turn, mentee: Member) -> None:
    """A question is opened now."""
    mentee = turn.need(Member, mentee.id)
    recent = (at for at in mentee.asked if turn.now - at < DAY)
    turn.save(replace(mentee, asked=(*recent, turn.now)))


def extend(turn: Turn, mentee: Member, request: Request, text: str) -> Outcome:
    """More of a question that has no answer yet: added, and told to those already asked."""
    only_now = request.status == "clarifying" and parse.thin(request.question, turn.knowledge.yes_no(mentee.lang))
    question = text if only_now else f"{request.question} {text}"
    topics, skills = _topics(turn, question), own_skills.asked_for(turn, question)
    parts = request.parts + (request.status == "asking")
    changed = replace(request, question=question.strip(), topics=topics, skills=skills, last_part=turn.now, parts=parts)
    turn.note("request.extended", request=request.id, code=request.code)
    if request.status == "clarifying":  # what came before was hardly a question yet
        changed = turn.save(move_request(changed, "gathering", opened=turn.said_at))
        _receipt(turn, mentee, changed)
        _gather(turn, changed)
    elif request.status == "gathering":
        turn.save(changed)
        _gather(turn, changed)
    else:
        turn.save(changed)
        for offer in turn.find(Offer, "request", request.id):
            if offer.status in ("sent", "lapsed"):
                offering.add(turn, request, offer, text)
    return Outcome("request", "extended", request=request.id)


def is_full(turn: Turn, request: Request, text: str) -> bool:
    """Whether a question is as long as mentors can be asked to read, or was added to often enough.

    Each of them gets each part: one phone that goes on and on would cost them, and us, many times its own texts.
    """
    too_long = len(request.question) + len(text) > turn.rules.question_longest
    return too_long or request.parts >= turn.rules.question_parts


def send_as_it_is(turn: Turn, mentee: Member, request: Request) -> None:
    """SEND: a thin question goes out as it stands."""
    request = turn.save(move_request(request, "gathering", last_part=turn.now))
    _receipt(turn, mentee, request)
    _gather(turn, request)


def open_draft(turn: Turn, mentee: Member, request: Request) -> None:
    """A draft takes the place that has become free."""
    request = turn.save(move_request(request, "gathering", opened=turn.now, last_part=turn.now))
    _count(turn, mentee)
    topics = own_skills.told(request)
    turn.note("request.opened", request=request.id, code=request.code, member=mentee.id, topics=topics)
    _receipt(turn, mentee, request)
    _gather(turn, request)


def drop_draft(turn: Turn, mentee: Member, request: Request) -> None:
    """A kept question is not wanted any more."""
    close(turn, request, "withdrawn")
    turn.say(mentee, "ask.draft_dropped", quote=short(request.question, 40), request=request.id)


def gathered(turn: Turn, request: Request) -> None:
    """The gather time is over: ask the first wave. A thin question that was left alone ends kindly."""
    if request.status == "clarifying":
        close(turn, request, "withdrawn")
        mentee = turn.need(Member, request.mentee)
        turn.say(mentee, "request.left", quote=short(request.question, 40), request=request.id)
        return
    if request.status != "gathering":
        return
    expires = turn.now + timedelta(hours=turn.rules.expiry_hours)
    request = turn.save(
        move_request(
            request,
            "asking",
            asked_at=turn.now,
            outside_until=turn.now + timedelta(minutes=turn.rules.outside_hold_minutes),
        )
    )
    turn.remind("request.expire", request.id, expires)
    for minutes in turn.rules.notes_after_minutes:
        turn.remind(f"request.note{minutes}", request.id, turn.now + timedelta(minutes=minutes))
    rotation.ask(turn, request)


def close(turn: Turn, request: Request, reason: str, *, tell: str = "", keep_thread_of: str = "") -> None:
    """End a request: offers are withdrawn with one line, threads closed, prompts and timers taken away."""
    mentee = turn.need(Member, request.mentee)
    was_draft = request.status == "draft"
    if request.status == "asking":
        waiting.keep(turn, request, answered=False, in_vain=reason == "expired")
    request = turn.save(move_request(request, "closed", closed=turn.now, reason=reason, waiting=False))
    told = "offer.no_longer" if reason == "done" else "offer.over"
    for offer in turn.find(Offer, "request", request.id):
        if offer.status in ("sent", "lapsed"):
            withdraw(turn, offer, request, tell=told)
    for thread in turn.find(Thread, "request", request.id):
        if not thread.closed:
            turn.save(replace(thread, closed=True, awaiting="", owes=bool(thread.awaiting)))
            if thread.awaiting:
                _need_no_answer(turn, request, thread.mentor, told)
    # Words of danger in it do not end with the question: operators are paged until one of them has it in hand.
    members.clear_timers(turn, request.id, but=crisis.PAGE)
    turn.remind("code.free", request.id, turn.now + timedelta(days=turn.rules.code_kept_days))
    if not was_draft:
        turn.note("request.closed", request=request.id, code=request.code, reason=reason)
    if tell:
        after = timedelta(hours=turn.rules.expiry_hours)
        turn.say(mentee, tell, code=request.code, span=after, request=request.id)
    _let_go_of_held(turn, mentee, request)
    rotation.freed(turn)
    if not was_draft:  # said once, and not again when the next place becomes free
        _offer_draft(turn, mentee, (turn.rules.open_requests - 1,))


def _let_go_of_held(turn: Turn, mentee: Member, request: Request) -> None:
    """What waits for its writer to say which one it is for, when none of them is left: said, and dropped."""
    for prompt in turn.find(Prompt, "member", mentee.id):
        if prompt.kind == "hold" and not any(screen.still_open(turn, choice.target) for choice in prompt.choices):
            members.let_go(turn, prompt, "dropped")
            if parse.is_kind(prompt.text, turn.knowledge.yes_no(mentee.lang)):
                continue  # nobody misses a `perfect`
            turn.say(mentee, "hold.over", code=request.code, quote=short(prompt.text, 40), request=request.id)


def withdraw(turn: Turn, offer: Offer, request: Request, *, tell: str = "") -> None:
    """Take an offer back; who was asked hears once that they are no longer needed."""
    turn.save(move_offer(offer, "withdrawn", turn.now))
    turn.forget("offer.silent", offer.id)
    turn.note("offer.withdrawn", request=request.id, code=request.code, member=offer.mentor)
    mentor = turn.need(Member, offer.mentor)
    unheard = take_back(turn, offer)
    if tell and not unheard:
        turn.say(mentor, tell, courtesy=True, code=request.code, request=request.id)


def _need_no_answer(turn: Turn, request: Request, mentor: str, tell: str) -> None:
    """A follow-up has ended without its answer: its mentor hears so once, unless it has not reached them yet."""
    waiting_texts = turn.find(OutText, "to", mentor)
    if not any(text.text_id == "thread.asks" and text.request == request.id for text in waiting_texts):
        turn.say(turn.need(Member, mentor), tell, courtesy=True, code=request.code, request=request.id)


def offer_late_view(turn: Turn, offer: Offer, request: Request) -> bool:
    """An answer that found no place is kept: its mentee is asked, once, whether they want it.

    Of several for one question only the first asks: MORE shows it, and says that there is another. Who wanted none is
    not asked again: False, and only their own MORE shows it.
    """
    turn.note("advice.late", request=request.id, code=request.code, member=offer.mentor)
    mentee = turn.need(Member, request.mentee)
    of_it = [p for p in turn.find(Prompt, "member", mentee.id) if p.request == request.id]
    declined = any(prompt.kind == "declined" for prompt in of_it)
    waiting = late_views(turn, mentee.id, request.id)
    if not any(prompt.target == offer.id for prompt in waiting):
        until = turn.now + timedelta(hours=turn.rules.late_hours)
        kind: PromptKind = "declined" if declined else "late"
        turn.save(Prompt(turn.new_id("p"), mentee.id, kind, turn.now, until, request=request.id, target=offer.id))
        if not waiting and not declined:
            turn.say(mentee, "late.ask", code=request.code, request=request.id)
    return not declined


LATE_VIEWS: tuple[PromptKind, ...] = ("late", "declined")


def late_views(turn: Turn, mentee: str, request: str) -> list[Prompt]:
    """The late views of a question that its mentee may still want, oldest first."""
    found = turn.find(Prompt, "member", mentee)
    return [p for p in found if p.kind in LATE_VIEWS and p.request == request and p.expires > turn.now]


def done(turn: Turn, request: Request, *, ask_rating: bool = True) -> None:
    """DONE: ask for a rating of each answer, and close. A request without answers is withdrawn."""
    mentee = turn.need(Member, request.mentee)
    if request.status in ("draft", "clarifying"):  # nobody was told its code, nor asked
        drop_draft(turn, mentee, request)
        return
    if not request.answers:
        close(turn, request, "withdrawn", tell="request.withdrawn")
        return
    if ask_rating:
        _ask_rating(turn, mentee, request)
    kept = [offer for offer in rotation.in_flight_of(turn, request) if offer.late]
    close(turn, request, "done")
    for offer in kept:
        offer_late_view(turn, turn.need(Offer, offer.id), request)
    _check_in_later(turn, request)


def _ask_rating(turn: Turn, mentee: Member, request: Request) -> None:
    until = turn.now + timedelta(hours=turn.rules.rating_hours)
    turn.save(Prompt(turn.new_id("p"), mentee.id, "rating", turn.now, until, request=request.id))
    letters = [a.letter for a in request.answers]
    of_code = f"{request.code} " if asks_ratings(turn, mentee, "rating", but=request.id) else ""
    checkin = (
        turn.words(mentee, "rate.checkin", span=timedelta(days=turn.rules.checkin_days)) if mentee.checkins else ""
    )
    if len(letters) == 1:
        turn.say(mentee, "rate.one", letter=of_code + letters[0], checkin=checkin, request=request.id)
    else:
        named = of_code + ", ".join(letters[:-1]) + turn.words(mentee, "word.and") + letters[-1]
        example = " ".join("434343"[: len(letters)])
        turn.say(mentee, "rate.many", letters=named, example=example, checkin=checkin, request=request.id)


def asks_ratings(turn: Turn, mentee: Member, *kinds: str, but: str = "") -> bool:
    """Whether the rating, or the check-in, of another question is asked for now: which one is meant has to be told."""
    open_now = (p for p in turn.find(Prompt, "member", mentee.id) if p.kind in kinds and p.request != but)
    return any(prompt.expires > turn.now for prompt in open_now)


def expire(turn: Turn, request: Request) -> None:
    """Time is up: the mentee is told what came and what the ways on are.

    A conversation has a day from its last text, and from when it left: in the morning, or when the carrier is back.
    """
    if request.status == "closed":
        return
    last = max((thread.last for thread in turn.find(Thread, "request", request.id)), default=request.opened)
    day = timedelta(hours=turn.rules.expiry_hours)
    if request.answers and last + day <= turn.now:
        replies = (text for text in turn.find(OutText, "request", request.id) if text.text_id in REPLIES)
        first = (text for text in replies if not text.returned and (text.sent or text.pending))
        last = max([last, *(text.sent or turn.now for text in first)])
    if request.answers and (ends := last + day) > turn.now:
        turn.remind("request.expire", request.id, ends)
        return
    if request.answers:
        close(turn, request, "expired", tell="request.ended")
        _check_in_later(turn, request)
    else:
        if (until := rotation.hoped_until(turn, request)) is not None:
            turn.remind("request.expire", request.id, until)
            return
        asked = turn.first(Offer, "request", request.id)
        close(turn, request, "expired", tell="request.expired" if asked else "request.not_asked")


def _check_in_later(turn: Turn, request: Request) -> None:
    """A week on we ask whether something was tried, unless the next week of a sprint asks just that."""
    sprint = turn.first(Sprint, "running", request.mentee)
    asks_itself = sprint is not None and request.id in sprint.requests and sprint.week < sprint.weeks
    if turn.need(Member, request.mentee).checkins and not asks_itself:
        asked = turn.now + timedelta(days=turn.rules.checkin_days)
        turn.remind("request.checkin", request.id, asked)
        # The question names the code, so the code stays theirs until no answer is awaited any more.
        kept = turn.now + timedelta(days=turn.rules.code_kept_days)
        turn.remind("code.free", request.id, max(kept, asked + timedelta(hours=turn.rules.rating_hours)))


def note_waiting(turn: Turn, request: Request, minutes: int) -> None:
    """One line to a mentee who still waits for the first answer, at most once for each mark, never for the morning.

    The marks count from when somebody was asked: that nobody could be is in the receipt already. After an outage the
    end may be due as well: then only that is told.
    """
    mark = str(minutes)
    if request.status != "asking" or request.answers or mark in request.told:
        return
    end = turn.get(Timer, f"request.expire:{request.id}")
    if end is not None and end.due <= turn.now:
        return
    asked = turn.first(Offer, "request", request.id)
    since = (asked.made if asked else turn.now) + timedelta(minutes=minutes)
    if since > turn.now:
        turn.remind(f"request.note{mark}", request.id, since)
        return
    told = (*request.told, mark)
    mentee = turn.need(Member, request.mentee)
    if quiet_until(mentee, turn.now, turn.rules) is None:
        span = waiting.words(turn, mentee, request)
        text_id = _no_answer_yet(turn, request, "first" if minutes < 30 else "second", span)
        news = text_id.rpartition(".")[2]
        if news not in told:  # nobody hears a second time that we keep asking
            soon = turn.now + timedelta(hours=1)
            turn.say(
                mentee,
                text_id,
                courtesy=True,
                useless_after=soon,
                code=request.code,
                span=span,
                request=request.id,
            )
        told = (*told, news)
    turn.save(replace(request, told=told))


def _no_answer_yet(turn: Turn, request: Request, mark: str, span: str = "") -> str:
    """What to say then: MORE is offered only where somebody is free, and nothing promised where nobody is left."""
    if not rotation.anybody_left(turn, request):
        return "wait.all_asked" if rotation.in_flight_of(turn, request) else "wait.nobody_left"
    if mark == "first" and not rotation.preview(turn, request)[0]:
        mark = "second"
    return f"waiting.{mark}" if span else f"wait.{mark}"


def say_how_it_stands(turn: Turn, mentee: Member, request: Request) -> None:
    """Asked by the mentee before there is any answer: what has been done so far, and no more than that."""
    if request.status == "clarifying":
        turn.say(mentee, "ask.still", request=request.id)
    elif request.answers:
        others = rotation.in_flight_of(turn, request) or rotation.anybody_left(turn, request)
        turn.say(mentee, "more.left_alone" if others else "more.gone", code=request.code, request=request.id)
    elif turn.first(Offer, "request", request.id):
        turn.say(mentee, _no_answer_yet(turn, request, "second"), code=request.code, request=request.id)
    else:
        _receipt(turn, mentee, request)


def ask_checkin(turn: Turn, request: Request) -> None:
    """A week on: did you try something?"""
    mentee = turn.need(Member, request.mentee)
    if not request.answers or not mentee.checkins or mentee.state != "active":
        return
    choices = (Choice("1", "helped"), Choice("2", "no change"), Choice("3", "not yet"))
    until = turn.now + timedelta(hours=turn.rules.rating_hours)
    turn.save(
        Prompt(turn.new_id("p"), mentee.id, "checkin", turn.now, until, request=request.id, choices=choices),
    )
    after = timedelta(days=turn.rules.checkin_days)
    turn.say(mentee, "checkin.ask", courtesy=True, code=request.code, span=after, request=request.id)


def label(request: Request) -> str:
    """A few words by which a person knows a request again."""
    return short(request.question)


def free_code(turn: Turn, request: Request) -> None:
    """A code may be given again, 7 days after its request closed; not while operators know a danger by it."""
    if crisis.in_no_hands(turn, request):
        turn.remind("code.free", request.id, turn.now + timedelta(days=1))
    else:
        turn.drop(Code, request.code)


def _gather(turn: Turn, request: Request) -> None:
    longest = request.opened + timedelta(seconds=turn.rules.gather_longest_seconds)
    soon = turn.now + timedelta(seconds=turn.rules.gather_seconds)
    turn.remind("request.gathered", request.id, max(min(soon, longest), turn.now))


def _receipt(turn: Turn, mentee: Member, request: Request) -> None:
    found, opens = rotation.preview(turn, request)
    first = not mentee.first_told
    too_late = opens is not None and opens - turn.now >= timedelta(hours=turn.rules.expiry_hours)
    if found:
        span = waiting.words(turn, mentee, request) if not first else ""
        text_id = "ask.got" if first else "waiting.receipt" if span else "ask.got_again"
        asked = peers(turn, mentee, found)
        turn.say(mentee, text_id, code=request.code, peers=asked, span=span, request=request.id)
    elif too_late or not rotation.anybody_left(turn, request):
        text_id = "ask.got_nobody" if first else "ask.got_nobody_again"
        turn.say(mentee, text_id, code=request.code, request=request.id)
    elif opens is not None and opens - turn.now >= WORTH_NAMING and pool.wakes(turn, mentee.lang, opens):
        text_id = "ask.got_night" if first else "ask.got_night_again"
        turn.say(mentee, text_id, code=request.code, time=opens, request=request.id)
    else:
        text_id = "ask.got_later" if first else "ask.got_later_again"
        turn.say(mentee, text_id, code=request.code, request=request.id)
    if first:
        turn.save(replace(turn.need(Member, mentee.id), first_told=True))


def peers(turn: Turn, mentee: Member, count: int) -> str:
    """`1 peer`, `3 peers`."""
    return turn.words(mentee, "word.peers_one" if count == 1 else "word.peers_many", count=count)


def how_to_ask(turn: Turn, member: Member) -> str:
    """How a question of their own begins: what a mentor texts plainly is none."""
    return turn.words(member, "word.ask_first" if member.mentor else "word.just_text")


def rested(turn: Turn, request: Request) -> None:
    """A day has gone by in which enough was asked: what was kept meanwhile has its turn."""
    if request.status == "draft":
        _offer_draft(turn, turn.need(Member, request.mentee), range(turn.rules.open_requests))


def _offer_draft(turn: Turn, mentee: Member, open_now: Container[int]) -> None:
    """Say that there is room for what is kept, where so many are open; in a day's rest not before its end."""
    live = members.live_requests(turn, mentee.id)
    drafts = [r for r in live if r.status == "draft"]
    if not drafts or len(live) - len(drafts) not in open_now:
        return
    if (rest := rested_from(turn, turn.need(Member, mentee.id))) is not None:
        turn.remind("request.rested", drafts[0].id, rest)
        return
    turn.say(mentee, "ask.draft_free", quote=label(drafts[0]), request=drafts[0].id)


def _new_code(turn: Turn) -> str:
    return codes.new(
        turn.new_id("code"),
        taken=lambda code: turn.get(Code, code) is not None,
        in_use=lambda length: turn.count(Code, "length", str(length)),
    )


def _topics(turn: Turn, question: str) -> tuple[str, ...]:
    """What a question is about, of the topics of the table."""
    best = turn.knowledge.topics.best(question)
    return (best.topic,) if best else ()
