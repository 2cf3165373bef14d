"""What one text costs inside the service, without HTTP: CPU, statements and rows, in a fresh process on a given
store.

python -m bench.inside STORE DOCUMENTS TEXTS SEED      prints one JSON object; `bench/throughput.py` calls it
python -m bench.inside STORE DOCUMENTS TEXTS SEED --profile
python -m bench.inside --paired TEXTS SEED DOCUMENTS=STORE ...      CPU only, on several stores in turns
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
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
from smsmentor.app import GARBAGE, SystemClock
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


def paired(stores: dict[int, Path], texts: int, seed: int) -> dict[int, dict[str, float]]:
    """CPU of a text alone and among 32 by the size of the store, one text or group on each store in turns.

    What else the machine does falls on all sizes alike. Garbage is looked for as rarely as in the server.
    """
    knowledge = resources.load(rules_from(SETTINGS))
    clock = SystemClock()
    opened = {documents: TinyDBStore(path) for documents, path in stores.items()}
    services = {documents: Service(store, clock, knowledge) for documents, store in opened.items()}
    mixes = {documents: iter(Mix(documents, seed)) for documents in stores}
    alone: dict[int, list[float]] = {documents: [] for documents in stores}
    together: dict[int, list[float]] = {documents: [] for documents in stores}

    async def spent(documents: int, count: int) -> float:
        events = [Inbound(id, sender, body, clock.now()) for _, id, sender, body in islice(mixes[documents], count)]
        start = time.process_time()
        await asyncio.gather(*map(services[documents].receive, events))
        return (time.process_time() - start) * 1e6 / count

    async def measure() -> None:
        for _ in range(WARM):
            for documents in stores:
                await spent(documents, 1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        for _ in range(texts):
            for documents in stores:
                alone[documents].append(await spent(documents, 1))
        for _ in range(texts // TOGETHER):
            for documents in stores:
                together[documents].append(await spent(documents, TOGETHER))

    asyncio.run(measure())
    for store in opened.values():
        store.close()
    return {
        documents: {
            "p50_us": statistics.median(alone[documents]),
            "p99_us": statistics.quantiles(alone[documents], n=100)[98],
            "together_us": statistics.median(together[documents]),
        }
        for documents in stores
    }


def main() -> None:
    if sys.argv[1] == "--paired":
        _, _, texts, seed, *stores = sys.argv
        named = {int(documents): Path(path) for documents, _, path in (store.partition("=") for store in stores)}
        print(json.dumps(paired(named, int(texts), int(seed)), indent=1))
        return
    path, documents, texts, seed, *more = sys.argv[1:]
    found = measure(Path(path), int(documents), int(texts), int(seed), profile="--profile" in more)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
