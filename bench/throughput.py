"""Signed, durable texts a second of the real server, beside a bare handler and what a user would write: ratios first.

    pip install -r bench/requirements.txt            # Flask and gunicorn, into the environment, for this only
    python -m bench.throughput                       # a quarter of an hour; --write renews docs/performance.*
    python -m bench.throughput --quick               # some three minutes
    python -m bench.throughput --only floor scale    # parts: floor naive sizes disk sends latency scale

All servers run at once, one core for them and one for the load, on loopback only, and are loaded in short turns: what
else the machine does falls on all of them alike. Each round starts them anew, and gives each side's rate and its CPU
time for a text; the ratios are those of one round, and their median is printed with the least and the greatest. The
texts are those of `bench/scene.py`, each new, none brought faster than it is answered. In the rounds our outbox sleeps,
because the others send nothing; the part `sends` says what sending adds."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from bench import report
from bench.client import as_fast_as_answered, at_rate, request
from bench.peers import fill_naive
from bench.scene import Mix, fill
from bench.sides import ROOT, Side, bare, cores, flask, ours

PARTS = ("floor", "naive", "sizes", "disk", "sends", "latency", "scale")
MOST_A_SECOND = 3_500
"""Texts made ready for each second of load."""
NAIVE_SECONDS = 8.0
WARM = 1_000
"""Texts before a round."""
TURNS = 6
"""A round is so many turns of each server."""
CROWD = 128
"""Connections for the slow disk's second measure: the more texts wait together, the less a sync weighs."""


class Taken(NamedTuple):
    """What a server took in one turn."""

    texts: int
    seconds: float
    cpu_seconds: float


