"""The simulated phones without a browser: what the hub does and tells, and what its routes let in."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import websocket_connect

from handlers import phones, phones_hub
from handlers import stream as stream_module
from handlers.base import InFlight
from handlers.front import in_front
from handlers.phones import routes
from handlers.phones_hub import ACTIONS, PhonesHub
from smsmentor.core.events import Act
from smsmentor.core.model import Text
from smsmentor.core.rules import Rules
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from smsmentor.story import Story, Teller
from tests.rigs import base_knowledge

SIX_IN_THE_EVENING = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)
MIA, BEN, CAM, DANA, OLGA = (f"+1212555{n:04}" for n in (100, 120, 121, 122, 199))
MENTORS = (
    (BEN, "Ben", "finance", 9, "Bank A"),
    (CAM, "Cam", "finance", 4, "Bank B"),
    (DANA, "Dana", "nursing", 12, "City Hospital"),
)
QUESTION = "My boss takes credit for my reports. Do I say something or let it go?"
ADVICE = "I put my name in the footer and sent the summary to the whole team."

Json = dict[str, Any]


async def make_rig(store: MemoryStore | None = None) -> Rig:
    rig = Rig(store or MemoryStore(), SetClock(SIX_IN_THE_EVENING), base_knowledge(), reports=True)
    for phone, alias, field, years, employer in MENTORS:
        args = {"phone": phone, "alias": alias, "field": field, "years": years, "employer": employer}
        args |= {"topics": ("work",), "zone": "America/New_York", "consented": SIX_IN_THE_EVENING}
        await rig.service.receive(Act(f"import:{phone}", "mentor", args, by="import"))
    await rig.service.receive(Act("operator", "operator", {"phone": OLGA, "alias": "Olga"}))
    return rig


class Page:
    """A page as the hub sees it: it keeps what it was told and puts the parts together as the script does."""

    def __init__(self, hub: PhonesHub) -> None:
        self.hub = hub
        self.told: list[Json] = []
        self.state: Json = {}
        self.threads: dict[str, dict[str, Json]] = {}
        self.facts: list[Json] = []
        self.news = asyncio.Event()
        self.closed: list[int] = []
        hub.join(self)

    def send(self, message: Json) -> None:
        message = json.loads(json.dumps(message))
        self.told.append(message)
        self.state |= {k: v for k, v in message.items() if k not in ("type", "threads", "bubbles", "facts")}
        for phone, bubbles in message.get("threads", {}).items():
            self.threads[phone] = {bubble["id"]: bubble for bubble in bubbles}
        for bubble in message.get("bubbles", ()):
            self.threads[bubble["phone"]][bubble["id"]] = bubble
        self.facts += message.get("facts", ())
        self.news.set()

    def close(self, code: int, reason: str) -> None:
        self.closed.append(code)

    async def do(self, what: str, **more: Any) -> None:
        await self.hub.handle(self, json.dumps({"do": what, **more}))

    async def text(self, phone: str, body: str) -> None:
        await self.do("text", phone=phone, body=body)

    def came(self, phone: str) -> list[str]:
        return [b["body"] for b in self.threads.get(phone, {}).values() if not b["from_phone"]]

    def person(self, phone: str) -> Json:
        return next(p for p in self.state["people"] if p["phone"] == phone)

    def problems(self) -> list[str]:
        return [m["message"] for m in self.told if m["type"] == "error"]


@asynccontextmanager
async def open_page(**more: Any) -> AsyncIterator[Page]:
    hub = PhonesHub(await make_rig(), phones={MIA: "Mia"}, **more)
    yield Page(hub)
    await hub.close()


def visit(story: Callable[[Page], Awaitable[None]], **more: Any) -> None:
    async def visited() -> None:
        async with open_page(**more) as page:
            await story(page)

    asyncio.run(visited())


async def ask(page: Page) -> str:
    """Mia's question is with the mentors; gives its code."""
    await page.text(MIA, QUESTION)
    await page.do("next")
    return str(page.state["requests"][0]["code"])


def test_a_page_that_opens_gets_everything() -> None:
    async def story(page: Page) -> None:
        assert page.told[0]["type"] == "snapshot"
        assert [p["name"] for p in page.state["people"]] == ["Mia"]
        assert page.state["clock"] == {"now": "2026-03-03T23:00:00.000+00:00", "zone": "America/New_York", "speed": 0}
        assert page.threads == {MIA: {}}
        assert page.state["requests"] == []
        assert [f["fact"] for f in page.facts].count("member.joined") == len(MENTORS) + 1

    visit(story)


