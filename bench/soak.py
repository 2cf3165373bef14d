"""A long run of the real server under mixed traffic and faults: memory stays flat, and the accounts add up.

    python -m bench.soak [--minutes 20] [--seed 1]

Server, outbox, ticker and housekeeping run as in `serve`, against a carrier on loopback, all in one process. Every few
seconds something goes wrong: the carrier is away or swallows its answers, texts come twice or forged, the server is
taken down in the middle and started again on its file. A line a minute says how it stands, the last one whether it
held.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import random
import resource
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from handlers.front import Front
from smsmentor.app import App, Carrier, SystemClock
from smsmentor.core.events import Act
from smsmentor.core.model import Fact, OutText, Text
from smsmentor.gateways.signature import sign
from smsmentor.housekeeping import Housekeeping
from smsmentor.resources import load
from smsmentor.settings import Settings, rules_from
from smsmentor.stores.tinydb import TinyDBStore
from tests.walk import ANSWERS, COMMANDS, QUESTIONS, SMALL
from tests.web.fake_twilio import ACCOUNT, NUMBER, TOKEN, FakeTwilio, Manner

PUBLIC = "https://peers.example.org"
MENTEES = [f"+1{area}555{n:04d}" for area in range(203, 220) for n in range(100, 200)]
"""Of other areas than `NUMBER`: nobody texts from the service's own."""
MENTORS = [f"+1{area}555{n:04d}" for area in range(301, 304) for n in range(100, 200)]
RULES = {"gather_seconds": "0", "quiet_from": "00:00", "quiet_until": "00:00", "newcomers_an_hour": "100000"}
RULES |= {"automatic_a_minute": "0", "automatic_in_15_minutes": "0", "automatic_an_hour": "0", "try_hours": "1"}
REMEMBERED = 4_000
"""Messages that the carrier keeps on its list: its memory is not what is measured."""


