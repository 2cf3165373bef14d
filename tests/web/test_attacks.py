"""What strangers may try on the open port: the real server with its real bounds, spoken to byte by byte."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from tornado.testing import bind_unused_port

from handlers.limits import LOGGERS, Sparing
from smsmentor import app as app_module
from smsmentor import service as service_module
from smsmentor.app import App, Carrier, Phones, SystemClock
from smsmentor.core.events import Act, Inbound
from smsmentor.core.model import Member, Text
from smsmentor.errors import StoreBusy
from smsmentor.export import to_csv
from smsmentor.gateways.signature import sign
from smsmentor.logs import JsonLines, Readable
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.service import Service
from smsmentor.settings import Settings
from smsmentor.stores.memory import MemoryStore
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import knowledge

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "a token for tests", "+12125550199"
PUBLIC = "https://peers.example.org"
ANA = "+12125550101"
SID = "SM" + "0123456789abcdef" * 2
TEXT = {"AccountSid": ACCOUNT, "MessageSid": SID, "From": ANA, "To": NUMBER, "Body": "How do I ask?", "NumMedia": "0"}
KIND = "application/x-www-form-urlencoded"


@dataclass
class House:
    """A server on loopback, and what its store holds."""

    port: int
    store: TinyDBStore
    service: Service

    async def speak(self, *pieces: bytes) -> bytes:
        """Send the pieces one after the other, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(60):
                answer = await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
        return answer

    def texts(self) -> list[Text]:
        with self.store.reading() as reader:
            return list(reader.all(Text))


@asynccontextmanager
async def serving(folder: Path, *, account: bool = True) -> AsyncIterator[House]:
    settings = Settings(
        folder,
        public_url=PUBLIC if account else "",
        twilio_account_sid=ACCOUNT if account else "",
        twilio_auth_token=(TOKEN,) if account else (),
        twilio_numbers=(NUMBER,) if account else (),
    )
    store = TinyDBStore(folder / "smsmentor.db")
    listener, port = bind_unused_port()
    engine: Carrier | Phones
    if account:
        engine = Carrier(settings, store, SystemClock(), knowledge({}))
    else:
        engine = Phones(store, SetClock(datetime(2026, 3, 3, 15, tzinfo=UTC)), knowledge({}))
        await engine.start()
    server = App(settings, store, engine).server()
    server.add_socket(listener)
    try:
        yield House(port, store, engine.service)
    finally:
        server.stop()
        await server.close_all_connections()
        if account:
            assert isinstance(engine, Carrier)
            await engine.gateway.close()
        else:
            await engine.stop(1)
        store.close()


def run(folder: Path, main: Callable[[House], Coroutine[Any, Any, None]], *, account: bool = True) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(240), serving(folder, account=account) as house:
            await main(house)

    asyncio.run(bounded())


