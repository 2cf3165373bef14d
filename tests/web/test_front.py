"""The front and Tornado's server alone give the same answers, to the byte, whatever comes and in whatever pieces."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers import front as front_module
from smsmentor.core.events import Inbound
from smsmentor.errors import StoreBusy
from smsmentor.gateways.signature import sign
from tests.web.fake_twilio import TOKEN
from tests.web.loops import run
from tests.web.test_webhook import REPORT, TEXT, House

CASES = max(int(os.environ.get("TEST_FUZZ", "150")) // 10, 1)
TOGETHER = 40
PUBLIC = "https://peer.example.org"
KIND = "application/x-www-form-urlencoded"
LAST = b"GET /healthz HTTP/1.1\r\nHost: peer.example.org\r\nConnection: close\r\n\r\n"
"""Makes the server close the connection, so that all that it answered can be read."""


class Tornado(House):
    """A server that cuts off soon, and in which Tornado serves all."""

    front = False
    idle_seconds = 0.8
    bounds = {"max_body_size": 64 * 1024, "max_header_size": 16 * 1024, "body_timeout": 0.8}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(public_url=PUBLIC)
        self.port = self.listener.getsockname()[1]
        self.passed_on = 0
        """Connections that are Tornado's."""
        tornado = self.server._server
        taken = tornado.handle_stream

        def counted(*args: Any) -> Any:
            self.passed_on += 1
            return taken(*args)

        tornado.handle_stream = counted  # type: ignore[method-assign,assignment]

    async def speak(self, *pieces: bytes) -> bytes:
        """Send the pieces, each read before the next as far as can be, and read until the server closes."""
        loop, answer = asyncio.get_running_loop(), b""
        with socket.socket() as line:
            line.setblocking(False)
            await loop.sock_connect(line, ("127.0.0.1", self.port))
            with suppress(ConnectionError):
                for piece in pieces:
                    await loop.sock_sendall(line, piece)
                    for _ in range(3 * (len(pieces) > 1)):
                        await asyncio.sleep(0)
            with suppress(ConnectionError):
                async with asyncio.timeout(20):
                    while some := await loop.sock_recv(line, 65536):
                        answer += some
        return re.sub(rb"Date: [^\r]*", b"Date:", answer)


class Fronted(Tornado):
    """The same with the front."""

    front = True


class Impatient(Fronted):
    """The same, and silent connections are closed at once."""

    idle_seconds = 0.1


class Patient(Fronted):
    """The same, and nobody is cut off."""

    idle_seconds = 75


@asynccontextmanager
async def opened(kind: type[Tornado] = Fronted) -> AsyncIterator[Tornado]:
    house = kind()
    try:
        yield house
    finally:
        house.server.stop()
        await house.server.close_all_connections()


def visit(story: Callable[[Tornado], Awaitable[None]], kind: type[Tornado] = Fronted) -> None:
    async def visited() -> None:
        async with asyncio.timeout(60), opened(kind) as house:
            await story(house)

    run(visited())


