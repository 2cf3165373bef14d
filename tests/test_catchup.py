"""What the webhook missed is found on the carrier's list and goes through the same door, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smsmentor.app import Carrier
from smsmentor.catchup import CatchUp, in_order
from smsmentor.core.events import Event, Inbound
from smsmentor.core.model import Member, Text
from smsmentor.core.turn import Turn
from smsmentor.errors import SmsmentorError
from smsmentor.ports import Missed, SetClock
from smsmentor.rig import Rig
from smsmentor.settings import load
from smsmentor.stores.memory import MemoryStore
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, BEN = "+12125550101", "+12125550102"


def missed(id: str, sender: str, body: str, minutes: float) -> Missed:
    return Missed(id, sender, body, NOON + timedelta(minutes=minutes))


def play(story: Callable[[Rig], Awaitable[None]]) -> None:
    async def played() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
        await rig.catch_up()
        await story(rig)

    asyncio.run(played())


def kept(rig: Rig) -> list[tuple[str, str]]:
    with rig.store.reading() as reader:
        return [(text.body, text.outcome) for text in reader.all(Text)]


@pytest.mark.parametrize(
    ("came", "order"),
    [
        (["b2", "a1"], ["a1", "b2"]),
        (["question1", "STOP3", "hello2"], ["STOP3", "question1", "hello2"]),
        (["START1", "STOP3", "hello2"], ["START1", "STOP3", "hello2"]),
        (["STOP1", "hello2", "START3"], ["STOP1", "START3", "hello2"]),
    ],
)
def test_opt_outs_and_opt_ins_come_first_and_the_rest_as_it_was_written(came: list[str], order: list[str]) -> None:
    found = [missed(words, ANA, words[:-1], int(words[-1])) for words in came]
    assert [text.id for text in in_order(found, lambda body: body in ("STOP", "START"))] == order


def test_nothing_is_caught_up_from_before_the_service_was_there() -> None:
    async def story() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
        rig.phones.faults.deaf = True
        await rig.text(ANA, "an old text of somebody else's account")
        await rig.wait(timedelta(hours=1))
        await rig.catch_up()
        assert kept(rig) == []

    asyncio.run(story())


def test_an_id_that_came_both_ways_takes_effect_once() -> None:
    async def story(rig: Rig) -> None:
        await rig.text(ANA, "how do i ask for a raise")
        rig.phones.faults.deaf = True
        await rig.text(BEN, "how do i say no to my boss")
        await rig.wait(timedelta(minutes=30))
        await rig.catch_up()
        late = rig.phones.last_inbound
        assert late is not None
        await rig.deliver(late)
        await rig.catch_up()
        assert kept(rig) == [("how do i ask for a raise", "request"), ("how do i say no to my boss", "request")]

    play(story)


def test_what_came_a_moment_ago_is_left_to_the_webhook() -> None:
    async def story(rig: Rig) -> None:
        rig.phones.faults.deaf = True
        await rig.text(ANA, "how do i ask for a raise")
        await rig.wait(timedelta(seconds=30))
        await rig.catch_up()
        assert kept(rig) == []
        await rig.wait(timedelta(minutes=2))
        await rig.catch_up()
        assert kept(rig) == [("how do i ask for a raise", "request")]

    play(story)


def test_a_text_that_we_stumble_over_keeps_no_other_out(caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: Rig) -> None:
        rig.phones.faults.deaf = True
        for body in ("how do i ask for a raise", "half a character: \ud83d", "and for a better title"):
            await rig.text(ANA, body)
        await rig.wait(timedelta(minutes=30))
        take = rig.service.receive

        async def stumbles(event: Event) -> Turn | None:
            if isinstance(event, Inbound):
                event.body.encode()
            return await take(event)

        rig.service.receive = stumbles  # type: ignore[method-assign]
        await rig.catch_up()
        assert [body for body, _ in kept(rig)] == ["how do i ask for a raise", "and for a better title"]

    play(story)
    assert "could not be taken in" in caplog.text


def test_a_list_that_cannot_be_read_is_read_from_the_same_moment_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(rig: Rig) -> None:
        asked: list[datetime] = []
        readable = rig.phones.missed

        async def broken(since: datetime) -> Sequence[Missed]:
            asked.append(since)
            raise SmsmentorError("The carrier's list cannot be read: HTTP 503.")

        rig.phones.faults.deaf = True
        await rig.text(ANA, "how do i ask for a raise")
        await rig.wait(timedelta(days=3))
        catch_up = CatchUp(rig.service, rig.phones)
        rig.phones.missed = broken  # type: ignore[method-assign]
        assert await catch_up.run() == 0
        assert await catch_up.run() == 0
        assert asked == [NOON - timedelta(days=1)] * 2
        rig.phones.missed = readable  # type: ignore[method-assign]
        assert await catch_up.run() == 1

    with caplog.at_level(logging.WARNING):
        play(story)
    assert "HTTP 503" in caplog.text


def test_after_a_very_long_time_the_list_is_read_for_a_month_only() -> None:
    async def story(rig: Rig) -> None:
        asked: list[datetime] = []

        async def listed(since: datetime) -> Sequence[Missed]:
            asked.append(since)
            return ()

        rig.phones.missed = listed  # type: ignore[method-assign]
        rig.clock.move(NOON + timedelta(days=400))
        await CatchUp(rig.service, rig.phones).run()
        assert asked == [NOON + timedelta(days=370)]

    play(story)


def test_an_old_text_is_answered_as_an_old_one_and_never_in_the_night() -> None:
    async def story(rig: Rig) -> None:
        rig.phones.faults.deaf = True
        await rig.wait(timedelta(hours=7))
        await rig.text(ANA, "MENU")
        await rig.wait(timedelta(hours=4))
        await rig.catch_up()
        assert [b.direction for b in rig.phones.threads[ANA]] == ["in"]
        await rig.wait(timedelta(hours=10))
        answer = rig.phones.threads[ANA][-1]
        assert answer.direction == "out"
        assert answer.body.endswith("(To your text of 4 h ago.)")
        assert answer.at == datetime(2026, 3, 4, 13, 0, tzinfo=UTC)

    play(story)


def test_a_start_that_was_answered_live_is_not_undone_by_an_older_stop() -> None:
    async def story(rig: Rig) -> None:
        rig.phones.faults.deaf = True
        await rig.text(ANA, "STOP")
        rig.phones.faults.deaf = False
        await rig.wait(timedelta(minutes=10))
        await rig.text(ANA, "hello again and thanks")
        rig.phones.faults.deaf = True
        await rig.text(ANA, "START")
        await rig.wait(timedelta(minutes=10))
        await rig.catch_up()
        with rig.store.reading() as reader:
            assert [m.state for m in reader.all(Member)] == ["active"]

    play(story)


@pytest.mark.parametrize(
    ("live", "late", "state", "outcome"),
    [
        ("STOP10 START20", "STOP15", "active", "ignored"),
        ("STOP10 START20", "STOP25", "opted_out", "command"),
        ("START10 STOP20", "START15", "opted_out", "ignored"),
        ("START10 STOP20", "START25", "active", "command"),
        ("STOP10 START20", "MENU15", "active", "command"),
        ("STOP10 START20", "MENU05", "active", "command"),
        ("MENU20", "STOP15", "opted_out", "command"),
    ],
)
def test_of_stop_and_start_the_later_one_counts_whichever_comes_first(
    live: str, late: str, state: str, outcome: str
) -> None:
    def read(given: str) -> tuple[str, timedelta]:
        return given[:-2], timedelta(minutes=int(given[-2:]))

    async def story(rig: Rig) -> None:
        await rig.text(ANA, "how do i ask for a raise")
        for word, after in map(read, live.split()):
            rig.clock.move(NOON + after)
            await rig.text(ANA, word)
        await rig.wait(timedelta(minutes=30))
        word, after = read(late)
        await rig.deliver(Inbound("SM-late", ANA, word, NOON + after))
        with rig.store.reading() as reader:
            assert [m.state for m in reader.all(Member)] == [state]
            assert [text.outcome for text in reader.all(Text) if text.id == "SM-late"] == [outcome]

    play(story)


def test_the_same_words_from_hours_ago_are_no_double_of_those_just_now() -> None:
    async def story(rig: Rig) -> None:
        await rig.text(ANA, "MENU")
        await rig.deliver(Inbound("SM-old", ANA, "MENU", NOON - timedelta(hours=3)))
        assert [outcome for _, outcome in kept(rig)] == ["command", "command"]
        with rig.store.reading() as reader:
            assert next(iter(reader.all(Member))).last_text_at == NOON

    play(story)


def test_it_looks_at_start_and_then_now_and_again_whatever_goes_wrong() -> None:
    async def story(rig: Rig) -> None:
        looks = 0
        rests: list[float] = []

        async def listed(since: datetime) -> Sequence[Missed]:
            nonlocal looks
            looks += 1
            raise SmsmentorError("not now")

        async def sleep(seconds: float) -> None:
            rests.append(seconds)

        rig.phones.missed = listed  # type: ignore[method-assign]
        await CatchUp(rig.service, rig.phones).forever(sleep, lambda: len(rests) == 3)
        assert (looks, rests) == (3, [30.0, 60.0, 120.0])

    play(story)


def test_after_a_list_that_was_read_it_rests_for_a_quarter_of_an_hour() -> None:
    async def story(rig: Rig) -> None:
        rests: list[float] = []

        async def sleep(seconds: float) -> None:
            rests.append(seconds)

        await CatchUp(rig.service, rig.phones).forever(sleep, lambda: len(rests) == 2)
        assert rests == [900.0, 900.0]

    play(story)


def test_timers_of_a_server_wait_for_what_was_texted_while_it_was_down_or_asleep(tmp_path: Path) -> None:
    account = {"twilio_account_sid": f"AC{0:032x}", "twilio_auth_token": "t" * 32, "twilio_numbers": "+12025550110"}
    set_ = {"data": str(tmp_path), "public_url": "https://sms.example.org", **account}
    settings = load(environ={f"SMSMENTOR_{name.upper()}": value for name, value in set_.items()})
    clock = SetClock(NOON)
    with closing(TinyDBStore(tmp_path / "smsmentor.db")) as store:
        carrier = Carrier(settings, store, clock, knowledge({}))
        store.next_moment = lambda: NOON  # type: ignore[method-assign]
        assert carrier.ticker.next_moment() is None
        for minute in (1, 2):
            clock.move(NOON + timedelta(minutes=minute))
            carrier.ticker.next_moment()
        assert carrier.ticker.next_moment() == NOON  # the list cannot be had: what is due goes on
        assert not carrier.woken.is_set()
        carrier.catch_up.looked = clock.now()
        clock.move(NOON + timedelta(hours=9))  # the machine slept
        assert carrier.ticker.next_moment() is None
        assert carrier.woken.is_set()
        carrier.catch_up.looked = clock.now()
        assert carrier.ticker.next_moment() == NOON
