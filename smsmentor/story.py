"""Plays `.sms` story files: conversations that are at once specification, test and demonstration (docs/stories.md)."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smsmentor.core.events import Act, Event
from smsmentor.core.model import Member, OutText, Request
from smsmentor.core.schedule import is_zone
from smsmentor.core.turn import Turn
from smsmentor.errors import ImportProblem
from smsmentor.gateways.simulator import Bubble
from smsmentor.rig import Rig
from smsmentor.units import read_span

MakeRig = Callable[[datetime, dict[str, str]], Awaitable[Rig]]
"""Given the story's start and its `set` lines: a rig on an empty store."""
Restart = Callable[[Rig], Awaitable[None]]

_NAME = r"\w+(?: \d+)?"
_TIMED = re.compile(rf"(?:\+(\d+)\s*d\s+)?(\d{{1,2}}:\d{{2}}(?::\d{{2}})?)?\s*({_NAME})\s*([<>])\s?(.*)", re.DOTALL)
_MARK = re.compile(r"\s*\[(\d+)\]$")
LAST_OF_MINUTE = timedelta(seconds=59.999)
NUMBERS = ("years", "open_limit", "offers_a_day", "offers_a_week")
FIELDS = {
    "mentee": ("alias", "field", "employer", "zone", "lang", "phone"),
    "mentor": ("alias", "field", "employer", "topics", "zone", "lang", *NUMBERS, "phone"),
    "operator": ("alias", "phone"),
}
"""What can be said of somebody of the cast, by role."""
_WHO = rf"(?P<who>{_NAME})"
WRITTEN: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "!": (
        "fault",
        {
            "again": ("", "again"),
            "twice": ("(?:off)?", "twice off"),
            "gateway": ("down|hanging|up", "gateway down"),
            "account": (r"fine|\d+", "account 30034"),
            "resume": ("", "resume"),
            "webhook": ("down|up", "webhook down"),
            "catch": ("up", "catch up"),
            "crash": ("", "crash"),
            "refuse": (rf"{_WHO} \d+", "refuse Ben 21610"),
            "undelivered": (rf"{_WHO} \d+", "undelivered Ben 30003"),
            "reachable": (_WHO, "reachable Ben"),
            "receipt": (rf"{_WHO} [a-z]+(?: \d+)?", "receipt Ben delivered"),
            "down": (".+", "down 2h"),
        },
    ),
    "?": (
        "check",
        {
            "request": (r"\w+ \w+(?: \w+)?", "request K43 closed done"),
            "member": (rf"{_WHO} \w+", "member Ben paused"),
            "outbox": (r"\d+", "outbox 0"),
            "fact": (r"[a-z]+\.[a-z_]+(?: \d+)?", "fact text.settled 1"),
        },
    ),
}
"""The faults and checks, each with what may follow its word and an example."""


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
    place: str = ""
    """Of a fault: the file and the number of its line."""


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
                line = self._read(raw.rstrip(), now, f"{name}:{number}")
            except ValueError as problem:
                raise ImportProblem(f"{name}:{number}", str(problem)) from None
            now = line.at or now
            if line.kind == "!" and line.words.startswith("down "):
                now = (now or self.start) + _span(line.words.removeprefix("down "))
            self.lines.append(line)

    def _read(self, raw: str, now: datetime | None, place: str) -> Line:
        word, _, rest = raw.strip().partition(" ")
        if not raw.strip() or word.startswith("#"):
            return Line("note", raw)
        if word == "@":
            return self._clock(raw, rest, now)
        if word in FIELDS and "<" not in raw and ">" not in raw:
            self._person(word, *shlex.split(rest))
            return Line("note", raw)
        if word == "set":
            self.settings.update(_pairs(shlex.split(rest)))
            return Line("note", raw)
        if word == "codes":
            self.aliases = rest.split()
            return Line("note", raw)
        if word in WRITTEN:
            self._as_documented(word, rest.strip())
            return Line(word, raw, words=rest.strip(), place=place)
        return self._timed(raw, now or self.start)

    def _person(self, role: str, name: str = "", *given: str) -> None:
        """Somebody joins the cast. A field that nobody reads would make another story than the one that was meant."""
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"write the name as one word, like `{role} Ana`, not {name or 'none'}")
        if name in self.cast:
            raise ValueError(f"{name} is in the cast already")
        fields = _pairs(given)
        for field_, value in fields.items():
            if field_ not in FIELDS[role]:
                raise ValueError(f"no such field of a cast's {role}: {field_}; there are {', '.join(FIELDS[role])}")
            if field_ in NUMBERS and not value.isdecimal():
                raise ValueError(f"{field_} is a whole number, not {value}")
        if fields.get("zone"):
            _zone(fields["zone"])
        phone = fields.pop("phone", f"+1212555{100 + len(self.cast):04d}")
        if not re.fullmatch(r"\+?\d{3,15}", phone) or phone in self.cast.values():
            raise ValueError(f"phone is a number that nobody else here has, like +12125550123, not {phone}")
        self.cast[name] = phone
        self.roles.append((role, name, fields))

    def _as_documented(self, sign: str, words: str) -> None:
        """Refuse a fault or check that docs/stories.md does not have, or that is written otherwise."""
        what, _, rest = words.partition(" ")
        kind, known = WRITTEN[sign]
        if what not in known:
            raise ValueError(f"no such {kind}: {what or 'none'}; there are {', '.join(known)}")
        shape, example = known[what]
        found = re.fullmatch(shape, rest)
        if not found:
            raise ValueError(f"{what} is written like `{sign} {example}`")
        if who := found.groupdict().get("who"):
            self._known(who)
        if what == "down":
            _span(rest)

    def _clock(self, raw: str, rest: str, now: datetime | None) -> Line:
        if rest.startswith("+"):
            return Line("@", raw, at=(now or self.start) + _span(rest[1:]))
        found = re.fullmatch(r"(\S+ \S+)(?: (\S+))?", rest)
        if not found:
            raise ValueError("the clock is set like `@ 2026-03-03 18:00 America/New_York`, or moved like `@ +2h`")
        if found[2]:
            self.zone = _zone(found[2])
        at = datetime.fromisoformat(found[1]).replace(tzinfo=self.zone).astimezone(UTC)
        if now is None:
            self.start = at
        elif at < now - LAST_OF_MINUTE:
            raise ValueError(f"the clock stands at {now.astimezone(self.zone):%Y-%m-%d %H:%M} already")
        return Line("@", raw, at=at)

    def _timed(self, raw: str, now: datetime) -> Line:
        found = _TIMED.fullmatch(raw.strip())
        if not found:
            raise ValueError(f"not a line of a story, like `18:02 Ana > hello`: {raw.strip()[:60]}")
        days, clock, who, sign, words = found.groups()
        self._known(who)
        return Line(sign, raw, who, words, self._at(now, int(days or 0), clock), bool(clock) and clock.count(":") == 1)

    def _known(self, who: str) -> None:
        if who not in self.cast:
            meant = next((name for name in self.cast if name.casefold() == who.casefold()), None)
            meant = meant or next(iter(difflib.get_close_matches(who, self.cast, n=1)), None)
            hint = f"did you mean {meant}?" if meant else f"above its texts write `mentee {who}`"
            raise ValueError(f"{who} is not in the cast; {hint}")

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
            await self._fault(line.words, line.place)
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

    async def _fault(self, words: str, place: str) -> None:
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
            came = self.rig.phones.threads.get(self.story.cast[name], [])
            last = next((bubble for bubble in reversed(came) if bubble.direction == "out"), None)
            if last is None:
                raise ImportProblem(place, f"no text has gone to {name} that a report could be about")
            await self.rig.receipt(last.id, status, int(error[0]) if error else 0)
        elif what == "down":
            self.rig.clock.move(self.rig.clock.now() + _span(rest))
            await self.restart(self.rig)
            await self.rig.catch_up()  # as a server does, before it looks at what became due meanwhile

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
        raise AssertionError(words)  # Story has refused it

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
    typed: dict[str, Any] = {name: int(value) if name in NUMBERS else value for name, value in fields.items()}
    if "topics" in typed:
        typed["topics"] = tuple(t for t in typed["topics"].split(";") if t)
    return typed