def test_mia_asks_and_the_phones_of_those_who_are_asked_come_to_the_page() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        assert len(page.came(MIA)) == 1
        asked = [p["phone"] for p in page.state["people"] if p["role"] == "mentor"]
        assert page.told[-1]["people"][0]["phone"] == MIA
        assert sorted(asked) == [BEN, CAM, DANA]
        assert all(code in text and QUESTION in text for phone in asked for text in page.came(phone))
        assert page.person(BEN)["about"] == "finance, 9 yrs"
        wave = page.state["requests"][0]["waves"][0]
        assert [c["taken"] for c in wave["considered"]] == [True, True, True]
        assert all(" " in c["reason"] for c in wave["considered"]), "reasons are given in words"

    visit(story)


def test_two_answers_come_to_mia_as_a_and_b() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        await page.text(BEN, f"{code} {ADVICE}")
        await page.text(DANA, f"{code} Say it the same day, calm, one sentence.")
        letters = [text[0] for text in page.came(MIA)[1:]]
        assert letters == ["A", "B"]
        assert ADVICE in page.came(MIA)[1]
        assert [a["name"] for a in page.state["requests"][0]["answers"]] == ["Ben", "Dana"]
        assert [f["fact"] for f in page.facts].count("advice.relayed") == 2

    visit(story)


def test_no_number_is_shown_but_as_a_phones_own() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        await page.text(BEN, f"{code} {ADVICE}")
        for message in page.told:
            for part in ("requests", "facts", "outbox", "due", "clock", "faults"):
                assert "555" not in json.dumps(message.get(part)), part
        for phone, bubbles in page.threads.items():
            assert {b["phone"] for b in bubbles.values()} <= {phone}
            assert not [b["body"] for b in bubbles.values() if "555" in b["body"]]

    visit(story)


def test_every_page_sees_what_one_of_them_does() -> None:
    async def story(page: Page) -> None:
        other = Page(page.hub)
        await ask(page)
        assert other.threads == page.threads
        assert other.state == page.state
        late = Page(page.hub)
        assert late.threads == page.threads
        assert late.state == page.state
        assert late.facts == page.facts
        page.hub.leave(other)
        heard = len(other.told)
        await page.text(MIA, "and one more thing: she is new")
        assert len(other.told) == heard

    visit(story)


def test_only_what_has_changed_is_told_again() -> None:
    async def story(page: Page) -> None:
        await ask(page)
        await page.do("wait", seconds=60)
        heard = len(page.told)
        await page.do("wait", seconds=1)
        assert [sorted(m) for m in page.told[heard:]] == [["clock", "type"]]

    visit(story)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('"text"', "not an object"),
        ("{}", "not something"),
        ('{"do": "__init__"}', "not something"),
        ('{"do": ["text"]}', "not something"),
        ('{"do": "text"}', "phone is missing"),
        ('{"do": "text", "phone": "+12125550155", "body": "hi"}', "not on the page"),
        (f'{{"do": "text", "phone": "{MIA}", "body": 7}}', "body is missing"),
        (f'{{"do": "text", "phone": "{MIA}", "body": "  "}}', "Type a text"),
        (json.dumps({"do": "text", "phone": MIA, "body": "x" * 1601}), "1601 characters"),
        (f'{{"do": "text", "phone": "{MIA}", "body": "a \\ud800 b"}}', "half a character"),
        (f'{{"do": "text", "phone": "{MIA}", "body": "a \\udfff"}}', "half a character"),
        ('{"do": "wait"}', "not a number"),
        ('{"do": "wait", "seconds": true}', "not a number"),
        ('{"do": "wait", "seconds": NaN}', "not a number"),
        ('{"do": "wait", "seconds": -1}', "forward"),
        ('{"do": "wait", "seconds": 99999999}', "31 days"),
        ('{"do": "play", "speed": 7}', "1x or 60x"),
        ('{"do": "open", "phone": "+13125550100"}', "Nobody has that number"),
        ('{"do": "close", "phone": "+13125550100"}', "not on the page"),
        ('{"do": "fault", "name": "__class__", "on": true}', "not a fault"),
        (f'{{"do": "fault", "name": "refused", "phone": "{MIA}"}}', "code is not a number"),
        ('{"do": "next"}', "Nothing is due"),
    ],
)
def test_a_message_that_cannot_be_read_is_answered_and_changes_nothing(message: str, why: str) -> None:
    async def story(page: Page) -> None:
        await page.hub.handle(page, message)
        assert len(page.told) == 2
        assert why in page.problems()[0]
        assert page.hub.rig.clock.now() == SIX_IN_THE_EVENING
        assert page.hub.rig.phones.threads == {}

    visit(story)


