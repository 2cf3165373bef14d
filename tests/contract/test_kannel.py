"""Kannel keeps the port's promises too, and what it cannot do it says."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.kannel import KannelReportHandler, KannelSmsHandler
from smsmentor.core.events import Inbound, Receipt
from smsmentor.core.making import replace
from smsmentor.errors import StoreBusy
from smsmentor.gateways.kannel import KannelGateway, KannelSettings, KannelWebhook, international, problems
from smsmentor.ports import SetClock
from tests.contract.gateways import ANA, BEN, NOW, GatewayContract, Rig, out_text
from tests.web.fake_kannel import NUMBER, PASSWORD, SECRET, USER, FakeKannel

BAD_REQUEST = 400


def settings(**more: Any) -> KannelSettings:
    defaults = KannelSettings(
        "http://127.0.0.1:13013/cgi-bin/sendsms", USER, PASSWORD, (NUMBER,), "http://127.0.0.1:8765", SECRET
    )
    return dataclasses.replace(defaults, **more)


class KannelRig:
    """The gateway and a Kannel on loopback, on one event loop."""

    def __init__(self, **more: Any) -> None:
        self.clock = SetClock(NOW)
        self.known: set[str] = set()
        self.fake = FakeKannel()
        self.settings = settings(send_url=self.fake.url, **more)
        self.gateway = KannelGateway(self.settings, self.clock)
        self._ids = itertools.count()

    def arrived(self) -> list[tuple[str, str]]:
        return [(text["to"], text["text"]) for text in self.fake.taken]

    def text(self, sender: str, body: str) -> str:
        return f"kannel-{next(self._ids)}"

    def code_of(self, code: int) -> int:
        return BAD_REQUEST

    def refuse(self, phone: str, code: int) -> None:
        self.fake.answers.append(BAD_REQUEST)

    def lose_answer(self) -> None:
        self.fake.answers.append(0)

    def answer_again(self) -> None:
        """Only the one answer was lost."""

    def go_down(self) -> None:
        self.fake.down = True


@asynccontextmanager
async def kannel_rig(**more: Any) -> AsyncIterator[KannelRig]:
    rig = KannelRig(**more)
    try:
        yield rig
    finally:
        await rig.gateway.close()
        await rig.fake.close()
    assert rig.fake.problems == []


class TestKannel(GatewayContract):
    def rig(self) -> AbstractAsyncContextManager[Rig]:
        return kannel_rig()


def play(story: Callable[[KannelRig], Awaitable[None]], **more: Any) -> None:
    async def played() -> None:
        async with kannel_rig(**more) as rig:
            await story(rig)

    asyncio.run(played())


def test_a_send_names_the_alphabet_how_long_it_is_of_use_and_where_reports_go() -> None:
    async def story(rig: KannelRig) -> None:
        await rig.gateway.send(out_text("t1", ANA, "Hello", useless_after=NOW + timedelta(minutes=20)))
        await rig.gateway.send(replace(out_text("t2", ANA, "Hello 😀"), encoding="UCS-2"))
        first, second = rig.fake.taken
        assert (first["coding"], first["validity"], first["from"]) == ("0", "20", NUMBER)
        assert (second["coding"], "validity" in second) == ("2", False)
        assert first["dlr-url"] == ("http://127.0.0.1:8765/kannel/report?secret=a+secret+of+the+tests&id=t1&status=%d")

    play(story)


def test_a_wrong_password_is_a_fault_of_our_account() -> None:
    async def story(rig: KannelRig) -> None:
        outcome = await rig.gateway.send(out_text("t1", ANA, "Hello"))
        assert (outcome.state, outcome.account_wide) == ("later", True)

    play(story, password="another password")


@pytest.mark.parametrize(("status", "state"), [(503, "later"), (429, "later"), (500, "unknown"), (400, "refused")])
def test_what_kannel_answers_says_what_became_of_the_text(status: int, state: str) -> None:
    async def story(rig: KannelRig) -> None:
        rig.fake.answers.append(status)
        outcome = await rig.gateway.send(out_text("t1", ANA, "Hello"))
        assert (outcome.state, outcome.account_wide) == (state, False)

    play(story)


def test_a_kannel_that_is_not_there_has_taken_nothing() -> None:
    async def story(rig: KannelRig) -> None:
        await rig.fake.close()
        assert (await rig.gateway.send(out_text("t1", ANA, "Hello"))).state == "later"

    play(story)


def test_a_member_hears_from_the_number_that_they_texted() -> None:
    async def story(rig: KannelRig) -> None:
        await rig.gateway.send(out_text("t1", ANA, "Hello"))
        await rig.gateway.send(replace(out_text("t2", BEN, "Hello"), sender="+12025550199"))
        assert [text["from"] for text in rig.fake.taken] == [NUMBER, "+12025550199"]

    play(story, numbers=(NUMBER, "+12025550199"))


@dataclass
class Door:
    """A service that keeps what comes, or cannot."""

    broken: bool = False
    events: list[object] = field(default_factory=list)

    async def receive(self, event: Inbound | Receipt) -> object:
        if self.broken:
            raise StoreBusy("locked")
        self.events.append(event)
        return None


@dataclass
class House:
    """Our side of Kannel's URLs."""

    url: str
    door: Door
    rig: KannelRig