def post(
    form: dict[str, str] | bytes,
    *more: str,
    path: str = "/twilio/sms",
    start: str = "",
    without: Sequence[str] = (),
    line_end: str = "\r\n",
    **changed: str,
) -> bytes:
    """A signed request as carriers send it, but for what is changed."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    signed = {name: [value.encode()] for name, value in form.items()} if isinstance(form, dict) else {}
    fields = {
        "Host": "peer.example.org",
        "X-Twilio-Signature": sign(TOKEN, PUBLIC + path, signed),
        "Content-Type": KIND,
        "Content-Length": str(len(body)),
        "Accept": "*/*",
        "I-Twilio-Idempotency-Token": "0f6d4b0e-7a41-4d34-9c3c-0a4f6a1e7d10",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [start or f"POST {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if name not in without]
    return line_end.join([*lines, *more, "", ""]).encode("latin-1") + body


GOOD, REPORTED = post(TEXT), post(REPORT, path="/twilio/status")
LONG = TEXT | {"Body": "x" * 3000}
CHUNKED = post(TEXT, "Transfer-Encoding: chunked", without=["Content-Length"])[: -len(urlencode(TEXT))]
CHUNK = f"{len(urlencode(TEXT)):x}\r\n{urlencode(TEXT)}\r\n0\r\n\r\n".encode()

SIMPLE = {
    "a text": GOOD,
    "a report": REPORTED,
    "a text and a report": GOOD + REPORTED,
    "three texts": GOOD * 3,
    "a long text": post(LONG),
    "a form of a charset": post(TEXT, Content_Type=f"{KIND}; charset=utf-8"),
    "a kept connection": post(TEXT, "Connection: keep-alive"),
    "a length with zeros": post(TEXT, Content_Length=f"00{len(urlencode(TEXT))}"),
    "names in small letters": post(TEXT, "x-forwarded-for: 192.0.2.1", "x-forwarded-proto: https"),
}

ODD = {
    "another method": post(TEXT, start="PUT /twilio/sms HTTP/1.1"),
    "a small method": post(TEXT, start="post /twilio/sms HTTP/1.1"),
    "HTTP/1.0": post(TEXT, start="POST /twilio/sms HTTP/1.0"),
    "HTTP/1.0, kept": post(TEXT, "Connection: keep-alive", start="POST /twilio/sms HTTP/1.0"),
    "HTTP/1.2": post(TEXT, start="POST /twilio/sms HTTP/1.2"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a blank too many": post(TEXT, start="POST  /twilio/sms HTTP/1.1"),
    "a blank after the version": post(TEXT, start="POST /twilio/sms HTTP/1.1 "),
    "a query": post(TEXT, start="POST /twilio/sms?a=1 HTTP/1.1"),
    "an empty query": post(TEXT, start="POST /twilio/sms? HTTP/1.1"),
    "a signed query": post(TEXT, path="/twilio/sms?a=1"),
    "another path": post(TEXT, path="/nowhere"),
    "a longer path": post(TEXT, path="/twilio/sms/"),
    "a page": b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a text after a page": b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + GOOD,
    "a page after a text": GOOD + b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + GOOD,
    "a line end before": b"\r\n" + GOOD,
    "a line end between": GOOD + b"\r\n" + GOOD,
    "garbage after the body": GOOD + b"garbage\r\n\r\n",
    "bytes after the body": GOOD + bytes(range(256)),
    "bare line feeds": post(TEXT, line_end="\n"),
    "bare returns": post(TEXT, line_end="\r"),
    "one bare line feed": GOOD.replace(b"\r\nAccept", b"\nAccept"),
    "one bare return": GOOD.replace(b"\r\nAccept", b"\rAccept"),
    "no host": post(TEXT, without=["Host"]),
    "two hosts": post(TEXT, "Host: peer.example.org"),
    "an odd host": post(TEXT, Host="peer example"),
    "hosts in one": post(TEXT, Host="a,b"),
    "an empty host": post(TEXT, Host=""),
    "no signature": post(TEXT, without=["X-Twilio-Signature"]),
    "a wrong signature": post(TEXT, X_Twilio_Signature="AAAA"),
    "two signatures": post(TEXT, "x-twilio-signature: AAAA"),
    "a signature with blanks": post(TEXT).replace(b"Signature: ", b"Signature: \t "),
    "a signature at once": post(TEXT).replace(b"Signature: ", b"Signature:"),
    "no length": post(TEXT, without=["Content-Length"]),
    "two equal lengths": post(TEXT, f"Content-Length: {len(urlencode(TEXT))}"),
    "two lengths": post(TEXT, "content-length: 3"),
    "lengths in one": post(TEXT, Content_Length=f"{len(urlencode(TEXT))}, {len(urlencode(TEXT))}"),
    "a length with a sign": post(TEXT, Content_Length=f"+{len(urlencode(TEXT))}"),
    "a length in hexadecimal": post(TEXT, Content_Length="0x10"),
    "a length in other digits": post(TEXT, Content_Length="\u00b2\u00b3"),
    "a length too small": post(TEXT, Content_Length="10"),
    "a length too large": post(TEXT, Content_Length="4000"),
    "a length beyond the bound": post(TEXT, Content_Length="99999999"),
    "nothing": post(b""),
    "no body": post(b"", Content_Length="0"),
    "chunks": CHUNKED + CHUNK,
    "chunks and a length": post(TEXT, "Transfer-Encoding: chunked"),
    "another coding": post(TEXT, "Transfer-Encoding: gzip"),
    "no coding": post(TEXT, "Transfer-Encoding: identity"),
    "compressed": post(TEXT, "Content-Encoding: gzip"),
    "expecting": post(TEXT, "Expect: 100-continue"),
    "upgrading": post(TEXT, "Connection: Upgrade", "Upgrade: websocket"),
    "closing": post(TEXT, "Connection: close"),
    "closing loudly": post(TEXT, "CONNECTION: CLOSE"),
    "closing and more": post(TEXT, "Connection: close, te"),
    "a trailer": post(TEXT, "TE: trailers", "Trailer: X-Twilio-Signature"),
    "no type": post(TEXT, without=["Content-Type"]),
    "another type": post(TEXT, Content_Type="application/json"),
    "a type in capitals": post(TEXT, Content_Type=KIND.upper()),
    "a type nearly right": post(TEXT, Content_Type=KIND + "ly"),
    "two types": post(TEXT, "Content-Type: text/plain"),
    "a folded field": post(TEXT, "X-Odd: a\r\n b"),
    "a field without a colon": post(TEXT, "Nothing"),
    "a field without a name": post(TEXT, ": nothing"),
    "a field without a value": post(TEXT, "X-Odd:"),
    "a blank before the colon": post(TEXT, "X-Odd : a"),
    "an odd name": post(TEXT, "X(Odd): a"),
    "a name with a letter beyond ASCII": post(TEXT, "X-\u00d6dd: a"),
    "a value with a zero byte": post(TEXT, "X-Odd: a\0b"),
    "a value with a letter beyond ASCII": post(TEXT, "X-Odd: \u00f6"),
    "a tab in a value": post(TEXT, "X-Odd: a\tb"),
    "a name in two ways": post(TEXT, "X-Odd: a", "x-odd: b"),
    "a long head": post(TEXT, f"X-Odd: {'a' * 10_000}"),
    "a head beyond the bound": post(TEXT, f"X-Odd: {'a' * 20_000}"),
    "a long body": post(TEXT | {"Padding": "x" * 40_000}),
    "many fields": post(TEXT | {f"Field{n}": "" for n in range(200)}),
    "too many fields": post(TEXT | {f"Field{n}": "" for n in range(1200)}),
    "a form with a field twice": post(urlencode(TEXT).encode() + b"&Body=again"),
    "a form with line ends": post(urlencode(TEXT).encode() + b"\r\n"),
    "a form with an open escape": post(urlencode(TEXT).encode() + b"&X=%&Y=%2&Z=%zz&%41=a"),
    "a form with empty fields": post(b"&&=&a&" + urlencode(TEXT).encode()),
    "a field that is no text for us": post(TEXT | {"To": "+12025550177"}),
    "a body that is too long": post(TEXT | {"Body": "x" * 3201}),
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "a line that never ends": b"POST /" + b"a" * 70_000,
    "half a first line": b"POST /twilio/s",
    "half a head": GOOD[:120],
    "half a body": GOOD[:-20],
    "a text and a half": GOOD + GOOD[:-20],
}


def agree(cases: Sequence[Sequence[bytes]]) -> None:
    """Both kinds of server answer each case the same, and hand the same events over."""

    async def said(house: Tornado) -> tuple[list[bytes], list[str]]:
        few = asyncio.Semaphore(TOGETHER)  # so that nobody is cut off who only waits for the processor

        async def one(pieces: Sequence[bytes]) -> bytes:
            async with few:
                return await house.speak(*pieces)

        answers = await asyncio.gather(*map(one, cases))
        return answers, sorted(map(repr, house.service.events))

    async def both() -> None:
        async with asyncio.timeout(120), opened(Tornado) as tornado, opened(Fronted) as fronted:
            alone, before = await asyncio.gather(said(tornado), said(fronted))
        for case, one, other in zip(cases, alone[0], before[0], strict=True):
            assert one == other, case
        assert alone[1] == before[1]

    run(both())


def test_odd_requests_are_answered_as_ever() -> None:
    agree([[raw + end] for raw in (*SIMPLE.values(), *ODD.values()) for end in (LAST, b"")])


@pytest.mark.parametrize("name", SIMPLE)
def test_simple_requests_never_come_to_tornado(name: str) -> None:
    async def story(house: Tornado) -> None:
        house.service.commit.clear()
        speaking = asyncio.create_task(house.speak(SIMPLE[name]))
        await house.service.entered.wait()
        assert house.in_flight.count == 1
        house.service.commit.set()
        answer = await speaking  # the silent connection was closed
        assert answer.count(b"HTTP/1.1 20") == SIMPLE[name].count(b"POST ") == len(house.service.events)
        assert (house.passed_on, house.in_flight.count) == (0, 0)

    visit(story, Impatient)


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_come_to_tornado(name: str) -> None:
    async def story(house: Tornado) -> None:
        await house.speak(ODD[name])
        assert house.passed_on == 1

    visit(story)


def test_a_request_may_come_in_any_two_pieces() -> None:
    agree([[GOOD[:at], GOOD[at:] + LAST] for at in range(1, len(GOOD))])


def test_requests_may_come_glued_and_cut_anywhere() -> None:
    both = GOOD + REPORTED + post(TEXT, "Connection: close")
    agree([[both[:at], both[at : at + 400], both[at + 400 :]] for at in range(1, len(both), 7)])


def test_a_request_may_come_byte_by_byte() -> None:
    agree([[GOOD[at : at + 1] for at in range(len(GOOD))] + [LAST]])


PARTS = st.sampled_from(
    (*SIMPLE.values(), *(raw for raw in ODD.values() if len(raw) < 2000), b"\r\n", b"\n", b": ", b"\0", b"Host: x\r\n")
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request, or some, of which a few bytes are gone, changed, doubled or swapped for others."""
    raw = bytearray(draw(st.sampled_from((GOOD, REPORTED, GOOD + REPORTED, GOOD + GOOD))))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 12)))
        change = draw(st.integers(0, 3))
        if change == 0:
            del raw[at:end]
        elif change == 1:
            raw[at:end] = draw(st.binary(max_size=4))
        elif change == 2:
            raw[at:at] = raw[at:end] * 2
        else:
            raw[at:at] = draw(PARTS)
    return bytes(raw)