def test_what_goes_wrong_below_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def story(page: Page) -> None:
        async def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError(QUESTION)

        page.hub.rig.text = broken  # type: ignore[method-assign]
        await page.text(MIA, QUESTION)
        assert page.problems() == ["That went wrong on our side: the server's log says where."]
        assert "RuntimeError" in caplog.text
        assert QUESTION not in caplog.text

    visit(story)


def test_while_the_carrier_is_down_texts_wait_and_come_after() -> None:
    async def story(page: Page) -> None:
        await page.do("fault", name="down", on=True)
        await page.text(MIA, QUESTION)
        assert page.came(MIA) == []
        assert [row["to"] for row in page.state["outbox"]["waiting"]] == ["Mia"]
        assert page.state["faults"]["down"] is True
        await page.do("fault", name="down", on=False)
        await page.do("wait", seconds=600)
        assert len(page.came(MIA)) >= 1

    visit(story)


def test_a_phone_that_the_carrier_refuses_gets_nothing_and_the_outbox_says_why() -> None:
    async def story(page: Page) -> None:
        await page.do("fault", name="refused", phone=MIA, code=30006)
        await page.text(MIA, QUESTION)
        assert page.came(MIA) == []
        assert page.person(MIA)["refused"] == 30006
        assert [row["code"] for row in page.state["outbox"]["recent"] if row["to"] == "Mia"] == [30006]
        await page.do("fault", name="refused", phone=MIA, code=0)
        assert page.person(MIA)["refused"] == 0

    visit(story)


def test_a_late_report_changes_the_text_on_the_phone() -> None:
    async def story(page: Page) -> None:
        await page.do("fault", name="undelivered", phone=MIA, code=30005)
        await page.do("fault", name="receipt_delay", seconds=600)
        await page.text(MIA, QUESTION)
        receipt = next(b for b in page.threads[MIA].values() if not b["from_phone"])
        assert receipt["status"] == "sent"
        await page.do("wait", seconds=600)
        receipt = page.threads[MIA][receipt["id"]]
        assert (receipt["status"], receipt["code"]) == ("undelivered", 30005)

    visit(story)


def test_a_phone_that_texts_stop_is_shown_as_blocked_until_start() -> None:
    async def story(page: Page) -> None:
        await ask(page)
        await page.text(BEN, "STOP")
        assert page.person(BEN)["blocked"] is True
        assert page.person(BEN)["state"] == "opted_out"
        await page.text(BEN, "START")
        assert page.person(BEN)["blocked"] is False

    visit(story)


def test_a_text_that_the_carrier_delivers_twice_or_again_is_settled_once() -> None:
    async def story(page: Page) -> None:
        await page.do("fault", name="twice", on=True)
        await page.text(MIA, QUESTION)
        await page.do("again")
        assert [f["fact"] for f in page.facts].count("text.settled") == 1
        assert len(page.came(MIA)) == 1

    visit(story)


def test_phones_are_added_taken_off_and_found_again_as_they_were() -> None:
    async def story(page: Page) -> None:
        await page.do("new")
        added = page.state["people"][-1]
        assert added["role"] == "mentee"
        assert added["phone"] not in (MIA, BEN, CAM, DANA, OLGA)
        await page.do("open", phone=OLGA)
        assert page.state["people"][-1]["role"] == "operator"
        await page.text(MIA, QUESTION)
        before = page.threads[MIA]
        await page.do("close", phone=MIA)
        assert MIA not in [p["phone"] for p in page.state["people"]]
        await page.do("open", phone=MIA)
        assert page.threads[MIA] == before
        assert page.person(MIA)["name"] == "Mia"

    visit(story)


