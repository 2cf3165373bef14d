"""What a mentee can ask for: ASK, SEND, MORE, DONE, SKIP, OUTSIDE."""

from __future__ import annotations

import re
from typing import NamedTuple

from smsmentor.core import feedback, members, panel, prompts, requests, screen, team, threads
from smsmentor.core.commands import mentoring
from smsmentor.core.commands.kit import Asked, Command, change, of_request
from smsmentor.core.model import Code, Member, Prompt, Request, Thread
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse
from smsmentor.core.understand.normal import plain
from smsmentor.core.understand.parse import Lists, bare


class ForTeam(NamedTuple):
    """ASK TEAM: for a person of the operator's, with what is said to them at once."""

    words: str


def _ask_grammar(asked: Asked) -> ForTeam | str | None:
    """ASK TEAM, or ASK and a question of at least three words; `ask for ten minutes` is advice.

    A small `ask` counts where nothing of somebody else's is open with them, and the rest is surely a question.
    """
    rest = asked.call.whole_rest
    if for_team := _for_team(asked):
        return for_team
    if len(rest.split()) < 3:
        to_nobody = rest and asked.call.shouted and not threads.answers_somebody(asked.turn, asked.member)
        return TOO_SHORT if to_nobody else None
    if asked.call.shouted:
        return rest
    if asked.call.phrase and asked.call.separated:
        return rest
    if threads.answers_somebody(asked.turn, asked.member) or threads.recent_offers(asked.turn, asked.member):
        return None  # it may be advice: `ask: what would make you say yes?`
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    begins = plain(rest).split()[0] in lists["questions"]
    if threads.places(asked.turn, asked.member):
        # Those who advise them may be meant (`ask who, my boss?`), so it must be surely a question of their own.
        colon = asked.text.removesuffix(asked.call.whole_rest).rstrip().endswith(":")
        return rest if (colon and begins) or asks_for_oneself(rest, lists) else None
    return rest if begins or rest.endswith("?") else None


TOO_SHORT = ""
"""In place of a question: `ASK pay rise` is none yet, and no more of the one that is open."""


def asks_for_oneself(rest: str, lists: Lists) -> bool:
    """`how do i become a nurse`, `should I study law`: the question word, and I."""
    said = bare(rest).split()[:FIRST_WORDS]
    return any(" ".join(said[at : at + 2]) in lists["i_ask"] for at in range(FIRST_WORDS))


FIRST_WORDS = 5


def _for_team(asked: Asked) -> ForTeam | None:
    """`ASK TEAM`, alone or with words: `ASK TEAM i feel unsafe`, `ask team: ..`, `ask team can someone call me`.

    `Ask team members about it` is a question or advice.
    """
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    if asked.rest in lists["team"]:
        return ForTeam("")
    names = "|".join(sorted(map(re.escape, lists["team"]), key=len, reverse=True))
    found = re.match(rf"({names})(\s*[:,;.!-]+)?\s+(.+)", asked.call.whole_rest, re.DOTALL | re.IGNORECASE)
    if found is None or not asked.call.exact:
        return None
    named, sign, words = found.groups()
    shouted = asked.call.shouted and named.split()[-1].isupper()
    surely = bool(sign) or bare(words).partition(" ")[0] in lists["to_team"]
    return ForTeam(words) if shouted or (surely and not threads.answers_somebody(asked.turn, asked.member)) else None


def _ask_team(asked: Asked, words: str) -> Outcome:
    """The operators are told who wants to hear from them, by the code of their newest question."""
    turn, member = asked.turn, asked.member
    newest = turn.first(Request, "mentee", member.id, newest=True)
    code, about = (newest.code, newest.id) if newest else ("-", "")
    operators = members.operators(turn)
    for operator in team.readers(turn, member, code, about):
        if words:
            args = {"code": code, "request": about, "writer": member.id}
            screen.say_in_full(turn, operator, "op.tells_team", words, urgent=True, **args)
        else:
            turn.say(operator, "op.wants_team", code=code)
    turn.note("request.flagged", request=about, member=member.id, rule="ask team")
    contact = turn.rules.team_contact
    if contact:
        turn.say(member, "ask.team_contact" if operators else "ask.team_at", contact=contact)
    else:
        turn.say(member, "ask.team" if operators else "ask.team_kept")
    return Outcome("operator", "ask team", about)


