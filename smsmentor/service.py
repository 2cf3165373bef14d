"""The one door: every text, delivery report, due timer and operator's act is an event for `Service.receive`."""

from __future__ import annotations

import logging
from collections.abc import Callable

from smsmentor.core.decide import decide
from smsmentor.core.events import Act, Event, Inbound, Receipt
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.turn import Turn
from smsmentor.errors import StoreBusy
from smsmentor.ports import Changes, Clock, Reader, Store

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""What is taken in far within the 15 s that a carrier waits; it brings the rest again, or we read its list."""


class Service:
    """Hands each event to the core and its changes to the store: saved whole before anything leaves."""

    def __init__(self, store: Store, clock: Clock, knowledge: Knowledge) -> None:
        self.store = store
        self.clock = clock
        self.knowledge = knowledge
        self.waiting = 0
        """Texts and delivery reports that wait for their commit."""
        self.watchers: list[Callable[[Event, Turn], None]] = []
        """Called after each commit: the outbox wakes up, simulated phones refresh."""

    async def receive(self, event: Event) -> Turn | None:
        """Let an event take effect once; returns its committed turn, or None when its id had been here before.

        Raises StoreError when nothing could be kept: the event may then be given again. Texts and reports from
        outside are refused so before anything is stored while `MOST_WAITING` of them wait.
        """
        from_outside = isinstance(event, Inbound | Receipt)
        if from_outside and self.waiting >= MOST_WAITING:
            raise StoreBusy("too many texts and reports wait to be kept")
        now = self.clock.now()
        event_id = event.id if isinstance(event, Inbound | Act) else None

        def step(reader: Reader) -> Changes:
            turn = Turn(reader, now, event_id or repr(event), self.knowledge)
            decide(turn, event)
            return Changes(turn.puts(), turn.drops(), turn)

        self.waiting += from_outside
        try:
            committed = await self.store.transact(event_id, step, now=now)
        finally:
            self.waiting -= from_outside
        if not committed.fresh:
            return None
        turn = committed.answer
        assert isinstance(turn, Turn)
        for watcher in self.watchers:
            watcher(event, turn)
        return turn
