"""What an event costs in the store, from a thousand to a million documents: ratios first, then figures.

    python -m bench.store [--sizes 1000 10000 100000 1000000] [--rounds 5] [--events 800]

The event is one inbound text: 4 keyed reads and 7 writes, as `docs/performance.md` names it. Each size is a fresh
process on its own file, which its own events make larger by some thousand documents. CPU is the time of all threads of
the process, the commit's helper included. The sizes are measured in turns, so that what else the machine does falls on
all of them alike. One more column measures the smallest size as an encrypted store (`SMSMENTOR_STORE_KEY`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from smsmentor.core.model import Fact, Member, OutText, Record, Text, Thread, Timer
from smsmentor.ports import Changes, Reader, Step
from smsmentor.stores.tinydb import TinyDBStore

START = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
MEMBERS_SHARE = 5
"""One document in five is a member, thread or timer; the rest are texts and facts."""
TOGETHER = 16
MEGABYTE = 1024 * 1024
KEY = "a key for measuring only"


Case = tuple[int, str]
"""How many documents, and the key of the store."""


def _file(folder: Path, size: int, key: str) -> Path:
    return folder / f"{size}{'-sealed' if key else ''}.db"


def members_of(documents: int) -> int:
    return max(documents // (3 * MEMBERS_SHARE), 1)


def phone(member: int) -> str:
    return f"+1 member {member}"


def _first(member: int) -> list[Record]:
    at = START + timedelta(seconds=member)
    return [
        Member(f"m{member}", phone(member), at),
        Thread(f"r{member}:A", f"r{member}", "A", f"n{member}", f"m{member}", at, at),
        Timer(f"rest:r{member}:A", "rest", f"r{member}:A", at + timedelta(days=400)),
    ]


def fill(path: Path, documents: int, key: str = "") -> None:
    """A store with about this many documents, written in large commits."""
    members = members_of(documents)
    rows: list[Record] = []

    async def write(store: TinyDBStore) -> None:
        for member in range(members):
            rows.extend(_first(member))
            at = START + timedelta(seconds=member)
            for n in range(2 * MEMBERS_SHARE - 4):
                rows.append(Text(f"SM{member}-{n}", f"m{member}", "An answer of usual length. " * 5, at))
                rows.append(Fact(f"F{member}-{n}", at, "thread.relayed", {"request": f"r{member}"}))
            if len(rows) > 5_000 or member == members - 1:
                batch = tuple(rows)
                rows.clear()
                await store.transact(None, lambda _: Changes(puts=batch), now=START)  # noqa: B023 - awaited here

    with closing(TinyDBStore(path, key=key)) as store:
        asyncio.run(write(store))


def inbound(id: str, number: int, member: int) -> Step:
    """A mentor's text that goes on in a thread; the member, the thread and the timer change."""
    at = START + timedelta(days=1, seconds=number)

    def step(reader: Reader) -> Changes:
        known = next(reader.walk(Member, "phone", phone(member)))
        thread = next(reader.walk(Thread, "open", known.id))
        timer = reader.get(Timer, f"rest:{thread.id}")
        assert timer is not None
        out = OutText(
            f"{id}/1", thread.mentee, phone(0), "x" * 150, "advice", 1, "GSM-7", at, at, request=thread.request
        )
        return Changes(
            puts=[
                Text(id, known.id, "An answer of usual length. " * 5, at, "relayed", "", thread.request),
                Member(known.id, known.phone, known.joined, last_digest=id, last_text_at=at),
                Thread(thread.id, thread.request, "A", thread.mentee, thread.mentor, thread.opened, at),
                out,
                Fact(f"{id}/f", at, "thread.relayed", {"request": thread.request}),
                Fact(f"{id}/g", at, "text.settled", {"text": id, "outcome": "relayed"}),
                Timer(timer.id, timer.kind, timer.subject, at + timedelta(days=400)),
            ]
        )

    return step


