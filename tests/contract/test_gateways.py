"""Both gateways keep the port's promises; Twilio's keeps them against everything that the network does."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from tornado.testing import bind_unused_port

from smsmentor.core.carrier_codes import STATES, CarrierCodes
from smsmentor.core.events import SendOutcome
from smsmentor.errors import SmsmentorError
from smsmentor.gateways import twilio
from smsmentor.gateways.simulator import Simulator
from smsmentor.gateways.twilio import TwilioGateway, TwilioSettings, problems
from smsmentor.ports import SetClock
from tests.contract.gateways import ANA, BEN, NOW, GatewayContract, Rig, out_text
from tests.web.fake_twilio import ACCOUNT, NUMBER, SERVICE, TOKEN, FakeTwilio, Manner, refusing

CODES = CarrierCodes(tomllib.loads((Path(__file__).parents[2] / "data" / "carrier_codes.toml").read_text()))
SETTINGS = TwilioSettings(ACCOUNT, (TOKEN,), "https://peer.example.org", numbers=(NUMBER,))
CREATE_URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


def gateway(settings: TwilioSettings, clock: SetClock | None = None, known: set[str] | None = None) -> TwilioGateway:
    return TwilioGateway(
        settings, codes=CODES, clock=clock or SetClock(NOW), known=(known if known is not None else set()).__contains__
    )


class TwilioRig:
    """The gateway and a strict Twilio on loopback, on one event loop."""

    def __init__(self, **settings: Any) -> None:
        self.clock = SetClock(NOW)
        self.known: set[str] = set()
        self.fake = FakeTwilio(self.clock)
        self.settings = replace(SETTINGS, base_url=self.fake.url, **settings)
        self.gateway = gateway(self.settings, self.clock, self.known)

    def arrived(self) -> list[tuple[str, str]]:
        return [(m["to"], m["body"]) for m in self.fake.messages if m["direction"] == "outbound-api"]

    def text(self, sender: str, body: str) -> str:
        return str(self.fake.text(sender, body)["sid"])

    def code_of(self, code: int) -> int:
        return code

    def refuse(self, phone: str, code: int) -> None:
        self.fake.plan.append(refusing(400, code))

    def lose_answer(self) -> None:
        self.fake.plan.append(Manner(drops=True))

    def answer_again(self) -> None:
        """Only the one answer was lost."""

    def go_down(self) -> None:
        self.fake.down = True


class SimulatorRig:
    """The simulated phones."""

    def __init__(self) -> None:
        self.clock = SetClock(NOW)
        self.known: set[str] = set()
        self.simulator = self.gateway = Simulator(self.clock)

    def arrived(self) -> list[tuple[str, str]]:
        bubbles = [bubble for thread in self.simulator.threads.values() for bubble in thread]
        return [(bubble.phone, bubble.body) for bubble in bubbles if bubble.direction == "out"]

    def text(self, sender: str, body: str) -> str:
        return self.simulator.text(sender, body)[0].id

    def code_of(self, code: int) -> int:
        return code

    def refuse(self, phone: str, code: int) -> None:
        self.simulator.faults.refused[phone] = code

    def lose_answer(self) -> None:
        self.simulator.faults.hanging = True

    def answer_again(self) -> None:
        self.simulator.faults.hanging = False

    def go_down(self) -> None:
        self.simulator.faults.down = True


@asynccontextmanager
async def twilio_rig(**settings: Any) -> AsyncIterator[TwilioRig]:
    """Whatever the story, every request that was made fits Twilio's schema."""
    rig = TwilioRig(**settings)
    try:
        yield rig
    finally:
        await rig.gateway.close()
        await rig.fake.close()
    assert rig.fake.problems == []


class TestTwilio(GatewayContract):
    def rig(self) -> AbstractAsyncContextManager[Rig]:
        return twilio_rig()


class TestTwilioWithAMessagingService(GatewayContract):
    def rig(self) -> AbstractAsyncContextManager[Rig]:
        return twilio_rig(messaging_service=SERVICE)


class TestSimulator(GatewayContract):
    @asynccontextmanager
    async def rig(self) -> AsyncIterator[Rig]:
        yield SimulatorRig()


