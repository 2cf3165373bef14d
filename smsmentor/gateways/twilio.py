"""Twilio, and providers that speak its dialect: texts out through its client, webhook forms and lists in.

Another dialect is another file beside this one, with a gateway and a webhook of its own.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from smsmentor.core.carrier_codes import STATES, CarrierCodes
from smsmentor.core.events import CarrierWord, Inbound, Receipt, SendOutcome
from smsmentor.core.model import OutText
from smsmentor.errors import SmsmentorError
from smsmentor.gateways.signature import Form, SignatureCheck
from smsmentor.ports import Capabilities, Clock, Missed

log = logging.getLogger(__name__)

T = TypeVar("T")

STATUS_PATH = "/twilio/status"

LONGEST_BODY = 2 * 1600
"""Characters. Twice what Twilio documents for a text to us: to refuse one is to lose it, and others join more parts."""

SETTLING = timedelta(seconds=30)
"""A request that we gave up on may still be at work at the carrier: a look-up sooner than this proves nothing."""

LOOK_UP_ROWS = 200
MISSED_ROWS = 10_000
"""Bounds of one look at a list; a page holds up to 1000."""

LONGEST_VALIDITY, SHORTEST_VALIDITY = 14_400, 5
"""Seconds. Twilio's pages disagree whether 14,400 or 36,000 is the most; below 5 it advises against."""

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
SMALL_NUMBER = re.compile(r"[0-9]{1,2}")
MAY_HOLD_PLUS = frozenset({"AddOns", "Body", "From", "To"})
"""Parameters with numbers or free words. None of them can hide what stood behind the words of another form: names are
signed in their order, and `AddOns` stands before `Body`."""
SENDER = re.compile(r"\+[1-9][0-9]{1,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 &*+._-]{0,14}")
"""A phone, a short code, or the name that banks and carriers text under."""

CARRIER_WORDS: dict[str, CarrierWord] = {"STOP": "stop", "START": "start", "HELP": "help"}


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """An account and the numbers that the service texts from. `problems` says what is missing or wrong."""

    account_sid: str
    auth_tokens: tuple[str, ...] = field(repr=False)
    """The first one is used for calls without an API key; all of them are accepted on webhooks."""
    public_url: str
    """Where the carrier reaches us, as it was given there: scheme, host, port if written, path prefix."""
    numbers: tuple[str, ...] = ()
    messaging_service: str = ""
    """Sends through this service's pool instead of `numbers`."""
    api_key: str = ""
    api_secret: str = field(default="", repr=False)
    base_url: str = ""
    """Another address for the API: a compatible provider, or a peer in a test."""
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    threads: int = 16
    """Sends at once. Not below what the outbox leases at once, or texts wait here while their lease runs."""
    segments_per_second: float = 1.0
    """Of one number."""
    message_id: str = r"(SM|MM)[0-9a-fA-F]{32}"
    """The shape of the provider's message ids, as a whole-match pattern."""


def problems(settings: TwilioSettings) -> list[str]:
    """What keeps the service from starting on these settings, one sentence each; empty when all is well."""
    found = []
    if not settings.account_sid or (
        not settings.base_url and not re.fullmatch("AC[0-9a-fA-F]{32}", settings.account_sid)
    ):
        found.append("The account SID is AC and 32 hexadecimal digits; the carrier's console shows it.")
    if not settings.auth_tokens or not all(token and token == token.strip() for token in settings.auth_tokens):
        found.append("An auth token without blanks around it is needed: webhooks are checked with it.")
    if bool(settings.api_key) != bool(settings.api_secret):
        found.append("An API key and its secret go together.")
    if not settings.numbers and not settings.messaging_service:
        found.append("Name a number to text from, or a messaging service.")
    found += [f"{n} is not a number in the form +12025550100." for n in settings.numbers if not E164.fullmatch(n)]
    if settings.messaging_service and not re.fullmatch("MG[0-9a-fA-F]{32}", settings.messaging_service):
        found.append("The messaging service is MG and 32 hexadecimal digits.")
    if not web_address(settings.public_url) or "_" in (urlsplit(settings.public_url).hostname or "_"):
        found.append("The public URL is http(s)://host, without ? and #, and no underscore in the host.")
    if settings.base_url and not web_address(settings.base_url):
        found.append("The base URL of the carrier's API is http(s)://host, without ? and #.")
    return found


