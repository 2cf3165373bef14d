"""What operators can do by text, from listed numbers: OP STATUS, WAITING, ACK K48, INVITE word, PARKED, VOUCH name."""

from __future__ import annotations

import re

from smsmentor.core import crisis, parked
from smsmentor.core.commands.kit import Asked, Command
from smsmentor.core.model import Invitation, Member, Request
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import codes, parse
from smsmentor.core.understand.normal import plain

LISTED = 3
"""So many names go into one text."""
MOST_PAGES = 6
"""And so many codes beside others."""


def _grammar(asked: Asked) -> tuple[str, str] | None:
    word, _, rest = asked.call.rest.partition(" ")
    word = word.strip(" .:,?!").casefold()
    if word in _ACTS:
        return (word, rest.strip())
    # An operator's mistyped order may hold names and numbers: explained, and never asked of peers.
    named = asked.call.rest[: len(word)].isupper() or codes.read(rest) or word in _UNKNOWN
    return ("", "") if named or len(asked.rest.split()) <= 1 else None


def _op(asked: Asked, wanted: tuple[str, str]) -> Outcome | None:
    word, rest = wanted
    if not word:
        asked.turn.say(asked.member, "op.what")
        return Outcome("clarified", "no such OP word")
    asked.turn.note("operator.acted", member=asked.member.id, act=f"OP {word.upper()}")
    return _ACTS[word](asked, rest)


def _status(asked: Asked, _: str) -> Outcome | None:
    turn = asked.turn
    counts = {status: turn.count(Request, "status", status) for status in ("gathering", "asking", "answered")}
    turn.say(asked.member, "op.status", asking=counts["gathering"] + counts["asking"], answered=counts["answered"])
    return None


def _waiting(asked: Asked, _: str) -> Outcome | None:
    turn = asked.turn
    waiting = [r.code for r, _ in zip(turn.walk(Request, "status", "asking"), range(10), strict=False)]
    pages = _pages(asked)
    turn.say(asked.member, "op.waiting" if waiting else "op.none_waiting", codes=", ".join(waiting), pages=pages)
    return None


def _pages(asked: Asked) -> str:
    """The codes about which operators are paged until one acknowledges them; empty when there is none."""
    codes_of = ", ".join(request.code for request in crisis.paged(asked.turn)[:MOST_PAGES])
    return asked.turn.words(asked.member, "op.pages", codes=codes_of) if codes_of else ""


def of_a_page(turn: Turn, member: Member, text: str) -> Outcome | None:
    """A few words of an operator who was paged (`i have it`) are no question for peers: how it goes is said."""
    lists = turn.knowledge.yes_no(member.lang)
    if not parse.says(text, lists["on_it"], lists["polite"]) or not crisis.paged(turn):
        return None
    turn.say(member, "op.ack_what", pages=_pages(Asked(turn, member, parse.Call("op", "", False, False, False))))
    return Outcome("clarified", "words after a page")


def _ack(asked: Asked, rest: str) -> Outcome | None:
    """A flagged request is in hands: the pages end. Without a code it is the only one about which there are pages."""
    turn = asked.turn
    named = codes.read(rest)
    paged = crisis.paged(turn)
    meant = [request for request in paged if request.code == named.code] if named else [] if rest else paged
    if len(meant) != 1:
        turn.say(asked.member, "op.ack_what" if paged else "op.ack_none", pages=_pages(asked))
        return Outcome("clarified", "no such page")
    crisis.acknowledge(turn, meant[0])
    turn.say(asked.member, "op.acked", code=meant[0].code)
    return None


def _invite(asked: Asked, rest: str) -> Outcome | None:
    """A word with which people can JOIN."""
    turn = asked.turn
    word = plain(rest).strip(" .")
    if not re.fullmatch(r"[a-z0-9-]{4,20}", word) or turn.knowledge.carrier.read(word):
        turn.say(asked.member, "op.invite_what")
        return Outcome("clarified", "no word")
    turn.save(Invitation(word, turn.now))
    turn.say(asked.member, "op.invited", word=word.upper())
    return None


def _parked(asked: Asked, _: str) -> Outcome | None:
    """Who cannot be texted, and why."""
    found = parked.parked(asked.turn)
    if not found:
        asked.turn.say(asked.member, "op.none_parked")
        return None
    names = parked.names(found)
    shown = ", ".join(f"{names[m.id]} ({m.parked or '-'})" for m in found[:LISTED])
    more = f" +{len(found) - LISTED}" if len(found) > LISTED else ""
    asked.turn.say(asked.member, "op.parked_list", names=shown + more)
    return None


def _vouch(asked: Asked, rest: str) -> Outcome | None:
    """The person behind a number that was given up is still the same, as the operator knows."""
    found = parked.called(parked.parked(asked.turn), rest)
    if found is None:
        asked.turn.say(asked.member, "op.vouch_what")
        return Outcome("clarified", "nobody of that name is parked")
    parked.release(asked.turn, found, "vouched for")
    asked.turn.say(asked.member, "op.vouched", name=found.alias or found.id[-4:])
    return None


_ACTS = {
    "invite": _invite,
    "status": _status,
    "waiting": _waiting,
    "ack": _ack,
    "parked": _parked,
    "vouch": _vouch,
}

_UNKNOWN = frozenset({"add", "ban", "block", "hold", "list", "remove", "take"})
"""What operators order that there is no word for: with what stands behind, it is nothing for peers."""

COMMANDS = (Command("OP", "operator", _grammar, _op),)
