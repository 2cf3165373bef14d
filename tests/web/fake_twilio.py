"""A strict Twilio on loopback: checks every request against the message resource, and misbehaves as it is told.

It runs on the test's own event loop. A gateway that blocked the loop could never get an answer from it, and a
handler that did could never take its callbacks.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from twilio.request_validator import RequestValidator

from smsmentor.ports import Clock

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "a token for tests"
SERVICE = "MG" + "0123456789abcdef" * 2
NUMBER = "+12025550100"

CREATE = {
    "To": r"\+[1-9][0-9]{1,14}",
    "From": r"\+[1-9][0-9]{1,14}|[0-9]{5,6}",
    "MessagingServiceSid": "MG[0-9a-fA-F]{32}",
    "Body": r"(?s).{1,1600}",
    "StatusCallback": r"https?://[^_/?#]+(/.*)?",
    "ValidityPeriod": "[1-9][0-9]{0,4}",
}
LIST = {
    "To": r"\+[1-9][0-9]{1,14}",
    "From": r"\+[1-9][0-9]{1,14}",
    "DateSent": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "DateSent<": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "DateSent>": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "PageSize": "[0-9]{1,4}",
    "Page": "[0-9]+",
    "PageToken": "PA[0-9]+",
}
"""What we send, by name, as whole-match patterns: the parts of Twilio's published schema that a text needs."""


@dataclass(frozen=True)
class Manner:
    """How one create request is met. `waits` and `callbacks` come after taking and before the answer."""

    status: int = 201
    code: int = 0
    body: str | None = None
    """Sent word for word instead of the right answer."""
    takes: bool = True
    drops: bool = False
    """Close the connection instead of answering."""
    waits: asyncio.Event | None = None
    callbacks: Sequence[str] = ()


def refusing(status: int, code: int) -> Manner:
    """A refusal in the form that Twilio gives it."""
    return Manner(status=status, code=code, takes=False)


class FakeTwilio:
    """`plan` holds how the next creates are met, one each; afterwards all goes well. `problems` must stay empty."""

    def __init__(self, clock: Clock, *, prefix: str = "") -> None:
        self.clock = clock
        self.plan: deque[Manner] = deque()
        self.down = False
        self.lists: asyncio.Event | None = None
        """What an answer with a list waits for."""
        self.listing, self.looking_up = asyncio.Event(), asyncio.Event()
        """A list was asked for: what came in, or whether one text of ours is on it."""
        self.day_itself = True
        """`DateSent>` gives the texts of that day too; some providers leave them out."""
        self.problems: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self._numbers = count(1)
        """Every message that was taken, in order, as the API gives it."""
        self.opted_out: set[str] = set()
        self.forms: list[dict[str, str]] = []
        """Every create request, in order."""
        self.called = asyncio.Event()
        """A create request has come."""
        root = f"{prefix}/2010-04-01/Accounts/{ACCOUNT}/Messages"
        parts = {"fake": self}
        routes = [
            (rf"{root}\.json", _Messages, parts),
            (rf"{root}/((?:SM|MM)[0-9a-f]{{32}})\.json", _Message, parts),
            ("(.*)", _Elsewhere, parts),
        ]
        self._server = HTTPServer(Application(routes, log_function=lambda handler: None))
        socket, port = bind_unused_port()
        self._server.add_socket(socket)
        self.url = f"http://127.0.0.1:{port}{prefix}"

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def add(self, direction: str, to: str, sender: str | None, body: str, **more: Any) -> dict[str, Any]:
        """Put a message on the list."""
        now = format_datetime(self.clock.now())
        message = {
            "sid": f"SM{next(self._numbers):032x}",
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "to": to,
            "from": sender,
            "body": body,
            "direction": direction,
            "status": "received" if direction == "inbound" else "queued",
            "num_segments": "1",
            "num_media": "0",
            "error_code": None,
            "error_message": None,
            "messaging_service_sid": None,
            "price": None,
            "price_unit": "USD",
            "date_created": now,
            "date_updated": now,
            "date_sent": now if direction == "inbound" else None,
        } | more
        self.messages.append(message)
        return message

    def text(self, sender: str, body: str, to: str = NUMBER, **more: Any) -> dict[str, Any]:
        """A phone texts us: it is on the list, whether or not a webhook hears of it."""
        if body.strip().upper() == "STOP":
            self.opted_out.add(sender)
        return self.add("inbound", to, sender, body, **more)

    async def deliver(self, url: str, message: Mapping[str, Any], **more: str) -> HTTPResponse:
        """Post a listed inbound message to our webhook, signed."""
        form = {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": message["sid"],
            "NumMedia": message["num_media"],
            "ToCity": "",
            "SmsSid": message["sid"],
            "SmsStatus": "received",
            "Body": message["body"],
            "To": message["to"],
            "NumSegments": "1",
            "MessageSid": message["sid"],
            "AccountSid": ACCOUNT,
            "From": message["from"],
            "ApiVersion": "2010-04-01",
        } | more
        return await post_signed(url, form)

    async def report(self, url: str, sid: str, status: str, code: int = 0) -> HTTPResponse:
        """Post a delivery report, signed."""
        form = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "MessageSid": sid, "SmsSid": sid}
        form |= {"MessageStatus": status, "SmsStatus": status} | ({"ErrorCode": str(code)} if code else {})
        return await post_signed(url, form)


async def post_signed(url: str, form: Mapping[str, str], *, token: str = TOKEN) -> HTTPResponse:
    """Post a form as Twilio does, signed by the library's own hand."""
    signature = RequestValidator(token).compute_signature(url, form)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    return await AsyncHTTPClient().fetch(url, method="POST", body=urlencode(form), headers=headers, raise_error=False)


