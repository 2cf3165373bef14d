"""What becomes of texts on their way: limits of the carrier, phones that cannot be reached, reports, offers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from smsmentor.core import money
from smsmentor.core.events import Act, Inbound, Receipt, SendOutcome
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Offer, OutText, Tally
from smsmentor.ports import Changes, SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from smsmentor.ticker import fire_due
from tests.rigs import knowledge
from tests.sending import ANA, BEN, NOON, House, Scripted, answer, play


def test_a_reply_that_could_not_leave_waits_for_the_morning_once_its_receiver_sleeps() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later", 30023)]}
        await house.put("a1")
        await house.pass_time(timedelta(days=1))
        assert house.texts()["a1"].sent == datetime(2026, 3, 4, 13, 0, tzinfo=UTC)  # 8:00 in New York, not 3:00

    play(story)


def test_a_daily_cap_at_the_carrier_is_waited_out_until_its_midnight() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later", 30023)]}
        await house.put("a1", text_id="crisis.contacts")  # no night holds it up
        await house.pass_time(timedelta(days=1))
        assert house.texts()["a1"].sent == datetime(2026, 3, 4, 8, 0, tzinfo=UTC)

    play(story)


def test_the_days_segments_are_counted_and_the_last_part_is_kept_for_answers() -> None:
    async def story(house: House) -> None:
        for number in range(12):
            await house.put(f"b{number}", to=f"+12125550{110 + number}", direct=False)
        await house.put("long answer", segments=2)
        await house.outbox.drain()
        assert sorted(house.gateway.sent) == sorted(["long answer", *(f"b{n}" for n in range(7))])
        await house.put("answer", to=BEN)
        await house.pass_time(timedelta(hours=14))  # an hour before midnight in Los Angeles
        assert house.gateway.sent[8:] == ["answer"]
        await house.pass_time(timedelta(hours=7))
        assert len(house.gateway.sent) == 14
        assert {text.sent for text in house.rows() if text.sent} == {NOON, datetime(2026, 3, 4, 13, 0, tzinfo=UTC)}

    play(story, daily_segments="10")


def test_what_a_member_has_cost_is_counted_by_the_month_and_automatic_texts_for_an_hour() -> None:
    async def story(house: House) -> None:
        for number, days in enumerate((0, 0, 29)):  # the third of March, twice, and the first of April
            house.clock.move(NOON + timedelta(days=days, hours=2 * number))
            await house.put(f"a{number}", segments=2, direct=False)
            await house.outbox.drain()
        with house.store.reading() as reader:
            assert money.spent_on_member(reader, f"m{ANA}", "2026-04") == (2, 6)
            assert money.spent_on_member(reader, f"m{ANA}", "2026-05") == (0, 6)
            assert money.spent_on_member(reader, f"m{BEN}", "2026-04") == (0, 0)
            kept = reader.get(Tally, f"sent:m{ANA}")
            assert kept is not None
            assert len(kept.values["automatic"]) == 1

    play(story)


@pytest.mark.parametrize("code", [21614, 21211, 30006, 21612])
def test_a_number_that_cannot_be_texted_is_parked_with_the_code(code: int) -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("refused", code)]}
        await house.put("a1", "a2", "a3")
        await house.pass_time(timedelta(hours=1))
        assert house.gateway.sent == ["a1"]
        assert house.statuses() == {"failed": 1, "dropped": 2}
        with house.store.reading() as reader:
            member = next(iter(reader.walk(Member, "phone", ANA)))
        assert (member.state, member.parked) == ("suspended", code)

    play(story)


def test_an_opt_out_at_the_carrier_is_one_here_in_an_answer_and_in_a_late_report() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("refused", 21610)]}
        await house.put("a1", "a2")
        await house.put("b1", to=BEN)
        await house.outbox.drain()
        await house.put("b2", to=BEN)
        await house.service.receive(Receipt("SM-2", "failed", 21610))
        await house.outbox.drain()
        assert sorted(house.gateway.sent) == ["a1", "b1"]
        with house.store.reading() as reader:
            assert [m.state for m in reader.all(Member)] == ["opted_out", "opted_out"]

    play(story)


def test_where_the_carrier_does_not_confirm_an_opt_out_we_do_once_at_any_hour() -> None:
    async def story(house: House) -> None:
        house.service.knowledge = dataclasses.replace(house.service.knowledge, confirms_stop=True)
        house.clock.move(NOON + timedelta(hours=11))
        await house.put("a1")
        for number in range(2):
            await house.service.receive(Inbound(f"in{number}", ANA, "STOP", house.clock.now()))
            await house.outbox.drain()
        (said,) = house.gateway.sent
        assert said == "Peer Line: you will get no more texts from us. START brings you back."
        (confirmed,) = (text for text in house.rows() if text.farewell)
        assert (confirmed.status, confirmed.body, confirmed.phone) == ("sent", "", ""), "nothing of a farewell stays"

    play(story)


def test_stop_and_start_in_turns_are_kept_each_time_and_confirmed_three_times_an_hour() -> None:
    async def story(house: House) -> None:
        house.service.knowledge = dataclasses.replace(house.service.knowledge, confirms_stop=True)
        await house.put("a1")
        for number in range(6):
            for word, state in (("START", "active"), ("STOP", "opted_out")):
                house.clock.move(house.clock.now() + timedelta(minutes=1))
                await house.service.receive(Inbound(f"{word}{number}", ANA, word, house.clock.now()))
                await house.outbox.drain()
                with house.store.reading() as reader:
                    assert [m.state for m in reader.walk(Member, "phone", ANA)] == [state]
        assert len([body for body in house.gateway.sent if "no more texts" in body]) == 3
        assert len([body for body in house.gateway.sent if "welcome back" in body]) == 3

    play(story)


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        ("off off off off", "suspended"),
        ("off off off", "active"),
        ("off off delivered off off", "active"),
        ("off off texts off off", "active"),
        ("off off texts off off off off", "suspended"),
    ],
)
@pytest.mark.parametrize("hours", [30, 6])
def test_a_phone_is_given_up_after_a_run_of_days_out_of_reach(happens: str, state: str, hours: int) -> None:
    async def story(house: House) -> None:
        for number, what in enumerate(happens.split()):
            house.clock.move(house.clock.now() + timedelta(hours=hours))
            if what == "texts":
                await house.service.receive(Inbound(f"in{number}", ANA, "hello there", house.clock.now()))
                await house.outbox.drain()
                continue
            await house.put(f"a{number}")
            await house.outbox.drain()
            sent = house.texts()[f"a{number}"].provider_id
            await house.service.receive(
                Receipt(sent, "delivered") if what == "delivered" else Receipt(sent, "undelivered", 30003)
            )
            await house.forget_waiting()
        with house.store.reading() as reader:
            (ana,) = reader.all(Member)
        assert ana.state == (state if hours == 30 else "active")

    play(story)


def test_texts_that_fail_for_what_they_say_are_no_sign_that_a_phone_is_off() -> None:
    async def story(house: House) -> None:
        for number in range(6):
            house.clock.move(house.clock.now() + timedelta(hours=30))
            await house.put(f"a{number}")
            await house.outbox.drain()
            await house.service.receive(Receipt(house.texts()[f"a{number}"].provider_id, "undelivered", 30007))
        with house.store.reading() as reader:
            assert next(reader.walk(Member, "phone", ANA)).state == "active"

    play(story, quiet_from="00:00", quiet_until="00:00", filtered_alarm="0")


def test_filtered_texts_are_counted_by_the_day_and_told_once_a_day() -> None:
    async def story(house: House) -> None:
        told: list[list[int]] = []
        for day, many in enumerate((2, 2, 4, 3)):
            before = len(house.facts("sending.filtered"))
            for number in range(many):
                await house.put(f"a{day}{number}", to=f"+12125550{110 + number}")
                await house.outbox.drain()
                sent = house.texts()[f"a{day}{number}"].provider_id
                await house.service.receive(Receipt(sent, "undelivered", 30007))
            told.append([fact.data["filtered"] for fact in house.facts("sending.filtered")[before:]])
            assert {fact.data["sent"] for fact in house.facts("sending.filtered")} <= {3}
            house.clock.move(house.clock.now() + timedelta(days=1))
        assert told == [[], [], [3], [3]]

    play(story, filtered_alarm="3")


def test_a_few_failures_are_no_phone_that_is_off_however_far_apart_they_are() -> None:
    async def story(house: House) -> None:
        for number in range(3):
            house.clock.move(house.clock.now() + timedelta(days=2))
            await house.put(f"a{number}")
            await house.outbox.drain()
            await house.service.receive(Receipt(house.texts()[f"a{number}"].provider_id, "undelivered", 30003))
            await house.forget_waiting()
        with house.store.reading() as reader:
            assert next(reader.walk(Member, "phone", ANA)).state == "active"

    play(story)


# Reports


REPORTS: Iterable[tuple[list[tuple[str, int]], str, str]] = [
    ([("delivered", 0)], "delivered", "delivered"),
    ([("delivered", 0), ("sent", 0), ("queued", 0)], "delivered", "delivered"),
    ([("sent", 0), ("delivered", 0), ("delivered", 0)], "delivered", "delivered"),
    ([("delivered", 0), ("undelivered", 30008)], "delivered", "delivered"),
    ([("a new status", 0), ("delivered", 0)], "delivered", "delivered"),
    ([("failed", 30007), ("sent", 0)], "failed", "failed"),
    ([("read", 0), ("delivered", 0)], "delivered", "read"),
]


@pytest.mark.parametrize(("reports", "status", "report"), REPORTS)
@pytest.mark.parametrize("early", [False, True], ids=["after the answer", "before the answer"])
def test_reports_move_a_text_forward_only(
    reports: list[tuple[str, int]], status: str, report: str, early: bool
) -> None:
    async def story(house: House) -> None:
        await house.put("a1")
        house.gateway.answers = {"a1": [answer("taken", provider_id="SM-a")]}
        if not early:
            await house.outbox.drain()
        for word, code in reports:
            await house.service.receive(Receipt("SM-a", word, code))
        if early:
            await house.outbox.drain()
        found = house.texts()["a1"]
        assert (found.status, found.report) == (status, report)
        assert len(house.facts("delivery.failed")) == (status == "failed")

    play(story)


@pytest.mark.parametrize("hours", [12, 25])
def test_a_report_that_comes_before_the_answer_waits_a_day_for_it(hours: int) -> None:
    async def story(house: House) -> None:
        await house.put("a1")
        await house.service.receive(Receipt("SM-1", "sent"))
        house.clock.move(house.clock.now() + timedelta(hours=hours - 2))
        await fire_due(house.service)
        await house.service.receive(Receipt("SM-1", "delivered"))
        house.clock.move(house.clock.now() + timedelta(hours=2))
        await fire_due(house.service)
        await house.outbox.drain()
        assert house.texts()["a1"].status == ("delivered" if hours < 24 else "sent")
        with house.store.reading() as reader:
            assert [tally.id for tally in reader.all(Tally) if tally.id.startswith("early:")] == []

    play(story, quiet_from="00:00", quiet_until="00:00")


def test_words_that_came_back_are_sent_again_in_a_row_of_their_own_and_not_for_ever() -> None:
    async def story(house: House) -> None:
        await house.put("a1")
        for number in range(1, 5):
            await house.pass_time(timedelta(hours=4))
            await house.service.receive(Receipt(f"SM-{number}", "undelivered", 30003))
        assert house.gateway.sent == ["a1"] * 4
        with house.store.reading() as reader:
            rows = list(reader.all(OutText))
        assert [row.returned for row in rows] == [0, 1, 2, 3]
        assert len({row.provider_id for row in rows}) == 4
        assert len(house.facts("delivery.failed")) == 1

    play(story, quiet_from="00:00", quiet_until="00:00")


def test_what_came_back_is_sent_again_as_it_was_but_never_blank() -> None:
    async def story(house: House) -> None:
        await house.put("a1", "a2", sender="+12125550190")
        kept = [replace(text, useless_after=NOON + timedelta(days=1), of_party=True) for text in house.rows()]
        await house.store.transact(None, lambda _: Changes(tuple(kept)), now=NOON)
        await house.outbox.drain()
        blank = replace(house.texts()["a2"], body="")  # who wrote it was erased
        await house.store.transact(None, lambda _: Changes((blank,)), now=NOON)
        for number in (1, 2):
            await house.service.receive(Receipt(f"SM-{number}", "undelivered", 30003))
        await house.pass_time(timedelta(hours=4))
        assert house.gateway.sent == ["a1", "a2", "a1"]
        again = next(text for text in house.rows() if text.returned)
        assert (again.sender, again.useless_after, again.of_party) == ("+12125550190", kept[0].useless_after, True)

    play(story)


@pytest.mark.parametrize(
    ("direct", "code", "at_night"),
    [(True, 30034, True), (True, 30003, False), (False, 30034, False), (False, 30003, False)],
    ids=["a reply, ours", "a reply, the phone's", "another, ours", "another, the phone's"],
)
def test_at_night_nothing_that_came_back_is_sent_again_but_a_reply_that_failed_by_a_fault_of_ours(
    direct: bool, code: int, at_night: bool
) -> None:
    async def story(house: House) -> None:
        house.clock.move(NOON + timedelta(hours=8, minutes=59))  # a minute to nine in New York
        await house.put("a1", direct=direct, request="r1")
        await house.outbox.drain()
        await house.service.receive(Receipt("SM-1", "undelivered", code))
        await house.pass_time(timedelta(hours=6))
        assert house.gateway.sent == ["a1"] * (2 if at_night else 1)
        await house.pass_time(timedelta(hours=8))
        assert house.gateway.sent == ["a1", "a1"]
        assert [text.request for text in house.rows()] == ["r1", "r1"], "FORGET finds both"

    play(story)


def test_an_offer_that_has_not_left_is_taken_back_without_a_word() -> None:
    async def story() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
        args = {"phone": BEN, "alias": "Ben", "field": "law", "consented": NOON}
        await rig.service.receive(Act("ben", "mentor", args, by="import"))
        await rig.text(ANA, "how much should i say on my first day")
        rig.phones.faults.account = 30002
        await rig.wait(timedelta(minutes=1))
        await rig.text(ANA, "DONE")
        rig.phones.faults.account = 0
        await rig.wait(timedelta(hours=1))
        assert BEN not in rig.phones.threads

    asyncio.run(story())


async def an_offer_that_waits(house: House) -> OutText:
    """Ana has asked and Ben is to be asked."""
    ben = {"phone": BEN, "alias": "Ben", "consented": NOON}
    await house.service.receive(Act("ben", "mentor", ben, by="import"))
    await house.service.receive(Inbound("in1", ANA, "how much should i say on my first day", NOON))
    await house.outbox.drain()
    house.clock.move(NOON + timedelta(minutes=1))
    await fire_due(house.service)
    return next(text for text in house.texts().values() if text.offer)


@pytest.mark.parametrize("on_its_way", [True, False])
def test_a_mentor_who_may_have_got_an_offer_hears_that_it_is_over(on_its_way: bool) -> None:
    async def story(house: House) -> None:
        offer = await an_offer_that_waits(house)
        if on_its_way:
            house.gateway.waits[offer.body] = asyncio.Event()
        else:
            house.gateway.answers = {offer.body: [answer("unknown")]}
            house.gateway.found = {offer.body: answer("taken", provider_id="SM-found")}
        sending = asyncio.ensure_future(house.outbox.drain())
        while offer.body not in house.gateway.sent:
            await asyncio.sleep(0)
        if not on_its_way:
            await sending
        await house.service.receive(Inbound("in2", ANA, "DONE", house.clock.now()))
        if on_its_way:
            house.gateway.waits[offer.body].set()
        await sending
        await house.pass_time(timedelta(minutes=5))
        assert house.gateway.sent.count(offer.body) == 1
        to_ben = [text for text in house.texts().values() if text.phone == BEN]
        assert [(text.text_id, text.status) for text in to_ben] == [("offer.new", "sent"), ("offer.over", "sent")]

    play(story)


def test_with_an_offer_nothing_else_that_waits_for_its_mentor_is_taken_back() -> None:
    async def story(house: House) -> None:
        offer = await an_offer_that_waits(house)
        await house.outbox.drain()
        other = replace(offer, id="o-other", body="other words", text_id="advice.more", offer="", request="")
        await house.store.transact(None, lambda _: Changes((other,)), now=house.clock.now())
        await house.service.receive(Inbound("in2", ANA, "DONE", house.clock.now()))
        await house.outbox.drain()
        assert "other words" in house.gateway.sent

    play(story)


def test_a_text_that_is_of_no_use_any_more_when_sending_goes_on_is_dropped() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 30002
        await house.put("a1", "a2")
        until = replace(house.texts()["a1"], useless_after=NOON + timedelta(hours=1))
        await house.store.transact(None, lambda _: Changes((until,)), now=NOON)
        await house.pass_time(timedelta(hours=2))
        house.gateway.account = 0
        await house.pass_time(timedelta(hours=1))
        assert [(text.body, text.status, text.report) for text in house.rows()] == [
            ("a1", "dropped", "stale"),
            ("a2", "sent", "sent"),
        ]

    play(story)


def test_an_offer_that_is_taken_back_while_it_waits_for_the_pace_does_not_leave() -> None:
    async def story(house: House) -> None:
        offer = await an_offer_that_waits(house)
        await house.put("long", to="+12125550103", segments=8)

        async def done_meanwhile(seconds: float) -> None:
            await house.sleep(seconds)
            await house.service.receive(Inbound("in2", ANA, "DONE", house.clock.now()))

        house.outbox.sleep = done_meanwhile
        await house.outbox.drain()
        assert "long" in house.gateway.sent
        assert offer.body not in house.gateway.sent
        assert house.texts()[offer.body].report == "no longer needed"

    play(story, Scripted(rate=1.0))


def test_an_offer_is_of_no_use_at_the_carrier_once_its_silence_would_count() -> None:
    handed: list[OutText] = []

    class Listening(Scripted):
        async def send(self, text: OutText) -> SendOutcome:
            handed.append(text)
            return await super().send(text)

    async def story(house: House) -> None:
        await house.service.receive(
            Act("ben", "mentor", {"phone": BEN, "alias": "Ben", "consented": NOON}, by="import")
        )
        await house.service.receive(Inbound("in1", ANA, "how much should i say on my first day", NOON))
        house.clock.move(NOON + timedelta(minutes=1))
        await fire_due(house.service)
        house.clock.move(NOON + timedelta(minutes=2))
        await house.outbox.drain()
        offer = next(text for text in handed if text.offer)
        assert offer.useless_after == house.clock.now() + timedelta(hours=3)
        saved = house.texts()[offer.body].useless_after
        assert saved == NOON + timedelta(minutes=1, hours=24), "here it is of use until the question ends"
        assert [text.useless_after for text in handed if not text.offer] == [None]

    play(story, Listening(), silence_hours="3")


def test_a_mentor_whose_offer_was_held_up_is_not_blamed_for_silence() -> None:
    async def story() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({"quiet_from": "00:00", "quiet_until": "00:00"}))
        args = {"phone": BEN, "alias": "Ben", "field": "law", "consented": NOON}
        await rig.service.receive(Act("ben", "mentor", args, by="import"))
        await rig.text(ANA, "how much should i say on my first day")
        rig.phones.faults.account = 30002
        await rig.wait(timedelta(hours=6))
        with rig.store.reading() as reader:
            (offer,) = reader.all(Offer)
            assert not offer.silence_counted, "nobody has heard of it"
        rig.phones.faults.account = 0
        await rig.wait(timedelta(hours=3))
        assert [bubble.text_id for bubble in rig.phones.threads[BEN]] == ["offer.new"]
        for hours, counted in ((0, False), (2, True)):
            await rig.wait(timedelta(hours=hours))
            with rig.store.reading() as reader:
                (offer,) = reader.all(Offer)
            assert offer.silence_counted is counted

    asyncio.run(story())
