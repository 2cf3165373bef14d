"""The one way out: nothing lost, nothing doubled, nobody held up, and a fault of ours stops it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from smsmentor.core import halt
from smsmentor.core.events import Act, Inbound, Receipt, SendOutcome, Withheld
from smsmentor.core.making import replace
from smsmentor.core.model import Offer, OutText, Request
from smsmentor.ports import Changes
from smsmentor.ticker import fire_due
from tests.sending import ANA, BEN, NOON, House, Scripted, State, answer, play

# A fault of our account


def test_a_fault_of_our_account_stops_all_sending_and_one_text_is_tried_now_and_then() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 20003
        await house.put("a1", "a2")
        for number in range(40):
            await house.put(f"b{number}", to=f"+12125550{110 + number}")
        await house.outbox.drain()
        tries = len(house.gateway.sent)
        assert tries <= house.outbox.at_once
        await house.pass_time(timedelta(hours=3))
        assert len(house.gateway.sent) - tries <= 12
        assert house.statuses() == {"queued": 42}
        assert all(t.attempts == 0 for t in house.texts().values())
        assert len(house.facts("sending.stopped")) == 1

    play(story)


def test_what_was_on_its_way_when_our_account_failed_is_one_try_and_no_more() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 20003
        for number in range(16):
            await house.put(f"b{number}", to=f"+12125550{110 + number}")
        await house.outbox.drain()
        assert len(house.gateway.sent) == 16
        with house.store.reading() as reader:
            assert halt.read(reader) == halt.Halt(NOON, 20003, 1, NOON + timedelta(minutes=1))

    play(story)


def test_what_waits_for_the_pace_when_our_account_fails_is_not_tried_too() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 20003
        for number in range(4):
            await house.put(f"b{number}", to=f"+12125550{110 + number}", segments=3)
        await house.outbox.drain()
        assert house.gateway.sent == ["b0"]
        assert house.statuses() == {"queued": 4}

    play(story, Scripted(rate=1.0))


def test_the_tries_while_our_account_is_at_fault_are_further_and_further_apart() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 20003
        await house.put("a1")
        await house.outbox.drain()
        waits = []
        for _ in range(8):
            moment = house.outbox.next_moment()
            assert moment is not None
            waits.append((moment - house.clock.now()) / timedelta(minutes=1))
            house.clock.move(moment)
            await house.outbox.drain()
        assert waits == [1, 2, 4, 8, 16, 30, 30, 30]

    play(story)


def test_sending_goes_on_by_itself_when_the_fault_is_over() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 30002
        await house.put("a1", "a2")
        await house.pass_time(timedelta(minutes=10))
        house.gateway.account = 0
        await house.pass_time(timedelta(minutes=31))
        assert house.statuses() == {"sent": 2}
        assert len(house.facts("sending.resumed")) == 1
        with house.store.reading() as reader:
            assert halt.read(reader) is None

    play(story)


def test_what_is_due_meanwhile_does_not_wait_until_sending_is_tried_again() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 30002
        await house.put("a1")
        await house.pass_time(timedelta(hours=2))
        await house.service.receive(Inbound("in1", BEN, "how much should i say on my first day", house.clock.now()))
        await house.outbox.drain()
        gathered = house.outbox.next_moment()
        assert gathered is not None
        assert gathered - house.clock.now() <= timedelta(seconds=30)
        house.clock.move(gathered)
        await fire_due(house.service)
        with house.store.reading() as reader:
            assert [request.status for request in reader.all(Request)] == ["asking"]

    play(story)


def test_an_operator_who_mended_the_fault_need_not_wait() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 30002
        await house.put("a1")
        await house.pass_time(timedelta(hours=2))
        house.gateway.account = 0
        await house.service.receive(Act("act", "resume"))
        await house.outbox.drain()
        assert house.statuses() == {"sent": 1}

    play(story)


def test_a_fault_that_is_not_mended_after_all_is_tried_soon_again() -> None:
    async def story(house: House) -> None:
        house.gateway.account = 30002
        await house.put("a1")
        await house.pass_time(timedelta(hours=2))
        await house.service.receive(Act("act", "resume"))
        await house.outbox.drain()
        assert house.outbox.next_moment() == house.clock.now() + timedelta(minutes=1)

    play(story)


def test_a_late_report_of_an_unregistered_number_stops_sending_and_its_text_waits() -> None:
    async def story(house: House) -> None:
        await house.put("a1")
        await house.outbox.drain()
        await house.service.receive(Receipt("SM-1", "undelivered", 30034))
        await house.put("a2")
        await house.outbox.drain()
        assert house.gateway.sent == ["a1"]
        assert [f.data["error"] for f in house.facts("sending.stopped")] == [30034]
        await house.pass_time(timedelta(minutes=2))
        assert Counter(house.gateway.sent) == {"a1": 2}, "that it was taken shows nothing: the report comes later"
        await house.pass_time(timedelta(minutes=5))
        assert Counter(house.gateway.sent) == {"a1": 2, "a2": 1}
        assert len(house.facts("sending.resumed")) == 1

    play(story)


def test_a_fault_that_is_only_ever_reported_late_does_not_send_all_again_and_again() -> None:
    async def story(house: House) -> None:
        await house.put(*(f"a{number}" for number in range(5)))
        reported = 0
        for _ in range(6 * 60):
            await house.pass_time(timedelta(minutes=1))
            while reported < len(house.gateway.sent):
                reported += 1
                await house.service.receive(Receipt(f"SM-{reported}", "undelivered", 30034))
        assert len(house.gateway.sent) < 25
        assert (len(house.facts("sending.stopped")), len(house.facts("sending.resumed"))) == (1, 0)

    play(story)


# Order, pace and fairness


def test_a_burst_for_one_does_not_hold_up_an_answer_for_another() -> None:
    async def story(house: House) -> None:
        await house.put(*(f"a{n}" for n in range(60)))
        drained = asyncio.ensure_future(house.outbox.drain())
        while len(house.gateway.sent) < 5:
            await asyncio.sleep(0)
        await house.put("b0", to=BEN)
        await drained
        assert house.gateway.sent.index("b0") <= 8
        assert [body for body in house.gateway.sent if body != "b0"] == [f"a{n}" for n in range(60)]

    play(story, Scripted(rate=1.0))


def test_somebody_who_texts_while_many_wait_is_answered_before_them() -> None:
    async def story(house: House) -> None:
        for number in range(60):
            await house.put(f"a{number}", to=f"+1212555{100 + number:04d}", direct=False, text_id="wait.first")
        drained = asyncio.ensure_future(house.outbox.drain())
        while len(house.gateway.sent) < 5:
            await asyncio.sleep(0)
        await house.put("a page", to=BEN, text_id="op.crisis")
        await house.put("an answer", to="+12125550199")
        await drained
        assert house.gateway.sent.index("a page") <= 8
        assert house.gateway.sent.index("an answer") <= 9
        assert [body for body in house.gateway.sent if " " not in body] == [f"a{n}" for n in range(60)]

    play(story, Scripted(rate=1.0))


def test_what_waits_is_not_left_behind_by_answers_for_ever() -> None:
    async def story(house: House) -> None:
        async def somebody_texts_each_minute(seconds: float) -> None:
            house.clock.move(house.clock.now() + timedelta(seconds=seconds))
            number = len(house.texts())
            if number < 3 + (house.clock.now() - NOON) / timedelta(minutes=1) < 40:
                await house.put(f"answer {number}", to=f"+1212555{100 + number:04d}", segments=60)

        house.outbox.sleep = somebody_texts_each_minute
        for number in range(3):
            await house.put(f"answer {number}", to=f"+1212555{100 + number:04d}", segments=60)
        await house.put("reminder", to="+12125550199", direct=False, text_id="wait.first")
        await house.outbox.drain()
        sent = house.texts()["reminder"].sent
        assert sent is not None
        assert timedelta(minutes=15) <= sent - NOON <= timedelta(minutes=20)

    play(story, Scripted(rate=1.0))


def test_a_number_with_a_long_queue_keeps_nobody_waiting_who_is_texted_from_another() -> None:
    async def story(house: House) -> None:
        for number in range(40):
            await house.put(f"a{number}", to=f"+1212555{100 + number:04d}", sender="+12125550190")
        drained = asyncio.ensure_future(house.outbox.drain())
        while len(house.gateway.sent) < 5:
            await asyncio.sleep(0)
        began = house.clock.now()
        for number in range(5):
            await house.put(f"b{number}", to=f"+1212555{160 + number:04d}", sender="+12125550191")
        await drained
        late = [house.texts()[f"b{number}"].sent for number in range(5)]
        assert all(sent is not None and sent - began <= timedelta(seconds=2 + n) for n, sent in enumerate(late))

    play(story, Scripted(rate=1.0))


def test_each_sender_keeps_its_own_pace() -> None:
    async def story(house: House) -> None:
        for number in range(6):
            sender = "+12125550190" if number % 2 else "+12125550191"
            await house.put(f"t{number}", to=f"+12125550{110 + number}", segments=2, sender=sender)
        await house.outbox.drain()
        assert house.statuses() == {"sent": 6}
        assert house.clock.now() - NOON == timedelta(seconds=4)

    play(story, Scripted(rate=1.0))


def test_a_sender_in_debt_holds_up_no_other() -> None:
    async def story(house: House) -> None:
        await house.put("long", to=BEN, segments=8, sender="+12125550190")
        await house.put("after it", to="+12125550103", sender="+12125550190")
        for number in range(3):
            await house.put(f"b{number}", to=f"+12125550{110 + number}", sender="+12125550191")
        await house.outbox.drain()
        sent = {body: text.sent - NOON for body, text in house.texts().items() if text.sent}
        assert sent["after it"] == timedelta(seconds=8)
        assert [sent[f"b{number}"] for number in range(3)] == [timedelta(seconds=number) for number in range(3)]

    play(story, Scripted(rate=1.0))


def test_no_text_leaves_on_a_lease_that_has_nearly_run_out() -> None:
    left: list[timedelta] = []

    async def story(house: House) -> None:
        class Watching(Scripted):
            async def send(self, text: OutText) -> SendOutcome:
                assert text.leased_until is not None
                left.append(text.leased_until - house.clock.now())
                return await super().send(text)

        house.gateway = house.outbox.gateway = Watching(rate=1.0)
        await house.put("long", to=BEN, segments=200)
        await house.put("answer")
        await house.outbox.drain()
        assert house.gateway.sent == ["long", "answer"]
        assert house.clock.now() == NOON + timedelta(seconds=200)
        assert min(left) >= timedelta(seconds=25), "a try may take so long"

    play(story, Scripted(rate=1.0))


def test_long_advice_is_never_overtaken_by_short() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"long 1": [answer("later"), answer("unknown")], "long 2": [answer("later")]}
        await house.put("long 1", segments=8)
        await house.put("long 2", segments=8)
        await house.put("short")
        await house.pass_time(timedelta(hours=1))
        arrived = sorted(house.texts().values(), key=lambda t: t.sent or NOON)
        assert [t.body for t in arrived] == ["long 1", "long 2", "short"]

    play(story, Scripted(rate=3.0))


def test_on_a_clock_that_is_set_a_drain_ends_at_the_pace_and_says_when_to_come_again() -> None:
    async def story(house: House) -> None:
        house.outbox.sleep = None
        await house.put("a1", segments=3)
        await house.put("b1", to=BEN)
        assert await house.outbox.drain() == 1
        assert house.outbox.next_moment() == NOON + timedelta(seconds=3)
        assert house.statuses() == {"sent": 1, "queued": 1}
        await house.pass_time(timedelta(seconds=3))
        assert house.statuses() == {"sent": 2}

    play(story, Scripted(rate=1.0))


def test_a_send_that_hangs_holds_up_nobody_else() -> None:
    async def story(house: House) -> None:
        house.gateway.waits["a1"] = asyncio.Event()
        await house.put("a1", "a2")
        drained = asyncio.ensure_future(house.outbox.drain())
        while "a1" not in house.gateway.sent:
            await asyncio.sleep(0)
        await house.put("b1", to=BEN)
        while "b1" not in house.gateway.sent:
            await asyncio.sleep(0.01)
        assert "a2" not in house.gateway.sent
        house.gateway.waits["a1"].set()
        await drained
        assert house.gateway.sent == ["a1", "b1", "a2"]

    play(story)


def test_of_sends_that_hang_there_are_never_more_than_it_has_hands() -> None:
    async def story(house: House) -> None:
        house.outbox.at_once = 2
        bodies = [f"b{number}" for number in range(5)]
        for number, body in enumerate(bodies):
            house.gateway.waits[body] = asyncio.Event()
            await house.put(body, to=f"+12125550{110 + number}")
        drained = asyncio.ensure_future(house.outbox.drain())
        await asyncio.sleep(0.3)  # it has looked for more
        assert house.gateway.sent == bodies[:2]
        for wait in house.gateway.waits.values():
            wait.set()
        await drained
        assert house.gateway.sent == bodies

    play(story)


def test_an_outbox_that_is_told_to_take_no_more_puts_back_what_it_has_in_hand() -> None:
    async def story(house: House) -> None:
        async def stop(seconds: float) -> None:
            house.outbox.at_once = 0

        house.outbox.sleep = stop
        for number in range(4):
            await house.put(f"t{number}", to=f"+12125550{110 + number}", segments=3)
        await house.outbox.drain()
        assert house.statuses() == {"sent": 1, "queued": 3}
        assert not any(t.unsure for t in house.texts().values())

    play(story, Scripted(rate=1.0))


# Unknown, later, refused


def test_a_text_whose_fate_is_unknown_is_looked_up_before_it_is_sent_again() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("unknown")], "b1": [answer("unknown")]}
        house.gateway.found = {"a1": answer("taken", provider_id="SM-found")}
        await house.put("a1")
        await house.put("b1", to=BEN)
        await house.pass_time(timedelta(minutes=5))
        assert sorted(house.gateway.sent) == ["a1", "b1", "b1"]
        assert sorted(house.gateway.looked_up) == ["a1", "b1"]
        assert house.texts()["a1"].provider_id == "SM-found"

    play(story)


def test_while_the_carrier_cannot_tell_nothing_is_sent_again() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("unknown")]}
        house.gateway.found = {"a1": None}
        await house.put("a1")
        await house.pass_time(timedelta(hours=1))
        assert house.gateway.sent == ["a1"]
        assert house.texts()["a1"].unsure

    play(story)


def test_a_gateway_that_cannot_look_up_sends_again_for_to_lose_a_text_is_worse() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("unknown")]}
        await house.put("a1")
        await house.pass_time(timedelta(minutes=5))
        assert house.gateway.sent == ["a1", "a1"]
        assert house.gateway.looked_up == []

    play(story, Scripted(looks_up=False))


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("crashed", [True, False])
def test_a_text_that_may_have_left_is_looked_up_also_when_it_must_not_go_any_more(taken: bool, crashed: bool) -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("unknown")]}
        house.gateway.found = {"a1": answer("taken", provider_id="SM-found")} if taken else {}
        await house.put("a1")
        if crashed:
            await house.store.lease(NOON, 1, timedelta(seconds=60))
        else:
            await house.outbox.drain()
        await house.service.receive(Inbound("SM-stop", ANA, "STOP", house.clock.now()))
        await house.pass_time(timedelta(minutes=5))
        assert house.gateway.sent.count("a1") == (0 if crashed else 1)
        assert house.gateway.looked_up.count("a1") == 1
        a1 = house.texts()["a1"]
        assert (a1.status, a1.provider_id) == (("sent", "SM-found") if taken else ("dropped", ""))

    play(story)


@pytest.mark.parametrize("end", ["taken", "refused", "unknown", "later"])
def test_a_text_on_its_way_to_somebody_who_is_erased_meanwhile_leaves_no_word(end: State) -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer(end)]}
        house.gateway.waits["a1"] = asyncio.Event()
        await house.put("a1")
        sending = asyncio.ensure_future(house.outbox.drain())
        while "a1" not in house.gateway.sent:
            await asyncio.sleep(0)
        for number, words in enumerate(("STOP", "FORGET ME")):
            await house.service.receive(Inbound(f"SM-{number}", ANA, words, house.clock.now()))
        house.gateway.waits["a1"].set()
        await sending
        await house.pass_time(timedelta(minutes=5))
        with house.store.reading() as reader:
            row = next(text for text in reader.all(OutText) if text.text_id == "advice.more")
        assert (row.body, row.phone) == ("", "")
        assert row.status == {"taken": "sent", "refused": "failed", "unknown": "dropped", "later": "dropped"}[end]
        assert house.gateway.sent.count("a1") == 1

    play(story)


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("looks_up", [True, False])
@pytest.mark.parametrize("crashed", [True, False])
def test_words_of_somebody_who_was_erased_meanwhile_are_not_tried_again(
    taken: bool, looks_up: bool, crashed: bool
) -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"zebra": [answer("unknown")]}
        house.gateway.found = {"zebra": answer("taken", provider_id="SM-found")} if taken else {}
        await house.put("hello")  # Ana becomes a member
        await house.put("zebra", to=BEN, text_id="thread.says", request="r1")
        question = Request("r1", "K42", f"m{ANA}", "zebra", NOON, "answered")
        await house.store.transact(None, lambda _: Changes((question,)), now=NOON)
        if crashed:
            await house.store.lease(NOON, 2, timedelta(seconds=60))
        else:
            await house.outbox.drain()
        for number, words in enumerate(("STOP", "FORGET ME")):
            await house.service.receive(Inbound(f"SM-{number}", ANA, words, house.clock.now()))
        await house.pass_time(timedelta(minutes=5))
        assert house.gateway.sent.count("zebra") == (0 if crashed else 1)
        assert house.gateway.looked_up.count("zebra") == (1 if looks_up else 0)
        with house.store.reading() as reader:
            row = next(text for text in reader.all(OutText) if text.request == "r1")
        assert (row.body, row.phone) == ("", BEN)
        assert (row.status, row.provider_id) == (("sent", "SM-found") if taken and looks_up else ("dropped", ""))

    play(story, Scripted(looks_up=looks_up))


@pytest.mark.parametrize("taken", [True, False])
def test_an_offer_that_may_have_left_goes_no_more_once_it_is_withdrawn(taken: bool) -> None:
    async def story(house: House) -> None:
        house.gateway.found = {"zebra": answer("taken", provider_id="SM-found")} if taken else {}
        await house.put("zebra", to=BEN, text_id="offer.new", request="r1")
        question = Request("r1", "K42", f"m{ANA}", "zebra", NOON, "closed")
        offer = Offer(f"r1:m{BEN}", "r1", f"m{BEN}", NOON, "withdrawn")
        row = replace(house.texts()["zebra"], offer=offer.id)
        await house.store.transact(None, lambda _: Changes((question, offer, row)), now=NOON)
        await house.store.lease(NOON, 1, timedelta(seconds=60))
        await house.pass_time(timedelta(minutes=5))
        assert (house.gateway.sent, house.gateway.looked_up) == ([], ["zebra"])
        assert house.texts()["zebra"].status == ("sent" if taken else "dropped")

    play(story)


def test_words_of_somebody_who_is_erased_while_they_wait_for_the_pace_do_not_leave() -> None:
    async def story(house: House) -> None:
        await house.put("hello")
        await house.put("zebra", to=BEN, text_id="thread.says", request="r1", direct=False)
        question = Request("r1", "K42", f"m{ANA}", "zebra", NOON, "answered")
        await house.store.transact(None, lambda _: Changes((question,)), now=NOON)

        async def forget_meanwhile(seconds: float) -> None:
            await house.sleep(seconds)
            for number, words in enumerate(("STOP", "FORGET ME")):
                await house.service.receive(Inbound(f"SM-{number}", ANA, words, house.clock.now()))

        house.outbox.sleep = forget_meanwhile
        await house.outbox.drain()
        assert house.gateway.sent[:1] == ["hello"]
        assert "zebra" not in house.gateway.sent

    play(story, Scripted(rate=0.5))


def test_a_crash_between_sending_and_settling_is_an_unknown_fate() -> None:
    async def story(house: House) -> None:
        await house.put("a1")
        await house.store.lease(NOON, 1, timedelta(seconds=60))
        house.gateway.found = {"a1": answer("taken", provider_id="SM-found")}
        await house.pass_time(timedelta(minutes=2))
        assert house.gateway.sent == []
        assert house.statuses() == {"sent": 1}

    play(story)


@pytest.mark.parametrize("late", ["refused", "later", "unknown", "account", "put back", "gone"])
def test_what_is_told_of_a_text_that_was_settled_meanwhile_changes_nothing(late: str) -> None:
    """A try that took longer than its lease: another outbox has looked the text up and settled it."""

    async def story(house: House) -> None:
        await house.put("a1")
        await house.outbox.drain()
        sent = house.texts()["a1"]
        told: dict[str, SendOutcome | Withheld] = {
            "account": SendOutcome(sent.id, "later", code=20003, account_wide=True),
            "put back": Withheld(sent.id, "put back", house.clock.now()),
            "gone": Withheld(sent.id, "gone"),
        }
        await house.service.receive(told.get(late) or replace(answer(late), text=sent.id))  # type: ignore[arg-type]
        assert house.texts()["a1"] == sent
        assert house.facts("sending.stopped") == []
        await house.pass_time(timedelta(hours=1))
        assert house.gateway.sent == ["a1"]

    play(story)


def test_an_outage_of_hours_loses_nothing_and_ends_within_minutes() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later", 20503)] * 60}
        await house.put("a1", "a2")
        await house.pass_time(timedelta(hours=4))
        assert house.statuses() == {"queued": 2}
        house.gateway.answers = {}
        await house.pass_time(timedelta(minutes=6))
        assert house.statuses() == {"sent": 2}

    play(story)


def test_a_text_that_is_never_taken_fails_in_the_end_and_lets_the_next_one_go() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later")] * 1000}
        await house.put("a1", "a2")
        await house.pass_time(timedelta(hours=49))
        assert house.texts()["a1"].status == "failed"
        assert house.texts()["a2"].status == "sent"
        assert [f.data["text"] for f in house.facts("delivery.failed")] == [house.texts()["a1"].id]

    play(story)


def test_a_text_that_was_hardly_tried_in_all_that_time_is_tried_on() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later")] * 2}
        await house.put("a1")
        await house.outbox.drain()
        house.clock.move(NOON + timedelta(days=3))  # the server was switched off
        await house.outbox.drain()
        assert house.texts()["a1"].status == "queued"
        await house.pass_time(timedelta(hours=1))
        assert house.texts()["a1"].status == "sent"

    play(story)


def test_a_code_with_a_wait_of_its_own_is_not_tried_sooner() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later", 30450)]}
        await house.put("a1")
        await house.pass_time(timedelta(minutes=29))
        assert house.gateway.sent == ["a1"]
        await house.pass_time(timedelta(minutes=2))
        assert house.gateway.sent == ["a1", "a1"]

    play(story)
