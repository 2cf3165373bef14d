"""One event's turn: reads see its own writes; records, texts, timers and facts are collected to be committed whole."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, TypeVar

from smsmentor.core.budget import left_out
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.kinds import RELAYED, REPLIES
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import QUIET, Fact, Member, Offer, OutText, Record, Request, Text, Timer
from smsmentor.core.reads import Reads
from smsmentor.core.render import fill
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import awake, quiet_until

R = TypeVar("R", bound=Record)


class Outcome(NamedTuple):
    """What became of an inbound text; every text has exactly one (`text.settled`)."""

    kind: Literal[
        "request", "relayed", "command", "answer", "held", "clarified", "operator", "crisis", "dropped", "ignored"
    ]
    detail: str = ""
    """The command's name, or the reason."""
    request: str = ""


USEFUL = frozenset({"request", "relayed", "command", "answer"})
"""Outcomes by which a phone shows that a person is there."""


_NOT_LATE = timedelta(0)


class Turn:
    """What one event reads and changes. Nothing is kept before the store has committed all of it."""

    def __init__(self, reader: Reads, now: datetime, seed: str, knowledge: Knowledge) -> None:
        self.now = now
        self.knowledge = knowledge
        self.rules: Rules = knowledge.rules
        """The product's numbers."""
        self.facts: list[Fact] = []
        self.texts: list[OutText] = []
        self.sender: Member | None = None
        """The member whose text this turn is about: what we say to them is a direct reply."""
        self.late = _NOT_LATE
        """How long after its moment the event is handled (a timer after downtime)."""
        self.inbound: Text | None = None
        """The text that this turn is about."""
        self.verified = True
        """Whether the text may give operator commands, as far as its way to us goes."""
        self._reader = reader
        self._seed = seed
        self._ids = 0
        self._stamp = ""
        self._read: dict[tuple[type[Record], str], Record | None] = {}
        self._found: dict[tuple[type[Record], str, str], list[Any]] = {}
        self._walks: dict[tuple[type[Record], str, str, bool], _Walk] = {}
        self._changed: dict[type[Record], dict[str, Any]] = {}
        """By kind and id; None for a record that is removed."""
        self._drops = False

    def begin(self, text: Text, sender: Member | None) -> None:
        """This turn is about a text: what we say to its sender is a direct reply."""
        self.inbound = text
        self.sender = sender

    # Reading

    def get(self, kind: type[R], id: str) -> R | None:
        """The record with this id as this turn has left it."""
        found: R | None
        changed = self._changed.get(kind)
        if changed is not None and id in changed:
            found = changed[id]
            return found
        key = (kind, id)
        try:
            found = self._read[key]  # type: ignore[assignment]
        except KeyError:
            found = self._read[key] = self._reader.get(kind, id)
        return found

    def need(self, kind: type[R], id: str) -> R:
        """The record with this id; its absence is a bug."""
        found = self.get(kind, id)
        assert found is not None, f"no {kind.TABLE} {id}"
        return found

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        """Records by index in its order, this turn's own changes among them."""
        key = (kind, index, value, newest)
        walk = self._walks.get(key)
        if walk is None:  # what the store has is read once, however often it is walked
            walk = self._walks[key] = _Walk(self._reader.walk(kind, index, value, newest=newest))
        changed = self._changed.get(kind)
        if not changed:
            return iter(walk)  # type: ignore[arg-type]
        own, order = _own(kind, index, value, changed)
        own.sort(key=order, reverse=newest)
        gone = frozenset(changed)  # as of now: what is saved while somebody walks is not taken out
        others: Iterator[Any] = (record for record in walk if record.id not in gone)
        return heapq.merge(others, own, key=order, reverse=newest)

    def find(self, kind: type[R], index: str, value: str) -> list[R]:
        """All records by index; for sets that stay small."""
        key = (kind, index, value)
        found: list[R] | None = self._found.get(key)
        if found is None:
            found = self._found[key] = list(self._reader.walk(kind, index, value))
        changed = self._changed.get(kind)
        if not changed:
            return found.copy()
        own, order = _own(kind, index, value, changed)
        return sorted([*[record for record in found if record.id not in changed], *own], key=order)

    def first(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> R | None:
        """The first record by index, or None."""
        return next(self.walk(kind, index, value, newest=newest), None)

    def is_party(self, member: str, request: str) -> bool:
        """Whether a request is this member's, or they were asked about it: neither ever ends."""
        found = self.get(Request, request) if request else None
        if found is None:
            return False
        if found.mentee == member or member in [answer.mentor for answer in found.answers]:
            return True
        return self.get(Offer, f"{request}:{member}") is not None

    def count(self, kind: type[Record], index: str, value: str) -> int:
        """How many stored records an index has for a key, without this turn's own changes."""
        return self._reader.count(kind, index, value)

    # Writing

    def save(self, record: R) -> R:
        """Keep a record, new or changed."""
        kind = type(record)
        changed = self._changed.get(kind)
        if changed is None:
            changed = self._changed[kind] = {}
        changed[record.id] = record
        if kind is Member and self.sender is not None and record.id == self.sender.id:
            self.sender = record  # type: ignore[assignment]
        return record

    def drop(self, kind: type[Record], id: str) -> None:
        """Remove a record."""
        self._drops = True
        self._changed.setdefault(kind, {})[id] = None

    @property
    def first_timer(self) -> datetime | None:
        """When the earliest of the timers is due that this turn has set."""
        timers = self._changed.get(Timer)
        return min((timer.due for timer in timers.values() if timer is not None), default=None) if timers else None

    def new_id(self, prefix: str) -> str:
        """An id for a new record: made from the event's own, so that a turn run twice makes it again."""
        self._ids += 1
        return f"{prefix}-{blake2b(f'{self._seed}|{self._ids}'.encode(), digest_size=8).hexdigest()}"

    def _row_id(self, prefix: str) -> str:
        """An id for what is only added and never found by chance: in the order of time, so that a store adds it where
        it added the last one, and not anywhere in an index of all years."""
        if not self._stamp:
            own = blake2b(self._seed.encode(), digest_size=6).hexdigest()
            self._stamp = f"{int(self.now.timestamp() * 1_000_000):014x}-{own}"
        self._ids += 1
        return f"{prefix}-{self._stamp}{self._ids:02x}"

    def remind(self, kind: str, subject: str, at: datetime) -> None:
        """Fire a timer then; one of the same kind and subject is moved."""
        self.save(Timer(f"{kind}:{subject}", kind, subject, at))

    def forget(self, kind: str, subject: str) -> None:
        """Take a timer away, if there is one."""
        if self.get(Timer, f"{kind}:{subject}") is not None:
            self.drop(Timer, f"{kind}:{subject}")

    def note(self, fact: str, **data: Any) -> None:
        """Write down what happened: ids and codes, never bodies or numbers."""
        self.facts.append(Fact(self._row_id("f"), self.now, fact, data))

    # Saying

    def words(self, member: Member, text_id: str, **args: object) -> str:
        """A text in a member's language and zone, for use inside another."""
        return fill(self.knowledge.words, self.rules, member, self.now, text_id, args)

    def say(
        self,
        member: Member,
        text_id: str,
        *,
        urgent: bool = False,
        courtesy: bool = False,
        farewell: bool = False,
        useless_after: datetime | None = None,
        request: str = "",
        offer: str = "",
        writer: str = "",
        **args: object,
    ) -> None:
        """Text a member. A direct reply or an urgent text goes at once, anything else not before the quiet hours end.

        What a person replies to somebody who has just texted is direct too.

        A courtesy is dropped when the event was held up by downtime and something else waits for the member.
        Someone who has opted out, is erased, banned or suspended hears nothing.
        """
        if member.state != "active" or not member.phone:
            return
        rules = self.rules
        held_up = courtesy and self.late > timedelta(minutes=rules.late_after_minutes)
        if held_up and self.first(OutText, "to", member.id) is not None:
            return
        if not urgent and left_out(self, self.now, rules, text_id, courtesy=courtesy):
            return
        caught_up, replies = self.caught_up, self.sender is not None and member.id == self.sender.id
        direct = urgent or (replies and not caught_up)
        in_time = direct or (text_id in REPLIES and awake(member, self.now, rules))
        quiet = None if in_time else quiet_until(member, self.now, rules)
        body = self.words(member, text_id, **args)
        if caught_up and (replies or text_id in RELAYED):
            body += self.words(member, "word.your_text_of" if replies else "word.sent_ago", span=self._age())
        text = OutText(
            self._row_id("o"),
            member.id,
            member.phone,
            body,
            text_id,
            segments(body),
            encoding(body),
            self.now,
            quiet or self.now,
            direct=direct,
            useless_after=useless_after,
            request=request,
            offer=offer,
            report=QUIET if quiet is not None else "",
            farewell=farewell,
            sender=member.line,
            of_party=self.is_party(member.id, request),
            writer=writer,
        )
        self.texts.append(text)
        self.save(text)

    def unsay(self, text: OutText) -> None:
        """Take back a text of this turn."""
        self.texts.remove(text)
        del self._changed[OutText][text.id]

    def settle(self, outcome: Outcome) -> None:
        """Write down the one outcome of the inbound text of this turn."""
        text = self.inbound
        assert text is not None, "only a text has an outcome"
        kind, detail, request = outcome
        erased = self.sender is not None and self.sender.state == "erased"  # this text asked for it
        self.inbound = self.save(
            Text(
                text.id,
                text.member,
                "" if erased else text.body,
                text.at,
                kind,
                detail,
                request,
                self.is_party(text.member, request),
            )
        )
        data = {"text": text.id, "member": text.member, "outcome": kind}
        if detail:
            data["command" if kind == "command" else "reason"] = detail
        if request:
            data["request"] = request
        self.note("text.settled", **data)

    @property
    def caught_up(self) -> bool:
        """Whether the text of this turn lay at the carrier for a while: it is answered as an old one."""
        if self.inbound is None or self.inbound.at >= self.now:
            return False
        return (self.now - self.inbound.at).total_seconds() > 60 * self.rules.late_after_minutes

    @property
    def said_at(self) -> datetime:
        """When the text of this turn was sent; now in a turn about something else."""
        return self.inbound.at if self.inbound is not None else self.now

    def _age(self) -> str:
        """`40 min`, `3 h` or `2 d`: how old the text of this turn is."""
        minutes = round((self.now - self.said_at) / timedelta(minutes=1))
        if minutes < 90:
            return f"{minutes} min"
        hours = round(minutes / 60)
        return f"{hours} h" if hours < 48 else f"{round(hours / 24)} d"

    @property
    def text_id(self) -> str:
        """The id of the inbound text of this turn; empty in a turn about something else."""
        return self.inbound.id if self.inbound else ""

    # Committing

    def puts(self) -> list[Record]:
        """The records to write, this turn's facts last."""
        records: list[Record] = [r for changed in self._changed.values() for r in changed.values() if r is not None]
        records += self.facts
        return records

    def drops(self) -> list[tuple[type[Record], str]]:
        """The records to remove."""
        if not self._drops:
            return []
        return [
            (kind, id) for kind, changed in self._changed.items() for id, record in changed.items() if record is None
        ]


def _own(kind: type[R], index: str, value: str, changed: dict[str, R | None]) -> tuple[list[R], Callable[[Any], float]]:
    """What a turn has changed so that it has this key now, and the order of the index."""
    declared = next(i for i in kind.INDEXES if i.name == index)
    own = [r for r in changed.values() if r is not None and declared.key(r) == value]
    return own, declared.order or _as_written


def _as_written(record: Record) -> float:
    return 0.0


class _Walk:
    """A lazy walk that remembers what it has given."""

    def __init__(self, rest: Iterator[Record]) -> None:
        self._given: list[Record] = []
        self._rest = rest

    def __iter__(self) -> Iterator[Record]:
        at = 0
        while True:
            if at == len(self._given):
                following = next(self._rest, None)
                if following is None:
                    return
                self._given.append(following)
            yield self._given[at]
            at += 1
