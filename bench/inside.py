"""What one text costs inside the service, without HTTP: CPU, statements and rows, in a fresh process on a given
store.

python -m bench.inside STORE DOCUMENTS TEXTS SEED      prints one JSON object; `bench/throughput.py` calls it
python -m bench.inside STORE DOCUMENTS TEXTS SEED --profile
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import statistics
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from bench.scene import SETTINGS, Mix
from bench.store import disk_bytes, resident
from smsmentor import resources
from smsmentor.core.events import Inbound
from smsmentor.ports import SetClock
from smsmentor.service import Service
from smsmentor.settings import rules_from
from smsmentor.stores.tinydb import TinyDBStore

MEGABYTE = 1024 * 1024
WARM = 200
"""Texts before the measuring begins: the recognisers work out their states when they are first met."""
TOGETHER = 32


def measure(path: Path, documents: int, texts: int, seed: int, profile: bool = False) -> dict[str, Any]:
    """Texts one by one, then in groups that share a commit."""
    knowledge = resources.load(rules_from(SETTINGS))
    before = resident()
    began = time.perf_counter()
    store = TinyDBStore(path)
    store.next_moment()
    opened = time.perf_counter() - began
    service = Service(store, SetClock(datetime.now(UTC)), knowledge)
    mix = iter(Mix(documents, seed))
    costs: dict[str, list[float]] = defaultdict(list)
    outcomes: Counter[str] = Counter()
    profiler = cProfile.Profile()

    async def receive(kind: str, event: Inbound) -> None:
        turn = await service.receive(event)
        settled = turn.inbound if turn is not None else None
        outcomes[f"{kind}: {settled.outcome} {settled.detail}".rstrip() if settled else f"{kind}: had been here"] += 1

    def event(id: str, sender: str, body: str) -> Inbound:
        return Inbound(id, sender, body, service.clock.now())

    async def alone() -> None:
        for number, (kind, id, sender, body) in enumerate(islice(mix, WARM + texts)):
            if number == WARM and profile:
                profiler.enable()
            start = time.process_time()
            await receive(kind, event(id, sender, body))
            if number >= WARM:
                costs[kind].append(time.process_time() - start)

    async def together() -> float:
        start = time.process_time()
        for _ in range(texts // TOGETHER):
            brought = islice(mix, TOGETHER)
            await asyncio.gather(*(receive(kind, event(id, sender, body)) for kind, id, sender, body in brought))
        return (time.process_time() - start) / (texts // TOGETHER * TOGETHER)

    asyncio.run(alone())
    counted = vars(store.stats).copy()
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    written = disk_bytes()
    shared = asyncio.run(together())
    written = disk_bytes() - written
    grown = resident() - before
    store.close()
    every = [cost for found in costs.values() for cost in found]
    return {
        "open_ms": opened * 1e3,
        "rss_mb": grown / MEGABYTE,
        "p50_us": statistics.median(every) * 1e6,
        "mean_us": statistics.fmean(every) * 1e6,
        "p99_us": statistics.quantiles(every, n=100)[98] * 1e6,
        "together_us": shared * 1e6,
        "kilobytes": written / texts / 1024,
        **{f"a_{name}": value / (WARM + texts) for name, value in counted.items()},
        "kinds": {kind: round(statistics.median(found) * 1e6) for kind, found in costs.items()},
        "outcomes": dict(outcomes.most_common()),
    }


def main() -> None:
    path, documents, texts, seed, *more = sys.argv[1:]
    found = measure(Path(path), int(documents), int(texts), int(seed), profile="--profile" in more)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
