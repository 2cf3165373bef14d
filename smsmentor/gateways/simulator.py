"""Simulated phones: a carrier inside the process, with the faults of a real one, on the clock it is given."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from smsmentor.core.events import Inbound, Receipt, SendOutcome
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.model import OutText
from smsmentor.ports import Capabilities, Clock, Missed

CARRIER_STOPS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
CARRIER_STARTS = frozenset({"start", "yes", "unstop"})
"""A carrier's own list: a text that is just one of these words blocks or unblocks the phone there."""

SWITCHED_OFF, BLOCKED_BY_OPT_OUT, LANDLINE = 30003, 21610, 30006


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text as a phone shows it. `status` is the carrier's newest word on it."""

    id: str
    phone: str
    direction: Literal["in", "out"]
    """Seen from the service: `in` was sent by the phone, `out` came to it."""
    body: str
    at: datetime
    status: str
    segments: int
    encoding: str
    text_id: str = ""
    code: int = 0


@dataclass
class Faults:
    """What goes wrong on purpose."""

    down: bool = False
    """The carrier's API does not answer: every send is refused for now."""
    hanging: bool = False
    """The carrier takes the text and the answer is lost: the outcome is unknown."""
    account: int = 0
    """The error code by which the carrier refuses everything from our account; 0 while it is in order."""
    deaf: bool = False
    """Our webhook cannot be reached: texts from phones lie on the carrier's list only."""
    twice: bool = False
    """Every inbound text is delivered a second time."""
    receipt_delay: timedelta = timedelta(seconds=2)
    refused: dict[str, int] = field(default_factory=dict)
    """By phone: the error code with which the carrier refuses to send to it."""
    undelivered: dict[str, int] = field(default_factory=dict)
    """By phone: the error code of a late report that a text did not arrive."""


class Simulator:
    """A `ports.Gateway` over simulated phones.

    With `reports` every text sent gets its delivery reports after `faults.receipt_delay`, as `due_reports` hands
    them out. It blocks phones that text an opt-out word, as a carrier does: a later send is refused with 21610.
    """

    name = "simulator"

    def __init__(self, clock: Clock, *, reports: bool = False) -> None:
        self.capabilities = Capabilities(looks_up=True, lists_inbound=True, delivery_reports=reports, verifies=True)
        self.clock = clock
        self.faults = Faults()
        self.opted_out: set[str] = set()
        self.threads: dict[str, list[Bubble]] = {}
        self.watchers: list[Callable[[Bubble], None]] = []
        self._reports = reports
        self._pending: list[tuple[datetime, int, Receipt]] = []
        self._taken: dict[str, str] = {}
        self._place: dict[str, tuple[str, int]] = {}
        self._inbound: list[Inbound] = []
        self._series = 0
        self._count = 0

    def restore(self, bubbles: Iterable[Bubble], opted_out: Iterable[str], series: int) -> None:
        """Go on where an earlier run stopped: what the phones showed, and whom the carrier blocks.

        `series` is a number below 2**64 that no earlier run had: a store drops a message id that it has seen.
        """
        for bubble in bubbles:
            self._show(bubble)
        self.opted_out.update(opted_out)
        self._series = series

    def text(self, sender: str, body: str, *, media: int = 0) -> list[Inbound]:
        """A phone sends a text: what the carrier delivers to us, once or (by a fault) twice."""
        now = self.clock.now()
        inbound = Inbound(self._new_id(), sender, body, now, media=media)
        word = body.strip().lower()
        if word in CARRIER_STOPS:
            self.opted_out.add(sender)
        elif word in CARRIER_STARTS:
            self.opted_out.discard(sender)
        self._inbound.append(inbound)
        self._show(
            Bubble(inbound.id, sender, "in", body, now, "received", segments(body), encoding(body)),
        )
        if self.faults.deaf:
            return []
        return [inbound, inbound] if self.faults.twice else [inbound]

    async def send(self, text: OutText) -> SendOutcome:
        """Take a text to a phone, or refuse it as the faults say."""
        return self.take(text)

    def take(self, text: OutText) -> SendOutcome:
        """What `send` does, for a caller that is not on the loop."""
        if self.faults.down:
            return SendOutcome(text.id, "later", code=20503)
        if self.faults.account:
            return SendOutcome(text.id, "later", code=self.faults.account, account_wide=True)
        if text.phone in self.opted_out:
            return SendOutcome(text.id, "refused", code=BLOCKED_BY_OPT_OUT)
        if text.phone in self.faults.refused:
            return SendOutcome(text.id, "refused", code=self.faults.refused[text.phone])
        provider_id = self._take(text)
        if self.faults.hanging:
            return SendOutcome(text.id, "unknown")
        return SendOutcome(text.id, "taken", provider_id)

    async def look_up(self, text: OutText) -> SendOutcome | None:
        """What became of a text whose answer was lost."""
        if self.faults.down or self.faults.hanging:
            return None
        provider_id = self._taken.get(text.id)
        return SendOutcome(text.id, "taken", provider_id) if provider_id else SendOutcome(text.id, "later")

    async def missed(self, since: datetime) -> Sequence[Missed]:
        """Every text that phones have sent since then."""
        return [Missed(i.id, i.sender, i.body, i.at, i.media, i.to) for i in self._inbound if i.at >= since]

    async def verify(self, inbound: Inbound) -> bool:
        """Whether a phone has sent this text."""
        return any((i.id, i.sender, i.body) == (inbound.id, inbound.sender, inbound.body) for i in self._inbound)

    def sender_of(self, text: OutText) -> str:
        """Simulated phones know one number only."""
        return ""

    async def close(self) -> None:
        """Nothing to let go of."""

    @property
    def last_inbound(self) -> Inbound | None:
        """The newest text from a phone, to be delivered again."""
        return self._inbound[-1] if self._inbound else None

    def due_reports(self, now: datetime) -> list[Receipt]:
        """The delivery reports that have come due."""
        found = []
        while self._pending and self._pending[0][0] <= now:
            receipt = heapq.heappop(self._pending)[2]
            self.mark(receipt)
            found.append(receipt)
        return found

    def next_moment(self) -> datetime | None:
        """When the next delivery report is due."""
        return self._pending[0][0] if self._pending else None

    def mark(self, receipt: Receipt) -> None:
        """Show a delivery report on the phone's thread."""
        phone, place = self._place.get(receipt.provider_id, ("", -1))
        if phone:
            bubble = replace(self.threads[phone][place], status=receipt.status, code=receipt.code)
            self.threads[phone][place] = bubble
            self._tell(bubble)

    def _new_id(self) -> str:
        self._count += 1
        return f"SM{self._series:016x}{self._count:016x}"

    def _take(self, text: OutText) -> str:
        provider_id = self._new_id()
        self._taken[text.id] = provider_id
        now = self.clock.now()
        failing = self.faults.undelivered.get(text.phone)
        self._show(
            Bubble(provider_id, text.phone, "out", text.body, now, "sent", text.segments, text.encoding, text.text_id)
        )
        if self._reports or failing:
            status, code = ("undelivered", failing) if failing else ("delivered", 0)
            report = Receipt(provider_id, status, code)
            heapq.heappush(self._pending, (now + self.faults.receipt_delay, self._count, report))
        return provider_id

    def _show(self, bubble: Bubble) -> None:
        thread = self.threads.setdefault(bubble.phone, [])
        self._place[bubble.id] = (bubble.phone, len(thread))
        thread.append(bubble)
        self._tell(bubble)

    def _tell(self, bubble: Bubble) -> None:
        for watcher in self.watchers:
            watcher(bubble)
