"""Texts and delivery reports that a Kannel of our own brings: an allowed address and a secret in, nothing back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from handlers.base import BaseHandler, Refused
from handlers.sms import Door, Rejection
from smsmentor.core.events import Inbound, Receipt
from smsmentor.errors import StoreError
from smsmentor.ports import Clock

Query = Mapping[str, Sequence[bytes]]


class Webhook(Protocol):
    """What a handler asks about a request."""

    def allowed(self, address: str, query: Query) -> bool: ...

    def inbound(self, query: Query, at: datetime) -> Inbound | Rejection: ...

    def receipt(self, query: Query) -> Receipt | Rejection: ...


class KannelHandler(BaseHandler):
    """Believes nothing that does not come from our Kannel."""

    def initialize(self, webhook: Webhook, service: Door, clock: Clock) -> None:
        self.webhook = webhook
        self.service = service
        self.clock = clock

    def query(self) -> Query:
        """The parameters. Raises Refused: 403 for a stranger."""
        if not self.webhook.allowed(self.request.remote_ip or "", self.request.query_arguments):
            raise Refused(403, "not from our Kannel")
        return self.request.query_arguments

    async def hand_over(self, event: Inbound | Receipt | Rejection) -> None:
        """Give an event to the service. The answer is empty: Kannel would text its words to the sender."""
        if not isinstance(event, Inbound | Receipt):
            raise Refused(400, event.reason)
        try:
            await self.service.receive(event)
        except StoreError as error:
            raise Refused(503, f"nothing was kept: {type(error).__name__}") from error
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish()


class KannelSmsHandler(KannelHandler):
    """GET /kannel/sms"""

    async def get(self) -> None:
        await self.hand_over(self.webhook.inbound(self.query(), self.clock.now()))


class KannelReportHandler(KannelHandler):
    """GET /kannel/report"""

    async def get(self) -> None:
        await self.hand_over(self.webhook.receipt(self.query()))
