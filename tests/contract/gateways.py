"""What every gateway promises: the contract suite, played on a rig of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import OutText
from smsmentor.ports import Gateway, SetClock

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
ANA, BEN = "+12025550101", "+12025550102"


def out_text(
    id: str, phone: str, body: str, *, queued: datetime = NOW, useless_after: datetime | None = None
) -> OutText:
    """A text as the outbox hands it over."""
    return OutText(
        id=id,
        member="m1",
        phone=phone,
        body=body,
        text_id="offer.new",
        segments=1,
        encoding="GSM-7",
        queued=queued,
        not_before=queued,
        status="leased",
        useless_after=useless_after,
    )


class Rig(Protocol):
    """A gateway with its carrier at hand."""

    clock: SetClock
    known: set[str]
    """Provider ids that the service has settled; the rig's gateway knows them."""

    @property
    def gateway(self) -> Gateway: ...

    def arrived(self) -> list[tuple[str, str]]:
        """Phone and body of every text that the carrier took, in order."""

    def text(self, sender: str, body: str) -> str:
        """A phone texts us; the provider's id."""

    def code_of(self, code: int) -> int:
        """The code with which this provider says what Twilio says with `code`."""

    def refuse(self, phone: str, code: int) -> None:
        """The carrier refuses the next text to this phone."""

    def lose_answer(self) -> None:
        """The next text is taken and its answer lost."""

    def answer_again(self) -> None:
        """Look-ups work again."""

    def go_down(self) -> None:
        """Nothing is taken and nothing can be looked up."""


Story = Callable[[Rig], Awaitable[None]]


