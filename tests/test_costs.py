"""What a text costs in the store: statements, rows and commits, counted and never timed, however much is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from typing import NamedTuple

import pytest

from bench.scene import Family, Mix, families, fill
from smsmentor.core.events import Inbound
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.ports import SetClock
from smsmentor.service import Service
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import base_knowledge

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
SIZES = (1_000, 20_000)
NEWCOMER = "+19995550150"
WORDS = "say it the same day, calm, one sentence"
QUESTION = "my boss takes credit for my reports, do i say something?"
TOGETHER = 32


class Cost(NamedTuple):
    """What the store was made to do."""

    statements: int
    rows_read: int
    rows_written: int
    commits: int


class Counting:
    """The real service on a filled store."""

    def __init__(self, store: TinyDBStore, documents: int) -> None:
        self.store = store
        rules = Rules(quiet_from="00:00", quiet_until="00:00", texts_an_hour=10_000)
        self.service = Service(store, SetClock(NOW), replace(base_knowledge(), rules=rules))
        self.documents = documents
        self.live = [family for family in families(documents) if family.code]
        self._ids = (f"SM{number:032x}" for number in count())

    def cost(self, *texts: tuple[str, str], id: str = "") -> tuple[Cost, list[str]]:
        """What these texts cost together, and what became of each."""
        before = replace(self.store.stats)
        events = [Inbound(id or next(self._ids), sender, body, NOW) for sender, body in texts]
        turns = asyncio.run(self._receive(events))
        after = self.store.stats
        cost = Cost(
            after.statements - before.statements,
            after.rows_read - before.rows_read,
            after.rows_written - before.rows_written,
            after.commits - before.commits,
        )
        return cost, [turn.inbound.outcome if turn is not None and turn.inbound else "had been here" for turn in turns]

    async def _receive(self, events: list[Inbound]) -> list[Turn | None]:
        return await asyncio.gather(*map(self.service.receive, events))


@pytest.fixture(scope="module", params=SIZES)
def counting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counting]:
    path = tmp_path_factory.mktemp("costs") / "store.db"
    fill(path, request.param, NOW)
    with closing(TinyDBStore(path)) as store:
        yield Counting(store, request.param)


def said(family: Family, kind: str) -> tuple[str, str]:
    """A text of each kind: who sends it, and its words."""
    return {
        "a mentor goes on": (family.phone("mentor"), f"{family.code} {WORDS}"),
        "a mentee goes on": (family.phone("mentee"), f"A: {WORDS}?"),
        "a first answer": (family.phone("asked"), f"{family.code} {WORDS}"),
        "a pass": (family.phone("asked"), "pass"),
        "a command": (family.phone("free"), "STATS"),
        "a menu": (family.phone("mentee"), "MENU"),
        "help": (family.phone("mentee"), "HELP"),
        "a reaction": (family.phone("mentee"), f'Liked "{WORDS}"'),
        "contact details": (family.phone("mentor"), f"{family.code} call me on 212 555 0142"),
        "a new question": (NEWCOMER, QUESTION),
    }[kind]


LIMITS = {
    "a mentor goes on": ("relayed", Cost(18, 5, 6, 1)),
    "a mentee goes on": ("relayed", Cost(16, 4, 6, 1)),
    "a first answer": ("relayed", Cost(33, 10, 14, 1)),
    "a pass": ("command", Cost(26, 9, 10, 1)),
    "a command": ("command", Cost(13, 2, 4, 1)),
    "a menu": ("command", Cost(12, 2, 4, 1)),
    "help": ("command", Cost(10, 1, 4, 1)),
    "a reaction": ("ignored", Cost(9, 1, 3, 1)),
    "contact details": ("held", Cost(18, 4, 7, 1)),
    "a new question": ("request", Cost(40, 10, 9, 1)),
}
"""What becomes of a text, and the most that it may cost: the same in a small store and in a large one."""


@pytest.mark.parametrize("kind", LIMITS)
def test_a_text_costs_no_more_than_its_limit_in_a_store_of_any_size(counting: Counting, kind: str) -> None:
    family = counting.live[list(LIMITS).index(kind)]
    outcome, most = LIMITS[kind]
    cost, outcomes = counting.cost(said(family, kind))
    assert outcomes == [outcome]
    assert all(spent <= limit for spent, limit in zip(cost, most, strict=True)), f"{cost}, at most {most}"


def test_a_text_of_people_who_texted_lately_is_only_written(counting: Counting) -> None:
    family = counting.live[12]
    for kind in ("a mentor goes on", "a mentee goes on"):
        counting.cost(said(family, kind))
    for kind in ("a mentor goes on", "a mentee goes on"):
        sender, body = said(family, kind)
        cost, outcomes = counting.cost((sender, f"{body} and once more"))
        assert outcomes == ["relayed"]
        assert cost.rows_read == 0
        assert cost.statements <= cost.rows_written + 5, "beginning, ending, and whether the text was here before"


def test_a_text_delivered_again_writes_nothing(counting: Counting) -> None:
    text, id = said(counting.live[11], "a mentor goes on"), f"SM{'f' * 32}"
    counting.cost(text, id=id)
    cost, outcomes = counting.cost(text, id=id)
    assert outcomes == ["had been here"]
    assert cost == Cost(statements=4, rows_read=0, rows_written=0, commits=0)


def test_texts_that_come_together_share_a_commit(counting: Counting) -> None:
    texts = [(brought.phone, brought.body) for brought in islice(Mix(counting.documents, 1), TOGETHER)]
    cost, _ = counting.cost(*texts)
    assert cost.commits == 2  # one half is decided while the other is synced
    assert cost.statements <= 17 * TOGETHER
