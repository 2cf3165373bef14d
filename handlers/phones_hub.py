"""The simulated phones' hub: what a page may do, texting and moving the clock, and what it is told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from traceback import format_tb
from typing import TYPE_CHECKING, Any, Protocol

from handlers import phones_view as view
from handlers.phones_story import write_story
from handlers.phones_view import Json
from smsmentor.core.events import Event
from smsmentor.core.model import Fact, Member, OutText
from smsmentor.gateways.simulator import Bubble
from smsmentor.ports import Reader

if TYPE_CHECKING:
    from smsmentor.core.turn import Turn
    from smsmentor.rig import Rig

log = logging.getLogger(__name__)

MOST_BUBBLES, MOST_FACTS, MOST_RECENT = 200, 100, 20
MOST_AT_START, MOST_PHONES, MOST_CLIENTS = 6, 12, 32
LONGEST_BODY = 1600
"""Characters that carriers take in one text."""
LONGEST_WAIT = timedelta(days=31)
TICK_SECONDS = 0.5
LONGEST_TICK_SECONDS = 2.5
"""However long the machine slept, the clock goes on from where it stood."""
SPEEDS = (0, 1, 60)
NEW_PHONES = tuple(f"+1212555{n:04}" for n in range(100, 200))
"""Numbers that are kept for fiction (North American Numbering Plan): they ring nowhere."""


class Client(Protocol):
    """A page's end of the line."""

    def send(self, message: Json) -> None:
        """Hand a message to the page; never raises, also when it has just gone."""

    def close(self, code: int, reason: str) -> None:
        """End the line."""


class Unreadable(ValueError):
    """A message from the page that cannot be acted on; the text is for the person there."""


