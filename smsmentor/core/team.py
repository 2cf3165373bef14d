"""What people bring before the team: operators read the first of it at once, and what goes on and on in one text.

About words of danger operators are paged at once, always (`crisis`); what their writer goes on to say has its own
bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from smsmentor.core import hourly, members
from smsmentor.core.model import Member, Tally, Text, Timer
from smsmentor.core.render import short
from smsmentor.core.turn import Turn
from smsmentor.core.understand.normal import relay_text

KEPT = "team.kept"
"""The tally of texts that wait to be told, by the phone that sent them, and the timer that tells them."""
CRISIS_AT_ONCE = 10
"""So many texts an hour of one phone in danger are passed on singly; more come together, with the next page."""
MOST_PHONES = 5
"""The texts of so many phones are told at a time; those of others wait for the next, so that operators can keep up."""
MOST_WORDS = 20
"""So many texts of one phone are told in words, the newest; the others are counted."""


class Told(NamedTuple):
    """A text that waited: its words, the code that operators know it by, and whether it is about who asked."""

    words: str
    about: str
    on_mentee: bool


def readers(
    turn: Turn, member: Member, about: str, request: str, *, on_mentee: bool = False, crisis: bool = False
) -> list[Member]:
    """The operators to be told of this text now.

    Nobody when its phone, or all phones together, have brought so much within the hour that it waits and is told with
    more of the same. `about` is the code that operators know it by, with a letter of the panel, or `-`; `on_mentee`
    says that it is about the one who asked.
    """
    found = members.operators(turn)
    if not found or not _is_enough(turn, member, crisis=crisis):
        return found
    tally = turn.get(Tally, KEPT)
    kept = dict(tally.values) if tally else {}
    before = kept.get(member.id, {"texts": [], "crisis": False})
    kept[member.id] = {
        "request": request,
        "texts": [*before["texts"], [turn.text_id, about, on_mentee]],
        "crisis": crisis or before["crisis"],
    }
    turn.save(Tally(KEPT, kept))
    minutes = turn.rules.crisis_page_minutes if crisis else turn.rules.team_together_minutes
    _tell_by(turn, turn.now + timedelta(minutes=minutes))
    return []


def tell_kept(turn: Turn, _: str) -> None:
    """The time is over: what was kept is told, one text for each phone."""
    tally = turn.get(Tally, KEPT)
    kept = dict(tally.values) if tally else {}
    for id in list(_first(kept)):
        told = kept.pop(id)
        texts = _kept_words(turn, told["texts"])
        for operator in members.operators(turn) if texts else ():
            words, code = _listed(turn, operator, texts, told["crisis"]), texts[-1].about
            text_id, args = "op.crisis_more" if told["crisis"] else "op.together", {"request": told["request"]}
            turn.say(operator, text_id, urgent=True, count=len(texts), code=code, quote=words, writer=id, **args)
    if kept:
        turn.save(Tally(KEPT, kept))
        _tell_by(turn, turn.now + timedelta(minutes=turn.rules.team_together_minutes))
    elif tally is not None:
        turn.drop(Tally, KEPT)


def _tell_by(turn: Turn, at: datetime) -> None:
    """Tell what is kept at this moment, or sooner where that has been said."""
    timer = turn.get(Timer, f"{KEPT}:{KEPT}")
    if timer is None or timer.due > at:
        turn.remind(KEPT, KEPT, at)


def _is_enough(turn: Turn, member: Member, *, crisis: bool) -> bool:
    if crisis:
        return hourly.full(turn, f"{members.TO_TEAM}{member.id}:crisis", CRISIS_AT_ONCE)
    own = hourly.full(turn, members.TO_TEAM + member.id, turn.rules.team_texts_an_hour)
    return own or hourly.full(turn, "team.all", turn.rules.team_texts_an_hour_of_all)


def _first(kept: dict[str, dict[str, object]]) -> Iterable[str]:
    """Whose texts are told now: all of people in danger, and of the others those that have waited longest."""
    yield from (id for id, of_phone in kept.items() if of_phone["crisis"])
    yield from islice((id for id, of_phone in kept.items() if not of_phone["crisis"]), MOST_PHONES)


def _kept_words(turn: Turn, kept: Iterable[tuple[str, str, bool]]) -> list[Told]:
    """What stood in them; the words of who was erased meanwhile are gone."""
    found = ((turn.get(Text, id), about, on_mentee) for id, about, on_mentee in kept)
    return [Told(relay_text(text.body), about, on_mentee) for text, about, on_mentee in found if text and text.body]


def _listed(turn: Turn, operator: Member, texts: list[Told], crisis: bool) -> str:
    """The newest of them, each as long as all of them leave room for, with what it is about where that changes."""
    shown = texts[-MOST_WORDS:]
    room = turn.rules.relay_longest // len(shown) - len(" / ")
    parts, before = [], "-" if not crisis else shown[-1].about
    for text in shown:
        about = f"{text.about}, {turn.words(operator, 'word.mentee')}" if text.on_mentee else text.about
        words = text.words if about == before else f"{about}: {text.words}"
        parts.append(short(words, room))
        before = about
    return " / ".join(parts)