class GatewayContract:
    """Each adapter's test class names its rig."""

    def rig(self) -> AbstractAsyncContextManager[Rig]:
        raise NotImplementedError

    def play(self, story: Story) -> None:
        async def played() -> None:
            async with self.rig() as rig:
                await story(rig)

        asyncio.run(played())

    def test_a_text_that_is_taken_arrives_as_it_was_saved_and_has_the_providers_id(self) -> None:
        async def story(rig: Rig) -> None:
            body = 'K43, pay: "How do I ask?\n€5 more" 😀  '
            outcome = await rig.gateway.send(out_text("t1", ANA, body))
            assert (outcome.text, outcome.state, outcome.code) == ("t1", "taken", 0)
            assert outcome.provider_id
            assert rig.arrived() == [(ANA, body)]

        self.play(story)

    def test_every_text_taken_has_an_id_of_its_own(self) -> None:
        async def story(rig: Rig) -> None:
            sent = await asyncio.gather(*(rig.gateway.send(out_text(f"t{n}", ANA, "Hello")) for n in range(8)))
            assert len({outcome.provider_id for outcome in sent}) == 8
            assert [outcome.text for outcome in sent] == [f"t{n}" for n in range(8)]

        self.play(story)

    def test_a_phone_that_texted_stop_is_refused_for_good_as_opted_out(self) -> None:
        async def story(rig: Rig) -> None:
            if not rig.gateway.capabilities.handles_stop:
                return  # then the service is the only one who remembers: `confirms_stop`
            rig.text(ANA, "Stop")
            outcome = await rig.gateway.send(out_text("t1", ANA, "Hello"))
            assert (outcome.state, outcome.code, outcome.account_wide) == ("refused", 21610, False)
            assert rig.arrived() == []

        self.play(story)

    def test_a_dead_number_is_refused_for_good_and_others_are_not_touched(self) -> None:
        async def story(rig: Rig) -> None:
            rig.refuse(ANA, 30006)
            refused = await rig.gateway.send(out_text("t1", ANA, "Hello"))
            taken = await rig.gateway.send(out_text("t2", BEN, "Hello"))
            assert (refused.state, refused.code, refused.provider_id) == ("refused", rig.code_of(30006), "")
            assert taken.state == "taken"
            assert rig.arrived() == [(BEN, "Hello")]

        self.play(story)

    def test_a_carrier_that_is_down_raises_nothing_and_takes_nothing(self) -> None:
        async def story(rig: Rig) -> None:
            rig.go_down()
            outcome = await rig.gateway.send(out_text("t1", ANA, "Hello"))
            assert outcome.state in ("later", "unknown")
            assert not outcome.account_wide
            assert rig.arrived() == []
            assert await rig.gateway.look_up(out_text("t1", ANA, "Hello")) is None

        self.play(story)

    def test_a_text_whose_answer_was_lost_is_found_and_was_sent_once(self) -> None:
        async def story(rig: Rig) -> None:
            rig.lose_answer()
            text = out_text("t1", ANA, "Hello")
            assert (await rig.gateway.send(text)).state == "unknown"
            rig.answer_again()
            rig.clock.move(NOW + timedelta(minutes=1))
            found = await rig.gateway.look_up(text)
            assert rig.arrived() == [(ANA, "Hello")]
            if not rig.gateway.capabilities.looks_up:
                assert found is None
                return
            assert found is not None
            assert (found.text, found.state) == ("t1", "taken")
            assert found.provider_id

        self.play(story)

    def test_a_text_that_never_reached_the_carrier_may_be_sent_again(self) -> None:
        async def story(rig: Rig) -> None:
            await rig.gateway.send(out_text("t0", BEN, "Hello"))
            found = await rig.gateway.look_up(out_text("t1", ANA, "Hello"))
            if not rig.gateway.capabilities.looks_up:
                assert found is None
                return
            assert found is not None
            assert (found.text, found.state, found.provider_id) == ("t1", "later", "")

        self.play(story)

    def test_the_same_words_sent_before_are_not_taken_for_the_text_looked_up(self) -> None:
        async def story(rig: Rig) -> None:
            earlier = await rig.gateway.send(out_text("t1", ANA, "Hello"))
            rig.known.add(earlier.provider_id)
            found = await rig.gateway.look_up(out_text("t2", ANA, "Hello"))
            if not rig.gateway.capabilities.looks_up:
                assert found is None
                return
            assert found is not None
            assert found.state == "later"

        self.play(story)

    def test_texts_that_a_webhook_missed_are_listed_oldest_first_from_the_moment_asked_for(self) -> None:
        async def story(rig: Rig) -> None:
            if not rig.gateway.capabilities.lists_inbound:
                assert not await rig.gateway.missed(NOW)
                return
            rig.text(ANA, "before")
            rig.clock.move(NOW + timedelta(minutes=1))
            first = rig.text(BEN, "first")
            await rig.gateway.send(out_text("t1", ANA, "not inbound"))
            rig.clock.move(NOW + timedelta(minutes=2))
            second = rig.text(ANA, "second")
            missed = await rig.gateway.missed(NOW + timedelta(minutes=1))
            assert [(text.id, text.sender, text.body) for text in missed] == [
                (first, BEN, "first"),
                (second, ANA, "second"),
            ]
            assert [text.at for text in missed] == [NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)]

        self.play(story)

    def test_a_text_leaves_from_the_number_that_its_phone_texted(self) -> None:
        async def story(rig: Rig) -> None:
            text = out_text("t1", ANA, "Hello")
            usual = rig.gateway.sender_of(text)
            assert rig.gateway.sender_of(replace(text, id="t2")) == usual
            assert rig.gateway.sender_of(replace(text, sender=usual)) == usual
            assert rig.gateway.sender_of(replace(text, sender="+12025550198")) == usual

        self.play(story)

    def test_an_inbound_text_is_verified_by_its_id_sender_and_words(self) -> None:
        async def story(rig: Rig) -> None:
            if not rig.gateway.capabilities.verifies:
                return
            id = rig.text(ANA, "OP STATUS")
            true = Inbound(id, ANA, "OP STATUS", NOW)
            assert await rig.gateway.verify(true)
            assert not await rig.gateway.verify(replace(true, sender=BEN))
            assert not await rig.gateway.verify(replace(true, body="OP BAN"))
            assert not await rig.gateway.verify(replace(true, id=id[:-1] + ("0" if id[-1] != "0" else "1")))

        self.play(story)

    def test_closing_twice_does_nothing_more(self) -> None:
        async def story(rig: Rig) -> None:
            await rig.gateway.send(out_text("t1", ANA, "Hello"))
            await rig.gateway.close()
            await rig.gateway.close()

        self.play(story)
