"""Whatever happens between receiving and settling: nothing acknowledged is lost, nothing comes twice, accounts add up.

`TEST_FAULTS=1000` asks for more random runs than the few that every run of the tests makes.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from smsmentor.core.events import Act
from smsmentor.core.model import Fact, OutText, Request
from smsmentor.stores.tinydb import TinyDBStore
from tests.faulty import POINTS, FaultyRig, dies_at, dies_now_and_then
from tests.rigs import knowledge

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ANA, EVE, BEN, CAM, DEE = (f"+1212555{number:04d}" for number in range(101, 106))
RUNS = int(os.environ.get("TEST_FAULTS", "20"))
Main = Callable[[FaultyRig], Coroutine[Any, Any, None]]


async def cast(rig: FaultyRig) -> None:
    for phone, field in ((BEN, "finance"), (CAM, "law"), (DEE, "nursing")):
        args = {"phone": phone, "alias": field.title(), "field": field, "consented": START, "zone": "America/New_York"}
        act = Act(f"cast:{phone}", "mentor", args, by="import")
        await rig.live(partial(rig.receive, act))


async def an_evening(rig: FaultyRig) -> None:
    """A question with several answers, another one beside it, a conversation, and the end."""
    await cast(rig)
    await rig.say((ANA, "my boss takes credit for my reports. do i say something?"))
    await rig.pass_by(timedelta(minutes=2))
    await rig.say((EVE, "how do i ask for more pay without a fight"), (BEN, "say it the same day, in one sentence"))
    await rig.pass_by(timedelta(minutes=20))
    await rig.say((ANA, "thank you, and in front of others?"), (CAM, "I would write it down first"), (DEE, "PASS"))
    await rig.pass_by(timedelta(hours=3))
    await rig.say((ANA, "DONE"), (EVE, "STOP"))
    await rig.pass_by(timedelta(minutes=5))
    await rig.say((ANA, "4"))
    await rig.pass_by(timedelta(days=2))


def play(folder: Path, main: Main) -> FaultyRig:
    """Run it on a new file, look at the accounts, and once more after the file was opened anew."""
    rig = FaultyRig(folder / "smsmentor.db", START, knowledge({}))

    async def run() -> None:
        try:
            await main(rig)
            rig.doom.wanted = lambda point, total: False
            await rig.pass_by(timedelta(days=3))
            rig.look()
            rig.restart()
            rig.look()
        finally:
            rig.store.close()

    asyncio.run(run())
    with closing(TinyDBStore(rig.path)) as store:
        store.check()
    return rig


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> FaultyRig:
    return play(tmp_path_factory.mktemp("undisturbed"), an_evening)


def test_the_evening_reaches_every_point_but_the_look_up(undisturbed: FaultyRig) -> None:
    assert undisturbed.doom.deaths == 0
    assert set(POINTS) - set(undisturbed.doom.reached) == {"before-look-up"}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("point", [point for point in POINTS if point != "before-look-up"])
def test_after_a_death_at_any_point_everybody_has_heard_the_same(
    tmp_path: Path, undisturbed: FaultyRig, point: str, count: int
) -> None:
    async def main(rig: FaultyRig) -> None:
        rig.doom.wanted = dies_at(point, count)
        await an_evening(rig)

    rig = play(tmp_path, main)
    assert rig.doom.deaths == 1
    assert rig.heard().keys() == undisturbed.heard().keys()
    for phone, texts in undisturbed.heard().items():
        assert sorted(rig.heard()[phone]) == sorted(texts)


def test_a_death_while_a_lost_answer_is_looked_up_sends_nothing_twice(tmp_path: Path) -> None:
    async def main(rig: FaultyRig) -> None:
        rig.phones.faults.hanging = True
        await rig.say((ANA, "my boss takes credit for my reports. do i say something?"))
        rig.phones.faults.hanging = False
        rig.doom.wanted = dies_at("before-look-up", 1)
        await rig.pass_by(timedelta(hours=1))
        assert rig.doom.deaths == 1

    play(tmp_path, main)


@pytest.mark.parametrize("seed", range(RUNS))
def test_random_deaths_over_an_evening(tmp_path: Path, seed: int) -> None:
    async def main(rig: FaultyRig) -> None:
        dice = random.Random(seed)
        rig.doom.wanted = dies_now_and_then(dice, dice.choice((8, 20, 60)))
        rig.phones.faults.twice = dice.random() < 0.3
        await an_evening(rig)

    rig = play(tmp_path, main)
    assert rig.doom.deaths > 0


@contextmanager
def a_full_disk(size: int) -> Iterator[None]:
    """Writes past this size fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 3_000, 9_000, 20_000, 45_000])
