"""The carrier is told where texts go, after showing what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest
import requests
import responses
from click.testing import CliRunner, Result

from smsmentor.carrier_setup import CarrierSetup, Change
from smsmentor.cli import main
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.model import Member
from smsmentor.errors import SmsmentorError
from smsmentor.gateways.twilio import TwilioSettings
from smsmentor.ports import Changes
from smsmentor.stores.tinydb import TinyDBStore

pytestmark = pytest.mark.usefixtures("words_read_once")

NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ACCOUNT, TOKEN = "AC" + "0" * 32, "a token of the tests"
NUMBER, OTHER = "+12125550198", "+12125550199"
SERVICE = "MG" + "0" * 32
PUBLIC = "https://sms.example.org"
FALLBACK = "https://static.example.org/down.xml"
SMS_URL = f"{PUBLIC}/twilio/sms#rc=3&rp=ct,rt,5xx"

NUMBER_FIELDS = {"SmsUrl", "SmsMethod", "SmsFallbackUrl", "SmsFallbackMethod", "SmsApplicationSid"}
SERVICE_FIELDS = {
    "InboundRequestUrl", "InboundMethod", "FallbackUrl", "FallbackMethod", "StatusCallback",
    "UseInboundWebhookOnNumber", "StickySender",
}  # fmt: skip


class Carrier:
    """The two resources that hold webhook addresses, as the API gives them; unknown fields are refused."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.numbers: dict[str, dict[str, Any]] = {}
        self.service: dict[str, Any] = {"sid": SERVICE, "use_inbound_webhook_on_number": True, "sticky_sender": False}
        self.posts: list[dict[str, str]] = []
        api = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"
        for place, number in enumerate((NUMBER, OTHER)):
            sid = f"PN{place:032x}"
            self.numbers[number] = {
                "sid": sid, "phone_number": number, "sms_url": "https://demo.example.org/welcome", "sms_method": "POST",
                "sms_application_sid": "AP" + "0" * 32, "capabilities": {"sms": True, "mms": True, "voice": True},
            }  # fmt: skip
            mock.add_callback(responses.POST, f"{api}/{sid}.json", self._update(self.numbers[number], NUMBER_FIELDS))
        mock.add_callback(responses.GET, f"{api}.json", self._list)
        service = f"https://messaging.twilio.com/v1/Services/{SERVICE}"
        mock.add_callback(responses.GET, service, lambda _: (200, {}, json.dumps(self.service)))
        mock.add_callback(responses.POST, service, self._update(self.service, SERVICE_FIELDS))

    def _list(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert request.url is not None
        wanted = dict(parse_qsl(request.url.partition("?")[2]))["PhoneNumber"]
        found = [number for number in self.numbers.values() if number["phone_number"] == wanted]
        page = {"incoming_phone_numbers": found, "next_page_uri": None, "page": 0, "page_size": 1}
        return 200, {}, json.dumps(page)

    def _update(self, resource: dict[str, Any], known: set[str]) -> Any:
        def update(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            form = dict(parse_qsl(str(request.body), keep_blank_values=True))
            assert set(form) <= known
            self.posts.append(form)
            for name, value in form.items():
                snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
                resource[snake] = {"true": True, "True": True, "false": False, "False": False}.get(value, value)
            return 200, {}, json.dumps(resource)

        return update


@pytest.fixture
def at_carrier() -> Iterator[Carrier]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Carrier(mock)


def account(**more: Any) -> TwilioSettings:
    return TwilioSettings(ACCOUNT, (TOKEN,), PUBLIC, **({"numbers": (NUMBER, OTHER)} | more))


def run(tmp_path: Path, *args: str, answer: str = "", **more: str) -> Result:
    environment = {
        "SMSMENTOR_DATA": str(tmp_path),
        "SMSMENTOR_TWILIO_ACCOUNT_SID": ACCOUNT,
        "SMSMENTOR_TWILIO_AUTH_TOKEN": TOKEN,
        "SMSMENTOR_TWILIO_NUMBERS": NUMBER,
        "SMSMENTOR_PUBLIC_URL": PUBLIC,
    } | more
    return CliRunner(env=environment).invoke(main, args, input=answer)


def test_each_number_is_pointed_here_and_an_application_that_would_win_is_taken_off(at_carrier: Carrier) -> None:
    setup = CarrierSetup(account())
    changes = setup.changes(PUBLIC, FALLBACK)
    assert Change(NUMBER, f"PN{0:032x}", "sms_url", "https://demo.example.org/welcome", SMS_URL) in changes
    assert {change.name for change in changes} == {
        "sms_url", "sms_application_sid", "sms_fallback_url", "sms_fallback_method",
    }  # fmt: skip
    setup.apply(changes)
    assert len(at_carrier.posts) == 2
    assert at_carrier.numbers[OTHER]["sms_fallback_url"] == FALLBACK
    assert setup.changes(PUBLIC, FALLBACK) == []


def test_a_messaging_service_gets_all_of_it_and_keeps_each_member_on_one_number(at_carrier: Carrier) -> None:
    setup = CarrierSetup(account(messaging_service=SERVICE, numbers=()))
    setup.apply(setup.changes(f"{PUBLIC}/"))
    assert setup.changes(PUBLIC) == []
    assert at_carrier.service["inbound_request_url"] == SMS_URL
    assert at_carrier.service["status_callback"] == f"{PUBLIC}/twilio/status"
    assert at_carrier.service["use_inbound_webhook_on_number"] is False
    assert at_carrier.service["sticky_sender"] is True
    assert "fallback_url" not in at_carrier.service


def test_a_number_that_is_not_ours_or_cannot_text_is_named(at_carrier: Carrier) -> None:
    with pytest.raises(SmsmentorError, match="has no number"):
        CarrierSetup(account(numbers=("+12125550150",))).changes(PUBLIC)
    at_carrier.numbers[NUMBER]["capabilities"] = {"sms": False}
    with pytest.raises(SmsmentorError, match="cannot send or receive"):
        CarrierSetup(account()).changes(PUBLIC)


@responses.activate
def test_a_carrier_that_refuses_or_is_not_there_is_a_sentence_and_no_trace() -> None:
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    responses.get(url, status=401, json={"code": 20003, "message": "Authenticate", "status": 401})
    with pytest.raises(SmsmentorError, match="The carrier refused: HTTP 401"):
        CarrierSetup(account()).changes(PUBLIC)
    for body in ("<html>a page of a proxy</html>", "{}"):
        responses.replace(responses.GET, url, body=body)
        with pytest.raises(SmsmentorError, match="answer cannot be read"):
            CarrierSetup(account()).changes(PUBLIC)
    responses.replace(responses.GET, url, body=requests.ConnectTimeout())
    with pytest.raises(SmsmentorError, match="cannot be reached: ConnectTimeout"):
        CarrierSetup(account()).changes(PUBLIC)


def test_setup_shows_what_changes_and_changes_nothing_when_told_no(at_carrier: Carrier, tmp_path: Path) -> None:
    result = run(tmp_path, "carrier", "setup", "--public-url", PUBLIC, answer="n\n")
    assert "  - https://demo.example.org/welcome\n  + " + SMS_URL in result.output
    assert at_carrier.posts == []


def test_setup_then_check_is_fine(at_carrier: Carrier, tmp_path: Path) -> None:
    assert run(tmp_path, "carrier", "check").exit_code == 1
    done = run(tmp_path, "carrier", "setup", "--public-url", PUBLIC, "--fallback-url", FALLBACK, "--yes")
    assert (done.exit_code, done.output.endswith("Done.\n")) == (0, True)
    checked = run(tmp_path, "carrier", "check", "--fallback-url", FALLBACK)
    assert (checked.exit_code, checked.output) == (0, "All is set at the carrier as it should be.\n")


def test_setup_says_what_else_is_needed(at_carrier: Carrier, tmp_path: Path) -> None:
    result = run(tmp_path, "carrier", "setup", "--public-url", "https://new.example.org", "--yes")
    assert "Set SMSMENTOR_PUBLIC_URL=https://new.example.org too" in result.output
    assert "No fallback URL" in result.output


@pytest.mark.parametrize("url", ["http://sms.example.org", "sms.example.org", "https://sms.example.org/#rc=1"])
def test_an_address_that_the_carrier_cannot_use_is_refused_first(url: str, tmp_path: Path) -> None:
    result = run(tmp_path, "carrier", "setup", "--public-url", url)
    assert result.exit_code == 1
    assert "is not an address" in result.output


def test_without_an_account_there_is_nothing_to_set_up(tmp_path: Path) -> None:
    nothing = dict.fromkeys(
        ("SMSMENTOR_TWILIO_ACCOUNT_SID", "SMSMENTOR_TWILIO_AUTH_TOKEN", "SMSMENTOR_TWILIO_NUMBERS"), ""
    )
    result = run(tmp_path, "carrier", "check", **nothing)
    assert result.exit_code == 1
    assert "the phones are simulated" in result.output


def test_resume_says_when_there_is_nothing_to_resume(tmp_path: Path) -> None:
    TinyDBStore(tmp_path / "smsmentor.db").close()
    assert run(tmp_path, "carrier", "resume").output == "Sending is not stopped.\n"


def test_an_operator_sees_who_is_parked_and_why_and_vouches_for_somebody(tmp_path: Path) -> None:
    TinyDBStore(tmp_path / "smsmentor.db").close()
    assert run(tmp_path, "carrier", "parked").output == "Everybody can be texted.\n"
    with closing(TinyDBStore(tmp_path / "smsmentor.db")) as store:
        given_up = [
            Member("m-1", "+12125550101", NOW, state="suspended", mentor=True, alias="Ben", parked=30006),
            Member("m-2", "+12125550102", NOW, state="suspended", parked=0),
            Member("m-3", "", NOW, state="suspended", parked=30005),
        ]

        async def give_up() -> None:
            await store.transact(None, lambda reader: Changes(given_up), now=NOW)

        asyncio.run(give_up())
    shown = run(tmp_path, "carrier", "parked").output
    assert "m-1  Ben, mentor. 30006: This is a landline" in shown
    assert "m-2  (no alias), mentee. They said: wrong number." in shown
    assert "m-3" not in shown, "the number belongs to somebody else now"
    assert "+1" not in shown
    assert run(tmp_path, "carrier", "vouch", "m-1").output == "Ben is texted again from now on.\n"
    assert "m-1" not in run(tmp_path, "carrier", "parked").output
    again = run(tmp_path, "carrier", "vouch", "m-1")
    assert (again.exit_code, "is not parked" in again.output) == (1, True)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_fallbacks_answer_is_twiml_of_one_segment_with_the_crisis_lines(lang: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "carrier", "fallback", "--lang", lang, SMSMENTOR_NAME="Peers & Co").output
    response = ElementTree.fromstring(shown.encode())
    assert (response.tag, [child.tag for child in response]) == ("Response", ["Message"])
    words = response[0].text or ""
    assert words.startswith("Peers & Co: ")
    assert "988" in words
    assert (encoding(words), segments(words)) == ("GSM-7", 1)


def test_the_documented_fallback_is_what_the_command_prints(tmp_path: Path) -> None:
    shown = run(tmp_path, "carrier", "fallback").output
    assert f"```xml\n{shown}```" in (Path(__file__).parents[1] / "docs" / "carrier.md").read_text(encoding="utf-8")
    assert "messages in en, es" in run(tmp_path, "carrier", "fallback", "--lang", "xx").output
