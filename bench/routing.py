"""The routing against its alternatives: a simulated town with hidden habits, driven through the project's own core.

    python bench/routing.py            # half an hour on two cores; writes docs/routing.svg
    python bench/routing.py --quick    # about a minute
    python bench/routing.py --seeds 2 --first-seed 900 --pools 50,500 --loads 0.15,0.5

`bench/routing_sim/people.py` has the people, `simple.py` the policies to compare with, `real.py` drives the core.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from bench.routing_sim.measure import Journal, Measures, measure  # noqa: E402
from bench.routing_sim.people import make_town  # noqa: E402
from bench.routing_sim.picture import picture  # noqa: E402
from bench.routing_sim.real import Drive  # noqa: E402
from bench.routing_sim.simple import Loop, baselines  # noqa: E402

OURS, AGAINST, ORACLE = "smsmentor", "round robin 15", "oracle"
LOADS = {0.15: "light", 0.3: "medium", 0.5: "heavy", 3.0: "overload"}
RATIOS = ("median", "p90", "texts", "unneeded")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A pool's size and its load in requests a mentor and week."""

    size: int
    load: float

    @property
    def name(self) -> str:
        return f"{self.size} mentors, {LOADS.get(self.load, self.load)}"

    @property
    def weeks(self) -> int:
        """A week to warm up, and as many as it takes for some sixty questions of each seed."""
        return 1 + min(max(math.ceil(60 / (self.size * self.load)), 1), 9)

    def seeds(self, wanted: int, first: int) -> range:
        """Small pools have few questions, so more of them are tried."""
        factor = 4 if self.size <= 10 else 2 if self.size <= 50 and self.load <= 1 else 1
        return range(first, first + (max(wanted * factor, 1) if self.size < 2000 and self.load <= 1 else 1))


@dataclass(frozen=True, slots=True)
class Job:
    """One policy on one town."""

    scenario: Scenario
    seed: int
    policy: str


def run(job: Job) -> tuple[Job, Journal, str]:
    """The journal of a job, and the digest of the decisions when they are the core's."""
    town = make_town(job.seed, job.scenario.size, job.scenario.load, job.scenario.weeks)
    if job.policy == OURS:
        drive = Drive(town)
        return job, drive.run(), drive.digest.hexdigest()
    make = next(make for make in baselines() if make().name == job.policy)
    return job, Loop(town, make()).run(), ""


def geometric(values: Iterable[float]) -> float:
    """The geometric mean, of values above zero."""
    logs = [math.log(max(value, 1e-6)) for value in values]
    return math.exp(sum(logs) / len(logs))


def ratios(measures: Measures, against: Measures) -> dict[str, float]:
    """Each figure as a share of another policy's; nothing against nothing is 1."""
    return {name: (getattr(measures, name) + 1e-9) / (getattr(against, name) + 1e-9) for name in RATIOS}


def table(scenario: Scenario, found: dict[str, Measures]) -> None:
    """The figures of all policies in one scenario."""
    questions = next(iter(found.values())).questions
    print(f"\n{scenario.name} ({scenario.load} requests a mentor and week, {questions} questions measured)")
    print(
        f"  {'policy':22}{'median':>8}{'p90':>8}{'in 1 h':>8}{'in 24 h':>8}{'texts':>8}{'unneeded':>9}{'outside':>8}"
        f"{'Gini':>7}{'answers':>8}{'left':>6}{'to RR15':>9}{'to oracle':>10}"
    )
    for name, m in found.items():
        to_rr = f"{m.median / found[AGAINST].median:9.2f}" if AGAINST in found else ""
        to_oracle = f"{m.median / found[ORACLE].median:10.1f}" if ORACLE in found else ""
        print(
            f"  {name:22}{m.median:7.1f}m{m.p90:7.0f}m{m.in_hour:8.2f}{m.in_day:8.3f}{m.texts:8.2f}{m.unneeded:9.2f}"
            f"{m.outside:8.2f}{m.gini:7.3f}{m.panel:8.2f}{m.left:6.2f}{to_rr}{to_oracle}"
        )


