"""The one way out: nothing lost, nothing doubled, nobody held up, and a fault of ours stops it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from smsmentor.core import halt, money
from smsmentor.core.events import Act, Inbound, Receipt, SendOutcome, Withheld
from smsmentor.core.making import replace
from smsmentor.core.model import Fact, Member, Offer, OutText, Request, Tally
from smsmentor.outbox import Outbox
from smsmentor.ports import Capabilities, Changes, Missed, SetClock
from smsmentor.rig import Rig
from smsmentor.service import Service
from smsmentor.stores.memory import MemoryStore
from smsmentor.ticker import fire_due
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, BEN = "+12125550101", "+12125550102"
State = Literal["taken", "refused", "later", "unknown"]


class Scripted:
    """A gateway whose answers are told beforehand, by the words of the text; all others are taken."""

    name = "scripted"

    def __init__(self, *, rate: float = 0.0, looks_up: bool = True) -> None:
        self.capabilities = Capabilities(looks_up=looks_up, segments_per_second=rate)
        self.answers: dict[str, list[SendOutcome]] = {}
        self.found: dict[str, SendOutcome | None] = {}
        self.waits: dict[str, asyncio.Event] = {}
        self.sent: list[str] = []
        self.looked_up: list[str] = []
        self.account = 0

    async def send(self, text: OutText) -> SendOutcome:
        self.sent.append(text.body)
        if wait := self.waits.get(text.body):
            await wait.wait()
        if self.account:
            return SendOutcome(text.id, "later", code=self.account, account_wide=True)
        if answers := self.answers.get(text.body):
            return replace(answers.pop(0), text=text.id)
        return SendOutcome(text.id, "taken", f"SM-{len(self.sent)}")

    async def look_up(self, text: OutText) -> SendOutcome | None:
        self.looked_up.append(text.body)
        found = self.found.get(text.body, SendOutcome(text.id, "later"))
        return replace(found, text=text.id) if found else None

    async def missed(self, since: datetime) -> Sequence[Missed]:
        return ()

    async def verify(self, inbound: Inbound) -> bool:
        return True

    def sender_of(self, text: OutText) -> str:
        return text.sender

    async def close(self) -> None:
        """Nothing to let go of."""


def answer(state: State, code: int = 0, provider_id: str = "") -> SendOutcome:
    return SendOutcome("", state, provider_id, code)


class House:
    """An outbox with members and texts put straight into the store."""

    def __init__(self, gateway: Scripted | None = None, **settings: str) -> None:
        self.clock = SetClock(NOON)
        self.store = MemoryStore()
        self.gateway = gateway or Scripted()
        self.service = Service(self.store, self.clock, knowledge(settings))
        self.outbox = Outbox(self.service, self.gateway, sleep=self.sleep)
        self.times: list[tuple[str, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.clock.move(self.clock.now() + timedelta(seconds=seconds))

    async def put(
        self,
        *bodies: str,
        to: str = ANA,
        segments: int = 1,
        sender: str = "",
        direct: bool = True,
        text_id: str = "advice.more",
        request: str = "",
    ) -> None:
        with self.store.reading() as reader:
            member = reader.get(Member, f"m{to}") or Member(f"m{to}", to, NOON)
        known = len(self.texts())
        texts = [
            OutText(f"o-{known + n:04d}", member.id, to, body, text_id, segments, "GSM-7", self.clock.now(),
                    self.clock.now(), direct=direct, sender=sender, request=request)
            for n, body in enumerate(bodies)
        ]  # fmt: skip
        await self.store.transact(None, lambda _: Changes((member, *texts)), now=self.clock.now())

    def texts(self) -> dict[str, OutText]:
        with self.store.reading() as reader:
            return {t.body: t for t in reader.all(OutText)}

    def rows(self) -> list[OutText]:
        with self.store.reading() as reader:
            return list(reader.all(OutText))

    async def forget_waiting(self) -> None:
        """What would be sent later never is."""
        waiting = [(OutText, text.id) for text in self.texts().values() if text.pending]
        await self.store.transact(None, lambda _: Changes((), waiting), now=self.clock.now())

    def statuses(self) -> Counter[str]:
        return Counter(t.status for t in self.texts().values())

    def facts(self, name: str) -> list[Fact]:
        with self.store.reading() as reader:
            return [f for f in reader.all(Fact) if f.fact == name]

    async def pass_time(self, span: timedelta) -> None:
        """Drain at each moment at which the outbox wants it."""
        until = self.clock.now() + span
        await self.outbox.drain()
        for _ in range(2000):
            moment = self.outbox.next_moment()
            if moment is None or moment > until:
                self.clock.move(until)
                return
            self.clock.move(max(moment, self.clock.now()))
            await self.outbox.drain()
        raise AssertionError("the outbox is never at rest")


def play(story: Callable[[House], Awaitable[None]], gateway: Scripted | None = None, **settings: str) -> None:
    async def played() -> None:
        await asyncio.wait_for(story(House(gateway, **settings)), 20)

    asyncio.run(played())


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
        assert Counter(house.gateway.sent) == {"a1": 2, "a2": 1}

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


def test_a_daily_cap_at_the_carrier_is_waited_out_until_its_midnight() -> None:
    async def story(house: House) -> None:
        house.gateway.answers = {"a1": [answer("later", 30023)]}
        await house.put("a1")
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