class _Api(RequestHandler):
    def initialize(self, fake: FakeTwilio) -> None:
        self.fake = fake

    def prepare(self) -> None:
        expected = "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if self.fake.down:
            self.refuse(503, 20503)
        elif self.request.headers.get("Authorization") != expected:
            self.refuse(401, 20003)

    def refuse(self, status: int, code: int) -> None:
        self.set_status(status)
        more = f"https://www.twilio.com/docs/errors/{code}"
        self.finish({"code": code, "message": "No.", "more_info": more, "status": status})

    def checked(self, given: Mapping[str, list[bytes]], schema: Mapping[str, str]) -> dict[str, str] | None:
        """The parameters, or None (and a refusal) when one of them is unknown, repeated or out of shape."""
        values = {name: value[-1].decode() for name, value in given.items()}
        found = [f"{n} is not a parameter" for n in values if n not in schema]
        found += [f"{n} comes {len(v)} times" for n, v in given.items() if len(v) != 1]
        found += [f"{n} is out of shape" for n, v in values.items() if n in schema and not re.fullmatch(schema[n], v)]
        if found:
            self.fake.problems += found
            self.refuse(400, 20001)
            return None
        return values


class _Messages(_Api):
    async def post(self) -> None:
        form = self.checked(self.request.body_arguments, CREATE)
        if form is None:
            return
        missing = {"To", "Body"} - set(form)
        if missing or ("From" in form) == ("MessagingServiceSid" in form):
            self.fake.problems.append(f"create with {sorted(form)}")
            return self.refuse(400, 21603)
        wrong = {
            "ValidityPeriod is out of range": int(form.get("ValidityPeriod", "1")) > 36_000,
            "Body is longer than 1600 UTF-16 units": len(form["Body"].encode("utf-16-le")) > 3200,
            "To and From are the same": form["To"] == form.get("From"),
            "the form has another type": self.request.headers["Content-Type"] != "application/x-www-form-urlencoded",
            "a create has a query": bool(self.request.query),
        }
        if found := [name for name, is_so in wrong.items() if is_so]:
            self.fake.problems += found
            return self.refuse(400, 20001)
        self.fake.forms.append(form)
        self.fake.called.set()
        manner = self.fake.plan.popleft() if self.fake.plan else Manner()
        if manner == Manner() and form["To"] in self.fake.opted_out:
            manner = refusing(400, 21610)
        await self.meet(manner, form)

    async def meet(self, manner: Manner, form: dict[str, str]) -> None:
        taken = self.take(form) if manner.takes else None
        for status in manner.callbacks:
            assert taken is not None
            answer = await self.fake.report(form["StatusCallback"], taken["sid"], status)
            if answer.code not in (200, 204) or answer.body:
                self.fake.problems.append(f"a callback was answered with {answer.code}")
        if manner.waits is not None:
            await manner.waits.wait()
        if manner.drops:
            return self.detach().close()
        if manner.body is not None:
            self.set_status(manner.status)
            self.finish(manner.body)
        elif taken is None:
            self.refuse(manner.status, manner.code)
        else:
            self.set_status(manner.status)
            self.finish(taken)

    def take(self, form: dict[str, str]) -> dict[str, Any]:
        service = form.get("MessagingServiceSid")
        message = self.fake.add(
            "outbound-api", form["To"], form.get("From", NUMBER), form["Body"], messaging_service_sid=service
        )
        # A service chooses the number only after it has answered.
        return message | ({"from": None, "status": "accepted", "num_segments": "0"} if service else {})

    async def get(self) -> None:
        query = self.checked(self.request.query_arguments, LIST)
        if query is None:
            return
        (self.fake.looking_up if "From" in query else self.fake.listing).set()
        if self.fake.lists is not None:
            await self.fake.lists.wait()
        size, start = int(query.get("PageSize", "50")), int(query.get("PageToken", "PA0")[2:])
        if not 1 <= size <= 1000:
            self.fake.problems.append(f"PageSize {size}")
        found = [m for m in reversed(self.fake.messages) if _matches(m, query, self.fake.day_itself)]
        path = urlsplit(self.request.uri or "").path
        following = urlencode(query | {"PageToken": f"PA{start + size}", "Page": str(start // size + 1)})
        self.finish(
            {
                "messages": found[start : start + size],
                "page": start // size,
                "page_size": size,
                "first_page_uri": f"{path}?PageSize={size}&Page=0",
                "next_page_uri": f"{path}?{following}" if start + size < len(found) else None,
                "previous_page_uri": None,
                "uri": self.request.uri,
            }
        )


class _Elsewhere(_Api):
    def prepare(self) -> None:
        self.fake.problems.append(f"{self.request.method} of an address that the API does not have")
        self.refuse(404, 20404)


class _Message(_Api):
    def get(self, sid: str) -> None:
        if self.request.query:
            self.fake.problems.append("a fetch has a query")
        found = [m for m in self.fake.messages if m["sid"] == sid]
        if found:
            self.finish(json.dumps(found[0]))
        else:
            self.refuse(404, 20404)


def _matches(message: Mapping[str, Any], query: Mapping[str, str], day_itself: bool) -> bool:
    sent = message["date_sent"] and datetime.strptime(message["date_sent"], "%a, %d %b %Y %H:%M:%S %z").date()
    after = date.fromisoformat(query.get("DateSent>", "0001-01-01"))
    before = date.fromisoformat(query.get("DateSent<", "9999-12-31"))
    on = query.get("DateSent", "")
    return (
        message["to"] == query.get("To", message["to"])
        and message["from"] == query.get("From", message["from"])
        and (sent is not None or not any(name.startswith("DateSent") for name in query))
        and (sent is None or (after <= sent <= before and (day_itself or sent > after) and str(sent).startswith(on)))
    )
