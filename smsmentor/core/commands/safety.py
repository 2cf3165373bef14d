"""Two different things: BLOCK keeps two people apart at once and silently; REPORT tells the operators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from smsmentor.core import apart, members, prompts, screen, threads
from smsmentor.core.commands.kit import Asked, Command, of_request
from smsmentor.core.model import Code, Member, Offer, OutText, Prompt, Request
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand.parse import Call, bare, kept_words, last_word


class Whom(NamedTuple):
    """The person meant: a request or its code, a letter of its panel, or somebody known by name; or nothing of it."""

    request: Request | str = ""
    letter: str = ""
    person: str = ""


class Met(NamedTuple):
    """Somebody whose words this member was shown, or could be, and the question between them."""

    request: Request
    other: str
    letter: str = ""


NOBODY = "?"
"""In place of a code: a word that is none, and no name that we know."""


def _whom(asked: Asked) -> Whom | None:
    """Alone, with a code, with a letter of the panel (`BLOCK B`), or from a mentee with a name or `this person`."""
    letter = _said(asked)
    if len(letter) == 1 and letter in "abcdef":
        return Whom(letter=letter.upper())
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    # In Spanish the person may stand in the word itself: `bloquealo`.
    if not {asked.rest, kept_words(asked.text, lists["polite"])}.isdisjoint(lists["them"]):
        return Whom(asked.request or "") if _only_asks(asked) else None
    if not threads.answers_somebody(asked.turn, asked.member) and (named := _named(asked)):
        return named
    request = of_request(asked)
    return None if request is None else Whom(request)


def _only_asks(asked: Asked) -> bool:
    """All that is open with them are their own questions. From somebody who answers one, `block him` is advice."""
    turn, member = asked.turn, asked.member
    return bool(threads.places(turn, member)) and not threads.answers_somebody(turn, member)


def _named(asked: Asked) -> Whom | None:
    """Whom the words begin with: `BLOCK Ben`, `bloquear a Ben`, `BLOCK A he is creepy`."""
    said, found = f"{_said(asked)} ", list(_met(asked))
    by_name = [met for met in found if (alias := _alias(asked, met)) and said.startswith(f"{alias} ")]
    letter = _letter_first(asked)
    by_letter = [met for met in found if met.letter and met.letter == letter]
    if letter and not by_name and not by_letter and any(met.letter for met in found):
        return Whom(NOBODY)
    return next((Whom(met.request, met.letter, met.other) for met in by_name or by_letter), None)


def _letter_first(asked: Asked) -> str:
    """The letter of `BLOCK B he is rude`, `block A, he is rude`; empty for `block B in the garage is closed`."""
    found = _LETTER_FIRST.match(asked.call.rest)
    if found is None or "?" in asked.call.rest:
        return ""
    letter, sign, more = found[1].strip(), found[2].strip(), found[3]
    goes_on = bare(more).partition(" ")[0] in asked.turn.knowledge.yes_no(asked.member.lang)["who_did"]
    sure = asked.call.shouted or (letter != "a" and (sign or goes_on))  # a small `a` may be an article
    return letter.upper() if sure else ""


_LETTER_FIRST = re.compile(r"([A-Fa-f])\s*([:,.;!-]|\s)\s*(.+)", re.DOTALL)


def _alias(asked: Asked, met: Met) -> str:
    return bare(asked.turn.need(Member, met.other).alias)


def _said(asked: Asked) -> str:
    """The bare words behind the command, without a small one before a name: Spanish blocks `a Ben`."""
    words = bare(asked.call.rest)
    first, _, rest = words.partition(" ")
    return rest if rest and first in asked.turn.knowledge.yes_no(asked.member.lang)["whom"] else words


def _block_grammar(asked: Asked) -> Whom | None:
    """The person meant; a mentee's BLOCK in capitals may have its reason behind it.

    One word that names nobody is asked back: it may be the name of the one to whom the text would go.
    """
    whom = _whom(asked)
    if whom is None and asked.call.shouted and _one_word(asked) and not threads.places(asked.turn, asked.member):
        return Whom(NOBODY)
    if whom is not None or not asked.call.exact or not _only_asks(asked):
        return whom
    if asked.call.shouted:
        return Whom(asked.request or "")
    return Whom(NOBODY) if _one_word(asked) else None


def _report_grammar(asked: Asked) -> tuple[Whom, str] | None:
    """The person meant, and what happened when it is said at once: `REPORT he was rude to me`, `report: he ...`.

    Such words never pass for a text to the person that they are about. One word is no report yet: it is asked for.
    """
    whom, call = _whom(asked), asked.call
    if whom is not None:
        return (whom, call.whole_rest if whom.person and " " in asked.rest else "")
    if call.exact and _one_word(asked) and _only_asks(asked):
        return (Whom(asked.request or ""), "")
    told = bare(call.rest).partition(" ")[0] in asked.turn.knowledge.yes_no(asked.member.lang)["who_did"]
    if threads.answers_somebody(asked.turn, asked.member):
        surely = call.shouted and (call.separated or told)
    else:
        surely = call.shouted or call.separated or (told and "?" not in call.rest)
    return (Whom(asked.request or ""), call.whole_rest) if call.exact and surely else None


def _others(asked: Asked, whom: Whom, *, parted: bool) -> list[Met]:
    """The people whom this may be about, those with whom they have `parted` already among them or not.

    Without a name or letter it is whose held text was read last, or else those with whom something is open, or else
    all who were met lately. Some have no letter: a mentor who was only held back, or who came late.
    """
    turn, member = asked.turn, asked.member
    named = whom.request if isinstance(whom.request, Request) else None
    found = list(_met_about(asked, named)) if named else list(_met(asked))
    if whom.person or whom.letter:
        return [met for met in found if whom.person in ("", met.other) and whom.letter in ("", met.letter)]
    found = [met for met in found if parted or not members.blocked(turn, member.id, met.other)]
    last = _shown_last(asked, named) if whom.request != NOBODY else ""
    if shown := [met for met in found if met.other == last]:
        return shown[:1]
    near = [(p.request.id, screen.other_end(turn, p.target, p.request)) for p in _open(asked)]
    first = [met for met in found if (met.request.id, met.other) in near or _without_place(asked, met)]
    return first or ([] if whom.request == NOBODY else found)


def _open(asked: Asked) -> list[threads.Place]:
    """Places that have one other end."""
    return [p for p in threads.places(asked.turn, asked.member) if not p.target.startswith("extend:")]


def _without_place(asked: Asked, met: Met) -> bool:
    """Somebody who wrote to an open question of theirs and whom no letter names."""
    return not met.letter and met.request.mentee == asked.member.id and met.request.status != "closed"


def _shown_last(asked: Asked, about: Request | None) -> str:
    """Whose text the filter held back and this member then read: our words there promise that BLOCK means them."""
    for prompt in asked.turn.walk(Prompt, "member", asked.member.id, newest=True):
        if prompt.kind == "shown" and prompt.expires > asked.turn.now:
            request = asked.turn.need(Request, prompt.request)
            if about is None or about.id == request.id:
                return screen.who_wrote(asked.turn, prompt.target, request)
    return ""


def _met(asked: Asked) -> Iterator[Met]:
    """Everybody with whom something is open or was lately, each question's people once."""
    turn, member = asked.turn, asked.member
    lately = turn.now - timedelta(hours=turn.rules.late_hours)
    about = {place.request.id: place.request for place in threads.places(turn, member)}
    if (newest := turn.first(Request, "mentee", member.id, newest=True)) is not None and _has_code(asked, newest):
        about.setdefault(newest.id, newest)
    for offer in turn.walk(Offer, "mentor", member.id, newest=True):
        if offer.made < lately:
            break
        about.setdefault(offer.request, turn.need(Request, offer.request))
    for request in about.values():
        yield from _met_about(asked, request)