def web_address(url: str) -> bool:
    """Whether a URL is an address that paths can be put behind."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return False
    plain = url.isascii() and not parts.query and not parts.fragment and not url.endswith(("?", "#"))
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


# Out


class PlacedClient(TwilioHttpClient):  # type: ignore[misc]
    """The library's HTTP client with timeouts, silent, and sent to another address where one is set.

    It is silent because the library logs query parameters, which hold phone numbers.
    """

    def __init__(self, settings: TwilioSettings) -> None:
        super().__init__()
        self.timeout = (settings.connect_seconds, settings.read_seconds)
        self._base = urlsplit(settings.base_url.rstrip("/")) if settings.base_url else None
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=settings.threads))

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """As the library's, at the configured address."""
        return super().request(method, self.place(url), *args, **kwargs)

    def place(self, url: str) -> str:
        """The same resource under `base_url`: scheme, host, port and path prefix are replaced."""
        if self._base is None:
            return url
        parts = urlsplit(url)
        prefixed = parts.path.startswith(f"{self._base.path}/") and self._base.path
        path = parts.path if prefixed else self._base.path + parts.path
        return urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Nothing."""

    def log_response(self, status_code: int, response: requests.Response) -> None:
        """Nothing."""


UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What the carrier's client raises over an answer that is none."""
MOST_CODE = 10**9


