"""The policies to compare with, on a light loop of their own: same people, same limits, same questions.

Each fills the same panel: three places, one of them for the view from outside until its deadline, answers relayed as
they come, everybody asked told once when the last place is filled.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from bench.routing_sim.measure import Journal, outside_of
from bench.routing_sim.people import DAY, HOUR, START, WEEK, Mentor, Question, Town

PLACES, GATHER, COOL_DOWN, THREAD, SILENT_AFTER, OUTSIDE_HOLD = 3, 30.0, 4 * HOUR, 4 * HOUR, 4 * HOUR, 45 * 60.0
LOOK_AGAIN = 5 * 60.0


@dataclass(slots=True)
class State:
    """What being asked has done to one mentor."""

    asked: deque[float] = field(default_factory=deque)
    free_from: float = 0.0
    last: float = 0.0
    silent: int = 0
    paused: bool = False
    paused_at: float = 0.0
    pauses: int = 0
    gone: bool = False
    open: set[int] = field(default_factory=set)
    texts: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass(slots=True)
class Open:
    """One question on its way."""

    question: Question
    offers: dict[int, str] = field(default_factory=dict)
    """Mentor to `sent`, `answered`, `passed`."""
    outside_asked: set[int] = field(default_factory=set)
    answers: int = 0
    has_outside: bool = False
    kept: list[Mentor] = field(default_factory=list)
    done: bool = False
    rounds: int = 0

    @property
    def wanted(self) -> int:
        return 0 if self.done else PLACES - self.answers


class Loop:
    """Runs one policy over a town."""

    def __init__(self, town: Town, policy: Policy) -> None:
        self.town = town
        self.journal = Journal(town)
        self.now = START
        self.states = [State() for _ in town.mentors]
        self.skilled = {
            topic: [m for m in town.mentors if topic in m.topics]
            for topic in {q.topic for q in town.questions}
            if topic
        }
        self.waiting: list[Open] = []
        self._heap: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0
        self.policy = policy
        policy.loop = self

    def at(self, when: float, act: Callable[..., None], *args: object) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, act, args))

    def run(self) -> Journal:
        for question in self.town.questions:
            self.at(question.at + GATHER, self._begin, question)
        self.at(START, self._look)
        ends = self.town.ends + DAY
        while self._heap and self._heap[0][0] <= ends:
            self.now, _, act, args = heapq.heappop(self._heap)
            act(*args)
        for mentor, state in zip(self.town.mentors, self.states, strict=True):
            if state.paused or state.gone:
                self._was_away(mentor, state, ends)
        return self.journal

    # What policies use

    def allowed(self, mentor: Mentor, request: Open) -> bool:
        """The limits that hold for every policy."""
        state = self.states[mentor.number]
        if state.free_from > self.now or state.paused or state.gone or state.open or mentor.number in request.offers:
            return False
        if mentor.employer and mentor.employer == request.question.employer:
            return False
        return mentor.open_at(self.now)

    def ask(self, request: Open, mentor: Mentor) -> None:
        state, question = self.states[mentor.number], request.question
        request.offers[mentor.number] = "sent"
        state.last = self.now
        state.open.add(question.number)
        while state.asked and state.asked[0] <= self.now - WEEK:
            state.asked.popleft()
        state.asked.append(self.now)
        free = self.now + COOL_DOWN
        if len(state.asked) >= mentor.a_day:
            free = max(free, state.asked[-mentor.a_day] + DAY)
        if len(state.asked) >= mentor.a_week:
            free = max(free, state.asked[-mentor.a_week] + WEEK)
        state.free_from = free
        self.journal.course(question).asked += 1
        self.journal.asks.append((self.now, mentor.number, question.number))
        lately = sum(at > self.now - 3 * DAY for at in state.asked) - 1
        reaction = self.town.reaction(mentor, question, self.now, lately)
        if reaction.kind == "answer":
            self.at(self.now + reaction.after, self._answered, request, mentor)
        elif reaction.kind == "pass":
            self.at(self.now + reaction.after, self._passed, request, mentor)
        self.at(self.now + SILENT_AFTER, self._silent, request, mentor)
        self._tire(mentor, 1)

    def wait(self, request: Open) -> None:
        """Nobody may be asked now: look again soon, the oldest first."""
        if request not in self.waiting:
            self.waiting.append(request)

    # What happens

    def _begin(self, question: Question) -> None:
        request = Open(question)
        self.at(question.at + GATHER + DAY, self._expire, request)
        self.at(question.at + GATHER + OUTSIDE_HOLD, self._release, request)
        self.policy.begin(request)

    def _answered(self, request: Open, mentor: Mentor) -> None:
        state = self.states[mentor.number]
        if request.offers.get(mentor.number) != "sent" or request.done or state.gone:
            return
        request.offers[mentor.number] = "answered"
        state.silent = 0
        self.at(self.now + THREAD, state.open.discard, request.question.number)
        if self._is_kept(request, mentor):
            request.kept.append(mentor)
            return
        self._relay(request, mentor)

    def _is_kept(self, request: Open, mentor: Mentor) -> bool:
        """The last place is kept for the view from outside, while somebody asked for it may still answer."""
        if request.answers < PLACES - 1 or request.has_outside or outside_of(mentor, request.question):
            return False
        in_time = self.now < request.question.at + GATHER + OUTSIDE_HOLD
        return in_time and any(request.offers[n] == "sent" for n in request.outside_asked)

    def _relay(self, request: Open, mentor: Mentor) -> None:
        request.answers += 1
        request.has_outside |= outside_of(mentor, request.question)
        self.journal.course(request.question).answers.append((self.now, mentor))
        if request.answers >= PLACES:
            self._finish(request)

    def _release(self, request: Open) -> None:
        for mentor in request.kept:
            if not request.done:
                self._relay(request, mentor)

    def _passed(self, request: Open, mentor: Mentor) -> None:
        state = self.states[mentor.number]
        if request.offers.get(mentor.number) != "sent" or request.done or state.gone:
            return
        request.offers[mentor.number] = "passed"
        state.silent = 0
        state.open.discard(request.question.number)
        self.policy.passed(request, mentor)

    def _silent(self, request: Open, mentor: Mentor) -> None:
        state = self.states[mentor.number]
        state.open.discard(request.question.number)
        if request.offers.get(mentor.number) != "sent" or state.gone:
            return
        state.silent += 1
        if state.silent >= 3 and not state.paused:
            state.paused, state.paused_at = True, self.now
            state.pauses += 1
            back = self.town.comes_back(mentor, state.pauses)
            if back is not None:
                self.at(self.now + back, self._back, mentor)

    def _back(self, mentor: Mentor) -> None:
        state = self.states[mentor.number]
        self._was_away(mentor, state, self.now)
        state.paused, state.silent = False, 0

    def _was_away(self, mentor: Mentor, state: State, until: float) -> None:
        since = max(state.paused_at, START + WEEK)
        self.journal.away[mentor.number] = self.journal.away.get(mentor.number, 0.0) + max(until - since, 0.0)

    def _expire(self, request: Open) -> None:
        if not request.done:
            self._release(request)
            self._finish(request)

    def _finish(self, request: Open) -> None:
        request.done = True
        for number, status in request.offers.items():
            if status == "sent":
                mentor, state = self.town.mentors[number], self.states[number]
                request.offers[number] = "withdrawn"
                state.open.discard(request.question.number)
                if not state.gone:
                    self.journal.course(request.question).unneeded += 1
                    self._tire(mentor, 1)

    def _tire(self, mentor: Mentor, weight: int) -> None:
        state = self.states[mentor.number]
        state.texts.append((self.now, weight))
        while state.texts and state.texts[0][0] < self.now - 2 * WEEK:
            state.texts.popleft()
        if not state.gone and sum(w for _, w in state.texts) > mentor.tolerance:
            state.gone, state.paused_at = True, self.now
            self.journal.left += 1

    def _look(self) -> None:
        """Waiting questions look again, oldest first, until nobody at all is left to ask."""
        queue, self.waiting = sorted(self.waiting, key=lambda r: r.question.number), []
        failures = 0
        for request in queue:
            if request.wanted:
                before = len(self.waiting)
                if failures < 5:
                    self.policy.again(request)
                    failures += len(self.waiting) > before
                else:
                    self.waiting.append(request)
        self.at(self.now + LOOK_AGAIN, self._look)


class Policy:
    """Asks one mentor for each free place, and the next one when the step is over or on a PASS."""

    def __init__(self, name: str, step: float) -> None:
        self.name, self.step = name, step
        self.loop: Loop

    def begin(self, request: Open) -> None:
        for _ in range(PLACES):
            self.next(request)

    def again(self, request: Open) -> None:
        self.next(request)

    def next(self, request: Open, of: int | None = None) -> None:
        """One place's next ask. `of` is the mentor whose time is up."""
        if not request.wanted or (of is not None and request.offers.get(of) in ("answered", "withdrawn")):
            return
        mentor = self.choose(request)
        if mentor is None:
            self.loop.wait(request)
            return
        self.loop.ask(request, mentor)
        self.loop.at(self.loop.now + self.step, self.step_over, request, mentor.number)

    def step_over(self, request: Open, mentor: int) -> None:
        if request.offers.get(mentor) == "sent":
            self.next(request, mentor)

    def passed(self, request: Open, mentor: Mentor) -> None:
        self.next(request)

    def choose(self, request: Open) -> Mentor | None:
        """A mentor for one place: outside where that is still missing, else of the topic, else anybody."""
        loop = self.loop
        needs = not request.has_outside and not any(request.offers[n] == "sent" for n in request.outside_asked)
        if needs and request.offers and loop.now < request.question.at + GATHER + OUTSIDE_HOLD:
            fit = (m for m in self.order(loop.town.mentors, "") if outside_of(m, request.question))
            found = self.first(fit, request)
            if found is not None:
                request.outside_asked.add(found.number)
                return found
        topic = request.question.topic
        found = self.first(self.order(loop.skilled[topic], topic), request) if topic else None
        return found or self.first(self.order(loop.town.mentors, ""), request)

    def first(self, mentors: Iterable[Mentor], request: Open) -> Mentor | None:
        states, now = self.loop.states, self.loop.now
        for mentor in mentors:
            if states[mentor.number].free_from <= now and self.loop.allowed(mentor, request):
                return mentor
        return None

    def order(self, mentors: list[Mentor], ring: str) -> Iterable[Mentor]:
        raise NotImplementedError


