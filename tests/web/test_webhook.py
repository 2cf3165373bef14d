"""The webhooks through a real server: only what the carrier signed gets in, and only what was kept is answered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from twilio.request_validator import RequestValidator

from handlers.base import InFlight, NotFound, log_request
from handlers.front import in_front
from handlers.health import AliveHandler, ReadyHandler
from handlers.sms import SmsHandler
from handlers.status import StatusHandler
from smsmentor.core.events import Inbound, Receipt
from smsmentor.errors import NotConfirmed, StoreBusy, StoreError, StoreUnwritable
from smsmentor.gateways.signature import sign
from smsmentor.gateways.twilio import TwilioSettings, TwilioWebhook
from smsmentor.ports import SetClock
from tests.contract.gateways import ANA, NOW, out_text
from tests.contract.test_gateways import TwilioRig
from tests.web.fake_twilio import ACCOUNT, NUMBER, SERVICE, TOKEN, Manner, post_signed

SID = "SM" + "0123456789abcdef" * 2
WORDS = "How do I ask my boss?"
TEXT = {
    "AccountSid": ACCOUNT,
    "MessageSid": SID,
    "From": ANA,
    "To": NUMBER,
    "Body": WORDS,
    "NumMedia": "0",
    "FromCity": "",
    "SomethingNew": "2027",
}
REPORT = {"AccountSid": ACCOUNT, "MessageSid": SID, "MessageStatus": "delivered", "From": NUMBER, "To": ANA}


class Recorder:
    """A service that keeps what it is given, or fails as it is told."""

    def __init__(self) -> None:
        self.events: list[Inbound | Receipt] = []
        self.tried = 0
        self.fault: Exception | None = None
        self.entered = asyncio.Event()
        self.commit = asyncio.Event()
        self.commit.set()

    async def receive(self, event: Inbound | Receipt) -> None:
        self.tried += 1
        self.entered.set()
        await self.commit.wait()
        if self.fault is not None:
            raise self.fault
        self.events.append(event)


class House:
    """A server with the webhooks on loopback. Its public address is the one that tests post to."""

    front: ClassVar[bool] = True
    """Whether the front serves what it can, as in the real one, or hands all to Tornado."""
    idle_seconds: ClassVar[float] = 75
    bounds: ClassVar[dict[str, Any]] = {"max_body_size": 64 * 1024}

    def __init__(self, **settings: Any) -> None:
        socket, port = bind_unused_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = replace(TwilioSettings(ACCOUNT, (TOKEN, "old"), self.url, numbers=(NUMBER,)), **settings)
        self.service, self.in_flight, self.unready = Recorder(), InFlight(), list[str]()
        signed = {"webhook": TwilioWebhook(self.settings), "service": self.service, "clock": SetClock(NOW)}
        routes: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
            ("/twilio/sms", SmsHandler, signed),
            ("/twilio/status", StatusHandler, signed),
            ("/healthz", AliveHandler, {"version": "1.2.3"}),
            ("/readyz", ReadyHandler, {"reasons": lambda: self.unready}),
        ]
        application = Application(
            routes, default_handler_class=NotFound, log_function=log_request, in_flight=self.in_flight
        )
        server = HTTPServer(application, idle_connection_timeout=self.idle_seconds, **self.bounds)
        self.server = in_front(server, routes if self.front else [], self.in_flight, self.idle_seconds)
        self.listener = socket
        self.server.add_socket(socket)

    async def get(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(self.url + path, method=method, headers=headers, raise_error=False)

    async def sms(self, **changes: str) -> HTTPResponse:
        return await post_signed(f"{self.url}/twilio/sms", TEXT | changes)

    async def status(self, **changes: str) -> HTTPResponse:
        return await post_signed(f"{self.url}/twilio/status", REPORT | changes)

    async def raw(
        self, body: bytes | str, *signatures: str, kind: str = "application/x-www-form-urlencoded"
    ) -> HTTPResponse:
        headers = HTTPHeaders({"Content-Type": kind})
        for signature in signatures:
            headers.add("X-Twilio-Signature", signature)
        return await AsyncHTTPClient().fetch(
            f"{self.url}/twilio/sms", method="POST", body=body, headers=headers, raise_error=False
        )

    def signature(self, form: dict[str, Any], *, path: str = "/twilio/sms", token: str = TOKEN) -> str:
        return str(RequestValidator(token).compute_signature(self.url + path, form))


@pytest.fixture(autouse=True, params=[False, True], ids=["tornado", "front"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Everything holds with and without the front."""
    monkeypatch.setattr(House, "front", request.param)
    return bool(request.param)