def test_phones_that_only_wait_stand_after_those_with_texts() -> None:
    async def story(page: Page) -> None:
        await page.do("open", phone=OLGA)
        await ask(page)
        assert [p["name"] for p in page.state["people"]] == ["Mia", "Ben", "Cam", "Dana", "Olga"]

    visit(story)


def test_there_is_room_for_so_many_phones_and_no_more() -> None:
    async def story(page: Page) -> None:
        for _ in range(phones_hub.MOST_PHONES):
            await page.do("new")
        assert len(page.state["people"]) == phones_hub.MOST_PHONES
        assert len({p["phone"] for p in page.state["people"]}) == phones_hub.MOST_PHONES
        assert "Take one off first" in page.problems()[0]

    visit(story)


def test_the_pool_is_told_to_the_page_that_asks_for_it() -> None:
    async def story(page: Page) -> None:
        other = Page(page.hub)
        await page.do("pool")
        assert [m["name"] for m in page.told[-1]["pool"]] == ["Ben", "Cam", "Dana"]
        assert len(other.told) == 1

    visit(story)


def test_a_snapshot_holds_the_newest_texts_and_facts_only() -> None:
    async def story(page: Page) -> None:
        for number in range(phones_hub.MOST_BUBBLES + 5):
            page.hub.rig.phones.text(MIA, f"text {number}")
        late = Page(page.hub)
        shown = [b["body"] for b in late.threads[MIA].values()]
        assert len(shown) == phones_hub.MOST_BUBBLES
        assert shown[-1] == f"text {phones_hub.MOST_BUBBLES + 4}"
        await page.do("wait", seconds=1)
        assert len(late.facts) <= phones_hub.MOST_FACTS

    visit(story)


def test_pages_are_told_when_the_server_goes() -> None:
    async def story(page: Page) -> None:
        await page.hub.close()
        assert page.closed == [1001]

    visit(story)


def test_too_many_pages_are_turned_away() -> None:
    async def story(page: Page) -> None:
        for _ in range(phones_hub.MOST_CLIENTS - 1):
            Page(page.hub)
        with pytest.raises(phones_hub.Unreadable, match="Too many"):
            Page(page.hub)

    visit(story)


def test_next_event_moves_to_what_the_service_does_not_to_a_delivery_report() -> None:
    async def story(page: Page) -> None:
        await page.text(MIA, QUESTION)
        assert page.state["due"][0]["kind"] == "request.gathered"
        assert page.state["due"][0]["about"] == page.state["requests"][0]["code"]
        await page.do("next")
        assert page.hub.rig.clock.now() == SIX_IN_THE_EVENING + timedelta(seconds=Rules().gather_seconds)
        assert page.state["requests"][0]["status"] == "asking"

    visit(story)


def test_the_clock_runs_while_a_page_looks_and_stands_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_hub, "TICK_SECONDS", 0.001)

    async def story(page: Page) -> None:
        await page.text(MIA, QUESTION)
        await page.do("play", speed=60)
        while page.hub.rig.clock.now() == SIX_IN_THE_EVENING:
            page.news.clear()
            await page.news.wait()
        assert page.state["clock"]["speed"] == 60
        await page.do("play", speed=0)
        stood = page.hub.rig.clock.now()
        await page.do("wait", seconds=1)
        assert page.hub.rig.clock.now() == stood + timedelta(seconds=1)

    visit(story)


def test_a_clock_that_cannot_go_on_stops_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_hub, "TICK_SECONDS", 0.001)

    async def story(page: Page) -> None:
        def broken() -> None:
            raise RuntimeError

        page.hub.rig.next_moment = broken  # type: ignore[method-assign]
        await page.do("play", speed=1)
        while not page.problems():
            page.news.clear()
            await page.news.wait()
        assert page.problems() == ["The clock stopped: see the server's log."]
        assert page.state["clock"]["speed"] == 0

    visit(story)


def test_after_a_restart_the_phones_show_what_they_showed_and_go_on() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        rig = Rig(page.hub.rig.store, SetClock(SIX_IN_THE_EVENING), page.hub.rig.knowledge, reports=True)
        rig.recall(series=1)
        assert rig.clock.now() == page.hub.rig.clock.now()
        hub = PhonesHub(rig)
        again = Page(hub)
        assert again.state["people"][0]["name"] == "Mentee 1"
        assert {p: again.came(p) for p in page.threads} == {p: page.came(p) for p in page.threads}
        await again.text(BEN, f"{code} {ADVICE}")
        assert ADVICE in again.came(MIA)[-1]
        with rig.store.reading() as reader:
            assert len(list(reader.all(Text))) == 2
        await hub.close()

    visit(story)


