"""Texts that the carrier brings: signed form in, event to the service, empty TwiML out once it is on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from handlers.base import BaseHandler, Refused
from smsmentor.core.events import Inbound, Receipt
from smsmentor.errors import StoreError
from smsmentor.ports import Clock

SIGNATURE = "X-Twilio-Signature"
FORM = "application/x-www-form-urlencoded"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Form = Mapping[str, Sequence[bytes]]


class Door(Protocol):
    """The part of `service.Service` that handlers call."""

    async def receive(self, event: Inbound | Receipt) -> object:
        """Let an event take effect once. Raises StoreError when nothing was kept."""


class Rejection(Protocol):
    """Why a form is no event for us, without any of its values."""

    @property
    def reason(self) -> str: ...


class Webhook(Protocol):
    """What a handler asks about a provider's form."""

    def signed(self, target: str, signature: str, form: Form) -> bool: ...

    def inbound(self, form: Form, at: datetime) -> Inbound | Rejection: ...

    def receipt(self, form: Form) -> Receipt | Rejection: ...


class SignedFormHandler(BaseHandler):
    """A webhook that believes nothing before the signature is right."""

    def initialize(self, webhook: Webhook, service: Door, clock: Clock) -> None:
        self.webhook = webhook
        self.service = service
        self.clock = clock

    def signed_form(self) -> Form:
        """The form, byte for byte. Raises Refused: 403 without one right signature, 415 for anything but a form."""
        signatures = self.request.headers.get_list(SIGNATURE)
        if len(signatures) != 1:
            raise Refused(403, f"{len(signatures)} signatures")
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip() != FORM:
            raise Refused(415, "not a form")
        form = self.request.body_arguments
        if not self.webhook.signed(self.request.uri or "", signatures[0], form):
            raise Refused(403, "the signature is not right")
        return form

    async def hand_over(self, event: Inbound | Receipt | Rejection) -> None:
        """Give an event to the service. Raises Refused: 400 for what is no event, 503 when it could not be kept."""
        if not isinstance(event, Inbound | Receipt):
            raise Refused(400, event.reason)
        try:
            await self.service.receive(event)
        except StoreError as error:
            raise Refused(503, f"nothing was kept: {type(error).__name__}") from error


class SmsHandler(SignedFormHandler):
    """POST /twilio/sms"""

    async def post(self) -> None:
        form = self.signed_form()
        await self.hand_over(self.webhook.inbound(form, self.clock.now()))
        self.set_header("Content-Type", "text/xml; charset=utf-8")
        self.finish(EMPTY_TWIML)
