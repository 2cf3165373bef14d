"""The simulated phones: a page, and one websocket by which it texts, moves the clock and sees what happens."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.resources import files
from ipaddress import ip_address
from typing import Any

from tornado.web import StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from handlers.base import BaseHandler, Refused
from handlers.phones_hub import PhonesHub, Unreadable
from handlers.phones_view import Json

STATIC = str(files("handlers") / "static")
LONGEST_MESSAGE = 16_384
PAGE_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page's own files and its websocket, nothing inline and nothing from elsewhere."""


def _is_address(host: str) -> bool:
    """Whether a request named this machine by address, or as localhost."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class PhonesHandler(BaseHandler):
    """What the phones' handlers share.

    A page elsewhere can make a name of its own point to this machine and then read what we serve (DNS
    rebinding). It cannot do so with an address, so names are refused unless the operator has opened the phones.
    """

    CONTENT_POLICY = PAGE_POLICY

    def initialize(self, hub: PhonesHub, any_host: bool) -> None:
        self.hub = hub
        self.any_host = any_host

    def prepare(self) -> None:
        super().prepare()
        _refuse_names(self)


def _refuse_names(handler: PhonesHandler | PhonesLive) -> None:
    if not handler.any_host and not _is_address(handler.request.host_name):
        raise Refused(403, "named by a name that is not localhost")


class PhonesPage(PhonesHandler):
    """The page itself: the same bytes for everybody, all else comes by the websocket."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish((files("handlers") / "static" / "phones.html").read_bytes())


class PhonesStatic(BaseHandler, StaticFileHandler):
    """The page's style, script and icon. Checked for a newer one at each load, so that an upgrade shows at once."""

    CONTENT_POLICY = PAGE_POLICY

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")


class PhonesStory(PhonesHandler):
    """The conversation as a file to keep or to play again."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="conversation.sms"')
        self.finish(self.hub.story())


class PhonesLive(BaseHandler, WebSocketHandler):
    """One page's line to the hub. Tornado refuses other origins; messages are small or the line is cut.

    It is not in hand as a request is: a shutdown ends it, and waits for nothing of it.
    """

    def initialize(self, hub: PhonesHub, any_host: bool) -> None:
        self.hub = hub
        self.any_host = any_host

    def prepare(self) -> None:
        _refuse_names(self)

    @property
    def max_message_size(self) -> int:
        return LONGEST_MESSAGE

    @property
    def ping_interval(self) -> float | None:
        return 25.0

    def open(self, *args: str, **kwargs: str) -> None:
        try:
            self.hub.join(self)
        except Unreadable as problem:
            self.close(1013, str(problem))

    async def on_message(self, message: str | bytes) -> None:
        await self.hub.handle(self, message)

    def on_close(self) -> None:
        self.hub.leave(self)

    def send(self, message: Json) -> None:
        """Send to the page; one that has just gone misses it and gets everything when it comes back.

        One that takes less than comes is gone once too much waits for it: its stream is closed (`handlers/stream.py`).
        """
        with suppress(WebSocketClosedError):
            sent = self.write_message(json.dumps(message, ensure_ascii=False).encode(errors="replace"))
            sent.add_done_callback(lambda done: done.cancelled() or done.exception())


def routes(hub: PhonesHub, *, any_host: bool = False) -> list[Any]:
    """What the app serves in simulator mode: the page at `/` and `/phones`, and what it needs below that.

    With `any_host` the machine may be called by any name, as behind a proxy; else by address or localhost only.
    """
    shared = {"hub": hub, "any_host": any_host}
    return [
        (r"/(?:phones)?", PhonesPage, shared),
        (r"/phones/live", PhonesLive, shared),
        (r"/phones/story", PhonesStory, shared),
        (r"/phones/static/(phones\.css|phones\.js|segments\.js|favicon\.svg)", PhonesStatic, {"path": STATIC}),
    ]
