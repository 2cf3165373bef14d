"""The composition root: the one file that names adapters, puts them together, runs them and stops them."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from tornado.httpserver import HTTPServer
from tornado.web import Application

from handlers.base import InFlight, NotFound, log_request
from handlers.front import Front, in_front
from handlers.health import AliveHandler, ReadyHandler
from handlers.limits import LOGGERS, Sparing, allow_files, most_connections
from smsmentor import __version__, resources
from smsmentor.alarm import Alarms
from smsmentor.catchup import CatchUp
from smsmentor.core import played
from smsmentor.core.events import Act, Event
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.model import Member, OutText
from smsmentor.core.turn import Turn
from smsmentor.door import CarrierDoor
from smsmentor.errors import SmsmentorError, StoreDamaged, StoreError, StoreUnwritable
from smsmentor.housekeeping import Housekeeping
from smsmentor.logs import report_to_log
from smsmentor.outbox import Outbox
from smsmentor.owners import hand_over, make_folders, refusal
from smsmentor.ports import Clock, Gateway, SetClock
from smsmentor.pump import Pump
from smsmentor.service import Service
from smsmentor.settings import STORE, Settings
from smsmentor.stores import tinydb
from smsmentor.stores.drafts import give_up_drafts
from smsmentor.stores.tinydb import TinyDBStore
from smsmentor.stores.view import StoreView
from smsmentor.ticker import fire_due

if TYPE_CHECKING:
    from handlers.phones_hub import PhonesHub

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024
"""Bytes of a request: a carrier's form has at most a few thousand."""
IDLE_SECONDS, BODY_SECONDS = 75, 15
"""How long a connection may be silent or take no answers, and how long a body may take to come."""
BACKLOG = 128
"""Connections that may wait to be taken in."""
GARBAGE = 20_000
"""New objects between two looks for garbage; Python's own 700 would be several looks a text."""
TICKER_LATE, LIST_LATE = timedelta(minutes=2), timedelta(minutes=2)
"""When timers that nobody has looked at are a fault, and how long they wait for a list that cannot be read."""
LEAST_GRACE = 0.1
"""Seconds that each part of a stop has, also when those before it took all the time."""
LOCK = "serve.lock"
"""In the data folder: held by who serves it."""
MENTEE = "+12125550100"
"""The first simulated mentee's number: kept for fiction."""

