"""FORGET ME leaves no word and no number of the person behind, wherever it was copied to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from smsmentor.core.members import number_hash
from smsmentor.core.model import RECORDS, Apart, Member, Offer, Pair, Request, Suppressed, Text
from smsmentor.rig import Rig
from smsmentor.stores.records import decode, dumps, encode
from smsmentor.story import Story, Teller
from tests.rigs import keep_running, memory_rig

ANA, BEN = "+12125550101", "+12125550102"
HEAD = """
@ 2026-03-03 18:00 America/New_York
codes K43 M13 P49
operator Olu
mentee Ana
mentor Ben field=finance
mentor Cam field=nurse
"""

MENTEE_LEAVES = {
    "with a question asked": "18:00 Ana > my zebra boss takes credit for my reports",
    "with a question gathering": "18:00:00 Ana > my zebra boss takes credit for my reports\n@ 2026-03-03 18:00:05",
    "with a thin question": "18:00 Ana > zebra",
    "with an answer and a follow-up": """
18:00 Ana > my zebra boss takes credit for my reports
18:05 Ben > put your name on them
18:06 Ana > zebra thing: and if he deletes it
""",
    "with a text of theirs on hold at the other end": """
18:00 Ana > how do i ask for a zebra raise
18:05 Ben > just ask
18:06 Ana > you are a stupid zebra bitch
""",
    "with a third question kept": """
18:00 Ana > my zebra boss takes credit for my reports
18:01 Ana > ASK is it rude to leave zebra work at five?
18:02 Ana > ASK how do i find out what zebra others earn?
""",
    "with a contact detail held": """
18:00 Ana > how do i ask for a zebra raise
18:05 Ben > just ask
18:06 Ana > call me about the zebra on 212 555 0177
""",
    "with a report": """
18:00 Ana > how do i ask for a zebra raise
18:05 Ben > just ask
18:06 Ana > REPORT
18:07 Ana > he wrote zebra things
""",
    "with their question among a mentor's choices": """
17:59 Ben > OPEN 2
18:00 Ana > zebra boss takes credit for my reports
18:01 Olu > how do i plan my week
18:02 Ben > write it down
""",
    "with their question in a mentor's thread that moved on": """
18:00 Ana > my zebra boss takes credit for my reports
18:05 Ben > put your name on them
18:06 Ana > zebra thing: and if he deletes it
18:07 Ben > STOP
""",
    "with a follow-up that waits for another mentor": """
18:00 Ana > my zebra boss takes credit for my reports
18:01 Cam > PASS
18:05 Ben > put your name on them
18:06 Ana > zebra thing: and if he deletes it
18:07 Ben > STOP
""",
    "with a sprint": """
18:00 Ana > SPRINT zebra care
18:01 Ana > i want to feed my zebra on time
18:02 Ben > write three things down
""",
    "with things said about themselves": """
18:00 Ana > ABOUT zebra keeper at Zebra Zoo
18:01 Ana > ALIAS Zebra
18:02 Ana > my zebra boss takes credit for my reports
""",
    "with a report about nobody": "18:00 Ana > REPORT he wrote zebra things",
    "with a report about nobody that was asked for": "18:00 Ana > REPORT\n18:01 Ana > he wrote zebra things to me",
    "with a crisis": "18:00 Ana > i want to kill myself, zebra\n18:01 Ana > zebra, is anybody there",
    "with words that were passed on to nobody": """
18:00 Ana > how do i ask for a raise
18:02 Ana > answer me you stupid zebra bitches
""",
    "at night, with a question that waits for the morning": "23:30 Ana > my zebra boss takes credit for my reports",
}  # fmt: skip
MENTOR_LEAVES = {
    "with an answer given": """
18:00 Ana > how do i ask for a raise
18:05 Ben > say the zebra number first
""",
    "with a late answer kept": """
18:00 Ana > how do i ask for a raise
18:05 Cam > just ask
18:06 Ana > DONE
18:07 Ben > K43 say the zebra number first
""",
    "with an answer that waits for the mentee's morning": """
18:00 Ana > ZONE Madrid
18:01 Ana > how do i ask for a raise
18:05 Ben > say the zebra number first
""",
    "with a late answer that was shown": """
