"""The door for texts from a carrier: what an operator commands, and what looks made up, is confirmed first."""

from __future__ import annotations

from smsmentor.core.events import Event, Inbound, Unconfirmed
from smsmentor.core.making import replace
from smsmentor.core.turn import Turn
from smsmentor.errors import NotConfirmed
from smsmentor.ports import Gateway
from smsmentor.service import Service


class CarrierDoor:
    """In place of the service, for webhook handlers.

    A carrier's signature covers a string without delimiters, so that one signed form can be cut into another, and it
    is valid for ever. A form that may be such a one (`Inbound.doubtful`) is fetched from the carrier by its id and
    compared; so is each text of an operator, because it can do most harm and there are few.
    """

    def __init__(self, service: Service, gateway: Gateway) -> None:
        self.service = service
        self.gateway = gateway

    async def receive(self, event: Event) -> Turn | None:
        """As the service's. Raises NotConfirmed for a doubtful text that the carrier does not confirm, or cannot now.

        If it was a true one after all, it is on the carrier's list, and catching up brings it.
        """
        if isinstance(event, Inbound) and self.gateway.capabilities.verifies:
            if event.doubtful:
                if not await self.gateway.verify(event):
                    raise NotConfirmed(event.id)
                return await self.service.receive(event)
            try:
                return await self.service.receive(replace(event, verified=None))
            except Unconfirmed:
                event = replace(event, verified=await self.gateway.verify(event))
        return await self.service.receive(event)