def test_a_send_names_the_number_the_callback_and_how_long_the_text_is_of_use() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            await rig.gateway.send(out_text("t1", ANA, "Hello", useless_after=NOW + timedelta(minutes=20)))
            await rig.gateway.send(out_text("t2", ANA, "Hello"))
            callback = "https://peer.example.org/twilio/status"
            common = {"To": ANA, "From": NUMBER, "Body": "Hello", "StatusCallback": callback}
            assert rig.fake.forms == [common | {"ValidityPeriod": "1200"}, common]

    asyncio.run(story())


@pytest.mark.parametrize(("seconds", "period"), [(-60, "5"), (2, "5"), (90_000, "14400")])
def test_a_validity_period_stays_in_the_range_that_all_of_twilios_pages_allow(seconds: int, period: str) -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            await rig.gateway.send(out_text("t1", ANA, "Hello", useless_after=NOW + timedelta(seconds=seconds)))
            assert rig.fake.forms[0]["ValidityPeriod"] == period

    asyncio.run(story())


def test_with_a_messaging_service_the_carrier_chooses_the_number() -> None:
    async def story() -> None:
        async with twilio_rig(messaging_service=SERVICE) as rig:
            assert (await rig.gateway.send(out_text("t1", ANA, "Hello"))).state == "taken"
            assert rig.fake.forms[0]["MessagingServiceSid"] == SERVICE
            assert "From" not in rig.fake.forms[0]

    asyncio.run(story())


def test_a_member_hears_from_the_same_number_also_when_another_is_added() -> None:
    numbers = tuple(f"+1202555010{n}" for n in range(4))
    phones = [f"+13035550{n}" for n in range(100, 140)]

    async def senders(own: tuple[str, ...]) -> dict[str, str]:
        async with twilio_rig(numbers=own) as rig:
            for phone in phones:
                await rig.gateway.send(out_text(f"t{phone}", phone, "Hello"))
            return {form["To"]: form["From"] for form in rig.fake.forms}

    async def story() -> None:
        few, many = await senders(numbers[:3]), await senders(numbers)
        assert gateway(replace(SETTINGS, numbers=numbers)).capabilities.segments_per_second == 1
        assert set(few.values()) == set(numbers[:3])
        assert set(many.values()) == set(numbers)
        assert all(many[phone] in (few[phone], numbers[3]) for phone in phones)

    asyncio.run(story())


def test_a_carrier_that_hangs_leaves_the_outcome_unknown() -> None:
    async def story() -> None:
        async with twilio_rig(read_seconds=0.2) as rig:
            released = asyncio.Event()
            rig.fake.plan.append(Manner(waits=released))
            try:
                async with asyncio.timeout(120):
                    assert await rig.gateway.send(out_text("t1", ANA, "Hello")) == SendOutcome("t1", "unknown")
            finally:
                released.set()

    asyncio.run(story())


def test_a_send_that_hangs_holds_up_no_other() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            released, done = asyncio.Event(), []
            rig.fake.plan.append(Manner(waits=released))

            async def send(id: str, phone: str) -> None:
                await rig.gateway.send(out_text(id, phone, "Hello"))
                done.append(id)

            hanging = asyncio.create_task(send("t1", ANA))
            await rig.fake.called.wait()
            await send("t2", BEN)
            released.set()
            await hanging
            assert done == ["t2", "t1"]

    asyncio.run(story())


@pytest.mark.parametrize("takes", [True, False])
def test_a_dropped_connection_is_unknown_until_the_list_tells(takes: bool) -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            text = out_text("t1", ANA, "Hello")
            rig.fake.plan.append(Manner(drops=True, takes=takes))
            assert await rig.gateway.send(text) == SendOutcome("t1", "unknown")
            assert await rig.gateway.look_up(text) is None, "the carrier may still be at it"
            rig.clock.move(NOW + timedelta(seconds=30))
            found = await rig.gateway.look_up(text)
            assert found is not None
            assert found.state == ("taken" if takes else "later")

    asyncio.run(story())