18:00 Ana > how do i ask for a raise
18:05 Cam > just ask
18:06 Ana > DONE
18:07 Ben > K43 say the zebra number first
18:08 Ana > MORE
""",
    "with a hard first answer that was shown": """
18:00 Ana > how do i ask for a raise
18:05 Ben > you are a stupid zebra bitch
18:06 Ana > SHOW
""",
    "with a hard first answer on hold at the other end": """
18:00 Ana > how do i ask for a raise
18:05 Ben > you are a stupid zebra bitch
""",
    "with a hard text of a thread on hold at the other end": """
18:00 Ana > how do i ask for a raise
18:05 Ben > just ask
18:06 Ben > you are a stupid zebra bitch
""",
    "with skills and hours": "18:00 Ben > TOPICS zebra care, interviews\n18:01 Ben > ALIAS Zebra",
    "with skills that were typed and given up": """
17:57 Ben > TOPICS zebra care
17:58 Ben > TOPICS +zebra songs
17:59 Ben > TOPICS pay
""",
    "with a skill added to others": "17:58 Ben > TOPICS +zebra songs",
    "with a skill that a question is asked under": """
17:58 Ben > TOPICS falconry with zebra
18:00 Olu > how do i begin with falconry?
18:05 Ben > say a number
""",
    "with a skill that an open question names": """
17:58 Ben > TOPICS falconry with zebra
17:59 Ben > PAUSE
18:00 Olu > how do i begin with falconry?
""",
    "with a name among the choices of somebody's held text": """
17:58 Ben > ALIAS Zebra
18:00 Ana > how do i ask for a raise
18:05 Ben > say a number
18:06 Cam > say more
18:07 Ana > but why
""",
    "with a name in the last text of a sprint": """
17:58 Ben > ALIAS Zebra
17:59 Ben > TOPICS time
18:00 Ana > SPRINT time management
18:01 Ana > i want to plan my week
18:05 Ben > write three things down
18:10 Ana > SPRINT OFF
""",
    "with a text on hold": """
17:59 Ben > OPEN 2
18:00 Ana > how do i ask for a raise
18:01 Olu > how do i plan my week
18:02 Ben > zebra lists help
""",
}


async def erase(story_lines: str, who: str) -> tuple[Rig, str]:
    """Play the lines, then FORGET and FORGET ME from `who`; the rig, and the number that must be gone."""
    story = Story("erasing", HEAD + story_lines)
    rig = await memory_rig(story.start, {"zone": story.zone.key})
    await Teller(story, rig, keep_running).play()
    await rig.wait(timedelta(minutes=1))
    phone = story.cast[who]
    await rig.text(phone, "START")
    await rig.text(phone, "FORGET")
    await rig.text(phone, "FORGET ME")
    await rig.wait(timedelta(minutes=1))
    return rig, phone


def what_is_left(rig: Rig, words: str) -> list[str]:
    """Every stored document that has the words."""
    with rig.store.reading() as reader:
        documents = [(kind.TABLE, dumps(record)) for kind in RECORDS for record in reader.all(kind)]
    return [f"{table}: {document}" for table, document in documents if words in document.casefold()]


@pytest.mark.parametrize("case", MENTEE_LEAVES)
def test_a_mentee_is_erased(case: str) -> None:
    rig, phone = asyncio.run(erase(MENTEE_LEAVES[case], "Ana"))
    assert what_is_left(rig, "zebra") == []
    assert what_is_left(rig, phone) == []


@pytest.mark.parametrize("case", MENTOR_LEAVES)
def test_a_mentor_is_erased(case: str) -> None:
    rig, phone = asyncio.run(erase(MENTOR_LEAVES[case], "Ben"))
    assert what_is_left(rig, "zebra") == []
    assert what_is_left(rig, phone) == []


def test_what_waits_of_one_mentor_goes_and_what_waits_of_another_comes_in_the_morning() -> None:
    """Both ways round, so that neither letter is taken for the other's."""

    async def heard(first: str, second: str) -> list[str]:
        rig, _ = await erase(
            f"""
18:00 Ana > ZONE Madrid
18:01 Ana > how do i ask for a raise
18:45 {first} > say a number
18:46 {second} > say it on a tuesday
""",
            "Ben",
        )
        before = len(rig.phones.threads[ANA])
        await rig.wait(timedelta(hours=12))
        return [bubble.body for bubble in rig.phones.threads[ANA][before:]]

    first, second = asyncio.run(heard("Ben", "Cam")), asyncio.run(heard("Cam", "Ben"))
    assert [body for body in first if "number" in body or "tuesday" in body] == ['B (nurse): "say it on a tuesday"']
    assert [body for body in second if "number" in body or "tuesday" in body] == ['A (nurse): "say a number"']


