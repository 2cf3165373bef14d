"""The pool's figures for its operator."""

from __future__ import annotations

from datetime import timedelta

from smsmentor import cli_pool
from smsmentor.core.health import gini, health
from smsmentor.core.making import replace
from smsmentor.core.model import Answer, Load, Request, Tally, Window
from tests.core.small_pool import NOON, SmallPool, shipped

DAY = timedelta(days=1)


def test_the_figures_name_thin_topics_uncovered_hours_and_tired_mentors() -> None:
    town = SmallPool()
    morning = (Window((0, 1, 2, 3, 4), 480, 720),)
    for name in ("ben", "cam", "dee"):
        town.mentor(name, topics=("pay",), hours=morning)
    town.mentor("fay", topics=("boss",), hours=morning)
    town.mentor("gus", topics=("pay",), paused=True)
    town.do(lambda turn: turn.save(Load("ben", asked=tuple(NOON - n * DAY for n in (4, 3, 2, 1)))))
    town.do(lambda turn: turn.save(Tally("waiting", {"cases": [[n, True] for n in range(10, 210, 10)]})))
    with town.store.reading() as reader:
        found = health(reader, NOON, shipped().rules)
    assert (found["mentors"], found["paused"]) == (5, 1)
    assert found["thin_topics"] == {"boss": 1}
    assert "mon 8" not in found["uncovered_hours"]
    assert {"mon 12", "sat 8", "sun 20"} <= set(found["uncovered_hours"])
    assert len(found["uncovered_hours"]) == 7 * 13 - 5 * 4
    assert found["near_fatigue"] == ["ben"]
    assert (found["asks_a_week"], found["free_asks"]) == (4, 16)
    assert found["gini"] == 0.75
    assert found["first_answer_minutes"] == [50, 150]
    assert (found["waiting"], found["longest_wait_minutes"]) == (0, 0)
    told = cli_pool.as_table(cli_pool.Health(found, {"ben": "Ben"}, {"boss": "the boss"}))
    assert "  mentors               5, 1 of them paused\n" in told
    assert "  near fatigue          1: Ben\n" in told
    assert "  too few for a topic   the boss 1\n" in told
    assert "  hours nobody covers   mon-fri 12-21, sat-sun 8-21\n" in told
    assert "  a first answer takes  50 min to 2 h for half of the questions" in told


def test_who_waits_for_a_mentor_is_counted_with_the_longest_wait() -> None:
    town = SmallPool()
    town.person("ana")
    town.person("bea")
    town.ask("ana")
    town.wait(timedelta(minutes=20))
    town.ask("bea")
    town.wait(timedelta(minutes=20))
    has_one = replace(town.get(Request, town.ask("ana")), answers=(Answer("A", "ben", NOON),), waiting=True)
    town.do(lambda turn: turn.save(has_one))
    with town.store.reading() as reader:
        found = health(reader, town.now, shipped().rules)
    assert (found["waiting"], found["longest_wait_minutes"]) == (2, 40)
    assert (found["mentors"], found["gini"], found["requests_a_mentor_and_week"]) == (0, 0.0, None)
    assert "  waiting for a mentor  2, the longest for 40 min\n" in cli_pool.as_table(
        cli_pool.Health(found, {}, {"pay": "pay"})
    )


def test_gini_is_nothing_among_equals() -> None:
    assert gini([]) == gini([0, 0]) == gini([3, 3, 3]) == 0
    assert gini([0, 0, 0, 4]) == 0.75