def test_a_carrier_that_cannot_be_connected_to_has_surely_not_taken_the_text() -> None:
    async def story() -> None:
        socket, port = bind_unused_port()
        socket.close()
        away = gateway(replace(SETTINGS, base_url=f"http://127.0.0.1:{port}"))
        assert await away.send(out_text("t1", ANA, "Hello")) == SendOutcome("t1", "later")
        assert await away.look_up(out_text("t1", ANA, "Hello")) is None
        with pytest.raises(SmsmentorError):
            await away.missed(NOW)
        await away.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "manner",
    [
        Manner(body="<html>OK</html>"),
        Manner(body=""),
        Manner(body="null"),
        Manner(body="[]"),
        Manner(body='{"sid": null}'),
        Manner(body='{"sid": "who knows"}'),
        Manner(body='{"sid": 7}'),
        Manner(body="[" * 5000),
        Manner(status=502, body="<html>Bad gateway</html>", takes=False),
        Manner(status=500, body="[]", takes=False),
        refusing(503, 20503),
    ],
)
def test_an_answer_that_does_not_say_what_happened_is_unknown(manner: Manner) -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            rig.fake.plan.append(manner)
            assert (await rig.gateway.send(out_text("t1", ANA, "Hello"))).state == "unknown"

    asyncio.run(story())


def test_a_look_up_finds_a_text_still_queued_and_reads_past_a_trial_accounts_note() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            rig.fake.add("outbound-api", ANA, NUMBER, "A note of the carrier - Hello", error_code=30003)
            found = await rig.gateway.look_up(out_text("t1", ANA, "Hello"))
            assert found == SendOutcome("t1", "taken", rig.fake.messages[0]["sid"], 30003)

    asyncio.run(story())


def test_a_look_up_passes_over_the_same_words_from_before_the_text_was_queued() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            await rig.gateway.send(out_text("from another life", ANA, "Hello"))
            later = out_text("t1", ANA, "Hello", queued=NOW + timedelta(minutes=5))
            assert await rig.gateway.look_up(later) == SendOutcome("t1", "later")

    asyncio.run(story())


def test_a_look_up_does_not_conclude_from_a_list_cut_short() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            for _ in range(200):
                rig.fake.add("outbound-api", ANA, NUMBER, "Something else")
            assert await rig.gateway.look_up(out_text("t1", ANA, "Hello")) is None
            later = out_text("t2", ANA, "Hello", queued=NOW + timedelta(hours=1))
            assert await rig.gateway.look_up(later) == SendOutcome("t2", "later")

    asyncio.run(story())


def test_missed_texts_are_read_over_pages_and_only_ours_are_given() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            for n in range(1100):
                rig.fake.text(ANA, f"text {n}")
            rig.fake.text(ANA, "to another number", to="+12025550199")
            rig.fake.text("whatsapp:" + ANA, "from another channel")
            rig.fake.text("24273", "from a short code", num_media="1")
            missed = await rig.gateway.missed(NOW - timedelta(hours=1))
            assert [text.body for text in missed] == [f"text {n}" for n in range(1100)] + ["from a short code"]
            assert missed[-1].media == 1

    asyncio.run(story())


def test_half_a_character_on_the_list_becomes_a_question_mark() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            rig.fake.text(ANA, "half \ud83d and whole \U0001f642")
            assert [text.body for text in await rig.gateway.missed(NOW)] == ["half ? and whole \U0001f642"]

    asyncio.run(story())


def test_a_list_too_long_to_be_read_at_once_is_read_day_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio, "MISSED_ROWS", 4)

    async def story() -> None:
        async with twilio_rig() as rig:
            for day in range(4):
                rig.clock.move(NOW + timedelta(days=day))
                for n in range(3):
                    rig.fake.text(ANA, f"text {n} of day {day}")
            missed = await rig.gateway.missed(NOW)
            assert [text.body for text in missed] == [f"text {n} of day {day}" for day in range(4) for n in range(3)]

    asyncio.run(story())


def test_missed_texts_of_a_day_that_the_provider_leaves_out_are_found_too() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            rig.fake.day_itself = False
            sid = rig.text(ANA, "Hello")
            assert [text.id for text in await rig.gateway.missed(NOW)] == [sid]

    asyncio.run(story())


