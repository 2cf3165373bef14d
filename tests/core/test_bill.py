"""The bill that operators read: months, members, requests, the budget and a forecast."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from smsmentor.core.bill import bill, lines
from smsmentor.core.events import Act
from smsmentor.core.model import Member, OutText, Request, Tally
from smsmentor.core.rules import Rules
from smsmentor.ports import Changes, SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import knowledge

NOON = datetime(2026, 3, 11, 16, 0, tzinfo=UTC)
ANA, BEN = "+12125550101", "+12125550102"


async def conversation() -> Rig:
    rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
    args = {"phone": BEN, "alias": "Ben", "field": "law", "consented": NOON}
    await rig.service.receive(Act("ben", "mentor", args, by="import"))
    await rig.text(ANA, "how much should i say on my first day")
    await rig.wait(timedelta(minutes=1))
    await rig.text(BEN, "Less than you think. " * 12)
    return rig


def test_the_bill_adds_up_by_month_member_and_request() -> None:
    async def story() -> None:
        rig = await conversation()
        with rig.store.reading() as reader:
            figures = bill(reader, NOON, Rules())
            sent = [text for text in reader.all(OutText) if text.sent is not None]
            assert figures["segments"] == sum(text.segments for text in sent) == sum(figures["months"].values())
            assert figures["months"] == {"2026-03": figures["segments"]}
            assert sum(m["this_month"] for m in figures["members"]) == figures["segments"]
            request = next(iter(reader.all(Request)))
            cost = sum(text.segments for text in sent if text.request)
            assert figures["requests"] == [{"request": request.id, "code": request.code, "segments": cost}]
            ana = next(iter(reader.walk(Member, "phone", ANA)))
            assert figures["members"][0]["member"] == ana.id, "long advice went to her"
            assert (figures["budget"], figures["stage"]) == (None, "free")
            april = bill(reader, NOON + timedelta(days=30), Rules())
            assert (april["segments"], april["members"][0]["this_month"]) == (0, 0)
            assert april["members"][0]["total"] > 0

    asyncio.run(story())


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (0, ["no budget is set", "about 30"]),
        (100, ["of 100 (10%)", "about 30 at the end of the month if it goes on like this\n"]),
        (20, ["more than the budget"]),
        (11, ["budget: courtesies are left out, and one mentor is asked at a time"]),
        (10, ["(100%)", "budget: it is spent"]),
    ],
)
def test_the_table_says_how_far_the_budget_is_and_where_it_will_be(budget: int, words: list[str]) -> None:
    store = MemoryStore()
    spent = [
        Member("m1", BEN, NOON, alias="Ben"),
        Tally("segments:2026-02", {"segments": 2}),
        Tally("segments:2026-03", {"segments": 10}),
        Tally("sent:m1", {"month": "2026-03", "segments": 7, "total": 9, "automatic": []}),
    ]
    asyncio.run(store.transact(None, lambda reader: Changes(spent), now=NOON))
    with store.reading() as reader:
        told = "\n".join(lines(reader, bill(reader, NOON, Rules(monthly_segments=budget))))
    assert all(part in told for part in words), told
    assert "Ben 7 (9)" in told
    assert "months before: 2 in 2026-02" in told
    assert BEN not in told
