"""The door for texts from a carrier: what claims to come from an operator is confirmed before it may command."""

from __future__ import annotations

from smsmentor.core.events import Event, Inbound, Unconfirmed
from smsmentor.core.making import replace
from smsmentor.core.turn import Turn
from smsmentor.ports import Gateway
from smsmentor.service import Service


class CarrierDoor:
    """In place of the service, for webhook handlers.

    A carrier's signature covers a string without delimiters, so that one signed form can be cut into another, and it
    is valid for ever. Texts of members can do little harm that way; an operator's can. Those, which are few, are
    fetched from the carrier by their id and compared.
    """

    def __init__(self, service: Service, gateway: Gateway) -> None:
        self.service = service
        self.gateway = gateway

    async def receive(self, event: Event) -> Turn | None:
        """As the service's."""
        if isinstance(event, Inbound) and self.gateway.capabilities.verifies:
            try:
                return await self.service.receive(replace(event, verified=None))
            except Unconfirmed:
                event = replace(event, verified=await self.gateway.verify(event))
        return await self.service.receive(event)
