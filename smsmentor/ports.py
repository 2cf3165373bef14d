"""The ports: what the service needs of a store, a gateway and a clock, with the promise of each method.

Every adapter runs the contract suite of its port in `tests/contract/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from msgspec import Struct

from smsmentor.core.events import Inbound, SendOutcome
from smsmentor.core.model import OutText, Record, Timer

R = TypeVar("R", bound=Record)


class Reader(Protocol):
    """A consistent view of the state. Records are frozen; what is read is safe to keep."""

    def get(self, kind: type[R], id: str) -> R | None:
        """The record with this id, or None. One keyed read."""

    def walk(self, kind: type[R], index: str, value: str, *, newest: bool = False) -> Iterator[R]:
        """Records whose declared `index` has this key, in the index's order (ties: first written first).

        Lazy: a caller that stops early has only paid for what it took. `newest` walks the other way.
        """

    def count(self, kind: type[Record], index: str, value: str) -> int:
        """How many records `walk` would give. Costs their number: only for bounded sets."""

    def all(self, kind: type[R]) -> Iterator[R]:
        """Every record of a kind, in the order written: for exports and desks, never in an event."""


class Changes(Struct, frozen=True):
    """What one event changes, to be committed whole: records to write and remove, and an answer for the caller."""

    puts: Sequence[Record] = ()
    drops: Sequence[tuple[type[Record], str]] = ()
    answer: object = None


class Committed(Struct, frozen=True):
    """`fresh` is False when the event id had taken effect before; then nothing was changed now."""

    fresh: bool
    answer: object = None


Step = Callable[[Reader], Changes]


class Store(Protocol):
    """Durable state. All promises hold across `kill -9` and power loss, and with several processes on one store."""

    def transact(self, event_id: str | None, step: Step, *, now: datetime) -> Awaitable[Committed]:
        """Run `step` on the current state and commit all that it returns, or nothing.

        When this returns, the changes are on disk (fsync). An `event_id` takes effect once, also when two
        deliveries race; None stands for an event that the state itself makes idempotent. `step` may run twice
        (a conflict, a re-run): it must be a pure function of its reader. If `step` raises, nothing of this
        event is kept, the error comes back to this caller, and events beside it are not touched. The cost of a
        commit does not grow with what is stored. Raises StoreBusy or StoreError; then the event may be given again.
        """

    async def due(self, now: datetime, limit: int) -> Sequence[Timer]:
        """Timers with `due <= now`, earliest first. Nothing is changed: a timer ends when its event removes it."""

    async def lease(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()) -> Sequence[OutText]:
        """Take texts that may be sent now: durable, for the length of `lease`, each by one caller only.

        Who was ready first goes first, but for the head starts of `kinds.lets_pass`. Texts whose `sender` is one of
        `busy` are left where they are.

        Of one recipient only the first waiting text is ever given, and none while another is leased, so that
        order is kept and at most one text is in flight. The returned rows carry `state="leased"` and
        `leased_until`. A row whose lease ran out is given again with `state="leased"` and `unsure=True`:
        nobody knows whether it left.
        """

    def next_moment(self) -> datetime | None:
        """The earliest moment at which `due` or `lease` will have something, or None."""

    def reading(self) -> AbstractContextManager[Reader]:
        """A consistent view for pages, statistics and exports; it never holds up a commit.

        It can be ahead of the disk by what is being synced: nothing that it shows may be promised to anybody.
        """

    def close(self) -> None:
        """Finish what is in hand and let go of files. Calling it again does nothing."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do; the outbox and `doctor` ask here, never for the gateway's name."""

    looks_up: bool = False
    lists_inbound: bool = False
    handles_stop: bool = True
    """The carrier answers opt-out words by itself, so that we never confirm them."""
    delivery_reports: bool = True
    verifies: bool = False
    """An inbound text can be looked up at the carrier by its id."""
    segments_per_second: float = 0.0
    """Of one sender, as `Gateway.sender_of` names it; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class Missed:
    """An inbound text found on the carrier's list."""

    id: str
    sender: str
    body: str
    at: datetime
    media: int = 0
    to: str = ""
    """Which of our numbers was texted."""


class Gateway(Protocol):
    """A way out to phones."""

    name: str
    capabilities: Capabilities

    async def send(self, text: OutText) -> SendOutcome:
        """Hand one text to the carrier. Never raises for what a carrier does: a timeout is `unknown`.

        Does not block the event loop (a blocking client runs in an executor with explicit timeouts).
        """

    async def look_up(self, text: OutText) -> SendOutcome | None:
        """Whether a text whose fate is unknown reached the carrier: `taken`, `later` (it is surely not there), or
        None when the carrier cannot tell now."""

    async def missed(self, since: datetime) -> Sequence[Missed]:
        """Inbound texts on the carrier's list since then, oldest first; empty where the list is not kept.

        Raises SmsmentorError when the list cannot be read now.
        """

    async def verify(self, inbound: Inbound) -> bool:
        """Whether the carrier itself says that it brought this text: id, sender and words. False when it cannot say."""

    def sender_of(self, text: OutText) -> str:
        """Which of our numbers a text leaves from; the same word for all where the carrier chooses."""

    async def close(self) -> None:
        """Let go of connections and threads."""


class Clock(Protocol):
    """The one place that time comes from."""

    def now(self) -> datetime:
        """Aware UTC."""


@dataclass
class SetClock:
    """A clock that stands until it is moved: for simulated phones, stories and tests."""

    at: datetime
    moved: list[Callable[[], None]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def move(self, to: datetime) -> None:
        self.at = to
        for hook in self.moved:
            hook()