def test_the_conversation_can_be_kept_as_a_story() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        await page.text(BEN, f"{code} first line\nsecond line")
        await page.do("wait", seconds=86_400)
        kept = Story("kept.sms", page.hub.story())
        assert kept.start == SIX_IN_THE_EVENING
        assert {MIA, BEN, CAM, DANA} == set(kept.cast.values())
        assert kept.aliases == [code]
        said = [line for line in kept.lines if line.kind == ">"]
        assert [(line.who, line.words) for line in said] == [
            ("Mia", QUESTION),
            ("Ben", f"{code} first line\\nsecond line"),
        ]
        assert sum(line.kind == "<" for line in kept.lines) == sum(len(page.came(p)) for p in page.threads)

    visit(story)


def test_a_kept_story_plays_again_without_a_difference() -> None:
    async def story(page: Page) -> None:
        code = await ask(page)
        await page.do("wait", seconds=100)
        await page.text(BEN, f"{code} {ADVICE}")
        await page.text(CAM, "pass")
        await page.do("wait", seconds=100)
        await page.text(DANA, "Say it the same day, calm, one sentence.")
        await page.text(MIA, "MORE B what if she is angry")
        kept = Story("kept.sms", page.hub.story())
        rig = Rig(MemoryStore(), SetClock(kept.start), base_knowledge(), reports=True)

        async def no_restart(rig: Rig) -> None: ...

        assert (await Teller(kept, rig, no_restart).play()).difference == ""

    visit(story)


def test_a_story_of_silence_can_be_read_too() -> None:
    async def story(page: Page) -> None:
        assert Story("empty.sms", page.hub.story()).lines

    visit(story)


# The routes


class House:
    """The routes on loopback."""

    def __init__(self, hub: PhonesHub, **more: Any) -> None:
        self.listener, self.port = bind_unused_port()
        self.hub = hub
        self.address = f"127.0.0.1:{self.port}"
        self.server = in_front(HTTPServer(Application(routes(hub, **more))), [], InFlight(), 75)
        self.server.add_socket(self.listener)

    async def get(self, path: str, method: str = "GET") -> HTTPResponse:
        body = b"" if method == "POST" else None
        client = AsyncHTTPClient()
        return await client.fetch(f"http://{self.address}{path}", raise_error=False, method=method, body=body)

    async def line(self) -> Any:
        headers = {"Origin": f"http://{self.address}"}
        return await websocket_connect(HTTPRequest(f"ws://{self.address}/phones/live", headers=headers))

    async def named(self, host: str, path: str) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(f"http://{self.address}{path}", headers={"Host": host}, raise_error=False)

    async def upgrade(self, origin: str) -> HTTPResponse:
        headers = {"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket"}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        return await AsyncHTTPClient().fetch(f"http://{self.address}/phones/live", headers=headers, raise_error=False)


def call(story: Callable[[House], Awaitable[None]], **more: Any) -> None:
    async def called() -> None:
        hub = PhonesHub(await make_rig(), phones={MIA: "Mia"})
        house = House(hub, **more)
        try:
            await story(house)
        finally:
            house.server.stop()
            await house.server.close_all_connections()
            await hub.close()

    asyncio.run(called())