def _ask(asked: Asked, question: ForTeam | str) -> Outcome:
    if isinstance(question, ForTeam):
        return _ask_team(asked, question.words)
    if question == TOO_SHORT:
        use = asked.turn.knowledge.words.table(asked.member.lang, "use")["ask"]
        asked.turn.say(asked.member, "command.how", use=use)
        return Outcome("clarified", "too short a question")
    return threads.deliver(asked.turn, asked.member, "new", question)


def _send_grammar(asked: Asked) -> bool | None:
    """SEND alone; `send it` is advice, unless something waits to be sent."""
    if not asked.bare:
        return None
    turn, member = asked.turn, asked.member
    waits = any(r.status in ("clarifying", "draft") for r in members.live_requests(turn, member.id))
    return True if waits or not (asked.call.phrase and threads.places(turn, member)) else None


def _send(asked: Asked, _: object) -> Outcome | None:
    """SEND: a thin question goes out as it stands, or a draft takes the free place."""
    turn, member = asked.turn, asked.member
    live = members.live_requests(turn, member.id)
    for request in live:
        if request.status == "clarifying":
            requests.send_as_it_is(turn, member, request)
            return None
    drafts = [r for r in live if r.status == "draft"]
    if not drafts:
        turn.say(member, "send.nothing", ask=requests.how_to_ask(turn, member))
        return Outcome("clarified", "nothing to send")
    if len(live) - len(drafts) >= turn.rules.open_requests:
        turn.say(member, "send.full", codes=", ".join(r.code for r in live if r.status != "draft"))
        return Outcome("clarified", "too many open")
    if (rest := requests.rested_from(turn, member)) is not None:
        return requests.say_rest(turn, member, rest)
    requests.open_draft(turn, member, drafts[0])
    return None


def _more_grammar(asked: Asked) -> tuple[str, str] | Request | str | None:
    """MORE alone, MORE K43, MORE B, MORE B text. `More or less` is none, and a small `a` may be an article."""
    if asked.bare:
        return ("", "")
    if isinstance(named := of_request(asked), Request):
        return named
    if named and asked.call.shouted and _open(asked):  # a code that is none of theirs
        return named
    found = re.fullmatch(
        r"(?:(?i:from|de)\s+)?([A-Fa-f])(?:\s*([:,.-])\s*|\s+|$)(.*)", asked.call.whole_rest, re.DOTALL
    )
    if not found or (asked.call.separated and not asked.call.shouted):
        return None
    letter, sign, text = found.groups()
    if text and not asked.call.shouted and not asked.call.separated and letter.islower():
        there = _has_letter(asked, letter.upper())
        than = asked.turn.knowledge.yes_no(asked.member.lang)["than"]
        if (letter == "a" and not sign) or not there or any(f"{bare(text)} ".startswith(f"{word} ") for word in than):
            return None
    return (letter.upper(), text.strip())


def _has_letter(asked: Asked, letter: str) -> bool:
    """Whether somebody of that letter has answered an open question, or the one that was closed last."""
    turn, member = asked.turn, asked.member
    panel = [
        t for r in ([asked.request] if asked.request else _open(asked)) for t in turn.find(Thread, "request", r.id)
    ]
    return any(t.letter == letter for t in panel) or (not panel and closed_with(turn, member, letter) is not None)


def closed_with(turn: Turn, member: Member, letter: str) -> Request | None:
    """The newest question of theirs when it is closed, still has its code, and somebody of that letter answered it.

    Nobody who has something else to answer is meant: what they write may be advice.
    """
    for request in turn.walk(Request, "mentee", member.id, newest=True):
        if not request.answers:
            continue
        known = turn.get(Code, request.code)
        theirs = request.status == "closed" and known is not None and known.request == request.id
        named = theirs and any(answer.letter == letter for answer in request.answers)
        return request if named and not threads.answers_somebody(turn, member) else None
    return None


def not_theirs(turn: Turn, member: Member, request: Request, open_text: str) -> Outcome:
    """What a mentor hears of a command for the question of somebody else; and a stranger, that the code is none."""
    if threads.offer_of(turn, member, request) is None:
        turn.say(member, "code.unknown_none", code=request.code, ask=requests.how_to_ask(turn, member))
        return Outcome("clarified", "not a code of theirs")
    turn.say(member, "code.closed" if request.status == "closed" else open_text, code=request.code)
    return Outcome("clarified", "not the mentee", request.id)


