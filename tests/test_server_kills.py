"""The real server, killed under load: what was acknowledged is there once, nothing is half done, nothing is sent twice.

`TEST_KILLS=200` asks for more kills than the few that every run of the tests makes.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from tornado.httpclient import HTTPClientError

from smsmentor import resources
from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.events import Act
from smsmentor.core.model import Fact, Offer, OutText, Request, Text, Thread, Timer
from smsmentor.core.rules import Rules
from smsmentor.gateways.twilio import TwilioGateway, TwilioSettings
from smsmentor.outbox import Outbox
from smsmentor.ports import Reader, SetClock
from smsmentor.service import Service
from smsmentor.stores.layouts import Seen
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import base_knowledge
from tests.test_serve import LONGEST_SECONDS, PUBLIC, Server, faking, serving, sid
from tests.web.fake_twilio import ACCOUNT, NUMBER, TOKEN, FakeTwilio

KILLS = int(os.environ.get("TEST_KILLS", "12"))
MENTEES = tuple(f"+1202555{number:04d}" for number in range(101, 109))
MENTORS = tuple(f"+1202555{number:04d}" for number in range(120, 130))
MOST_ANSWERS = 40
"""Acknowledged texts after which a server is killed at the latest."""
QUESTIONS = (
    "my boss takes credit for my reports, do i say something?",
    "how do i ask for more pay without a fight?",
    "i was moved to a new team and nobody talks to me, what do i do first?",
)
ANSWERS = ("say it the same day, calm, one sentence", "I would wait a week and then ask", "write it down first")
SMALL = ("MENU", "DONE", "MORE A and then?", "4", "STATS", "PASS", "pass", "OPEN 3", "thanks")
GENEROUS = {
    "log_level": "error",
    "twilio_segments_per_second": "1000",
    "cooldown_hours": "0",
    "offers_a_day": "50",
    "offers_a_week": "200",
    "open_limit": "20",
    "texts_an_hour": "10000",
    "automatic_a_minute": "0",
    "automatic_in_15_minutes": "0",
    "automatic_an_hour": "0",
    "newcomers_an_hour": "0",
}
"""Nothing that keeps the few people of the test from texting as fast as they can."""


class Crowd:
    """People who text without end; a text that was not acknowledged is brought again, as a carrier does."""

    def __init__(self, carrier: FakeTwilio, seed: int) -> None:
        self.carrier = carrier
        self.dice = random.Random(seed)
        self.numbers = count(1)
        self.acknowledged: set[str] = set()
        self.again: dict[str, tuple[str, str]] = {}
        """Texts without an answer, by id."""

    async def until_killed(self, server: Server, answers: int) -> None:
        """Bring texts, some at once, and kill the server in the middle of it after so many answers."""
        left = answers

        async def bring() -> None:
            nonlocal left
            while left > 0:
                id, sender, body = self._next()
                self.again[id] = (sender, body)
                try:
                    answer = await server.text(sender, body, id)
                except (OSError, HTTPClientError):
                    return
                if answer.code != 200:
                    return
                self.acknowledged.add(id)
                self.again.pop(id, None)
                left -= 1
                if left == 0:
                    server.process.kill()

        if not answers:
            server.process.kill()
        await asyncio.gather(*(bring() for _ in range(8)))
        assert left <= 0, await server.rest()
        await server.rest()
        await server.process.wait()

    def _next(self) -> tuple[str, str, str]:
        if self.again and self.dice.random() < 0.3:
            id = self.dice.choice(list(self.again))
            return (id, *self.again[id])
        id, what = sid(next(self.numbers)), self.dice.random()
        if what < 0.3:
            return id, self.dice.choice(MENTEES), self.dice.choice(QUESTIONS)
        if what < 0.8 and (asked := self._asked()):
            return id, *self.dice.choice(asked)
        return id, self.dice.choice(MENTEES + MENTORS), self.dice.choice(SMALL)

    def _asked(self) -> list[tuple[str, str]]:
        """The mentors who were lately asked something, with an answer to it."""
        found = []
        for message in self.carrier.messages[-30:]:
            if message["to"] in MENTORS and (code := re.match(r"[A-Z]\d{2,4}\b", message["body"])):
                found.append((message["to"], f"{code[0]} {self.dice.choice(ANSWERS)}"))
        return found


def look(path: Path, acknowledged: set[str]) -> None:
    """Every promise that holds of a store whose server was killed."""
    with closing(TinyDBStore(path)) as store:
        store.check()
        with store.reading() as reader:
            texts = Counter(text.id for text in reader.all(Text))
            facts = [(fact.fact, fact.data) for fact in reader.all(Fact)]
            assert acknowledged <= texts.keys(), "an acknowledged text is not there"
            assert texts == Counter({text.id for text in reader.all(Text) if text.outcome}), "a text without an outcome"
            assert texts == Counter(d["text"] for name, d in facts if name == "text.settled"), "not one outcome each"
            assert texts.keys().isdisjoint(seen.id for seen in reader.all(Seen)), "a text is remembered twice"
            opened = Counter(data["request"] for name, data in facts if name == "request.opened")
            look_at_requests(reader, opened, Counter(name for name, _ in facts))


def look_at_requests(reader: Reader, opened: Counter[str], facts: Counter[str]) -> None:
    """What belongs to one commit is all there or all absent."""
    requests = list(reader.all(Request))
    assert opened == Counter({request.id for request in requests if request.id in opened}), "opened twice, or not there"
    for request in requests:
        kept = request.status == "draft" or (request.reason == "withdrawn" and not request.wave)  # or dropped
        assert request.id in opened or kept, f"{request.code}: never opened"
        assert request.status != "draft" or request.id not in opened, f"{request.code}: a draft that was opened"
    assert facts["offer.made"] == len(list(reader.all(Offer)))
    assert facts["advice.relayed"] >= len(list(reader.all(Thread)))
    offered = {text.offer for text in reader.all(OutText) if text.offer}
    assert {offer.id for offer in reader.all(Offer)} <= offered, "an offer without its text"
    for request in requests:
        live = request.status != "closed"
        offers = list(reader.walk(Offer, "request", request.id))
        threads = list(reader.walk(Thread, "request", request.id))
        letters = [answer.letter for answer in request.answers]
        assert sorted(letters) == sorted({thread.letter for thread in threads}), f"{request.code}: half an answer"
        assert len(letters) <= request.places, f"{request.code}: more answers than places"
        timers = list(reader.walk(Timer, "subject", request.id))
        assert timers or not live or request.status == "draft", f"{request.code}: open, without a timer"
        assert live or not any(offer.status in ("sent", "lapsed") for offer in offers), f"{request.code}: an open offer"
        assert live or all(thread.closed for thread in threads), f"{request.code}: an open thread"


async def cast(path: Path) -> None:
    """The mentors, in the store before the first server starts."""
    with closing(TinyDBStore(path)) as store:
        service = Service(store, SetClock(datetime.now(UTC)), base_knowledge())
        for number, phone in enumerate(MENTORS):
            args = {"phone": phone, "field": ("law", "sales")[number % 2], "consented": service.clock.now()}
            await service.receive(Act(f"cast:{number}", "mentor", args, by="import"))


async def send_the_rest(path: Path, carrier: FakeTwilio) -> list[OutText]:
    """Send what is left when all leases have run out, on a clock that says so; gives every text of the outbox."""
    settings = TwilioSettings(
        ACCOUNT, (TOKEN,), PUBLIC, numbers=(NUMBER,), base_url=carrier.url, segments_per_second=1000
    )
    with closing(TinyDBStore(path)) as store:
        clock = SetClock(datetime.now(UTC) + timedelta(minutes=3))

        def known(provider_id: str) -> bool:
            with store.reading() as reader:
                return next(reader.walk(OutText, "provider_id", provider_id), None) is not None

        codes = CarrierCodes(resources.read_toml(resources.data_folder() / "carrier_codes.toml"))
        gateway = TwilioGateway(settings, codes=codes, clock=clock, known=known)
        rules = Rules(quiet_from="00:00", quiet_until="00:00", automatic_a_minute=0, automatic_in_15_minutes=0)
        service = Service(store, clock, replace(base_knowledge(), rules=rules))
        outbox = Outbox(service, gateway)
        while True:
            await outbox.drain()
            with store.reading() as reader:
                rows = list(reader.all(OutText))
            waiting = [row.leased_until or row.not_before for row in rows if row.pending]
            if not waiting:
                break
            clock.move(max(min(waiting), clock.now() + timedelta(seconds=1)))
        await gateway.close()
        return rows


def test_a_killed_server_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    path, dice = tmp_path / "smsmentor.db", random.Random(29)

    async def main() -> None:
        await cast(path)
        async with faking() as carrier:
            crowd = Crowd(carrier, 31)
            for _ in range(KILLS):
                async with serving(tmp_path, carrier, **GENEROUS) as server:
                    await crowd.until_killed(server, dice.randrange(MOST_ANSWERS))
                look(path, crowd.acknowledged)
            rows = await send_the_rest(path, carrier)
            look(path, crowd.acknowledged)
            assert len(crowd.acknowledged) > KILLS
            sent = [row for row in rows if row.provider_id]
            taken = [message["sid"] for message in carrier.messages if message["direction"] == "outbound-api"]
            assert sorted(row.provider_id for row in sent) == sorted(taken), "sent twice, or forgotten"

    asyncio.run(asyncio.wait_for(main(), LONGEST_SECONDS * (KILLS + 4)))
