"""What a pool could answer at all within a day if nobody had a limit and each was asked once about each question.

    python bench/routing_bound.py --pools 10 --first-seed 900

At a mean hour of each mentor's day; at the best hour of it, for a policy that knew all habits; and with each answer
known beforehand. Nobody tires, pauses or leaves here, so a real policy stays below.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from bench.routing import Scenario  # noqa: E402
from bench.routing_sim.people import DAY, START, WEEK, Mentor, Question, Town, make_town  # noqa: E402

STEP, IN_TIME = 900.0, 1800.0
"""Seconds between the moments that are tried, and before the day's end at which an ask comes too late."""


def hours(mentor: Mentor, question: Question) -> Iterator[float]:
    """The moments of the question's day at which this mentor may be asked."""
    if not mentor.employer or mentor.employer != question.employer:
        at = question.at + 60
        while at < question.at + DAY - IN_TIME:
            if mentor.open_at(at):
                yield at
            at += STEP


def bounds(town: Town, question: Question) -> tuple[float, float, bool]:
    """The chance of an answer at mean hours and at best hours, and whether anybody would answer at any."""
    nobody_mean = nobody_best = 1.0
    knows = False
    for mentor in town.mentors:
        moments = list(hours(mentor, question))
        own = question.topic in mentor.topics
        chances = [mentor.willingness(at, own_topic=own, asked_lately=0) for at in moments]
        if chances:
            nobody_mean *= 1 - sum(chances) / len(chances)
            nobody_best *= 1 - max(chances)
        knows = knows or any(_answers(town, mentor, question, at) for at in moments)
    return 1 - nobody_mean, 1 - nobody_best, knows


def _answers(town: Town, mentor: Mentor, question: Question, at: float) -> bool:
    reaction = town.reaction(mentor, question, at, 0)
    return reaction.kind == "answer" and at + reaction.after < question.at + DAY


def main() -> None:
    """Print the bounds of each pool and load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", default="10,50")
    parser.add_argument("--loads", default="0.15,0.3,0.5")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    options = parser.parse_args()
    for size in map(int, options.pools.split(",")):
        for load in map(float, options.loads.split(",")):
            scenario = Scenario(size, load)
            found = [
                bounds(town, question)
                for seed in scenario.seeds(options.seeds, options.first_seed)
                for town in [make_town(seed, size, load, scenario.weeks)]
                for question in town.questions
                if question.at >= START + WEEK
            ]
            mean, best, known = (sum(column) / len(found) for column in zip(*found, strict=True))
            print(f"{scenario.name}: mean hours {mean:.3f}, best hours {best:.3f}, all known {known:.3f}")


if __name__ == "__main__":
    main()
