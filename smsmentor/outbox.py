"""The one way out: texts that were saved are leased, checked again, handed to the gateway and settled."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from smsmentor.core.events import SendOutcome, Withheld
from smsmentor.core.model import OutText
from smsmentor.core.sending import withheld
from smsmentor.ports import Gateway
from smsmentor.service import Service

log = logging.getLogger(__name__)


class Outbox:
    """Sends what is due. Several may run on one store: a text is leased by one of them only."""

    def __init__(self, service: Service, gateway: Gateway, *, at_once: int = 16) -> None:
        self.service = service
        self.gateway = gateway
        self.at_once = at_once

    async def drain(self) -> int:
        """Send all that may be sent now; returns how many texts were handled."""
        handled = 0
        lease = timedelta(seconds=self.service.knowledge.rules.lease_seconds)
        while rows := await self.service.store.lease(self.service.clock.now(), self.at_once, lease):
            await asyncio.gather(*(self._send(row) for row in rows))
            handled += len(rows)
        return handled

    async def _send(self, row: OutText) -> None:
        outcome = self._withheld(row) or await self._attempt(row)
        await self.service.receive(outcome)

    def _withheld(self, row: OutText) -> Withheld | None:
        """Opt-outs and quiet hours are looked at again at the last moment: things change while a text waits."""
        with self.service.store.reading() as reader:
            return withheld(reader, row, self.service.clock.now(), self.service.knowledge.rules)

    async def _attempt(self, row: OutText) -> SendOutcome:
        if row.unsure:
            found = await self.gateway.look_up(row)
            if found is None:
                return SendOutcome(row.id, "unknown")
            if found.state == "taken":
                return found
        return await self.gateway.send(row)