class TwilioGateway:
    """A `ports.Gateway` over Twilio's message API; the blocking client runs on threads of its own.

    `known` says whether a provider id already belongs to a text of ours, so that a look-up never takes one text's
    message for another's. It is called on the event loop.

    What remains: a send whose answer was lost, whose message is on no list when we look after `SETTLING`, and which
    the carrier takes later all the same, is sent twice. Twilio has no key that would prevent it.
    """

    name = "twilio"

    def __init__(
        self, settings: TwilioSettings, *, codes: CarrierCodes, clock: Clock, known: Callable[[str], bool]
    ) -> None:
        # urllib3 writes whole URLs to its log, and the list requests hold phone numbers.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        self.capabilities = Capabilities(
            looks_up=True,
            lists_inbound=True,
            verifies=True,
            # A service spreads texts over its numbers by itself.
            segments_per_second=settings.segments_per_second
            * (max(1, len(settings.numbers)) if settings.messaging_service else 1),
        )
        self._settings = settings
        self._codes = codes
        self._clock = clock
        self._known = known
        self._unknown_since: dict[str, datetime] = {}
        self._http = PlacedClient(settings)
        self._client = Client(
            settings.api_key or settings.account_sid,
            settings.api_secret or settings.auth_tokens[0],
            settings.account_sid,
            http_client=self._http,
        )
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="twilio")

    async def send(self, text: OutText) -> SendOutcome:
        """Create the message. Every fault of carrier or network is an outcome; see `STATES`."""
        outcome = await self._on_thread(partial(self._create, text.id, self._parameters(text)))
        if outcome.state == "unknown":
            self._unknown_since[text.id] = self._clock.now()
        else:
            self._unknown_since.pop(text.id, None)
        return outcome

    async def look_up(self, text: OutText) -> SendOutcome | None:
        """Find the text on the carrier's list: to this phone, from us, the same words, made since it was queued.

        Its `code` is the message's, if it failed meanwhile. The list is not filtered by date: the carrier's filter is
        by the day of sending, which a message still in its queue does not have.
        """
        tried = self._unknown_since.get(text.id)
        if tried is not None and self._clock.now() - tried < SETTLING:
            return None
        try:
            rows = await self._on_thread(partial(self._listed, LOOK_UP_ROWS, to=text.phone, **self._sender(text)))
        except SmsmentorError as error:
            log.warning("Text %s cannot be looked up: %s", text.id, error)
            return None
        earliest = text.queued - timedelta(minutes=1)  # the carrier's clock is not ours
        mine = [row for row in rows if _is_this(row, text.body, earliest) and not self._known(row.sid)]
        if mine:
            self._unknown_since.pop(text.id, None)
            return SendOutcome(text.id, "taken", mine[0].sid, _known_code(mine[0].error_code) or 0)
        # Newest come first: with a full page, rows older than the text show that nothing newer was left out.
        if len(rows) == LOOK_UP_ROWS and not any(_made_before(row, earliest) for row in rows):
            return None
        self._unknown_since.pop(text.id, None)
        return SendOutcome(text.id, "later")

    async def missed(self, since: datetime) -> Sequence[Missed]:
        """Inbound texts on the carrier's list since then, oldest first, known ones included.

        Raises SmsmentorError when the list cannot be read now, so that the caller does not take silence for none.
        """
        # The filter knows whole days only, and providers differ on whether the day itself is in.
        first = (since - timedelta(days=1)).date()
        rows = []
        for only_to in [{}] if self._settings.messaging_service else [{"to": n} for n in self._settings.numbers]:
            listed = await self._on_thread(partial(self._listed, MISSED_ROWS, date_sent_after=str(first), **only_to))
            rows += listed if len(listed) < MISSED_ROWS else await self._day_by_day(first, only_to)
        texts = {row.sid: _missed(row) for row in rows if self._came_to_us(row) and not _made_before(row, since)}
        return sorted(texts.values(), key=lambda text: (text.at, text.id))

    async def _day_by_day(self, first: date, only_to: Mapping[str, str]) -> list[Any]:
        """A list that is too long to be read at once: the newest come first, and the older ones must not be lost."""
        rows, day = [], first
        while day <= self._clock.now().date() + timedelta(days=1):
            listed = await self._on_thread(partial(self._listed, MISSED_ROWS, date_sent=str(day), **only_to))
            if len(listed) == MISSED_ROWS:
                log.warning("The carrier lists more texts of %s than are read; some may be missing", day)
            rows += listed
            day += timedelta(days=1)
        return rows

    async def verify(self, inbound: Inbound) -> bool:
        """Fetch the message by its id and compare: a form can be cut anew into another one with the same signature."""
        try:
            row = await self._on_thread(self._client.messages(inbound.id).fetch)
        except (TwilioException, requests.RequestException, *UNREADABLE) as error:
            log.warning("Text %s cannot be verified: %s", inbound.id, type(error).__name__)
            return False
        return (row.sid, row.from_, row.body or "") == (
            inbound.id,
            inbound.sender,
            inbound.body,
        ) and self._came_to_us(row)

    async def close(self) -> None:
        """Let go of connections and threads. What nobody waits for any more may go on until its timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.session.close()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _parameters(self, text: OutText) -> dict[str, object]:
        parameters: dict[str, object] = {
            "to": text.phone,
            "body": text.body,
            "status_callback": self._settings.public_url.rstrip("/") + STATUS_PATH,
        }
        if text.useless_after is not None:
            left = int((text.useless_after - self._clock.now()).total_seconds())
            parameters["validity_period"] = min(LONGEST_VALIDITY, max(SHORTEST_VALIDITY, left))
        if self._settings.messaging_service:
            return parameters | {"messaging_service_sid": self._settings.messaging_service}
        return parameters | self._sender(text)

    def sender_of(self, text: OutText) -> str:
        """The number that this phone texted; for one that never did, always the same one, also when others come or go.

        Empty with a messaging service: the carrier chooses, and remembers.
        """
        if self._settings.messaging_service:
            return ""
        if text.sender in self._settings.numbers:
            return text.sender
        return max(self._settings.numbers, key=lambda number: sha256(f"{number} {text.phone}".encode()).digest())

    def _sender(self, text: OutText) -> dict[str, object]:
        return {"from_": sender} if (sender := self.sender_of(text)) else {}

    def _create(self, text_id: str, parameters: dict[str, object]) -> SendOutcome:
        try:
            message = self._client.messages.create(**parameters)
        except TwilioException as error:
            return self._judged(text_id, *_status_and_code(error))
        except requests.RequestException as error:
            log.warning("Text %s: no answer from the carrier (%s)", text_id, type(error).__name__)
            return SendOutcome(text_id, "later" if _never_left(error) else "unknown")
        except UNREADABLE as error:
            log.warning("Text %s: the carrier's answer cannot be read (%s)", text_id, type(error).__name__)
            return SendOutcome(text_id, "unknown")
        if not isinstance(message.sid, str) or not re.fullmatch(self._settings.message_id, message.sid):
            log.warning("Text %s: the carrier's answer names no message", text_id)
            return SendOutcome(text_id, "unknown")
        return SendOutcome(text_id, "taken", message.sid)

    def _judged(self, text_id: str, status: int, code: int) -> SendOutcome:
        judged = self._codes.judge(status, code)
        account_wide = judged.kind == "account-wide"
        log.log(
            logging.ERROR if account_wide else logging.WARNING,
            "Text %s: the carrier answered HTTP %d, code %d: %s",
            text_id,
            status,
            code,
            judged.meaning or judged.kind,
        )
        return SendOutcome(text_id, STATES[judged.kind], code=code, account_wide=account_wide)

    def _listed(self, limit: int, **filters: object) -> list[Any]:
        try:
            return list(self._client.messages.list(limit=limit, page_size=min(limit, 1000), **filters))
        except TwilioException as error:
            status, code = _status_and_code(error)
            raise SmsmentorError(f"The carrier's list cannot be read: HTTP {status}, code {code}.") from None
        except (requests.RequestException, *UNREADABLE) as error:
            raise SmsmentorError(f"The carrier's list cannot be read: {type(error).__name__}.") from None

    def _came_to_us(self, row: Any) -> bool:
        return (
            row.direction == "inbound"
            and _is_ours(row.to, row.messaging_service_sid, self._settings)
            and bool(re.fullmatch(self._settings.message_id, row.sid or ""))
            and bool(SENDER.fullmatch(row.from_ or ""))
            and row.from_ not in self._settings.numbers
            and row.date_created is not None
        )


def _made_before(row: Any, moment: datetime) -> bool:
    return row.date_created is not None and bool((row.date_sent or row.date_created) < moment)


def _missed(row: Any) -> Missed:
    media = str(row.num_media or "0")
    at = row.date_sent or row.date_created
    # JSON can hold half a character, which no store can; the webhook's bytes cannot.
    body = (row.body or "")[:LONGEST_BODY].encode("utf-8", "replace").decode()
    return Missed(row.sid, row.from_, body, at, int(media) if media.isdecimal() else 0, row.to or "")


def _is_this(row: Any, body: str, earliest: datetime) -> bool:
    """Whether a listed message can be the text; a trial account puts a note before the words."""
    words = (row.body or "").strip()
    return (
        row.date_created is not None
        and row.date_created >= earliest
        and (words == body.strip() or words.endswith(f" - {body.strip()}"))
    )


def _status_and_code(error: TwilioException) -> tuple[int, int]:
    """HTTP status and error code. Errors on lists carry the answer itself, all others carry both as attributes."""
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    if status is None and len(error.args) > 1:
        status = getattr(error.args[1], "status_code", None)
    status = status if isinstance(status, int) else 0
    known = _known_code(code)
    return status, status if known is None else known


def _known_code(code: object) -> int | None:
    """An error code; None for what is none. `true` or 10**22 would be kept in a row that could never be read again."""
    return code if type(code) is int and 0 <= code < MOST_CODE else None


def _never_left(error: requests.RequestException) -> bool:
    """Whether no connection was made at all, so that the carrier cannot have taken the text."""
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError)


# In


@dataclass(frozen=True, slots=True)
class Rejected:
    """A form that is not a text or a report for us. The reason holds no values."""

    reason: str


class TwilioWebhook:
    """What a webhook needs to know of the account: whether a form is signed, and what it says."""

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._check = SignatureCheck(settings.auth_tokens, settings.public_url)

    def signed(self, target: str, signature: str, form: Form) -> bool:
        """Whether the carrier signed this form for our public URL and this raw request target."""
        return self._check.holds(target, signature, form)

    def inbound(self, form: Form, at: datetime) -> Inbound | Rejected:
        """The text that a form brings, come at `at`."""
        return parse_inbound(form, self._settings, at)

    def receipt(self, form: Form) -> Receipt | Rejected:
        """The delivery report that a form brings."""
        return parse_receipt(form, self._settings)


def parse_inbound(form: Form, settings: TwilioSettings, at: datetime) -> Inbound | Rejected:
    """A signed form as a text. Unknown parameters are welcome: new ones appear without notice.

    The signed string has no delimiters, so a valid request can be cut anew into another with the same signature:
    hence the account, the id's shape, our number and the sender are each looked at, and none may come twice. Who
    wrote the words of a captured request could have put a whole form into them; what the carrier wrote behind them,
    with the true sender's number, then has to be in other parameters, and makes the text doubtful.
    """
    fields = _fields(
        form, "AccountSid", "MessageSid", "From", "To", "Body", "NumMedia", "MessagingServiceSid", "OptOutType"
    )
    if isinstance(fields, Rejected):
        return fields
    if reason := _not_ours(fields, settings):
        return Rejected(reason)
    if not _is_ours(fields.get("To", ""), fields.get("MessagingServiceSid", ""), settings):
        return Rejected("To is not a number of ours")
    if not SENDER.fullmatch(fields.get("From", "")):
        return Rejected("From is not a sender's address")
    if fields["From"] in settings.numbers:  # two of our numbers would answer one another
        return Rejected("From is a number of ours")
    if "Body" not in fields or len(fields["Body"]) > LONGEST_BODY:
        return Rejected("Body is missing or too long")
    if not SMALL_NUMBER.fullmatch(media := fields.get("NumMedia", "0")):
        return Rejected("NumMedia is not a small number")
    return Inbound(
        fields["MessageSid"],
        fields["From"],
        fields["Body"],
        at,
        media=int(media),
        opt_out=CARRIER_WORDS.get(fields.get("OptOutType", "").upper()),
        to=fields.get("To", ""),
        doubtful=_number_elsewhere(form),
    )


def _number_elsewhere(form: Form) -> bool:
    """Whether a `+`, as in a phone number, stands in a parameter that holds none when the carrier writes it."""
    plain = [value for name, values in form.items() if name not in MAY_HOLD_PLUS for value in values]
    return b"+" in b" ".join(plain) or "+" in "".join(form)


def parse_receipt(form: Form, settings: TwilioSettings) -> Receipt | Rejected:
    """A signed form as a delivery report; statuses that we do not know yet are passed on."""
    fields = _fields(form, "AccountSid", "MessageSid", "MessageStatus", "ErrorCode")
    if isinstance(fields, Rejected):
        return fields
    if reason := _not_ours(fields, settings):
        return Rejected(reason)
    if not re.fullmatch("[a-z_-]{1,32}", fields.get("MessageStatus", "")):
        return Rejected("MessageStatus is not a status")
    if not re.fullmatch("[0-9]{0,9}", fields.get("ErrorCode", "")):
        return Rejected("ErrorCode is not a number")
    return Receipt(fields["MessageSid"], fields["MessageStatus"], int(fields.get("ErrorCode") or 0))


def _fields(form: Form, *names: str) -> dict[str, str] | Rejected:
    """The named parameters that the form has, as text."""
    found: dict[str, str] = {}
    for name in names:
        given = form.get(name, ())
        if len(given) > 1:
            return Rejected(f"{name} comes twice")
        try:
            if given:
                found[name] = given[0].decode()
        except UnicodeDecodeError:
            return Rejected(f"{name} is not UTF-8")
    return found


def _not_ours(fields: Mapping[str, str], settings: TwilioSettings) -> str:
    if fields.get("AccountSid") != settings.account_sid:
        return "AccountSid is not ours"
    if not re.fullmatch(settings.message_id, fields.get("MessageSid", "")):
        return "MessageSid has not the shape of an id"
    return ""


def _is_ours(to: str | None, service: str | None, settings: TwilioSettings) -> bool:
    return to in settings.numbers or bool(settings.messaging_service and service == settings.messaging_service)
