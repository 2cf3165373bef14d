"""Plays `.sms` story files: conversations that are at once specification, test and demonstration (docs/stories.md)."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smsmentor.core.events import Act, Event
from smsmentor.core.model import Member, OutText, Request
from smsmentor.core.turn import Turn
from smsmentor.errors import ImportProblem
from smsmentor.gateways.simulator import Bubble
from smsmentor.rig import Rig
from smsmentor.units import read_span

MakeRig = Callable[[datetime, dict[str, str]], Awaitable[Rig]]
"""Given the story's start and its `set` lines: a rig on an empty store."""
Restart = Callable[[Rig], Awaitable[None]]

_TIMED = re.compile(r"(?:\+(\d+)\s*d\s+)?(\d{1,2}:\d{2}(?::\d{2})?)?\s*(\w+(?: \d+)?)\s*([<>])\s?(.*)", re.DOTALL)
_MARK = re.compile(r"\s*\[(\d+)\]$")
LAST_OF_MINUTE = timedelta(seconds=59.999)


@dataclass
class StoryResult:
    """What playing a story gave. It passes when `difference` is empty."""

    name: str
    difference: str
    rewritten: str
    """The story with its `<` lines as they really came."""
    texts: int = 0
    facts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One line of a story: `kind` is the sign in it, or `note` for all that is kept as it is."""

    kind: str
    raw: str
    who: str = ""
    words: str = ""
    at: datetime | None = None
    to_the_minute: bool = True


class Story:
    """A parsed story. Raises ImportProblem with the line's number for one that cannot be read."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.start = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
        self.zone = ZoneInfo("America/New_York")
        self.cast: dict[str, str] = {}
        self.roles: list[tuple[str, str, dict[str, str]]] = []
        self.settings: dict[str, str] = {}
        self.aliases: list[str] = []
        self.lines: list[Line] = []
        now: datetime | None = None
        for number, raw in enumerate(text.splitlines(), start=1):
            try:
                line = self._read(raw.rstrip(), now)
            except (ValueError, KeyError) as problem:
                raise ImportProblem(f"{name}:{number}", str(problem)) from None
            now = line.at or now
            self.lines.append(line)

    def _read(self, raw: str, now: datetime | None) -> Line:
        word, _, rest = raw.strip().partition(" ")
        if not raw.strip() or word.startswith("#"):
            return Line("note", raw)
        if word == "@":
            return self._clock(raw, rest, now)
        if word in ("mentee", "mentor", "operator") and "<" not in raw and ">" not in raw:
            name, *pairs = shlex.split(rest)
            fields = dict(pair.split("=", 1) for pair in pairs)
            self.cast[name] = fields.pop("phone", f"+1212555{100 + len(self.cast):04d}")
            self.roles.append((word, name, fields))
            return Line("note", raw)
        if word == "set":
            self.settings.update(dict(pair.split("=", 1) for pair in shlex.split(rest)))
            return Line("note", raw)
        if word == "codes":
            self.aliases = rest.split()
            return Line("note", raw)
        if word in ("!", "?"):
            return Line(word, raw, words=rest.strip())
        return self._timed(raw, now or self.start)

    def _clock(self, raw: str, rest: str, now: datetime | None) -> Line:
        if rest.startswith("+"):
            span = read_span(rest[1:])
            if span is None:
                raise ValueError(f"not a length of time: {rest}")
            return Line("@", raw, at=(now or self.start) + span)
        parts = rest.split()
        if len(parts) == 3:
            self.zone = ZoneInfo(parts[2])
        at = datetime.fromisoformat(f"{parts[0]} {parts[1]}").replace(tzinfo=self.zone).astimezone(UTC)
        if now is None:
            self.start = at
        return Line("@", raw, at=at)

    def _timed(self, raw: str, now: datetime) -> Line:
        found = _TIMED.fullmatch(raw.strip())
        if not found:
            raise ValueError(f"not a line of a story: {raw.strip()[:60]}")
        days, clock, who, sign, words = found.groups()
        if who not in self.cast:
            raise ValueError(f"{who} is not in the cast")
        return Line(sign, raw, who, words, self._at(now, int(days or 0), clock), bool(clock) and clock.count(":") == 1)

    def _at(self, now: datetime, days: int, clock: str | None) -> datetime:
        if not clock:
            return now + timedelta(days=days)
        hours, minutes, *seconds = (int(part) for part in clock.split(":"))
        local = now.astimezone(self.zone)
        wanted = local.replace(hour=hours, minute=minutes, second=(seconds or [0])[0], microsecond=0)
        wanted += timedelta(days=days)
        at_minute = wanted + (timedelta(0) if seconds else LAST_OF_MINUTE)
        if not days and at_minute < local:
            wanted += timedelta(days=1)
        return wanted.astimezone(UTC)


