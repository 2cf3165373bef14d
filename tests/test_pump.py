"""What keeps outbox and ticker going: it goes on after a fault, and stops without cutting off what is in hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsmentor.errors import StoreBusy
from smsmentor.ports import SetClock
from smsmentor.pump import LOOK_SECONDS, Pump

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await main

    asyncio.run(bounded())


class Work:
    """Work that is counted, and can fail or take long."""

    def __init__(self) -> None:
        self.times = 0
        self.fault: Exception | None = None
        self.done = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def do(self) -> None:
        self.times += 1
        self.done.set()
        await self.may_end.wait()
        if self.fault is not None:
            raise self.fault


def test_it_works_when_something_is_due_and_when_it_is_woken() -> None:
    async def main() -> None:
        work, clock, due = Work(), SetClock(NOW), [NOW + timedelta(hours=1)]
        pump = Pump("outbox", clock, lambda: due[0], work.do)
        pump.start()
        while pump.looked is None:
            await asyncio.sleep(0)
        assert work.times == 0
        due[0] = NOW
        pump.wake()
        await work.done.wait()
        assert await pump.stop(120)

    run(main())


def test_what_is_due_after_its_rest_does_not_wake_it() -> None:
    async def main() -> None:
        work, looks, due = Work(), [0], [NOW + timedelta(hours=1)]

        def next_moment() -> datetime:
            looks[0] += 1
            return due[0]

        pump = Pump("ticker", SetClock(NOW), next_moment, work.do)
        pump.start()
        while pump.looked is None:
            await asyncio.sleep(0)
        for moment in (None, NOW + timedelta(hours=2), NOW + timedelta(seconds=LOOK_SECONDS)):
            pump.wake_by(moment)
            await asyncio.sleep(0)
        assert looks == [1]
        due[0] = NOW
        pump.wake_by(NOW)
        await work.done.wait()
        assert await pump.stop(120)

    run(main())


def test_a_fault_is_logged_without_ending_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        work = Work()
        work.fault = StoreBusy("another process holds the store")
        pump = Pump("outbox", SetClock(NOW), lambda: NOW, work.do)
        pump.start()
        await work.done.wait()
        work.done.clear()
        work.fault = None
        pump.wake()
        await work.done.wait()
        assert await pump.stop(120)
        assert pump.looked == NOW

    with caplog.at_level(logging.ERROR, "smsmentor"):
        run(main())
    assert [record.getMessage() for record in caplog.records] == ["The outbox failed and will try again"]


def test_a_stop_waits_for_the_work_in_hand() -> None:
    async def main() -> None:
        work = Work()
        work.may_end.clear()
        pump = Pump("outbox", SetClock(NOW), lambda: NOW, work.do)
        pump.start()
        await work.done.wait()
        stopping = asyncio.ensure_future(pump.stop(120))
        await asyncio.sleep(0)
        assert not stopping.done()
        work.may_end.set()
        assert await stopping is True
        assert work.times == 1

    run(main())


def test_a_stop_cuts_off_what_takes_longer_than_the_grace_period() -> None:
    async def main() -> None:
        work = Work()
        work.may_end.clear()
        pump = Pump("outbox", SetClock(NOW), lambda: NOW, work.do)
        pump.start()
        await work.done.wait()
        assert await pump.stop(0) is False

    run(main())
