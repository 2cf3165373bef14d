"""How fast texts go out: segments per second of a sender, what one phone hears unasked, and the day's cap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsmentor.core.making import replace
from smsmentor.core.model import Member, OutText, Record, Tally
from smsmentor.core.pace import Bucket, automatic_wait, limits, next_day, wait_for_day, wait_for_phone
from smsmentor.core.rules import Rules

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
ANA = Member("m-ana", "+12025550101", NOW - timedelta(days=9))


def text(text_id: str = "wait.first", *, segments: int = 1, direct: bool = False) -> OutText:
    return OutText("o", "m-ana", ANA.phone, "", text_id, segments, "GSM-7", NOW, NOW, direct=direct)


class State:
    """A reader of a few records."""

    def __init__(self, *records: Record) -> None:
        self.records = {(type(r), r.id): r for r in records}

    def get(self, kind: type[Any], id: str) -> Any:
        return self.records.get((kind, id))

    def walk(self, kind: type[Any], index: str, value: str, *, newest: bool = False) -> Iterator[Any]:
        raise NotImplementedError

    def count(self, kind: type[Record], index: str, value: str) -> int:
        raise NotImplementedError


def sent(*texts: tuple[float, bool]) -> State:
    """Ana's phone got automatic texts so many minutes ago; True for a relayed one."""
    moments = [[(NOW - timedelta(minutes=ago)).timestamp(), relayed] for ago, relayed in texts]
    return State(Tally("sent:m-ana", {"month": "2026-03", "segments": 0, "total": 0, "automatic": moments}))


@pytest.mark.parametrize(
    ("rate", "sizes", "seconds"),
    [
        (1.0, [1, 1, 1], [0, 1, 2]),
        (1.0, [3, 1, 1], [0, 3, 4]),
        (0.5, [1, 1], [0, 2]),
        (3.0, [1, 1, 1, 1], [0, 0, 0, 0.333333]),
        (10.0, [10, 5, 1], [0, 0.1, 0.6]),
    ],
)
def test_a_sender_keeps_to_its_segments_per_second(rate: float, sizes: list[int], seconds: list[float]) -> None:
    bucket, now, went = Bucket(rate), NOW, []
    for size in sizes:
        now = bucket.free_at(now)
        bucket.take(size, now)
        went.append((now - NOW).total_seconds())
    assert went == pytest.approx(seconds, abs=1e-5)


def test_a_rest_earns_no_more_than_a_second() -> None:
    bucket = Bucket(2.0)
    bucket.take(1, NOW)
    later = NOW + timedelta(hours=1)
    bucket.take(2, later)
    assert bucket.free_at(later) == later + timedelta(seconds=0.5)


def test_a_clock_that_goes_back_earns_nothing() -> None:
    bucket = Bucket(1.0)
    bucket.take(1, NOW)
    assert bucket.free_at(NOW - timedelta(minutes=5)) == NOW - timedelta(minutes=5) + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "text_id", "minutes"),
    [
        ([], "wait.first", None),
        ([(0.5, False)], "wait.first", 0.5),
        ([(1.0, False)], "wait.first", None),
        ([(0.5, False)], "advice.first", None),
        ([(0.5, True)], "wait.first", None),
        ([(14, True), (12, True), (9, False), (5, True), (2, True)], "advice.more", 1),
        ([(14, True), (12, True), (9, False), (5, True)], "advice.more", None),
        ([(55 - 4 * n, True) for n in range(11)], "advice.more", 5),
        ([(55 - 4 * n, True) for n in range(10)], "advice.more", None),
    ],
)
def test_one_phone_hears_so_much_unasked_and_no_more(
    before: list[tuple[float, bool]], text_id: str, minutes: float | None
) -> None:
    until = wait_for_phone(sent(*before), text(text_id), ANA, NOW, Rules())
    assert until == (None if minutes is None else NOW + timedelta(minutes=minutes))


def test_a_word_from_the_phone_begins_the_count_anew() -> None:
    spoke = replace(ANA, last_text_at=NOW - timedelta(seconds=20))
    state = sent((0.5, False), (0.4, False))
    assert wait_for_phone(state, text(), spoke, NOW, Rules()) is None
    assert wait_for_phone(state, text(), ANA, NOW, Rules()) is not None


def test_direct_replies_and_urgent_texts_never_wait() -> None:
    state = sent(*[(n / 10, False) for n in range(9, 0, -1)])
    assert wait_for_phone(state, text(direct=True), ANA, NOW, Rules()) is None


def test_a_limit_of_zero_is_none() -> None:
    none = Rules(automatic_a_minute=0, automatic_in_15_minutes=0, automatic_an_hour=0)
    assert limits(none) == ()
    assert automatic_wait([(NOW, False)] * 50, NOW, limits(none), relayed=False) is None


@pytest.mark.parametrize(
    ("used", "segments", "direct", "waits"),
    [
        (0, 1, False, False),
        (89, 1, False, False),
        (90, 1, False, True),
        (88, 3, False, True),
        (90, 1, True, False),
        (100, 1, True, True),
    ],
)
def test_the_last_part_of_a_daily_cap_is_kept_for_direct_replies(
    used: int, segments: int, direct: bool, waits: bool
) -> None:
    state = State(Tally("sent.day", {"day": "2026-03-03", "segments": used}))
    until = wait_for_day(state, text(segments=segments, direct=direct), NOW, Rules(daily_segments=100))
    assert until == (datetime(2026, 3, 4, 8, 0, tzinfo=UTC) if waits else None)


def test_a_new_day_begins_at_the_carriers_midnight_also_when_clocks_change() -> None:
    yesterday = State(Tally("sent.day", {"day": "2026-03-02", "segments": 100}))
    assert wait_for_day(yesterday, text(), NOW, Rules(daily_segments=100)) is None
    spring = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)
    assert next_day(spring, Rules()) == datetime(2026, 3, 9, 7, 0, tzinfo=UTC)


def test_a_clock_that_is_set_back_does_not_hold_up_sending() -> None:
    bucket = Bucket(1.0)
    bucket.take(3, NOW)
    back = NOW - timedelta(hours=1)
    assert bucket.free_at(back) == back + timedelta(seconds=3)
    assert bucket.free_at(back + timedelta(seconds=3)) == back + timedelta(seconds=3)