@asynccontextmanager
async def open_house(**settings: Any) -> AsyncIterator[House]:
    house = House(**settings)
    try:
        yield house
    finally:
        house.server.stop()
        await house.server.close_all_connections()


def visit(story: Callable[[House], Awaitable[None]], **settings: Any) -> None:
    async def visited() -> None:
        async with open_house(**settings) as house:
            await story(house)

    asyncio.run(visited())


def test_a_signed_text_becomes_one_event_and_is_answered_with_nothing_to_say() -> None:
    async def story(house: House) -> None:
        answer = await house.sms()
        assert house.service.events == [Inbound(SID, ANA, WORDS, NOW, to=NUMBER)]
        assert answer.code == 200
        assert answer.headers["Content-Type"].startswith("text/xml")
        root = ElementTree.fromstring(answer.body)
        assert (root.tag, list(root), root.text) == ("Response", [], None)

    visit(story)


def test_both_ways_give_the_same_answer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers: list[tuple[int, dict[str, str], bytes]] = []

    async def story(house: House) -> None:
        response = await house.sms()
        assert response.headers.pop("Date").endswith(" GMT")
        answers.append((response.code, dict(response.headers), response.body))
        assert "200 POST /twilio/sms" in caplog.text

    for front in (False, True):
        monkeypatch.setattr(House, "front", front)
        caplog.clear()
        visit(story)
    assert answers[0] == answers[1]


def test_the_answer_waits_until_the_text_is_kept() -> None:
    async def story(house: House) -> None:
        house.service.commit.clear()
        asking = asyncio.create_task(house.sms())
        await house.service.entered.wait()
        assert (await house.get("/healthz")).code == 200, "others are served meanwhile"
        assert not asking.done()
        house.service.commit.set()
        assert (await asking).code == 200

    visit(story)


@pytest.mark.parametrize(
    "body",
    ["", "  blanks  \n", "tab\tand\x07bell", "caf\u00e9 \u20ac \u65e5\u672c \U0001f600", "a=b&c+d%20;e", "x" * 1600],
)
def test_a_body_is_kept_to_the_character(body: str) -> None:
    async def story(house: House) -> None:
        assert (await house.sms(Body=body)).code == 200
        assert house.service.events == [Inbound(SID, ANA, body, NOW, to=NUMBER)]

    visit(story)


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        (
            {"MessageSid": "MM" + "f" * 32, "NumMedia": "2"},
            Inbound("MM" + "f" * 32, ANA, WORDS, NOW, media=2, to=NUMBER),
        ),
        ({"From": "24273"}, Inbound(SID, "24273", WORDS, NOW, to=NUMBER)),
        ({"From": "MyBank 24"}, Inbound(SID, "MyBank 24", WORDS, NOW, to=NUMBER)),
        ({"OptOutType": "STOP", "Body": "Stop"}, Inbound(SID, ANA, "Stop", NOW, opt_out="stop", to=NUMBER)),
        ({"OptOutType": "START"}, Inbound(SID, ANA, WORDS, NOW, opt_out="start", to=NUMBER)),
        ({"OptOutType": "HELP"}, Inbound(SID, ANA, WORDS, NOW, opt_out="help", to=NUMBER)),
        ({"OptOutType": "NEW"}, Inbound(SID, ANA, WORDS, NOW, to=NUMBER)),
    ],
)
def test_what_the_carrier_adds_is_understood(changes: dict[str, str], event: Inbound) -> None:
    async def story(house: House) -> None:
        assert (await house.sms(**changes)).code == 200
        assert house.service.events == [event]

    visit(story)


