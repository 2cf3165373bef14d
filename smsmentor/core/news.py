"""News of a question that is over: kept, and on its writer's word told to those who answered, or asked as a question.

`he said yes!!` after DONE is for those who helped, or only relief; as a new question it would wake peers for nothing.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from smsmentor.core import members, threads
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Prompt, Request
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse
from smsmentor.core.understand.normal import relay_text

JUST_CLOSED = timedelta(hours=12)
"""So long after the end, or after the check-in, what only may be news is taken for it, and then for a question: most
of it is of the same day."""
NEWS_GO_ON = timedelta(minutes=10)
"""What asks within this after news goes on with it: people send one thought in several texts."""
MOST_WORDS_OF_JOY = 4
ENDED = "ended"
"""The target of news after which its writer said `ok` or thanks: what comes next is another thought."""
LATEST = 3
"""The newest questions of a mentee that news may be of."""


def hear(turn: Turn, member: Member, text: str) -> Outcome | None:
    """Keep what is news of a closed question and ask its writer whom it is for; None for a question.

    In doubt it is a question. What reads like news and asks no more is never lost: ASK sends it on.
    """
    if not member.first_told:
        return None
    kept = next((p for p in turn.find(Prompt, "member", member.id) if p.kind == "news"), None)
    tells = turn.knowledge.news.read(text)
    if tells is None and not _exclaims(turn, member, text):
        return _goes_on(turn, member, kept, text)
    over = _just_answered(turn, member, timedelta(days=turn.rules.code_kept_days) if tells == "sure" else JUST_CLOSED)
    return keep(turn, member, over, text) if over is not None else None


def keep(turn: Turn, member: Member, over: Request, text: str) -> Outcome | None:
    """Keep words about a closed question, and ask their writer whom they are for; None when nobody may read them."""
    if _must_not_pass(turn, text):
        return None
    kept = next((p for p in turn.find(Prompt, "member", member.id) if p.kind == "news"), None)
    until = turn.now + timedelta(hours=turn.rules.expiry_hours)
    words = relay_text(text)
    if kept is not None:
        words = f"{kept.text} {words}" if _is_one_thought(turn, kept) else words
        members.let_go(turn, kept, "news")
    asked = Prompt(
        turn.new_id("p"), member.id, "news", turn.now, until, request=over.id, text=words, text_id=turn.text_id
    )
    turn.save(asked)
    turn.remind("prompt.expire", asked.id, until)
    turn.note("text.held", text=turn.text_id, member=member.id, why="news")
    ask(turn, member, over)
    return Outcome("held", "news", over.id)


def ask(turn: Turn, member: Member, request: Request) -> None:
    """Ask whether it is news for those who answered, or a new question."""
    turn.say(member, "news.ask" if readers(turn, request) else "news.ask_only", code=request.code, request=request.id)


def readers(turn: Turn, request: Request) -> list[Member]:
    """Those who answered, can be texted, and are not kept apart from the one who asked."""
    answered = [turn.need(Member, answer.mentor) for answer in request.answers]
    return [m for m in answered if m.state == "active" and not members.blocked(turn, m.id, request.mentee)]


def tell(turn: Turn, member: Member, request: Request, to: list[Member], kept: Prompt) -> None:
    """Bring the news to those who answered. It is the answer to the check-in as well."""
    members.let_go(turn, kept, "news")
    for prompt in turn.find(Prompt, "member", member.id):
        if prompt.kind == "checkin" and prompt.request == request.id:
            members.end_prompt(turn, prompt)
    for mentor in to:
        turn.say(mentor, "news.told", code=request.code, quote=kept.text, request=request.id, writer=member.id)
    turn.say(member, "news.passed_on", code=request.code, request=request.id)


def tell_more(turn: Turn, member: Member, request: Request, to: list[Member], kept: Prompt, more: str) -> Outcome:
    """`TELL thanks, all went well`: the news with what is told besides; without it when that must not pass."""
    if _must_not_pass(turn, more):
        ask(turn, member, request)
        return Outcome("clarified", "no such news", request.id)
    tell(turn, member, request, to, replace(kept, text=f"{kept.text} {relay_text(more)}"))
    return Outcome("answer", "news", request.id)


def _must_not_pass(turn: Turn, text: str) -> bool:
    return bool(turn.knowledge.contacts.find(text) or turn.knowledge.safety.alarms(text))


def end_thought(turn: Turn, kept: Prompt) -> None:
    """Its writer is content: it can still be told, and nothing more joins it."""
    turn.save(replace(kept, target=ENDED))


def _is_one_thought(turn: Turn, kept: Prompt) -> bool:
    return kept.target != ENDED and turn.now - kept.asked <= NEWS_GO_ON


def _exclaims(turn: Turn, member: Member, text: str) -> bool:
    """`best day ever!!`: a few words that ask nothing."""
    short = text.rstrip().endswith("!") and len(text.split()) <= MOST_WORDS_OF_JOY
    return short and not (turn.knowledge.news.asks(text) or parse.thin(text, turn.knowledge.yes_no(member.lang)))


def _goes_on(turn: Turn, member: Member, kept: Prompt | None, text: str) -> Outcome | None:
    """`my boss called me in!!`, `what do i say`: what was kept is the beginning of a question."""
    if kept is None or not _is_one_thought(turn, kept):
        return None
    if parse.thin(text, turn.knowledge.yes_no(member.lang)):  # `another question`, `hello`: that is to come
        end_thought(turn, kept)
        return None
    members.let_go(turn, kept, "new")
    return threads.deliver(turn, member, "new", f"{kept.text} {text}")


def _just_answered(turn: Turn, member: Member, within: timedelta) -> Request | None:
    """The newest question of theirs that had answers and was closed lately."""
    for request in islice(turn.walk(Request, "mentee", member.id, newest=True), LATEST):
        if request.answers:
            return request if request.closed is not None and turn.now - request.closed <= within else None
    return None
