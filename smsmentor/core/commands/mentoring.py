"""What a mentor can say about being asked now: PASS, PAUSE, BACK."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from smsmentor.core import members, panel, pool, rhythm, rotation
from smsmentor.core.commands.kit import Asked, Command, alone
from smsmentor.core.lifecycle import move_offer
from smsmentor.core.making import replace
from smsmentor.core.model import Code, Member, Offer, Request, Thread
from smsmentor.core.schedule import zone_of
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes
from smsmentor.core.understand.parse import bare, kept_words


class Doubtful(NamedTuple):
    """A time that is past or far away: asked back with the reading shown, and nothing changed."""

    when: datetime


class Weekly(NamedTuple):
    """Days of each week, in place of one pause."""


FARTHEST_PAUSE = timedelta(days=183)
"""A pause that would end later than this is asked back: `till march 1` on the third is more likely a slip."""


def _pass_grammar(asked: Asked) -> tuple[str, datetime | None] | Doubtful | None:
    """PASS alone, with a code, with `till 6pm`, or with a short reason. `Pass it on to my boss?` is none of them."""
    if asked.bare:
        return ("", None)
    named = re.fullmatch(r"(?i)(?:on|for|en|de|a|to|with)\s+(.*)", asked.call.rest, re.DOTALL)
    coded = codes.read(named[1] if named and codes.read(named[1]) else asked.call.rest)
    rest = coded.rest if coded and coded.tight else asked.call.rest
    code = coded.code if coded and coded.tight else ""
    if not rest:
        return (code, None)
    until = _until(asked, rest)
    if isinstance(until, Doubtful):
        return until
    if until is not None:
        return (code, until)
    return (code, _until_at_the_end(asked, rest)) if _is_reason(asked, rest) else None


def _until_at_the_end(asked: Asked, rest: str) -> datetime | None:
    """`busy till 6pm`: the time after a reason."""
    until = asked.turn.knowledge.yes_no(asked.member.lang)["till"]
    words = rest.split()
    for start in range(1, len(words)):
        if bare(words[start]) in until:
            found = _until(asked, " ".join(words[start:]))
            if isinstance(found, datetime):
                return found
    return None


def _is_reason(asked: Asked, rest: str) -> bool:
    """A short reason: one that people give (`too busy`), or any words after a shouted PASS and a comma."""
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    said = bare(rest)
    words = said.split()
    if "?" in rest or len(words) > MOST_WORDS_OF_A_REASON:
        return False
    if said in lists["pass_on"] or (asked.call.shouted and asked.call.separated):
        return True
    kept = kept_words(rest, lists["polite"]).split()
    return any(
        " ".join(given[:count]) in lists["reasons"] for given in (words, kept) for count in range(1, LONGEST_REASON + 1)
    )


MOST_WORDS_OF_A_REASON = 10
LONGEST_REASON = 3
"""Words in an entry of `[words].reasons`."""


def _until(asked: Asked, rest: str) -> datetime | Doubtful | None:
    """Until when, as somebody says it."""
    turn, member = asked.turn, asked.member
    times, here, languages = turn.knowledge.times, zone_of(member, turn.rules), turn.knowledge.reads(member.lang)
    until = times.until(rest, turn.now, here, languages=languages)
    if until is not None:
        return Doubtful(until) if until > turn.now + FARTHEST_PAUSE else until
    for words in (rest, rest.partition(" ")[2]):  # "yesterday", "till yesterday"
        read = times.read(words, turn.now, here, languages=languages, whole=True)
        if read is not None and read.ask == "past" and read.start < turn.now:
            return Doubtful(read.start)
    first, _, words = rest.partition(" ")
    if bare(first) in turn.knowledge.yes_no(member.lang)["till"]:  # "till tonight", in the evening: till it is over
        read = times.read(words, turn.now, here, languages=languages, whole=True)
        if read is not None and read.end is not None and read.start <= turn.now < read.end:
            return read.end
    return None


def passing(asked: Asked, code: str) -> Outcome:
    """PASS in another word, such as SKIP."""
    return _pass(asked, (code, None)) or Outcome("command", "PASS")


def _pass(asked: Asked, wanted: tuple[str, datetime | None] | Doubtful) -> Outcome | None:
    turn, member = asked.turn, asked.member
    if isinstance(wanted, Doubtful):
        turn.say(member, "pass.ask", when=turn.knowledge.moment_in_words(wanted.when, member, turn.now))
        return Outcome("clarified", "a doubtful time")
    code, until = wanted
    offers = [(o, turn.need(Request, o.request)) for o in members.open_offers(turn, member.id)]
    owed = [(t, turn.need(Request, t.request)) for t in members.open_threads(turn, member.id) if t.awaiting]
    named = code or (asked.request.code if asked.request else "")
    if (offers or owed) and code and not _is_theirs(asked, code):
        mine = dict.fromkeys(r.code for _, r in (*offers, *owed))
        turn.say(member, "code.unknown_bare", code=code, codes=", ".join([*mine][:4]))
        return Outcome("clarified", "not a code of theirs")
    if named:
        offers = [(o, r) for o, r in offers if r.code == named]
        owed = [(t, r) for t, r in owed if r.code == named]
    if len(offers) > 1 and not owed:
        live = [(o, r) for o, r in offers if o.status == "sent"]
        offers = live if len(live) == 1 else offers
    if len(offers) + len(owed) > 1:
        ask_which(turn, member, [r.code for _, r in (*offers, *owed)])
        return Outcome("clarified", "which request")
    if offers:
        passed(turn, member, *offers[0], until)
    elif owed:
        step_aside(turn, member, *owed[0], until)
    else:
        turn.say(member, "pass.nothing")
        return Outcome("clarified", "no open offer")
    return None


def ask_which(turn: Turn, member: Member, codes_open: list[str]) -> None:
    """Ask which question PASS is for."""
    word = turn.knowledge.words.keyword(member.lang, "pass")
    turn.say(member, "which.request", examples=", ".join(f"{word} {code}" for code in codes_open[:3]))


def _is_theirs(asked: Asked, code: str) -> bool:
    """Whether this mentor was ever asked about the request of a code."""
    known = asked.turn.get(Code, code)
    return known is not None and asked.turn.get(Offer, f"{known.request}:{asked.member.id}") is not None


def step_aside(turn: Turn, member: Member, thread: Thread, request: Request, until: datetime | None) -> None:
    """PASS to a follow-up: the conversation ends for this mentor, and another peer gets what was asked."""
    turn.save(replace(thread, closed=True, awaiting=""))
    panel.take_over(turn, request, thread.letter, thread.awaiting)
    pool.replied(turn, member.id)
    _count_and_say(turn, member, request, until)


def passed(turn: Turn, member: Member, offer: Offer, request: Request, until: datetime | None) -> None:
    """PASS: off this request, with no questions asked; `until` is when they may be asked again, if they said so."""
    rhythm.learn(turn, offer, answered=False)
    turn.save(move_offer(offer, "passed", turn.now))
    turn.forget("offer.silent", offer.id)
    members.drop_prompts(turn, member.id, "sure", f"offer:{offer.id}")
    turn.note("offer.passed", request=request.id, code=request.code, member=member.id)
    pool.replied(turn, member.id)
    _count_and_say(turn, member, request, until)
    if len(request.answers) < request.places and request.status != "closed":
        rotation.hasten(turn, request)


def _count_and_say(turn: Turn, member: Member, request: Request, until: datetime | None) -> None:
    load = members.load_of(turn, member.id)
    today = tuple(at for at in load.passes if at > turn.now - timedelta(days=1))
    turn.save(replace(load, passes=(*today, turn.now)))
    if until is not None:
        pause(turn, member, until)
        turn.say(member, "pass.until", code=request.code, time=until, request=request.id)
    elif len(today) == 1:
        turn.say(member, "pass.offer_pause", code=request.code, request=request.id)
    else:
        turn.say(member, "pass.ok", code=request.code, request=request.id)


def pause(turn: Turn, member: Member, until: datetime | None) -> None:
    """Ask this mentor nothing until then, or until BACK."""
    member = turn.save(replace(turn.need(Member, member.id), paused=True, paused_until=until))
    pool.stand(turn, member)
    turn.note("member.paused", member=member.id, why="PAUSE")
    if until is not None:
        turn.remind("member.back", member.id, until)
    panel.mentor_left(turn, member, for_good=False)


def _pause_grammar(asked: Asked) -> datetime | bool | Doubtful | Weekly | None:
    """PAUSE alone, PAUSE 7 (days), PAUSE till monday; Doubtful for a time that is past or far away.

    `Pause weekends` is meant for each week, which HOURS is for.
    """
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    if asked.bare or bare(asked.rest) in lists["open_end"]:
        return True
    until = _until(asked, asked.call.rest)
    if not lists["weekly"].isdisjoint(bare(asked.rest).split()):
        named = until is not None or asked.turn.knowledge.hours(asked.call.rest, asked.member.lang) is not None
        return Weekly() if named else None
    if isinstance(until, datetime) and re.search(r"[^\W\d]\s*[-\u2212]\d+\W*$", asked.text):  # `pause -3`
        return Doubtful(asked.turn.now - (until - asked.turn.now))
    return until


def _pause(asked: Asked, until: datetime | bool | Doubtful | Weekly) -> Outcome | None:
    turn, member = asked.turn, asked.member
    if isinstance(until, Weekly):
        turn.say(member, "pause.weekly")
        return Outcome("clarified", "meant for each week")
    if isinstance(until, Doubtful):
        turn.say(member, "pause.ask", when=turn.knowledge.moment_in_words(until.when, member, turn.now))
        return Outcome("clarified", "a doubtful time")
    when = until if isinstance(until, datetime) else None
    pause(turn, member, when)
    if when is None:
        turn.say(member, "pause.open")
    else:
        turn.say(member, "pause.until", time=when)
    return None


def _back(asked: Asked, _: object) -> Outcome | None:
    turn, member = asked.turn, asked.member
    back(turn, member)
    turn.say(member, "pause.back")
    return None


def back(turn: Turn, member: Member) -> None:
    """A mentor may be asked again."""
    member = turn.save(replace(turn.need(Member, member.id), paused=False, paused_until=None))
    pool.replied(turn, member.id)
    turn.forget("member.back", member.id)
    pool.stand(turn, member)
    turn.note("member.resumed", member=member.id)
    rotation.freed(turn)


COMMANDS = (
    Command("PASS", "mentor", _pass_grammar, _pass),
    Command("PAUSE", "mentor", _pause_grammar, _pause, personal=True),
    Command("BACK", "mentor", alone, _back),
)