def _pairs(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words. Raises ValueError for another one."""
    pairs = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ValueError(f"write NAME=VALUE, with quotes around a value of several words, not {word}")
        pairs[name] = value
    return pairs


def _span(words: str) -> timedelta:
    """A length of time. Raises ValueError."""
    span = read_span(words)
    if span is None:
        raise ValueError(f"not a length of time, like 30m, 2h or 7d: {words}")
    return span


def _zone(name: str) -> ZoneInfo:
    """A time zone. Raises ValueError."""
    if not is_zone(name):
        raise ValueError(f"not a time zone, like America/New_York: {name}")
    return ZoneInfo(name)


def _by_id(line: str) -> bool:
    return bool(re.search(r"< \([a-z_.]+\)$", line))


def _mark(segments: int) -> str:
    return f" [{segments}]" if segments > 1 else ""


def _difference(name: str, wanted: list[str], got: list[str]) -> str:
    return "\n".join(difflib.unified_diff(wanted, got, f"{name} (written)", f"{name} (played)", lineterm="", n=3))


async def play_file(path: Path, make_rig: MakeRig, restart: Restart, *, restless: bool = False) -> StoryResult:
    """Read and play one story file; `restless` restarts the service after each of its lines."""
    try:
        story = Story(path.name, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ImportProblem(path.name, "letters in it cannot be read; save it as text in UTF-8") from None
    except OSError as error:
        raise ImportProblem(path.name, f"it cannot be read ({error.strerror})") from error
    rig = await make_rig(story.start, {**story.settings, "zone": story.zone.key})
    return await Teller(story, rig, restart, restless=restless).play()
