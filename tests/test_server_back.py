"""A real server that comes back after a while: what was texted meanwhile goes before what became due meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from smsmentor.catchup import CatchUp
from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.events import Act, Inbound
from smsmentor.core.rules import Rules
from smsmentor.gateways.twilio import TwilioGateway, TwilioSettings
from smsmentor.outbox import Outbox
from smsmentor.ports import SetClock
from smsmentor.service import Service
from smsmentor.stores.tinydb import TinyDBStore
from smsmentor.ticker import fire_due
from tests.rigs import base_knowledge
from tests.test_serve import PUBLIC, WORDS, faking, kept, run, serving, sid, until_sent
from tests.web.fake_twilio import ACCOUNT, NUMBER, TOKEN, FakeTwilio

ANA, CAT, BEN = "+12025550101", "+12025550102", "+12025550120"
OTHER_WORDS = "who can tell me what to do about a neighbour at work who sings all day"
SOON = """
from datetime import timedelta
from smsmentor import app, cli
app.LIST_LATE = timedelta(seconds=2)
cli.main()
"""
"""The server, which waits for the carrier's list for two seconds and not for two minutes."""


async def asked_a_day_ago(folder: Path, carrier: FakeTwilio) -> str:
    """Ben has Ana's question, whose code is given, and Cat's; then the server was off, and the day of both is over."""
    settings = TwilioSettings(ACCOUNT, (TOKEN,), PUBLIC, numbers=(NUMBER,), base_url=carrier.url)
    rules = Rules(gather_seconds=0, open_limit=2, cooldown_hours=0, quiet_from="00:00", quiet_until="00:00")
    clock, codes = SetClock(datetime.now(UTC) - timedelta(hours=25)), CarrierCodes({"codes": {}})
    with closing(TinyDBStore(folder / "smsmentor.db")) as store:
        service = Service(store, clock, replace(base_knowledge(), rules=rules))
        gateway = TwilioGateway(settings, codes=codes, clock=clock, known=lambda id: True)
        await CatchUp(service, gateway).run()
        args = {"phone": BEN, "field": "law", "consented": clock.now()}
        await service.receive(Act("cast", "mentor", args, by="import"))
        await service.receive(Act("serving", "serving", by="housekeeping"))
        for number, (phone, words) in enumerate(((ANA, WORDS), (CAT, OTHER_WORDS)), 10**6):
            await service.receive(Inbound(sid(number), phone, words, clock.now()))
            await fire_due(service)
        for _ in range(8):
            await Outbox(service, gateway).drain()
            clock.move(clock.now() + timedelta(seconds=2))
        await gateway.close()
    return next(str(message["body"])[:3] for message in carrier.messages if message["to"] == BEN)


def sent_since(carrier: FakeTwilio, number: int) -> list[tuple[str, str]]:
    """To whom, and the beginning, for each person in the order of sending."""
    out = [message for message in carrier.messages[number:] if message["direction"] == "outbound-api"]
    return sorted(((m["to"], m["body"][:6]) for m in out), key=lambda one: one[0])


def test_an_answer_that_was_missed_comes_before_the_end_of_questions_that_became_due(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier:
            code = await asked_a_day_ago(tmp_path, carrier)
            then = format_datetime(datetime.now(UTC) - timedelta(hours=2))
            carrier.text(BEN, f"{code} I asked in writing, it worked", date_created=then, date_sent=then)
            carrier.lists = asyncio.Event()
            async with serving(tmp_path, carrier) as server:
                await server.text(ANA, "MENU", sid(10**6 + 2))
                await until_sent(carrier, 6)
                assert sent_since(carrier, 5) == [(ANA, "MORE =")], "it answers, and has ended nothing"
                carrier.lists.set()
                await until_sent(carrier, 9)
                await server.stop()
            assert sent_since(carrier, 6) == [(ANA, "A (law"), (CAT, "Nobody"), (BEN, "Sent, ")]

    run(main())


def test_a_list_that_never_comes_holds_up_what_is_due_for_a_while_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with faking() as carrier:
            code = await asked_a_day_ago(tmp_path, carrier)
            carrier.lists = asyncio.Event()
            async with serving(tmp_path, carrier, ("-c", SOON)) as server:
                await until_sent(carrier, 7)
                carrier.lists.set()  # or it would wait for what it has asked
                await server.stop()
            ends = [(ANA, "Nobody"), (CAT, "Nobody"), (BEN, f"{code} is")]
            assert set(sent_since(carrier, 4)) <= set(ends)
        assert [text.outcome for text in kept(tmp_path)[0]] == ["request", "request"]

    run(main())