def already_closed(turn: Turn, member: Member, request: Request) -> Outcome:
    """A command for a question of theirs that is over."""
    turn.say(member, "code.closed_yours", code=request.code, ask=requests.how_to_ask(turn, member))
    return Outcome("clarified", "closed", request.id)


def _more(asked: Asked, wanted: tuple[str, str] | Request | str) -> Outcome | None:
    if isinstance(wanted, str):
        codes = ", ".join(r.code for r in _open(asked))
        asked.turn.say(asked.member, "code.unknown_bare", code=wanted, codes=codes)
        return Outcome("clarified", "not a code of theirs")
    named, (letter, text) = (wanted, ("", "")) if isinstance(wanted, Request) else (asked.request, wanted)
    turn, member = asked.turn, asked.member
    if named and named.mentee != member.id:
        return not_theirs(turn, member, named, "more.not_yours")
    if named and not letter and (shown := prompts.show_late(turn, member, named)):
        return shown
    if named and named.status == "closed" and not text:
        return already_closed(turn, member, named)
    candidates = [named] if named else _open(asked)
    if letter:
        found = [t for r in candidates for t in turn.find(Thread, "request", r.id) if t.letter == letter]
        return to_letter(asked, letter, found, text)
    candidates = [r for r in candidates if r.status in ("asking", "answered")]
    if not candidates:
        turn.say(member, "more.nothing", ask=requests.how_to_ask(turn, member))
        return Outcome("clarified", "nothing open")
    if len(candidates) > 1:
        return _which(asked, candidates)
    prompts.settle_which(turn, member)
    if not panel.more_views(turn, member, candidates[0]):
        return Outcome("clarified", "no further place", candidates[0].id)
    return None


def to_letter(asked: Asked, letter: str, found: list[Thread], text: str) -> Outcome | None:
    """Go on with one mentor of the panel, named by letter."""
    turn, member = asked.turn, asked.member
    if not found and text and not parse.is_kind(text, turn.knowledge.yes_no(member.lang)):
        panel = [t for r in members.live_requests(turn, member.id) for t in turn.find(Thread, "request", r.id)]
        if not panel and (closed := closed_with(turn, member, letter)) is not None:
            return threads.hold_of_closed(turn, member, closed, text)
    if not found and text and (places := threads.places(turn, member)):
        return threads.hold(turn, member, places, text, "more.no_such_kept", code=letter)
    if not found and not _open(asked):
        closed = closed_with(turn, member, letter)
        if closed is not None:
            return already_closed(turn, member, closed)
        turn.say(member, "more.nothing", ask=requests.how_to_ask(turn, member))
        return Outcome("clarified", "nothing open")
    if not found:
        turn.say(member, "more.no_such", letter=letter)
        return Outcome("clarified", "no such letter")
    if not text:
        turn.say(member, "more.what", letter=letter)
        return Outcome("clarified", "no text")
    if len(found) > 1:
        places = [threads.Place(f"mentee:{t.id}", turn.need(Request, t.request), t.letter) for t in found]
        return threads.hold(turn, member, places, text)
    outcome = threads.deliver(turn, member, f"mentee:{found[0].id}", text)
    return None if outcome.kind == "relayed" else outcome


MOST_WORDS_WITH_DONE = 12
_DONE_AT_THE_END = re.compile(r"[,.!;:)\u2026-]\s*([^\W_]+)\W*$")


def is_done(text: str, keywords: frozenset[str], lists: Lists) -> bool:
    """DONE with a few kind words: `thats really good, DONE`, `done thanks`; not `Done that, did not help`."""
    words = bare(text).split()
    if "?" in text or not 1 <= len(words) <= MOST_WORDS_WITH_DONE:
        return False
    if words[0] in keywords:
        return all(word in lists["kind"] for word in words[1:])
    if words[-1] not in keywords:
        return False
    shouted = _DONE_AT_THE_END.search(text)
    return all(word in lists["kind"] for word in words[:-1]) or bool(shouted and shouted[1].isupper())