def test_a_text_to_any_number_of_our_service_is_ours() -> None:
    async def story(house: House) -> None:
        assert (await house.sms(To="+12025550199", MessagingServiceSid=SERVICE)).code == 200
        assert (await house.sms(To="+12025550199", MessagingServiceSid="MG" + "f" * 32)).code == 400
        assert len(house.service.events) == 1

    visit(story, messaging_service=SERVICE)


@pytest.mark.parametrize(
    "changes",
    [
        {"AccountSid": "AC" + "f" * 32},
        {"AccountSid": ""},
        {"MessageSid": ""},
        {"MessageSid": SID[:-1]},
        {"MessageSid": SID + "0"},
        {"MessageSid": SID + "\n"},
        {"MessageSid": "XX" + SID[2:]},
        {"To": "+12025550199"},
        {"To": "whatsapp:" + NUMBER},
        {"From": ""},
        {"From": "whatsapp:" + ANA},
        {"From": ANA + " "},
        {"From": "12"},
        {"From": NUMBER},
        {"From": "<script>"},
        {"From": "\u0661\u0662\u0663\u0664\u0665"},
        {"NumMedia": "-1"},
        {"NumMedia": "many"},
        {"NumMedia": "\u0661"},
        {"Body": "x" * 3201},
    ],
)
def test_a_signed_form_that_is_no_text_for_us_is_refused_and_nothing_is_kept(
    changes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(house: House) -> None:
        assert (await house.sms(**changes)).code == 400
        assert house.service.events == []

    visit(story)
    assert_quiet(caplog)


@pytest.mark.parametrize("missing", ["AccountSid", "MessageSid", "From", "To", "Body"])
def test_a_form_without_what_every_text_has_is_refused(missing: str) -> None:
    async def story(house: House) -> None:
        form = {name: value for name, value in TEXT.items() if name != missing}
        assert (await post_signed(f"{house.url}/twilio/sms", form)).code == 400
        assert house.service.events == []

    visit(story)


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Neither words nor numbers nor the signature's key are in the log."""
    written = "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.records)
    assert "/twilio/" in written
    assert not any(part in written for part in ("boss", ANA[1:], NUMBER[1:], TOKEN))


def test_a_text_cut_anew_from_a_signed_one_is_refused() -> None:
    async def story(house: House) -> None:
        body = f"hello{'From'}+12025550199"
        signature = house.signature(TEXT | {"Body": body})
        cut = {name: value for name, value in TEXT.items() if name not in ("From", "Body")}
        for recut in (
            cut | {"Body": f"{body}From{ANA}", "FromCity": ""},
            cut | {"Body": "hello", "From": f"+12025550199FromCityFrom{ANA}"},
            TEXT | {"Body": body, "MessageSid": "", "MessageSi": f"d{SID}"},
        ):
            assert (await house.raw(urlencode(recut), signature)).code in (400, 403)
        assert house.service.events == []

    visit(story)


@pytest.mark.parametrize("hides", ["Zz", "ToZip", "ToCity", "SmsStatus"])
def test_a_whole_form_in_the_words_of_another_is_doubtful(hides: str) -> None:
    """Who sees the signature of an own text could make another's of it: what stood behind the words gives it away."""

    async def story(house: House) -> None:
        named = {name: value for name, value in (TEXT | {"ToCity": "WASHINGTON"}).items() if name != "SomethingNew"}
        behind = "".join(f"{name}{value}" for name, value in sorted(named.items()) if name > "Body")
        victim = {"From": "+12025550199", "MessageSid": "SM" + "ab" * 16, "NumMedia": "0", "To": NUMBER}
        made_up = dict(sorted((victim | {hides: ""}).items()))
        before = "".join(f"{name}{value}" for name, value in made_up.items() if name <= hides)
        after = {name: value for name, value in made_up.items() if name > hides}
        forged = {"AccountSid": ACCOUNT, "Body": "FORGET ME"} | {n: v for n, v in made_up.items() if n <= hides}
        forged[hides] = behind + "".join(f"{name}{value}" for name, value in after.items())
        signature = house.signature(named | {"Body": "FORGET ME" + before})
        if after:
            # What comes after the hiding place would have to stand behind what the carrier wrote: it cannot.
            assert house.signature(forged | after) != signature
            return
        assert house.signature(forged) == signature
        assert (await house.raw(urlencode(forged), signature)).code == 200
        (event,) = house.service.events
        assert isinstance(event, Inbound)
        assert (event.sender, event.body, event.doubtful) == ("+12025550199", "FORGET ME", True)

    visit(story)


def test_the_log_says_why_a_text_was_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def story(house: House) -> None:
        house.service.fault = StoreUnwritable("/srv/data/smsmentor.db: database or disk is full")
        assert (await house.sms()).code == 503

    visit(story)
    assert "nothing was kept: the disk would not do it" in caplog.text
    assert "/srv/data" not in caplog.text


def test_a_doubtful_text_that_is_not_confirmed_is_not_kept_and_may_come_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story(house: House) -> None:
        house.service.fault = NotConfirmed(SID)
        assert (await house.sms(FromCity="a+b")).code == 503

    visit(story)
    assert_quiet(caplog)


def test_without_one_right_signature_nothing_is_kept_and_nothing_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(house: House) -> None:
        form, right = urlencode(TEXT), house.signature(TEXT)
        for signatures in (
            [],
            [""],
            ["AAAA"],
            [right[:-2] + ("E=" if right[-2] == "A" else "A=")],
            [right, right],
            ["AAAA", right],
            [f"{right},{right}"],
            [house.signature(TEXT, token="another")],
            [house.signature(TEXT, path="/twilio/status")],
            [house.signature(TEXT | {"Body": "other words"})],
        ):
            answer = await house.raw(form, *signatures)
            assert (answer.code, answer.body) == (403, b"403 Forbidden\n"), signatures
        assert house.service.events == []
        assert (await house.raw(form, right)).code == 200

    visit(story)
    assert_quiet(caplog)


def test_the_token_that_is_being_rotated_out_still_signs() -> None:
    async def story(house: House) -> None:
        assert (await house.raw(urlencode(TEXT), house.signature(TEXT, token="old"))).code == 200

    visit(story)


def test_the_configured_address_is_believed_and_not_the_host_header() -> None:
    async def story(house: House) -> None:
        url, form = "https://peer.example.org/twilio/sms?route=1&x=%20", urlencode(TEXT)
        signature = RequestValidator(TOKEN).compute_signature(url, TEXT)
        kind = "application/x-www-form-urlencoded"
        for host in ("internal:8080", "peer.example.org", "evil.example.net"):
            answer = await AsyncHTTPClient().fetch(
                f"{house.url}/twilio/sms?route=1&x=%20",
                method="POST",
                body=form,
                headers={"Host": host, "Content-Type": kind, "X-Twilio-Signature": signature},
                raise_error=False,
            )
            assert answer.code == 200, host

    visit(story, public_url="https://peer.example.org")


@pytest.mark.parametrize("name", ["AccountSid", "MessageSid", "From", "To", "Body", "NumMedia", "OptOutType"])
def test_a_parameter_that_comes_twice_is_refused_even_if_it_is_the_same(name: str) -> None:
    async def story(house: House) -> None:
        form = TEXT | {"OptOutType": "HELP"}
        body = urlencode([*form.items(), (name, form[name])])
        assert (await house.raw(body, house.signature(form))).code == 400
        assert house.service.events == []

    visit(story)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 400),
        ("application/x-www-form-urlencodedly", 415),
        ("application/x-www-form-urlencoded; charset=UTF-8", 200),
        ("", 415),
    ],
)
def test_only_forms_are_read(kind: str, code: int) -> None:
    async def story(house: House) -> None:
        assert (await house.raw(urlencode(TEXT), house.signature(TEXT), kind=kind)).code == code
        assert len(house.service.events) == (code == 200)

    visit(story)