def request(body: bytes, *headers: str, target: str = "/twilio/sms", close: bool = True) -> bytes:
    """A POST as raw bytes."""
    lines = [f"POST {target} HTTP/1.1", "Host: peers.example.org", *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def signed(form: dict[str, str], *, close: bool = True, target: str = "/twilio/sms") -> bytes:
    signature = sign(TOKEN, PUBLIC + target, {name: [value.encode()] for name, value in form.items()})
    body = urlencode(form).encode()
    head = (f"Content-Type: {KIND}", f"Content-Length: {len(body)}", f"X-Twilio-Signature: {signature}")
    return request(body, *head, target=target, close=close)


BODY = urlencode(TEXT).encode()
SIGNATURE = sign(TOKEN, f"{PUBLIC}/twilio/sms", {name: [value.encode()] for name, value in TEXT.items()})
HEAD = (f"Content-Type: {KIND}", f"X-Twilio-Signature: {SIGNATURE}")
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKS = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"

REFUSED = {
    "no length": request(BODY, *HEAD),
    "a length that is no number": request(BODY, *HEAD, "Content-Length: many"),
    "a negative length": request(BODY, *HEAD, "Content-Length: -1"),
    "a length with a sign": request(BODY, *HEAD, f"Content-Length: +{len(BODY)}"),
    "two lengths": request(BODY, *HEAD, LENGTH, f"Content-Length: {len(BODY) - 1}"),
    "length and chunks": request(CHUNKS, *HEAD, LENGTH, "Transfer-Encoding: chunked"),
    "another transfer coding": request(CHUNKS, *HEAD, "Transfer-Encoding: gzip, chunked"),
    "a chunk that is no number": request(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n", *HEAD, "Transfer-Encoding: chunked"),
    "a body beyond the bound": request(b"", *HEAD, "Content-Length: 1000000000"),
    "compressed": request(gzip.compress(BODY), *HEAD, f"Content-Length: {len(gzip.compress(BODY))}"),
    "said to be compressed": request(BODY, *HEAD, LENGTH, "Content-Encoding: gzip"),
    "a folded header": request(BODY, HEAD[0], f"X-Twilio-Signature:\r\n {SIGNATURE}x", LENGTH),
    "a header with a blank before the colon": request(BODY, HEAD[0], f"X-Twilio-Signature : {SIGNATURE}", LENGTH),
    "a header without a colon": request(BODY, *HEAD, LENGTH, "Nothing"),
    "a header with a zero byte": request(BODY, *HEAD, LENGTH, "X-Odd: a\0b"),
    "two signatures": request(BODY, *HEAD, HEAD[1], LENGTH),
    "a signature of another body": request(BODY[:-1] + b"1", *HEAD, LENGTH),
    "a signature under another name": request(BODY, HEAD[0], f"X_Twilio_Signature: {SIGNATURE}", LENGTH),
    "multipart": request(BODY, "Content-Type: multipart/form-data; boundary=x", HEAD[1], LENGTH),
    "json": request(b"{}", "Content-Type: application/json", HEAD[1], "Content-Length: 2"),
    "no form at all": request(b"", HEAD[1], "Content-Length: 0"),
    "a query that was not signed": request(BODY, *HEAD, LENGTH, target="/twilio/sms?x=1"),
    "another host in the target": request(BODY, *HEAD, LENGTH, target="https://evil.example/twilio/sms"),
    "a doubled slash": request(BODY, *HEAD, LENGTH, target="//twilio/sms"),
    "a path upwards": request(BODY, *HEAD, LENGTH, target="/phones/../twilio/sms"),
    "an encoded path": request(BODY, *HEAD, LENGTH, target="/twilio%2fsms"),
    "the path of reports": request(BODY, *HEAD, LENGTH, target="/twilio/status"),
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "an unknown version": b"POST /twilio/sms HTTP/9.9\r\n\r\n",
    "a line that never ends": b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "too many headers": request(BODY, *HEAD, LENGTH, *(f"X-{n}: {'y' * 60}" for n in range(400))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_signed_form_is_refused_and_the_next_text_is_taken(tmp_path: Path, name: str) -> None:
    async def main(house: House) -> None:
        answer = await house.speak(REFUSED[name])
        assert not answer.startswith(b"HTTP/1.1 2"), answer
        assert ANA.encode() not in answer
        assert house.texts() == []
        assert (await house.speak(signed(TEXT))).startswith(b"HTTP/1.1 200 OK")
        assert [text.id for text in house.texts()] == [SID]

    run(tmp_path, main)


def framed(*headers: str, first: str = "POST /twilio/sms HTTP/1.1", end: str = "\r\n", body: bytes = BODY) -> bytes:
    """The signed text with a head of just these lines."""
    return end.join([first, *HEAD, *headers, "", ""]).encode("latin-1") + body


HOST = "Host: peers.example.org"
CHUNKED = "Transfer-Encoding: chunked"
HIDDEN = signed(TEXT, close=False)
"""What a proxy takes for the carrier's request, and a server that reads otherwise for a body."""

TWO_READINGS = {
    "lines that end with a line feed": framed(HOST, LENGTH, end="\n"),
    "one line that ends with a line feed": framed(HOST, LENGTH, "X-Odd: y\nX-More: z"),
    "a line feed before the blank line": framed(HOST, LENGTH, "X-Odd: y").replace(b"y\r\n\r\n", b"y\n\r\n"),
    "a blank line of one line feed": framed(HOST, LENGTH, "X-Odd: y").replace(b"y\r\n\r\n", b"y\r\n\n"),
    "a line feed before the first line": b"\n" + framed(HOST, LENGTH),
    "a return in a line": framed(HOST, LENGTH, "X-Odd: a\rb"),
    "a return before the line's end": framed(HOST, LENGTH, "X-Odd: a\r"),
    "a length that one reader does not see": framed(HOST, f"X-Odd: y\nContent-Length: {len(HIDDEN)}", body=HIDDEN),
    "chunks that one reader does not see": framed(HOST, f"X-Odd: y\n{CHUNKED}", body=CHUNKS),
    "the same length twice": framed(HOST, LENGTH, LENGTH),
    "the same length twice, in other letters": framed(HOST, LENGTH, LENGTH.lower()),
    "two lengths in one": framed(HOST, f"{LENGTH}, {len(BODY)}"),
    "a length in other digits": framed(HOST, "Content-Length: \u00b2\u00b3"),
    "no number of a length": framed(HOST, "Content-Length:"),
    "chunks in HTTP/1.0": framed(HOST, CHUNKED, first="POST /twilio/sms HTTP/1.0", body=CHUNKS),
    "chunks twice": framed(HOST, CHUNKED, CHUNKED, body=CHUNKS),
    "chunks and a length": framed(HOST, CHUNKED, LENGTH, body=CHUNKS),
    "chunks with line feeds": framed(HOST, CHUNKED, body=CHUNKS.replace(b"\r\n", b"\n")),
    "chunks with a trailer": framed(HOST, CHUNKED, body=CHUNKS[:-2] + HEAD[1].encode() + b"\r\n\r\n"),
    "a folded line": framed(HOST, LENGTH, "X-Odd: a", " b"),
    "a blank before the colon": framed(HOST, LENGTH, "X-Odd : a"),
    "a tunnel": framed(HOST, LENGTH, first="CONNECT /twilio/sms HTTP/1.1"),
    "a tunnel to a host": framed(HOST, LENGTH, first="CONNECT peers.example.org:443 HTTP/1.1"),
    "no host": framed(LENGTH),
    "no host's name": framed("Host:", LENGTH),
    "the same host twice": framed(HOST, HOST, LENGTH),
    **{
        f"a host {name}": framed(f"Host: {name}", LENGTH)
        for name in ("[", "]", "[]", "[::1", "[::1]x", "[127.0.0.1]", "::1", ":::", ":80", "..", ".a", "a..b", "a:b")
    },
    **{f"a host {name}": framed(f"Host: {name}", LENGTH) for name in ("a:", "a:123456", "a,b", "a/b", "a@b", "a b")},
}


@pytest.mark.parametrize("pieces", [1, 2, 40], ids=["whole", "in two", "in many"])
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "later"])
def test_what_two_readers_could_read_in_two_ways_is_refused_and_the_connection_closed(
    tmp_path: Path, before: bytes, pieces: int
) -> None:
    async def main(house: House) -> None:
        for name, raw in TWO_READINGS.items():
            whole = before + raw + HIDDEN  # on a connection that stays open
            size = -(-len(whole) // pieces)
            answer = await house.speak(*(whole[at : at + size] for at in range(0, len(whole), size)))
            codes = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
            # What was not read when the connection was closed may take the answer away.
            assert codes in ([200, 400], [200], []) if before else codes in ([400], []), (name, codes)
            assert house.texts() == [], name

    run(tmp_path, main)


@pytest.mark.parametrize(
    "name", ["peers.example.org", "PEERS", "peers.example.org.", "my_service:8765", "127.0.0.1:80", "[::1]", "[::1]:80"]
)
@pytest.mark.parametrize("more", [(), ("X-Odd:\ty",)], ids=["served", "tornado's"])
def test_hosts_as_they_are_named_are_taken(tmp_path: Path, name: str, more: tuple[str, ...]) -> None:
    async def main(house: House) -> None:
        answer = await house.speak(framed(f"Host: {name}", LENGTH, *more) + framed(HOST, LENGTH, "Connection: close"))
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert len(house.texts()) == 1

    run(tmp_path, main)


def test_what_old_clients_send_is_taken(tmp_path: Path) -> None:
    async def main(house: House) -> None:
        for headers in ((), (HOST,)):
            answer = await house.speak(framed(LENGTH, *headers, first="POST /twilio/sms HTTP/1.0"))
            assert answer.startswith(b"HTTP/1.1 200 OK")
        answer = await house.speak(b"\r\n" + framed(HOST, LENGTH, "X-Odd: \xff\t y ", "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK")

    run(tmp_path, main)


@pytest.mark.parametrize("first", ["POST /twilio/sms HTTP/1.0", "POST /twilio/sms HTTP/1.1", "GET /nowhere HTTP/1.0"])
@pytest.mark.parametrize("after", [0, 1])
def test_nothing_behind_a_last_request_is_taken(tmp_path: Path, first: str, after: int) -> None:
    """Who said that it is the last, or speaks of old, framed what comes behind it as part of something else."""

    async def main(house: House) -> None:
        last = framed(HOST, LENGTH, *(["Connection: close"] if first.endswith("1.1") else []), first=first)
        answer = await house.speak(HIDDEN * after + last + signed(TEXT | {"MessageSid": f"SM{1:032x}"}))
        await house.speak(signed(TEXT | {"MessageSid": f"SM{2:032x}"}))
        assert answer.count(b"HTTP/1.1 ") == 1 + after
        assert f"SM{1:032x}" not in {text.id for text in house.texts()}

    run(tmp_path, main)


def test_a_chunked_text_that_is_signed_is_a_text(tmp_path: Path) -> None:
    async def main(house: House) -> None:
        answer = await house.speak(request(CHUNKS, *HEAD, "Transfer-Encoding: chunked"))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert len(house.texts()) == 1

    run(tmp_path, main)


def test_chunks_beyond_the_bound_are_cut_off(tmp_path: Path) -> None:
    async def main(house: House) -> None:
        chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        answer = await house.speak(request(b"", *HEAD, "Transfer-Encoding: chunked"), *([chunk] * 40))
        assert not answer.startswith(b"HTTP/1.1 2")
        assert house.texts() == []

    run(tmp_path, main)


def test_a_replayed_text_is_acknowledged_and_has_no_second_effect(tmp_path: Path) -> None:
    async def main(house: House) -> None:
        answers = [await house.speak(signed(TEXT)) for _ in range(3)]
        assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
        assert len(house.texts()) == 1

    run(tmp_path, main)


def test_pipelined_texts_are_each_answered_in_order(tmp_path: Path) -> None:
    async def main(house: House) -> None:
        forms = [TEXT | {"MessageSid": f"SM{n:032x}", "Body": f"question {n}"} for n in range(5)]
        bad = request(BODY, HEAD[0], "X-Twilio-Signature: x", LENGTH, close=False)
        pieces = [signed(form, close=False) for form in forms[:3]] + [bad]
        pieces += [signed(form, close=form is not forms[-1]) for form in forms[3:-1]] + [signed(forms[-1])]
        pieces = [piece.replace(b"Connection: close\r\n", b"") for piece in pieces[:-1]] + pieces[-1:]
        answer = await house.speak(b"".join(pieces))
        codes = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert codes == [200, 200, 200, 403, 200, 200]
        assert [text.body for text in house.texts()] == [f"question {n}" for n in range(5)]

    run(tmp_path, main)


@pytest.mark.parametrize("part", ["head", "body", "chunks"])
def test_who_sends_slowly_is_cut_off_and_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(app_module, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(app_module, "BODY_SECONDS", 0.3)
    starts = {
        "head": b"POST /twilio/sms HTTP/1.1\r\nHost: peers",
        "body": request(BODY[:20], *HEAD, LENGTH),
        "chunks": request(CHUNKS[:20], *HEAD, "Transfer-Encoding: chunked"),
    }

    async def main(house: House) -> None:
        slow = [asyncio.create_task(house.speak(starts[part])) for _ in range(50)]
        assert (await house.speak(signed(TEXT))).startswith(b"HTTP/1.1 200 OK")
        answers = await asyncio.gather(*slow)
        assert not any(answer.startswith(b"HTTP/1.1 2") for answer in answers)
        assert len(house.texts()) == 1

    run(tmp_path, main)


HOSTILE = {
    "overrides": "\u202egnirts \u2066hidden\u2069",
    "zero width": "pa\u200bss \u2060STOP\ufeff",
    "surrogate pair halves": "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "combining": "a" + "\u0301" * 1500,
    "controls": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "separators": "one\u2028two\u2029three\x85four",
    "digits": "\u0661\u0662\uff13 K\uff14\uff13 answer",
    "format words": "{phone} %s ${x} {0.__class__} {{}}",
    "markup": "<script>alert(1)</script>&amp;]]><!--",
    "line ends": "a\r\nX-Header: b\r\n\r\nHTTP/1.1 200",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_odd_words_are_kept_as_they_came_and_have_one_outcome(tmp_path: Path, name: str) -> None:
    async def main(house: House) -> None:
        answer = await house.speak(signed(TEXT | {"Body": HOSTILE[name]}))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"<Response/>")
        assert [(text.body, bool(text.outcome)) for text in house.texts()] == [(HOSTILE[name], True)]

    run(tmp_path, main)


def test_more_texts_than_can_wait_are_refused_before_anything_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MOST_WAITING", 8)

    async def main(house: House) -> None:
        texts = [Inbound(f"SM{n:032x}", ANA, f"question {n}", datetime.now(UTC)) for n in range(30)]
        commits = house.store.stats.commits
        answers = await asyncio.gather(*(house.service.receive(text) for text in texts), return_exceptions=True)
        refused = [text.id for text, answer in zip(texts, answers, strict=True) if isinstance(answer, StoreBusy)]
        assert len(refused) == 22
        assert {text.id for text in house.texts()} == {text.id for text in texts} - set(refused)
        assert house.store.stats.commits == commits + 1
        await house.service.receive(texts[-1])
        assert texts[-1].id in {text.id for text in house.texts()}
        # What is ours is never refused: a text that has left must be settled.
        house.service.waiting = 8
        await house.service.receive(Act("olu", "operator", {"phone": NUMBER}))
        form = TEXT | {"MessageSid": "SM" + "e" * 32}
        assert (await house.speak(signed(form))).startswith(b"HTTP/1.1 503 ")

    run(tmp_path, main)


PATHS = (
    "/phones/static/../phones.html",
    "/phones/static/..%2f..%2fbase.py",
    "/phones/static/%2e%2e/base.py",
    "/phones/static//etc/passwd",
    "/phones/static/phones.js%00.css",
    "/phones/static/....//phones.py",
    "/smsmentor.db",
    "/data/local/smsmentor.db",
    "/.git/config",
    "/phones/static/",
    "/twilio/sms",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file_that_is_not_the_pages_own(tmp_path: Path, path: str) -> None:
    async def main(house: House) -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = await house.speak(head.encode())
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))

    run(tmp_path, main, account=False)


@pytest.mark.parametrize("account", [True, False])
@pytest.mark.parametrize(
    "path", ["/", "/phones", "/phones/static/phones.js", "/phones/story", "/phones/live", "/healthz", "/nothing"]
)
def test_every_answer_has_a_strict_policy(tmp_path: Path, path: str, account: bool) -> None:
    async def main(house: House) -> None:
        answer = await house.speak(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head = answer.partition(b"\r\n\r\n")[0].decode().lower()
        assert "content-security-policy: default-src '" in head
        assert "unsafe" not in head
        assert "x-content-type-options: nosniff" in head
        assert "referrer-policy: no-referrer" in head
        assert "frame-ancestors 'none'" in head
        assert "\r\nserver:" not in head

    run(tmp_path, main, account=account)


def test_another_sites_page_can_neither_open_the_line_nor_post(tmp_path: Path) -> None:
    line = (
        "GET /phones/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n\r\n"
    )

    async def main(house: House) -> None:
        for origin in ("https://evil.example", "null", f"http://127.0.0.1.evil.example:{house.port}"):
            end = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            answer = await house.speak((line.format(port=house.port, origin=origin) + end).encode())
            assert answer.startswith(b"HTTP/1.1 403 "), origin
        for path in ("/", "/phones", "/phones/live", "/phones/story"):
            body = b"do=text&phone=" + quote_plus(ANA).encode()
            answer = await house.speak(
                request(body, f"Content-Type: {KIND}", f"Content-Length: {len(body)}", target=path)
            )
            assert answer.startswith((b"HTTP/1.1 405 ", b"HTTP/1.1 403 ")), path
        assert house.texts() == []

    run(tmp_path, main, account=False)


FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("https://evil.example","x")',
    "=cmd|'/c'!A1",
    "\n=1+1",
    "\u200b=1+1",
    "\uff1d1+1",
    "\ufe621+1",
    "  =1+1",
    "\u00a0\u2060@SUM(A1)",
)


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_is_run_as_a_formula(tmp_path: Path, formula: str) -> None:
    async def main() -> None:
        start = datetime(2026, 3, 3, 15, tzinfo=UTC)
        rig = Rig(MemoryStore(), SetClock(start), knowledge({}))
        args = {"phone": ANA, "alias": formula, "field": formula, "employer": formula, "consented": start}
        await rig.service.receive(Act("ana", "mentor", args, by="import"))
        await rig.text("+12125550102", f"{formula} how do i say this to my boss?")
        with rig.store.reading() as reader:
            member = next(m for m in reader.all(Member) if m.phone == ANA)
            assert member.alias == formula
            written = to_csv(reader, tmp_path)
        rows = (row for path in written for row in csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
        cells = [cell for row in rows for cell in row]
        assert any(formula.strip() in cell for cell in cells)
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", formula[:3]))]

    asyncio.run(main())


def test_an_export_is_open_to_its_owner_alone_and_writes_through_no_link(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(MemoryStore(), SetClock(datetime(2026, 3, 3, 15, tzinfo=UTC)), knowledge({}))
        await rig.text(ANA, "my boss; how do i say this to him?")
        precious = tmp_path / "precious"
        precious.write_text("precious")
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / "texts.csv").touch()
        (folder / "texts.csv").chmod(0o666)
        (folder / "members.csv").symlink_to(precious)
        with rig.store.reading() as reader:
            written = to_csv(reader, folder)
        assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
        assert sorted(folder.iterdir()) == sorted(written)
        assert precious.read_text() == "precious"
        assert '"my boss; how do i say this to him?"' in (folder / "texts.csv").read_text()

    asyncio.run(main())


def test_noise_fills_no_log_and_keeps_nothing_worse_out() -> None:
    now = 0.0
    sparing = Sparing(3, lambda: now)

    def line(level: int, name: str = "handlers.base") -> logging.LogRecord:
        return logging.LogRecord(name, level, __file__, 1, "%d refused", (403,), None)

    assert [sparing.filter(line(logging.INFO)) for _ in range(10)] == [True] * 3 + [False] * 7
    assert not sparing.filter(line(logging.INFO, "smsmentor.access"))
    for level in (logging.WARNING, logging.ERROR):
        assert [sparing.filter(line(level)) for _ in range(5)] == [True] * 3 + [False] * 2
    now = 20.0
    after = line(logging.INFO)
    assert sparing.filter(after)
    assert after.getMessage() == "403 refused (8 lines like it were left out)"
    assert not sparing.filter(line(logging.INFO))


def test_what_strangers_ask_for_leaves_short_lines_that_print(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main(house: House) -> None:
        for path in (b"/" + b"a" * 15_000, b"/\x9b31mRED\x85\x9d0;title\x9c"):
            for method in (b"GET", b"B" * 1000):
                await house.speak(method + b" " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    run(tmp_path, main)
    lines = [record for record in caplog.records if record.name in LOGGERS]
    assert len(lines) == 8
    for form in (Readable(), JsonLines()):
        for record in lines:
            written = form.format(record)
            assert len(written) < 450
            assert written.isprintable()