def _done_grammar(asked: Asked) -> Request | str | list[int] | None:
    """DONE alone or with a code; with the ratings in the same text, when one request is open: `DONE 3 4`."""
    found = of_request(asked)
    if found is not None or not asked.call.exact:
        return found
    candidates = [asked.request] if asked.request else _open(asked)
    if len(candidates) > 1 and re.fullmatch(r"[1-4](?:[ ,]*[1-4])*", asked.rest):
        return ""  # whose ratings they are is not known
    if len(candidates) != 1 or not candidates[0].answers or candidates[0].mentee != asked.member.id:
        return None
    turn, lang = asked.turn, asked.member.lang
    count = len(candidates[0].answers)
    return parse.ratings(asked.call.rest, count, turn.knowledge.yes_no(lang), turn.knowledge.numbers(lang)) or None


def _done(asked: Asked, wanted: Request | str | list[int]) -> Outcome | None:
    if not isinstance(wanted, list):
        return done(asked, wanted)
    request = asked.request or _open(asked)[0]
    requests.done(asked.turn, request, ask_rating=False)
    feedback.rate(asked.turn, asked.member, asked.turn.need(Request, request.id), wanted)
    return None


def done(asked: Asked, request: Request | str) -> Outcome | None:
    """DONE: close the request; with several open ask which."""
    turn, member = asked.turn, asked.member
    if isinstance(request, str):
        candidates = _open(asked)
        kept = [] if candidates or request else members.live_requests(turn, member.id)
        if len(kept) == 1:
            requests.drop_draft(turn, member, kept[0])
            return None
        if not candidates:
            turn.say(member, "done.nothing", ask=requests.how_to_ask(turn, member))
            return Outcome("clarified", "nothing open")
        if request:
            turn.say(member, "code.unknown_bare", code=request, codes=", ".join(r.code for r in candidates))
            return Outcome("clarified", "not a code of theirs")
        if len(candidates) > 1:
            return _which(asked, candidates)
        request = candidates[0]
    if request.mentee != member.id:
        return not_theirs(turn, member, request, "done.not_yours")
    if request.status == "closed":
        return already_closed(turn, member, request)
    prompts.settle_which(turn, member)
    requests.done(turn, request)
    return None


def _which(asked: Asked, candidates: list[Request]) -> Outcome:
    """Ask which of their questions DONE or MORE is for."""
    prompts.ask_which(asked.turn, asked.member, asked.call.command, candidates)
    return Outcome("clarified", "which request")


def _open(asked: Asked) -> list[Request]:
    return [r for r in members.live_requests(asked.turn, asked.member.id) if r.status != "draft"]


def _skip(asked: Asked, wanted: Request | str) -> Outcome | None:
    """No rating and no check-in; from somebody who has been asked and owes nothing else PASS is what they mean."""
    turn, member = asked.turn, asked.member
    was_asked = any(prompt.kind == "checkin" for prompt in turn.find(Prompt, "member", member.id))
    theirs = isinstance(wanted, Request) and wanted.mentee != member.id
    asked_now = not was_asked and any(o.status == "sent" for o in members.open_offers(turn, member.id))
    if member.mentor and (theirs or asked_now):
        return mentoring.passing(asked, wanted.code if isinstance(wanted, Request) else wanted)
    feedback.skip(turn, member)
    return None


def _outside_grammar(asked: Asked) -> bool | None:
    return turn_word(asked) if asked.rest else None


def turn_word(asked: Asked) -> bool | None:
    """`on` or `off` in the member's language."""
    words = asked.turn.knowledge.yes_no(asked.member.lang)
    return True if asked.rest in words["on"] else False if asked.rest in words["off"] else None


def _outside(asked: Asked, wanted: bool) -> Outcome | None:
    member = change(asked, "outside", wants_outside=wanted)
    asked.turn.say(member, "outside.on" if wanted else "outside.off")
    return None


COMMANDS = (
    Command("ASK", "anyone", _ask_grammar, _ask),
    Command("SEND", "anyone", _send_grammar, _send),
    Command("MORE", "mentee", _more_grammar, _more),
    Command("DONE", "mentee", _done_grammar, _done),
    Command("SKIP", "anyone", of_request, _skip),
    Command("OUTSIDE", "mentee", _outside_grammar, _outside, personal=True),
)