@pytest.mark.parametrize(
    "body",
    [b"Body=%ff%fe", b"\xff\xfe\x00", b"&&&&", b"=", b"%", b"a=1&" * 2000, b"x" * 70_000],
    ids=["not UTF-8", "noise", "separators", "equals", "percent", "too many fields", "too long"],
)
def test_a_body_that_is_no_form_is_refused_and_the_server_goes_on(body: bytes) -> None:
    async def story(house: House) -> None:
        assert 400 <= (await house.raw(body, house.signature({}))).code < 500
        assert house.service.events == []
        assert (await house.sms()).code == 200

    visit(story)


def test_signed_words_that_are_not_utf8_are_refused() -> None:
    async def story(house: House) -> None:
        form = {name: [value.encode()] for name, value in TEXT.items()} | {"Body": [b"caf\xe9"]}
        signature = sign(TOKEN, f"{house.url}/twilio/sms", form)
        assert (await house.raw(urlencode(form, doseq=True), signature)).code == 400
        assert house.service.events == []

    visit(story)


@pytest.mark.parametrize("fault", [StoreBusy("busy"), StoreError("full: my boss")])
def test_a_text_that_could_not_be_kept_is_not_acknowledged(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(house: House) -> None:
        house.service.fault = fault
        assert (await house.sms()).code == 503
        house.service.fault = None
        assert (await house.sms()).code == 200
        assert len(house.service.events) == 1

    visit(story)
    assert_quiet(caplog)


def test_a_fault_of_ours_is_logged_by_its_place_and_never_by_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def story(house: House) -> None:
        house.service.fault = KeyError(f"{WORDS} {ANA}")
        answer = await house.sms()
        assert (answer.code, answer.body) == (500, b"500 Internal Server Error\n")

    visit(story)
    assert_quiet(caplog)
    assert "KeyError" in caplog.text
    assert "in receive" in caplog.text


@pytest.mark.parametrize("path", ["/twilio/sms", "/twilio/status"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_webhooks_take_posts_only(path: str, method: str) -> None:
    async def story(house: House) -> None:
        answer = await house.get(f"{path}?{urlencode(TEXT)}", method)
        assert (answer.code, answer.headers["Allow"]) == (405, "POST")
        assert house.service.events == []

    visit(story)


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({}, Receipt(SID, "delivered")),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, Receipt(SID, "undelivered", 30003)),
        ({"MessageStatus": "sent", "ErrorCode": ""}, Receipt(SID, "sent")),
        ({"MessageStatus": "partially_delivered"}, Receipt(SID, "partially_delivered")),
    ],
)
def test_a_delivery_report_becomes_a_receipt(changes: dict[str, str], event: Receipt) -> None:
    async def story(house: House) -> None:
        answer = await house.status(**changes)
        assert (answer.code, answer.body) == (204, b"")
        assert house.service.events == [event]

    visit(story)


