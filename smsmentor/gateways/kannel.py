"""Kannel's HTTP dialect (`sendsms` out, an `sms-service` URL in), for an SMSC or a modem of one's own.

Facts from Kannel's user guide, chapters "SMSBox" and "Delivery reports". It keeps no list of messages: what it does
not answer cannot be looked up, and a text that is sent again after that may arrive twice. `docs/gateways.md` has the
configuration for its side.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient

from smsmentor.core.events import Inbound, Receipt, SendOutcome
from smsmentor.core.model import OutText
from smsmentor.ports import Capabilities, Clock, Missed

log = logging.getLogger(__name__)

REPORT_PATH = "/kannel/report"
REPORT_MASK = 1 | 2 | 8 | 16
STATUSES = {1: "delivered", 2: "undelivered", 4: "queued", 8: "sent", 16: "failed"}
"""What Kannel's `%d` says, in the words of our delivery reports; 4 is waiting at the SMSC and not asked for."""
LONGEST_BODY = 3200
"""Characters. Kannel joins the parts of long texts, and the product takes what a person wrote."""

CHARSETS = frozenset({"utf-8", "utf-16be", "iso-8859-1", "windows-1252"})
"""What Kannel's `%C` may say of `%b`; a text that has left GSM-7 comes as UTF-16BE, whatever is configured."""

TWICE = "a parameter came twice"
"""Which of them counts is read in different ways, and Kannel writes each once."""

Query = Mapping[str, Sequence[bytes]]
"""Parameters as Tornado's `request.query_arguments` gives them."""


