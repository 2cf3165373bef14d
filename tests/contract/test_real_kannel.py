"""The Kannel gateway against the real bearerbox and smsbox, set up as docs/gateways.md says; the test plays the SMSC.

Skipped where Kannel is not installed (Debian: `apt install kannel`).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.kannel import KannelReportHandler, KannelSmsHandler
from smsmentor.core.events import Inbound, Receipt
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.making import replace
from smsmentor.core.model import OutText
from smsmentor.errors import StoreBusy
from smsmentor.gateways.kannel import KannelGateway, KannelSettings, KannelWebhook
from smsmentor.ports import SetClock
from tests.contract.gateways import ANA, NOW, out_text
from tests.web.fake_kannel import NUMBER

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
BEARERBOX, SMSBOX = shutil.which("bearerbox", path=PATH), shutil.which("smsbox", path=PATH)
DOCS = Path(__file__).parents[2] / "docs" / "gateways.md"
USER, PASSWORD, SECRET = "peers", "a-password-of-the-tests", "a-secret-of-the-tests"
PATIENCE = 120
"""Seconds until something that should happen has surely not."""

pytestmark = pytest.mark.skipif(
    BEARERBOX is None or SMSBOX is None, reason="Kannel is not installed (Debian: apt install kannel)"
)


@dataclass(frozen=True)
class Kannel:
    """The ports of a running Kannel."""

    smsc: int
    sendsms: int
    ours: int


def configuration(kannel: Kannel, admin: int, boxes: int) -> str:
    """What the documentation says, on free ports, with an SMSC that is a socket of ours."""
    documented = next(block for block in DOCS.read_text(encoding="utf-8").split("```") if "group = smsbox" in block)
    ours = (
        documented.replace("13013", str(kannel.sendsms))
        .replace("8765", str(kannel.ours))
        .replace("secret=...", f"secret={SECRET}")
        .replace("password = ...", f"password = {PASSWORD}")
        .replace("http-queue-delay = 30", "http-queue-delay = 1")
    )
    core = f"""
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {PASSWORD}
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1

group = smsc
smsc = fake
smsc-id = phones
host = 127.0.0.1
port = {kannel.smsc}
connect-allow-ip = 127.0.0.1
"""
    return core + ours


def free_ports(count: int) -> list[int]:
    bound = [bind_unused_port() for _ in range(count)]
    for socket, _ in bound:
        socket.close()
    return [port for _, port in bound]


@pytest.fixture(scope="module")
def kannel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    assert BEARERBOX is not None
    assert SMSBOX is not None
    folder = tmp_path_factory.mktemp("kannel")
    smsc, sendsms, ours, admin, boxes = free_ports(5)
    found = Kannel(smsc, sendsms, ours)
    config = folder / "kannel.conf"
    config.write_text(configuration(found, admin, boxes), encoding="utf-8")
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            for box, port in ((BEARERBOX, boxes), (SMSBOX, sendsms)):
                running.append(subprocess.Popen([box, "-v", "2", config], cwd=folder, stdout=log, stderr=log))
                assert asyncio.run(answers(port)), (folder / "log").read_text(encoding="utf-8", errors="replace")
            yield found
        finally:
            for process in running:
                process.kill()  # it takes ten seconds to say goodbye, and nothing in it is of worth
                process.wait()


async def answers(port: int) -> bool:
    """Whether something listens there, after a while at most."""
    for _ in range(PATIENCE * 20):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return True
    return False


class Phones:
    """Kannel's fake SMSC: lines over a socket, `from to kind words`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.came = b""

    def text(self, sender: str, body: str) -> None:
        """A phone texts: in UTF-16 when one character is outside GSM-7, in parts when it is long."""
        gsm = encoding(body) == "GSM-7"
        longest, size = (160, 153) if gsm else (70, 67)
        parts = [body] if len(body) <= longest else [body[at : at + size] for at in range(0, len(body), size)]
        for number, part in enumerate(parts, start=1):
            words = part.encode() if gsm else quote_plus(part.encode("utf-16-be")).encode()
            head = f"%05%00%03%2A%{len(parts):02X}%{number:02X}"
            kind = ("text" if gsm else "ucs2") if len(parts) == 1 else f"udh-text {head}"
            assert gsm or len(parts) == 1, "the fake SMSC has no word for parts in UTF-16"
            self.writer.write(f"{sender.removeprefix('+')} {NUMBER.removeprefix('+')} {kind} ".encode() + words + b"\n")

    async def hears(self, count: int) -> list[str]:
        """So many texts that come to phones, parts of long ones joined."""
        while len(found := self._texts()) < count:
            self.came += await asyncio.wait_for(self.reader.read(65536), PATIENCE)
        return found

    def _texts(self) -> list[str]:
        found, parts = [], b""
        pattern = rb"\+\d+ \+\d+ (text|data|ucs-2|udh (\S+) (?:text|data|ucs-2)) (.*?)\n(?=\+\d+ \+\d+ |\Z)"
        for kind, head, words in re.findall(pattern, self.came, re.DOTALL):
            plain = words if kind == b"text" else unquote_to_bytes(words.replace(b"+", b" "))
            if head:
                parts += plain
                total, number = unquote_to_bytes(head)[-2:]
                if number == total:
                    found.append(self._words(kind, parts))
                    parts = b""
            else:
                found.append(self._words(kind, plain))
        return found

    @staticmethod
    def _words(kind: bytes, words: bytes) -> str:
        return words.decode("utf-16-be" if kind.endswith(b"ucs-2") else "utf-8")