def _met_about(asked: Asked, request: Request) -> Iterator[Met]:
    """The people of one question: who asked it, or all who wrote to the one who did."""
    turn, member = asked.turn, asked.member
    if request.mentee != member.id:
        if threads.offer_of(turn, member, request) is not None:
            yield Met(request, request.mentee)
        return
    letters = {answer.mentor: answer.letter for answer in request.answers}
    read = [t.writer for t in turn.find(OutText, "request", request.id) if t.member == member.id and t.writer]
    for other in dict.fromkeys([*letters, *read]):
        if other != member.id:
            yield Met(request, other, letters.get(other, ""))


def _has_code(asked: Asked, request: Request) -> bool:
    """Whether the code of a question still means it."""
    code = asked.turn.get(Code, request.code)
    return code is not None and code.request == request.id


def _one_word(asked: Asked) -> bool:
    return len(_said(asked).split()) == 1 and "?" not in asked.call.rest


def _block(asked: Asked, whom: Whom) -> Outcome | None:
    turn, member = asked.turn, asked.member
    found = _others(asked, whom, parted=False)
    others = {met.other for met in found}
    if others and (whom.request == NOBODY or len(others) > 1):
        prompts.ask_whom(turn, member, {_shown(asked, met): met.other for met in found})
        return Outcome("clarified", "which one")
    if not others:
        turn.say(member, "block.nobody")
        return Outcome("clarified", "nobody to block")
    apart.part(turn, member.id, others.pop(), "BLOCK")
    turn.say(member, "block.done")
    return None