def test_rows_without_a_date_prove_nothing_and_stop_nothing() -> None:
    async def story() -> None:
        async with twilio_rig() as rig:
            undated = {"date_created": None, "date_sent": None}
            for _ in range(200):
                rig.fake.add("outbound-api", ANA, NUMBER, "Hello", **undated)
            assert await rig.gateway.look_up(out_text("t1", ANA, "Hello")) is None
            assert await rig.gateway.look_up(out_text("t2", BEN, "Hello")) == SendOutcome("t2", "later")
            rig.fake.text(ANA, "undated", date_created=None)
            assert await rig.gateway.missed(NOW) == []

    asyncio.run(story())


def test_missed_texts_of_a_service_come_by_the_service_or_by_number() -> None:
    async def story() -> None:
        async with twilio_rig(messaging_service=SERVICE) as rig:
            rig.fake.text(ANA, "by service", to="+12025550199", messaging_service_sid=SERVICE)
            rig.fake.text(ANA, "by number")
            rig.fake.text(ANA, "to others", to="+12025550199")
            sent = rig.fake.messages[0]["date_sent"]
            rig.fake.add("outbound-api", ANA, NUMBER, "from us", messaging_service_sid=SERVICE, date_sent=sent)
            assert [text.body for text in await rig.gateway.missed(NOW)] == ["by service", "by number"]

    asyncio.run(story())


def test_a_compatible_provider_is_reached_under_its_path_also_on_following_pages() -> None:
    async def story() -> None:
        clock = SetClock(NOW)
        fake = FakeTwilio(clock, prefix="/api/laml")
        own = gateway(replace(SETTINGS, base_url=f"{fake.url}/"), clock)
        assert (await own.send(out_text("t1", ANA, "Hello"))).state == "taken"
        for n in range(1001):
            fake.text(ANA, f"text {n}")
        assert len(await own.missed(NOW)) == 1001
        await own.close()
        await fake.close()
        assert fake.problems == []

    asyncio.run(story())


def send_once(settings: TwilioSettings = SETTINGS) -> SendOutcome:
    async def story() -> SendOutcome:
        own = gateway(settings)
        outcome = await own.send(out_text("t1", ANA, "Hello"))
        await own.close()
        return outcome

    return asyncio.run(story())


@responses.activate
def test_the_real_address_is_called_with_the_account_and_its_token() -> None:
    responses.post(CREATE_URL, status=201, json={"sid": "SM" + "a" * 32})
    assert send_once() == SendOutcome("t1", "taken", "SM" + "a" * 32)
    request = responses.calls[0].request
    assert request.headers["Authorization"] == requests.auth._basic_auth_str(ACCOUNT, TOKEN)
    assert parse_qs(str(request.body))["To"] == [ANA]


@responses.activate
def test_an_api_key_signs_calls_instead_of_the_token() -> None:
    responses.post(CREATE_URL, status=201, json={"sid": "SM" + "a" * 32})
    send_once(replace(SETTINGS, api_key="SK1", api_secret="secret"))
    assert responses.calls[0].request.headers["Authorization"] == requests.auth._basic_auth_str("SK1", "secret")


@responses.activate
@pytest.mark.parametrize(
    ("status", "code", "state", "account_wide"),
    [
        (400, 21610, "refused", False),
        (400, 21614, "refused", False),
        (400, 21617, "refused", False),
        (400, 99999, "refused", False),
        (400, 21611, "later", False),
        (400, 14107, "later", False),
        (429, 20429, "later", False),
        (429, None, "later", False),
        (401, 20003, "later", True),
        (400, 21606, "later", True),
        (403, 30002, "later", True),
        (400, 30034, "later", True),
        (404, 20404, "later", True),
        (404, None, "later", True),
        (307, None, "later", True),
        (408, None, "unknown", False),
        (500, 20500, "unknown", False),
        (504, None, "unknown", False),
    ],
)
def test_refusals_are_told_apart(status: int, code: int | None, state: str, account_wide: bool) -> None:
    body: dict[str, Any] = {"message": "No.", "status": status} | ({"code": code} if code else {})
    responses.post(CREATE_URL, status=status, json=body)
    outcome = send_once()
    assert (outcome.state, outcome.account_wide, outcome.code) == (state, account_wide, code or status)


