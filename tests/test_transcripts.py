"""Every story in `tests/transcripts` plays the same on every rig, and what people receive is exactly what it says."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import responses

from smsmentor.core.commands.table import TABLE
from smsmentor.core.model import Fact, Prompt
from smsmentor.ports import Reader, SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from smsmentor.story import StoryResult, play_file
from tests.rigs import HttpRig, TinyDBRigs, keep_running, knowledge, memory_rig

STORIES = sorted((Path(__file__).parent / "transcripts").glob("*.sms"))
NEEDS_A_LOOK_UP = "gateway hanging"
"""A look-up at the carrier waits for its list to settle there: `tests/contract` holds that against the real client."""


def by_name(path: Path) -> str:
    return path.stem


def judge(path: Path, result: StoryResult, rewrite: bool = False) -> None:
    if rewrite:
        path.write_text(result.rewritten, encoding="utf-8")
    elif result.difference:
        pytest.fail(f"\n{result.difference}", pytrace=False)


@pytest.mark.parametrize("path", STORIES, ids=by_name)
def test_story_in_memory(path: Path, request: pytest.FixtureRequest) -> None:
    rigs: list[Rig] = []

    async def make(start: datetime, settings: dict[str, str]) -> Rig:
        rigs.append(await memory_rig(start, settings))
        return rigs[-1]

    result = asyncio.run(play_file(path, make, keep_running))
    judge(path, result, rewrite=bool(request.config.getoption("--rewrite")))
    for rig in rigs:
        with rig.store.reading() as reader:
            assert_that_held_texts_add_up(reader)


def assert_that_held_texts_add_up(reader: Reader) -> None:
    """Whatever was held is placed once, or kept still."""
    held = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.held")
    placed = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.placed")
    kept = Counter(prompt.text_id for prompt in reader.all(Prompt) if prompt.text_id and prompt.text)
    assert held == placed + kept


@pytest.mark.parametrize("path", STORIES, ids=by_name)
def test_story_on_tinydb_reopened_after_each_line(path: Path, tmp_path: Path) -> None:
    rigs = TinyDBRigs(tmp_path)

    async def run() -> StoryResult:
        return await play_file(path, rigs.make, rigs.restart, restless=True)

    judge(path, asyncio.run(run()))


@pytest.mark.parametrize(
    "path", [p for p in STORIES if NEEDS_A_LOOK_UP not in p.read_text(encoding="utf-8")], ids=by_name
)
def test_story_through_signed_webhooks_and_the_carriers_client(path: Path) -> None:
    rigs: list[HttpRig] = []

    async def make(start: datetime, settings: dict[str, str]) -> Rig:
        rigs.append(HttpRig(MemoryStore(), SetClock(start), knowledge(settings), mock))
        return rigs[-1]

    async def run() -> StoryResult:
        try:
            return await play_file(path, make, keep_running)
        finally:
            for rig in rigs:
                await rig.close()

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        judge(path, asyncio.run(run()))


def test_every_command_has_a_story() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in STORIES).casefold()
    missing = [name for name in TABLE if f"> {name}" not in told and f" {name}\n" not in told]
    assert not missing, f"no story for {', '.join(missing)}"
