"""A service in the middle of its life, and the texts that come next: what the benchmarks of the whole server work on.

The store is made of families: a mentee with a question, a mentor who has answered it, one who was asked and has not
answered yet, and one who is free. The first families are live, all others are history. The texts are a mix as it
comes on an ordinary day; every one is new (`Mix`), but for those that a carrier brings twice."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from smsmentor import resources
from smsmentor.core import pool
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import (
    Answer,
    Code,
    Fact,
    Load,
    Member,
    Offer,
    OutText,
    Record,
    Request,
    Tally,
    Text,
    Thread,
)
from smsmentor.core.turn import Turn
from smsmentor.core.understand import codes
from smsmentor.ports import Changes
from smsmentor.settings import rules_from
from smsmentor.stores.tinydb import TinyDBStore

R = TypeVar("R", bound=Record)

DOCUMENTS_A_FAMILY = 68
MOST_LIVE = 300
"""Families with an open request, however much history there is: what is open does not grow with the years."""
NUMBERS = 80_000
"""Telephone numbers kept for fiction: 100 for each of 800 area codes."""
ZONE = "America/New_York"
TOPIC = "conflict"
FIELDS = ("finance", "nursing", "law", "sales")
SETTINGS = {
    "quiet_from": "00:00",
    "quiet_until": "00:00",
    "texts_an_hour": "10000",
    "newcomers_an_hour": "0",
    "gather_seconds": "600",
    "gather_longest_seconds": "3600",
    "zone": ZONE,
}
"""The hour of the benchmark does not matter, few phones text for many, and no wave goes out while it runs."""


def phone(number: int) -> str:
    """The number of a person, of those kept for fiction. Area 200 is ours: who texts from our own number is refused."""
    return f"+1{201 + number // 100}555{100 + number % 100:04d}"


def families_of(documents: int) -> int:
    """How many families make about so many documents."""
    return max(documents // DOCUMENTS_A_FAMILY, 4)


class Family(NamedTuple):
    """The people of one family by name, and the code of their request; empty in one that is history."""

    number: int
    code: str

    def person(self, role: str) -> int:
        return 4 * self.number + ("mentee", "mentor", "asked", "free").index(role)

    def member(self, role: str) -> str:
        return f"m{self.person(role)}"

    def phone(self, role: str) -> str:
        return phone(self.person(role))


def families(documents: int) -> Iterator[Family]:
    """All families of a store of this size, the same each time."""
    taken: set[str] = set()
    for number in range(families_of(documents)):
        code = ""
        if number < MOST_LIVE:
            lengths = [sum(len(code) == length for code in taken) for length in range(6)]
            code = codes.new(f"family {number}", taken.__contains__, lengths.__getitem__)
            taken.add(code)
        yield Family(number, code)


class Nothing:
    """A reader of a store that is empty."""

    def get(self, kind: type[R], id: str) -> R | None:
        return None

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        return iter(())

    def count(self, kind: type[Record], index: str, value: str) -> int:
        return 0


def mentor(turn: Turn, family: Family, role: str, at: datetime, *, resting: bool) -> None:
    """A member of the pool, on the shelves where the rotation would look for them."""
    id = family.member(role)
    found = Member(
        id, family.phone(role), at, mentor=True, alias=f"Kim{family.number}", field=FIELDS[family.number % len(FIELDS)],
        years=7, topics=(TOPIC,), zone=ZONE, consented=at, first_told=True,
    )  # fmt: skip
    turn.save(found)
    turn.save(Load(id, asked=(at,) if resting else (), answers=family.number % 7))
    turn.save(Tally(f"sent:{id}", {"month": f"{at:%Y-%m}", "segments": 9, "total": 40, "automatic": []}))
    pool.stand(turn, found)


def records(family: Family, now: datetime, knowledge: Knowledge) -> list[Record]:
    """What the store holds of one family."""
    n, live = family.number, bool(family.code)
    at = now - (timedelta(hours=1) if live else timedelta(days=2 + n % 300))
    mentee, answered, asked = map(family.member, ("mentee", "mentor", "asked"))
    request = f"r{n}"
    turn = Turn(Nothing(), now, request, knowledge)
    turn.save(Member(mentee, family.phone("mentee"), at, zone=ZONE, consented=at, first_told=True))
    for role in ("mentor", "asked", "free"):
        mentor(turn, family, role, at, resting=live and role != "free")
    turn.save(
        Request(
            request, family.code or f"{n}", mentee, "my boss takes credit for my reports. what do i say?", at,
            "answered" if live else "closed", (TOPIC,), answers=(Answer("A", answered, at),), wave=1, asked_at=at,
            outside=False, closed=None if live else at, reason="" if live else "done",
        )
    )  # fmt: skip
    turn.save(Thread(f"{request}:A", request, "A", mentee, answered, at, at, closed=not live))
    turn.save(Offer(f"{request}:{answered}", request, answered, at, "answered", settled=at))
    over = None if live else at
    turn.save(Offer(f"{request}:{asked}", request, asked, at, "sent" if live else "withdrawn", settled=over))
    if live:
        turn.save(Code(family.code, request))
        turn.remind("request.expire", request, now + timedelta(hours=20))
        turn.remind("offer.silent", f"{request}:{asked}", now + timedelta(hours=3))
    return [*turn.puts(), *history(family, at)]


def history(family: Family, at: datetime) -> Iterator[Record]:
    """What was texted."""
    n, request = family.number, f"r{family.number}"
    for k in range(12):
        past, words, id = at + timedelta(seconds=k), SENTENCES[k], f"SM{n}-{k}"
        when = (
            f"{int(past.timestamp() * 1_000_000):014x}-{n}-{k}"  # ids in the order of time, as the service makes them
        )
        yield Text(id, family.member("mentor"), f"{words}. " * 3, past, "relayed", "", request)
        yield OutText(
            f"o-{when}", family.member("mentee"), family.phone("mentee"), f'A: "{words}"', "advice.more", 1,
            "GSM-7", past, past, "delivered", provider_id=f"SM{n}o{k}", sent=past, request=request,
        )  # fmt: skip
        yield Fact(f"f-{when}-a", past, "thread.relayed", {"request": request, "letter": "A"})
        data = {"text": id, "member": family.member("mentor"), "outcome": "relayed"}
        yield Fact(f"f-{when}-b", past, "text.settled", data)


def fill(path: Path, documents: int, now: datetime) -> None:
    """Make a store with about so many documents."""
    knowledge = resources.load(rules_from(SETTINGS))

    async def write(store: TinyDBStore) -> None:
        operator = Member("op", phone(NUMBERS - 1), now, operator=True, consented=now, first_told=True)
        rows: dict[tuple[str, str], Record] = {(operator.TABLE, operator.id): operator}
        for family in families(documents):
            # The list of the pool's shelves is in each family; all of them are the same.
            rows.update({(record.TABLE, record.id): record for record in records(family, now, knowledge)})
            if len(rows) > 10_000:
                await _put(store, list(rows.values()), now)
                rows = {}
        await _put(store, list(rows.values()), now)

    with closing(TinyDBStore(path)) as store:
        asyncio.run(write(store))


async def _put(store: TinyDBStore, rows: list[Record], now: datetime) -> None:
    await store.transact(None, lambda _: Changes(puts=rows), now=now)


# The texts

SENTENCES = (
    "say it the same day and keep it calm",
    "I would wait a week and then ask again",
    "write down what you did and send it to the whole team",
    "nobody can read your mind so spell it out",
    "ask what a good result would look like for them",
    "bring two examples and one wish",
    "it took me three tries and that was fine",
    "I had the same with my first lead",
    "start with what went well",
    "you can say no and still be kind",
    "sleep on it before you answer the mail",
    "pick one thing and leave the rest for next month",
    "find somebody in the other team who has done it",
    "tell them early, bad news does not get better",
    "keep your notes short and dated",
    "practice the first sentence out loud",
    "let them talk first and count to ten",
    "make the next step small enough for a friday",
    "if it happens again go to the one above",
    "most people are glad when you ask directly",
)
QUESTIONS = (
    "my boss takes credit for my reports, do i say something?",
    "how do i ask for more pay without a fight?",
    "i was moved to a new team and nobody talks to me, what do i do first?",
    "is it rude to leave a meeting early for my kids?",
    "how do i tell a colleague that his work is not good enough?",
    "should i take the offer of the smaller company?",
    "what do i say in the interview about the gap in my cv?",
)
COMMANDS = ("MENU", "STATS", "OPEN 2", "LIMIT 3 a day", "LIMIT 2 a day", "OUTSIDE ON", "HELP", "TOPICS", "menu")
KINDS = {
    "question": 8,
    "more": 4,
    "mentor": 34,
    "mentee": 22,
    "answer": 10,
    "command": 12,
    "reaction": 2,
    "contact": 2,
    "again": 4,
}
"""How many texts in a hundred are of a kind. A `more` is a question that gets a second text, a `contact` one that is
asked about and answered with a digit: so there is one question among some eight other texts."""
SOON = 96
"""Texts between a question and its second text, so that the first has been answered before the second comes."""


class Brought(NamedTuple):
    """A text as a carrier brings it."""

    kind: str
    id: str
    phone: str
    body: str


class Mix:
    """An endless stream of texts for a store that `fill` made; the same for the same seed."""

    def __init__(self, documents: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._seed = seed
        self._live = [family for family in families(documents) if family.code]
        self._new = iter(range(NUMBERS - 2, 4 * families_of(documents), -1))
        self._number = 0
        self._due: deque[tuple[int, str, str, str]] = deque()
        self._past: deque[Brought] = deque(maxlen=SOON)

    def __iter__(self) -> Iterator[Brought]:
        kinds, weights = list(KINDS), list(KINDS.values())
        while True:
            self._number += 1
            if self._due and self._due[0][0] <= self._number:
                _, kind, sender, body = self._due.popleft()
                brought = self._bring(kind, sender, body)
            else:
                brought = self._next(self._dice.choices(kinds, weights)[0])
            self._past.append(brought)
            yield brought

    def _next(self, kind: str) -> Brought:
        family = self._dice.choice(self._live)
        match kind:
            case "question":
                sender = phone(next(self._new))
                return self._bring(kind, sender, f"{self._words(1)}. {self._dice.choice(QUESTIONS)}")
            case "more":
                # Questions come a little oftener than second texts, so that there is always somebody.
                sender = phone(next(self._new))
                self._later("more", sender, f"and one more thing, {self._words(1)}")
                return self._bring("question", sender, self._dice.choice(QUESTIONS))
            case "mentor":
                return self._bring(kind, family.phone("mentor"), f"{family.code} {self._words(2)}")
            case "mentee":
                return self._bring(kind, family.phone("mentee"), f"A: {self._words(1)}?")
            case "answer":
                return self._bring(kind, family.phone("asked"), f"{family.code.lower()}: {self._words(2)}")
            case "command":
                return self._bring(kind, family.phone("free"), self._dice.choice(COMMANDS))
            case "reaction":
                return self._bring(kind, family.phone("mentee"), f'Liked "{self._words(1)}"')
            case "contact":
                self._later("digit", family.phone("mentor"), "1")
                return self._bring(
                    kind, family.phone("mentor"), f"{family.code} {self._words(1)}, call me on 212 555 0142"
                )
            case _:
                return self._dice.choice(self._past)._replace(kind="again") if self._past else self._next("command")

    def _later(self, kind: str, sender: str, body: str) -> None:
        self._due.append((self._number + SOON, kind, sender, body))

    def _bring(self, kind: str, sender: str, body: str) -> Brought:
        return Brought(kind, f"SM{self._seed:012x}{self._number:020x}", sender, body)

    def _words(self, sentences: int) -> str:
        return ". ".join(self._dice.sample(SENTENCES, sentences))