@settings(max_examples=CASES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(mutated(), st.integers(1, 600)), min_size=TOGETHER, max_size=TOGETHER))
def test_random_requests_are_answered_as_by_tornado_alone(cases: list[tuple[bytes, int]]) -> None:
    agree([[raw[:at], raw[at:] + LAST] if at < len(raw) else [raw + LAST] for raw, at in cases])


def test_who_reads_no_answers_is_not_buffered_for_and_misses_none() -> None:
    async def story(house: Tornado) -> None:
        house.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        loop, answer, texts = asyncio.get_running_loop(), b"", 2000
        with socket.socket() as line:
            line.setblocking(False)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(line, ("127.0.0.1", house.port))
            sending = asyncio.create_task(loop.sock_sendall(line, GOOD * texts + LAST))
            while not house.passed_on:
                await asyncio.sleep(0)
            assert len(house.service.events) < texts
            while some := await loop.sock_recv(line, 65536):
                answer += some
            await sending
        assert answer.count(b"HTTP/1.1 200") == texts + 1 == len(house.service.events) + 1

    visit(story)


def test_a_part_of_a_request_becomes_tornados_when_its_rest_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "PATIENCE_SECONDS", 0.01)

    async def story(house: Tornado) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as line:
            line.setblocking(False)
            await loop.sock_connect(line, ("127.0.0.1", house.port))
            await loop.sock_sendall(line, GOOD + GOOD[:100])
            while not house.passed_on:
                await asyncio.sleep(0.001)
            await loop.sock_sendall(line, GOOD[100:] + LAST)
            answer = b""
            while some := await loop.sock_recv(line, 65536):
                answer += some
        assert answer.count(b"HTTP/1.1 200") == 3

    visit(story)


