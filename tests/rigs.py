"""The rigs that stories are played on: in memory, on the TinyDB store, and through HTTP with real signatures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests
import responses
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.sms import SmsHandler
from smsmentor import resources
from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.events import Inbound
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import OutText
from smsmentor.core.rules import Rules
from smsmentor.gateways.signature import sign
from smsmentor.gateways.twilio import TwilioGateway, TwilioSettings, TwilioWebhook
from smsmentor.ports import Gateway, SetClock, Store
from smsmentor.resources import load
from smsmentor.rig import Rig
from smsmentor.settings import rules_from
from smsmentor.stores.memory import MemoryStore
from smsmentor.stores.tinydb import TinyDBStore

ACCOUNT = "AC" + "0" * 32
NUMBER = "+12125550199"
TOKEN = "a token of the tests"
PUBLIC = "https://sms.example.org"


@cache
def _read(folder: Path | None = None, allowed_sites: tuple[str, ...] = ()) -> Knowledge:
    return load(Rules(), folder, allowed_sites=allowed_sites)


def read_once(rules: Rules, folder: Path | None = None, *, allowed_sites: tuple[str, ...] = ()) -> Knowledge:
    """As `resources.load`, which takes a second and 60 MB: the same files are read once for all tests."""
    return replace(_read(folder, allowed_sites), rules=rules)


def base_knowledge() -> Knowledge:
    """The shipped data files."""
    return _read()


def knowledge(settings: Mapping[str, str]) -> Knowledge:
    """The shipped words with a story's own numbers."""
    return replace(base_knowledge(), rules=rules_from(settings))


async def memory_rig(start: datetime, settings: dict[str, str]) -> Rig:
    """A rig without files."""
    return Rig(MemoryStore(), SetClock(start), knowledge(settings))


async def keep_running(rig: Rig) -> None:
    """What a crash means in memory: everything but the store is new."""
    rig.use(rig.store)


class TinyDBRigs:
    """Rigs on a TinyDB store in a folder; a restart opens the file anew."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "smsmentor.db"

    async def make(self, start: datetime, settings: dict[str, str]) -> Rig:
        """A rig on a new store."""
        return Rig(TinyDBStore(self.path), SetClock(start), knowledge(settings))

    async def restart(self, rig: Rig) -> None:
        """Close the file, open it again."""
        rig.store.close()
        rig.use(TinyDBStore(self.path))


class HttpRig(Rig):
    """Texts come as signed webhooks to a real server and go through the carrier's client, answered by `responses`."""

    def __init__(self, store: Store, clock: SetClock, knowledge: Knowledge, mock: responses.RequestsMock) -> None:
        self.settings = TwilioSettings(ACCOUNT, (TOKEN,), PUBLIC, numbers=(NUMBER,), segments_per_second=0)
        self.codes = CarrierCodes(resources.read_toml(resources.data_folder() / "carrier_codes.toml"))
        self.on_the_way: dict[str, OutText] = {}
        self.twilio: TwilioGateway | None = None
        super().__init__(store, clock, knowledge)
        mock.add_callback(responses.POST, re.compile(r".*/Messages\.json"), self._create)
        self.server = HTTPServer(Application([("/twilio/sms", SmsHandler, self._dependencies())], log_function=_silent))
        socket, self.port = bind_unused_port()
        self.server.add_socket(socket)

    def gateway(self) -> Gateway:
        """The carrier's client, remembering which text is on its way to whom."""
        if self.twilio is None:
            self.twilio = TwilioGateway(self.settings, codes=self.codes, clock=self.clock, known=lambda sid: False)
        return Recording(self.twilio, self.on_the_way)

    async def deliver(self, inbound: Inbound) -> None:
        """Post the form that the carrier would post, with its signature."""
        form = {
            "MessageSid": inbound.id, "AccountSid": ACCOUNT, "From": inbound.sender, "To": NUMBER,
            "Body": inbound.body, "NumMedia": str(inbound.media), "SmsStatus": "received",
        }  # fmt: skip
        body = urlencode(form)
        signature = sign(TOKEN, f"{PUBLIC}/twilio/sms", {k: [v.encode()] for k, v in form.items()})
        response = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{self.port}/twilio/sms",
            method="POST",
            body=body,
            headers={"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert response.body.endswith(b"<Response/>")

    async def close(self) -> None:
        """Stop the server and the client's threads."""
        self.server.stop()
        await self.server.close_all_connections()
        if self.twilio is not None:
            await self.twilio.close()

    def _dependencies(self) -> dict[str, Any]:
        return {"webhook": TwilioWebhook(self.settings), "service": _Door(self), "clock": self.clock}

    def _create(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        form = dict(parse_qsl(str(request.body), keep_blank_values=True))
        text = self.on_the_way[form["To"]]
        assert form["Body"] == text.body
        assert form["From"] == NUMBER
        outcome = self.phones.take(text)
        if outcome.state == "taken":
            answer = {"sid": outcome.provider_id, "status": "queued", "to": text.phone, "body": text.body}
            return 201, {}, json.dumps(answer)
        busy = outcome.state == "later" and not outcome.account_wide
        status, code = (429, 20429) if busy else (400, outcome.code)
        return status, {}, json.dumps({"code": code, "message": "refused", "status": status})


class Recording:
    """A gateway that tells the mock which of our texts each request is for."""

    def __init__(self, inner: Gateway, on_the_way: dict[str, OutText]) -> None:
        self.inner = inner
        self.on_the_way = on_the_way
        self.name = inner.name
        self.capabilities = inner.capabilities
        self.look_up = inner.look_up
        self.missed = inner.missed
        self.verify = inner.verify
        self.sender_of = inner.sender_of
        self.close = inner.close

    async def send(self, text: OutText) -> Any:
        self.on_the_way[text.phone] = text
        return await self.inner.send(text)


class _Door:
    """The service that the rig has now: a restart makes a new one."""

    def __init__(self, rig: HttpRig) -> None:
        self.rig = rig

    async def receive(self, event: Any) -> object:
        return await self.rig.service.receive(event)


def _silent(handler: object) -> None:
    """Stories have no access log."""