def measure(path: Path, documents: int, events: int, seed: int, key: str) -> dict[str, Any]:
    """In a fresh process: open, then events alone and together."""
    before = resident()
    began = time.perf_counter()
    store = TinyDBStore(path, key=key)
    store.next_moment()
    opened = time.perf_counter() - began
    dice, members = random.Random(seed), members_of(documents)
    costs: list[float] = []

    async def alone() -> None:
        for n in range(events):
            step = inbound(f"a{seed}-{n}", n, dice.randrange(members))
            start = time.process_time()
            await store.transact(f"e{seed}-{n}", step, now=START)
            costs.append(time.process_time() - start)

    async def together() -> tuple[float, float]:
        start, loop_start = time.process_time(), time.thread_time()
        for first in range(0, events, TOGETHER):
            await asyncio.gather(
                *(
                    store.transact(
                        f"t{seed}-{n}", inbound(f"b{seed}-{n}", events + n, dice.randrange(members)), now=START
                    )
                    for n in range(first, first + TOGETHER)
                )
            )
        return (time.process_time() - start) / events, (time.thread_time() - loop_start) / events

    async def again() -> float:
        start = time.process_time()
        for n in range(events):
            await store.transact(f"e{seed}-{n}", inbound("again", 0, 0), now=START)
        return (time.process_time() - start) / events

    asyncio.run(alone())
    counted = store.stats.statements, store.stats.commits
    written = disk_bytes()
    shared, shared_loop = asyncio.run(together())
    counted_shared = store.stats.statements - counted[0], store.stats.commits - counted[1]
    written = disk_bytes() - written
    second = asyncio.run(again())
    grown = resident() - before
    store.close()
    return {
        "open_ms": opened * 1e3,
        "rss_mb": grown / MEGABYTE,
        "p50_us": statistics.median(costs) * 1e6,
        "p99_us": statistics.quantiles(costs, n=100)[98] * 1e6,
        "together_us": shared * 1e6,
        "together_loop_us": shared_loop * 1e6,
        "again_us": second * 1e6,
        "statements": counted[0] / events,
        "syncs": counted[1] / events,
        "statements_together": counted_shared[0] / events,
        "syncs_together": counted_shared[1] / events,
        "kilobytes_together": written / events / 1024,
    }


def resident() -> int:
    """Resident bytes now; where /proc is missing, the largest so far."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def disk_bytes() -> int:
    """Bytes that this process has handed to the disk so far; 0 where nobody counts them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def in_fresh_process(path: Path, documents: int, events: int, seed: int, key: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.store", "--measure", str(path), str(documents), str(events), str(seed), key]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(rounds: dict[Case, list[dict[str, Any]]]) -> None:
    cases = list(rounds)
    medians = {
        case: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for case, found in rounds.items()
    }
    base = medians[cases[0]]
    heads = [f"{size:,}{' sealed' if key else ''}" for size, key in cases]
    print(f"machine load {os.getloadavg()[0]:.1f}; medians of {len(rounds[cases[0]])} rounds")
    print(f"\n{'ratios':>20}  " + "  ".join(f"{head:>12}" for head in heads))
    for name in ("p50_us", "p99_us", "together_us", "again_us"):
        print(f"{name:>20}  " + "  ".join(f"{medians[case][name] / base[name]:>12.2f}" for case in cases))
    print(f"{'again / new':>20}  " + "  ".join(f"{m['again_us'] / m['p50_us']:>12.2f}" for m in medians.values()))
    print(f"\n{'documents':>20}  " + "  ".join(f"{head:>12}" for head in heads))
    for name in base:
        print(f"{name:>20}  " + "  ".join(f"{medians[case][name]:>12.2f}" for case in cases))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=800)
    parser.add_argument("--folder", type=Path, help="keep the filled stores here for the next time")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        path, documents, events, seed, key = args.measure
        print(json.dumps(measure(Path(path), int(documents), int(events), int(seed), key)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        cases: list[Case] = [*((size, "") for size in args.sizes), (args.sizes[0], KEY)]
        rounds: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
        for size, key in cases:
            if not _file(folder, size, key).exists():
                fill(_file(folder, size, key), size, key)
        for _ in range(args.rounds):
            for size, key in cases:
                seed = time.time_ns() % 100_000_000
                file = Path(scratch) / "measured.db"
                shutil.copy(_file(folder, size, key), file)
                os.sync()
                rounds[size, key].append(in_fresh_process(file, size, args.events, seed, key))
        report(rounds)


if __name__ == "__main__":
    main()