def test_who_says_nothing_is_cut_off() -> None:
    async def story(house: Tornado) -> None:
        assert await house.speak() == b""
        assert (await house.speak(GOOD)).count(b"HTTP/1.1 200") == 1
        assert house.passed_on == 0

    visit(story, Impatient)


def test_a_long_commit_is_waited_for_however_silent_the_line_is() -> None:
    async def story(house: Tornado) -> None:
        house.service.commit.clear()
        speaking = asyncio.create_task(house.speak(GOOD))
        await asyncio.sleep(3 * house.idle_seconds)
        house.service.commit.set()
        assert (await speaking).startswith(b"HTTP/1.1 200 OK")

    visit(story, Impatient)


@pytest.mark.parametrize("at", [0, 1, 100, len(GOOD) - 1])
def test_who_goes_away_in_the_middle_does_no_harm(at: int) -> None:
    async def story(house: Tornado) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(GOOD[:at])
        writer.close()
        await writer.wait_closed()
        assert (await house.speak(GOOD)).startswith(b"HTTP/1.1 200 OK")

    visit(story)


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_a_text_that_could_not_be_kept_is_answered_as_by_tornado(accept: str) -> None:
    answers = []

    async def story(house: Tornado) -> None:
        house.service.fault = StoreBusy("busy")
        answers.append(await house.speak(post(TEXT, Accept=accept) + GOOD + LAST))
        assert house.passed_on == 1

    for kind in (Tornado, Fronted):
        visit(story, kind)
    assert [int(part[:3]) for part in answers[0].split(b"HTTP/1.1 ")[1:]] == [503, 503, 200]
    assert answers[0] == answers[1]