def at_home(story: Callable[[House], Awaitable[None]], *, behind_proxy: bool = False, **more: Any) -> None:
    async def played(rig: KannelRig) -> None:
        door = Door()
        parts = {"webhook": KannelWebhook(rig.settings), "service": door, "clock": rig.clock}
        routes = [("/kannel/sms", KannelSmsHandler, parts), ("/kannel/report", KannelReportHandler, parts)]
        server = HTTPServer(Application(routes, log_function=lambda handler: None, behind_proxy=behind_proxy))
        socket, port = bind_unused_port()
        server.add_socket(socket)
        try:
            await story(House(f"http://127.0.0.1:{port}", door, rig))
        finally:
            server.stop()
            await server.close_all_connections()

    play(played, **more)


def test_a_text_comes_in_with_an_international_number_and_is_answered_with_nothing() -> None:
    async def story(house: House) -> None:
        answer = await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "café + 1 & 2 😀", "0a1b2c3d-4e5f")
        assert (answer.code, answer.body) == (200, b"")
        assert house.door.events == [Inbound("kannel-0a1b2c3d-4e5f", ANA, "café + 1 & 2 😀", NOW, to=NUMBER)]

    at_home(story)


def test_a_report_finds_its_text_by_our_own_id() -> None:
    async def story(house: House) -> None:
        outcome = await house.rig.gateway.send(out_text("o-0123456789abcdef", ANA, "Hello"))

        def here(url: str) -> str:
            return url.replace("http://127.0.0.1:8765", house.url)

        for kind in (8, 1):
            answer = await house.rig.fake.report(0, kind, here)
            assert (answer.code, answer.body) == (200, b"")
        assert house.door.events == [Receipt(outcome.provider_id, "sent"), Receipt(outcome.provider_id, "delivered")]

    at_home(story)


def test_strangers_and_wrong_secrets_are_refused_and_nothing_is_kept() -> None:
    async def story(house: House) -> None:
        answer = await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "x", "0a1b2c3d", secret="guessed")
        assert answer.code == 403
        assert house.door.events == []

    async def from_elsewhere(house: House) -> None:
        assert (await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "x", "0a1b2c3d")).code == 403

    at_home(story)
    at_home(from_elsewhere, allowed=("192.0.2.1",))


