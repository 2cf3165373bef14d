"""Texts that the carrier brings: signed form in, event to the service, empty TwiML out once it is on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from handlers.base import Refused
from handlers.webhook import Rejection, WebhookHandler
from smsmentor.core.events import Inbound, Receipt

SIGNATURE = "X-Twilio-Signature"
FORM = "application/x-www-form-urlencoded"
TWIML_TYPE = "text/xml; charset=utf-8"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Form = Mapping[str, Sequence[bytes]]


class Webhook(Protocol):
    """What a handler asks about a provider's form."""

    def signed(self, target: str, signature: str, form: Form) -> bool: ...

    def inbound(self, form: Form, at: datetime) -> Inbound | Rejection: ...

    def receipt(self, form: Form) -> Receipt | Rejection: ...


class SignedFormHandler(WebhookHandler):
    """A webhook that believes nothing before the signature is right."""

    webhook: Webhook

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


class SmsHandler(SignedFormHandler):
    """POST /twilio/sms"""

    async def post(self) -> None:
        form = self.signed_form()
        await self.hand_over(self.webhook.inbound(form, self.clock.now()))
        self.set_header("Content-Type", TWIML_TYPE)
        self.finish(EMPTY_TWIML)
