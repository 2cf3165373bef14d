"""Waiting times on made-up histories whose answers are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from smsmentor.core.making import replace
from smsmentor.core.model import Request, Tally
from smsmentor.core.waiting import TALLY, Case, survival, usual, words
from tests.core.small_pool import SmallPool

LEUKAEMIA = (
    [(6, True)] * 3
    + [(6, False), (7, True), (9, False), (10, True), (10, False), (11, False), (13, True), (16, True)]
    + [(17, False), (19, False), (20, False), (22, True), (23, True), (25, False)]
    + [(32, False), (32, False), (34, False), (35, False)]
)
"""The 6-MP group of Freireich and others (Blood 21, 1963), the textbook case of a survival estimate."""


def cases(*minutes: float, answered: bool = True) -> list[Case]:
    return [Case(m, answered) for m in minutes]


def test_the_estimate_gives_the_textbook_curve() -> None:
    curve = survival(Case(minutes, answered) for minutes, answered in LEUKAEMIA)
    expected = [(0, 1), (6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)]
    assert [minutes for minutes, _ in curve] == [minutes for minutes, _ in expected]
    assert [share for _, share in curve] == pytest.approx([share for _, share in expected], abs=0.0006)


@pytest.mark.parametrize(
    ("history", "waited", "told"),
    [
        (cases(*range(1, 10)), 0, None),
        (cases(*range(10, 210, 10)), 0, (50, 150)),
        (cases(*range(10, 210, 10)), 100, (30, 80)),
        (cases(*range(10, 210, 10)), 200, None),
        (cases(*[5] * 20), 0, (5, 5)),
        (cases(*[30] * 12, answered=False), 0, None),
        (cases(*[5] * 10) + cases(*[1440] * 10, answered=False), 0, None),
        ([], 0, None),
    ],
    ids=["nine are too few", "the middle half", "from an hour in", "longer than ever", "all alike", "never answered",
         "half in vain", "nothing"],
)  # fmt: skip
def test_the_range_told_from_a_history(history: list[Case], waited: float, told: tuple[float, float] | None) -> None:
    assert usual(history, waited) == told


def test_those_who_still_wait_make_the_range_longer() -> None:
    history = cases(*range(1, 21))
    without = usual(history)
    counted = usual(history + cases(*[15] * 4, answered=False))
    assert without is not None
    assert counted is not None
    assert counted[1] > without[1]


def test_a_range_that_goes_on_after_the_end_of_the_question_is_not_told() -> None:
    town = SmallPool()
    ana = town.person("ana")
    request = town.ask("ana")
    town.do(lambda turn: turn.save(Tally(TALLY, {"cases": [[600, True]] * 20})))
    said: list[str] = []
    for hours in (0, 13.5, 14.5):
        asked = town.now - timedelta(hours=hours)
        town.do(lambda turn, at=asked: turn.save(replace(turn.need(Request, request), asked_at=at)))  # type: ignore[misc]
        town.do(lambda turn: said.append(words(turn, ana, turn.need(Request, request))))
    assert said == ["10 to 11 hours", "10 to 11 hours", ""]


def test_who_waited_in_vain_counts_as_longer_than_all_who_were_answered() -> None:
    town = SmallPool()
    town.person("ana")
    request = town.ask("ana")
    town.wait(timedelta(hours=20))
    town.mentor("ben")
    town.wait(timedelta(hours=10))
    assert town.asked(request) == ["ben"]
    assert town.get(Tally, TALLY).values["cases"] == [[1440.0, False]]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (range(11, 31), "15 to 25 minutes"),
        ([40] * 20, "40 to 45 minutes"),
        (range(60, 260, 10), "2 to 4 hours"),
        ([100] * 20, "2 to 3 hours"),
        (range(40, 140, 5), "1 to 2 hours"),
    ],
)
def test_a_range_is_told_in_steps_that_promise_nothing_too_early(minutes: Iterable[int], told: str) -> None:
    town = SmallPool()
    ana = town.person("ana")
    request = town.ask("ana")
    town.do(lambda turn: turn.save(Tally(TALLY, {"cases": [[m, True] for m in minutes]})))
    said: list[str] = []
    town.do(lambda turn: said.append(words(turn, ana, turn.need(Request, request))))
    assert said == [told]
