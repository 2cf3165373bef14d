"""What texts cost, and what is left out when the month's budget runs low."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smsmentor.core.budget import Stage, forecast, month_of, spent, stage_of, wave_size
from smsmentor.core.events import Act
from smsmentor.core.kinds import COURTESIES, CRISIS, RELAYED
from smsmentor.core.model import Fact, Member, OutText, Request
from smsmentor.core.money import spent_on_member, spent_on_request
from smsmentor.core.rules import Rules
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import base_knowledge, knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, BEN, OPA = "+12125550101", "+12125550102", "+12125550103"


@pytest.mark.parametrize(
    ("used", "budget", "stage"),
    [
        (10**9, 0, Stage.FREE),
        (0, 100, Stage.FREE),
        (79, 100, Stage.FREE),
        (80, 100, Stage.COURTESIES_GO),
        (89, 100, Stage.COURTESIES_GO),
        (90, 100, Stage.WAVES_SHRINK),
        (99, 100, Stage.WAVES_SHRINK),
        (100, 100, Stage.SPENT),
        (250, 100, Stage.SPENT),
    ],
)
def test_the_budget_degrades_in_this_order(used: int, budget: int, stage: Stage) -> None:
    assert stage_of(used, budget) == stage


@pytest.mark.parametrize(
    ("now", "used", "expected"),
    [
        (datetime(2026, 3, 2, 12, tzinfo=UTC), 50, None),
        (datetime(2026, 3, 11, 4, tzinfo=UTC), 100, 310),
        (datetime(2026, 2, 15, 5, tzinfo=UTC), 140, 280),
        (datetime(2026, 4, 1, 3, tzinfo=UTC), 310, 311),
    ],
)
def test_the_forecast_goes_on_as_the_month_began(now: datetime, used: int, expected: int | None) -> None:
    found = forecast(used, now, "America/New_York")
    assert found == expected or (found is not None and expected is not None and abs(found - expected) <= 1)


def test_a_month_is_the_services_own() -> None:
    assert month_of(datetime(2026, 4, 1, 3, 59, tzinfo=UTC), "America/New_York") == "2026-03"
    assert month_of(datetime(2026, 4, 1, 4, 0, tzinfo=UTC), "America/New_York") == "2026-04"


def test_answers_safety_and_opt_outs_are_no_courtesies() -> None:
    every = set(base_knowledge().words.text_ids("en"))
    needed = [
        name
        for name in every
        if name.partition(".")[0] in ("advice", "crisis", "carrier", "offer", "screen", "op", "ask", "request", "hold")
    ]
    assert needed
    assert set(needed) & COURTESIES == {"offer.filled", "offer.no_longer"}
    assert not RELAYED & COURTESIES
    assert every >= RELAYED | COURTESIES
    assert {id for id in every if id.startswith(("crisis.", "op.crisis"))} == CRISIS


async def rig_of(**settings: str) -> Rig:
    rig = Rig(MemoryStore(), SetClock(NOON), knowledge(settings))
    await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
    args = {"phone": BEN, "alias": "Ben", "field": "law", "consented": NOON}
    await rig.service.receive(Act("ben", "mentor", args, by="import"))
    return rig


def test_segments_are_counted_by_member_request_and_month() -> None:
    async def story() -> None:
        rig = await rig_of()
        await rig.text(ANA, "how much should i say on my first day")
        await rig.wait(timedelta(minutes=1))
        await rig.text(BEN, "Less than you think. " * 12)
        with rig.store.reading() as reader:
            texts = list(reader.all(OutText))
            ana = next(iter(reader.walk(Member, "phone", ANA)))
            request = next(iter(reader.all(Request)))
            own = sum(t.segments for t in texts if t.member == ana.id)
            assert own > 2
            assert spent_on_member(reader, ana.id, "2026-03") == (own, own)
            assert spent_on_member(reader, ana.id, "2026-04") == (0, own)
            assert spent_on_request(reader, request.id) == sum(t.segments for t in texts if t.request)
            assert spent(reader, "2026-03") == sum(t.segments for t in texts)

    asyncio.run(story())


def test_each_stage_is_told_to_operators_once_and_advice_still_goes() -> None:
    async def story() -> None:
        rig = await rig_of(monthly_segments="4")
        await rig.text(ANA, "how much should i say on my first day")
        await rig.wait(timedelta(minutes=1))
        for words in ("less than you think", "and ask a lot", "then listen"):
            await rig.text(BEN, words)
            await rig.wait(timedelta(minutes=2))
        with rig.store.reading() as reader:
            reached = [f.data["stage"] for f in reader.all(Fact) if f.fact == "budget.reached"]
        assert reached == sorted(set(reached), key=reached.index)
        assert reached[-1] == "spent"
        told = [b.text_id for b in rig.phones.threads[OPA]]
        assert told == ["op.budget"] * len(reached)
        heard = [b.text_id for b in rig.phones.threads[ANA] if b.direction == "out"]
        assert heard == ["ask.got", "advice.first", "advice.more", "advice.more"]

    asyncio.run(story())


def test_waves_shrink_to_one_when_the_budget_runs_low() -> None:
    async def story() -> None:
        rig = await rig_of(monthly_segments="2")
        with rig.store.reading() as reader:
            assert wave_size(reader, NOON, rig.knowledge.rules, 3) == 3
        await rig.text(ANA, "how much should i say on my first day")
        await rig.wait(timedelta(minutes=1))
        with rig.store.reading() as reader:
            assert wave_size(reader, NOON, rig.knowledge.rules, 3) == 1
            assert wave_size(reader, NOON, rig.knowledge.rules, 0) == 0
            assert wave_size(reader, NOON, replace(Rules(), monthly_segments=0), 3) == 3

    asyncio.run(story())


def test_one_mentor_is_asked_where_otherwise_three_would_be() -> None:
    async def offers(**settings: str) -> int:
        rig = await rig_of(**settings)
        for number in range(4, 9):
            args = {"phone": f"+1212555010{number}", "alias": f"M{number}", "field": "law", "consented": NOON}
            await rig.service.receive(Act(f"m{number}", "mentor", args, by="import"))
        await rig.text(ANA, "how much should i say on my first day")
        await rig.wait(timedelta(seconds=35))
        return len([b for thread in rig.phones.threads.values() for b in thread if b.text_id == "offer.new"])

    async def story() -> None:
        assert await offers() > 1
        assert await offers(monthly_segments="1") == 1

    asyncio.run(story())
