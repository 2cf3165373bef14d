"""Strangers and machines: who is let in, what is dropped, and that each drop has a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from smsmentor.core import making
from smsmentor.core.abuse import number_kind
from smsmentor.core.events import Act, CarrierWord, Inbound
from smsmentor.core.model import Fact, Member, Suppressed, Text
from smsmentor.ports import Changes, SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import knowledge

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
ANA, OPA = "+12125550101", "+12125550103"


def example(country: str, kind: int, plus: int = 0) -> str:
    """libphonenumber's own example of a kind of number; with `plus` one of its neighbours."""
    found = phonenumbers.example_number_for_type(country, kind)
    assert found is not None
    assert found.national_number is not None
    return f"+{found.country_code}{found.national_number + plus}"


BRITISH = [example("GB", PhoneNumberType.MOBILE, n) for n in range(10)]
FRENCH = [example("FR", PhoneNumberType.MOBILE, n) for n in range(10)]
NEWCOMERS = [f"+1212555{200 + n:04d}" for n in range(2)]
PREMIUM = example("US", PhoneNumberType.PREMIUM_RATE)


def rig_of(*, real_phones: bool, **settings: str) -> Rig:
    return Rig(MemoryStore(), SetClock(NOON), replace(knowledge(settings), real_phones=real_phones))


def play(story: Callable[[Rig], Awaitable[None]], *, real_phones: bool = True, **settings: str) -> None:
    asyncio.run(_played(story, rig_of(real_phones=real_phones, **settings)))


async def _played(story: Callable[[Rig], Awaitable[None]], rig: Rig) -> None:
    await story(rig)


def outcomes(rig: Rig) -> list[tuple[str, str]]:
    with rig.store.reading() as reader:
        return [(t.outcome, t.detail) for t in reader.all(Text)]


@pytest.mark.parametrize(
    ("phone", "kind", "country"),
    [
        ("+12125550101", "fictitious", "US"),
        ("+12125550199", "fictitious", "US"),
        (f"+1212555{200:04d}", "fine", "US"),
        (PREMIUM, "premium", ""),
        (example("GB", PhoneNumberType.UAN), "premium", "GB"),
        (example("GB", PhoneNumberType.PREMIUM_RATE), "premium", "GB"),
        (BRITISH[0], "fine", "GB"),
        ("+49151" + "55501" + "000", "fine", "DE"),
        ("+1" + "0" * 10, "fictitious", ""),
        ("12025550101", "not a number", ""),
        ("24273", "not a number", ""),
    ],
)
def test_numbers_are_told_apart_by_their_range(phone: str, kind: str, country: str) -> None:
    found, where = number_kind(phone)
    assert found == kind
    assert not country or where == country


