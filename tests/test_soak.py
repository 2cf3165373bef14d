"""Seeded conversations through a carrier that is worse than any real one: all accounts add up in the end.

`TEST_SOAK=10000` plays so many instead of the share that belongs to the suite.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter

import pytest

from smsmentor.core.budget import spent
from smsmentor.core.model import Fact, OutText, Text
from smsmentor.stores.memory import MemoryStore
from tests.soak import World

CONVERSATIONS = int(os.environ.get("TEST_SOAK", "200"))
SEED = int(os.environ.get("TEST_SOAK_SEED", "5"))


@pytest.fixture(scope="module")
def world() -> World:
    logging.getLogger("smsmentor").setLevel(logging.CRITICAL)
    played = World(SEED, MemoryStore())
    asyncio.run(played.play(CONVERSATIONS))
    logging.getLogger("smsmentor").setLevel(logging.NOTSET)
    return played


def test_every_text_from_a_phone_was_processed_once(world: World) -> None:
    with world.service.store.reading() as reader:
        texts = {text.id: text for text in reader.all(Text)}
        settled = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.settled")
    assert set(texts) == set(world.account.inbound)
    assert set(settled) == set(texts)
    assert set(settled.values()) == {1}
    assert all(text.outcome for text in texts.values())


def test_every_text_to_a_phone_arrived_once_or_in_the_documented_gap(world: World) -> None:
    wrong = []
    with world.service.store.reading() as reader:
        for row in reader.all(OutText):
            times, gap = world.account.delivered[row.id], world.account.gaps.get(row.id)
            wanted = 1 if row.status in ("sent", "delivered") else 0
            if times != wanted and gap is None:
                wrong.append((row.id, row.text_id, row.status, row.report, row.code, times))
    assert wrong == []
    assert len(world.account.gaps) < world.account.sends / 50


def test_nothing_was_sent_to_anybody_who_had_left(world: World) -> None:
    assert world.account.to_opted_out == []


def test_nothing_is_left_waiting_and_the_bill_is_the_sum_of_what_was_sent(world: World) -> None:
    with world.service.store.reading() as reader:
        rows = list(reader.all(OutText))
        assert [row.id for row in rows if row.pending] == []
        assert spent(reader, "2026-03") == sum(row.segments for row in rows if row.sent is not None)


def test_the_world_was_as_bad_as_it_was_meant_to_be(world: World) -> None:
    with world.service.store.reading() as reader:
        facts = Counter(fact.fact for fact in reader.all(Fact))
        rows = list(reader.all(OutText))
    assert facts["request.opened"] >= CONVERSATIONS * 0.9
    assert facts["advice.relayed"] > CONVERSATIONS / 2
    assert facts["member.opted_out"] > 0
    assert facts["member.suspended"] > 0
    assert facts["sending.stopped"] == facts["sending.resumed"] > 0
    assert sum(row.attempts > 0 for row in rows) > len(rows) / 50
    assert sum(row.returned > 0 for row in rows) > 0
