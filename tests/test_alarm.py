"""Alarms reach somebody when texts cannot, and operators' texts are confirmed."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import responses

from smsmentor.alarm import Alarms, AlarmSettings, deliver_alarm, parked_members, problems, standing
from smsmentor.core import crisis
from smsmentor.core.events import Act, Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Code, Fact, Tally, Text, Timer
from smsmentor.door import CarrierDoor
from smsmentor.errors import NotConfirmed
from smsmentor.ports import Changes, SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, OPA = "+12125550101", "+12125550103"
HOOK = "https://alarms.example.org/hook"


def play(story: Callable[[Rig], Awaitable[None]], **settings: str) -> None:
    async def played() -> None:
        await story(Rig(MemoryStore(), SetClock(NOON), knowledge(settings)))

    asyncio.run(played())


def test_a_fault_of_our_account_is_told_on_another_way_than_texts(caplog: pytest.LogCaptureFixture) -> None:
    told: list[dict[str, object]] = []

    async def story(rig: Rig) -> None:
        alarms = Alarms(AlarmSettings(webhook=HOOK), "Peer Line", deliver=lambda _, alarm: told.append(alarm))
        rig.watchers.append(alarms.watch)
        rig.phones.faults.account = 30034
        await rig.text(ANA, "how do i ask for a raise")
        await rig.wait(timedelta(minutes=5))
        rig.phones.faults.account = 0
        await rig.wait(timedelta(minutes=30))
        await alarms.close()

    with caplog.at_level(logging.INFO, "smsmentor.alarm"):
        play(story)
    assert [(a["alarm"], a["service"], a.get("error")) for a in told] == [
        ("sending.stopped", "Peer Line", 30034),
        ("sending.resumed", "Peer Line", None),
    ]
    assert ANA not in caplog.text + json.dumps(told)
    assert [r.levelname for r in caplog.records] == ["ERROR", "INFO"]


def test_an_alarm_that_reaches_nobody_is_logged_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(settings: AlarmSettings, alarm: dict[str, object]) -> None:
        raise ConnectionRefusedError

    async def story(rig: Rig) -> None:
        alarms = Alarms(AlarmSettings(webhook=HOOK), "Peer Line", deliver=broken)
        rig.watchers.append(alarms.watch)
        rig.phones.faults.account = 20003
        await rig.text(ANA, "how do i ask for a raise")
        await alarms.close()

    play(story)
    assert "The alarm sending.stopped reached nobody: ConnectionRefusedError" in caplog.text


@responses.activate
def test_the_webhook_gets_the_alarm_as_json() -> None:
    responses.post(HOOK, status=204)
    deliver_alarm(AlarmSettings(webhook=HOOK), {"alarm": "sending.stopped", "error": 30034})
    body = responses.calls[0].request.body
    assert isinstance(body, str | bytes)
    assert json.loads(body) == {"alarm": "sending.stopped", "error": 30034}


def test_what_is_wrong_now_is_named_with_its_fix() -> None:
    async def story(rig: Rig) -> None:
        codes = rig.knowledge.carrier_codes
        with rig.store.reading() as reader:
            assert standing(reader, NOON, rig.knowledge.rules, codes) == []
        await rig.text(ANA, "how do i ask for a raise")
        rig.phones.faults.account = 30002
        await rig.text(ANA, "MENU")
        with rig.store.reading() as reader:
            found = standing(reader, NOON, rig.knowledge.rules, codes)
        assert [alarm.what for alarm in found] == [
            "Sending is stopped (carrier code 30002): The account is suspended.",
            "This month's budget is spent: 1 of 1 segments",
        ]
        assert "carrier resume" in found[0].fix

    play(story, monthly_segments="1")


def test_many_texts_filtered_as_spam_in_a_day_are_told_once() -> None:
    told: list[dict[str, object]] = []

    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        alarms = Alarms(AlarmSettings(webhook=HOOK), "Peer Line", deliver=lambda _, alarm: told.append(alarm))
        rig.watchers.append(alarms.watch)
        rig.phones.faults.undelivered[ANA] = 30007
        for count in range(1, 6):
            await rig.text(ANA, "MENU")
            await rig.wait(timedelta(minutes=2))
            with rig.store.reading() as reader:
                found = standing(reader, rig.clock.now(), rig.knowledge.rules, rig.knowledge.carrier_codes)
            assert len(found) == (1 if count >= 3 else 0)
        assert found[0].what == "Carriers filtered 5 of our texts as spam on 2026-03-03 (carrier code 30007)"
        assert [b.text_id for b in rig.phones.threads[OPA]] == ["op.filtered"]
        await rig.wait(timedelta(days=2))
        with rig.store.reading() as reader:
            assert standing(reader, rig.clock.now(), rig.knowledge.rules, rig.knowledge.carrier_codes) == []
        await alarms.close()

    play(story)
    assert [(a["alarm"], a["error"], a["filtered"], a["sent"]) for a in told] == [("sending.filtered", 30007, 3, 3)]


def test_words_of_danger_that_nobody_is_paged_about_are_an_alarm_until_there_is_an_operator() -> None:
    told: list[dict[str, object]] = []

    async def story(rig: Rig) -> None:
        alarms = Alarms(AlarmSettings(webhook=HOOK), "Peer Line", deliver=lambda _, alarm: told.append(alarm))
        rig.watchers.append(alarms.watch)
        await rig.text(ANA, "i want to kill myself")
        await rig.text(ANA, "i dont want to live anymore")
        await rig.settle()
        with rig.store.reading() as reader:
            found = standing(reader, rig.clock.now(), rig.knowledge.rules, rig.knowledge.carrier_codes)
            assert [r for r in reader.walk(Timer, "due", "yes") if r.kind == crisis.PAGE] == []
        assert [(alarm.what, alarm.since) for alarm in found] == [
            ("Words of danger of which no operator knows: 1 question", NOON)
        ]
        await rig.wait(timedelta(days=8))
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.settle()
        with rig.store.reading() as reader:
            assert standing(reader, rig.clock.now(), rig.knowledge.rules, rig.knowledge.carrier_codes) == []
        assert [b.text_id for b in rig.phones.threads[OPA]] == ["op.crisis_untold"]
        await alarms.close()

    play(story)
    assert [alarm["alarm"] for alarm in told] == ["crisis.untold"]


def test_what_is_told_to_nobody_is_forgotten_with_its_words() -> None:
    async def story(rig: Rig) -> None:
        await rig.text(ANA, "i want to kill myself")
        await rig.wait(timedelta(days=31))
        await rig.service.receive(Act("clear", "clear", {}, by="housekeeping"))
        await rig.wait(timedelta(days=1))
        with rig.store.reading() as reader:
            assert crisis.untold(reader) == {}
            assert list(reader.all(Code)) == []

    play(story)


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_code_is_not_given_again_while_operators_are_paged_about_it(acknowledged: bool) -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.text(ANA, "i want to kill myself")
        if acknowledged:
            await rig.text(OPA, "OP ACK")
        await rig.wait(timedelta(days=9))
        with rig.store.reading() as reader:
            assert len(list(reader.all(Code))) == (0 if acknowledged else 1)

    play(story, crisis_page_minutes="60")


def test_a_few_filtered_among_very_many_are_no_alarm() -> None:
    async def story(rig: Rig) -> None:
        day = {"segments": 400, "day": "2026-03-03", "texts": 400}
        await rig.store.transact(None, lambda _: Changes([Tally("segments:2026-03", day)]), now=NOON)
        rig.phones.faults.undelivered[ANA] = 30007
        for _ in range(8):
            await rig.text(ANA, "MENU")
            await rig.wait(timedelta(minutes=2))
        with rig.store.reading() as reader:
            assert [f for f in reader.all(Fact) if f.fact == "sending.filtered"] == []

    play(story)


def test_parked_members_are_listed_for_the_desk() -> None:
    async def story(rig: Rig) -> None:
        rig.phones.faults.refused[ANA] = 21614
        await rig.text(ANA, "how do i ask for a raise")
        with rig.store.reading() as reader:
            assert [(m.phone, m.parked) for m in parked_members(reader)] == [(ANA, 21614)]

    play(story)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (AlarmSettings(), 0),
        (AlarmSettings(webhook=HOOK, mail_to=("a@example.org",), mail_from="b@example.org", smtp_host="h"), 0),
        (AlarmSettings(webhook="alarms.example.org"), 1),
        (AlarmSettings(mail_to=("a@example.org",)), 1),
        (AlarmSettings(smtp_user="u"), 1),
    ],
)
def test_settings_that_cannot_work_are_named(settings: AlarmSettings, count: int) -> None:
    assert len(problems(settings)) == count


def test_an_operators_text_is_fetched_from_the_carrier_before_it_commands() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        door = CarrierDoor(rig.service, rig.phones)
        for inbound in rig.phones.text(OPA, "OP STATUS"):
            await door.receive(inbound)
        await door.receive(Inbound("SM-cut-anew", OPA, "OP WAITING", NOON + timedelta(minutes=1)))
        await door.receive(Inbound("SM-of-a-member", ANA, "how do i ask for a raise", NOON))
        with rig.store.reading() as reader:
            found = [(text.outcome, text.detail) for text in reader.all(Text)]
        assert found == [("command", "OP"), ("dropped", "not confirmed by the carrier"), ("request", "")]

    play(story)


def test_a_text_that_may_be_made_up_counts_only_when_the_carrier_confirms_it() -> None:
    async def story(rig: Rig) -> None:
        door = CarrierDoor(rig.service, rig.phones)
        for inbound in rig.phones.text(ANA, "how do i ask for a raise"):
            await door.receive(replace(inbound, doubtful=True))
        with pytest.raises(NotConfirmed):
            await door.receive(Inbound("SM-cut-anew", ANA, "FORGET ME", NOON, doubtful=True))
        with rig.store.reading() as reader:
            assert [text.outcome for text in reader.all(Text)] == ["request"]

    play(story)
