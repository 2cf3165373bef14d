"""How fast texts leave, against the carrier's own client library, and webhooks while the carrier hangs.

    python -m bench.outbox [--texts 400] [--answer-ms 50] [--hang-seconds 30] [--webhooks 600]

All ways send the same texts to the same carrier: a process of its own on loopback that answers each create request
after a set time. `plain loop` and `16 threads` are the library alone: nothing is saved, nothing would be known after a
crash. `outbox` is the whole way: leased, checked, sent, settled, each step on disk. CPU is that of the sending process,
the carrier's is not in it. The last figure is another process's view of our webhook while every send hangs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlencode

import requests
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from twilio.rest import Client

from handlers.sms import SmsHandler
from smsmentor import resources
from smsmentor.core.model import Member, OutText
from smsmentor.core.rules import Rules
from smsmentor.gateways.signature import sign
from smsmentor.gateways.twilio import PlacedClient, TwilioGateway, TwilioSettings, TwilioWebhook
from smsmentor.outbox import Outbox
from smsmentor.ports import Changes
from smsmentor.service import Service
from smsmentor.stores.tinydb import TinyDBStore

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "a token of the benchmark", "+12125550199"
PUBLIC = "https://sms.example.org"
BODY = "K43, pay: how do i ask for a raise after a year? Reply K43 + your view, or PASS. No reply is fine too."
THREADS = 16
WEBHOOKS_PER_SECOND = 60


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class _Create(RequestHandler):
    """The carrier's create call, answered after a while."""

    ids = itertools.count()

    def initialize(self, seconds: float) -> None:
        self.seconds = seconds

    async def post(self, account: str) -> None:
        await asyncio.sleep(self.seconds)
        self.set_status(201)
        answer = {"sid": f"SM{next(self.ids):032x}", "status": "queued", "body": self.get_body_argument("Body")}
        self.finish(json.dumps(answer))


def _carrier(pipe: Connection, seconds: float) -> None:
    async def serve() -> None:
        route = (r"/2010-04-01/Accounts/(\w+)/Messages\.json", _Create, {"seconds": seconds})
        server = HTTPServer(Application([route], log_function=lambda handler: None))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        pipe.send(sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


@contextmanager
def carrier(seconds: float) -> Iterator[TwilioSettings]:
    """A carrier in a process of its own that answers after `seconds`; gives the settings that reach it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_carrier, args=(theirs, seconds), daemon=True)
    process.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}"
        yield TwilioSettings(
            ACCOUNT, (TOKEN,), PUBLIC, numbers=(NUMBER,), base_url=url, threads=THREADS, segments_per_second=0
        )
    finally:
        process.terminate()
        process.join()


def phone(number: int) -> str:
    """A number that is kept for fiction."""
    return f"+1{200 + number // 100:03d}5550{100 + number % 100}"


def measured(work: Callable[[], None], texts: int) -> tuple[float, float]:
    """Sends a second, and CPU milliseconds a send."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return texts / (time.perf_counter() - began), (time.process_time() - cpu) / texts * 1000


def by_the_library(settings: TwilioSettings, texts: int, threads: int) -> None:
    """The client's own call, in a loop or on threads."""
    client = Client(ACCOUNT, TOKEN, http_client=PlacedClient(settings))

    def send(number: int) -> None:
        client.messages.create(to=phone(number), from_=NUMBER, body=BODY)

    if threads == 1:
        for number in range(texts):
            send(number)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(send, range(texts)))


async def put(store: TinyDBStore, texts: int) -> None:
    """Members, each with one text waiting."""
    now = datetime.now(UTC)
    for start in range(0, texts, 100):
        numbers = range(start, min(start + 100, texts))
        members = [Member(f"m{n}", phone(n), now) for n in numbers]
        rows = [
            OutText(f"o-{n:06d}", f"m{n}", phone(n), BODY, "offer.new", 1, "GSM-7", now, now, direct=True)
            for n in numbers
        ]
        await store.transact(None, lambda _, r=(*members, *rows): Changes(r), now=now)  # type: ignore[misc]


