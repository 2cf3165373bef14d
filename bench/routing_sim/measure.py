"""What is measured of a run, the same for every policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.routing_sim.people import DAY, HOUR, START, WEEK, Mentor, Question, Town


@dataclass(slots=True)
class Course:
    """What became of one question."""

    question: Question
    asked: int = 0
    unneeded: int = 0
    """Texts to mentors who were asked, had not replied, and heard that they are no longer needed."""
    answers: list[tuple[float, Mentor]] = field(default_factory=list)


@dataclass
class Journal:
    """A run's record: filled by the policy's loop, read by the measures."""

    town: Town
    courses: dict[int, Course] = field(default_factory=dict)
    asks: list[tuple[float, int, int]] = field(default_factory=list)
    """Time, mentor, question."""
    left: int = 0
    away: dict[int, float] = field(default_factory=dict)
    """Seconds of the measured time in which a mentor was paused or gone."""

    def course(self, question: Question) -> Course:
        return self.courses.setdefault(question.number, Course(question))


@dataclass
class Measures:
    """The figures of one scenario. Times in minutes; an unanswered question counts as a day."""

    median: float
    p90: float
    in_hour: float
    in_day: float
    texts: float
    """Texts that ask a mentor, for each answered question."""
    unneeded: float
    """Texts that tell a mentor "no longer needed", for each answered question."""
    outside: float
    gini: float
    panel: float
    """Answers for each answered question."""
    left: float
    """Share of the pool that left."""
    starved: int
    """Questions for which nobody was asked at all within their day."""
    questions: int


def percentile(values: Sequence[float], share: float) -> float:
    """The value at that share of the sorted values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def gini(values: Sequence[float]) -> float:
    """0 when all have the same, towards 1 when one has all."""
    ordered, total = sorted(values), sum(values)
    if not total:
        return 0.0
    return sum((2 * (i + 1) - len(ordered) - 1) * v for i, v in enumerate(ordered)) / (len(ordered) * total)


def outside_of(mentor: Mentor, question: Question) -> bool:
    """Another field and another employer than the mentee's; without a field said, than the one at home in the topic."""
    if question.employer and mentor.employer == question.employer:
        return False
    return mentor.field != question.field


def measure(journals: Iterable[Journal]) -> Measures:
    """The figures of one scenario over all its seeds. The first week is not counted."""
    waits: list[float] = []
    starved = asked = unneeded = answered = outside = possible = answers = left = people = 0
    ginis: list[float] = []
    for journal in journals:
        town = journal.town
        fields = {m.field for m in town.mentors}
        for question in town.questions:
            if question.at < START + WEEK:
                continue
            course = journal.courses.get(question.number) or Course(question)
            asked += course.asked
            starved += not course.asked
            unneeded += course.unneeded
            first = min((at for at, _ in course.answers), default=None)
            waits.append(min((first - question.at) if first is not None else DAY, DAY) / 60)
            if first is not None:
                answered += 1
                answers += len(course.answers)
                if question.field and fields - {question.field}:
                    possible += 1
                    outside += any(outside_of(m, question) for _, m in course.answers)
        ginis.append(_fairness(journal))
        left += journal.left
        people += town.size
    return Measures(
        median=percentile(waits, 0.5),
        p90=percentile(waits, 0.9),
        in_hour=sum(w <= 60 for w in waits) / len(waits),
        in_day=sum(w < DAY / 60 for w in waits) / len(waits),
        texts=asked / max(answered, 1),
        unneeded=unneeded / max(answered, 1),
        outside=outside / max(possible, 1),
        gini=sum(ginis) / len(ginis),
        panel=answers / max(answered, 1),
        left=left / max(people, 1),
        starved=starved,
        questions=len(waits),
    )


def _fairness(journal: Journal) -> float:
    """The Gini index of asks among identical mentors, for each hour in which they could be asked."""
    town = journal.town
    cohort = [m.number for m in town.mentors if m.cohort]
    counts = dict.fromkeys(cohort, 0)
    for at, mentor, _ in journal.asks:
        if mentor in counts and at >= START + WEEK:
            counts[mentor] += 1
    span = town.ends + DAY - START - WEEK
    return gini([counts[m] / max(span - journal.away.get(m, 0.0), 8 * HOUR) for m in cohort])