def test_who_was_asked_and_is_erased_before_an_answer_takes_nothing_of_the_others_along() -> None:
    async def play() -> Rig:
        story = "18:00 Ana > ZONE Madrid\n18:01 Ana > how do i ask for a raise\n18:06 Cam > say it on a tuesday"
        rig, _ = await erase(story, "Ben")
        await rig.wait(timedelta(hours=12))
        return rig

    heard = [bubble.body for bubble in asyncio.run(play()).phones.threads[ANA]]
    assert 'A (nurse): "say it on a tuesday"' in heard


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        (MENTOR_LEAVES["with a late answer kept"], "MORE"),
        (MENTOR_LEAVES["with a hard text of a thread on hold at the other end"], "SHOW"),
    ],
    ids=["a late view", "a hard text"],
)
def test_what_was_asked_for_does_not_leave_once_its_writer_is_erased(lines: str, asked: str) -> None:
    async def play() -> Rig:
        story = Story("erasing", HEAD + lines)
        rig = await memory_rig(story.start, {"zone": story.zone.key})
        await Teller(story, rig, keep_running).play()
        rig.phones.faults.down = True
        for phone, body in ((ANA, asked), (BEN, "FORGET"), (BEN, "FORGET ME")):
            await rig.text(phone, body)
        rig.phones.faults.down = False
        await rig.wait(timedelta(minutes=30))
        return rig

    rig = asyncio.run(play())
    assert what_is_left(rig, "zebra") == []
    assert not [bubble.body for bubble in rig.phones.threads[ANA] if "zebra" in bubble.body]


def test_what_waits_for_another_when_its_writer_is_erased_never_comes_not_even_blank() -> None:
    async def play() -> Rig:
        rig, _ = await erase(
            """
18:00 Ana > how do i ask for a raise
18:05 Ben > just ask
18:06 Ben > ZONE Madrid
18:47 Ana > zebra thing: and if he says no
""",
            "Ana",
        )
        await rig.wait(timedelta(hours=12))
        return rig

    rig = asyncio.run(play())
    assert all(bubble.body for bubbles in rig.phones.threads.values() for bubble in bubbles)
    assert "thread.asks" not in [bubble.text_id for bubble in rig.phones.threads[BEN]]


def test_who_sleeps_is_told_in_the_morning_that_nothing_is_asked_of_them_any_more() -> None:
    async def play() -> Rig:
        story = "18:00 Ana > my zebra boss takes credit for my reports\n18:01 Ben > ZONE Madrid"
        rig, _ = await erase(story, "Ana")
        await rig.wait(timedelta(hours=12))
        return rig

    assert asyncio.run(play()).phones.threads[BEN][-1].text_id == "offer.over"


def test_a_late_view_that_is_kept_for_somebody_who_is_erased_goes_too() -> None:
    rig, _ = asyncio.run(erase(MENTOR_LEAVES["with a late answer kept"], "Ana"))
    with rig.store.reading() as reader:
        assert [offer.late for offer in reader.all(Offer)] == ["", ""]


def test_words_of_another_that_are_on_hold_stay_there() -> None:
    async def play() -> Rig:
        story = """
18:00 Ana > how do i ask for a raise
18:05 Cam > just ask
18:06 Ben > say a number
18:07 Cam > you are a stupid bitch
"""
        rig, _ = await erase(story, "Ben")
        await rig.text(ANA, "SHOW")
        return rig

    assert asyncio.run(play()).phones.threads[ANA][-1].text_id == "screen.shown"


def test_a_text_kept_by_an_older_version_is_found_by_its_member_alone() -> None:
    document = encode(Text("SM1", "m1", "zebra", datetime(2026, 3, 3, tzinfo=UTC), "relayed", request="r1"))
    del document["of_party"]
    (beside,) = (index.key for index in Text.INDEXES if index.name == "aside")
    assert beside(decode(Text, document)) == "m1"