async def by_the_outbox(settings: TwilioSettings, texts: int, folder: Path) -> tuple[float, float]:
    """Leased, checked, sent and settled, on disk."""
    knowledge = resources.load(Rules())
    with closing(TinyDBStore(folder / "outbox.db")) as store:
        await put(store, texts)
        clock = SystemClock()
        gateway = TwilioGateway(settings, codes=knowledge.carrier_codes, clock=clock, known=lambda id: False)
        outbox = Outbox(Service(store, clock, knowledge), gateway, at_once=THREADS, sleep=asyncio.sleep)
        began, cpu = time.perf_counter(), time.process_time()
        handled = await outbox.drain()
        seconds, spent = time.perf_counter() - began, time.process_time() - cpu
        await gateway.close()
        assert handled == texts, f"{handled} of {texts} texts were handled"
    return texts / seconds, spent / texts * 1000


def _texters(pipe: Connection, port: int, count: int) -> None:
    """Another process: signed forms at a steady rate, one connection each as carriers have them."""
    times = []
    began = time.perf_counter()
    with ThreadPoolExecutor(32) as pool:

        def text(number: int) -> None:
            time.sleep(max(0.0, began + number / WEBHOOKS_PER_SECOND - time.perf_counter()))
            form = {
                "MessageSid": f"SM{number:032x}", "AccountSid": ACCOUNT, "From": phone(number), "To": NUMBER,
                "Body": "how do i ask for a raise after a year", "NumMedia": "0", "SmsStatus": "received",
            }  # fmt: skip
            signature = sign(TOKEN, f"{PUBLIC}/twilio/sms", {k: [v.encode()] for k, v in form.items()})
            headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
            asked = time.perf_counter()
            answer = requests.post(f"http://127.0.0.1:{port}/twilio/sms", urlencode(form), headers=headers, timeout=60)
            assert answer.status_code == 200, answer.status_code
            times.append(time.perf_counter() - asked)

        list(pool.map(text, range(count)))
    pipe.send(times)


async def webhooks_while_it_hangs(settings: TwilioSettings, count: int, folder: Path) -> list[float]:
    """Seconds that each webhook took while every send hangs at the carrier."""
    knowledge = resources.load(Rules())
    with closing(TinyDBStore(folder / "webhooks.db")) as store:
        clock = SystemClock()
        gateway = TwilioGateway(settings, codes=knowledge.carrier_codes, clock=clock, known=lambda id: False)
        service = Service(store, clock, knowledge)
        outbox = Outbox(service, gateway, at_once=THREADS, sleep=asyncio.sleep)
        parts = {"webhook": TwilioWebhook(settings), "service": service, "clock": clock}
        server = HTTPServer(Application([("/twilio/sms", SmsHandler, parts)], log_function=lambda handler: None))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        await put(store, THREADS)
        draining = asyncio.ensure_future(outbox.drain())
        ours, theirs = multiprocessing.Pipe()
        port = sockets[0].getsockname()[1]
        process = multiprocessing.Process(target=_texters, args=(theirs, port, count))
        process.start()
        times: list[float] = await asyncio.to_thread(ours.recv)
        process.join()
        outbox.at_once = 0
        server.stop()
        await draining
        await gateway.close()
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--answer-ms", type=float, default=50.0)
    parser.add_argument("--hang-seconds", type=float, default=30.0)
    parser.add_argument("--webhooks", type=int, default=600)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with carrier(options.answer_ms / 1000) as settings:
            plain = measured(lambda: by_the_library(settings, options.texts, 1), options.texts)
            threads = measured(lambda: by_the_library(settings, options.texts, THREADS), options.texts)
            outbox = asyncio.run(by_the_outbox(settings, options.texts, folder))
        print(f"{options.texts} texts, a carrier that answers after {options.answer_ms:g} ms\n")
        print(f"{'way':<14}{'sends/s':>9}{'CPU ms/send':>13}{'rate vs loop':>14}{'CPU vs loop':>13}")
        for way, (rate, cpu) in (("plain loop", plain), (f"{THREADS} threads", threads), ("outbox", outbox)):
            print(f"{way:<14}{rate:>9.1f}{cpu:>13.2f}{rate / plain[0]:>13.1f}x{cpu / plain[1]:>12.2f}x")
        with carrier(options.hang_seconds) as settings:
            times = sorted(asyncio.run(webhooks_while_it_hangs(settings, options.webhooks, folder)))
        p99 = times[min(int(len(times) * 0.99), len(times) - 1)]
        print(
            f"\n{len(times)} webhooks at {WEBHOOKS_PER_SECOND}/s while a carrier hangs {options.hang_seconds:g} s: "
            f"median {statistics.median(times) * 1000:.0f} ms, 99th percentile {p99 * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
