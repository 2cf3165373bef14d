"""Words and numbers go when their time is over, also from the file; counts, outcomes and what is open stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smsmentor.core import retention
from smsmentor.core.events import Act
from smsmentor.core.model import Fact, Member, Offer, OutText, Prompt, Request, Sprint, Text, Thread
from smsmentor.rig import Rig
from tests.rigs import TinyDBRigs, memory_rig

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ANA, BEN, EVE = "+12125550101", "+12125550102", "+12125550103"
QUESTION = "how do I tell my boss Zebedee that I leave?"
ADVICE = "tell Zebedee on a Tuesday, before lunch"
KEPT = timedelta(days=30)


async def clear(rig: Rig) -> int:
    """What the housekeeping does; returns how many events it took."""
    rounds = 0
    while True:
        with rig.store.reading() as reader:
            if not retention.waits(reader, rig.clock.now(), rig.knowledge.rules):
                return rounds
        rounds += 1
        assert rounds < 50, "it finds the same things again and again"
        await rig.service.receive(Act(f"clear:{rig.clock.now()}:{rounds}", "clear", by="housekeeping"))


async def a_question_and_its_end(rig: Rig) -> None:
    await rig.service.receive(Act("ben", "mentor", {"phone": BEN, "alias": "Ben", "consented": START}, by="import"))
    await rig.text(ANA, QUESTION)
    await rig.wait(timedelta(minutes=1))
    await rig.text(BEN, ADVICE)
    await rig.text(ANA, "DONE")
    await rig.text(ANA, "4")


def run(main: Callable[[Rig], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await main(await memory_rig(START, {}))

    asyncio.run(bounded())


def words(rig: Rig) -> str:
    """Everything that the store says in people's words, and all numbers on texts."""
    with rig.store.reading() as reader:
        found = [text.body for text in reader.all(Text)]
        found += [f"{text.body} {text.phone}" for text in reader.all(OutText)]
        found += [f"{request.question} {request.follow_up}" for request in reader.all(Request)]
        found += [thread.awaiting for thread in reader.all(Thread)]
        found += [f"{offer.late} {offer.follow_up}" for offer in reader.all(Offer)]
        found += [prompt.text for prompt in reader.all(Prompt)]
    return " ".join(found).strip()


def test_the_day_before_all_words_are_there_and_the_day_after_none() -> None:
    async def main(rig: Rig) -> None:
        await a_question_and_its_end(rig)
        await rig.text(ANA, "MENU")
        await rig.wait(KEPT - timedelta(days=1))
        await rig.text(EVE, "HELP")
        assert await clear(rig) == 0
        assert "Zebedee" in words(rig)
        await rig.wait(timedelta(days=2))
        assert await clear(rig) == 1
        assert "Zebedee" not in words(rig)
        assert ANA not in words(rig)
        assert "HELP" in words(rig)
        with rig.store.reading() as reader:
            assert [request.reason for request in reader.all(Request)] == ["done"]
            assert {text.outcome for text in reader.all(Text)} >= {"request", "relayed", "command", "answer"}
            assert {fact.fact for fact in reader.all(Fact)} >= {"request.closed", "advice.rated"}
            assert {member.phone for member in reader.all(Member)} == {ANA, BEN, EVE}

    run(main)


def test_what_somebody_wrote_in_a_sprint_goes_when_the_sprint_has_ended_long_ago() -> None:
    async def main(rig: Rig) -> None:
        def kept() -> list[str]:
            with rig.store.reading() as reader:
                return [word for sprint in reader.all(Sprint) for word in (sprint.skill, *sprint.notes)]

        await rig.service.receive(Act("ben", "mentor", {"phone": BEN, "consented": START}, by="import"))
        await rig.text(ANA, "SPRINT public speaking")
        await rig.text(ANA, "I spoke up in front of Zebedee")
        await rig.wait(timedelta(days=20))
        await rig.text(ANA, "SPRINT OFF")
        await rig.text(ANA, "DONE")
        await rig.text(ANA, "SPRINT time management")
        await rig.text(ANA, "SPRINT OFF")
        ended = rig.clock.now()
        await rig.wait(KEPT - timedelta(hours=1))
        await clear(rig)
        assert kept() == ["public speaking", "I spoke up in front of Zebedee", "time management"], ended
        await rig.wait(timedelta(days=7))
        assert await clear(rig)
        assert kept() == ["", ""]

    run(main)