class RoundRobin(Policy):
    """A ring for each topic that goes on behind the one asked last."""

    def __init__(self, minutes: int) -> None:
        super().__init__(f"round robin {minutes}", minutes * 60.0)
        self._after: dict[str, int] = {}
        self._ring = ""

    def order(self, mentors: list[Mentor], ring: str) -> Iterable[Mentor]:
        start = self._after.get(ring, 0)
        for n in range(len(mentors)):
            at = (start + n) % len(mentors)
            self._after[ring] = at + 1
            yield mentors[at]
        self._after[ring] = start


class LeastRecent(Policy):
    """The one asked longest ago."""

    def __init__(self, minutes: int = 15) -> None:
        super().__init__("least recently asked", minutes * 60.0)

    def order(self, mentors: list[Mentor], ring: str) -> Iterable[Mentor]:
        states, now = self.loop.states, self.loop.now
        return sorted((m for m in mentors if states[m.number].free_from <= now), key=lambda m: states[m.number].last)


class Chance(Policy):
    """Anybody."""

    def __init__(self, minutes: int = 15) -> None:
        super().__init__("random", minutes * 60.0)
        self._rng = Random(7)

    def order(self, mentors: list[Mentor], ring: str) -> Iterable[Mentor]:
        start = self._rng.randrange(max(len(mentors), 1))
        step = self._rng.choice([s for s in (1, 3, 7, 11, 13) if math.gcd(s, max(len(mentors), 1)) == 1])
        return (mentors[(start + n * step) % len(mentors)] for n in range(len(mentors)))


