"""Retention: words and numbers go some days after they served; counts, outcomes, times and facts stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile

from smsmentor.core import crisis, members
from smsmentor.core.making import replace
from smsmentor.core.model import Offer, OutText, Prompt, Request, Sprint, Text, Thread
from smsmentor.core.reads import Reads
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn

REQUESTS, TEXTS = 5, 100
"""At most so many are cleared in one event, so that no commit is long."""
GONE = ""


def waits(reader: Reads, now: datetime, rules: Rules) -> bool:
    """Whether something is old enough to be cleared."""
    before = now - timedelta(days=rules.words_kept_days)
    lines = (_requests(reader, before), _texts(reader, before), _out_texts(reader, before), _sprints(reader, before))
    return any(next(line, None) is not None for line in lines)


def clear(turn: Turn) -> None:
    """Clear the oldest of what is old enough; again, while `waits` says so."""
    before = turn.now - timedelta(days=turn.rules.words_kept_days)
    for request in list(islice(_requests(turn, before), REQUESTS)):
        _clear_request(turn, request)
    for text in list(islice(_texts(turn, before), TEXTS)):
        _clear_text(turn, text)
    for sent in list(islice(_out_texts(turn, before), TEXTS)):
        clear_out_text(turn, sent)
    for sprint in list(islice(_sprints(turn, before), TEXTS)):
        turn.save(replace(sprint, skill=GONE, notes=()))


def clear_out_text(turn: Turn, text: OutText) -> None:
    """The words and the number of a text that has left; one that still waits keeps them."""
    if not text.pending:
        turn.save(replace(text, body=GONE, phone=GONE))


def _requests(reader: Reads, before: datetime) -> Iterator[Request]:
    line = reader.walk(Request, "kept", "yes")
    return takewhile(lambda request: request.closed is not None and request.closed <= before, line)


def _texts(reader: Reads, before: datetime) -> Iterator[Text]:
    """Texts outside any question: commands, greetings, what was held and placed later."""
    return takewhile(lambda text: text.at <= before, reader.walk(Text, "kept", "yes"))


def _out_texts(reader: Reads, before: datetime) -> Iterator[OutText]:
    line = takewhile(lambda text: text.queued <= before, reader.walk(OutText, "kept", "yes"))
    return (text for text in line if not text.pending)


def _sprints(reader: Reads, before: datetime) -> Iterator[Sprint]:
    line = reader.walk(Sprint, "kept", "yes")
    return takewhile(lambda sprint: sprint.ended is not None and sprint.ended <= before, line)


def _clear_request(turn: Turn, request: Request) -> None:
    turn.save(replace(request, question=GONE, follow_up=GONE, skills=(), forgotten=True))
    crisis.forget_untold(turn, request)
    for text in turn.find(Text, "request", request.id):
        _clear_text(turn, text)
    for sent in turn.find(OutText, "request", request.id):
        clear_out_text(turn, sent)
    for thread in turn.find(Thread, "request", request.id):
        turn.save(replace(thread, awaiting=GONE))
    for offer in turn.find(Offer, "request", request.id):
        turn.save(replace(offer, late=GONE, follow_up=GONE))
    for prompt in turn.find(Prompt, "request", request.id):
        _end(turn, prompt)


def _clear_text(turn: Turn, text: Text) -> None:
    """A text's words, also where we asked its sender about it and never heard again."""
    turn.save(replace(text, body=GONE))
    for prompt in turn.find(Prompt, "member", text.member):
        _end(turn, prompt)


def _end(turn: Turn, prompt: Prompt) -> None:
    if prompt.expires <= turn.now:
        members.let_go(turn, prompt, "dropped")