TEXT = {"secret": SECRET, "from": "12025550101", "to": "12025550100", "id": "0a1b2c3d", "text": "hello there"}
REPORT = {"secret": SECRET, "id": "o-0123456789abcdef", "status": "1"}
KANNEL, STRANGER = "192.0.2.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("behind_proxy", "headers", "code"),
    [
        (True, {"X-Forwarded-For": KANNEL}, 200),
        (True, {"X-Forwarded-For": f"{STRANGER}, {KANNEL}"}, 200),
        (True, {"X-Forwarded-For": STRANGER}, 403),
        (True, {"X-Forwarded-For": f"{KANNEL}, {STRANGER}"}, 403),
        (True, {"X-Forwarded-For": f"{KANNEL},"}, 403),
        (True, {"X-Forwarded-For": ""}, 403),
        (True, {"X-Forwarded-For": STRANGER, "X-Real-IP": KANNEL}, 403),
        (True, {"X-Real-IP": KANNEL}, 403),
        (True, {"Forwarded": f"for={KANNEL}"}, 403),
        (False, {"X-Forwarded-For": KANNEL}, 403),
        (False, {"X-Real-IP": KANNEL}, 403),
    ],
)
@pytest.mark.parametrize(("path", "query"), [("/kannel/sms", TEXT), ("/kannel/report", REPORT)])
def test_who_asks_is_whom_the_proxy_has_put_last_and_no_header_counts_without_one(
    behind_proxy: bool, headers: dict[str, str], code: int, path: str, query: dict[str, str]
) -> None:
    async def story(house: House) -> None:
        url = f"{house.url}{path}?{urlencode(query)}"
        assert (await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False)).code == code
        assert len(house.door.events) == (code == 200)

    at_home(story, behind_proxy=behind_proxy, allowed=(KANNEL,))


def test_addresses_in_two_headers_are_one_list() -> None:
    async def story(house: House) -> None:
        for first, last, code in ((STRANGER, KANNEL, 200), (KANNEL, STRANGER, 403)):
            headers = HTTPHeaders()
            headers.add("X-Forwarded-For", first)
            headers.add("X-Forwarded-For", last)
            url = f"{house.url}/kannel/sms?{urlencode(TEXT)}"
            assert (await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False)).code == code

    at_home(story, behind_proxy=True, allowed=(KANNEL,))


def test_a_kannel_that_comes_past_the_proxy_is_known_by_its_own_address() -> None:
    async def story(house: House) -> None:
        assert (await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "x", "0a1b2c3d")).code == 200

    at_home(story, behind_proxy=True)


@pytest.mark.parametrize(
    ("path", "query", "doubled"),
    [("/kannel/sms", TEXT, name) for name in TEXT] + [("/kannel/report", REPORT, name) for name in REPORT],
)
def test_a_parameter_that_comes_twice_is_refused(path: str, query: dict[str, str], doubled: str) -> None:
    async def story(house: House) -> None:
        url = f"{house.url}{path}?{urlencode(query)}&{urlencode({doubled: query[doubled]})}"
        code = 403 if doubled == "secret" else BAD_REQUEST
        assert (await AsyncHTTPClient().fetch(url, raise_error=False)).code == code
        assert house.door.events == []

    at_home(story)


@pytest.mark.parametrize(
    ("more", "why"),
    [({"id": "a b"}, "an id"), ({"from": ""}, "no sender"), ({"from": "<script>"}, "no sender")],
)
def test_what_is_no_text_is_refused(more: dict[str, str], why: str) -> None:
    async def story(house: House) -> None:
        query = {"id": "0a1b2c3d"} | more
        answer = await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "x", **query)
        assert answer.code == BAD_REQUEST, why
        assert house.door.events == []

    at_home(story)


def test_when_nothing_can_be_kept_kannel_is_told_to_come_again() -> None:
    async def story(house: House) -> None:
        house.door.broken = True
        assert (await house.rig.fake.deliver(f"{house.url}/kannel/sms", ANA, "x", "0a1b2c3d")).code == 503

    at_home(story)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("12025550101", "+12025550101"),
        ("+12025550101", "+12025550101"),
        ("0012025550101", "+12025550101"),
        ("24273", "24273"),
        ("MyBank", "MyBank"),
        ("", ""),
        ("a\nb", ""),
    ],
)
def test_numbers_are_made_international(address: str, number: str) -> None:
    assert international(address) == number


def test_settings_that_cannot_work_are_named() -> None:
    assert problems(settings()) == []
    wrong = settings(send_url="ftp://x", callback_url="http://h/?a", username="", secret="short", numbers=())
    assert len(problems(wrong)) == 5