def test_a_text_that_could_not_be_kept_is_tried_once_and_its_line_is_read_on() -> None:
    async def story(house: Tornado) -> None:
        house.service.fault = StoreBusy("busy")
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(GOOD)
        assert (await reader.readuntil(b"\n")).startswith(b"HTTP/1.1 503 ")
        house.service.fault = None
        await reader.readuntil(b"503 Service Unavailable\n")
        writer.write(GOOD)
        assert (await reader.readuntil(b"\n")).startswith(b"HTTP/1.1 200 OK")
        assert (house.service.tried, house.passed_on) == (2, 0)
        writer.close()

    visit(story)


def test_a_webhook_that_breaks_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: Tornado) -> None:
        def broken(*args: object) -> bool:
            raise KeyError("anything")

        monkeypatch.setattr(house.server.routes["/twilio/sms"].webhook, "signed", broken)
        assert (await house.speak(GOOD + LAST)).startswith(b"HTTP/1.1 500 ")

    visit(story)


def test_a_stop_closes_kept_lines_and_answers_no_more() -> None:
    async def story(house: Tornado) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as kept, socket.socket() as waiting, socket.socket() as late:
            late.setblocking(False)
            for line in (kept, waiting):
                line.setblocking(False)
                await loop.sock_connect(line, ("127.0.0.1", house.port))
                await loop.sock_sendall(line, GOOD)
                assert (await loop.sock_recv(line, 65536)).startswith(b"HTTP/1.1 200 OK")
            house.service.commit.clear()
            house.service.entered.clear()
            await loop.sock_sendall(waiting, GOOD)
            await house.service.entered.wait()
            house.server.stop()
            house.server.stop()
            with pytest.raises(ConnectionError):
                await loop.sock_connect(late, ("127.0.0.1", house.port))
            assert not await house.in_flight.drained(0)
            await house.server.close_all_connections()
            assert await loop.sock_recv(kept, 1) == b""
            assert await loop.sock_recv(waiting, 1) == b""
            house.service.commit.set()
            assert await house.in_flight.drained(60)
        assert [type(event) for event in house.service.events] == [Inbound] * 3

    visit(story)


