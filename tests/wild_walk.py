"""The walk in other services than a calm small one, which looks at more: who reads whose words, and what is left over.

Pools of two and of sixty, mentors who ask too, a small daily cap, retention while people text, blocks, FORGET and
returns, other languages, carriers that refuse for good. Every free text carries a mark, so that whoever reads it
can be held against whom it was for.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from smsmentor.core import retention
from smsmentor.core.budget import month_of
from smsmentor.core.events import Act, Event
from smsmentor.core.kinds import RELAYED
from smsmentor.core.model import (
    Code,
    Member,
    Offer,
    OutText,
    Prompt,
    Request,
    Standing,
    Suppressed,
    Tally,
    Text,
    Thread,
    Timer,
)
from smsmentor.core.turn import Turn
from smsmentor.gateways.simulator import Bubble
from smsmentor.ports import Reader
from smsmentor.rig import Rig
from tests.walk import ANSWERS, HARD, PEOPLE, QUESTIONS, SMALL, Walk, _row_of

CAST = {f"P{number}": f"+1212555{130 + number:04d}" for number in range(1, 60)}
SOMETIMES = (
    *("FORGET", "FORGET ME", "FORGET ME", "STOP", "START", "BLOCK", "BLOCK A", "BLOCK B", "REPORT he was rude to me"),
    *("LANG es", "LANG en", "gracias", "MAS", "LISTO", "NEW", "wrong number", "SPRINT planning my week", "SPRINT OFF"),
    *("DONE 1", "DONE 4 1", "1", "1 1", "SHOW", "MORE", "ASK TEAM can somebody call me", "PASS till tomorrow", "SKIP"),
    *("PAUSE", "BACK", "OPEN 3", "LIMIT 5 a day", "news: i got the job!", "it helped, i got it!", "TOPIC -pay", "SEND"),
    *("0", "2", "both", "yes", "TELL", "PRACTICE", "OP STATUS", "OP ACK", "OP PARKED", "OP VOUCH Ben", "OK"),
)
OF_THE_MENTEE = ("offer.new", "offer.added", "offer.taken_over", "thread.asks", "thread.says")
"""Texts that bring a mentee's words; in all others `writer` says whose they are."""


@dataclass(frozen=True)
class Scene:
    """A service to walk in."""

    mentors: int = 5
    mentees: int = 4
    peers: int = 0
    """So many of the mentors ask as often as mentees do."""
    settings: dict[str, str] = field(default_factory=dict)


SCENES = {
    "two mentors": Scene(2, 4),
    "many mentors": Scene(50, 8, settings={"open_requests": "3", "drafts": "1"}),
    "peers": Scene(8, 0, 8, {"cooldown_hours": "0", "offers_a_day": "20", "offers_a_week": "50"}),
    "a small cap": Scene(5, 4, 2, {"daily_segments": "24", "cooldown_hours": "0"}),
    "eager": Scene(
        6, 3, 3, {"cooldown_hours": "0", "offers_a_day": "20", "offers_a_week": "60", "same_pair_days": "0"}
    ),
    "consent, one place": Scene(4, 4, 1, {"consent_first": "true", "places": "1", "questions_a_day": "2"}),
    "a budget": Scene(5, 4, 2, {"monthly_segments": "150", "cooldown_hours": "0"}),
}