def _shown(asked: Asked, met: Met) -> str:
    """`K43 B (Ben)`, as in other choices."""
    key = f"{met.request.code} {met.letter}".strip()
    alias = asked.turn.need(Member, met.other).alias
    return f"{key} ({alias})" if alias else key


def _report(asked: Asked, wanted: tuple[Whom, str]) -> Outcome | None:
    whom, what_happened = wanted
    others = _others(asked, whom, parted=True)
    request = others[0].request if others else None
    letter = others[0].letter if others and _is_surely(asked, whom, others[0]) else ""
    if what_happened:
        return screen.file_report(asked.turn, asked.member, request.id if request else "", letter, what_happened)
    screen.report(asked.turn, asked.member, request, letter)
    return None


def _is_surely(asked: Asked, whom: Whom, met: Met) -> bool:
    """Whether operators may be told that a report is about this one: named, read last, or the only one there was."""
    if whom.letter or whom.person or _shown_last(asked, met.request) == met.other:
        return True
    return {one.other for one in _met_about(asked, met.request)} == {met.other}


_AT_THE_END = re.compile(r"(.*\S)\s*([,.!;:)\n\u2026-])\s*([^\W_]+)\W*$", re.DOTALL)
_SENTENCE_ENDS = ".!\n"


def at_the_end(turn: Turn, member: Member, text: str, request: Request | None) -> Outcome | None:
    """`Ben was rude, REPORT`, `wow. BLOCK`: in capitals behind what happened, which must not reach who it is about.

    From somebody who answers a question it stands in a sentence of its own: `title, summary, REPORT` is advice.
    """
    if "?" in text or not last_word(text).isupper():
        return None
    found = _AT_THE_END.fullmatch(text.strip())
    if found is None or not found[3].isupper() or found[1].isupper():
        return None
    if found[2] not in _SENTENCE_ENDS and threads.answers_somebody(turn, member):
        return None
    command = turn.knowledge.words.keywords(member.lang).get(bare(found[3]))
    if command not in ("block", "report"):
        return None
    asked = Asked(turn, member, Call(command, "", True, True, True), request, text)
    whom = _named_among(asked, found[1])
    outcome = _block(asked, whom) if command == "block" else _report(asked, (whom, found[1]))
    return outcome or Outcome("command", command.upper())


def _named_among(asked: Asked, words: str) -> Whom:
    """The one whom words name anywhere, or whoever is meant without a name."""
    said = f" {bare(words)} "
    named = [met for met in _met(asked) if (alias := _alias(asked, met)) and f" {alias} " in said]
    return Whom(named[0].request, named[0].letter, named[0].other) if named else Whom(asked.request or "")


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