def summary(results: dict[Scenario, dict[str, Measures]]) -> None:
    """Over all scenarios: geometric means of ratios to round robin with 15 minutes a step, plain means of the rest."""
    print(f"\nover {len(results)} scenarios; median, p90, texts and unneeded as ratios to {AGAINST} (geometric mean)")
    print(f"  {'policy':22}{'median':>8}{'p90':>8}{'texts':>8}{'unneeded':>9}{'in 24 h':>8}{'outside':>8}{'Gini':>7}")
    for name in next(iter(results.values())):
        rows = [found[name] for found in results.values()]
        to = [ratios(found[name], found[AGAINST]) for found in results.values()]
        means = {figure: geometric(r[figure] for r in to) for figure in RATIOS}
        plain = {f: sum(getattr(m, f) for m in rows) / len(rows) for f in ("in_day", "outside", "gini")}
        print(
            f"  {name:22}{means['median']:8.2f}{means['p90']:8.2f}{means['texts']:8.2f}{means['unneeded']:9.2f}"
            f"{plain['in_day']:8.3f}{plain['outside']:8.2f}{plain['gini']:7.3f}"
        )
    light = {s: found for s, found in results.items() if s.load <= 0.5 and s.size >= 50}
    if light:
        day = sum(found[OURS].in_day for found in light.values()) / len(light)
        print(f"  in pools of 50 and more, up to heavy load: answered within 24 h {day:.3f}")
    print(f"  questions nobody was asked about, up to heavy load: {sum(_starved(s, f) for s, f in results.items())}")
    if all(ORACLE in found for found in results.values()):
        share = geometric(found[ORACLE].median / found[OURS].median for found in results.values())
        print(f"  share of the clairvoyant bound reached (oracle's median / ours): {share:.2f}")


def _starved(scenario: Scenario, found: dict[str, Measures]) -> int:
    return found[OURS].starved if scenario.load <= 0.5 else 0


def scenarios(options: argparse.Namespace) -> list[Scenario]:
    """The grid that was asked for; overload of the large pools only with --full, as it takes long."""
    pools = [int(size) for size in options.pools.split(",")]
    loads = [float(load) for load in options.loads.split(",")]
    grid = [Scenario(size, load) for size in pools for load in loads]
    return grid if options.full else [s for s in grid if s.size * s.load <= 1600]


def main() -> None:
    """Run the grid and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two pools, two loads, one seed")
    parser.add_argument("--full", action="store_true", help="overload of the large pools as well")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--pools", default="10,50,500,5000")
    parser.add_argument("--loads", default="0.15,0.3,0.5,3")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plot", type=Path, help="where the picture goes; docs/routing.svg in a whole run")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.pools, options.loads = 1, "10,50,500", "0.15,0.5"
    started = time.perf_counter()
    grid = scenarios(options)
    names = [OURS, *(make().name for make in baselines())]
    jobs = [
        Job(s, seed, name)
        for s in sorted(grid, key=lambda s: -s.size * s.load)
        for name in names
        for seed in s.seeds(options.seeds, options.first_seed)
    ]
    journals: dict[tuple[Scenario, str], list[Journal]] = {}
    digests: dict[Job, str] = {}
    with Pool(options.processes) as pool:
        for job, journal, digest in pool.imap_unordered(run, jobs, chunksize=1):
            journals.setdefault((job.scenario, job.policy), []).append(journal)
            digests |= {job: digest} if digest else {}
    results = {s: {name: measure(journals[s, name]) for name in names} for s in grid}
    for scenario, found in results.items():
        table(scenario, found)
    summary(results)
    decisions = "".join(digests[job] for job in jobs if job in digests)
    print(f"  digest of the core's decisions: {hashlib.sha256(decisions.encode()).hexdigest()[:16]}")
    print(f"  {time.perf_counter() - started:.0f} s")
    plain = not options.quick and options.pools == parser.get_default("pools")
    target = options.plot or (ROOT / "docs" / "routing.svg" if plain else None)
    if target is not None:
        target.write_text(picture({s.name: found for s, found in results.items()}, AGAINST))
        print(f"  picture: {target}")


if __name__ == "__main__":
    main()
