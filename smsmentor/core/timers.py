"""What a due timer does. It is only a hint: each looks at the state again and finds nothing to do when it came late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from smsmentor.core import crisis, delivery, halt, members, panel, pool, prompts, requests, rotation, sprints, team
from smsmentor.core.commands import mentoring
from smsmentor.core.events import Fired
from smsmentor.core.model import Member, Offer, Prompt, Record, Request, Sprint, Timer
from smsmentor.core.turn import Turn


def fire(turn: Turn, event: Fired) -> None:
    """Do what the timer stands for, if it still stands and its subject is still there."""
    timer = turn.get(Timer, event.id)
    if timer is None or timer.due > turn.now:
        return
    turn.drop(Timer, timer.id)
    turn.late = max(turn.now - timer.due, timedelta(0))
    kind, act = _KINDS[timer.kind]
    if kind is None:
        act(turn, timer.subject)
    elif (subject := turn.get(kind, timer.subject)) is not None:
        act(turn, subject)


def _note(minutes: int) -> Callable[[Turn, Request], None]:
    return lambda turn, request: requests.note_waiting(turn, request, minutes)


def _back(turn: Turn, member: Member) -> None:
    if member.paused and member.paused_until is not None and member.paused_until <= turn.now:
        mentoring.back(turn, member)


class _Kinds(dict[str, tuple[type[Record] | None, Callable[..., None]]]):
    """Timers by kind; `request.note10` and its like are made for any number of minutes."""

    def __missing__(self, kind: str) -> tuple[type[Record] | None, Callable[..., None]]:
        minutes = kind.removeprefix("request.note")
        assert minutes.isdecimal(), f"no such timer: {kind}"
        return (Request, _note(int(minutes)))


_KINDS = _Kinds(
    {
        "request.rested": (Request, requests.rested),
        "request.gathered": (Request, requests.gathered),
        "request.next": (Request, rotation.ask_further),
        rotation.LOOK: (None, rotation.look),
        "request.release": (Request, panel.release),
        "request.expire": (Request, requests.expire),
        "request.checkin": (Request, requests.ask_checkin),
        "code.free": (Request, requests.free_code),
        "offer.silent": (Offer, pool.silent),
        "prompt.expire": (Prompt, prompts.expire),
        "member.back": (Member, _back),
        "sprint.week": (Sprint, sprints.week),
        crisis.PAGE: (Request, crisis.page_again),
        "report.early": (None, delivery.forget_early),
        halt.OVER: (None, halt.over),
        team.KEPT: (None, team.tell_kept),
        members.NUMBERS: (None, members.forget_numbers),
    }
)
