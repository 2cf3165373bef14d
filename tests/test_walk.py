"""Random walks keep every promise: numbers, opt-outs, places, timers, outcomes, nights, one text once.

`TEST_WALKS=200` and `TEST_WALK_STEPS=400` ask for more than the few short ones of every run.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from smsmentor.core.events import SendOutcome
from smsmentor.core.model import OutText
from tests.faulty import FaultyRig, MortalGateway
from tests.faulty_walk import FaultyWalk
from tests.rigs import TinyDBRigs, keep_running, knowledge, memory_rig
from tests.walk import START, Walk
from tests.wild_walk import SCENES, WildWalk

WALKS = int(os.environ.get("TEST_WALKS", "12"))
STEPS = int(os.environ.get("TEST_WALK_STEPS", "120"))


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_walk_in_memory_keeps_every_promise(seed: int) -> None:
    async def run() -> None:
        rig = await memory_rig(START, {})
        await Walk(rig, seed, keep_running).run(STEPS)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(1001, 1001 + max(WALKS // 4, 1)))
def test_a_walk_on_tinydb_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    rigs = TinyDBRigs(tmp_path)

    async def run() -> None:
        rig = await rigs.make(START, {})
        await Walk(rig, seed, rigs.restart).run(STEPS // 2)

    asyncio.run(run())


@pytest.mark.parametrize("name", SCENES)
def test_a_wild_walk_shows_nobody_words_of_others_and_leaves_nothing_over(name: str) -> None:
    async def run(seed: int) -> None:
        rig = await memory_rig(START, SCENES[name].settings)
        await WildWalk(rig, seed, keep_running, SCENES[name]).run(STEPS // 3)

    for seed in range(3000, 3000 + max(WALKS // 12, 1)):
        asyncio.run(run(seed))


def walk_with_deaths(folder: Path, seed: int, steps: int) -> FaultyRig:
    rig = FaultyRig(folder / "smsmentor.db", START, knowledge({}))
    try:
        asyncio.run(FaultyWalk(rig, seed, partings=bool(seed % 2)).run(steps))
    finally:
        rig.store.close()
    return rig


@pytest.mark.parametrize("seed", range(2000, 2000 + max(WALKS // 4, 2)))
def test_a_walk_with_sudden_deaths_and_clock_steps_brings_every_thought_once(seed: int, tmp_path: Path) -> None:
    assert walk_with_deaths(tmp_path, seed, STEPS // 3).doom.deaths > 0


def test_the_walk_sees_a_text_that_is_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def surely_not_there(self: MortalGateway, text: OutText) -> SendOutcome:
        return SendOutcome(text.id, "later")

    monkeypatch.setattr(MortalGateway, "look_up", surely_not_there)

    def walk() -> None:
        for seed in range(5):
            walk_with_deaths(tmp_path / str(seed), seed, STEPS // 3)

    with pytest.raises(AssertionError, match=r"(shown|sent) twice[\s\S]*\n# Walk \d+\n@ "):
        walk()
