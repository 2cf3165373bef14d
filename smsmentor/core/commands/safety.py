"""Two different things: BLOCK keeps two people apart at once and silently; REPORT tells the operators."""

from __future__ import annotations

from smsmentor.core import apart, screen, threads
from smsmentor.core.commands.kit import Asked, Command, of_request
from smsmentor.core.model import Code, Member, Request
from smsmentor.core.turn import Outcome
from smsmentor.core.understand.parse import bare

Whom = tuple[Request | str, str]
"""A request, a code or nothing, and a letter of its panel or nothing."""
NOBODY = "?"
"""In place of a code: a word that is none, and no name that we know."""


def _whom(asked: Asked) -> Whom | None:
    """Alone, with a code, with a letter of the panel (`BLOCK B`), or from a mentee with a name or `this person`."""
    if len(asked.rest) == 1 and asked.rest in "abcdef":
        return ("", asked.rest.upper())
    if asked.rest in asked.turn.knowledge.yes_no(asked.member.lang)["them"]:
        return (asked.request or "", "") if _only_asks(asked) else None
    if _only_asks(asked) and (named := _named(asked)):
        return named
    request = of_request(asked)
    return None if request is None else (request, "")


def _only_asks(asked: Asked) -> bool:
    """All that is open with them are their own questions. From somebody who answers one, `block him` is advice."""
    turn, member = asked.turn, asked.member
    return bool(threads.places(turn, member)) and not threads.answers_somebody(turn, member)


def _named(asked: Asked) -> Whom | None:
    """Of the panel whom the words begin with: `BLOCK Ben`, `BLOCK A he is creepy`."""
    said = bare(asked.call.rest)
    for place in threads.places(asked.turn, asked.member):
        if place.letter:
            other = asked.turn.need(Member, screen.other_end(asked.turn, place.target, place.request))
            by_letter = asked.call.shouted and asked.call.rest.startswith(f"{place.letter} ")
            if by_letter or (other.alias and f"{said} ".startswith(f"{bare(other.alias)} ")):
                return (place.request, place.letter)
    return None


def _block_grammar(asked: Asked) -> Whom | None:
    """The person meant; a mentee's BLOCK in capitals may have its reason behind it.

    One word that names nobody is asked back: it may be the name of the one to whom the text would go.
    """
    whom = _whom(asked)
    if whom is not None or not asked.call.exact or not _only_asks(asked):
        return whom
    if asked.call.shouted:
        return (asked.request or "", "")
    return (NOBODY, "") if _one_word(asked) else None


def _report_grammar(asked: Asked) -> tuple[Whom, str] | None:
    """The person meant, and what happened when it is said at once: `REPORT he was rude to me`, `report: he ...`.

    Such words never pass for a text to the person that they are about. One word is no report yet: it is asked for.
    """
    whom, call = _whom(asked), asked.call
    if whom is not None:
        return (whom, call.whole_rest if whom == _named(asked) and " " in asked.rest else "")
    if call.exact and _one_word(asked) and _only_asks(asked):
        return ((asked.request or "", ""), "")
    signs = (call.shouted, call.separated)
    surely = all(signs) if threads.answers_somebody(asked.turn, asked.member) else any(signs)
    return ((asked.request or "", ""), call.whole_rest) if call.exact and surely else None


def _others(asked: Asked, wanted: Whom) -> list[tuple[Request, str]]:
    """The people whom this may be about: the other ends of the open places, or who answered the newest question."""
    request, letter = wanted
    found = []
    for place in threads.places(asked.turn, asked.member):
        if isinstance(request, Request) and place.request.id != request.id:
            continue
        if letter and place.letter != letter:
            continue
        if not place.target.startswith("extend:"):
            found.append((place.request, screen.other_end(asked.turn, place.target, place.request)))
    if not found and request != NOBODY:
        about = request if isinstance(request, Request) else _newest(asked)
        if about is not None:
            found = [(about, a.mentor) for a in about.answers if not letter or a.letter == letter]
    return found


def _newest(asked: Asked) -> Request | None:
    """Their newest question, as long as its code means it."""
    newest = asked.turn.first(Request, "mentee", asked.member.id, newest=True)
    code = asked.turn.get(Code, newest.code) if newest is not None else None
    return newest if newest is not None and code is not None and code.request == newest.id else None


def _one_word(asked: Asked) -> bool:
    return len(bare(asked.call.rest).split()) == 1 and "?" not in asked.call.rest


def _block(asked: Asked, wanted: Whom) -> Outcome | None:
    turn, member = asked.turn, asked.member
    others = _others(asked, wanted)
    if others and wanted[0] == NOBODY:
        turn.say(member, "block.which")
        return Outcome("clarified", "which one")
    if not others:
        turn.say(member, "block.nobody")
        return Outcome("clarified", "nobody to block")
    if len({other for _, other in others}) > 1:
        turn.say(member, "block.which")
        return Outcome("clarified", "which one")
    apart.part(turn, member.id, others[0][1], "BLOCK")
    turn.say(member, "block.done")
    return None


def _report(asked: Asked, wanted: tuple[Whom, str]) -> Outcome | None:
    whom, what_happened = wanted
    others = _others(asked, whom)
    request = others[0][0] if others else None
    if what_happened:
        return screen.file_report(asked.turn, asked.member, request.id if request else "", what_happened)
    screen.report(asked.turn, asked.member, request)
    return None


def _show_grammar(asked: Asked) -> bool | None:
    """SHOW alone; `show me` with an open conversation is for the person there."""
    if not asked.bare or (asked.call.phrase and threads.places(asked.turn, asked.member)):
        return None
    return True


def _show(asked: Asked, _: object) -> Outcome | None:
    """SHOW reads a text that is held back; those are answered before commands, so here there is none."""
    asked.turn.say(asked.member, "screen.nothing")
    return Outcome("clarified", "nothing held")


COMMANDS = (
    Command("SHOW", "anyone", _show_grammar, _show),
    Command("BLOCK", "anyone", _block_grammar, _block),
    Command("REPORT", "anyone", _report_grammar, _report),
)
