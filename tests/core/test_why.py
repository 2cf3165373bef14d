"""Everybody of the pool at each wave, with the reason as it was then."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import pool
from smsmentor.core.commands import mentoring
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Request, Window
from smsmentor.core.why import Moment, history
from tests.core.small_pool import SmallPool

HOUR = timedelta(hours=1)
GATHER = timedelta(seconds=31)


def told(town: SmallPool, request: str) -> list[Moment]:
    with town.store.reading() as reader:
        return history(reader, town.get(Request, request), town.now, town.knowledge)


def reasons(moment: Moment) -> dict[str, str]:
    words = {one.member: one.reason for one in moment.considered}
    assert len(words) == len(moment.considered), "each mentor once"
    return words


def test_each_mentor_has_a_reason_of_that_moment_whatever_came_later() -> None:
    town = SmallPool()
    town.person("ana", field="finance", employer="Acme")
    town.mentor("ben", topics=("pay",))
    town.mentor("cam", topics=("boss",), employer="acme")
    town.mentor("dee", topics=("pay",), paused=True)
    town.mentor("eve", zone="Asia/Tokyo")
    town.mentor("fay", hours=(Window((5, 6), 540, 1080),))
    town.mentor("gus", lang="es")
    town.mentor("ivy", topics=("boss",))
    town.do(lambda turn: mentoring.pause(turn, turn.need(Member, "ivy"), None))
    request = town.ask("ana")
    town.wait(GATHER)
    first = {
        "ben": "topic",
        "cam": "same_employer",
        "dee": "paused",
        "eve": "quiet",
        "fay": "hours",
        "gus": "language",
        "ivy": "paused",
    }
    [wave] = told(town, request)[:1]
    assert (wave.wave, reasons(wave)) == (1, first)
    town.do(lambda turn: mentoring.pause(turn, turn.need(Member, "ben"), None))
    town.wait(GATHER)
    town.do(lambda turn: mentoring.back(turn, turn.need(Member, "ivy")))
    town.wait(HOUR)
    moments = told(town, request)
    assert reasons(moments[0]) == first, "a pause that came later changes nothing"
    assert reasons(moments[1])["ivy"] == "general"
    assert (reasons(moments[1])["ben"], moments[1].wave) == ("paused", 2)
    assert (moments[-1].at, moments[-1].wave) == (town.now, 0), "nobody could be asked any more"
    assert reasons(moments[-1])["ivy"] == "asked_before"


def one_mentor_asked() -> tuple[SmallPool, str]:
    """A pool of one mentor, whom ana has asked, and her question; bea has not asked yet."""
    town = SmallPool()
    for name in ("ana", "bea"):
        town.person(name)
    town.mentor("ben", topics=("pay",))
    first = town.ask("ana")
    town.wait(GATHER)
    return town, first


def test_cool_down_and_limits_are_those_of_that_moment() -> None:
    town, first = one_mentor_asked()
    town.passes("ben", first)
    second = town.ask("bea")
    town.wait(HOUR)
    assert reasons(told(town, second)[-1]) == {"ben": "cooldown"}
    town.wait(4 * HOUR)
    assert reasons(told(town, second)[0]) == {"ben": "topic"}


def test_who_has_a_conversation_was_busy_and_who_came_later_was_not_there() -> None:
    town, first = one_mentor_asked()
    town.wait(4 * HOUR)
    town.answer("ben", first)
    second = town.ask("bea")
    town.wait(GATHER)
    joe = town.mentor("joe", topics=("pay",))
    town.do(lambda turn: turn.save(replace(joe, joined=town.now + timedelta(seconds=1))))
    assert reasons(told(town, second)[0]) == {"ben": "busy"}


def test_a_question_that_nobody_was_asked_about_still_has_its_reasons() -> None:
    town = SmallPool()
    town.person("ana")
    ben = town.mentor("ben", topics=("pay",), zone="Asia/Tokyo")
    request = town.ask("ana")
    town.wait(GATHER)
    town.do(lambda turn: pool.stand(turn, ben))
    moments = told(town, request)
    assert moments
    assert all(m.wave == 0 and reasons(m) == {"ben": "quiet"} for m in moments)


def test_free_mentors_are_kept_for_those_who_have_nothing() -> None:
    town = SmallPool()
    town.person("ana")
    town.person("bea")
    for name in ("ben", "cam"):
        town.mentor(name, topics=("pay",))
    first = town.ask("bea")
    town.wait(GATHER)
    for name in ("ben", "cam"):
        town.passes(name, first)
    town.wait(4 * HOUR)
    second = town.ask("ana")
    town.wait(timedelta(minutes=5))
    stood = [reasons(moment) for moment in told(town, second)]
    assert sorted(stood[0].values()) == ["later", "topic"]
    assert sorted(stood[-1].values()) == ["asked_before", "kept"]
