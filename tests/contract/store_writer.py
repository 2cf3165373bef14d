"""A process that writes to a store as fast as it can, and says what was acknowledged, until somebody kills it.

    python -m tests.contract.store_writer PATH RUN [POINT COUNT]

Each line on standard output is the id of an event that `transact` has answered. With POINT the process ends by itself,
without any clean-up, when that step of a commit is reached for the COUNTth time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smsmentor.core.model import Fact, OutText, Record, Tally, Text, Timer
from smsmentor.ports import Changes, Reader
from smsmentor.stores import batches
from smsmentor.stores.tinydb import TinyDBStore

START = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
CONVERSATIONS = 8
PIECES = 2
"""Outgoing texts of one event."""


def parts(id: str, at: datetime) -> list[Record]:
    """What an event with this id leaves behind, apart from the tally."""
    phone = "+12025550101"
    return [
        Text(id, "m1", "x" * 200, at),
        Fact(f"fact {id}", at, "thread.relayed", {"text": id}),
        Timer(f"lapse:{id}", "lapse", id, at),
        *(
            OutText(f"{id}/{n}", f"m{n}", phone, "y" * 150, "offer.new", 1, "GSM-7", at, at + timedelta(days=1))
            for n in range(PIECES)
        ),
    ]


def event(id: str, at: datetime) -> Callable[[Reader], Changes]:
    def step(reader: Reader) -> Changes:
        tally = reader.get(Tally, "texts") or Tally("texts", {"n": 0})
        return Changes(puts=[*parts(id, at), Tally("texts", {"n": tally.values["n"] + 1})])

    return step


async def converse(store: TinyDBStore, run: str, conversation: int) -> None:
    number = 0
    while True:
        id, at = f"{run}.{conversation}.{number}", START + timedelta(seconds=number)
        await store.transact(id, event(id, at), now=at)
        sys.stdout.write(f"{id}\n")
        sys.stdout.flush()
        number += 1


def ending(point: str, count: int) -> Callable[[str], None]:
    reached = 0

    def crash(name: str) -> None:
        nonlocal reached
        reached += name == point
        if reached == count:
            os._exit(9)

    return crash


async def main(path: Path, run: str, crash: Callable[[str], None] | None) -> None:
    if crash is None:
        # Often, so that who kills this process at any moment also does it in the middle of carrying the log over.
        batches._CHECKPOINT_ROWS = 100
    # Who writes beside it may be served first for longer than a server would wait.
    store = TinyDBStore(path, patience_s=120, crash=crash)
    await asyncio.gather(*(converse(store, run, conversation) for conversation in range(CONVERSATIONS)))


if __name__ == "__main__":
    place, name, *end = sys.argv[1:]
    asyncio.run(main(Path(place), name, ending(end[0], int(end[1])) if end else None))
