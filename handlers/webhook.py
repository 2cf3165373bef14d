"""What the carriers' webhooks share: an event is handed to the service, and answered once it is on disk."""

from __future__ import annotations

from typing import Any, Protocol

from handlers.base import BaseHandler, Refused
from smsmentor.core.events import Inbound, Receipt
from smsmentor.errors import NotConfirmed, StoreError
from smsmentor.ports import Clock


class Door(Protocol):
    """The part of `service.Service` that handlers call."""

    async def receive(self, event: Inbound | Receipt) -> object:
        """Let an event take effect once. Raises StoreError or NotConfirmed when nothing was kept."""


class Rejection(Protocol):
    """Why a request is no event for us, without any of its values."""

    @property
    def reason(self) -> str: ...


class WebhookHandler(BaseHandler):
    """What a provider's webhook is made with: `webhook` knows that provider's forms."""

    def initialize(self, webhook: Any, service: Door, clock: Clock) -> None:
        self.webhook = webhook
        self.service = service
        self.clock = clock

    async def hand_over(self, event: Inbound | Receipt | Rejection) -> None:
        """Give an event to the service. Raises Refused: 400 for what is no event, 503 when it could not be kept."""
        if not isinstance(event, Inbound | Receipt):
            raise Refused(400, event.reason)
        try:
            await self.service.receive(event)
        except (StoreError, NotConfirmed) as error:
            raise Refused(503, not_kept(error)) from error


def not_kept(error: StoreError | NotConfirmed) -> str:
    """What the log says of an event that has to be given again."""
    return f"nothing was kept: {error.cause}"
