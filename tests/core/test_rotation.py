"""Who is asked, who is not and why, in which order requests are served, and how few are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from smsmentor.core import leaving, pool, rhythm, rotation
from smsmentor.core.commands import mentoring
from smsmentor.core.debt import hours_a_week
from smsmentor.core.model import Load, Member, Offer, Pair, Record, Request, Standing, Tally, Thread, Wave, Window
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from tests.core.small_pool import NOON, SmallPool, shipped

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GATHER = timedelta(seconds=31)


def small(*mentors: str, rules: Rules | None = None, **fields: Any) -> SmallPool:
    town = SmallPool(rules)
    town.person("ana", field="finance")
    town.person("eve", field="finance")
    for name in mentors:
        town.mentor(name, **{"topics": ("pay",), **fields})
    return town


def loaded(town: SmallPool, load: Load) -> None:
    """A mentor who has this behind them."""

    def act(turn: Turn) -> None:
        turn.save(load)
        pool.stand(turn, turn.need(Member, load.id))

    town.do(act)


REFUSED: list[tuple[str, dict[str, Any], list[Record], str]] = [
    ("paused", {"paused": True}, [], "paused"),
    ("opted out", {"state": "opted_out"}, [], "gone"),
    ("a colleague", {"employer": "ACME"}, [], "same_employer"),
    ("another language", {"lang": "es"}, [], "language"),
    ("night there", {"zone": "Asia/Tokyo"}, [], "quiet"),
    ("outside HOURS", {"hours": (Window((5, 6), 540, 1080),)}, [], "hours"),
    ("kept apart", {}, [Pair("ana|ben", blocked=True)], "blocked"),
    ("cool-down", {}, [Load("ben", asked=(NOON - HOUR,))], "cooldown"),
    ("LIMIT a day", {}, [Load("ben", asked=(NOON - 9 * HOUR, NOON - 5 * HOUR))], "day_limit"),
    (
        "LIMIT a week",
        {"offers_a_week": 3},
        [Load("ben", asked=tuple(NOON - n * DAY for n in (6, 4, 2)))],
        "week_limit",
    ),
    ("resting", {}, [Load("ben", asked=(NOON - 5 * HOUR,), rest_until=NOON + HOUR)], "resting"),
    ("OPEN", {}, [Thread("r0:A", "r0", "A", "eve", "ben", NOON - HOUR, NOON - HOUR)], "busy"),
    ("asked before", {}, [Offer("r1:ben", "r1", "ben", NOON - DAY, status="lapsed")], "asked_before"),
]


@pytest.mark.parametrize(("fields", "records", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_mentor_who_must_not_be_asked_is_refused_with_the_reason(
    fields: dict[str, Any], records: list[Record], reason: str
) -> None:
    town = SmallPool()
    ana = town.person("ana", employer="acme")
    ben = town.mentor("ben", **fields)
    request = Request("r1", "K43", "ana", "how", NOON, asked_at=NOON)
    town.do(lambda turn: [turn.save(record) for record in records])
    found: list[pool.Refusal | None] = []
    town.do(lambda turn: found.append(pool.refusal(turn, ben, request, ana)))
    assert found[0] is not None
    assert found[0].reason == reason


def test_nobody_is_offered_their_own_question() -> None:
    town = SmallPool()
    town.mentor("ana", topics=("pay",))
    request = town.ask("ana")
    town.wait(HOUR)
    assert town.asked(request) == []


def test_three_are_asked_at_once_and_a_fourth_when_the_wait_is_over() -> None:
    town = small("ben", "cam", "dee", "fay")
    request = town.ask("ana")
    town.wait(GATHER)
    assert len(town.asked(request)) == 3
    town.wait(timedelta(minutes=4))
    assert len(town.asked(request)) == 4


def test_who_has_been_free_longest_is_in_front() -> None:
    town = small("ben", "cam", "dee", "fay", "gus")
    first = town.ask("ana")
    town.wait(GATHER)
    asked = set(town.asked(first))
    second = town.ask("eve")
    town.wait(GATHER)
    assert set(town.asked(second)).isdisjoint(asked)


def test_the_same_pair_meets_again_only_when_there_is_nobody_else() -> None:
    town = small("ben", "cam")
    town.do(lambda turn: turn.save(Pair("ana|ben", last=NOON - DAY)))
    request = town.ask("ana")
    town.wait(GATHER)
    assert town.asked(request) == ["cam", "ben"]


def test_who_rests_after_silence_is_asked_only_when_there_is_nobody_else() -> None:
    town = small("ben", "cam")
    load = Load("ben", asked=(NOON - 5 * HOUR,), silent=2, rest_until=NOON + 3 * HOUR)
    loaded(town, load)
    request = town.ask("ana")
    town.wait(GATHER)
    assert town.asked(request) == ["cam", "ben"]


def test_one_place_goes_to_another_field_and_employer() -> None:
    town = small("ben", "cam", "dee", field="finance")
    town.mentor("nan", field="nursing", topics=("boss",))
    request = town.ask("ana")
    town.wait(GATHER)
    seats = {mentor: town.get(Offer, f"{request}:{mentor}").seat for mentor in town.asked(request)}
    assert seats["nan"] == "outside"
    assert len(seats) == 3


def test_the_oldest_request_takes_who_frees_up_and_no_newer_one_passes_it() -> None:
    town = small("ben", rules=Rules(places=1, offers_a_day=9, offers_a_week=30))
    busy = town.ask("ana")
    town.wait(GATHER)
    old = town.ask("ana", "pay what about a second thing")
    town.wait(timedelta(minutes=5))
    new = town.ask("eve")
    town.wait(GATHER)
    town.answer("ben", busy)
    town.wait(5 * HOUR)
    assert town.asked(old) == ["ben"]
    assert town.asked(new) == []
    town.passes("ben", old)
    town.wait(4 * HOUR)
    assert town.asked(new) == ["ben"]


NEXT: list[tuple[str, dict[str, Any], list[Record], timedelta | None]] = [
    ("cool-down", {}, [Load("ben", asked=(NOON - HOUR,))], 3 * HOUR),
    (
        "cool-down, and something in hand",
        {},
        [
            Load("ben", asked=(NOON - HOUR,)),
            Thread("r0:A", "r0", "A", "eve", "ben", NOON - HOUR, NOON - HOUR),
        ],
        None,
    ),
    ("the LIMIT ends in the night", {"offers_a_day": 1}, [Load("ben", asked=(NOON - 14 * HOUR,))], 20 * HOUR),
    (
        "asleep now, and over the LIMIT in the morning",
        {"zone": "Asia/Tokyo", "offers_a_day": 1},
        [Load("ben", asked=(NOON - 10 * HOUR,))],
        14 * HOUR,
    ),
    ("asleep now", {"zone": "Asia/Tokyo"}, [], 6 * HOUR),
]
"""A mentor, and in how long they are free: Noon is 12:00 in New York and 2:00 in Tokyo."""


@pytest.mark.parametrize(("fields", "records", "after"), [n[1:] for n in NEXT], ids=[n[0] for n in NEXT])
def test_a_receipt_names_only_a_moment_at_which_somebody_may_be_asked(
    fields: dict[str, Any], records: list[Record], after: timedelta | None
) -> None:
    town = small("ben", **fields)
    town.do(lambda turn: [turn.save(record) for record in records])
    town.do(lambda turn: pool.stand(turn, turn.need(Member, "ben")))
    request = Request("r1", "K43", "ana", "how", NOON, asked_at=NOON)
    found: list[Any] = []
    town.do(lambda turn: found.append(rotation.preview(turn, request)))
    assert found == [(0, None if after is None else NOON + after)]
    town.do(lambda turn: turn.save(Request("r0", "M13", "eve", "how", NOON - HOUR, status="asking", waiting=True)))
    town.do(lambda turn: found.append(rotation.preview(turn, request)))
    assert found[1] == (0, None), "somebody else waits for that mentor"


def test_no_request_starves_while_newer_ones_keep_coming() -> None:
    town = small("ben", "cam", rules=Rules(places=1, offers_a_day=40, offers_a_week=99, cooldown_hours=0.5))
    first_asked: dict[str, datetime] = {}
    order = []
    for number in range(48):
        if number < 12:
            order.append(town.ask(town.person(f"q{number}").id))
        town.wait(timedelta(minutes=10))
        for request in order:
            for mentor in town.asked(request):
                offer = town.get(Offer, f"{request}:{mentor}")
                first_asked.setdefault(request, offer.made)
                if offer.status == "sent":
                    town.passes(mentor, request)
    assert sorted(first_asked, key=first_asked.__getitem__) == order


def test_an_opt_out_puts_the_request_before_all_who_wait() -> None:
    town = small("ben", rules=Rules(places=1))
    lost = town.ask("ana")
    town.wait(GATHER)
    waiting = town.ask("eve")
    town.wait(timedelta(minutes=5))
    town.do(lambda turn: leaving.opt_out(turn, turn.need(Member, "ben")))
    town.wait(timedelta(minutes=1))
    town.mentor("cam", topics=("pay",))
    town.do(rotation.freed)
    town.wait(timedelta(minutes=1))
    assert town.asked(lost) == ["ben", "cam"]
    assert town.asked(waiting) == []


def test_two_answers_at_the_same_moment_both_count_and_places_stay_three() -> None:
    town = small("ben", "cam", "dee", "fay")
    request = town.ask("ana")
    town.wait(timedelta(minutes=4))
    everybody = town.asked(request)
    for mentor in everybody:
        town.answer(mentor, request)
    found = town.get(Request, request)
    assert len(everybody) == 4
    assert [a.letter for a in found.answers] == ["A", "B", "C"]
    assert len({a.at for a in found.answers}) == 1
    assert town.get(Offer, f"{request}:{everybody[3]}").late == "go"


def test_a_busy_pool_keeps_its_last_mentors_for_those_who_have_nothing() -> None:
    town = small("ben", "cam", "dee")
    loads = [Load(name, asked=(NOON - 4 * HOUR - timedelta(minutes=1),)) for name in ("ben", "cam", "dee")]
    for load in loads:
        loaded(town, load)
    request = town.ask("ana")
    town.wait(GATHER)
    assert len(town.asked(request)) == 1
    other = town.ask("eve")
    town.wait(GATHER)
    assert len(town.asked(other)) == 1


def test_the_rhythm_prefers_a_good_hour_and_starts_level() -> None:
    town = small("ben", "cam")
    found: list[float] = []
    town.do(lambda turn: found.append(rhythm.Rhythm(turn).now(turn.need(Member, "ben"), Load("ben"))[1]))
    noon, evening = 4, 6
    counts = [0.0] * (2 * rhythm.BINS)
    counts[noon] = counts[evening] = 10
    counts[rhythm.BINS + noon], counts[rhythm.BINS + evening] = 8, 1
    load = Load("ben", rhythm=tuple(counts), expected=6.0)
    town.do(lambda turn: found.append(rhythm.Rhythm(turn).now(turn.need(Member, "ben"), load)[1]))
    assert found[0] == pytest.approx(1)
    assert found[1] > 1.5


def test_what_was_learnt_of_an_hour_fades_with_newer_asks() -> None:
    town = small("ben")
    for answered in (*[True] * 60, False):
        offer = Offer("r0:ben", "r0", "ben", town.now)
        town.do(lambda turn, o=offer, a=answered: rhythm.learn(turn, o, answered=a))  # type: ignore[misc]
    load = town.get(Load, "ben")
    assert (sum(load.rhythm[: rhythm.BINS]), sum(load.rhythm[rhythm.BINS :])) == (30.5, 30)
    assert 8 < load.expected < 40, "what was expected of the same asks fades with them"


def test_an_offer_that_lapsed_or_rests_keeps_its_mentor_from_no_other() -> None:
    town = small("ben")
    found: list[int] = []
    for offer in (
        Offer("r0:ben", "r0", "ben", town.now - HOUR, status="lapsed"),
        Offer("r1:ben", "r1", "ben", town.now - 5 * HOUR, silence_counted=True),
    ):
        town.do(lambda turn, o=offer: turn.save(o))  # type: ignore[misc]
    town.do(lambda turn: found.append(pool.busy(turn, turn.need(Member, "ben"))))
    town.do(lambda turn: turn.save(Offer("r2:ben", "r2", "ben", town.now - HOUR)))
    town.do(lambda turn: found.append(pool.busy(turn, turn.need(Member, "ben"))))
    assert found == [0, 1]


@pytest.mark.parametrize(("hours", "busy"), [(5, 1), (6 * 24, 1), (8 * 24, 0)])
def test_an_offer_whose_text_has_not_left_keeps_its_mentor_from_others_for_a_week(hours: int, busy: int) -> None:
    town = small("ben")
    town.do(lambda turn: turn.save(Offer("r1:ben", "r1", "ben", town.now - hours * HOUR, status="lapsed")))
    found: list[int] = []
    town.do(lambda turn: found.append(pool.busy(turn, turn.need(Member, "ben"))))
    assert found == [busy]


def test_every_candidate_of_a_wave_is_written_down_with_a_reason_that_has_words() -> None:
    town = small("ben", "cam", "dee", "fay")
    request = town.ask("ana")
    town.wait(GATHER)
    wave = town.get(Wave, f"{request}:1")
    reasons = shipped().words.table("en", "why")
    assert {c.member for c in wave.considered if c.taken} == set(town.asked(request))
    assert all(c.reason in reasons for c in wave.considered)
    assert len(wave.considered) == 4


@pytest.mark.parametrize(
    ("windows", "hours"),
    [
        ((), 91),
        ((Window((0, 1, 2, 3, 4), 540, 1080),), 45),
        ((Window((5,), 1200, 600),), 3 + 0),
        ((Window((0,), 0, 0),), 13),
    ],
)
def test_the_hours_that_somebody_offers_a_week(windows: tuple[Window, ...], hours: float) -> None:
    assert hours_a_week(windows, "21:00", "08:00") == max(hours, 4)


def test_pause_and_back_leave_and_enter_the_shelves() -> None:
    town = small("ben")
    town.do(lambda turn: mentoring.pause(turn, turn.need(Member, "ben"), None))
    with town.store.reading() as reader:
        assert list(reader.walk(Standing, "mentor", "ben")) == []
    town.do(lambda turn: mentoring.back(turn, turn.need(Member, "ben")))
    with town.store.reading() as reader:
        assert len(list(reader.walk(Standing, "mentor", "ben"))) == 2


class Crowd:
    """A reader over a pool of any size that counts what is read of it, most of it asleep or in cool-down."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.standings = 0

    def get(self, kind: type[Any], id: str) -> Any:
        if kind is Member and id.startswith("m"):
            return Member(
                id, "+12125550100", NOON - 30 * DAY, mentor=True, field="law", topics=("pay",), zone="America/New_York"
            )
        if kind is Member:
            return Member(id, "+12125550101", NOON, field="finance", zone="America/New_York")
        if kind is Tally and id.startswith(pool.SHELVES):
            return None if "~" in id else Tally(id, {"America/New_York en": 1, "Asia/Tokyo en": 1})
        return None

    def walk(self, kind: type[Any], index: str, value: str, *, newest: bool = False) -> Iterator[Any]:
        if kind is Standing and index == "shelf":
            for number in range(self.size // 2):
                self.standings += 1
                free = NOON - DAY + timedelta(seconds=number * 3 * 86400 / self.size)
                yield Standing(f"m{number}:{value}", f"m{number}", value, free.timestamp())

    def count(self, kind: type[Any], index: str, value: str) -> int:
        return 0


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_wave_looks_at_a_handful_of_candidates_however_large_the_pool(size: int) -> None:
    crowd = Crowd(size)
    turn = Turn(crowd, NOON, "wave", shipped())
    picks = rotation.pick(turn, Request("r1", "K43", "ana", "how", NOON, topics=("pay",)), 3)
    assert len(picks.taken) == 3
    assert picks.looked_at <= 3 * (rotation.FRONT + 3)
    assert crowd.standings <= 40