@pytest.mark.parametrize(
    ("phone", "reason"),
    [(PREMIUM, "premium"), (ANA, "fictitious"), (BRITISH[0], "country not served")],
)
def test_a_stranger_who_is_not_let_in_is_dropped_with_the_reason_and_hears_nothing(phone: str, reason: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.text(phone, "how do i ask for a raise")
        assert outcomes(rig) == [("dropped", reason)]
        assert [b.direction for b in rig.phones.threads[phone]] == ["in"]
        with rig.store.reading() as reader:
            assert list(reader.all(Member)) == []
            assert [f.data["reason"] for f in reader.all(Fact) if f.fact == "text.settled"] == [reason]

    play(story, countries="US,CA")


def test_on_simulated_phones_everybody_is_let_in() -> None:
    async def story(rig: Rig) -> None:
        for number in range(30):
            await rig.text(f"+12125550{100 + number}", "how do i ask for a raise")
        await rig.text(BRITISH[0], "how do i ask for a raise")
        assert {kind for kind, _ in outcomes(rig)} == {"request"}
        for phone in BRITISH[1:6]:
            await rig.text(phone, "STOP")
            await rig.text(phone, "START")
        assert {kind for kind, _ in outcomes(rig)[31:]} == {"command"}

    play(story, real_phones=False, newcomers_an_hour="3", countries="US")


def test_new_numbers_are_capped_by_the_hour_and_known_ones_are_not() -> None:
    async def story(rig: Rig) -> None:
        for number in range(4):
            await rig.text(BRITISH[number], "how do i ask for a raise")
        await rig.text(BRITISH[0], "and when is a good day for it")
        assert [detail for kind, detail in outcomes(rig) if kind == "dropped"] == ["too many new numbers"]
        await rig.wait(timedelta(hours=1))
        await rig.text(BRITISH[9], "how do i ask for a raise")
        assert outcomes(rig)[-1][0] == "request"

    play(story, newcomers_an_hour="3", country="GB")


def test_one_phone_that_leaves_is_erased_and_comes_back_takes_one_place_an_hour() -> None:
    async def story(rig: Rig) -> None:
        for _ in range(30):
            for words in ("STOP", "FORGET ME", "START"):
                await rig.text(NEWCOMERS[0], words)
                await rig.wait(timedelta(seconds=5))
        assert {detail for kind, detail in outcomes(rig) if kind == "command"} == {"STOP", "FORGET", "START"}
        assert said(rig, NEWCOMERS[0]) == ["carrier.back"] * 20, "then this hour's texts of the phone are used up"
        await rig.text(NEWCOMERS[1], "how do i ask for a raise")
        assert outcomes(rig)[-1] == ("request", "")

    play(story, newcomers_an_hour="2", texts_an_hour="20")


def test_no_number_of_an_operators_is_no_limit() -> None:
    async def story(rig: Rig) -> None:
        for phone in (*BRITISH[:4], *FRENCH[:4]):
            await rig.text(phone, "how do i ask for a raise after a year")
        assert {kind for kind, _ in outcomes(rig)} == {"request"}

    play(story, newcomers_an_hour="0", newcomers_an_hour_abroad="0", same_newcomers="0", country="GB")


DANGER = "i want to kill myself"


def said(rig: Rig, phone: str) -> list[str]:
    return [bubble.text_id for bubble in rig.phones.threads.get(phone, []) if bubble.direction == "out"]


def test_somebody_in_danger_gets_the_contacts_while_there_is_no_room_for_new_numbers() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.text(BRITISH[0], "how do i ask for a raise")
        await rig.text(BRITISH[1], "how do i ask for a raise")
        await rig.text(BRITISH[1], DANGER)
        assert outcomes(rig)[1:] == [("dropped", "too many new numbers"), ("crisis", "crisis")]
        assert said(rig, BRITISH[1]) == ["crisis.contacts"]
        assert said(rig, OPA) == ["op.crisis"]
        # What they go on with reaches the team; from us there is one answer an hour about it.
        for words in ("is anybody there", "i really want to kill myself", "hello?"):
            await rig.text(BRITISH[1], words)
            await rig.wait(timedelta(seconds=10))
        assert said(rig, BRITISH[1]) == ["crisis.contacts"]
        assert said(rig, OPA) == ["op.crisis", "op.crisis_more", "op.crisis_more"]
        await rig.wait(timedelta(hours=1))
        await rig.text(BRITISH[1], "is anybody there")
        assert said(rig, BRITISH[1]) == ["crisis.contacts", "crisis.again"]

    play(story, newcomers_an_hour="1", country="GB")


def test_words_of_danger_let_in_only_so_many_new_numbers_and_none_that_would_not_be_let_in_at_all() -> None:
    async def story(rig: Rig) -> None:
        await rig.text(BRITISH[0], "how do i ask for a raise")
        for phone in (*FRENCH[:2], PREMIUM, *BRITISH[1:5]):
            await rig.text(phone, DANGER)
        assert [len(said(rig, phone)) for phone in BRITISH[1:5]] == [1, 1, 0, 0]
        assert outcomes(rig)[1:] == [
            *[("dropped", "country not served")] * 2,
            ("dropped", "premium"),
            *[("crisis", "crisis")] * 2,
            *[("dropped", "too many new numbers")] * 2,
        ]
        await rig.wait(timedelta(hours=1))
        await rig.text(BRITISH[6], "how do i ask for a raise")
        await rig.text(BRITISH[3], DANGER)
        assert len(said(rig, BRITISH[3])) == 1

    play(story, newcomers_an_hour="1", newcomers_in_danger_an_hour="2", countries="GB", country="GB")


def test_where_no_number_limits_those_in_danger_each_of_them_is_heard() -> None:
    async def story(rig: Rig) -> None:
        await rig.text(BRITISH[0], "how do i ask for a raise")
        for phone in BRITISH[1:5]:
            await rig.text(phone, DANGER)
        assert [said(rig, phone) for phone in BRITISH[1:5]] == [["crisis.contacts_only"]] * 4

    play(story, newcomers_an_hour="1", newcomers_in_danger_an_hour="0", country="GB")


def test_a_phone_over_its_share_of_texts_is_heard_when_somebody_there_is_in_danger() -> None:
    async def story(rig: Rig) -> None:
        for number in range(6):
            await rig.text(ANA, f"text number {number} of a flood")
            await rig.wait(timedelta(seconds=10))
        assert outcomes(rig)[-1] == ("dropped", "too many texts")
        await rig.text(ANA, DANGER)
        await rig.wait(timedelta(seconds=10))
        await rig.text(ANA, DANGER)
        assert outcomes(rig)[-2:] == [("crisis", "crisis"), ("dropped", "too many texts")]
        assert said(rig, ANA)[-1:] == ["crisis.contacts_only"]

    play(story, real_phones=False, texts_an_hour="5")


def test_stop_and_start_let_in_no_number_for_which_there_is_no_room() -> None:
    async def story(rig: Rig) -> None:
        for phone in BRITISH[:3]:
            await rig.text(phone, "STOP")
            await rig.text(phone, "START")
        assert [said(rig, phone) for phone in BRITISH[:3]] == [["carrier.back"], ["carrier.back"], []]
        assert outcomes(rig)[-1] == ("dropped", "too many new numbers")
        for word in ("STOP", "START"):  # who is in takes no further place
            await rig.text(BRITISH[0], word)
        assert outcomes(rig)[-1] == ("command", "START")
        await rig.wait(timedelta(hours=1))
        await rig.text(BRITISH[2], "START")
        assert outcomes(rig)[-1] == ("command", "START")

    play(story, newcomers_an_hour="2", country="GB")


def test_who_has_asked_before_comes_back_with_start_although_there_is_no_room_for_new_numbers() -> None:
    async def story(rig: Rig) -> None:
        for words in ("how do i ask for a raise", "STOP", "START"):
            await rig.text(BRITISH[0], words)
        assert outcomes(rig)[-1] == ("command", "START")
        assert said(rig, BRITISH[0])[-1:] == ["carrier.back"]

    play(story, newcomers_an_hour="1", country="GB")


def test_what_is_told_again_and_again_by_somebody_in_danger_comes_together_with_the_next_page() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.text(ANA, DANGER)
        for number in range(14):
            await rig.text(ANA, f"nobody listens {number}")
        assert said(rig, OPA) == ["op.crisis", *["op.crisis_more"] * 10]
        await rig.wait(timedelta(minutes=5))
        assert sorted(said(rig, OPA)[11:]) == ["op.crisis", "op.crisis_more"]
        (last,) = [b.body for b in rig.phones.threads[OPA][11:] if b.text_id == "op.crisis_more"]
        assert "nobody listens 10 / nobody listens 11 / nobody listens 12 / nobody listens 13" in last

    play(story, real_phones=False)


def test_of_many_phones_that_report_the_operators_read_so_many_texts_an_hour_and_none_is_lost() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        for number in range(20):
            await rig.text(f"+12125550{110 + number}", f"REPORT: number {number} was rude to me")
        assert said(rig, OPA) == ["op.report"] * 4
        for minutes, count in ((30, 5), (60, 10), (90, 15), (120, 16), (240, 16)):
            await rig.wait(NOON + timedelta(minutes=minutes) - rig.clock.now())
            assert said(rig, OPA)[4:] == ["op.together"] * count
        told = " ".join(b.body for b in rig.phones.threads[OPA])
        assert all(f"number {number} was rude" in told for number in range(20))

    play(story, real_phones=False, team_texts_an_hour_of_all="4")


def test_words_of_somebody_in_danger_do_not_wait_with_what_others_report() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        for number in range(2):
            await rig.text("+12125550110", f"REPORT: he was rude {number}")
        await rig.text(ANA, DANGER)
        for number in range(11):
            await rig.text(ANA, f"nobody listens {number}")
        for number in range(2):
            await rig.text(ANA, f"REPORT: they laughed at me {number}")
        before = len(rig.phones.threads[OPA])
        await rig.wait(timedelta(minutes=5))
        told = {b.text_id: b.body for b in rig.phones.threads[OPA][before:]}
        assert sorted(told) == ["op.crisis", "op.crisis_more", "op.together"]
        assert "nobody listens 10 / -: REPORT: they laughed at me 1" in told["op.crisis_more"]

    play(story, real_phones=False, team_texts_an_hour="1")


def test_very_many_long_words_to_the_team_come_in_one_text_that_has_the_end_of_them() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        for number in range(26):
            await rig.text(ANA, f"REPORT: {number} " + f"he wrote to me again and again and again {number} " * 5)
        await rig.wait(timedelta(minutes=30))
        assert said(rig, OPA) == ["op.report", "op.together"]
        told = rig.phones.threads[OPA][-1].body
        assert told.startswith('OP: 25 more to the team from the same phone: "REPORT: 6 he wrote to me')
        assert " / REPORT: 25 he wrote to me again" in told
        assert told.endswith('.."')

    play(story, real_phones=False, team_texts_an_hour="1", relay_longest="1500", texts_an_hour="60")


def test_who_begins_to_run_the_service_reads_the_next_text_to_the_team_at_once() -> None:
    async def story(rig: Rig) -> None:
        for number in range(3):
            await rig.text(ANA, f"REPORT: he was rude {number}")
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.text(ANA, "REPORT: he was rude again")
        assert said(rig, OPA) == ["op.report"]
        await rig.wait(timedelta(minutes=30))
        assert said(rig, OPA) == ["op.report"]

    play(story, real_phones=False, team_texts_an_hour="2")


def test_words_that_wait_for_the_team_go_with_who_is_erased() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        for words in ("REPORT: he was rude", "REPORT: and again today", "FORGET", "FORGET ME"):
            await rig.text(ANA, words)
        await rig.wait(timedelta(minutes=31))
        assert said(rig, OPA) == ["op.report"]
        # Who comes back within the hour has had their share of it.
        await rig.text(ANA, "REPORT: and once more")
        assert said(rig, OPA) == ["op.report"]
        await rig.wait(timedelta(minutes=30))
        assert said(rig, OPA) == ["op.report", "op.together"]

    play(story, real_phones=False, team_texts_an_hour="1")


def test_new_numbers_from_abroad_have_a_cap_of_their_own() -> None:
    async def story(rig: Rig) -> None:
        for number in range(3):
            await rig.text(FRENCH[number], "how do i ask for a raise")
        await rig.text(BRITISH[1], "how do i ask for a raise")
        for number in range(2, 6):  # and none at home
            await rig.text(BRITISH[number], "how do i ask for a raise")
        kinds = outcomes(rig)
        assert kinds[2] == ("dropped", "too many new numbers of that country")
        assert [kind for kind, _ in kinds] == ["request", "request", "dropped", *["request"] * 5]

    play(story, newcomers_an_hour_abroad="2", country="GB")


@pytest.mark.parametrize(("words", "read_by_the_carrier"), [("STOP", None), ("no more of these", "stop")])
def test_an_opt_out_from_a_stranger_is_always_remembered(words: str, read_by_the_carrier: CarrierWord | None) -> None:
    async def story(rig: Rig) -> None:
        await rig.deliver(Inbound("one", BRITISH[0], words, NOON, opt_out=read_by_the_carrier))
        await rig.settle()
        with rig.store.reading() as reader:
            assert [m.state for m in reader.all(Member)] == ["opted_out"]

    play(story, countries="US")


def test_the_same_longer_text_many_times_is_dropped_and_short_answers_are_not() -> None:
    async def story(rig: Rig) -> None:
        for _ in range(7):
            await rig.text(ANA, "buy cheap followers now")
            await rig.wait(timedelta(seconds=70))
        assert [detail for kind, detail in outcomes(rig) if kind == "dropped"] == ["same text many times"] * 2
        for _ in range(8):
            await rig.text(ANA, "MENU")
            await rig.wait(timedelta(seconds=70))
        assert [detail for kind, detail in outcomes(rig)[7:] if kind == "dropped"] == []
        for _ in range(8):  # every day is no machine
            await rig.text(ANA, "how do i ask my boss for a raise")
            await rig.text(ANA, "DONE")
            await rig.wait(timedelta(days=1))
        assert [detail for kind, detail in outcomes(rig)[15:] if kind == "dropped"] == []

    play(story, real_phones=False)


def test_the_same_first_text_of_many_new_numbers_is_dropped_while_it_goes_on() -> None:
    spam = "Win a free phone today, just answer with your name"

    async def story(rig: Rig) -> None:
        for number in range(5):
            await rig.text(BRITISH[number], spam if number % 2 else f"  {spam.upper()}!")
        await rig.text(BRITISH[5], "how do i ask for a raise after a year")
        for number in (6, 7):
            await rig.text(BRITISH[number], "JOIN SPRING")
        for number in range(4):
            await rig.text(FRENCH[number], "JOIN SPRING")
        dropped = [detail for kind, detail in outcomes(rig) if kind == "dropped"]
        assert dropped == ["same text from many numbers"] * 2
        await rig.wait(timedelta(minutes=59))
        await rig.text(BRITISH[6], spam)
        assert outcomes(rig)[-1][0] == "request", "no new number any more"
        await rig.text(BRITISH[9], spam)
        assert outcomes(rig)[-1] == ("dropped", "same text from many numbers")
        await rig.wait(timedelta(minutes=61))
        await rig.text(BRITISH[9], spam)
        assert outcomes(rig)[-1][0] == "request"

    play(story, same_newcomers="3", country="GB")


def test_a_flood_from_one_phone_is_dropped_with_its_reason() -> None:
    async def story(rig: Rig) -> None:
        for number in range(8):
            await rig.text(ANA, f"text number {number} of a flood")
            await rig.wait(timedelta(seconds=10))
        assert [detail for kind, detail in outcomes(rig) if kind == "dropped"] == ["too many texts"] * 3

    play(story, real_phones=False, texts_an_hour="5")


def test_who_is_erased_and_comes_back_is_no_new_number_and_texts_no_more_than_others() -> None:
    async def story(rig: Rig) -> None:
        for _ in range(8):
            for words in ("how do I ask my boss for this?", "FORGET", "FORGET ME"):
                await rig.text(NEWCOMERS[0], words)
                await rig.wait(timedelta(seconds=10))
        assert outcomes(rig)[10:] == [("dropped", "too many texts")] * 14
        await rig.text(NEWCOMERS[1], "how do I tell her?")
        assert outcomes(rig)[-1] == ("request", "")
        await rig.wait(timedelta(hours=2))
        with rig.store.reading() as reader:
            assert [len(known.asked) for known in reader.all(Suppressed)] == [3]
        await rig.wait(timedelta(hours=22))
        with rig.store.reading() as reader:
            assert list(reader.all(Suppressed)) == []
        await rig.text(NEWCOMERS[0], "and how do I tell him now?")
        assert outcomes(rig)[-1][0] == "request"

    play(story, newcomers_an_hour="2", texts_an_hour="10")


def test_help_is_answered_no_oftener_than_other_texts() -> None:
    async def story(rig: Rig) -> None:
        for _ in range(8):
            await rig.text(ANA, "HELP")
            await rig.wait(timedelta(seconds=10))
        assert outcomes(rig) == [("command", "HELP")] * 5 + [("dropped", "too many texts")] * 3
        await rig.text(ANA, "STOP")
        assert outcomes(rig)[-1] == ("command", "STOP")

    play(story, real_phones=False, texts_an_hour="5")


def test_an_operators_number_that_has_a_new_owner_is_no_operators_because_settings_list_it_still() -> None:
    async def story(rig: Rig) -> None:
        def is_operator() -> bool:
            with rig.store.reading() as reader:
                return next(reader.walk(Member, "phone", NEWCOMERS[0])).operator

        listed = {"phone": NEWCOMERS[0], "listed": True}
        await rig.service.receive(Act("start 1", "operator", listed, by="settings"))
        assert is_operator()
        await rig.text(NEWCOMERS[0], "MENU")
        await rig.receipt(rig.phones.threads[NEWCOMERS[0]][-1].id, "undelivered", 30005)
        await rig.wait(timedelta(days=9))
        await rig.text(NEWCOMERS[0], "NEW")
        assert outcomes(rig)[-1] == ("command", "NEW")
        await rig.service.receive(Act("start 2", "operator", listed, by="settings"))
        assert not is_operator()
        for id in ("added", "start 3"):
            await rig.service.receive(Act(id, "operator", listed if id != "added" else {"phone": NEWCOMERS[0]}))
            assert is_operator()

    play(story)


def test_an_operator_command_that_the_carrier_did_not_confirm_does_nothing() -> None:
    async def story(rig: Rig) -> None:
        await rig.service.receive(Act("opa", "operator", {"phone": OPA}))
        await rig.deliver(Inbound("forged", OPA, "OP STATUS", NOON, verified=False))
        await rig.settle()
        assert outcomes(rig) == [("dropped", "not confirmed by the carrier")]
        assert [b.text_id for b in rig.phones.threads[OPA]] == ["op.not_confirmed"]
        await rig.deliver(Inbound("true", OPA, "OP STATUS", NOON + timedelta(seconds=9)))
        assert outcomes(rig)[-1] == ("command", "OP")

    play(story)


@pytest.mark.parametrize("word", ["START", "YES", "UNSTOP"])
def test_who_is_banned_is_not_let_in_again_by_stop_and_start(word: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.text(ANA, "how do I ask my boss for fewer hours?")
        with rig.store.reading() as reader:
            (ana,) = reader.walk(Member, "phone", ANA)
        await rig.store.transact(None, lambda _: Changes(puts=[making.replace(ana, state="banned")]), now=NOON)
        before = len(rig.phones.threads[ANA])
        for body in ("STOP", word, "how do I write a letter to my landlord?"):
            await rig.text(ANA, body)
        with rig.store.reading() as reader:
            assert [(m.state, m.left) for m in reader.walk(Member, "phone", ANA)] == [("banned", NOON)]
        assert [bubble for bubble in rig.phones.threads[ANA][before:] if bubble.direction == "out"] == []
        assert outcomes(rig)[-1] == ("dropped", "banned")

    play(story, real_phones=False)
