"""A seeded walk over conversations: people text at random, time passes, carriers fail, the service restarts.

Each walk writes itself down as a story, so that a failing one can be read, kept and played again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from smsmentor.core.events import Act, Event
from smsmentor.core.kinds import REPLIES
from smsmentor.core.model import Fact, Member, Offer, OutText, Prompt, Request, Text, Thread, Timer
from smsmentor.core.schedule import awake, quiet_until
from smsmentor.core.turn import Turn
from smsmentor.gateways.simulator import Bubble
from smsmentor.ports import Reader
from smsmentor.rig import Rig

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
MENTEES, MENTORS = ("Ana", "Eve", "Fay", "Gus"), ("Ben", "Cam", "Dee", "Eli", "Hal")
PEOPLE = {name: f"+1212555{100 + place:04d}" for place, name in enumerate((*MENTEES, "Olu", *MENTORS))}
FIELDS = {"Ben": "finance", "Cam": "finance", "Dee": "nursing", "Eli": "law", "Hal": "sales"}

QUESTIONS = (
    "my boss takes credit for my reports. do i say something?",
    "how do i ask for more pay without a fight",
    "i got fired by email tonight. what do i do first",
    "is it rude to leave a meeting early for my kids",
    "necesito consejo para una entrevista de trabajo",
)
ANSWERS = (
    "say it the same day, calm, one sentence",
    "I would wait a week and then ask",
    "pass it on to your boss",
    "more or less what the others say, I guess",
    "call me on 555 0123",
    "look at www.example.org first",
    "you are an idiot",
)
SMALL = ("1", "2", "0", "3 4", "4", "4 4 4", "hi", "thanks!", "ok", "?", "👍", 'Liked “A: "ok"”', "", "yes", "help")
COMMANDS = (
    *("PASS", "pass sorry", "PAUSE 7", "pause till monday", "BACK", "BACK", "MENU", "MORE", "MORE A tell me more"),
    *("B: and then?", "DONE", "thanks, DONE", "SEND", "SKIP", "OPEN 2", "OPEN 3", "LIMIT 3 a day", "HOURS 9-17"),
    *("STATS", "TOPICS pay", "OUTSIDE OFF", "ZONE Chicago", "ALIAS Kim", "ABOUT nurse at City Hospital", "BLOCK A"),
    *("BLOCK", "REPORT", "SHOW", "FORGET", "FORGET ME", "ASK how do i tell my team that i leave?", "PRACTICE"),
    *("OP STATUS", "OP WAITING", "OP ACK", "START", "START", "START"),
)
HARD = ("STOP", "unsubscribe", "please stop texting me", "i dont want to be here anymore", "you stupid idiot", "START")


class Walk:
    """One walk on a rig; `told` is its story so far."""

    def __init__(self, rig: Rig, seed: int, restart: Callable[[Rig], Awaitable[None]]) -> None:
        self.rig = rig
        self.dice = random.Random(seed)
        self.restart = restart
        self.people, self.fields = PEOPLE, FIELDS
        self.mentees: tuple[str, ...] = MENTEES
        self.mentors: tuple[str, ...] = MENTORS
        self.told = [f"# Walk {seed}", f"@ {START:%Y-%m-%d %H:%M} UTC"]
        self.problems: list[str] = []
        self.settled: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.shown: set[str] = set()
        rig.watchers.append(self._turn)
        rig.phones.watchers.append(self._bubble)

    async def run(self, steps: int) -> None:
        """Take so many steps; raises AssertionError with the story at the first broken promise."""
        await self._cast()
        for _ in range(steps):
            await self._step()
            self._look()
        self.rig.phones.faults.down = self.rig.phones.faults.hanging = False
        await self._acknowledge()
        await self._wait(timedelta(days=45))
        self._look()
        self._at_rest()

    async def _acknowledge(self) -> None:
        """An operator takes every page in hand: they would repeat for ever."""
        with self.rig.store.reading() as reader:
            paged = [t.subject for t in reader.all(Timer) if t.kind == "crisis.page"]
            codes = [r.code for r in (reader.get(Request, id) for id in paged) if r is not None]
        await self.rig.text(self.people["Olu"], "START")
        for code in codes:
            await self.rig.text(self.people["Olu"], f"OP ACK {code}")

    async def _cast(self) -> None:
        for name in self.mentors:
            args = {
                "phone": self.people[name],
                "field": self.fields[name],
                "consented": START,
                "zone": "America/New_York",
            }
            await self.rig.service.receive(Act(f"cast:{name}", "mentor", args, by="import"))
            self.told.append(f"mentor {name} field={self.fields[name]} phone={self.people[name]}")
        await self.rig.service.receive(Act("cast:Olu", "operator", {"phone": self.people["Olu"]}))
        self.told += [
            "operator Olu phone=" + self.people["Olu"],
            *(f"mentee {n} phone={self.people[n]}" for n in self.mentees),
        ]

    async def _step(self) -> None:
        what = self.dice.random()
        if what < 0.62:
            await self._text()
        elif what < 0.86:
            minutes = self.dice.choice((0.2, 1, 5, 20, 90, 300, 900))
            await self._wait(timedelta(minutes=minutes))
        elif what < 0.90:
            self.told.append("! again")
            await self._do(self.rig.again)
        elif what < 0.94:
            self.told.append("! crash")
            await self.restart(self.rig)
            await self._do(self.rig.settle)
        elif what < 0.97:
            faults = self.rig.phones.faults
            faults.down, faults.hanging = self.dice.choice(((False, False), (True, False), (False, True)))
            self.told.append(f"! gateway {'down' if faults.down else 'hanging' if faults.hanging else 'up'}")
            await self._do(self.rig.settle)
        else:
            await self._receipt()

    async def _text(self) -> None:
        name = (
            self.dice.choice(self.mentees + self.mentors + ("Olu",))
            if self.dice.random() < 0.5
            else self.dice.choice(self.mentors)
        )
        body = self._words(name)
        at = self.rig.clock.now()
        self.told.append(f"{at:%H:%M:%S} {name} > {body}")
        await self.rig.text(self.people[name], body, media=int(body == ""))

    def _words(self, name: str) -> str:
        what = self.dice.random()
        if what < 0.22:
            return self.dice.choice(COMMANDS)
        if what < 0.32:
            return self.dice.choice(SMALL)
        if what > 0.94 and name != "Olu":
            return self.dice.choice(HARD)
        mine = self._codes(name)
        words = self.dice.choice(QUESTIONS if name in self.mentees and not mine else ANSWERS)
        if mine and self.dice.random() < 0.6:
            code = self.dice.choice(mine) if self.dice.random() < 0.9 else "K00"
            return f"{code} {self.dice.choice((words, 'DONE', 'PASS', words))}"
        return words

    def _codes(self, name: str) -> list[str]:
        with self.rig.store.reading() as reader:
            member = next(iter(reader.walk(Member, "phone", self.people[name])), None)
            if member is None:
                return []
            offered = [reader.get(Request, o.request) for o in reader.walk(Offer, "mentor", member.id)]
            asked = list(reader.walk(Request, "mentee", member.id))
            return [r.code for r in [*offered, *asked] if r is not None][-4:]

    async def _receipt(self) -> None:
        out = [b for thread in self.rig.phones.threads.values() for b in thread if b.direction == "out"]
        if not out:
            return
        bubble = self.dice.choice(out[-20:])
        status, code = self.dice.choice((("delivered", 0), ("sent", 0), ("undelivered", 30003), ("failed", 21610)))
        self.told.append(f"# receipt for {self._name(bubble.phone)}: {status} {code}")
        await self._do(lambda: self.rig.receipt(bubble.id, status, code))

    async def _do(self, work: Callable[[], Awaitable[object]]) -> None:
        await work()

    async def _wait(self, span: timedelta) -> None:
        self.told.append(f"@ +{int(span.total_seconds())}s")
        await self.rig.wait(span)

    def _turn(self, event: Event, turn: Turn) -> None:
        for fact in turn.facts:
            if fact.fact == "text.settled":
                self.settled[fact.data["text"]] += 1

    def _bubble(self, bubble: Bubble) -> None:
        if bubble.direction == "in" or bubble.status != "sent" or bubble.id in self.shown:
            return
        self.shown.add(bubble.id)  # a report of it shows it once more
        self.told.append(f"{bubble.at:%H:%M:%S} {self._name(bubble.phone)} < {bubble.body}")
        for name, phone in self.people.items():
            if phone != bubble.phone and phone[-7:] in bubble.body.replace(" ", "").replace("-", ""):
                self.problems.append(f"the number of {name} was texted to {self._name(bubble.phone)}")
        rules = self.rig.knowledge.rules
        with self.rig.store.reading() as reader:
            row = _row_of(reader, bubble)
            if row is None:
                return
            self.sent[row.id] += 1
            member = reader.get(Member, row.member)
            if member is None or (member.state != "active" and not row.farewell):
                self.problems.append(f"{self._name(bubble.phone)} is {member and member.state} and was texted")
            elif quiet_until(member, bubble.at, rules) is not None and not (
                row.direct or (row.text_id in REPLIES and awake(member, bubble.at, rules))
            ):
                self.problems.append(f"{self._name(bubble.phone)} was texted at night: {bubble.text_id}")

    def _look(self) -> None:
        """Every promise that holds after each step."""
        with self.rig.store.reading() as reader:
            self._look_at_requests(reader)
            self._look_at_account(reader)
            self._look_at_the_erased(reader)
            doubled = [id for id, count in self.sent.items() if count > 1]
            self._demand(not doubled, "a text was sent twice")
        self._demand(not self.problems, "; ".join(self.problems))

    def _look_at_account(self, reader: Reader) -> None:
        texts = Counter({text.id: 1 for text in reader.all(Text)})
        self._demand(self.settled == texts, "an inbound text has not exactly one outcome")
        outcomes = [text for text in reader.all(Text) if not text.outcome]
        self._demand(not outcomes, "an inbound text has no outcome")

    def _look_at_the_erased(self, reader: Reader) -> None:
        """Each text is found from its member, and of those who are erased no word and no number is left."""
        erased = {member.id for member in reader.all(Member) if member.state == "erased"}
        texts, sent = list(reader.all(Text)), list(reader.all(OutText))
        both: list[Text | OutText] = [*texts, *sent]
        for found in [text for text in both if text.of_party]:
            own = reader.get(Request, found.request)
            theirs = own is not None and own.mentee == found.member
            asked = reader.get(Offer, f"{found.request}:{found.member}")
            self._demand(theirs or asked is not None, f"{found.id}: FORGET would not find it")
        left = [text.id for text in texts if text.member in erased and text.body]
        left += [text.id for text in sent if text.member in erased and (text.phone or text.body) and not text.pending]
        self._demand(not left, f"of an erased member is left: {left}")

    def _look_at_requests(self, reader: Reader) -> None:
        for request in reader.all(Request):
            letters = [a.letter for a in request.answers]
            self._demand(len(set(letters)) == len(letters), f"{request.code}: a letter was given twice")
            self._demand(len(letters) <= request.places, f"{request.code}: more answers than places")
            live = request.status != "closed"
            timers = list(reader.walk(Timer, "subject", request.id))
            self._demand(
                bool(timers) or not live or request.status == "draft", f"{request.code}: open, without a timer"
            )
            for offer in reader.walk(Offer, "request", request.id):
                if not live:
                    self._demand(offer.status not in ("sent", "lapsed"), f"{request.code}: closed, with an open offer")
                self._demand(offer.mentor != request.mentee, f"{request.code}: offered to the one who asks")
            for thread in reader.walk(Thread, "request", request.id):
                self._demand(live or thread.closed, f"{request.code}: closed, with an open thread")

    def _at_rest(self) -> None:
        """After weeks of silence nothing is left open."""
        with self.rig.store.reading() as reader:
            waiting = [t for t in reader.all(OutText) if t.pending]
            self._demand(not waiting, f"still to be sent: {[t.text_id for t in waiting]}")
            live = [r.code for r in reader.all(Request) if r.status not in ("closed", "draft")]
            self._demand(not live, f"still open: {live}")
            held = [p for p in reader.all(Prompt) if p.kind in ("hold", "contact")]
            self._demand(not held, "a held text was neither sent nor told")
            self._demand(len(list(reader.all(Fact))) > 0, "there are no facts")

    def _name(self, phone: str) -> str:
        return next((name for name, known in self.people.items() if known == phone), phone)

    def _demand(self, holds: bool, problem: str) -> None:
        assert holds, problem + "\n\n" + "\n".join(self.told)


def _row_of(reader: Reader, bubble: Bubble) -> OutText | None:
    """The outbox row that a bubble came from: the leased one to this phone with these words."""
    for text in reader.walk(OutText, "pending", "yes"):
        if text.phone == bubble.phone and text.body == bubble.body and text.status == "leased":
            return text
    return None