@pytest.mark.parametrize("asked", [LAST.replace(b"close", b"keep-alive"), GOOD], ids=["a page", "a text"])
def test_who_never_takes_answers_is_closed(asked: bytes) -> None:
    async def story(house: Tornado) -> None:
        house.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        loop = asyncio.get_running_loop()
        with socket.socket() as line:
            line.setblocking(False)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(line, ("127.0.0.1", house.port))
            with pytest.raises(ConnectionError):
                await loop.sock_sendall(line, asked * 100_000)
        assert house.server.open == 0
        assert (await house.speak(GOOD + LAST)).count(b"HTTP/1.1 200") == 2

    visit(story, Impatient)


@asynccontextmanager
async def strangers(house: Tornado, begun: bytes, number: int) -> AsyncIterator[list[socket.socket]]:
    """Connections that are held open after a few bytes, one by one taken in and read."""
    loop, lines = asyncio.get_running_loop(), [socket.socket() for _ in range(number)]
    try:
        for line in lines:
            passed_on = house.passed_on
            line.setblocking(False)
            await loop.sock_connect(line, ("127.0.0.1", house.port))
            await loop.sock_sendall(line, begun)
            if begun == GOOD:
                assert (await loop.sock_recv(line, 65536)).startswith(b"HTTP/1.1 200")
            while begun[:1] == b"G" and house.passed_on == passed_on:
                await asyncio.sleep(0)
            for _ in range(3):
                await asyncio.sleep(0)
        yield lines
    finally:
        for line in lines:
            line.close()


async def is_closed(line: socket.socket) -> bool:
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(line, 1), 0.05) == b""
    except TimeoutError:
        return False


@pytest.mark.parametrize("begun", [b"", b"POST /t", b"GET /h", GOOD], ids=["silent", "slow", "tornado's", "served"])
def test_beyond_the_bound_a_newcomer_gets_the_place_of_the_oldest(
    begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: Tornado) -> None:
        house.server.most = 6
        for _ in range(3):
            async with strangers(house, begun, 8) as lines:
                assert house.server.open == 6
                assert [await is_closed(line) for line in lines] == [True] * 2 + [False] * 6
                for _ in range(5):
                    assert (await house.speak(GOOD + LAST)).count(b"HTTP/1.1 200") == 2
                assert [await is_closed(line) for line in lines[2:]] == [True] + [False] * 5
        assert [record.levelname for record in caplog.records if record.name == "handlers.front"] == ["WARNING"]

    visit(story, Patient)


def test_who_brought_a_signed_text_lately_keeps_the_place() -> None:
    async def story(house: Tornado) -> None:
        house.server.most = 6
        async with strangers(house, GOOD, 1) as [carrier]:
            for _ in range(5):
                async with strangers(house, b"GET /heal", 5):
                    await asyncio.get_running_loop().sock_sendall(carrier, GOOD)
                    assert (await asyncio.get_running_loop().sock_recv(carrier, 65536)).startswith(b"HTTP/1.1 200")
        assert len(house.service.events) == 6

    visit(story, Patient)


def test_who_has_a_signed_text_in_hand_is_never_closed_for_another(caplog: pytest.LogCaptureFixture) -> None:
    async def story(house: Tornado) -> None:
        house.server.most = 3
        house.service.commit.clear()
        carriers = [asyncio.create_task(house.speak(GOOD + LAST)) for _ in range(3)]
        while house.in_flight.count < 3:
            await asyncio.sleep(0)
        assert [await house.speak(GOOD + LAST) for _ in range(5)] == [b""] * 5
        house.service.commit.set()
        assert [(await carrier).count(b"HTTP/1.1 200") for carrier in carriers] == [2] * 3
        assert (await house.speak(GOOD + LAST)).count(b"HTTP/1.1 200") == 2
        assert [record.levelname for record in caplog.records if record.name == "handlers.intake"] == ["WARNING"]

    visit(story, Patient)