Routes = list[tuple[Any, ...]]


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Engine(Protocol):
    """What makes things happen between requests: outbox and ticker, or the simulated phones."""

    service: Service

    async def start(self) -> None:
        """Begin, on the running loop."""

    def routes(self) -> Routes:
        """What it serves over HTTP, asked for after the start."""

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in hand."""

    def unready(self) -> list[str]:
        """Why texts should not be sent here now; empty when all is well."""


class Carrier:
    """Texts through a carrier's account: signed webhooks, and an outbox and a ticker that never rest."""

    def __init__(self, settings: Settings, store: TinyDBStore, clock: Clock, knowledge: Knowledge) -> None:
        self.store, self.clock = store, clock
        self.gateway, self._routes = _provider(settings, store, clock, knowledge)
        confirms_stop = not self.gateway.capabilities.handles_stop
        self.service = Service(
            store, clock, replace(knowledge, real_phones=settings.reaches_people, confirms_stop=confirms_stop)
        )
        self.alarms = Alarms(settings.alarms, settings.rules.name)
        self.outbox = Outbox(self.service, self.gateway, sleep=asyncio.sleep)
        self.catch_up = CatchUp(self.service, self.gateway)
        self.sender = Pump("outbox", clock, self.outbox.next_moment, self.outbox.drain)
        self.ticker = Pump("ticker", clock, self._next_timer, lambda: fire_due(self.service))
        self.began = self.seen = clock.now()
        """When we came, at the start or when the machine woke up; and when the ticker last looked."""
        self.woken = asyncio.Event()
        self.reading: asyncio.Task[None] | None = None
        self.service.watchers += [self._wake, self.alarms.watch]

    def routes(self) -> Routes:
        return self._routes(CarrierDoor(self.service, self.gateway))

    async def start(self) -> None:
        if self.service.knowledge.real_phones:
            await self._mark()
        self.sender.start()
        self.ticker.start()
        reading = self.catch_up.forever(self._rest, lambda: False)
        self.reading = asyncio.get_running_loop().create_task(reading, name="catch-up")

    async def stop(self, grace_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_seconds
        if self.reading is not None:
            self.reading.cancel()  # at any point: what it has not brought in is still on the carrier's list
            await asyncio.wait({self.reading})
        self.outbox.at_once = 0  # it takes no more; what it has in hand is sent and settled
        done = await asyncio.gather(self.sender.stop(grace_seconds), self.ticker.stop(grace_seconds))
        if not all(done):
            log.warning("Not all was finished in time: texts in hand are looked up at the next start")
        await self.alarms.close(max(end - loop.time(), LEAST_GRACE))
        await self.gateway.close()

    def unready(self) -> list[str]:
        looked = self.ticker.looked
        late = looked is None or self.clock.now() - looked > TICKER_LATE
        return ["timers are not being looked at"] if late else []

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), seconds)
        self.woken.clear()

    def _next_timer(self) -> datetime | None:
        """When a timer is due; never before what was texted while we were down is in, or cannot be had for a while.

        An answer that lies on the carrier's list must not find its question over, nor its mentor paused for silence.
        """
        now = self.clock.now()
        if now - self.seen > LIST_LATE:  # it looks each second: the machine has slept, as far away as one that was off
            self.began, self.catch_up.looked = now, None
            self.woken.set()
        self.seen = now
        if self.catch_up.looked is None and now - self.began < LIST_LATE:
            return None
        return self.store.next_moment()

    async def _mark(self) -> None:
        with self.service.store.reading() as reader:
            known = played.has_served(reader)
        if not known:
            await self.service.receive(Act("serving", "serving", by="housekeeping"))

    def _wake(self, event: Event, turn: Turn) -> None:
        self.sender.wake()
        self.ticker.wake_by(turn.first_timer)


def _provider(
    settings: Settings, store: TinyDBStore, clock: Clock, knowledge: Knowledge
) -> tuple[Gateway, Callable[[CarrierDoor], Routes]]:
    """The gateway that the settings name, and its webhooks. Costly to import, and not needed on simulated phones."""
    if settings.kannel is not None:
        from handlers.kannel import KannelReportHandler, KannelSmsHandler
        from smsmentor.gateways.kannel import KannelGateway, KannelWebhook

        kannel = KannelWebhook(settings.kannel)

        def kannel_routes(door: CarrierDoor) -> Routes:
            parts = {"webhook": kannel, "service": door, "clock": clock}
            return [("/kannel/sms", KannelSmsHandler, parts), ("/kannel/report", KannelReportHandler, parts)]

        return KannelGateway(settings.kannel, clock), kannel_routes
    from handlers.sms import SmsHandler
    from handlers.status import StatusHandler
    from smsmentor.gateways.twilio import TwilioGateway, TwilioWebhook

    account = settings.twilio
    assert account is not None
    webhook = TwilioWebhook(account)

    def signed_routes(door: CarrierDoor) -> Routes:
        parts = {"webhook": webhook, "service": door, "clock": clock}
        return [("/twilio/sms", SmsHandler, parts), ("/twilio/status", StatusHandler, parts)]

    codes = knowledge.carrier_codes
    return TwilioGateway(account, codes=codes, clock=clock, known=lambda id: _is_sent(store, id)), signed_routes