def test_a_skill_in_a_mentors_words_goes_with_the_question_that_named_it_and_facts_never_have_it() -> None:
    async def main(rig: Rig) -> None:
        skilled = {"phone": BEN, "topics": ("falconry",), "skills": "falconry", "consented": START}
        await rig.service.receive(Act("ben", "mentor", skilled, by="import"))
        await rig.text(ANA, "how do I begin with falconry?")
        with rig.store.reading() as reader:
            assert [request.skills for request in reader.all(Request)] == [("falconry",)]
            opened = next(fact for fact in reader.all(Fact) if fact.fact == "request.opened")
            assert opened.data["topics"] == ["own"]
        await rig.text(ANA, "DONE")
        await rig.wait(KEPT + timedelta(days=8))
        await clear(rig)
        with rig.store.reading() as reader:
            assert [request.skills for request in reader.all(Request)] == [()]

    run(main)


def test_an_open_question_keeps_its_words_however_old_it_is() -> None:
    async def main(rig: Rig) -> None:
        for question in (QUESTION, "ASK how do I ask for more pay?", "ASK is it rude to leave early?"):
            await rig.text(ANA, question)
            await rig.wait(timedelta(minutes=3))
        with rig.store.reading() as reader:
            draft = next(reader.walk(Request, "status", "draft"))
        await rig.wait(2 * KEPT)
        await clear(rig)
        with rig.store.reading() as reader:
            kept = reader.get(Request, draft.id)
        assert kept is not None
        assert kept.question == draft.question

    run(main)


async def a_question_with_an_answer(rig: Rig) -> str:
    """Ben has answered Ana; the question's code."""
    await rig.service.receive(Act("ben", "mentor", {"phone": BEN, "alias": "Ben", "consented": START}, by="import"))
    await rig.text(ANA, QUESTION)
    await rig.wait(timedelta(minutes=1))
    await rig.text(BEN, ADVICE)
    with rig.store.reading() as reader:
        return next(iter(reader.all(Request))).code


def test_words_that_nobody_took_up_go_too() -> None:
    async def a_late_view(rig: Rig) -> None:
        await rig.service.receive(Act("eve", "mentor", {"phone": EVE, "alias": "Eve", "consented": START}, by="import"))
        code = await a_question_with_an_answer(rig)
        await rig.text(ANA, "DONE")
        await rig.text(EVE, f"{code} ask Zebedee first")
        with rig.store.reading() as reader:
            assert [offer.late for offer in reader.all(Offer) if offer.late] == ["ask Zebedee first"]

    async def a_follow_up_whose_mentor_left(rig: Rig) -> None:
        await a_question_with_an_answer(rig)
        await rig.text(ANA, "and what if Zebedee shouts?")
        await rig.text(BEN, "STOP")
        with rig.store.reading() as reader:
            assert [request.follow_up for request in reader.all(Request)] == ["and what if Zebedee shouts?"]

    async def hard_words(rig: Rig) -> None:
        await a_question_with_an_answer(rig)
        await rig.text(BEN, "you are a stupid bitch, Zebedee")
        with rig.store.reading() as reader:
            assert [prompt.kind for prompt in reader.all(Prompt)] == ["hard"]

    def and_its_end(begin: Callable[[Rig], Awaitable[None]]) -> Callable[[Rig], Awaitable[None]]:
        async def main(rig: Rig) -> None:
            await begin(rig)
            await rig.wait(2 * KEPT)
            await clear(rig)
            assert words(rig) == ""

        return main

    for begin in (a_late_view, a_follow_up_whose_mentor_left, hard_words):
        run(and_its_end(begin))