def test_a_full_disk_refuses_and_room_lets_everything_go_on(tmp_path: Path, room: int) -> None:
    async def main(rig: FaultyRig) -> None:
        await cast(rig)
        log = rig.path.with_name(rig.path.name + "-wal")
        for number in range(3):
            with a_full_disk(log.stat().st_size + room):
                await rig.say(
                    (ANA, f"my boss takes credit for my reports. do i say something? {number}"),
                    (EVE, f"how do i ask for more pay without a fight {number}"),
                    (BEN, f"say it the same day {number}"),
                )
                if room == 0:
                    assert len(rig.waiting) == 3
            await rig.pass_by(timedelta(hours=2))
            assert rig.waiting == []

    play(tmp_path, main)


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "forward"])
@pytest.mark.parametrize("when", range(5))
def test_a_clock_that_steps_by_an_hour_loses_and_doubles_nothing(tmp_path: Path, step: timedelta, when: int) -> None:
    async def main(rig: FaultyRig) -> None:
        says = [
            ((ANA, "my boss takes credit for my reports. do i say something?"),),
            ((BEN, "say it the same day, in one sentence"), (EVE, "how do i ask for more pay without a fight")),
            ((ANA, "thank you, and in front of others?"), (CAM, "I would write it down first")),
            ((ANA, "DONE"),),
        ]
        await cast(rig)
        for number, said in enumerate(says):
            if number == when:
                rig.clock.move(rig.clock.now() + step)
            await rig.say(*said)
            await rig.pass_by(timedelta(minutes=3))
        if when == len(says):
            rig.clock.move(rig.clock.now() + step)
        await rig.pass_by(timedelta(days=2))
        with rig.store.reading() as reader:
            assert {request.status for request in reader.all(Request)} == {"closed"}
        assert len(rig.heard()[ANA]) >= 4

    play(tmp_path, main)


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "forward"])
def test_a_clock_that_steps_while_a_text_is_out_sends_it_once(tmp_path: Path, step: timedelta) -> None:
    async def main(rig: FaultyRig) -> None:
        rig.doom.wanted = dies_at("after-send", 1)
        rig.waiting += rig.phones.text(ANA, "my boss takes credit for my reports. do i say something?")
        await rig.service.receive(rig.waiting.pop())
        with pytest.raises(Exception, match="after-send"):
            await rig.settle()
        rig.restart()
        rig.clock.move(rig.clock.now() + step)
        await rig.pass_by(timedelta(hours=3))

    play(tmp_path, main)


def test_a_carrier_that_is_away_for_a_day_gets_every_text_that_is_still_worth_it(tmp_path: Path) -> None:
    async def main(rig: FaultyRig) -> None:
        await cast(rig)
        await rig.say((ANA, "my boss takes credit for my reports. do i say something?"))
        await rig.pass_by(timedelta(minutes=2))
        rig.phones.faults.down = True
        await rig.say((BEN, "say it the same day, in one sentence"))
        await rig.pass_by(timedelta(hours=24))
        rig.phones.faults.down = False
        await rig.pass_by(timedelta(days=1))
        assert any("say it the same day" in body for body in rig.heard()[ANA])
        with rig.store.reading() as reader:
            failed = [row.text_id for row in reader.all(OutText) if row.status == "failed"]
            told = [fact for fact in reader.all(Fact) if fact.fact == "delivery.failed"]
        assert len(failed) == len(told)

    play(tmp_path, main)