class PhonesHub:
    """The simulated phones of one rig and the pages that show them. It knows no rule of the product.

    A page's client joins, hands every message to `handle`, and leaves. What it is sent is one shape:
    `{"type": "snapshot" | "update", …}` with the parts that are new or have changed.
    """

    def __init__(self, rig: Rig, *, phones: Mapping[str, str] | Sequence[str] = (), speed: int = 0) -> None:
        """`phones` are on the page from the start: numbers, or numbers with the name to show."""
        self.rig = rig
        self.speed = speed
        self._lock = asyncio.Lock()
        self._clients: list[Client] = []
        self._phones: list[str] = []
        self._labels: dict[str, str] = {}
        self._shown: dict[str, Any] = {}
        self._new_bubbles: list[Bubble] = []
        self._new_facts: list[Fact] = []
        self._opened: set[str] = set()
        self._facts: deque[Fact] | None = None
        self._recent: OrderedDict[str, OutText] = OrderedDict()
        self._stirred = True
        self._player: asyncio.Task[None] | None = None
        labels = phones if isinstance(phones, Mapping) else {}
        for phone in phones:
            self._open(phone, labels.get(phone, ""))
        recent = sorted(rig.phones.threads, key=self._last_text)[-MOST_AT_START:]
        for phone in rig.phones.threads:
            if phone in recent and phone not in self._phones:
                self._open(phone)
        rig.phones.watchers.append(self._saw_bubble)
        rig.watchers.append(self._saw_event)

    # Pages

    def join(self, client: Client) -> None:
        """A page has opened: it gets everything once, then what changes. Raises Unreadable when there are too many."""
        if len(self._clients) >= MOST_CLIENTS:
            raise Unreadable("Too many pages are open.")
        self._flush()
        self._clients.append(client)
        client.send(self._snapshot())
        self._start_player()

    def leave(self, client: Client) -> None:
        """A page has gone. While nobody looks, the clock stands."""
        if client in self._clients:
            self._clients.remove(client)

    async def handle(self, client: Client, message: str | bytes) -> None:
        """Do what a page asks; what cannot be read or done is answered with an error to that page alone."""
        try:
            wish = _read(message)
            action = ACTIONS.get(str(wish.get("do")))
            if action is None:
                raise Unreadable("That is not something this page can do.")
            async with self._lock:
                await action(self, client, wish)
        except Unreadable as problem:
            client.send({"type": "error", "message": str(problem)})
        except Exception as error:
            _report(error)
            client.send({"type": "error", "message": "That went wrong on our side: the server's log says where."})
        self._flush()

    async def close(self) -> None:
        """Stop the clock and end the lines of all pages; they try again until something answers."""
        clients, self._clients = self._clients, []
        for client in clients:
            client.close(1001, "going away")
        async with self._lock:  # whoever holds it is at work, and work is never cut off in the middle
            if self._player is not None:
                self._player.cancel()
                self._player = None

    # Watching

    def _saw_bubble(self, bubble: Bubble) -> None:
        self._stirred = True
        self._new_bubbles.append(bubble)
        if bubble.phone not in self._phones and len(self._phones) < MOST_PHONES:
            self._open(bubble.phone)

    def _saw_event(self, event: Event, turn: Turn) -> None:
        self._stirred = True
        self._new_facts += turn.facts
        if self._facts is not None:
            self._facts.extend(turn.facts)
        for record in turn.puts():
            if isinstance(record, OutText):
                self._recent[record.id] = record
                self._recent.move_to_end(record.id)
        while len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)

    # Telling

    def _flush(self) -> None:
        """Send every page what is new."""
        parts: Json = {}
        bubbles, self._new_bubbles = self._new_bubbles, []
        happened, self._new_facts = self._new_facts, []
        opened, self._opened = self._opened, set()
        if self._stirred:
            self._stirred = False
            with self.rig.store.reading() as reader:
                names = view.Names(reader, self._labels)
                state = self._state(reader, names)
                if happened:
                    parts["facts"] = view.facts(names, happened[-MOST_FACTS:])
        else:
            state = {"clock": self._clock()}
        parts |= {name: part for name, part in state.items() if self._shown.get(name) != part}
        self._shown |= state
        if opened:
            parts["threads"] = {phone: self._thread(phone) for phone in opened if phone in self._phones}
        shown = [view.bubble(b) for b in bubbles if b.phone in self._phones and b.phone not in opened]
        if shown:
            parts["bubbles"] = shown[-MOST_BUBBLES * MOST_PHONES :]
        if parts:
            self._tell({"type": "update", **parts})

    def _tell(self, message: Json) -> None:
        for client in list(self._clients):
            client.send(message)

    def _snapshot(self) -> Json:
        with self.rig.store.reading() as reader:
            names = view.Names(reader, self._labels)
            if self._facts is None:
                self._facts = deque(reader.all(Fact), maxlen=MOST_FACTS)
            return {
                "type": "snapshot",
                **self._state(reader, names),
                "threads": {phone: self._thread(phone) for phone in self._phones},
                "facts": view.facts(names, list(self._facts)),
            }

    def _state(self, reader: Reader, names: view.Names) -> Json:
        self._label(reader)
        self._phones.sort(key=lambda phone: phone not in self.rig.phones.threads)  # those who only wait stand last
        simulator = self.rig.phones
        return {
            "people": [
                view.person(reader, p, self._labels.get(p, "")) | view.carrier(simulator, p) for p in self._phones
            ],
            "clock": self._clock(),
            "due": view.due(reader, names, simulator),
            "requests": view.requests(reader, names, self._reasons()),
            "outbox": view.outbox(reader, names, reversed(self._recent.values())),
            "faults": view.faults(simulator),
        }

    def _reasons(self) -> Mapping[str, Any]:
        words = self.rig.knowledge.words
        return words.table(words.default, "why")

    def _clock(self) -> Json:
        now = self.rig.clock.now().isoformat(timespec="milliseconds")
        return {"now": now, "zone": self.rig.knowledge.rules.zone, "speed": self.speed}

    def _thread(self, phone: str) -> list[Json]:
        return [view.bubble(b) for b in self.rig.phones.threads.get(phone, [])[-MOST_BUBBLES:]]

    def story(self) -> str:
        """What all the phones have texted and got, as a story file that `smsmentor play` reads."""
        with self.rig.store.reading() as reader:
            return write_story(reader, self._labels, self.rig.phones.threads, self.rig.knowledge.rules.zone)

    # Phones

    def _open(self, phone: str, label: str = "") -> None:
        self._phones.append(phone)
        self._opened.add(phone)
        self._stirred = True
        if label:
            self._labels[phone] = label

    def _label(self, reader: Reader) -> None:
        """Whoever has no alias is shown under a label."""
        for phone in self._phones:
            if phone not in self._labels:
                member = next(reader.walk(Member, "phone", phone), None)
                if member is None or not member.alias:
                    taken = sum(name.startswith("Mentee") for name in self._labels.values())
                    self._labels[phone] = f"Mentee {taken + 1}"

    def _last_text(self, phone: str) -> datetime:
        return self.rig.phones.threads[phone][-1].at

    def _known(self, wish: Json) -> str:
        phone = _text(wish, "phone", 20)
        if phone not in self._phones:
            raise Unreadable("That phone is not on the page.")
        return phone

    # What a page can ask for

    async def _do_text(self, client: Client, wish: Json) -> None:
        phone, body = self._known(wish), _text(wish, "body", LONGEST_BODY)
        if not body.strip():
            raise Unreadable("Type a text first.")
        await self.rig.text(phone, body)

    async def _do_again(self, client: Client, wish: Json) -> None:
        await self.rig.again()

    async def _do_wait(self, client: Client, wish: Json) -> None:
        span = timedelta(seconds=_number(wish, "seconds"))
        if not timedelta(0) < span <= LONGEST_WAIT:
            raise Unreadable("The clock goes forward by up to 31 days at a time.")
        await self.rig.wait(span)

    async def _do_next(self, client: Client, wish: Json) -> None:
        # Delivery reports come in on the way: a person who presses the button wants to see the service act.
        moment = self.rig.store.next_moment() or self.rig.next_moment()
        if moment is None:
            raise Unreadable("Nothing is due: the next thing happens when somebody texts.")
        await self.rig.wait(max(moment - self.rig.clock.now(), timedelta(0)))

    async def _do_play(self, client: Client, wish: Json) -> None:
        speed = _number(wish, "speed")
        if speed not in SPEEDS:
            raise Unreadable("The clock runs at 1x or 60x.")
        self.speed = int(speed)
        self._start_player()

    async def _do_open(self, client: Client, wish: Json) -> None:
        phone = _text(wish, "phone", 20)
        if phone in self._phones:
            return
        self._room()
        with self.rig.store.reading() as reader:
            if next(reader.walk(Member, "phone", phone), None) is None and phone not in NEW_PHONES:
                raise Unreadable("Nobody has that number here.")
        self._open(phone)

    async def _do_new(self, client: Client, wish: Json) -> None:
        self._room()
        with self.rig.store.reading() as reader:
            for phone in NEW_PHONES:
                if phone not in self._phones and next(reader.walk(Member, "phone", phone), None) is None:
                    break
            else:
                raise Unreadable("All the numbers for new phones are in use.")
        self._open(phone)

    def _room(self) -> None:
        if len(self._phones) >= MOST_PHONES:
            raise Unreadable(f"{MOST_PHONES} phones are on the page. Take one off first: the dots at its top.")

    async def _do_close(self, client: Client, wish: Json) -> None:
        self._phones.remove(self._known(wish))
        self._stirred = True

    async def _do_pool(self, client: Client, wish: Json) -> None:
        with self.rig.store.reading() as reader:
            client.send({"type": "pool", "pool": view.pool(reader)})

    async def _do_fault(self, client: Client, wish: Json) -> None:
        faults, name = self.rig.phones.faults, _text(wish, "name", 20)
        if name in ("down", "hanging", "twice"):
            setattr(faults, name, bool(wish.get("on")))
        elif name == "receipt_delay":
            faults.receipt_delay = timedelta(seconds=min(max(_number(wish, "seconds"), 0), 86_400))
        elif name in ("refused", "undelivered"):
            codes: dict[str, int] = getattr(faults, name)
            phone, code = self._known(wish), int(_number(wish, "code"))
            codes.pop(phone, None)
            if code:
                codes[phone] = code
        else:
            raise Unreadable("That is not a fault of a carrier.")
        self._stirred = True
        await self.rig.settle()

    # The clock

    def _start_player(self) -> None:
        if self.speed and self._player is None:
            self._player = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        """Let the clock run while it should and somebody looks; a bug below stops it, in the open."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        try:
            while self.speed and self._clients:
                await asyncio.sleep(TICK_SECONDS)
                now = loop.time()
                passed = min(now - before, LONGEST_TICK_SECONDS)
                before = now
                async with self._lock:
                    await self._pass(timedelta(seconds=passed * self.speed))
                self._flush()
        except Exception as error:
            _report(error)
            self.speed = 0
            self._tell({"type": "error", "message": "The clock stopped: see the server's log."})
            self._flush()
        self._player = None

    async def _pass(self, span: timedelta) -> None:
        """Let time pass; while nothing is due only the hands move, so that an idle page costs next to nothing."""
        until = self.rig.clock.now() + span
        moment = self.rig.next_moment()
        if moment is None or moment > until:
            self.rig.clock.move(until)
        else:
            await self.rig.wait(span)


Action = Callable[[PhonesHub, Client, Json], Awaitable[None]]

ACTIONS: dict[str, Action] = {
    name.removeprefix("_do_"): method for name, method in vars(PhonesHub).items() if name.startswith("_do_")
}
"""What a page can ask for, by the word in `{"do": …}`: every `_do_…` method above."""


def _report(error: Exception) -> None:
    """Where it happened, never the exception's own words: these can quote a text or a number."""
    log.error("%s under the simulated phones\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))


def _read(message: str | bytes) -> Json:
    try:
        wish = json.loads(message)
    except (ValueError, RecursionError):
        raise Unreadable("That message is not JSON.") from None
    if not isinstance(wish, dict):
        raise Unreadable("That message is not an object.")
    return wish


def _text(wish: Json, name: str, longest: int) -> str:
    value = wish.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is missing.")
    if len(value) > longest:
        raise Unreadable(f"{name} has {len(value)} characters; the most is {longest}.")
    if any("\ud800" <= sign <= "\udfff" for sign in value):  # JSON can write it, and no text can hold it
        raise Unreadable(f"{name} has half a character in it.")
    return value


def _number(wish: Json, name: str) -> float:
    value = wish.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise Unreadable(f"{name} is not a number.")
    return float(value)
