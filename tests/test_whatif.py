"""A made-up month played again: settings make the difference that they must, and no words are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from smsmentor.core.knowledge import Knowledge
from smsmentor.core.making import replace as changed
from smsmentor.core.model import Fact, Member, Record, Request
from smsmentor.month import Did, Ended, Month, month
from smsmentor.whatif import Played, compare, play
from tests.core.small_pool import NOON, SmallPool, shipped

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SPAN = 20


class Town:
    """Facts of three weeks, put down by hand."""

    def __init__(self) -> None:
        self.pool = SmallPool()
        self.count = 0
        for name in ("ana", "bea"):
            self.pool.person(name)

    def fact(self, at: Any, name: str, **data: Any) -> None:
        self.count += 1
        record = Fact(f"f{self.count}", at, name, data)
        self.pool.do(lambda turn: turn.save(record))

    def month(self) -> Month:
        with self.pool.store.reading() as reader:
            return month(reader, NOON + SPAN * DAY, 30)


def quiet_month() -> Town:
    """Ten questions: Ben and Cam answered each after 20 minutes, Dee never did."""
    town = Town()
    for name in ("ben", "cam", "dee"):
        town.pool.mentor(name, topics=("pay",))
    for number in range(10):
        at, request = NOON + number * 2 * DAY, f"r{number}"
        mentee = "ana" if number % 2 else "bea"
        town.fact(at, "request.opened", request=request, member=mentee, topics=["pay"])
        for mentor in ("ben", "cam", "dee"):
            town.fact(at, "offer.made", request=request, member=mentor)
        for mentor in ("ben", "cam"):
            town.fact(at + 20 * MINUTE, "advice.relayed", request=request, member=mentor)
        town.fact(at + 20 * MINUTE, "request.answered", request=request)
    return town


def played(span: Month, **rules: Any) -> Played:
    return play(span, with_rules(**rules))


def with_rules(**rules: Any) -> Knowledge:
    return replace(shipped(), rules=replace(shipped().rules, **rules))


def test_a_play_of_a_month_as_it_was_gives_what_it_gave() -> None:
    span = quiet_month().month()
    assert len(span.asked) == 10
    assert (span.did["ben", 3], span.did["dee", 3]) == (Did("answer", 20.0), Did("silence"))
    now = played(span)
    assert (now.questions, now.answered) == (10, 1.0)
    assert 20 <= now.median_minutes < 25
    assert now == played(span), "the same facts and settings give the same play"


DIRECTIONS: list[tuple[dict[str, Any], str, int]] = [
    ({"offers_a_week": 1}, "texts_a_mentor_and_week", -1),
    ({"offers_a_week": 1}, "segments", -1),
    ({"offers_a_week": 1}, "answered", -1),
    ({"cooldown_hours": 60.0}, "p90_minutes", +1),
    ({"quiet_from": "20:00", "quiet_until": "17:00"}, "median_minutes", +1),
    ({"gather_seconds": 600, "gather_longest_seconds": 600}, "median_minutes", +1),
    ({"same_pair_days": 0.0}, "segments", 0),
    ({"monthly_segments": 20}, "segments", -1),
]


@pytest.mark.parametrize(("rules", "figure", "direction"), DIRECTIONS, ids=[f"{d[0]} {d[1]}" for d in DIRECTIONS])
def test_a_setting_moves_a_figure_the_way_it_must(rules: dict[str, Any], figure: str, direction: int) -> None:
    town = quiet_month()
    with town.pool.store.reading() as reader:
        found = compare(reader, shipped(), with_rules(**rules).rules, NOON + SPAN * DAY)
    more = found.difference[figure]
    assert (more > 0) - (more < 0) == direction, found
    assert found.truly == (1.0, 20.0, 20.0)


def test_no_words_are_read() -> None:
    town = quiet_month()

    class Shy:
        """A reader that has facts, members, and of questions the skills that they name."""

        def __init__(self, reader: Any) -> None:
            self.reader = reader

        def walk(self, kind: type[Record], *args: Any, **options: Any) -> Iterator[Any]:
            assert kind is Fact
            return iter(self.reader.walk(kind, *args, **options))

        def get(self, kind: type[Record], id: str) -> Any:
            assert kind is Request
            return SimpleNamespace(skills=())

        def all(self, kind: type[Record]) -> Iterator[Any]:
            assert kind is Member
            return iter(self.reader.all(kind))

    with town.pool.store.reading() as reader:
        assert compare(Shy(reader), shipped(), shipped().rules, NOON + SPAN * DAY).now.questions == 10  # type: ignore[arg-type]


def test_an_offer_taken_back_soon_says_nothing_of_its_mentor_and_a_late_answer_is_one() -> None:
    town = Town()
    for name in ("ben", "cam", "dee"):
        town.pool.mentor(name)
    town.fact(NOON, "request.opened", request="r1", member="ana", topics=[])
    for name in ("ben", "cam", "dee"):
        town.fact(NOON, "offer.made", request="r1", member=name)
    town.fact(NOON + 5 * MINUTE, "offer.withdrawn", request="r1", member="ben")
    town.fact(NOON + 5 * 60 * MINUTE, "offer.withdrawn", request="r1", member="cam")
    town.fact(NOON + 30 * MINUTE, "offer.withdrawn", request="r1", member="dee")
    town.fact(NOON + 40 * MINUTE, "advice.late", request="r1", member="dee")
    assert town.month().did == {("cam", 0): Did("silence"), ("dee", 0): Did("answer", 40.0)}


def test_a_question_that_its_mentee_took_back_is_not_counted_as_unanswered() -> None:
    town = quiet_month()
    at = NOON + 3 * DAY
    town.fact(at, "request.opened", request="rx", member="ana", topics=["boss"])
    town.fact(at, "offer.made", request="rx", member="dee")
    town.fact(at + 3 * MINUTE, "request.closed", request="rx", reason="withdrawn")
    town.fact(at, "request.opened", request="thin", member="bea", topics=[])
    town.fact(at + DAY, "request.closed", request="thin", reason="withdrawn")
    span = town.month()
    assert len(span.asked) == 11
    assert span.ended == {2: Ended(3.0, answered=False)}
    assert played(span).questions == 10


def test_who_was_away_is_away_in_the_play_and_who_was_paused_kindly_comes_back_as_they_did() -> None:
    town = quiet_month()
    for mentor in ("ben", "cam"):
        town.fact(NOON + 6 * DAY, "member.paused", member=mentor, why="PAUSE")
    town.fact(NOON + 12 * DAY, "member.resumed", member="ben")
    town.fact(NOON + 7 * DAY, "member.paused", member="dee", why="silent")
    town.fact(NOON + 8 * DAY, "member.resumed", member="dee")
    span = town.month()
    assert [(a.mentor, a.until) for a in span.away] == [("ben", NOON + 12 * DAY), ("cam", None)]
    assert span.comes_back == (2 / 3, 1440.0)
    assert 0.5 <= played(span).answered < 0.9


def test_a_number_that_went_out_of_use_worked_before_and_is_away_since() -> None:
    town = quiet_month()
    gone, back = NOON + 10 * DAY, NOON + 12 * DAY
    town.fact(gone, "member.suspended", member="ben", error=30005)
    town.fact(gone, "member.suspended", member="cam", error=30005)
    town.fact(back, "member.returned", member="cam", how="texted")
    town.pool.do(lambda turn: turn.save(changed(turn.need(Member, "ben"), state="suspended", phone="")))
    span = town.month()
    assert {member.id for member in span.people if member.mentor} == {"ben", "cam", "dee"}
    assert sorted(span.away) == [("ben", gone, None), ("cam", gone, back)]


def test_a_question_about_a_skill_that_a_mentor_typed_goes_to_who_has_it() -> None:
    town = Town()
    for name in ("cam", "dee", "eli"):
        town.pool.mentor(name)
    town.pool.mentor("ben", topics=("horse care",))
    for number in range(6):
        at, request = NOON + number * 2 * DAY, f"r{number}"
        question = Request(request, f"K{number}", "ana", "", at, status="closed", skills=("horse care",))
        town.pool.do(lambda turn, question=question: turn.save(question))  # type: ignore[misc]
        town.fact(at, "request.opened", request=request, member="ana", topics=["own"])
        for mentor in ("ben", "cam", "dee", "eli"):
            town.fact(at, "offer.made", request=request, member=mentor)
        town.fact(at + 20 * MINUTE, "advice.relayed", request=request, member="ben")
        town.fact(at + 20 * MINUTE, "request.answered", request=request)
    span = town.month()
    assert [(asked.topics, asked.skills) for asked in span.asked] == [((), ("horse care",))] * 6
    assert played(span, places=1).median_minutes < 25
    unknown = replace(span, asked=tuple(asked._replace(skills=()) for asked in span.asked))
    assert played(unknown, places=1).median_minutes > played(span, places=1).median_minutes