@dataclass
class House:
    """Our side: the gateway, the URLs that Kannel calls, and what came in by them."""

    gateway: KannelGateway
    phones: Phones
    texts: list[Inbound] = field(default_factory=list)
    reports: dict[str, set[str]] = field(default_factory=dict)
    """By text, in no order: Kannel may bring "delivered" first."""
    broken: int = 0
    """So many of the next events cannot be kept."""

    async def receive(self, event: Inbound | Receipt) -> object:
        if self.broken:
            self.broken -= 1
            raise StoreBusy("locked")
        if isinstance(event, Inbound):
            self.texts.append(event)
        else:
            self.reports.setdefault(event.provider_id, set()).add(event.status)
        return None

    async def come(self, there: Callable[[], bool]) -> None:
        """Wait until what should come has come."""
        async with asyncio.timeout(PATIENCE):
            while not there():
                await asyncio.sleep(0.02)


def play(kannel: Kannel, story: Callable[[House], Awaitable[None]], *, password: str = PASSWORD) -> None:
    async def played() -> None:
        clock = SetClock(NOW)
        url = f"http://127.0.0.1:{kannel.sendsms}/cgi-bin/sendsms"
        settings = KannelSettings(url, USER, password, (NUMBER,), f"http://127.0.0.1:{kannel.ours}", SECRET)
        house = House(KannelGateway(settings, clock), Phones(*await asyncio.open_connection("127.0.0.1", kannel.smsc)))
        parts = {"webhook": KannelWebhook(settings), "service": house, "clock": clock}
        routes = [("/kannel/sms", KannelSmsHandler, parts), ("/kannel/report", KannelReportHandler, parts)]
        server = HTTPServer(Application(routes, log_function=lambda handler: None))
        server.listen(kannel.ours, "127.0.0.1")
        try:
            await story(house)
        finally:
            house.phones.writer.close()
            server.stop()
            await server.close_all_connections()
            await house.gateway.close()

    asyncio.run(played())


def ready(id: str, body: str) -> OutText:
    """A text as the outbox hands it over."""
    return replace(out_text(id, ANA, body), encoding=encoding(body), segments=segments(body))


@pytest.mark.parametrize(
    "body",
    [
        'K43, pay: "How do I ask?\n5 more for {x} & 1% + ~" €5',
        "gracias, mañana",
        "wie schön 😀 日本",
        "words " * 40 + "end",
    ],
)
def test_a_text_comes_to_the_phone_as_it_was_saved_and_its_reports_find_it(kannel: Kannel, body: str) -> None:
    async def story(house: House) -> None:
        id = f"o-{len(body):016x}"
        outcome = await house.gateway.send(ready(id, body))
        assert (outcome.state, outcome.provider_id) == ("taken", id)
        assert await house.phones.hears(1) == [body]
        await house.come(lambda: house.reports.get(id) == {"sent", "delivered"})

    play(kannel, story)


@pytest.mark.parametrize(
    "body", ["K43  less than you think + 1 & 2 = 50%", "café €5 {x}", "¡qué día! 😀 日本", "words " * 40 + "end"]
)
def test_a_text_of_a_phone_comes_in_as_it_was_written(kannel: Kannel, body: str) -> None:
    async def story(house: House) -> None:
        house.phones.text(ANA, body)
        await house.come(lambda: len(house.texts) == 1)
        came = house.texts[0]
        assert (came.sender, came.to, came.body) == (ANA, NUMBER, body)
        assert came.id.startswith("kannel-")

    play(kannel, story)


def test_texts_of_one_phone_have_ids_of_their_own_and_kannel_answers_nobody(kannel: Kannel) -> None:
    async def story(house: House) -> None:
        for _ in range(3):
            house.phones.text(ANA, "PASS")
        await house.come(lambda: len({text.id for text in house.texts}) == 3)
        await house.gateway.send(ready("o-1", "the only one"))
        assert await house.phones.hears(1) == ["the only one"]

    play(kannel, story)


def test_a_text_that_could_not_be_kept_is_brought_again(kannel: Kannel) -> None:
    async def story(house: House) -> None:
        house.broken = 2
        house.phones.text(ANA, "hello")
        await house.come(lambda: [text.body for text in house.texts] == ["hello"])
        assert house.broken == 0

    play(kannel, story)


def test_a_wrong_password_is_a_fault_of_our_account(kannel: Kannel) -> None:
    async def story(house: House) -> None:
        outcome = await house.gateway.send(ready("o-1", "hello"))
        assert (outcome.state, outcome.account_wide) == ("later", True)

    play(kannel, story, password="another-password")


def test_what_is_taken_while_the_smsc_is_away_comes_when_it_is_back(kannel: Kannel) -> None:
    async def leaves(house: House) -> None:
        house.phones.writer.close()
        await house.phones.writer.wait_closed()
        assert (await house.gateway.send(ready("o-1", "kept meanwhile"))).state == "taken"

    async def returns(house: House) -> None:
        assert await house.phones.hears(1) == ["kept meanwhile"]

    play(kannel, leaves)
    play(kannel, returns)
