"""A small carrier: brings signed texts over kept connections, as fast as they are answered or at a given rate.

The requests are made beforehand, with the parameters that Twilio sends, so that the client costs little while it
runs."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.scene import Brought
from smsmentor.gateways.signature import sign

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "a token for benchmarks"
NUMBER = "+12005550100"
PUBLIC = "https://peers.example.org"
PATH = "/twilio/sms"
LONGEST_SECONDS = 30.0
"""After this an answer counts as missing."""


def request(brought: Brought) -> bytes:
    """The whole HTTP request for a text."""
    form = {
        "ToCountry": "US", "ToState": "DC", "SmsMessageSid": brought.id, "NumMedia": "0", "ToCity": "WASHINGTON",
        "FromZip": "10001", "SmsSid": brought.id, "FromState": "NY", "SmsStatus": "received", "FromCity": "NEW YORK",
        "Body": brought.body, "FromCountry": "US", "To": NUMBER, "MessagingServiceSid": "", "ToZip": "20001",
        "AddOns": '{"status":"successful","message":null,"code":null,"results":{}}', "NumSegments": "1",
        "MessageSid": brought.id, "AccountSid": ACCOUNT, "From": brought.phone, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    signature = sign(TOKEN, PUBLIC + PATH, {name: [value.encode()] for name, value in form.items()})
    body = urlencode(form).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: peers.example.org\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Accept: */*\r\nUser-Agent: TwilioProxy/1.1\r\n"
        "I-Twilio-Idempotency-Token: 0f6d4b0e-7a41-4d34-9c3c-0a4f6a1e7d10\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Answers:
    """What came back."""

    seconds: float = 0.0
    """From the first request to the last answer."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each answer. At a given rate they count from when the text was due, so that waiting is not hidden."""
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers with 200 a second."""
        return self.statuses[200] / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many in a hundred were answered."""
        if len(self.latencies) < 2:
            return 0.0
        return statistics.quantiles(self.latencies, n=1000)[min(int(percent * 10), 998)] * 1e3


class _Line(asyncio.Protocol):
    """One kept connection: the next request goes when the answer to the last has come."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or self._waiting is None:
            return
        at = head.lower().find(b"content-length:")
        if len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return
        self._buffer = b""
        self._answers.latencies.append(time.perf_counter() - self._since)
        self._answers.statuses[int(head[9:12])] += 1
        self._waiting.set_result(None)

    async def bring(self, text: bytes, since: float | None = None) -> None:
        """Send one request and wait for its answer. Raises ConnectionError when the server went away."""
        assert self._transport is not None
        self._since = time.perf_counter() if since is None else since
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(text)
        await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _lines(port: int, count: int, answers: Answers) -> list[_Line]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Line(answers), "127.0.0.1", port) for _ in range(count)]
    return [line for _, line in made]


async def as_fast_as_answered(port: int, texts: Iterable[bytes], connections: int, seconds: float) -> Answers:
    """All connections bring texts until the time is up; what is on its way then is still counted."""
    answers = Answers()
    lines = await _lines(port, connections, answers)
    left: Iterator[bytes] = iter(texts)
    began = time.perf_counter()
    end = began + seconds
    longest = max(LONGEST_SECONDS, seconds)

    async def bring(line: _Line) -> None:
        while (text := next(left, None)) is not None:
            await asyncio.wait_for(line.bring(text), longest) if seconds > 5 else await line.bring(text)
            if time.perf_counter() >= end:
                break

    await asyncio.gather(*map(bring, lines))
    answers.seconds = time.perf_counter() - began
    for line in lines:
        line.close()
    return answers


async def at_rate(port: int, texts: Iterable[bytes], rate: float, connections: int, seconds: float) -> Answers:
    """Texts come one by one at a steady rate, whether or not the server keeps up."""
    answers = Answers()
    free: asyncio.Queue[_Line] = asyncio.Queue()
    lines = await _lines(port, connections, answers)
    for line in lines:
        free.put_nowait(line)
    under_way: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def bring(text: bytes, due: float) -> None:
        line = await free.get()
        await line.bring(text, since=due)
        free.put_nowait(line)

    for number, text in enumerate(texts):
        due = began + number / rate
        if due > began + seconds:
            break
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(bring(text, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way, timeout=LONGEST_SECONDS)
    answers.seconds = time.perf_counter() - began
    for line in lines:
        line.close()
    return answers