class Broadcast(Policy):
    """Everybody with the skill at once."""

    def __init__(self) -> None:
        super().__init__("broadcast", DAY)

    def begin(self, request: Open) -> None:
        skilled = self.loop.skilled[request.question.topic] if request.question.topic else self.loop.town.mentors
        found = [m for m in skilled if self.loop.allowed(m, request)]
        for mentor in found or [m for m in self.loop.town.mentors if self.loop.allowed(m, request)]:
            self.loop.ask(request, mentor)
        if request.wanted > sum(status == "sent" for status in request.offers.values()):
            self.loop.wait(request)

    def again(self, request: Open) -> None:
        self.begin(request)

    def passed(self, request: Open, mentor: Mentor) -> None:
        pass


class UpchieveWaves(Chance):
    """30 s of grace, then two more every 30 s, six rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.step = "waves (UPchieve)", 30.0

    def begin(self, request: Open) -> None:
        self.loop.at(self.loop.now + self.step, self.round, request)

    def again(self, request: Open) -> None:
        self.round(request)

    def round(self, request: Open) -> None:
        if not request.wanted or request.rounds >= 6:
            return
        found = [m for m in (self._ask_one(request), self._ask_one(request)) if m]
        if not found:
            self.loop.wait(request)
            return
        request.rounds += 1
        self.loop.at(self.loop.now + self.step, self.round, request)

    def _ask_one(self, request: Open) -> Mentor | None:
        mentor = self.choose(request)
        if mentor is not None:
            self.loop.ask(request, mentor)
        return mentor

    def passed(self, request: Open, mentor: Mentor) -> None:
        pass


class OnCall(Policy):
    """Escalation along an on-call order that turns on by one each week, one person and 15 minutes a step (GoAlert)."""

    def __init__(self) -> None:
        super().__init__("escalation (GoAlert)", 15 * 60.0)

    def begin(self, request: Open) -> None:
        self.next(request)

    def next(self, request: Open, of: int | None = None) -> None:
        if not request.wanted:
            return
        mentor = self.choose(request)
        if mentor is None:
            self.loop.wait(request)
            return
        self.loop.ask(request, mentor)
        self.loop.at(self.loop.now + self.step, self.next, request)

    def passed(self, request: Open, mentor: Mentor) -> None:
        pass

    def order(self, mentors: list[Mentor], ring: str) -> Iterable[Mentor]:
        start = int((self.loop.now - START) // WEEK)
        return (mentors[(start + n) % len(mentors)] for n in range(len(mentors)))


class Oracle(Policy):
    """Knows who will answer first: the bound for any policy that keeps the limits."""

    def __init__(self) -> None:
        super().__init__("oracle", DAY)

    def choose(self, request: Open) -> Mentor | None:
        loop, question = self.loop, request.question
        best: tuple[float, Mentor] | None = None
        for pool in (loop.skilled[question.topic] if question.topic else [], loop.town.mentors):
            for mentor in pool if len(pool) <= 600 else pool[:: len(pool) // 600]:
                if loop.states[mentor.number].free_from > loop.now or not loop.allowed(mentor, request):
                    continue
                lately = sum(at > loop.now - 3 * DAY for at in loop.states[mentor.number].asked)
                reaction = loop.town.reaction(mentor, question, loop.now, lately)
                if reaction.kind == "answer" and (best is None or reaction.after < best[0]):
                    best = (reaction.after, mentor)
            if best is not None and best[0] < 300:
                break
        return best[1] if best else None

    def next(self, request: Open, of: int | None = None) -> None:
        if not request.wanted:
            return
        mentor = self.choose(request)
        if mentor is not None:
            self.loop.ask(request, mentor)
        if sum(status in ("sent", "answered") for status in request.offers.values()) < PLACES:
            self.loop.wait(request)


def baselines() -> list[Callable[[], Policy]]:
    """Every policy to compare with, fresh for each run."""
    return [
        lambda: RoundRobin(15),
        lambda: RoundRobin(5),
        lambda: RoundRobin(30),
        LeastRecent,
        Chance,
        Broadcast,
        UpchieveWaves,
        OnCall,
        Oracle,
    ]