@dataclass(frozen=True, slots=True)
class KannelSettings:
    """A Kannel and the numbers that the service texts from. `problems` says what is missing or wrong."""

    send_url: str
    """The `sendsms` address, like `http://127.0.0.1:13013/cgi-bin/sendsms`."""
    username: str
    password: str = field(repr=False)
    numbers: tuple[str, ...]
    callback_url: str
    """Where Kannel reaches us, like `http://127.0.0.1:8765`."""
    secret: str = field(repr=False)
    """A word in the URLs that Kannel calls: its requests carry no signature."""
    allowed: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses that may call us."""
    seconds: float = 15.0
    """How long an answer may take."""
    segments_per_second: float = 1.0
    """Of one number."""


def problems(settings: KannelSettings) -> list[str]:
    """What keeps the service from starting on these settings, one sentence each; empty when all is well."""
    found = []
    for name, url in (("sendsms address", settings.send_url), ("callback URL", settings.callback_url)):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            found.append(f"Kannel's {name} is http(s)://host, without ? and #.")
    if not settings.username or not settings.password:
        found.append("Kannel's sendsms-user has a name and a password.")
    if len(settings.secret) < 16:
        found.append("The secret in the URLs that Kannel calls has 16 characters or more.")
    if not settings.numbers:
        found.append("Name a number to text from.")
    return found


class KannelGateway:
    """A `ports.Gateway` over Kannel. Its message ids are our own: Kannel gives none when it takes a text."""

    name = "kannel"

    def __init__(self, settings: KannelSettings, clock: Clock) -> None:
        self.capabilities = Capabilities(handles_stop=False, segments_per_second=settings.segments_per_second)
        self._settings = settings
        self._clock = clock
        self._http: AsyncHTTPClient | None = None

    async def send(self, text: OutText) -> SendOutcome:
        """Hand one text to Kannel, which sends it or keeps it until its SMSC is there."""
        url = f"{self._settings.send_url}?{urlencode(self._parameters(text))}"
        try:
            response = await self._client().fetch(
                url, raise_error=False, connect_timeout=5, request_timeout=self._settings.seconds
            )
        except HTTPTimeoutError as error:
            return SendOutcome(text.id, "later" if "connect" in str(error).lower() else "unknown")
        except (HTTPStreamClosedError, HTTPClientError) as error:
            log.warning("Text %s: no answer from Kannel (%s)", text.id, type(error).__name__)
            return SendOutcome(text.id, "unknown")
        except OSError as error:
            log.warning("Text %s: Kannel cannot be reached (%s)", text.id, type(error).__name__)
            return SendOutcome(text.id, "later")
        return self._judged(text.id, response)

    async def look_up(self, text: OutText) -> SendOutcome | None:
        """Kannel cannot tell."""
        return None

    async def missed(self, since: datetime) -> Sequence[Missed]:
        """Kannel keeps no list: it holds texts itself until our URL answers (`http-request-retry`)."""
        return ()

    async def verify(self, inbound: Inbound) -> bool:
        """Kannel cannot be asked; its URLs are open to allowed addresses with the secret only."""
        return True

    def sender_of(self, text: OutText) -> str:
        """The number that this phone texted, else the first."""
        return text.sender if text.sender in self._settings.numbers else self._settings.numbers[0]

    async def close(self) -> None:
        """Let go of connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _client(self) -> AsyncHTTPClient:
        """The HTTP client of the running loop."""
        if self._http is None:
            self._http = SimpleAsyncHTTPClient(force_instance=True, max_clients=64)
        return self._http

    def _parameters(self, text: OutText) -> dict[str, str]:
        report = urlencode({"secret": self._settings.secret, "id": text.id})
        parameters = {
            "username": self._settings.username,
            "password": self._settings.password,
            "from": self.sender_of(text),
            "to": text.phone,
            "text": text.body,
            "charset": "UTF-8",
            "coding": "0" if text.encoding == "GSM-7" else "2",
            "dlr-mask": str(REPORT_MASK),
            # Kannel puts the report's kind in place of %d.
            "dlr-url": f"{self._settings.callback_url.rstrip('/')}{REPORT_PATH}?{report}&status=%d",
        }
        if text.useless_after is not None:
            left = (text.useless_after - self._clock.now()) / timedelta(minutes=1)
            parameters["validity"] = str(max(1, int(left)))
        return parameters

    def _judged(self, text_id: str, response: HTTPResponse) -> SendOutcome:
        """202 (200 in old versions) is taken; 503 and 429 are for now; a wrong name or address is our fault."""
        if response.code in (200, 202):
            return SendOutcome(text_id, "taken", text_id)
        log.warning("Text %s: Kannel answered HTTP %d", text_id, response.code)
        if response.code in (429, 503):
            return SendOutcome(text_id, "later", code=response.code)
        if response.code >= 500:
            return SendOutcome(text_id, "unknown", code=response.code)
        if response.code == 400:
            return SendOutcome(text_id, "refused", code=response.code)
        return SendOutcome(text_id, "later", code=response.code, account_wide=True)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that is not a text or a report for us. The reason holds no values."""

    reason: str


class KannelWebhook:
    """What the handlers ask: whether a request may come in, and what it says."""

    def __init__(self, settings: KannelSettings) -> None:
        self._settings = settings

    def allowed(self, address: str, query: Query) -> bool:
        """Whether a request from this address, with this query, comes from our Kannel."""
        given = query.get("secret", ())
        secret = self._settings.secret.encode()
        return address in self._settings.allowed and len(given) == 1 and hmac.compare_digest(given[0], secret)

    def inbound(self, query: Query, at: datetime) -> Inbound | Rejected:
        """The text that a request brings. Words that are not UTF-8 are taken as far as they can be read."""
        if any(len(values) > 1 for values in query.values()):
            return Rejected(TWICE)
        fields = {name: values[0] for name, values in query.items()}
        id = fields.get("id", b"").decode("ascii", "replace")
        if not re.fullmatch(r"[A-Za-z0-9-]{8,64}", id):
            return Rejected("id has not the shape of an id")
        sender = international(fields.get("from", b"").decode("utf-8", "replace"))
        if not sender:
            return Rejected("from is not a sender's address")
        charset = fields.get("charset", b"").decode("ascii", "replace").lower()
        body = fields.get("text", b"").decode(charset if charset in CHARSETS else "utf-8", "replace")
        if len(body) > LONGEST_BODY:
            return Rejected("text is too long")
        to = international(fields.get("to", b"").decode("ascii", "replace"))
        return Inbound(f"kannel-{id}", sender, body, at, to=to if to in self._settings.numbers else "")

    def receipt(self, query: Query) -> Receipt | Rejected:
        """The delivery report that a request brings."""
        if any(len(values) > 1 for values in query.values()):
            return Rejected(TWICE)
        fields = {name: values[0].decode("ascii", "replace") for name, values in query.items()}
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", fields.get("id", "")):
            return Rejected("id has not the shape of an id")
        if not re.fullmatch("[0-9]{1,3}", fields.get("status", "")):
            return Rejected("status is not a number")
        status = STATUSES.get(int(fields["status"]))
        return Receipt(fields["id"], status) if status else Rejected("status is not one that was asked for")


def international(address: str) -> str:
    """A number as E.164: Kannel gives international ones with `+`, `00` or nothing in front; short codes stay.

    Empty for what is no address. National numbers are made international by Kannel's `unified-prefix`.
    """
    address = address.strip()
    digits = address.removeprefix("+").removeprefix("00")
    if re.fullmatch(r"[1-9][0-9]{7,14}", digits):
        return f"+{digits}"
    return address if re.fullmatch(r"[0-9]{3,8}|[A-Za-z0-9][A-Za-z0-9 &*+._-]{0,14}", address) else ""