def test_what_is_asked_just_now_is_not_lost_with_an_old_text_of_the_same_person() -> None:
    async def main(rig: Rig) -> None:
        await rig.text(ANA, "MENU")
        await rig.wait(KEPT + timedelta(hours=1))
        await a_question_with_an_answer(rig)
        await rig.text(ANA, "REPORT")
        assert await clear(rig) == 1
        await rig.text(ANA, "he wrote about Zebedee")
        with rig.store.reading() as reader:
            assert [text.detail for text in reader.all(Text) if "wrote" in text.body] == ["report"]

    run(main)


def test_a_text_that_waits_still_keeps_its_words_and_holds_up_nothing() -> None:
    async def main(rig: Rig) -> None:
        rig.phones.faults.account = 30002
        await rig.text(ANA, "MENU")
        await rig.wait(2 * KEPT)
        await clear(rig)
        assert ANA in words(rig)
        rig.phones.faults.account = 0
        await rig.wait(timedelta(hours=1))
        assert [bubble.text_id for bubble in rig.phones.threads[ANA]][1:] == ["menu.new"]
        await clear(rig)
        assert words(rig) == ""

    run(main)


def test_what_we_asked_and_never_heard_of_again_goes_with_the_text_it_was_about() -> None:
    async def main(rig: Rig) -> None:
        await rig.text(ANA, QUESTION)
        await rig.text(ANA, "REPORT")
        await rig.wait(2 * KEPT)
        await clear(rig)
        with rig.store.reading() as reader:
            assert list(reader.all(Prompt)) == []
        assert words(rig) == ""

    run(main)


def test_much_to_clear_is_done_in_bounded_events() -> None:
    async def main(rig: Rig) -> None:
        for number in range(retention.TEXTS + 20):
            await rig.text(ANA, "HELP" if number % 2 else "MENU")
            await rig.wait(timedelta(minutes=2))
        await rig.wait(2 * KEPT)
        largest = 0

        def watch(_event: object, turn: object) -> None:
            nonlocal largest
            largest = max(largest, len(turn.puts()))  # type: ignore[attr-defined]

        rig.watchers.append(watch)
        assert await clear(rig) == 2
        assert largest <= 2 * retention.TEXTS + 10
        assert words(rig) == ""

    run(main)


def test_forget_me_leaves_no_number_on_the_texts_that_went_to_the_person() -> None:
    async def main(rig: Rig) -> None:
        await a_question_and_its_end(rig)
        await rig.text(ANA, "FORGET")
        await rig.text(ANA, "FORGET ME")
        with rig.store.reading() as reader:
            assert all(text.phone != ANA for text in reader.all(OutText))
            assert all(member.phone != ANA for member in reader.all(Member))

    run(main)


def test_cleared_words_are_in_no_page_of_the_file_and_not_in_its_log(tmp_path: Path) -> None:
    rigs = TinyDBRigs(tmp_path)

    def bytes_of_the_store() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    async def main() -> None:
        rig = await rigs.make(START, {})
        await a_question_and_its_end(rig)
        assert b"Zebedee" in bytes_of_the_store()
        await rig.wait(2 * KEPT)
        await clear(rig)
        assert rig.store.tidy()  # type: ignore[attr-defined]
        assert b"Zebedee" not in bytes_of_the_store()
        assert b"+12125550101" in bytes_of_the_store()  # the member's own row, which stays
        await rig.text(ANA, "FORGET")
        await rig.text(ANA, "FORGET ME")
        assert rig.store.tidy()  # type: ignore[attr-defined]
        assert ANA.encode() not in bytes_of_the_store()
        rig.store.close()

    asyncio.run(main())
