"""Texts and delivery reports that a Kannel of our own brings: an allowed address and a secret in, nothing back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from handlers.base import Refused
from handlers.webhook import Rejection, WebhookHandler
from smsmentor.core.events import Inbound, Receipt

Query = Mapping[str, Sequence[bytes]]


class Webhook(Protocol):
    """What a handler asks about a request."""

    def allowed(self, address: str, query: Query) -> bool: ...

    def inbound(self, query: Query, at: datetime) -> Inbound | Rejection: ...

    def receipt(self, query: Query) -> Receipt | Rejection: ...


class KannelHandler(WebhookHandler):
    """Believes nothing that does not come from our Kannel."""

    webhook: Webhook

    def query(self) -> Query:
        """The parameters. Raises Refused: 403 for a stranger."""
        if not self.webhook.allowed(self.address(), self.request.query_arguments):
            raise Refused(403, "not from our Kannel")
        return self.request.query_arguments

    def address(self) -> str:
        """Who asks. Behind a proxy that is whom the proxy has put last: all before that, a stranger can write.

        No other header counts. One that came past the proxy has no such header, and comes from where it comes from.
        """
        told = self.request.headers.get("X-Forwarded-For") if self.settings.get("behind_proxy") else None
        return (self.request.remote_ip or "") if told is None else told.rpartition(",")[2].strip()

    async def take(self, event: Inbound | Receipt | Rejection) -> None:
        """Hand an event over. The answer is empty: Kannel would text its words to the sender."""
        await self.hand_over(event)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish()


class KannelSmsHandler(KannelHandler):
    """GET /kannel/sms"""

    async def get(self) -> None:
        await self.take(self.webhook.inbound(self.query(), self.clock.now()))


class KannelReportHandler(KannelHandler):
    """GET /kannel/report"""

    async def get(self) -> None:
        await self.take(self.webhook.receipt(self.query()))
