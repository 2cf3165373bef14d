"""What the carrier has to know of us: the webhook addresses of our numbers or of our messaging service.

Facts from Twilio's pages "IncomingPhoneNumber resource", "Service resource" and "Webhooks: connection overrides".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from smsmentor.errors import SmsmentorError
from smsmentor.gateways.twilio import STATUS_PATH, PlacedClient, TwilioSettings

T = TypeVar("T")

SMS_PATH = "/twilio/sms"
RETRIES = "#rc=3&rp=ct,rt,5xx"
"""Without this only a failed connection is tried again, once; with it a slow answer and our own errors too."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field at the carrier that is not as it should be."""

    where: str
    """The number or the service."""
    sid: str
    name: str
    now: str
    wanted: str


class CarrierSetup:
    """Reads and writes the settings of our numbers at the carrier. Every method blocks, and raises SmsmentorError."""

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._client = Client(
            settings.api_key or settings.account_sid,
            settings.api_secret or settings.auth_tokens[0],
            settings.account_sid,
            http_client=PlacedClient(settings),
        )

    def changes(self, public_url: str, fallback_url: str = "") -> list[Change]:
        """What would have to change for texts to come to `public_url`; empty when all is as it should be.

        Without a `fallback_url` what is set for it at the carrier stays.
        """
        return list(_asked(lambda: list(self._changes(public_url, fallback_url))))

    def apply(self, changes: list[Change]) -> None:
        """Write them, all fields of a number or service at once."""
        fields: dict[str, dict[str, str]] = {}
        for change in changes:
            fields.setdefault(change.sid, {})[change.name] = change.wanted
        for sid, values in fields.items():
            _asked(lambda sid=sid, values=values: self._resource(sid).update(**_typed(values)))  # type: ignore[misc]

    def _changes(self, public_url: str, fallback_url: str) -> Iterator[Change]:
        base = public_url.rstrip("/")
        if self._settings.messaging_service:
            wanted = {
                "inbound_request_url": base + SMS_PATH + RETRIES,
                "inbound_method": "POST",
                "status_callback": base + STATUS_PATH,
                # Without its own URL, or with this switched on, the service does not bring texts to us.
                "use_inbound_webhook_on_number": "False",
                "sticky_sender": "True",
            } | ({"fallback_url": fallback_url, "fallback_method": "GET"} if fallback_url else {})
            sid = self._settings.messaging_service
            yield from _differences(f"messaging service {sid}", self._client.messaging.v1.services(sid).fetch(), wanted)
            return
        wanted = {
            "sms_url": base + SMS_PATH + RETRIES,
            "sms_method": "POST",
            # An application would override the URLs.
            "sms_application_sid": "",
        } | ({"sms_fallback_url": fallback_url, "sms_fallback_method": "GET"} if fallback_url else {})
        for number in self._settings.numbers:
            found = self._client.incoming_phone_numbers.list(phone_number=number, limit=1)
            if not found:
                raise SmsmentorError(f"The account has no number {number}. Compare twilio_numbers with its console.")
            if not (found[0].capabilities or {}).get("sms"):
                raise SmsmentorError(f"The number {number} cannot send or receive texts.")
            yield from _differences(number, found[0], wanted)

    def _resource(self, sid: str) -> Any:
        if sid.startswith("MG"):
            return self._client.messaging.v1.services(sid)
        return self._client.incoming_phone_numbers(sid)


def _differences(where: str, resource: Any, wanted: dict[str, str]) -> Iterator[Change]:
    for name, value in wanted.items():
        now = getattr(resource, name)
        shown = "" if now is None else str(now)
        if shown != value:
            yield Change(where, resource.sid, name, shown, value)


def _typed(values: dict[str, str]) -> dict[str, object]:
    return {name: value == "True" if value in ("True", "False") else value for name, value in values.items()}


UNREADABLE = "The carrier's answer cannot be read. Is SMSMENTOR_TWILIO_BASE_URL right?"


def _asked(call: Callable[[], T]) -> T:
    try:
        return call()
    except TwilioException as error:
        # A page that was refused is told with the response only, one that cannot be read with words only.
        answers = [getattr(arg, "status_code", None) for arg in error.args]
        status = getattr(error, "status", None) or next((answer for answer in answers if answer), None)
        if status is None:
            raise SmsmentorError(UNREADABLE) from None
        code = f", code {error.code}" if getattr(error, "code", None) else ""
        busy = status == 429 or status >= 500
        hint = "It is busy or has a fault: try again in some minutes." if busy else "Is the account right?"
        raise SmsmentorError(f"The carrier refused: HTTP {status}{code}. {hint}") from None
    except ValueError:
        raise SmsmentorError(UNREADABLE) from None
    except requests.RequestException as error:
        raise SmsmentorError(f"The carrier cannot be reached: {type(error).__name__}.") from None