def test_a_skill_that_another_mentor_typed_too_is_still_found() -> None:
    typed = "18:00 Ben > TOPICS zebra care\n18:01 Cam > TOPICS zebra care"
    rig, _ = asyncio.run(erase(typed, "Ben"))
    assert [found for found in what_is_left(rig, "zebra") if found.startswith("tallies")]
    asyncio.run(rig.text("+12125550142", "what do i charge for zebra care?"))
    with rig.store.reading() as reader:
        assert "zebra care" in [skill for request in reader.all(Request) for skill in request.skills]


def test_a_text_on_hold_still_goes_where_its_letter_says_once_the_name_is_gone() -> None:
    async def play() -> Rig:
        rig, _ = await erase(MENTOR_LEAVES["with a name among the choices of somebody's held text"], "Ben")
        await rig.text(ANA, "2")
        return rig

    rig = asyncio.run(play())
    assert [bubble.body for bubble in rig.phones.threads["+12125550103"] if "but why" in bubble.body]


def test_the_words_are_there_before() -> None:
    async def play() -> Rig:
        story = Story("erasing", HEAD + MENTEE_LEAVES["with an answer and a follow-up"])
        rig = await memory_rig(story.start, {})
        await Teller(story, rig, keep_running).play()
        return rig

    assert what_is_left(asyncio.run(play()), "zebra")


def pairs_apart(rig: Rig) -> set[frozenset[str]]:
    """The phones of the living who are blocked from each other."""
    with rig.store.reading() as reader:
        phones = {member.id: member.phone for member in reader.all(Member) if member.phone}
        ends = [pair.id.split("|") for pair in reader.all(Pair) if pair.blocked]
    return {frozenset(phones[id] for id in ids) for ids in ends if all(id in phones for id in ids)}


@pytest.mark.parametrize("leave", [(ANA,), (BEN,), (ANA, BEN), (BEN, ANA)])
@pytest.mark.parametrize("back", [(ANA, BEN), (BEN, ANA)])
def test_who_was_blocked_stays_apart_when_they_are_erased_and_come_back(
    leave: tuple[str, ...], back: tuple[str, ...]
) -> None:
    async def play() -> Rig:
        story = Story("erasing", HEAD + "18:00 Ana > how do i ask for a raise\n18:05 Ben > just ask\n18:06 Ben > BLOCK")
        rig = await memory_rig(story.start, {})
        await Teller(story, rig, keep_running).play()
        assert pairs_apart(rig) == {frozenset((ANA, BEN))}
        for phone in leave:
            await rig.text(phone, "FORGET")
            await rig.text(phone, "FORGET ME")
        assert not any(what_is_left(rig, phone) for phone in leave)
        for phone in back:
            await rig.text(phone, "hello there again, all of you")
        return rig

    rig = asyncio.run(play())
    assert pairs_apart(rig) == {frozenset((ANA, BEN))}
    with rig.store.reading() as reader:
        assert not list(reader.all(Apart)), "all are back"


def test_an_opt_out_stays_honoured_by_a_hash_without_the_number() -> None:
    async def play() -> tuple[Rig, str]:
        story = Story("erasing", HEAD + "18:00 Ana > how do i ask for a raise\n18:01 Ana > STOP\n18:02 Ana > FORGET ME")
        rig = await memory_rig(story.start, {})
        await Teller(story, rig, keep_running).play()
        return rig, story.cast["Ana"]

    rig, phone = asyncio.run(play())
    with rig.store.reading() as reader:
        assert [kept.id for kept in reader.all(Suppressed)] == [number_hash(phone)]
    assert what_is_left(rig, phone) == []
    assert what_is_left(rig, "raise") == []
    asyncio.run(rig.text(phone, "START"))
    with rig.store.reading() as reader:
        assert not list(reader.all(Suppressed)), "who came back has not opted out"


def test_a_report_that_comes_after_an_erasing_changes_nobody() -> None:
    async def play() -> None:
        rig, phone = await erase("18:00 Ana > my zebra boss takes credit for my reports", "Ana")
        sent = next(bubble for bubble in rig.phones.threads[phone] if bubble.direction == "out")
        await rig.receipt(sent.id, "failed", 21610)
        with rig.store.reading() as reader:
            assert [member.state for member in reader.all(Member) if not member.phone] == ["erased"]

    asyncio.run(play())