class Teller:
    """Plays one story on a rig and writes down what really came, line by line."""

    def __init__(self, story: Story, rig: Rig, restart: Restart, *, restless: bool = False) -> None:
        self.restless = restless
        """Restart after each line: nothing may live in memory only."""
        self.story = story
        self.rig = rig
        self.restart = restart
        self.names = {phone: name for name, phone in story.cast.items()}
        self.codes: dict[str, str] = {}
        self.came: list[Bubble] = []
        self.facts: list[str] = []
        self.since_input: list[str] = []
        self.wanted: list[Line] = []
        self.got: list[str] = []
        self.rewritten: list[str] = []
        self.texts = 0
        rig.phones.watchers.append(self._bubble)
        rig.watchers.append(self._turn)

    async def play(self) -> StoryResult:
        """The whole story, to its last line."""
        await self._cast()
        lines = self.story.lines
        for number, line in enumerate(lines):
            if self.restless and line.kind in "><!":
                await self.restart(self.rig)
            follows = number + 1 < len(lines) and lines[number + 1].kind == "<"
            if line.kind == "<":
                self.wanted.append(line)
                if follows:
                    continue
                await self._until(self._end_of(lines, number))
                self._collect()
                continue
            await self._step(line)
            if not follows:
                self._collect()
        difference = _difference(self.story.name, self._expected(), self.got)
        return StoryResult(self.story.name, difference, "\n".join(self.rewritten) + "\n", self.texts, self.facts)

    def _expected(self) -> list[str]:
        """The written lines, each run of texts in the order in which runs are written down."""
        expected: list[str] = []
        run: list[Line] = []
        for line in self.story.lines:
            if line.kind == "<":
                run.append(line)
                continue
            expected += [self._as_wanted(text) for text in sorted(run, key=self._place)]
            run = []
            if line.kind != "note":
                expected.append(line.raw)
        return expected + [self._as_wanted(text) for text in sorted(run, key=self._place)]

    def _place(self, text: Line | Bubble) -> tuple[str, int]:
        """By minute, then by recipient in the order of the cast: only the order to each phone is promised."""
        at, name = (text.at, text.who) if isinstance(text, Line) else (text.at, self.names.get(text.phone, text.phone))
        assert at is not None
        cast = list(self.story.cast)
        return (f"{at:%Y-%m-%d %H:%M}", cast.index(name) if name in cast else len(cast))

    def _end_of(self, lines: list[Line], number: int) -> datetime:
        """How far the clock goes for expected texts: to the end of the last one's minute, not past what is next."""
        line = lines[number]
        assert line.at is not None
        end = line.at + LAST_OF_MINUTE if line.to_the_minute else line.at
        following = next((x for x in lines[number + 1 :] if x.at is not None), None)
        if following is not None and following.at is not None and line.at < following.at < end:
            return following.at
        return end

    async def _step(self, line: Line) -> None:
        if line.at is not None:
            await self._until(line.at)
            self._collect()
        if line.kind == ">":
            self.since_input = []
            body, media = line.words, 0
            if body.endswith("[picture]"):
                body, media = body.removesuffix("[picture]").rstrip(), 1
            self._write(line.raw)
            await self.rig.text(self.story.cast[line.who], self._real(body).replace("\\n", "\n"), media=media)
        elif line.kind == "!":
            self._write(line.raw)
            await self._fault(line.words)
        elif line.kind == "?":
            self._write(f"? {self._check(line.words)}")
        elif line.kind == "@":
            self._write(line.raw)
        else:
            self.rewritten.append(line.raw)

    def _write(self, line: str) -> None:
        self.got.append(line)
        self.rewritten.append(line)

    async def _until(self, at: datetime) -> None:
        if at > self.rig.clock.now():
            await self.rig.wait(at - self.rig.clock.now())

    async def _cast(self) -> None:
        for number, (role, name, fields) in enumerate(self.story.roles):
            phone = self.story.cast[name]
            args: dict[str, Any] = {"phone": phone, "alias": fields.pop("alias", "")}
            if role == "mentee" and not fields:
                continue
            if role == "operator":
                await self.rig.service.receive(Act(f"cast:{number}", "operator", {**args, **fields}))
                continue
            args.update(_typed(fields))
            args.setdefault("zone", str(self.story.zone))
            args["consented"] = self.story.start
            await self.rig.service.receive(Act(f"cast:{number}", role, args, by="import"))
        await self.rig.settle()
        self.came.clear()

    async def _fault(self, words: str) -> None:
        what, _, rest = words.partition(" ")
        faults = self.rig.phones.faults
        if what == "again":
            await self.rig.again()
        elif what == "gateway":
            faults.down, faults.hanging = rest == "down", rest == "hanging"
            await self.rig.settle()
        elif what == "account":
            faults.account = 0 if rest == "fine" else int(rest)
        elif what == "resume":
            await self.rig.service.receive(Act(f"resume:{self.rig.clock.now().isoformat()}", "resume"))
            await self.rig.settle()
        elif what == "webhook":
            faults.deaf = rest == "down"
        elif what == "catch":
            await self.rig.catch_up()
        elif what == "crash":
            await self.restart(self.rig)
            await self.rig.settle()
        elif what == "twice":
            faults.twice = rest != "off"
        elif what in ("refuse", "undelivered"):
            name, _, code = rest.partition(" ")
            table = faults.refused if what == "refuse" else faults.undelivered
            table[self.story.cast[name]] = int(code)
        elif what == "reachable":
            faults.refused.pop(self.story.cast[rest], None)
            faults.undelivered.pop(self.story.cast[rest], None)
        elif what == "receipt":
            name, status, *error = rest.split()
            last = [b for b in self.rig.phones.threads[self.story.cast[name]] if b.direction == "out"][-1]
            await self.rig.receipt(last.id, status, int(error[0]) if error else 0)
        elif what == "down":
            span = read_span(rest)
            assert span is not None, rest
            self.rig.clock.move(self.rig.clock.now() + span)
            await self.restart(self.rig)
            await self.rig.settle()
        else:
            raise ImportProblem(self.story.name, f"no such fault: {words}")

    def _check(self, words: str) -> str:
        """The line as the state has it: equal to what was written when the check holds."""
        what, *rest = words.split()
        with self.rig.store.reading() as reader:
            if what == "request":
                code = self._real(rest[0])
                found = next(iter(reader.walk(Request, "code", code)), None)
                return f"request {rest[0]} {found.status if found else 'missing'}" + (
                    f" {found.reason}" if found and len(rest) > 2 else ""
                )
            if what == "member":
                member = next(iter(reader.walk(Member, "phone", self.story.cast[rest[0]])), None)
                state = "missing" if member is None else "paused" if member.paused else member.state
                return f"member {rest[0]} {state}"
            if what == "outbox":
                return f"outbox {reader.count(OutText, 'pending', 'yes')}"
            if what == "fact":
                return (
                    f"fact {rest[0]} {self.since_input.count(rest[0])}"
                    if len(rest) > 1
                    else (f"fact {rest[0]}" if rest[0] in self.since_input else f"no fact {rest[0]}")
                )
        raise ImportProblem(self.story.name, f"no such check: {words}")

    def _collect(self) -> None:
        """Write down the texts that came, by text id where the story names them so."""
        wanted = sorted(self.wanted, key=self._place)
        for place, bubble in enumerate(sorted(self.came, key=self._place)):
            by_id = place < len(wanted) and _by_id(self._as_wanted(wanted[place]))
            self._write(self._as_came(bubble, by_id=by_id))
        self.texts += len(self.came)
        self.came.clear()
        self.wanted.clear()

    def _as_came(self, bubble: Bubble, *, by_id: bool) -> str:
        local = bubble.at.astimezone(self.story.zone)
        words = f"({bubble.text_id})" if by_id else self._shown(bubble.body) + _mark(bubble.segments)
        return f"{local:%H:%M} {self.names.get(bubble.phone, bubble.phone)} < {words}"

    def _as_wanted(self, line: Line) -> str:
        assert line.at is not None
        return f"{line.at.astimezone(self.story.zone):%H:%M} {line.who} < {line.words}"

    def _bubble(self, bubble: Bubble) -> None:
        if bubble.direction == "out" and bubble.status == "sent":
            self.came.append(bubble)

    def _turn(self, event: Event, turn: Turn) -> None:
        for fact in turn.facts:
            self.facts.append(fact.fact)
            self.since_input.append(fact.fact)
            code = fact.data.get("code")
            if code and code not in self.codes and len(self.codes) < len(self.story.aliases):
                self.codes[code] = self.story.aliases[len(self.codes)]

    def _shown(self, body: str) -> str:
        for real, alias in self.codes.items():
            body = re.sub(rf"\b{real}\b", alias, body)
        return body.replace("\n", "\\n")

    def _real(self, words: str) -> str:
        for real, alias in self.codes.items():
            words = re.sub(rf"\b{alias}\b", real, words, flags=re.IGNORECASE)
        return words


def _typed(fields: dict[str, str]) -> dict[str, Any]:
    typed: dict[str, Any] = dict(fields)
    if "years" in typed:
        typed["years"] = int(typed["years"])
    if "topics" in typed:
        typed["topics"] = tuple(t for t in typed["topics"].split(";") if t)
    for name in ("open_limit", "offers_a_day", "offers_a_week"):
        if name in typed:
            typed[name] = int(typed[name])
    return typed


def _by_id(line: str) -> bool:
    return bool(re.search(r"< \([a-z_.]+\)$", line))


def _mark(segments: int) -> str:
    return f" [{segments}]" if segments > 1 else ""


def _difference(name: str, wanted: list[str], got: list[str]) -> str:
    return "\n".join(difflib.unified_diff(wanted, got, f"{name} (written)", f"{name} (played)", lineterm="", n=3))


async def play_file(path: Path, make_rig: MakeRig, restart: Restart, *, restless: bool = False) -> StoryResult:
    """Read and play one story file; `restless` restarts the service after each of its lines."""
    story = Story(path.name, path.read_text(encoding="utf-8"))
    rig = await make_rig(story.start, {**story.settings, "zone": story.zone.key})
    return await Teller(story, rig, restart, restless=restless).play()