@pytest.mark.parametrize(
    "changes",
    [
        {"AccountSid": "AC" + "f" * 32},
        {"MessageSid": "SM1"},
        {"MessageStatus": ""},
        {"MessageStatus": "<b>"},
        {"ErrorCode": "x"},
        {"ErrorCode": "-1"},
    ],
)
def test_a_report_that_is_none_is_refused(changes: dict[str, str]) -> None:
    async def story(house: House) -> None:
        assert (await house.status(**changes)).code == 400
        assert house.service.events == []

    visit(story)


def test_an_unsigned_report_is_refused() -> None:
    async def story(house: House) -> None:
        answer = await post_signed(f"{house.url}/twilio/status", REPORT, token="another")
        assert answer.code == 403
        assert house.service.events == []

    visit(story)


def test_a_report_that_comes_twice_before_the_send_has_returned_is_taken() -> None:
    async def story() -> None:
        async with open_house() as house:
            rig = TwilioRig(public_url=house.url)
            rig.fake.plan.append(Manner(callbacks=("sent", "sent")))
            outcome = await rig.gateway.send(out_text("t1", ANA, "Hello"))
            # The peer answers the send only after its reports were taken, all on one loop: it was never blocked.
            assert house.service.events == [Receipt(outcome.provider_id, "sent")] * 2
            assert outcome.state == "taken"
            await rig.gateway.close()
            await rig.fake.close()
            assert rig.fake.problems == []

    asyncio.run(story())


