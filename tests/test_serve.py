"""The real server as a process: texts in and out through an account, stopped in the middle, started again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect
from twilio.request_validator import RequestValidator

from smsmentor.core.model import Member, OutText, Text
from smsmentor.stores.documents import open_tinydb
from smsmentor.stores.tinydb import TinyDBStore
from tests.web.fake_twilio import ACCOUNT, NUMBER, TOKEN, FakeTwilio, Manner

PUBLIC = "https://peers.example.org"
LONGEST_SECONDS = 60.0
"""For whatever a test waits for: a bound on failing, not a measure."""
WORDS = "how do I ask my boss for fewer hours a week"


class Machine:
    """The system clock, for the fake carrier."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * LONGEST_SECONDS):
            await main

    asyncio.run(bounded())


class Server:
    """A `smsmentor serve` process on a folder, and the port that it says it listens on."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.port = 0
        self.said: list[str] = []
        self.told = False

    async def started(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode())
            found = re.search(r"(?:port |127\.0\.0\.1:)(\d+)", line.decode())
            if found:
                self.port = int(found[1])
                return
        pytest.fail(f"it did not start: {''.join(self.said)} {await self.rest()}")

    async def rest(self) -> str:
        """All that it logs until its end."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def text(self, sender: str, body: str, sid: str) -> HTTPResponse:
        """Bring a text as the carrier does, signed for the public address."""
        form = {"AccountSid": ACCOUNT, "MessageSid": sid, "From": sender, "To": NUMBER, "Body": body, "NumMedia": "0"}
        return await self.post("/twilio/sms", form)

    async def post(self, path: str, form: dict[str, str]) -> HTTPResponse:
        signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}{path}", form)
        return await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{self.port}{path}",
            method="POST",
            body=urlencode(form),
            headers={"X-Twilio-Signature": signature},
            raise_error=False,
            request_timeout=LONGEST_SECONDS,
        )

    async def get(self, path: str) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(f"http://127.0.0.1:{self.port}{path}", raise_error=False)

    def tell(self) -> None:
        """Tell it to stop, once."""
        if not self.told:
            self.told = True
            self.process.terminate()

    async def stop(self) -> str:
        """Tell it to stop and wait; returns its log."""
        self.tell()
        log = await self.rest()
        assert await self.process.wait() == 0, log
        return log


