"""Delivery reports that the carrier brings: signed form in, event to the service, an empty answer out."""

from __future__ import annotations

from handlers.sms import SignedFormHandler


class StatusHandler(SignedFormHandler):
    """POST /twilio/status"""

    async def post(self) -> None:
        form = self.signed_form()
        await self.hand_over(self.webhook.receipt(form))
        self.set_status(204)
        self.finish()
