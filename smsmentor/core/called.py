"""Words of ours in a text: a command, a letter of the panel, what is said to the service itself."""

from __future__ import annotations

from smsmentor.core import members, threads
from smsmentor.core.commands import asking, safety
from smsmentor.core.commands.kit import Asked, Command
from smsmentor.core.commands.table import TABLE
from smsmentor.core.model import Code, Member, Request, Thread
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes, parse


def asked_of_us(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`Can i talk to a human`, `i dont want to be a mentor anymore`: said to us, and answered with the word for it."""
    lists = turn.knowledge.yes_no(member.lang)
    if member.mentor and parse.says(text, lists["leave_pool"], lists["polite"]):
        turn.say(member, "pause.leave")
        return Outcome("clarified", "how to leave the pool")
    if parse.says(text, lists["asks_service"], lists["polite"]):
        turn.say(member, "ask.service")
        return Outcome("clarified", "about the service")
    return None


def unknown_word(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`MEET`, `events`, `COME 2`: a word that people know from elsewhere and that does nothing here. It is for nobody
    else either, when it stands in capitals, with what belongs to it, or alone where nothing is open."""
    said = parse.bare(text).split() if len(text) <= LONGEST_UNKNOWN else []
    if not said or said[0] not in turn.knowledge.yes_no(member.lang)["unknown"]:
        return None
    word = said[0].upper()
    shouted = "?" not in text and text.lstrip(" .,:;!\"'(").startswith(word)
    with_its_own = "?" not in text and len(said) == 2 and (said[1].isdecimal() or said[1] in "bcdef")
    small = turn.knowledge.languages.small_words
    alone = len(said) == 1 and not threads.places(turn, member)
    if not ((shouted and small.isdisjoint(said[1:])) or with_its_own or alone):
        return None
    turn.say(member, "command.unknown", word=word)
    return Outcome("clarified", "a word that does nothing here")


LONGEST_UNKNOWN = 24
"""Characters of a text that is such a word and what belongs to it."""


def closes_by_code(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`drop K43`, `cancel K43`: other words for DONE, by the one who asked."""
    head, _, tail = text.strip().rpartition(" ") if len(text) <= LONGEST_UNKNOWN else ("", "", "")
    if not head or parse.bare(head) not in turn.knowledge.yes_no(member.lang)["closes"]:
        return None
    coded = codes.read(tail)
    known = turn.get(Code, coded.code) if coded and not coded.rest else None
    request = turn.need(Request, known.request) if known else None
    return close(turn, member, request) if request is not None and request.mentee == member.id else None


def close(turn: Turn, member: Member, request: Request) -> Outcome:
    """DONE in other words."""
    asked = Asked(turn, member, parse.Call("done", "", True, False, True), request)
    return asking.done(asked, request) or Outcome("command", "DONE", request.id)


def command(turn: Turn, member: Member, text: str, request: Request | None = None) -> Outcome | None:
    """A command that fits its sender, also DONE or REPORT at the end; `request` is that of a code in front of it."""
    keywords = turn.knowledge.words.keywords(member.lang)
    lists = turn.knowledge.yes_no(member.lang)
    incomplete, shouted = "", False
    for call in _asked_for_language(turn, text) or parse.calls(text, keywords, lists):
        found = TABLE.get(call.command)
        if found is None:
            continue
        if found.who == "operator" and not member.operator:
            if call.shouted and call.rest.partition(" ")[0].isupper():  # who runs this, from a phone that is not listed
                turn.say(member, "op.not_listed")
                return Outcome("clarified", "not a listed number")
            continue
        if found.who == "operator" and not turn.verified:
            turn.say(member, "op.not_confirmed")
            return Outcome("dropped", "not confirmed by the carrier")
        asked = Asked(turn, member, call, request, text)
        wanted = found.grammar(asked)
        if wanted is None:
            if found.fits(member) and found.meant(asked):
                incomplete, shouted = call.command, call.shouted or not asked.bare
            elif found.meant(asked) and _is_no_answer(asked):
                return _not_yours(turn, member, found)
            continue
        if not found.fits(member):
            if _is_no_answer(asked, any(map(str.isdecimal, call.rest))):
                return _not_yours(turn, member, found)
            continue
        return found.act(asked, wanted) or Outcome("command", found.name)
    if incomplete and (shouted or not threads.places(turn, member)):
        turn.say(member, "command.how", use=turn.knowledge.words.table(member.lang, "use")[incomplete])
        return Outcome("clarified", "incomplete command")
    return _done_at_the_end(turn, member, text, request) or safety.at_the_end(turn, member, text, request)


def _is_no_answer(asked: Asked, complete: bool = False) -> bool:
    """Whether a mentor's keyword, or a `complete` command, from somebody who is none can be no words for a mentor.

    In capitals it never is; in small letters `hours` may be while one talks with them, and `pause` hardly is.
    """
    if not asked.call.exact or asked.call.shouted:
        return asked.call.exact
    open_places = threads.places(asked.turn, asked.member)
    talks = any(place.target.startswith("mentee:") for place in open_places)
    surely = complete or (asked.bare and not (asked.call.phrase and open_places))
    return surely and (not talks or asked.call.command == "pause")


def _not_yours(turn: Turn, member: Member, found: Command) -> Outcome:
    turn.say(member, "pause.mentee" if found.name == "PAUSE" else "command.not_yours", word=found.name)
    return Outcome("clarified", "not for this role")


def _asked_for_language(turn: Turn, text: str) -> list[parse.Call]:
    """`en espanol por favor`: LANG in the words that people use for it."""
    lang = turn.knowledge.language_asked_for(text)
    return [parse.Call("lang", lang, True, False, True)] if lang else []


def _done_at_the_end(turn: Turn, member: Member, text: str, request: Request | None) -> Outcome | None:
    if not members.live_requests(turn, member.id):
        return None
    words = turn.knowledge.spellings("done", member.lang)
    if not asking.is_done(text, words, turn.knowledge.yes_no(member.lang)):
        return None
    asked = Asked(turn, member, parse.Call("done", "", True, False, True), request)
    return asking.done(asked, request or "") or Outcome("command", "DONE")


def lettered(turn: Turn, member: Member, text: str, within: list[Request] | None) -> Outcome | None:
    """`B: text`, when somebody of that letter is on the panel of an open request; behind a code `B text` as well."""
    behind_code = parse.letter_first(text, turn.knowledge.yes_no(member.lang)) if within is not None else None
    found = parse.lettered(text) or behind_code
    if found is None:
        return None
    if within is None and (several := _for_several(turn, member, text)):
        return several
    letter, rest = found
    live = within if within is not None else members.live_requests(turn, member.id)
    panel = [t for r in live for t in turn.find(Thread, "request", r.id)]
    named = [t for t in panel if t.letter == letter]
    surely = behind_code is not None or parse.surely_lettered(text)
    if not named and surely and any(not t.closed for t in panel):
        return threads.hold(turn, member, threads.places(turn, member), rest or text, "more.no_such_kept", code=letter)
    if not named:
        closed = asking.closed_with(turn, member, letter) if surely and not panel and rest else None
        thanks = parse.is_kind(rest, turn.knowledge.yes_no(member.lang))
        return threads.hold_of_closed(turn, member, closed, rest) if closed and not thanks else None
    return _to_letter(turn, member, letter, named, rest)


def _to_letter(turn: Turn, member: Member, letter: str, named: list[Thread], text: str) -> Outcome:
    asked = Asked(turn, member, parse.Call("more", "", True, True, True))
    return asking.to_letter(asked, letter, named, text) or Outcome("relayed", request=named[0].request)


def _for_several(turn: Turn, member: Member, text: str) -> Outcome | None:
    """`A: thanks. B: how many?`: to each what is theirs, when each letter is that of one mentor of theirs."""
    parts = parse.lettered_parts(text)
    if not parts:
        return None
    panel = [t for r in members.live_requests(turn, member.id) for t in turn.find(Thread, "request", r.id)]
    named = {letter: [t for t in panel if t.letter == letter] for letter, _ in parts}
    if any(len(found) != 1 for found in named.values()):
        return None
    outcomes = [_to_letter(turn, member, letter, named[letter], words) for letter, words in parts]
    return next((outcome for outcome in outcomes if outcome.kind != "relayed"), outcomes[0])