class WildWalk(Walk):
    """One walk in a scene."""

    def __init__(self, rig: Rig, seed: int, restart: Callable[[Rig], Awaitable[None]], scene: Scene) -> None:
        super().__init__(rig, seed, restart)
        names = list(CAST)
        self.mentors = tuple(names[: scene.mentors])
        self.mentees = tuple(names[scene.mentors : scene.mentors + scene.mentees]) + self.mentors[: scene.peers]
        self.people = {name: CAST[name] for name in dict.fromkeys((*self.mentors, *self.mentees))}
        self.people["Olu"] = PEOPLE["Olu"]
        self.fields = {name: ("finance", "nursing", "law", "sales")[n % 4] for n, name in enumerate(self.mentors)}
        self.told.insert(1, " ".join(["set", *(f"{name}={value}" for name, value in scene.settings.items())]))
        self.marks: dict[str, tuple[str, str]] = {}
        """By mark: the text's id and its writer's phone."""
        self.erased: set[str] = set()
        self.blocked: set[tuple[str, str]] = set()
        self.more = random.Random(seed + 7)
        self.mark = ""

    async def run(self, steps: int) -> None:
        await super().run(steps)
        await self._wait(timedelta(days=40))
        await self._clear()
        self._at_the_end()

    async def _step(self) -> None:
        what = self.more.random()
        if what < 0.02:
            await self._clear()
        elif what < 0.04:
            name = self.more.choice(list(self.people))
            faults = self.rig.phones.faults
            if faults.refused.pop(self.people[name], 0) == 0 and self.more.random() < 0.5:
                faults.refused[self.people[name]] = self.more.choice((21610, 21614, 30007, 21211))
            self.told.append(f"# refused: {faults.refused}")
        elif what < 0.05:
            self.told.append("# the host is off, texts are caught up")
            self.rig.phones.faults.deaf = True
            await super()._step()
            self.rig.phones.faults.deaf = False
            await self.rig.catch_up()
        else:
            await super()._step()

    async def _acknowledge(self) -> None:
        self.rig.phones.faults.refused.clear()
        again = Act("cast:Olu again", "operator", {"phone": self.people["Olu"]})  # they may have been erased
        await self.rig.service.receive(again)
        await super()._acknowledge()

    async def _clear(self) -> None:
        """What housekeeping does."""
        rules, now = self.rig.knowledge.rules, self.rig.clock.now()
        for number in range(100):
            with self.rig.store.reading() as reader:
                if not retention.waits(reader, now, rules):
                    return
            event = Act(f"clear:{now.isoformat()}:{number}", "clear", by="housekeeping")
            await self.rig.service.receive(event)
        raise AssertionError("there is always something left to be cleared")

    async def _text(self) -> None:
        await super()._text()
        if self.mark and self.rig.phones.last_inbound is not None:
            self.marks[self.mark] = (self.rig.phones.last_inbound.id, self.rig.phones.last_inbound.sender)
        self.mark = ""

    def _words(self, name: str) -> str:
        what = self.more.random()
        if what < 0.22:
            return self.more.choice(SOMETIMES)
        words = super()._words(name)
        if words in SMALL or words in HARD or not any(said in words for said in (*QUESTIONS, *ANSWERS)):
            return words
        self.mark = f"zq{len(self.marks)}x"
        self.marks[self.mark] = ("", self.people[name])
        return f"{words} {self.mark}"

    def _turn(self, event: Event, turn: Turn) -> None:
        super()._turn(event, turn)
        for fact in turn.facts:
            if fact.fact == "pair.blocked":
                self.blocked.add((fact.data["member"], fact.data["other"]))
            if fact.fact == "member.erased":
                self.erased.add(fact.data["member"])

    def _bubble(self, bubble: Bubble) -> None:
        fresh = bubble.direction == "out" and bubble.status == "sent" and bubble.id not in self.shown
        if fresh:
            with self.rig.store.reading() as reader:
                if (row := _row_of(reader, bubble)) is not None:
                    self._look_at_words(reader, row, bubble)
        super()._bubble(bubble)

    def _look_at_words(self, reader: Reader, row: OutText, bubble: Bubble) -> None:
        request = reader.get(Request, row.request) if row.request else None
        writer = row.writer or (request.mentee if request is not None and row.text_id in OF_THE_MENTEE else "")
        if row.text_id in RELAYED and (row.member, writer) in self.blocked:
            self.problems.append(f"{self._name(bubble.phone)} reads {row.text_id} of somebody they blocked")
        receiver = reader.get(Member, row.member)
        if receiver is None or receiver.operator:
            return
        for mark in set(re.findall(r"zq\d+x", bubble.body)):
            id, phone = self.marks.get(mark, ("", ""))
            text = reader.get(Text, id) if id else None
            if text is None or phone == bubble.phone or text.outcome not in ("relayed", "request"):
                continue  # their own words; what was kept, and sent on by a digit
            of = reader.get(Request, text.request)
            asked = reader.get(Offer, f"{text.request}:{row.member}") is not None
            if of is None or not (asked or of.mentee == row.member):
                self.problems.append(f"{self._name(bubble.phone)} reads {mark}, which was for others")
            elif (named := re.match(r"[A-Z]\d\d ", text.body)) and named[0] not in (f"{of.code} ", "K00 "):
                self.problems.append(f"{mark} was for {named[0]} and went to {of.code}")

    def _look(self) -> None:
        super()._look()
        with self.rig.store.reading() as reader:
            for id in self.erased:
                member = reader.get(Member, id)
                self._demand(member is not None and member.state == "erased", f"{id} was erased and is not")
            left = [prompt.id for prompt in reader.all(Prompt) if prompt.member in self.erased]
            self._demand(not left, f"we still ask somebody who was erased: {left}")
            for standing in reader.all(Standing):
                mentor = reader.get(Member, standing.mentor)
                there = mentor is not None and mentor.mentor and mentor.state == "active" and not mentor.paused
                self._demand(there, f"{standing.id} stands in the pool and may not be asked")
            self._look_at_bill(reader)

    def _look_at_bill(self, reader: Reader) -> None:
        """What was counted is what was taken, by month and by member."""
        months, by_member = Counter[str](), Counter[str]()
        zone = self.rig.knowledge.rules.zone
        for row in reader.all(OutText):
            if row.sent is not None:
                months[month_of(row.sent, zone)] += row.segments
                by_member[row.member] += row.segments
        for month, segments in months.items():
            tally = reader.get(Tally, f"segments:{month}")
            self._demand(tally is not None and tally.values["segments"] == segments, f"the bill of {month} is wrong")
        for member, segments in by_member.items():
            tally = reader.get(Tally, f"sent:{member}")
            self._demand(tally is not None and tally.values["total"] == segments, f"the bill of {member} is wrong")

    def _at_the_end(self) -> None:
        """Three months on: nothing waits, no code is taken, no word is kept."""
        with self.rig.store.reading() as reader:
            self._demand(not [t for t in reader.all(OutText) if t.pending], "texts still wait")
            drafts = {r.id for r in reader.all(Request) if r.status == "draft"}
            live = [r.code for r in reader.all(Request) if r.status != "closed" and r.id not in drafts]
            self._demand(not live, f"still open: {live}")
            taken = [code.id for code in reader.all(Code) if code.request not in drafts]
            self._demand(not taken, f"codes are not free: {taken}")
            self._demand(not [o for o in reader.all(Offer) if o.status in ("sent", "lapsed")], "an offer is open")
            self._demand(not [t for t in reader.all(Thread) if not t.closed], "a thread is open")
            timers = [t.id for t in reader.all(Timer) if t.kind != "member.back"]
            self._demand(not timers, f"timers are left: {timers}")
            words = [t.id for t in reader.all(Text) if t.body and t.request not in drafts]
            words += [t.id for t in reader.all(OutText) if (t.body or t.phone) and t.request not in drafts]
            words += [r.id for r in reader.all(Request) if (r.question or r.follow_up) and r.id not in drafts]
            words += [o.id for o in reader.all(Offer) if o.late or o.follow_up]
            words += [t.id for t in reader.all(Thread) if t.awaiting]
            words += [p.id for p in reader.all(Prompt) if p.text]
            self._demand(not words, f"words are left: {words}")
            lately = [s.id for s in reader.all(Suppressed) if not s.opted_out]
            self._demand(not lately, "numbers of the erased are still known")