class Phones:
    """Simulated phones on a page, with a clock that the page moves. Nothing leaves this machine."""

    def __init__(self, store: TinyDBStore, clock: SetClock, knowledge: Knowledge, *, any_host: bool = False) -> None:
        from smsmentor.rig import Rig

        self.store = store
        self.any_host = any_host
        self.rig = Rig(store, clock, replace(knowledge, simulated=True), reports=True)
        self.rig.recall(randbits(64))
        self.service = self.rig.service
        self.hub: PhonesHub | None = None

    def routes(self) -> Routes:
        from handlers.phones import routes

        assert self.hub is not None, "routes are asked for after the start"
        return routes(self.hub, any_host=self.any_host)

    async def start(self) -> None:
        from handlers.phones_hub import PhonesHub

        # Made here and not before: who is on the page depends on the operators that were taken in.
        self.hub = PhonesHub(self.rig, phones=_cast(self.store), speed=1)
        await self.rig.settle()

    async def stop(self, grace_seconds: float) -> None:
        if self.hub is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.hub.close(), grace_seconds)

    def unready(self) -> list[str]:
        return []


@dataclass
class App:
    """Everything that serves, put together. `run` serves until the process is told to stop."""

    settings: Settings
    store: TinyDBStore
    engine: Engine
    in_flight: InFlight = field(default_factory=InFlight)
    draining: bool = False
    fault: SmsmentorError | None = None
    """Why it stopped by itself."""

    def unready(self) -> list[str]:
        """Why no texts should be sent here now."""
        return ["stopping"] if self.draining else self.engine.unready()

    def server(self) -> Front:
        """The HTTP server with its bounds: how much a request may be, and how long it may take to come."""
        health: Routes = [
            ("/healthz", AliveHandler, {"version": __version__}),
            ("/readyz", ReadyHandler, {"reasons": self.unready}),
        ]
        routes = self.engine.routes()
        application = Application(
            [*health, *routes],
            default_handler_class=NotFound,
            log_function=log_request,
            in_flight=self.in_flight,
            behind_proxy=self.settings.behind_proxy,
        )
        server = HTTPServer(
            application,
            max_body_size=LARGEST_BODY,
            max_header_size=LARGEST_BODY // 4,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
        )
        return in_front(server, routes, self.in_flight, IDLE_SECONDS, most_connections())

    async def run(self, listener: socket.socket, started: Callable[[int], None]) -> None:
        """Serve until SIGTERM, SIGINT or the end of its terminal, then finish what is in hand.

        `started` is told the port.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report_to_log)
        allow_files()
        sparing = Sparing()
        for name in LOGGERS:
            logging.getLogger(name).addFilter(sparing)
        told = asyncio.Event()
        # Under nohup the end of the terminal is to be ignored, as it is already.
        hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
        for number in (signal.SIGTERM, signal.SIGINT, *hangup):
            loop.add_signal_handler(number, told.set)
        await self._take_operators()
        await self.engine.start()
        keeping = loop.create_task(self._keep_house(told), name="housekeeping")
        server = self.server()
        server.add_socket(listener)
        # What is there now stays. Looking through it again and again would cost each text a tenth more, and pauses;
        # once would be a sixth of the start, and finds nothing worth it. What texts leave behind goes by itself,
        # nearly all of it: a rare look is enough.
        gc.freeze()
        gc.set_threshold(GARBAGE)
        gc.enable()
        started(listener.getsockname()[1])
        await told.wait()
        keeping.cancel()
        await self._stop(server)
        if self.fault is not None:
            raise self.fault

    async def _keep_house(self, told: asyncio.Event) -> None:
        """Retention and copies; a file that turns out to be broken ends the service before it does harm."""

        def damaged(error: StoreDamaged) -> None:
            log.critical("The store is damaged, and the server stops: %s", error)
            self.fault = _with_way_back(error, self.settings)
            told.set()

        keeper = Housekeeping(self.engine.service, self.store, self.settings, SystemClock())
        await keeper.forever(asyncio.sleep, damaged)

    async def _stop(self, server: Front) -> None:
        """Take no more, answer those who are waiting, finish the texts in hand, let go."""
        self.draining = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self.settings.grace_seconds
        server.stop()
        if not await self.in_flight.drained(self.settings.grace_seconds):
            log.warning("Requests were cut off: the carrier will bring their texts again")
        await self.engine.stop(max(end - loop.time(), LEAST_GRACE))
        with suppress(TimeoutError):
            await asyncio.wait_for(server.close_all_connections(), 1)
        # A connection that was open already may have brought one more in the meantime.
        await self.in_flight.drained(1)
        self.store.close()
        for folder in (self.settings.data, self.settings.backups_path):
            give_up_drafts(folder)
        log.info("Stopped")

    async def _take_operators(self) -> None:
        """The operators that the settings name."""
        now = self.engine.service.clock.now()
        for number, phone in enumerate(self.settings.operators):
            if self._is_operator(phone):
                continue
            act = Act(
                f"settings:{now.isoformat()}:{number}", "operator", {"phone": phone, "listed": True}, by="settings"
            )
            await self.engine.service.receive(act)
            if not self._is_operator(phone):
                log.warning(
                    "Number %d of SMSMENTOR_OPERATORS is no operator: it was given up and may have a new owner "
                    "(`smsmentor op add` if it has not), or opted out and was erased",
                    number + 1,
                )

    def _is_operator(self, phone: str) -> bool:
        with self.store.reading() as reader:
            known = next(reader.walk(Member, "phone", phone), None)
        return known is not None and known.operator


def knowledge_of(settings: Settings) -> Knowledge:
    """The rules, words and recognisers for these settings. Raises SmsmentorError when a data file cannot be read."""
    try:
        return resources.load(settings.rules, allowed_sites=settings.allowed_sites)
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise SmsmentorError(f"The data files in {resources.data_folder()} cannot be used: {error!r}") from error


def open_store(settings: Settings) -> TinyDBStore:
    """The store in the data folder, which is made when it is not there. Raises SmsmentorError."""
    make_folder(settings.data)
    try:
        return TinyDBStore(settings.store_path, key=settings.store_key)
    except StoreDamaged as error:
        raise _with_way_back(error, settings) from None


def open_to_look(settings: Settings) -> StoreView:
    """The store in the data folder, which is there, for who only looks. Raises SmsmentorError with what to do."""
    try:
        return tinydb.open_to_look(settings.store_path, settings.store_key)
    except StoreDamaged as error:
        raise _with_way_back(error, settings) from None
    except StoreUnwritable as error:
        raise StoreUnwritable(
            f"{error}\nTo read it, copy the store's files together to a disk that can be written to (cp -p "
            f"{settings.store_path}* /another/disk/), the server stopped, and name that folder with SMSMENTOR_DATA."
        ) from error


def _with_way_back(error: StoreDamaged, settings: Settings) -> StoreDamaged:
    """The error with what to do: nothing is half loaded, and nothing was changed."""
    from smsmentor.backup import copies

    try:
        found = copies(settings.backups_path)
    except StoreError as problem:
        return StoreDamaged(f"{error}\n{problem} Copies may be there. Keep the file as it is.")
    if not found:
        return StoreDamaged(f"{error}\nThere is no copy in {settings.backups_path}. Keep the file as it is.")
    newest = f"{found[0].made:%Y-%m-%d %H:%M} UTC"
    return StoreDamaged(f"{error}\n`smsmentor restore` puts back the newest of {len(found)} copies, of {newest}.")


def make_folder(folder: Path) -> None:
    """A data folder, for its owner only. Raises SmsmentorError."""
    try:
        make_folders(folder)
    except OSError as error:
        raise SmsmentorError(f"The data folder {folder} cannot be made: {error.strerror}") from error


def build(settings: Settings, knowledge: Knowledge | None = None, *, start: datetime | None = None) -> App:
    """Put everything together. `start` is where the clock of simulated phones begins; now, when it is not given."""
    knowledge = knowledge or knowledge_of(settings)
    store = open_store(settings)
    try:
        check_use(store, settings)
    except SmsmentorError:
        store.close()
        raise
    engine: Engine
    if settings.has_account:
        engine = Carrier(settings, store, SystemClock(), knowledge)
    else:
        clock = SetClock(start or SystemClock().now())
        engine = Phones(store, clock, knowledge, any_host=settings.phones_open)
    return App(settings, store, engine)


def check_use(store: TinyDBStore, settings: Settings) -> None:
    """Raise SmsmentorError where people would be texted what was only tried, or tries would mix with their texts."""
    with store.reading() as reader:
        if settings.reaches_people and played.was_played(reader):
            raise SmsmentorError(
                f"Simulated phones have texted on the data of {settings.data}: with an account, what they asked would "
                "be texted to real mentors. `smsmentor clear-play` clears it and keeps mentors and operators."
            )
        if not settings.has_account and played.has_served(reader):
            raise SmsmentorError(
                f"The data of {settings.data} has served people, and no carrier's account is set: simulated phones "
                "would mix with their texts. Set the account, or try in another folder: SMSMENTOR_DATA, or `smsmentor "
                "try`."
            )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder for one serving process. Raises SmsmentorError when another one has it, or for the disk."""
    with _lock_file(folder / LOCK) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip()
            raise SmsmentorError(
                f"Another smsmentor is serving {folder}{f' (process {holder})' if holder else ''}. "
                "Stop it first, or name another folder with SMSMENTOR_DATA."
            ) from None
        # On a full disk it is held all the same, and only does not say by whom.
        with suppress(OSError):
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        yield


