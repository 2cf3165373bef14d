"""Kannel's `sendsms` on loopback: checks what it is sent, and calls the report's URL as smsbox does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from smsmentor.core.gsm import encoding

USER, PASSWORD, SECRET = "peers", "a password of the tests", "a secret of the tests"
NUMBER = "+12025550100"
NEEDED = {"username", "password", "from", "to", "text", "charset", "coding", "dlr-mask", "dlr-url"}
KNOWN = NEEDED | {"validity"}


class FakeKannel:
    """`answers` holds how the next requests are met, one status each; afterwards all are taken. `problems` stays
    empty. A status of 0 takes the text and closes the connection."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.down = False
        self.problems: list[str] = []
        self.taken: list[dict[str, str]] = []
        self._server = HTTPServer(
            Application([("/cgi-bin/sendsms", _SendSms, {"fake": self})], log_function=lambda handler: None)
        )
        socket, port = bind_unused_port()
        self._server.add_socket(socket)
        self.url = f"http://127.0.0.1:{port}/cgi-bin/sendsms"

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    async def report(self, number: int, kind: int, url: Callable[[str], str] = lambda url: url) -> HTTPResponse:
        """Call the URL of the text that was taken as `number`, with the report's kind in place of %d."""
        called = url(self.taken[number]["dlr-url"].replace("%d", str(kind)))
        return await AsyncHTTPClient().fetch(called, raise_error=False)

    async def deliver(self, url: str, sender: str, body: str, id: str, **more: str) -> HTTPResponse:
        """Call our URL for a text from a phone: numbers without `+`, words as UTF-16 once they leave GSM-7."""
        charset = "UTF-8" if encoding(body) == "GSM-7" else "UTF-16BE"
        query = {"secret": SECRET, "from": sender.removeprefix("+"), "to": NUMBER.removeprefix("+"), "id": id}
        query |= {"charset": charset} | more
        words = quote(body.encode(charset.lower()))
        return await AsyncHTTPClient().fetch(f"{url}?{urlencode(query)}&text={words}", raise_error=False)


class _SendSms(RequestHandler):
    def initialize(self, fake: FakeKannel) -> None:
        self.fake = fake

    def get(self) -> None:
        query = {name: values[-1].decode() for name, values in self.request.query_arguments.items()}
        self.fake.problems += [f"{name} is not known" for name in query if name not in KNOWN]
        self.fake.problems += [f"{name} is missing" for name in NEEDED if not query.get(name)]
        if query.get("charset") != "UTF-8" or query.get("coding") not in ("0", "2"):
            self.fake.problems.append("charset or coding")
        if not query.get("validity", "1").isdecimal():
            self.fake.problems.append("validity")
        if self.fake.down:
            return self.answer(503, "Temporal failure, try again later.")
        if (query.get("username"), query.get("password")) != (USER, PASSWORD):
            return self.answer(403, "Authorization failed for sendsms")
        status = self.fake.answers.popleft() if self.fake.answers else 202
        if status in (0, 202):
            self.fake.taken.append(query)
        if status == 0:
            return self.detach().close()
        self.answer(status, "0: Accepted for delivery" if status == 202 else "refused")

    def answer(self, status: int, words: str) -> None:
        self.set_status(status)
        self.finish(words)
