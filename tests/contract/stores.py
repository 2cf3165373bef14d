"""What every store promises: the contract suite, played on a rig of each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import pytest

from smsmentor.core.making import replace
from smsmentor.core.model import (
    Answer,
    Apart,
    Choice,
    Code,
    Considered,
    Fact,
    Load,
    Member,
    Offer,
    OutState,
    OutText,
    Pair,
    Prompt,
    Record,
    Request,
    Standing,
    Suppressed,
    Tally,
    Text,
    Thread,
    Timer,
    Wave,
    Window,
    moment,
)
from smsmentor.errors import StoreError
from smsmentor.ports import Changes, Reader, Store

R = TypeVar("R", bound=Record)
NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=2)

SAMPLES: tuple[Record, ...] = (
    Member(
        "m1", "+12025550101", NOW, mentor=True, alias="Ana", topics=("pay", "hours"), hours=(Window((0, 4), 60, 0),)
    ),
    Load("m1", asked=(NOW, NOW + MINUTE), rest_until=NOW, passes=(NOW,)),
    Standing("m1:*", "m1", "*", 1.25),
    Request("r1", "K43", "m1", "How?", NOW, answers=(Answer("A", "m2", NOW, rating=3),), told=("ten",)),
    Offer("r1:m2", "r1", "m2", NOW, late="später…"),
    Thread("r1:A", "r1", "A", "m1", "m2", NOW, NOW + MINUTE),
    Code("K43", "r1"),
    Prompt("p1", "m1", "hold", NOW, NOW + MINUTE, choices=(Choice("1", "r1:A", "A"), Choice("2", "r1:B"))),
    Pair("m1|m2", blocked=True, last=NOW),
    Text("SM1", "m1", "“curly” 🙂\x00\n", NOW),
    OutText("o1", "m1", "+12025550101", "body", "offer.new", 1, "UCS-2", NOW, NOW, provider_id="SM9"),
    Timer("lapse:r1", "lapse", "r1", NOW + timedelta(microseconds=1)),
    Fact("f1", NOW, "offer.made", {"request": "r1", "wave": 2, "why": ["near", None], "share": 0.5, "odd": {"": True}}),
    Wave("r1:1", "r1", NOW, (Considered("m2", True, "near"), Considered("m3", False, "cap", "2"))),
    Suppressed("hash", NOW),
    Apart("hash|m2", "hash", "m2"),
    Tally("patience", {"minutes": [3.5, 4], "n": 2}),
)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        return await main()

    return asyncio.run(whole())


def putting(*records: Record, answer: object = None) -> Callable[[Reader], Changes]:
    return lambda _reader: Changes(puts=records, answer=answer)


def dropping(*drops: tuple[type[Record], str]) -> Callable[[Reader], Changes]:
    return lambda _reader: Changes(drops=drops)


async def put(store: Store, *records: Record) -> None:
    await store.transact(None, putting(*records), now=NOW)


def get(store: Store, kind: type[R], id: str) -> R | None:
    with store.reading() as reader:
        return reader.get(kind, id)


def walk(store: Store, kind: type[Record], index: str, value: str, *, newest: bool = False) -> list[str]:
    with store.reading() as reader:
        return [record.id for record in reader.walk(kind, index, value, newest=newest)]


def out_text(id: str, member: str = "m1", *, queued: datetime = NOW, not_before: datetime | None = None) -> OutText:
    return OutText(
        id, member, "+12025550101", "body", "offer.new", 1, "GSM-7", queued=queued, not_before=not_before or queued
    )


def standing(id: str, rank: float, shelf: str = "*") -> Standing:
    return Standing(id, f"mentor of {id}", shelf, rank)


class Failed(Exception):
    """What a step raises in these tests."""


def failing(_reader: Reader) -> Changes:
    raise Failed


class StoreContract:
    """Each adapter's test class inherits these and gives `store`."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        raise NotImplementedError

    # --- Reading and writing ---

    @pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.TABLE)
    def test_a_record_of_each_kind_comes_back_as_it_was(self, store: Store, sample: Record) -> None:
        run(lambda: put(store, sample))
        assert get(store, type(sample), sample.id) == sample
        with store.reading() as reader:
            assert list(reader.all(type(sample))) == [sample]

    def test_what_was_never_written_is_none(self, store: Store) -> None:
        assert get(store, Member, "m1") is None

    def test_a_record_written_again_replaces_the_old_one(self, store: Store) -> None:
        run(lambda: put(store, Tally("t", {"n": 1})))
        run(lambda: put(store, Tally("t", {"n": 2})))
        assert get(store, Tally, "t") == Tally("t", {"n": 2})

    def test_a_dropped_record_is_gone_from_everywhere(self, store: Store) -> None:
        run(lambda: put(store, standing("a", 1)))
        run(lambda: store.transact(None, dropping((Standing, "a")), now=NOW))
        assert get(store, Standing, "a") is None
        assert walk(store, Standing, "shelf", "*") == []

    def test_dropping_what_is_not_there_is_no_error(self, store: Store) -> None:
        run(lambda: store.transact(None, dropping((Standing, "a")), now=NOW))
        assert get(store, Standing, "a") is None

    def test_the_same_id_in_two_kinds_is_two_records(self, store: Store) -> None:
        run(lambda: put(store, Load("m1"), Pair("m1")))
        run(lambda: store.transact(None, dropping((Load, "m1")), now=NOW))
        assert get(store, Pair, "m1") == Pair("m1")

    def test_all_comes_in_the_order_written_and_rewriting_keeps_the_place(self, store: Store) -> None:
        run(lambda: put(store, Load("c"), Load("a")))
        run(lambda: put(store, Load("b")))
        run(lambda: put(store, Load("c", silent=1)))
        with store.reading() as reader:
            assert [load.id for load in reader.all(Load)] == ["c", "a", "b"]

    # --- Indexes ---

    def test_a_walk_goes_in_order_and_ties_go_as_first_written(self, store: Store) -> None:
        run(lambda: put(store, standing("x", 2), standing("b", 1), standing("a", 1), standing("other", 0, "pay")))
        assert walk(store, Standing, "shelf", "*") == ["b", "a", "x"]
        assert walk(store, Standing, "shelf", "*", newest=True) == ["x", "a", "b"]
        assert walk(store, Standing, "shelf", "nobody") == []

    def test_an_index_without_an_order_goes_as_first_written(self, store: Store) -> None:
        run(lambda: put(store, Code("K43", "r1"), Code("B20", "r2"), Code("C9", "r3")))
        assert walk(store, Code, "length", "3") == ["K43", "B20"]
        assert walk(store, Code, "length", "3", newest=True) == ["B20", "K43"]

    def test_a_changed_record_moves_in_its_indexes(self, store: Store) -> None:
        run(lambda: put(store, standing("a", 1), standing("b", 2)))

        def asked(reader: Reader) -> Changes:
            first = next(reader.walk(Standing, "shelf", "*"))
            return Changes(puts=[replace(first, rank=3)])

        run(lambda: store.transact(None, asked, now=NOW))
        assert walk(store, Standing, "shelf", "*") == ["b", "a"]
        run(lambda: put(store, standing("b", 2, "pay")))
        assert walk(store, Standing, "shelf", "*") == ["a"]
        assert walk(store, Standing, "shelf", "pay") == ["b"]

    def test_a_key_of_none_leaves_a_record_out_until_it_has_one(self, store: Store) -> None:
        thread = Thread("r1:A", "r1", "A", "m1", "m2", NOW, NOW)
        run(lambda: put(store, replace(thread, closed=True)))
        assert walk(store, Thread, "open", "m2") == []
        run(lambda: put(store, thread))
        assert walk(store, Thread, "open", "m2") == ["r1:A"]

    def test_a_walk_can_stop_early(self, store: Store) -> None:
        run(lambda: put(store, *(standing(f"s{n}", n) for n in range(20))))
        with store.reading() as reader:
            assert [found.id for found in islice(reader.walk(Standing, "shelf", "*"), 2)] == ["s0", "s1"]

    def test_count_tells_what_a_walk_would_give(self, store: Store) -> None:
        run(lambda: put(store, standing("a", 1), standing("b", 2), standing("c", 1, "pay")))
        with store.reading() as reader:
            assert [reader.count(Standing, "shelf", shelf) for shelf in ("*", "pay", "none")] == [2, 1, 0]

    def test_an_index_that_is_not_declared_is_a_key_error(self, store: Store) -> None:
        with store.reading() as reader:
            with pytest.raises(KeyError, match="no index"):
                list(reader.walk(Standing, "shelve", "*"))
            with pytest.raises(KeyError, match="no index"):
                reader.count(Standing, "shelve", "*")

    def test_a_unique_key_that_is_taken_fails_the_whole_event_and_no_other(self, store: Store) -> None:
        ana, ben = Member("m1", "+12025550101", NOW), Member("m2", "+12025550101", NOW)
        run(lambda: put(store, ana))

        async def three() -> list[Any]:
            steps = [putting(Load("before")), putting(Load("m2"), ben), putting(Load("after"))]
            events = [store.transact(f"e{n}", step, now=NOW) for n, step in enumerate(steps)]
            return await asyncio.gather(*events, return_exceptions=True)

        first, second, third = run(three)
        assert isinstance(second, StoreError)
        assert first.fresh
        assert third.fresh
        assert get(store, Load, "m2") is None
        assert get(store, Member, "m2") is None
        assert get(store, Load, "before")
        assert get(store, Load, "after")
        assert run(lambda: store.transact("e1", putting(Load("m2")), now=NOW)).fresh

    def test_a_unique_key_is_free_again_when_its_holder_goes_in_the_same_event(self, store: Store) -> None:
        run(lambda: put(store, Member("m1", "+12025550101", NOW)))
        change = Changes(puts=[Member("m2", "+12025550101", NOW)], drops=[(Member, "m1")])
        run(lambda: store.transact(None, lambda _: change, now=NOW))
        assert walk(store, Member, "phone", "+12025550101") == ["m2"]

    # --- Events ---

    def test_an_event_takes_effect_once_and_its_step_does_not_run_again(self, store: Store) -> None:
        assert run(lambda: store.transact("e1", putting(Load("a"), answer="hello"), now=NOW)).answer == "hello"
        again = run(lambda: store.transact("e1", failing, now=NOW))
        assert not again.fresh

    def test_racing_deliveries_of_one_event_take_effect_once(self, store: Store) -> None:
        async def race() -> list[bool]:
            events = [store.transact("e1", _counting("t"), now=NOW) for _ in range(8)]
            return [done.fresh for done in await asyncio.gather(*events)]

        assert sorted(run(race)) == [False] * 7 + [True]
        assert get(store, Tally, "t") == Tally("t", {"n": 1})

    def test_an_event_without_an_id_runs_each_time(self, store: Store) -> None:
        for _ in range(3):
            assert run(lambda: store.transact(None, _counting("t"), now=NOW)).fresh
        assert get(store, Tally, "t") == Tally("t", {"n": 3})

    def test_events_at_once_see_each_other(self, store: Store) -> None:
        async def many() -> None:
            await asyncio.gather(*(store.transact(f"e{n}", _counting("t"), now=NOW) for n in range(20)))

        run(many)
        assert get(store, Tally, "t") == Tally("t", {"n": 20})

    def test_a_step_that_raises_leaves_nothing_and_disturbs_nobody(self, store: Store) -> None:
        async def three() -> list[Any]:
            steps = [_counting("t"), failing, _counting("t")]
            events = [store.transact(f"e{n}", step, now=NOW) for n, step in enumerate(steps)]
            return await asyncio.gather(*events, return_exceptions=True)

        first, second, third = run(three)
        assert isinstance(second, Failed)
        assert first.fresh
        assert third.fresh
        assert get(store, Tally, "t") == Tally("t", {"n": 2})
        assert run(lambda: store.transact("e1", _counting("t"), now=NOW)).fresh

    def test_an_event_that_changes_nothing_still_counts_as_seen(self, store: Store) -> None:
        assert run(lambda: store.transact("e1", putting(), now=NOW)).fresh
        assert not run(lambda: store.transact("e1", putting(), now=NOW)).fresh

    def test_an_event_that_leaves_a_text_takes_effect_once_whatever_becomes_of_the_text(self, store: Store) -> None:
        text = Text("e1", "m1", "hello", NOW, "relayed")
        assert run(lambda: store.transact("e1", putting(text), now=NOW)).fresh
        assert not run(lambda: store.transact("e1", failing, now=NOW)).fresh
        run(lambda: put(store, replace(text, body="")))
        assert not run(lambda: store.transact("e1", failing, now=NOW)).fresh

    def test_a_view_does_not_change_while_commits_go_on(self, store: Store) -> None:
        async def both() -> None:
            await put(store, standing("a", 1))
            with store.reading() as reader:
                await put(store, standing("a", 5), standing("b", 2))
                await store.transact(None, dropping((Standing, "a")), now=NOW)
                assert reader.get(Standing, "b") is None
                assert [found.rank for found in reader.walk(Standing, "shelf", "*")] == [1]
                assert reader.count(Standing, "shelf", "*") == 1
            assert walk(store, Standing, "shelf", "*") == ["b"]

        run(both)

    def test_two_views_at_once_each_keep_their_moment(self, store: Store) -> None:
        async def both() -> None:
            await put(store, Load("m1", silent=1))
            with store.reading() as early:
                await put(store, Load("m1", silent=2))
                with store.reading() as late:
                    await put(store, Load("m1", silent=3))
                    found = [reader.get(Load, "m1") for reader in (early, late)]
                    assert found == [Load("m1", silent=1), Load("m1", silent=2)]
            assert get(store, Load, "m1") == Load("m1", silent=3)

        run(both)

    def test_a_closed_store_refuses_and_can_be_closed_again(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(StoreError):
            run(lambda: put(store, Load("a")))

    # --- Timers ---

    def test_due_gives_what_is_due_earliest_first_and_changes_nothing(self, store: Store) -> None:
        moments = {"late": 5, "soon": 1, "now": 0, "same": 0}
        run(lambda: put(store, *(Timer(name, name, "r1", NOW + n * MINUTE) for name, n in moments.items())))
        for _ in range(2):
            assert [timer.id for timer in run(lambda: store.due(NOW + MINUTE, 10))] == ["now", "same", "soon"]
        assert [timer.id for timer in run(lambda: store.due(NOW + MINUTE, 2))] == ["now", "same"]
        assert run(lambda: store.due(NOW - MINUTE, 10)) == []

    def test_setting_a_timer_again_moves_it(self, store: Store) -> None:
        run(lambda: put(store, Timer("lapse:r1", "lapse", "r1", NOW)))
        run(lambda: put(store, Timer("lapse:r1", "lapse", "r1", NOW + MINUTE)))
        assert run(lambda: store.due(NOW, 10)) == []
        assert store.next_moment() == NOW + MINUTE

    def test_the_next_moment_is_the_earlier_of_timer_and_text(self, store: Store) -> None:
        assert store.next_moment() is None
        run(lambda: put(store, Timer("t", "t", "t", NOW + 3 * MINUTE)))
        assert store.next_moment() == NOW + 3 * MINUTE
        run(lambda: put(store, out_text("o", not_before=NOW + 2 * MINUTE)))
        assert store.next_moment() == NOW + 2 * MINUTE
        run(lambda: store.lease(NOW + 2 * MINUTE, 1, LEASE))
        assert store.next_moment() == NOW + 3 * MINUTE
        run(lambda: store.transact(None, dropping((Timer, "t")), now=NOW))
        assert store.next_moment() == NOW + 2 * MINUTE + LEASE
        run(lambda: store.transact(None, dropping((OutText, "o")), now=NOW))
        assert store.next_moment() is None

    # --- The outbox ---

    def test_a_leased_text_says_so_and_is_not_given_again(self, store: Store) -> None:
        run(lambda: put(store, out_text("o1")))
        (taken,) = lease(store, NOW)
        assert (taken.status, taken.leased_until, taken.unsure) == ("leased", NOW + LEASE, False)
        assert get(store, OutText, "o1") == taken
        assert lease(store, NOW) == []

    def test_a_text_is_not_given_before_its_time(self, store: Store) -> None:
        run(lambda: put(store, out_text("o1", not_before=NOW + MINUTE)))
        assert lease(store, NOW) == []
        assert ids(lease(store, NOW + MINUTE)) == ["o1"]

    def test_one_recipient_gets_one_text_at_a_time_in_order(self, store: Store) -> None:
        run(lambda: put(store, out_text("b1", queued=NOW + MINUTE), out_text("a1"), out_text("a2")))
        at = NOW + MINUTE
        for expected in ("a1", "a2", "b1"):
            (taken,) = lease(store, at)
            assert taken.id == expected
            assert lease(store, at) == []
            run(partial(put, store, replace(taken, status="sent", leased_until=None)))
        assert lease(store, at) == []

    def test_recipients_do_not_wait_for_each_other(self, store: Store) -> None:
        run(lambda: put(store, out_text("a1", "m1"), out_text("a2", "m1"), out_text("b1", "m2"), out_text("c1", "m3")))
        assert ids(lease(store, NOW, 2)) == ["a1", "b1"]
        assert ids(lease(store, NOW, 2)) == ["c1"]

    def test_answers_go_before_words_of_others_and_those_before_all_else_but_nothing_waits_for_ever(
        self, store: Store
    ) -> None:
        early, late = NOW - 16 * MINUTE, NOW - MINUTE
        texts = {
            "kind": replace(out_text("kind", "m1", queued=late), text_id="wait.first"),
            "words": replace(out_text("words", "m2", queued=late), text_id="advice.first"),
            "answer": replace(out_text("answer", "m3", queued=NOW), text_id="request.received", direct=True),
            "danger": replace(out_text("danger", "m4", queued=NOW), text_id="op.crisis", direct=True),
            "kind, for long": replace(out_text("kind, for long", "m5", queued=early), text_id="wait.first"),
        }
        run(lambda: put(store, *texts.values()))
        assert ids(lease(store, NOW, 2)) == ["danger", "kind, for long"]
        assert ids(lease(store, NOW)) == ["answer", "words", "kind"]

    def test_a_recipient_goes_as_soon_as_the_least_patient_text_of_the_line(self, store: Store) -> None:
        first = replace(out_text("first", "m1"), text_id="wait.first")
        answer = replace(out_text("answer", "m1"), text_id="request.received", direct=True)
        run(lambda: put(store, out_text("other", "m2"), first, answer))
        (taken,) = lease(store, NOW, 1)
        assert taken.id == "first"
        run(lambda: put(store, replace(taken, status="sent", leased_until=None)))
        assert ids(lease(store, NOW, 1)) == ["answer"]

    def test_texts_from_a_busy_number_are_left_where_they_are(self, store: Store) -> None:
        numbers = {"a": "+12025550190", "b": "+12025550191", "c": ""}
        run(lambda: put(store, *(replace(out_text(id, id), sender=number) for id, number in numbers.items())))
        taken = run(lambda: store.lease(NOW, 10, LEASE, {"+12025550190"}))
        assert ids(taken) == ["b", "c"]
        assert ids(lease(store, NOW)) == ["a"]

    def test_a_text_whose_lease_ran_out_comes_back_unsure(self, store: Store) -> None:
        run(lambda: put(store, out_text("o1"), out_text("o2")))
        lease(store, NOW)
        (again,) = lease(store, NOW + LEASE)
        assert (again.id, again.unsure, again.leased_until) == ("o1", True, NOW + 2 * LEASE)

    def test_a_text_that_waits_for_its_next_try_holds_those_behind_it(self, store: Store) -> None:
        tried = replace(out_text("o1", not_before=NOW + MINUTE), attempts=1)
        run(lambda: put(store, tried, out_text("o2")))
        assert lease(store, NOW) == []
        assert store.next_moment() == NOW + MINUTE
        assert ids(lease(store, NOW + MINUTE)) == ["o1"]

    def test_a_text_that_waits_for_the_morning_lets_others_pass(self, store: Store) -> None:
        run(lambda: put(store, out_text("reminder", not_before=NOW + 600 * MINUTE), out_text("reply")))
        assert ids(lease(store, NOW)) == ["reply"]

    def test_texts_that_were_settled_are_never_given(self, store: Store) -> None:
        states: tuple[OutState, ...] = ("sent", "delivered", "failed", "dropped")
        run(lambda: put(store, *(replace(out_text(state), status=state) for state in states)))
        assert lease(store, NOW) == []
        assert store.next_moment() is None

    def test_two_who_lease_at_once_never_get_the_same_text(self, store: Store) -> None:
        run(lambda: put(store, *(out_text(f"o{n}", f"m{n}") for n in range(6))))

        async def both() -> list[str]:
            taken = await asyncio.gather(*(store.lease(NOW, 2, LEASE) for _ in range(4)))
            return sorted(text.id for some in taken for text in some)

        assert run(both) == [f"o{n}" for n in range(6)]

    @pytest.mark.parametrize("seed", range(6))
    def test_a_random_walk_agrees_with_a_simple_model(self, store: Store, seed: int) -> None:
        run(lambda: _random_walk(store, random.Random(seed), steps=60))


def lease(store: Store, now: datetime, limit: int = 10) -> list[OutText]:
    return list(run(lambda: store.lease(now, limit, LEASE)))


def ids(records: Sequence[Record]) -> list[str]:
    return [record.id for record in records]


def _counting(id: str) -> Callable[[Reader], Changes]:
    def step(reader: Reader) -> Changes:
        known = reader.get(Tally, id)
        return Changes(puts=[Tally(id, {"n": 1 + (known.values["n"] if known else 0)})])

    return step


class _Model:
    """The outbox said as plainly as can be: a dict in the order of first writing."""

    def __init__(self) -> None:
        self.texts: dict[str, OutText] = {}

    def next_of(self, member: str, now: datetime) -> OutText | None:
        line = sorted((text for text in self.texts.values() if text.member == member and text.pending), key=_queued)
        for text in line:
            if text.status == "leased":
                return text if text.leased_until is None or text.leased_until <= now else None
        for text in line:
            if text.not_before <= now:
                return text
            if text.attempts:
                return None
        return None

    def ready(self, now: datetime) -> set[str]:
        found = (self.next_of(member, now) for member in {text.member for text in self.texts.values()})
        return {text.id for text in found if text is not None}


def _queued(text: OutText) -> float:
    return moment(text.queued)


TEXT_IDS = ("offer.new", "wait.first", "op.crisis")


async def _random_walk(store: Store, dice: random.Random, steps: int) -> None:
    model, now = _Model(), NOW
    for step in range(steps):
        now += dice.choice([timedelta(0), timedelta(seconds=20), 3 * MINUTE])
        act = dice.choice(["put", "put", "settle", "retry", "drop", "lease", "lease", "fail"])
        known = dice.choice(list(model.texts.values())) if model.texts else None
        if act == "put":
            late = now + dice.choice([timedelta(0), timedelta(0), 2 * MINUTE])
            fresh = out_text(f"o{step}", f"m{dice.randrange(3)}", queued=now, not_before=late)
            fresh = replace(fresh, text_id=dice.choice(TEXT_IDS), direct=dice.random() < 0.3)
            model.texts[fresh.id] = fresh
            await put(store, fresh)
        elif act == "drop" and known is not None:
            del model.texts[known.id]
            await store.transact(None, dropping((OutText, known.id)), now=now)
        elif act in ("settle", "retry") and known is not None and known.status == "leased":
            retried = replace(known, status="queued", attempts=known.attempts + 1, not_before=now + MINUTE)
            settled = retried if act == "retry" else replace(known, status="sent")
            model.texts[known.id] = settled
            await put(store, settled)
        elif act == "fail":
            with pytest.raises(Failed):
                await store.transact(f"e{step}", failing, now=now)
        elif act == "lease":
            ready, limit = model.ready(now), dice.randrange(1, 4)
            taken = await store.lease(now, limit, LEASE)
            assert len(taken) == min(limit, len(ready))
            assert {text.id for text in taken} <= ready
            for text in taken:
                assert text.unsure == (model.texts[text.id].unsure or model.texts[text.id].status == "leased")
                model.texts[text.id] = text
        with store.reading() as reader:
            assert list(reader.all(OutText)) == list(model.texts.values())
            pending = sorted(
                (text for text in model.texts.values() if text.pending), key=lambda t: moment(t.not_before)
            )
            assert list(reader.walk(OutText, "pending", "yes")) == pending
        upcoming = store.next_moment()
        assert (upcoming is not None and upcoming <= now) == bool(model.ready(now))