@pytest.mark.parametrize("path", ["/", "/phones"])
def test_the_page_runs_nothing_but_its_own_files(path: str) -> None:
    async def story(house: House) -> None:
        page = await house.get(path)
        assert page.code == 200
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        html = page.body.decode()
        assert "style=" not in html
        assert "<style" not in html
        assert html.count("<script") == html.count('<script type="module" src="phones/static/')
        assert " on" not in {part[:3] for part in html.split("<") if "=" in part}
        assert "://" not in html

    call(story)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("phones.css", "text/css"),
        ("phones.js", "javascript"),
        ("segments.js", "javascript"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
def test_the_files_of_the_page_are_served(name: str, kind: str) -> None:
    async def story(house: House) -> None:
        file = await house.get(f"/phones/static/{name}")
        assert file.code == 200
        assert kind in file.headers["Content-Type"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"

    call(story)


@pytest.mark.parametrize("path", ["/phones/static/phones.html", "/phones/static/../phones.py", "/phones/", "/phone"])
def test_nothing_else_is_served(path: str) -> None:
    async def story(house: House) -> None:
        assert (await house.get(path)).code == 404

    call(story)


def test_the_page_takes_no_post() -> None:
    async def story(house: House) -> None:
        assert (await house.get("/phones", method="POST")).code == 405

    call(story)


def test_the_story_is_a_file_to_keep() -> None:
    async def story(house: House) -> None:
        file = await house.get("/phones/story")
        assert file.headers["Content-Disposition"] == 'attachment; filename="conversation.sms"'
        assert file.headers["Content-Type"] == "text/plain; charset=utf-8"

    call(story)


def test_a_text_goes_in_and_its_receipt_comes_out_on_one_line() -> None:
    async def story(house: House) -> None:
        line = await house.line()
        assert json.loads(await line.read_message())["type"] == "snapshot"
        await line.write_message(json.dumps({"do": "text", "phone": MIA, "body": "<b>hello</b> " + QUESTION}))
        update = json.loads(await line.read_message())
        assert [b["from_phone"] for b in update["bubbles"]] == [True, False]
        assert update["bubbles"][0]["body"].startswith("<b>hello</b>")
        line.close()
        assert await line.read_message() is None

    call(story)


def test_a_page_that_does_not_read_is_closed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MOST_WAITING", 100_000)

    async def story(house: House) -> None:
        house.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        upgrade = (
            f"GET /phones/live HTTP/1.1\r\nHost: {house.address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        with socket.socket() as deaf:
            deaf.setblocking(False)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", house.port))
            await asyncio.get_running_loop().sock_sendall(deaf, upgrade.encode())
            while not house.hub._clients:
                await asyncio.sleep(0)
            line = await house.line()
            texts = 0
            while len(house.hub._clients) == 2 and texts < 1000:
                texts += 1
                await line.write_message(json.dumps({"do": "text", "phone": MIA, "body": f"{texts} {'é' * 1500}"}))
                told = json.loads(await line.read_message())
                while not any(b["from_phone"] for b in told.get("bubbles", ())):
                    told = json.loads(await line.read_message())
            assert 1 < texts < 1000
            await line.write_message(json.dumps({"do": "pool"}))
            while json.loads(await line.read_message())["type"] != "pool":
                pass
            line.close()
            while await line.read_message() is not None:
                pass

    call(story)


def test_what_no_message_can_hold_ends_no_page() -> None:
    async def story(house: House) -> None:
        line = await house.line()
        await line.read_message()
        for client in house.hub._clients:
            client.send({"type": "error", "message": "a \ud800 b"})
        assert json.loads(await line.read_message())["message"] == "a ? b"
        line.close()
        while await line.read_message() is not None:
            pass

    call(story)


def test_a_page_of_another_origin_is_refused() -> None:
    async def story(house: House) -> None:
        assert (await house.upgrade("https://elsewhere.example")).code == 403

    call(story)


@pytest.mark.parametrize("path", ["/", "/phones/live", "/phones/story"])
def test_a_name_that_somebody_made_point_here_is_refused(path: str) -> None:
    async def story(house: House) -> None:
        assert (await house.named("rebound.example:8765", path)).code == 403
        for host in ("localhost:8765", "127.0.0.1", "[::1]:8765", "phones.localhost"):
            assert (await house.named(host, path)).code in (200, 400), host

    call(story)


def test_an_operator_may_open_the_phones_to_any_name() -> None:
    async def story(house: House) -> None:
        assert (await house.named("demo.example", "/")).code == 200

    call(story, any_host=True)


def test_a_message_that_is_too_long_ends_the_line_and_nothing_else() -> None:
    async def story(house: House) -> None:
        line = await house.line()
        await line.read_message()
        await line.write_message("x" * (phones.LONGEST_MESSAGE + 1))
        assert await line.read_message() is None
        assert line.close_code == 1009
        line.close()
        other = await house.line()
        assert json.loads(await other.read_message())["type"] == "snapshot"
        other.close()
        assert await other.read_message() is None

    call(story)


def test_every_action_of_the_page_is_one_that_the_hub_knows() -> None:
    script = (Path(phones.STATIC) / "phones.js").read_text(encoding="utf-8")
    asked = {part.split('"', 1)[0] for part in script.split('ask("')[1:]}
    assert asked == set(ACTIONS)
