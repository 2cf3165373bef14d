"""Where the carrier answers opt-out words by itself (`OptOutType`), they are recorded and nothing is said."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from smsmentor.core.events import Act, CarrierWord
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Text
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, BEN = "+12125550101", "+12125550102"


async def texts(rig: Rig, phone: str, body: str, word: CarrierWord | None) -> list[str]:
    """What the phone hears when it texts this."""
    heard = len(rig.phones.threads.get(phone, []))
    for inbound in rig.phones.text(phone, body):
        await rig.deliver(replace(inbound, opt_out=word))
    await rig.settle()
    return [bubble.text_id for bubble in rig.phones.threads[phone][heard:] if bubble.direction == "out"]


@pytest.mark.parametrize("phone", [ANA, BEN])
def test_a_word_of_its_own_list_is_recorded_and_not_answered_again(phone: str) -> None:
    async def story() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
        mentor = {"phone": BEN, "alias": "Ben", "consented": NOON}
        await rig.service.receive(Act("ben", "mentor", mentor, by="import"))
        assert await texts(rig, phone, "aide", "help") == []
        assert await texts(rig, phone, "commencer", "start") == []
        assert await texts(rig, phone, "arreter", "stop") == []
        # Of BACK only we can tell a mentor.
        assert await texts(rig, phone, "commencer", "start") == (["carrier.back_mentor"] if phone == BEN else [])
        with rig.store.reading() as reader:
            member = next(iter(reader.walk(Member, "phone", phone)))
            assert (member.state, member.consent_how) == ("active", "START")
            assert [text.detail for text in reader.all(Text)] == ["HELP", "START", "STOP", "START"]

    asyncio.run(story())


def test_without_it_help_is_answered_by_us() -> None:
    async def story() -> None:
        rig = Rig(MemoryStore(), SetClock(NOON), knowledge({}))
        assert await texts(rig, ANA, "help", None) == ["carrier.help"]

    asyncio.run(story())
