"""The real server under load is killed at random points, again and again; nothing acknowledged is lost or half done.

`TEST_SERVER_KILLS=100` asks for more kills than the few that every run of the tests makes.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

from tornado.httpclient import HTTPClientError

from smsmentor.core.model import Fact, Member, OutText, Request, Text, Timer
from smsmentor.stores.tinydb import TinyDBStore
from tests.test_serve import WORDS, Server, command, environment, faking, sid
from tests.web.fake_twilio import FakeTwilio

KILLS = int(os.environ.get("TEST_SERVER_KILLS", "6"))
MOST_SECONDS_UP = 0.6
"""How long a server lives under load: the kill comes at a random moment within it."""
SECONDS_A_KILL = 20.0


def phone(number: int) -> str:
    return f"+1{202 + number // 100:03d}5550{100 + number % 100:03d}"


class Load:
    """Texts that a carrier brings, each with its own id, and those that were answered with 200."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.number = 0
        self.acknowledged: set[str] = set()

    async def on(self, server: Server) -> None:
        """Bring texts one after the other until the server is gone."""
        while True:
            self.number += 1
            number = self.number
            body = self.dice.choice((f"{WORDS}, number {number}", "MENU", "and every single week", "DONE"))
            try:
                answer = await server.text(phone(self.dice.randrange(400)), body, sid(number))
            except (OSError, HTTPClientError):
                return
            if answer.code == 200:
                self.acknowledged.add(sid(number))
            elif answer.code == 599:
                return


async def kill_under_load(folder: Path, carrier: FakeTwilio, load: Load) -> None:
    server = Server(await command(environment(folder, carrier, newcomers_an_hour="100000"), "serve"))
    try:
        await server.started()
        callers = [asyncio.create_task(load.on(server)) for _ in range(8)]
        await asyncio.sleep(load.dice.uniform(0.0, MOST_SECONDS_UP))
    finally:
        server.process.kill()
        await server.process.communicate()
    await asyncio.gather(*callers)


def look(folder: Path, load: Load) -> None:
    """What must hold after every kill."""
    with closing(TinyDBStore(folder / "smsmentor.db")) as store:
        store.check(full=True)
        with store.reading() as reader:
            texts = {text.id: text for text in reader.all(Text)}
            assert load.acknowledged <= texts.keys(), "an acknowledged text is lost"
            assert all(text.outcome for text in texts.values()), "a text is half done"
            settled = Counter(f.data["text"] for f in reader.all(Fact) if f.fact == "text.settled")
            assert settled == Counter(texts.keys()), "a text has not exactly one outcome"
            for request in reader.all(Request):
                assert reader.get(Member, request.mentee) is not None
                timers = list(reader.walk(Timer, "subject", request.id))
                assert timers or request.status in ("draft", "closed"), "an open request has no timer"


def test_a_server_that_is_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        load = Load(seed=7)
        async with asyncio.timeout(SECONDS_A_KILL * (KILLS + 3)), faking() as carrier:
            for _ in range(KILLS):
                await kill_under_load(tmp_path, carrier, load)
                look(tmp_path, load)
            assert load.acknowledged, "no text was acknowledged: the load did not reach the server"
            with closing(TinyDBStore(tmp_path / "smsmentor.db")) as store, store.reading() as reader:
                known = Counter(row.provider_id for row in reader.all(OutText) if row.provider_id)
            assert not [id for id, count in known.items() if count > 1]

    asyncio.run(main())
