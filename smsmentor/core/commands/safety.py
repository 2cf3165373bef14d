"""Two different things: BLOCK keeps two people apart at once and silently; REPORT tells the operators."""

from __future__ import annotations

from smsmentor.core import members, screen, threads
from smsmentor.core.commands.kit import Asked, Command, of_request
from smsmentor.core.model import Request
from smsmentor.core.turn import Outcome


def _grammar(asked: Asked) -> tuple[Request | str, str] | None:
    """Alone, with a code, with a letter of the panel (`BLOCK B`), or from a mentee `block this person`."""
    if len(asked.rest) == 1 and asked.rest in "abcdef":
        return ("", asked.rest.upper())
    if asked.rest in asked.turn.knowledge.yes_no(asked.member.lang)["them"]:
        # From somebody who answers a question, `block him` is advice.
        places = threads.places(asked.turn, asked.member)
        asks = places and all(place.target.startswith("mentee:") for place in places)
        return (asked.request or "", "") if asks else None
    request = of_request(asked)
    return None if request is None else (request, "")


def _others(asked: Asked, wanted: tuple[Request | str, str]) -> list[tuple[Request, str]]:
    """The people whom this may be about: the other ends of the open places."""
    request, letter = wanted
    found = []
    for place in threads.places(asked.turn, asked.member):
        if isinstance(request, Request) and place.request.id != request.id:
            continue
        if letter and place.letter != letter:
            continue
        if not place.target.startswith("extend:"):
            found.append((place.request, screen.other_end(asked.turn, place.target, place.request)))
    if not found and isinstance(request, Request):
        found = [(request, a.mentor) for a in request.answers if not letter or a.letter == letter]
    return found


def _block(asked: Asked, wanted: tuple[Request | str, str]) -> Outcome | None:
    turn, member = asked.turn, asked.member
    others = _others(asked, wanted)
    if not others:
        turn.say(member, "block.nobody")
        return Outcome("clarified", "nobody to block")
    if len({other for _, other in others}) > 1:
        turn.say(member, "block.which")
        return Outcome("clarified", "which one")
    request, other = others[0]
    members.block(turn, member.id, other, "BLOCK")
    screen.part(turn, request, member.id, other)
    turn.say(member, "block.done")
    return None


def _report(asked: Asked, wanted: tuple[Request | str, str]) -> Outcome | None:
    others = _others(asked, wanted)
    screen.report(asked.turn, asked.member, others[0][0] if others else None)
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
    Command("BLOCK", "anyone", _grammar, _block),
    Command("REPORT", "anyone", _grammar, _report),
)