class Bench:
    """One run: the sides, their texts, and what was found."""

    def __init__(self, folder: Path, parts: set[str], seconds: float, sizes: list[int]) -> None:
        self.folder = folder
        self.parts = parts
        self.seconds = seconds
        self.sizes = sizes
        self.found = report.Findings()
        self.server_core, self.load_core = cores()
        self.carrier = Side("carrier", [sys.executable, "-m", "bench.carrier"])
        self.mixes: dict[str, Iterator[Any]] = {}
        self.seed = int(time.time()) % 1_000_000

    def store(self, documents: int) -> Path:
        """A data folder of its own with a copy of the filled store of this size."""
        filled = self.folder / f"{documents}.db"
        if not filled.exists():
            fill(filled, documents, datetime.now(UTC))
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copy(filled, copy / "smsmentor.db")
        return copy

    def sides(self) -> list[Side]:
        """The servers that the asked-for parts need."""
        url = f"http://127.0.0.1:{self.carrier.port}"

        def service(name: str, documents: int, *options: str, **more: Any) -> Side:
            return ours(name, self.store(documents), url, documents, *options, **more)

        sides = [service(report.SERVICE, 10_000)]
        if "floor" in self.parts:
            sides += [
                bare(report.BARE, self.folder / "none.log", "none"),
                bare(report.GROUP, self.folder / "group.log", "group"),
                bare(report.EACH, self.folder / "each.log", "each"),
                flask(report.FLASK, "bench.peers:checking()"),
            ]
        if "naive" in self.parts:
            fill_naive(self.folder / "naive.json", 10_000)
            sides.append(flask(report.NAIVE, f"bench.peers:naive('{self.folder / 'naive.json'}')", 2))
        if "sizes" in self.parts:
            sides += [service(f"{n:,} documents", n) for n in self.sizes]
        if "disk" in self.parts:
            sides.append(service(report.SLOW, 10_000, "--sync-ms", "5"))
            sides.append(service(report.SLOW_ALONE, 10_000, "--sync-ms", "5", "--one-by-one"))
        return sides

    def texts(self, side: Side, count: int) -> list[bytes]:
        """The next requests for a side, from its own stream."""
        if side.name not in self.mixes:
            self.mixes[side.name] = iter(Mix(side.documents or 10_000, self.seed))
        return [request(brought) for brought in islice(self.mixes[side.name], count)]

    def load(self, side: Side, seconds: float) -> Taken:
        """Bring texts for so long."""
        slow = side.connections < 8
        texts = self.texts(side, 64 if slow else int(MOST_A_SECOND * seconds))
        before = side.cpu_seconds()
        seconds = NAIVE_SECONDS if slow else seconds
        answers = asyncio.run(as_fast_as_answered(side.port, texts, side.connections, seconds))
        spent = side.cpu_seconds() - before
        wrong = answers.statuses.total() - answers.statuses[200]
        if wrong or not answers.statuses:
            raise SystemExit(f"{side.name}: {wrong} texts were not taken ({dict(answers.statuses)})")
        return Taken(answers.statuses[200], answers.seconds, spent)

    def note(self, name: str, taken: list[Taken]) -> None:
        """Write down rate and cost of one round."""
        texts = sum(one.texts for one in taken)
        self.found.rates.setdefault(name, []).append(texts / sum(one.seconds for one in taken))
        self.found.costs.setdefault(name, []).append(sum(one.cpu_seconds for one in taken) / texts * 1e6)

    def rounds(self, count: int) -> None:
        """Load each side in turn, so many times."""
        sides = self.sides()
        try:
            for number in range(count):
                self.start_anew(sides)
                # In short turns: what else the machine does comes and goes within seconds.
                taken: dict[str, list[Taken]] = {side.name: [] for side in sides}
                for turn in range(TURNS):
                    for side in sides:
                        if turn == 0 or side.connections > 8:
                            taken[side.name].append(self.load(side, self.seconds / TURNS))
                for side in sides:
                    self.note(side.name, taken[side.name])
                print(
                    f"round {number + 1}: " + ", ".join(f"{s.name} {self.found.rates[s.name][-1]:.1f}" for s in sides),
                    flush=True,
                )
            for side in sides:
                self.found.resident_mb[side.name] = (self.found.resident_mb[side.name][0], side.resident_mb())
            if "disk" in self.parts:
                slow = next(side for side in sides if side.name == report.SLOW)
                self.crowd(count, {report.CROWD: sides[0], report.SLOW_CROWD: slow})
            if "latency" in self.parts:
                for side in sides[1:]:
                    side.stop()  # what they do by the clock would be its longest waits
                self.latency(sides[0])
        finally:
            for side in sides:
                side.stop()

    def start_anew(self, sides: list[Side]) -> None:
        """Each round has processes of its own: one and the same server differs by 5 to 10% from start to start, by
        where its memory happens to lie."""
        for side in sides:
            side.stop()
            side.start(self.server_core)
            self.found.started_ms.setdefault(side.name, []).append(side.started_ms)
            self.found.resident_mb[side.name] = (side.resident_mb(), 0.0)
        os.sync()
        for side in sides:  # the recognisers work out their states, files and connections are warm
            if side.connections > 8:
                asyncio.run(as_fast_as_answered(side.port, self.texts(side, WARM), 16, 5))

    def crowd(self, count: int, sides: dict[str, Side]) -> None:
        """Load these sides in turns again, with many more connections."""
        for side in sides.values():
            side.connections = CROWD
        for _ in range(count):
            taken: dict[str, list[Taken]] = {name: [] for name in sides}
            for _ in range(TURNS):
                for name, side in sides.items():
                    taken[name].append(self.load(side, self.seconds / TURNS))
            for name in sides:
                self.note(name, taken[name])

    def latency(self, side: Side) -> None:
        """Percentiles at half of the rate that it reached, at a tenth of it, and alone."""
        whole = statistics.median(self.found.rates[side.name])
        for name, rate in (("at half load", whole / 2), ("at a tenth", whole / 10)):
            texts = self.texts(side, int(rate * 2 * self.seconds) + 1)
            answers = asyncio.run(at_rate(side.port, texts, rate, 64, 2 * self.seconds))
            shown = {f"p{p:g}": answers.percentile(p) for p in (50, 90, 99, 99.9)}
            self.found.latencies[name] = {"rate": rate, **shown}

    def sends(self, rounds: int) -> None:
        """Texts in while the outbox sends, and how many texts leave meanwhile."""
        url = f"http://127.0.0.1:{self.carrier.port}"
        side = ours("while the outbox sends", self.store(10_000), url, 10_000, sends=True)
        side.start(self.server_core)
        try:
            asyncio.run(as_fast_as_answered(side.port, self.texts(side, 400), 16, 5))
            for _ in range(rounds):
                before = _taken(url)
                self.note(side.name, [self.load(side, self.seconds)])
                self.found.notes.append(f"{(_taken(url) - before) / self.seconds:.0f} texts out a second meanwhile")
        finally:
            side.stop()

    def scale(self, rounds: int, texts: int) -> None:
        """What a text costs inside the service by the size of the store.

        CPU in one process with all stores, text by text in turns; counts, memory and opening in a fresh one for each.
        """
        for number in range(rounds):
            copies = {documents: self.store(documents) / "smsmentor.db" for documents in [1_000, *self.sizes]}
            os.sync()
            costs = _inside("--paired", texts, number, *(f"{n}={path}" for n, path in copies.items()))
            for documents, copy in copies.items():
                shutil.rmtree(copy.parent)
                copy = self.store(documents) / "smsmentor.db"
                os.sync()
                alone = _inside(copy, documents, texts, number)
                self.found.scale.setdefault(documents, []).append(alone | costs[str(documents)])
                shutil.rmtree(copy.parent)


def _inside(*args: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.inside", *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _taken(url: str) -> int:
    with urllib.request.urlopen(f"{url}/taken") as answer:
        return int(json.load(answer)["taken"])


def sync_floor_ms(folder: Path) -> float:
    """How long this disk takes to sync a small append, the median of 100."""
    took = []
    with (folder / "sync").open("ab", buffering=0) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(b"x" * 200)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="some three minutes: short rounds, small stores")
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--folder", type=Path, help="keep the filled stores here for the next time")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md and docs/performance.svg")
    args = parser.parse_args()
    rounds = max(1, min(args.rounds or (2 if args.quick else 5), 50))
    sizes = [1_000, 20_000] if args.quick else [1_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder, set(args.only), 1.5 if args.quick else 3.0, sizes)
        machine = {"load": os.getloadavg()[0], "sync_ms": sync_floor_ms(folder)}
        bench.carrier.start(bench.load_core)
        try:
            if bench.load_core is not None:
                os.sched_setaffinity(0, {bench.load_core})
            if bench.parts - {"scale", "sends"}:
                bench.rounds(rounds)
            if "sends" in bench.parts:
                bench.sends(min(rounds, 3))
            if "scale" in bench.parts:
                bench.sizes = sizes[1:]
                bench.scale(min(rounds, 3), 400 if args.quick else 1_500)
        finally:
            bench.carrier.stop()
        lines = report.table(bench.found, machine)
        print("\n".join(lines))
        if args.write:
            report.write(ROOT / "docs", bench.found, lines, f"{datetime.now(UTC):%Y-%m-%d}")


if __name__ == "__main__":
    main()