def environment(folder: Path, carrier: FakeTwilio | None = None, **more: str) -> dict[str, str]:
    """No quiet hours and no waiting for more of a question, so that the hour of the test does not matter."""
    settings = {"data": str(folder), "port": "0", "log_level": "debug", "grace_seconds": "60"}
    settings |= {"quiet_from": "00:00", "quiet_until": "00:00", "gather_seconds": "0"}
    if carrier is not None:
        settings |= {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_numbers": NUMBER}
        settings |= {"twilio_base_url": carrier.url, "public_url": PUBLIC, "twilio_segments_per_second": "1000"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSMENTOR_") and name != "PORT"}
    return kept | {f"SMSMENTOR_{name.upper()}": value for name, value in (settings | more).items()}


async def command(
    environ: dict[str, str], *words: str, program: tuple[str, ...] = ("-m", "smsmentor")
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *words,
        env=environ,
        cwd=Path(__file__).parent.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def serving(
    folder: Path, carrier: FakeTwilio | None = None, program: tuple[str, ...] = ("-m", "smsmentor"), /, **more: str
) -> AsyncIterator[Server]:
    server = Server(await command(environment(folder, carrier, **more), "serve", program=program))
    try:
        await server.started()
        yield server
    finally:
        if server.process.returncode is None:
            server.process.send_signal(signal.SIGKILL)
            _, log = await server.process.communicate()
            sys.stderr.write(log.decode())  # shown by pytest when the test failed


@asynccontextmanager
async def faking() -> AsyncIterator[FakeTwilio]:
    carrier = FakeTwilio(Machine())
    try:
        yield carrier
        assert carrier.problems == []
    finally:
        await carrier.close()


async def until_sent(carrier: FakeTwilio, count: int) -> None:
    """Wait until the carrier has taken so many texts."""
    while len(carrier.messages) < count:
        carrier.called.clear()
        await carrier.called.wait()


async def seconds_to_stop(server: Server) -> float:
    """Tell it to stop: how long it takes. Less than the carrier's client waits for an answer."""
    began = time.monotonic()
    await server.stop()
    return time.monotonic() - began


async def leave(page: WebSocketClientConnection) -> None:
    """Close a page's line and read it to its end."""
    page.close()
    while await page.read_message() is not None:
        pass


def sid(number: int) -> str:
    return f"SM{number:032x}"


def kept(folder: Path) -> tuple[list[Text], list[OutText]]:
    """What the store holds: texts in and texts out."""
    with closing(TinyDBStore(folder / "smsmentor.db")) as store, store.reading() as reader:
        return list(reader.all(Text)), list(reader.all(OutText))


def test_a_signed_text_is_kept_and_answered_through_the_account(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier, serving(tmp_path, carrier) as server:
            answer = await server.text("+12025550101", WORDS, sid(1))
            assert (answer.code, b"<Response/>" in answer.body) == (200, True)
            await until_sent(carrier, 1)
            assert carrier.forms[0]["To"] == "+12025550101"
            assert carrier.forms[0]["StatusCallback"] == f"{PUBLIC}/twilio/status"
            report = {"AccountSid": ACCOUNT, "MessageSid": carrier.messages[0]["sid"], "MessageStatus": "delivered"}
            assert (await server.post("/twilio/status", report)).code == 204
            assert json.loads((await server.get("/readyz")).body) == {"ready": True, "reasons": []}
            assert (await server.get("/")).code == 404
            log = await server.stop()
        texts, out = kept(tmp_path)
        assert [(text.id, text.outcome) for text in texts] == [(sid(1), "request")]
        assert [row.status for row in out] == ["delivered"]
        assert "5550101" not in log
        assert "fewer hours" not in log

    run(main())


def test_a_stop_waits_for_the_text_that_the_carrier_is_just_taking(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier, serving(tmp_path, carrier) as server:
            taking = asyncio.Event()
            carrier.plan.append(Manner(waits=taking))
            await server.text("+12025550101", WORDS, sid(1))
            await until_sent(carrier, 1)
            server.tell()
            taking.set()
            await server.stop()
        _, out = kept(tmp_path)
        assert [(row.status, row.provider_id) for row in out] == [("sent", carrier.messages[0]["sid"])]

    run(main())


def test_a_list_that_never_comes_holds_up_no_stop(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier:
            async with serving(tmp_path, carrier) as server:
                await server.text("+12025550101", WORDS, sid(1))
                await until_sent(carrier, 1)
                await server.stop()
            carrier.lists = asyncio.Event()
            async with serving(tmp_path, carrier) as server:
                await carrier.listing.wait()
                assert await seconds_to_stop(server) < LONGEST_SECONDS
            carrier.lists.set()

    run(main())


def test_a_text_that_the_carrier_never_answers_for_is_cut_off_and_looked_up_at_the_next_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier:
            taking = asyncio.Event()
            carrier.plan.append(Manner(waits=taking))
            async with serving(tmp_path, carrier, grace_seconds="0.5") as server:
                await server.text("+12025550101", WORDS, sid(1))
                await until_sent(carrier, 1)
                assert await seconds_to_stop(server) < LONGEST_SECONDS
            taking.set()
            _, [row] = kept(tmp_path)
            assert (row.status, row.provider_id) == ("leased", "")
            with closing(open_tinydb(tmp_path / "smsmentor.db")) as db:
                db.table("outbox").update({"leased_until": "2026-03-03T18:00:00Z"})  # a minute later, as it were
            async with serving(tmp_path, carrier) as server:
                await carrier.looking_up.wait()
                await server.stop()
            _, [row] = kept(tmp_path)
            assert [(row.status, row.provider_id)] == [("sent", message["sid"]) for message in carrier.messages]

    run(main())


def test_a_stop_under_load_loses_nothing_and_the_next_start_sends_what_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier:
            acknowledged: set[str] = set()
            async with serving(tmp_path, carrier) as server:

                async def bring(number: int) -> None:
                    try:
                        answer = await server.text(f"+1202555{number + 100:04d}", WORDS, sid(number))
                    except (OSError, HTTPClientError):
                        return  # the server has gone: the carrier would bring this text again
                    if answer.code == 200:
                        acknowledged.add(sid(number))
                        if len(acknowledged) == 10:
                            server.tell()

                await asyncio.gather(*(bring(number) for number in range(1, 61)))
                await server.stop()
            texts, out = kept(tmp_path)
            assert acknowledged <= {text.id for text in texts}
            assert all(text.outcome for text in texts)
            assert len(out) >= len(texts)
            assert "leased" not in {row.status for row in out}
            async with serving(tmp_path, carrier) as server:
                await until_sent(carrier, len(out))
                await server.stop()
            _, out = kept(tmp_path)
            assert {row.status for row in out} == {"sent"}
            assert sorted(row.provider_id for row in out) == sorted(message["sid"] for message in carrier.messages)

    run(main())


def test_mentors_that_another_process_imports_are_asked_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        mentors = tmp_path / "mentors.csv"
        mentors.write_text("phone,alias,consent\n+12025550120,Ben,2026-01-12\n", encoding="utf-8")
        async with faking() as carrier, serving(tmp_path / "data", carrier) as server:
            await server.text("+12025550101", WORDS, sid(1))
            await until_sent(carrier, 1)
            importing = await command(environment(tmp_path / "data", carrier), "import", str(mentors))
            said, problems = await importing.communicate()
            assert importing.returncode == 0, problems
            assert said == b"1 taken or changed, 0 the same as before.\n"
            await until_sent(carrier, 2)
            await server.stop()
            assert [form["To"] for form in carrier.forms] == ["+12025550101", "+12025550120"]

    run(main())


def test_a_second_server_on_the_same_folder_refuses_to_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as server:
            second = await command(environment(tmp_path), "serve")
            _, problems = await second.communicate()
            assert second.returncode == 1
            assert f"(process {server.process.pid})".encode() in problems
            await server.stop()
        async with serving(tmp_path) as server:
            await server.stop()

    run(main())


def test_without_an_account_it_serves_simulated_phones_that_remember(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, operators="+12025550199") as server:
            assert b"<html" in (await server.get("/")).body
            assert (await server.post("/twilio/sms", {})).code == 404
            page = await websocket_connect(f"ws://127.0.0.1:{server.port}/phones/live")
            snapshot = json.loads(str(await page.read_message()))
            assert [person["role"] for person in snapshot["people"]] == ["mentee", "operator"]
            phone = snapshot["people"][0]["phone"]
            await page.write_message(json.dumps({"do": "text", "phone": phone, "body": WORDS}))
            assert WORDS in str(await page.read_message())
            await server.stop()
            await leave(page)
        async with serving(tmp_path) as server:
            page = await websocket_connect(f"ws://127.0.0.1:{server.port}/phones/live")
            message = str(await page.read_message())
            assert WORDS in message
            people = json.loads(message)["people"]
            assert [person["role"] for person in people] == ["mentee", "operator"], "also who had no text"
            await leave(page)
            await server.stop()

    run(main())


def test_a_form_that_is_too_long_is_turned_away_unread(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier, serving(tmp_path, carrier) as server:
            assert (await server.text("+12025550101", "x" * 70_000, sid(1))).code in (400, 413)
            await server.stop()
        assert kept(tmp_path) == ([], [])

    run(main())


def test_an_operator_of_the_settings_is_one_after_each_start(tmp_path: Path) -> None:
    async def main() -> None:
        for _ in range(2):
            async with serving(tmp_path, operators="+12025550199") as server:
                await server.stop()
        with closing(TinyDBStore(tmp_path / "smsmentor.db")) as store, store.reading() as reader:
            assert [(m.phone, m.operator) for m in reader.all(Member)] == [("+12025550199", True)]

    run(main())