def _lock_file(path: Path) -> BinaryIO:
    """For its owner only: whoever can open it can hold the lock."""
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            number = os.open(path, flags | os.O_EXCL, 0o600)
            hand_over(number, path.parent / STORE, path.parent)
        except FileExistsError:
            number = os.open(path, flags, 0o600)
        if path.is_file():  # one of a former version
            with suppress(OSError):
                os.fchmod(number, 0o600)
        return os.fdopen(number, "ab+", buffering=0)  # what a buffer could not write would be tried again at its close
    except OSError as error:
        if why := refusal(path.parent, path):
            raise SmsmentorError(f"The data cannot be used. {why}") from error
        raise SmsmentorError(
            f"The data folder {path.parent} cannot be written ({error.strerror}). "
            "`smsmentor doctor` says what is wrong with it."
        ) from error


def listen(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    """A socket on an address; with `or_any` on a free port when this one is taken. Raises SmsmentorError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if or_any and port:
            return listen(host, 0)
        why = str(error.strerror).partition(" (while ")[0]
        fix = (
            "Name another one with --port or SMSMENTOR_PORT; 0 takes any free one."
            if error.errno in (errno.EADDRINUSE, errno.EACCES)
            else "Name an address of this machine with --host or SMSMENTOR_HOST."
        )
        raise SmsmentorError(f"{host} port {port} cannot be listened on ({why}). {fix}") from error
    listener.setblocking(False)
    return listener


def _is_sent(store: TinyDBStore, provider_id: str) -> bool:
    with store.reading() as reader:
        return next(reader.walk(OutText, "provider_id", provider_id), None) is not None


def _cast(store: TinyDBStore) -> Mapping[str, str]:
    """Whose phones the page shows besides those with texts: somebody new who asks, two mentors, and the operator.

    Also after a restart, so that nobody is gone who was on the page and had no text yet.
    """
    with store.reading() as reader:
        members = reader.walk(Member, "mentor", "yes")
        mentors = [member.phone for _, member in zip(range(2), members, strict=False)]
        operators = [member.phone for _, member in zip(range(1), reader.walk(Member, "operator", "yes"), strict=False)]
    return {MENTEE: "Mentee 1"} | dict.fromkeys(mentors, "") | dict.fromkeys(operators, "Operator")
