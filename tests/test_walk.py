"""Random walks keep every promise: numbers, opt-outs, places, timers, outcomes, nights, one text once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.rigs import TinyDBRigs, keep_running, memory_rig
from tests.walk import START, Walk

WALKS = int(os.environ.get("TEST_WALKS", "12"))
STEPS = int(os.environ.get("TEST_WALK_STEPS", "120"))


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_walk_in_memory_keeps_every_promise(seed: int) -> None:
    async def run() -> None:
        rig = await memory_rig(START, {})
        await Walk(rig, seed, keep_running).run(STEPS)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(1000, 1000 + max(WALKS // 4, 1)))
def test_a_walk_on_tinydb_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    rigs = TinyDBRigs(tmp_path)

    async def run() -> None:
        rig = await rigs.make(START, {})
        await Walk(rig, seed, rigs.restart).run(STEPS // 2)

    asyncio.run(run())
