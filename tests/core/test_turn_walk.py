"""A turn's walk goes on as it began, whatever is saved meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from smsmentor.core.making import replace
from smsmentor.core.model import Thread
from smsmentor.core.turn import Turn
from tests.core.small_pool import SmallPool

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def test_a_record_that_is_saved_while_somebody_walks_is_still_walked() -> None:
    town, number = SmallPool(), count()
    threads = [Thread(f"t{n}", "r1", "A", "ana", "ben", NOON, NOON) for n in range(4)]
    found: list[str] = []

    def act(turn: Turn) -> None:
        turn.save(replace(threads[0], awaiting="first"))
        for thread in turn.walk(Thread, "request", "r1"):
            found.append(thread.id)
            turn.save(replace(threads[min(next(number) + 1, 3)], awaiting="meanwhile"))

    town.do(lambda turn: [turn.save(thread) for thread in threads])
    town.do(act)
    assert sorted(found) == ["t0", "t1", "t2", "t3"]
