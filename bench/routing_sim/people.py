"""The people of a simulated pool and what they ask: the same for every policy that is tried on them.

All chance is drawn from (seed, mentor, request) and never from the order of events, so that two policies meet the same
people in the same mood. Habits are hidden from the policies: they see only what a service sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field as made
from datetime import UTC, datetime
from random import Random

HOUR, DAY, WEEK = 3600.0, 86400.0, 604800.0
START = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
"""A Monday, in months without a change of clocks: each zone keeps one offset."""
ZONES: tuple[tuple[str, float, float], ...] = (
    ("America/New_York", -4.0, 0.47),
    ("America/Chicago", -5.0, 0.29),
    ("America/Denver", -6.0, 0.07),
    ("America/Los_Angeles", -7.0, 0.17),
)
QUIET_FROM, QUIET_UNTIL = 21.0, 8.0
FIELDS = ("finance", "health", "teaching", "software", "trades", "sales", "law", "media", "logistics", "public service")
TOPICS: tuple[tuple[str, float, int], ...] = (
    ("boss", 0.20, 0),
    ("pay", 0.16, 0),
    ("jobs", 0.13, 5),
    ("stress", 0.11, 1),
    ("interviews", 0.09, 3),
    ("speaking", 0.08, 7),
    ("study", 0.07, 2),
    ("code", 0.06, 3),
    ("money", 0.04, 6),
    ("leading", 0.03, 8),
)
"""Topic, share of the questions that are about it, and the field at home in it. One in ten questions has no topic."""
MASK = (1 << 64) - 1


def draw(*parts: int) -> float:
    """A number in (0, 1) that depends on the parts alone (splitmix64 over them)."""
    x = 0x9E3779B97F4A7C15
    for part in parts:
        x = (x ^ (part + 0x632BE59BD9B4E019)) & MASK
        x = (x + 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        x ^= x >> 31
    return (x + 0.5) / 2**64


def normal(*parts: int) -> float:
    """A standard normal number that depends on the parts alone."""
    return math.sqrt(-2 * math.log(draw(*parts, 1))) * math.cos(2 * math.pi * draw(*parts, 2))


@dataclass(slots=True)
class Mentor:
    """One mentor. The first block is known to the service, the second is the person's own."""

    number: int
    zone: str
    offset: float
    hours: tuple[tuple[tuple[int, ...], float, float], ...]
    """HOURS as (days, from, to) in local hours; empty: any time outside the quiet hours."""
    a_day: int
    a_week: int
    topics: tuple[str, ...]
    field: str
    employer: str

    cohort: bool = False
    """One of the identical mentors on whom fairness is measured."""
    dormant: bool = False
    willing: float = 0.35
    peaks: tuple[tuple[float, float], ...] = ()
    """Hours of the day at which this person likes to answer, and how wide that is."""
    weekend: float = 1.0
    delay: float = 600.0
    """Median seconds to an answer."""
    passes: float = 0.25
    """How often an unwilling mentor says so."""
    tolerance: float = 12.0
    """Texts in two weeks, those for nothing counted double, after which this person leaves."""
    holidays: tuple[tuple[float, float], ...] = ()
    _open: dict[int, bool] = made(default_factory=dict)

    def local(self, at: float) -> tuple[int, float]:
        """Weekday (0 is Monday) and hour of the day where this mentor is."""
        days, seconds = divmod(at - START + self.offset * HOUR, DAY)
        return int(days) % 7, seconds / HOUR

    def open_at(self, at: float) -> bool:
        """Whether the service may ask now: outside quiet hours and within HOURS."""
        minute = int((at - START) // 900)
        known = self._open.get(minute)
        if known is None:
            if len(self._open) > 5000:
                self._open.clear()
            known = self._open[minute] = self._is_open(at)
        return known

    def _is_open(self, at: float) -> bool:
        weekday, hour = self.local(at)
        if not QUIET_UNTIL <= hour < QUIET_FROM:
            return False
        return not self.hours or any(weekday in days and start <= hour < end for days, start, end in self.hours)

    def willingness(self, at: float, *, own_topic: bool, asked_lately: int) -> float:
        """The chance that this person answers a text that comes now."""
        if self.dormant or any(start <= at < end for start, end in self.holidays):
            return 0.0
        weekday, hour = self.local(at)
        mood = max(math.exp(-(((hour - peak) / width) ** 2) / 2) for peak, width in self.peaks)
        chance = self.willing * (0.35 + 1.1 * mood) * (self.weekend if weekday >= 5 else 1.0)
        return min(chance * (1.0 if own_topic else 0.75) / (1 + 0.1 * asked_lately), 0.95)


@dataclass(slots=True)
class Question:
    """One request, as the town will ask it whatever the policy does."""

    number: int
    at: float
    topic: str
    mentee: int
    field: str
    employer: str
    zone: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a mentor does with an offer: `answer` or `pass` after so many seconds, or `silence`."""

    kind: str
    after: float = 0.0


@dataclass(slots=True)
class Town:
    """A pool and its questions. `load` is requests a mentor and week."""

    seed: int
    size: int
    load: float
    weeks: int
    mentors: list[Mentor]
    questions: list[Question]

    @property
    def ends(self) -> float:
        """When the last question may come; the run goes on a day longer."""
        return START + self.weeks * WEEK

    def reaction(self, mentor: Mentor, question: Question, at: float, asked_lately: int) -> Reaction:
        """What this mentor does with this question now."""
        key = (self.seed, mentor.number, question.number)
        own = question.topic in mentor.topics
        chance = mentor.willingness(at, own_topic=own, asked_lately=asked_lately)
        if draw(*key, 11) < chance:
            return Reaction("answer", _awake(mentor, at, mentor.delay * math.exp(0.9 * normal(*key, 12))))
        if not mentor.dormant and draw(*key, 13) < mentor.passes:
            return Reaction("pass", _awake(mentor, at, 0.7 * mentor.delay * math.exp(0.9 * normal(*key, 14))))
        return Reaction("silence")

    def comes_back(self, mentor: Mentor, nth: int) -> float | None:
        """Seconds until a mentor who was paused kindly texts BACK; None for never."""
        if mentor.dormant or (not mentor.cohort and draw(self.seed, mentor.number, 21) > 0.95):
            return None
        return 6 * HOUR * math.exp(normal(self.seed, mentor.number, nth, 22))


def _awake(mentor: Mentor, at: float, after: float) -> float:
    """An answer that would fall into the night comes the next morning."""
    _, hour = mentor.local(at + after)
    if 7.0 <= hour < 22.5:
        return after
    return after + ((8.0 - hour) % 24) * HOUR


def make_town(seed: int, size: int, load: float, weeks: int) -> Town:
    """The town of a seed: `weeks` of questions, the first of which is for warming up."""
    rng = Random(f"town {seed} {size}")
    home = rng.choices(ZONES, [z[2] for z in ZONES])[0]
    cohort = max(4, size // 5)
    mentors = [
        _identical(number, home)
        if number % (size // cohort) == 0 and number // (size // cohort) < cohort
        else _mentor(rng, number, size, home, weeks)
        for number in range(size)
    ]
    return Town(
        seed, size, load, weeks, mentors, _questions(Random(f"ask {seed} {size} {load}"), size, load, weeks, home)
    )


def _zone(rng: Random, home: tuple[str, float, float]) -> tuple[str, float, float]:
    return home if rng.random() < 0.6 else rng.choices(ZONES, [z[2] for z in ZONES])[0]


def _identical(number: int, home: tuple[str, float, float]) -> Mentor:
    return Mentor(
        number,
        home[0],
        home[1],
        (),
        2,
        5,
        ("boss", "jobs"),
        "finance",
        "",
        cohort=True,
        peaks=((12.5, 2.0), (18.5, 2.5)),
        tolerance=math.inf,
    )


def _mentor(rng: Random, number: int, size: int, home: tuple[str, float, float], weeks: int) -> Mentor:
    zone = _zone(rng, home)
    count = rng.choices((1, 2, 3), (0.4, 0.4, 0.2))[0]
    weights = [share + 0.03 for _, share, _ in TOPICS]
    topics = tuple(dict.fromkeys(rng.choices([t[0] for t in TOPICS], weights, k=count)))
    at_home = FIELDS[next(index for name, _, index in TOPICS if name == topics[0])]
    hours: tuple[tuple[tuple[int, ...], float, float], ...] = ()
    habit = rng.random()
    weekdays, weekend = (0, 1, 2, 3, 4), (5, 6)
    if habit < 0.15:
        hours = ((weekdays, 9.0, 18.0),)
    elif habit < 0.27:
        hours = ((weekdays, 17.0, 21.0), (weekend, 10.0, 18.0))
    elif habit < 0.33:
        hours = ((weekdays, 12.0, 14.0), (weekdays, 18.0, 21.0))
    elif habit < 0.38:
        hours = ((weekend, 9.0, 20.0),)
    a_week = rng.randint(2, 10)
    holidays: tuple[tuple[float, float], ...] = ()
    if rng.random() < 0.3:
        start = START + rng.random() * max(weeks - 1, 1) * WEEK
        holidays = ((start, start + rng.uniform(3, 12) * DAY),)
    return Mentor(
        number,
        zone[0],
        zone[1],
        hours,
        min(rng.choice((1, 2, 2, 3)), a_week),
        a_week,
        topics,
        at_home if rng.random() < 0.6 else rng.choice(FIELDS),
        f"firm {rng.randrange(max(size // 6, 3))}" if rng.random() < 0.7 else "",
        dormant=rng.random() < 0.1,
        willing=min(max(rng.betavariate(2.5, 4.0), 0.05), 0.9),
        peaks=tuple((rng.uniform(8.0, 21.0), rng.uniform(1.5, 3.5)) for _ in range(rng.choice((1, 2)))),
        weekend=rng.uniform(0.5, 1.3),
        delay=math.exp(rng.uniform(math.log(3 * 60), math.log(25 * 60))),
        passes=rng.uniform(0.05, 0.5),
        tolerance=a_week * rng.uniform(2.2, 5.0),
        holidays=holidays,
    )


DAILY = (
    0.25,
    0.15,
    0.1,
    0.08,
    0.08,
    0.12,
    0.3,
    0.6,
    0.9,
    1.0,
    1.1,
    1.2,
    1.4,
    1.2,
    1.1,
    1.1,
    1.2,
    1.4,
    1.6,
    1.7,
    1.7,
    1.5,
    1.0,
    0.5,
)
"""How much is asked at each local hour, against the mean."""


def _questions(rng: Random, size: int, load: float, weeks: int, home: tuple[str, float, float]) -> list[Question]:
    mean = sum(DAILY) / 24
    highest = max(DAILY) / mean * load * size / WEEK
    found: list[Question] = []
    at = START
    while True:
        at += rng.expovariate(highest)
        if at >= START + weeks * WEEK:
            return found
        zone = _zone(rng, home)
        hour = ((at - START) / HOUR + zone[1]) % 24
        if rng.random() * max(DAILY) > DAILY[int(hour)]:
            continue
        chosen = rng.choices(TOPICS, [share for _, share, _ in TOPICS])[0]
        topic = "" if rng.random() < 0.1 else chosen[0]
        at_home = FIELDS[chosen[2]]
        found.append(
            Question(
                len(found),
                at,
                topic,
                len(found) % max(4 * size, 200),
                "" if rng.random() < 0.4 else at_home if rng.random() < 0.5 else rng.choice(FIELDS),
                f"firm {rng.randrange(max(size // 6, 3))}" if rng.random() < 0.3 else "",
                zone[0],
            )
        )