class Soak:
    """The server that runs now, the carrier, and what was acknowledged."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.carrier = FakeTwilio(SystemClock())
        self.settings = Settings(
            folder,
            public_url=PUBLIC,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=(TOKEN,),
            twilio_numbers=(NUMBER,),
            twilio_base_url=self.carrier.url,
            twilio_segments_per_second=200,
        )
        self.knowledge = load(rules_from(RULES))
        self.acknowledged: set[str] = set()
        self.refused = Counter[int]()
        self.starts = 0
        self.sent = 0
        self.slowest = 0.0
        self.server: HTTPServer | Front | None = None

    async def start(self) -> None:
        self.starts += 1
        self.store = TinyDBStore(self.settings.store_path)
        self.engine = Carrier(self.settings, self.store, SystemClock(), self.knowledge)
        await self.engine.start()
        keeper = Housekeeping(self.engine.service, self.store, self.settings, SystemClock())
        self.keeping = asyncio.create_task(keeper.forever(asyncio.sleep, lambda error: sys.exit(str(error))))
        listener, self.port = bind_unused_port()
        self.server = App(self.settings, self.store, self.engine).server()
        self.server.add_socket(listener)

    async def stop(self, grace: float) -> None:
        assert self.server is not None
        self.server.stop()
        self.keeping.cancel()
        await asyncio.wait({self.keeping})
        await self.server.close_all_connections()
        await self.engine.stop(grace)
        self.store.close()

    async def bring(self, sid: str, sender: str, body: str, *, token: str = TOKEN) -> None:
        """Bring a text until it is acknowledged, as a carrier with a fallback does."""
        form = {"AccountSid": ACCOUNT, "MessageSid": sid, "From": sender, "To": NUMBER, "Body": body, "NumMedia": "0"}
        values = {name: [value.encode()] for name, value in form.items()}
        headers = {"X-Twilio-Signature": sign(token, f"{PUBLIC}/twilio/sms", values)}
        loop = asyncio.get_running_loop()
        for _ in range(100):
            began = loop.time()
            try:
                url = f"http://127.0.0.1:{self.port}/twilio/sms"
                await AsyncHTTPClient().fetch(url, method="POST", body=urlencode(form), headers=headers)
            except HTTPClientError as error:
                self.refused[error.code] += 1
                if token != TOKEN:
                    return
            except OSError:
                self.refused[0] += 1
            else:
                self.slowest = max(self.slowest, loop.time() - began)
                self.acknowledged.add(sid)
                return
            await asyncio.sleep(0.2)
        raise AssertionError("a text was never taken")

    async def traffic(self, until: float) -> None:
        loop, number, hands = asyncio.get_running_loop(), 0, set[asyncio.Task[None]]()
        while loop.time() < until:
            number += 1
            mentor = self.dice.random() < 0.5
            sender = self.dice.choice(MENTORS if mentor else MENTEES)
            body = self.dice.choice(self.dice.choice((ANSWERS, SMALL, COMMANDS) if mentor else (QUESTIONS, SMALL)))
            sid = f"SM{number:032x}"
            for _ in range(2 if self.dice.random() < 0.05 else 1):
                hands.add(asyncio.create_task(self.bring(sid, sender, body or "hello")))
            if self.dice.random() < 0.05:
                hands.add(asyncio.create_task(self.bring(f"SM{'f' * 24}{number:08x}", sender, "no", token="forged")))
            await asyncio.sleep(self.dice.expovariate(60 if number % 400 < 100 else 12))
            hands = {task for task in hands if not task.done() or task.result()}
        await asyncio.gather(*hands)

    async def trouble(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until - 20:
            await asyncio.sleep(self.dice.uniform(3, 12))
            what = self.dice.random()
            if what < 0.35:
                self.carrier.plan.extend([Manner(drops=True)] * 3)
            elif what < 0.6:
                self.carrier.down = True
                await asyncio.sleep(self.dice.uniform(0.5, 6))
                self.carrier.down = False
            else:
                await self.stop(0.01 if what < 0.85 else 5)
                await self.start()
            self.sent += max(len(self.carrier.messages) - REMEMBERED, 0)
            del self.carrier.messages[:-REMEMBERED]
            self.carrier.forms.clear()

    async def report(self, until: float) -> list[float]:
        loop, sizes = asyncio.get_running_loop(), []
        while loop.time() < until:
            await asyncio.sleep(min(60, max(until - loop.time(), 0.1)))
            gc.collect()
            sizes.append(_resident())
            said = f"{len(self.acknowledged)} texts, {self.starts} starts, refused {dict(self.refused)}"
            print(f"{datetime.now(UTC):%H:%M:%S} {sizes[-1]:.0f} MB, {said}", flush=True)
        return sizes

    def look(self) -> list[str]:
        """What does not add up."""
        with self.store.reading() as reader:
            texts = {text.id: text for text in reader.all(Text)}
            settled = Counter(fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.settled")
            out = Counter(row.status for row in reader.all(OutText))
            ids = Counter(row.provider_id for row in reader.all(OutText) if row.provider_id)
        print("texts out:", dict(out))
        problems = {
            "acknowledged texts are lost": self.acknowledged - set(texts),
            "texts that nobody sent": set(texts) - self.acknowledged,
            "texts without an outcome": [id for id, text in texts.items() if not text.outcome],
            "texts not settled once": [id for id in texts if settled[id] != 1],
            "messages counted for two texts": [id for id, count in ids.items() if count > 1],
            "texts still in flight": ["leased"] * out["leased"],
        }
        return [f"{len(found)} {name}" for name, found in problems.items() if found]


def _resident() -> float:
    """MB of memory in use now; the peak, where the system does not tell."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(minutes: float, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="smsmentor-soak-") as folder:
        soak = Soak(Path(folder), seed)
        await soak.start()
        for number, phone in enumerate(MENTORS):
            args: dict[str, Any] = {"phone": phone, "alias": f"M{number}", "consented": datetime.now(UTC)}
            await soak.engine.service.receive(Act(f"soak:{phone}", "mentor", args, by="import"))
        until = asyncio.get_running_loop().time() + minutes * 60
        _, _, sizes = await asyncio.gather(soak.traffic(until), soak.trouble(until), soak.report(until))
        await asyncio.sleep(5)
        await soak.stop(20)
        soak.store = TinyDBStore(soak.settings.store_path)
        soak.store.check()
        problems = soak.look()
        soak.store.close()
        await soak.carrier.close()
    half = len(sizes) // 2
    print(f"memory: {sizes[0]:.0f} MB at first, {max(sizes[half:]):.0f} MB at most in the second half")
    print(
        f"slowest answer to a text that was taken: {soak.slowest:.2f} s; carrier's complaints: {soak.carrier.problems}"
    )
    print("It held." if not problems else "It did not hold: " + "; ".join(problems))
    return 1 if problems or soak.carrier.problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Soak the server.")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sys.exit(asyncio.run(main(given.minutes, given.seed)))