@responses.activate
@pytest.mark.parametrize("code", [True, -1, 10**22, "21610", None, 1.5])
def test_a_code_that_is_no_number_of_theirs_is_the_answers_status(code: object) -> None:
    responses.post(CREATE_URL, status=400, json={"message": "No.", "status": 400, "code": code})
    outcome = send_once()
    assert (outcome.state, repr(outcome.code)) == ("refused", "400")


@responses.activate
def test_the_newer_form_of_an_error_is_understood_too() -> None:
    problem = {"type": "https://example.org/problem", "title": "No.", "status": 400, "code": 21610}
    responses.post(CREATE_URL, status=400, json=problem)
    assert send_once() == SendOutcome("t1", "refused", code=21610)


@responses.activate
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (requests.ConnectTimeout(), "later"),
        (requests.ReadTimeout(), "unknown"),
        (requests.ConnectionError(), "unknown"),
        (requests.exceptions.SSLError(), "unknown"),
        (requests.exceptions.ChunkedEncodingError(), "unknown"),
    ],
)
def test_faults_of_the_network_are_unknown_unless_no_connection_was_made(fault: Exception, state: str) -> None:
    responses.post(CREATE_URL, body=fault)
    assert send_once() == SendOutcome("t1", state)  # type: ignore[arg-type]


def test_no_number_and_no_words_reach_the_log_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with twilio_rig() as rig:
            secret = "my boss takes credit"
            rig.fake.plan += [
                Manner(),
                refusing(400, 21614),
                Manner(drops=True),
                Manner(body="?"),
                refusing(401, 20003),
            ]
            for n in range(5):
                await rig.gateway.send(out_text(f"t{n}", ANA, secret))
            await rig.gateway.look_up(out_text("t9", ANA, secret))
            rig.text(ANA, secret)
            await rig.gateway.missed(NOW)
            rig.fake.down = True
            await rig.gateway.look_up(out_text("t9", ANA, secret))

    asyncio.run(story())
    ours = [r for r in caplog.records if not r.name.startswith(("asyncio", "tornado"))]
    assert len([record for record in ours if record.name == "smsmentor.gateways.twilio"]) == 5
    written = "\n".join(record.getMessage() + str(record.exc_info) for record in ours)
    assert not any(part in written for part in (ANA[1:], NUMBER[1:], "credit", TOKEN))


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(replace(SETTINGS, api_key="SK1", api_secret="a secret"))
    assert TOKEN not in shown
    assert "a secret" not in shown


def test_good_settings_have_no_problems() -> None:
    assert problems(SETTINGS) == []
    assert problems(replace(SETTINGS, numbers=(), messaging_service=SERVICE)) == []
    assert problems(replace(SETTINGS, account_sid="a-uuid", base_url="https://space.example.org/api/laml")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_sid": ""},
        {"account_sid": "a-uuid"},
        {"auth_tokens": ()},
        {"auth_tokens": ("good", "")},
        {"auth_tokens": (" good",)},
        {"api_key": "SK1"},
        {"numbers": ()},
        {"numbers": ("2025550100",)},
        {"messaging_service": "MG1"},
        {"public_url": ""},
        {"public_url": "peer.example.org"},
        {"public_url": "https://"},
        {"public_url": "https://my_host.example.org"},
        {"public_url": "https://peer.example.org?x=1"},
        {"public_url": "https://peer.example.org#rc=3"},
        {"public_url": "https://peer.example.org:port"},
        {"public_url": "https://b\u00fccher.example.org"},
        {"base_url": "localhost:8000"},
    ],
)
def test_each_wrong_setting_is_one_problem(wrong: dict[str, Any]) -> None:
    assert len(problems(replace(SETTINGS, **wrong))) == 1


def test_every_carrier_code_has_a_class_a_short_meaning_and_a_sensible_wait() -> None:
    assert len(list(CODES)) > 60
    for code in CODES:
        known = CODES.of(code)
        assert known is not None
        assert known.kind in STATES
        assert 10 < len(known.meaning) < 120
        assert known.meaning.endswith(".")
        assert known.kind == "later" or not known.wait_minutes


def test_a_code_with_an_unknown_class_stops_the_start() -> None:
    with pytest.raises(ValueError, match="21610"):
        CarrierCodes({"codes": {"21610": {"class": "opted_out", "meaning": "A slip."}}})