def test_a_listed_text_and_its_webhook_are_the_same_text() -> None:
    async def story() -> None:
        async with open_house() as house:
            rig = TwilioRig()
            message = rig.fake.text(ANA, WORDS)
            assert (await rig.fake.deliver(f"{house.url}/twilio/sms", message)).code == 200
            (event,), (missed,) = house.service.events, await rig.gateway.missed(NOW)
            assert isinstance(event, Inbound)
            assert (event.id, event.sender, event.body) == (missed.id, missed.sender, missed.body)
            await rig.gateway.close()
            await rig.fake.close()

    asyncio.run(story())


def test_a_carrier_that_hangs_up_early_leaves_nothing_in_hand() -> None:
    async def story(house: House) -> None:
        house.service.commit.clear()
        body = urlencode(TEXT).encode()
        head = (
            "POST /twilio/sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {house.signature(TEXT)}\r\n\r\n"
        )
        _, writer = await asyncio.open_connection(*house.url.removeprefix("http://").split(":"))
        writer.write(head.encode() + body)
        await house.service.entered.wait()
        writer.close()
        await writer.wait_closed()
        house.service.commit.set()
        assert await house.in_flight.drained(60)
        assert house.service.events == [Inbound(SID, ANA, WORDS, NOW, to=NUMBER)]

    visit(story)


def test_health_tells_alive_from_ready() -> None:
    async def story(house: House) -> None:
        assert json.loads((await house.get("/healthz")).body) == {"alive": True, "version": "1.2.3"}
        ready = await house.get("/readyz")
        assert (ready.code, json.loads(ready.body)) == (200, {"ready": True, "reasons": []})
        house.unready.append("The store is busy.")
        ready = await house.get("/readyz")
        assert (ready.code, json.loads(ready.body)) == (503, {"ready": False, "reasons": ["The store is busy."]})
        assert (await house.get("/healthz")).code == 200
        assert ((await house.get("/readyz", "HEAD")).code, (await house.get("/healthz", "HEAD")).code) == (503, 200)

    visit(story)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/twilio/sms", "/nowhere"])
def test_every_answer_has_the_security_headers(path: str) -> None:
    async def story(house: House) -> None:
        headers = (await house.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers

    visit(story)


def test_errors_are_a_plain_line_or_json_for_those_who_ask() -> None:
    async def story(house: House) -> None:
        plain, asked = await house.get("/<b>"), await house.get("/nowhere", Accept="application/json")
        assert (plain.code, plain.body) == (404, b"404 Not Found\n")
        assert plain.headers["Content-Type"].startswith("text/plain")
        assert (asked.code, json.loads(asked.body)) == (404, {"error": "Not Found"})

    visit(story)


def test_paths_are_logged_without_their_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(house: House) -> None:
        await house.get(f"/nowhere?{urlencode(TEXT)}")
        await house.get(f"/twilio/sms?{urlencode(TEXT)}")

    visit(story)
    assert_quiet(caplog)


def test_a_shutdown_waits_for_what_is_in_hand() -> None:
    async def story(house: House) -> None:
        assert await house.in_flight.drained(0)
        house.service.commit.clear()
        asking = asyncio.create_task(house.sms())
        await house.service.entered.wait()
        assert house.in_flight.count == 1
        assert not await house.in_flight.drained(0)
        house.service.commit.set()
        assert await house.in_flight.drained(60)
        assert (await asking).code == 200
        await house.get("/nowhere")
        assert house.in_flight.count == 0

    visit(story)
