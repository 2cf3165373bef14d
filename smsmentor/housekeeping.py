"""What is done beside the conversations: words whose time is over go, copies are made, the file is looked through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from smsmentor import backup
from smsmentor.core import retention
from smsmentor.core.events import Act
from smsmentor.errors import StoreDamaged, StoreError
from smsmentor.ports import Clock
from smsmentor.service import Service
from smsmentor.settings import Settings
from smsmentor.stores.drafts import clear_drafts
from smsmentor.stores.tinydb import TinyDBStore

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
MOST_EVENTS = 200
"""In one round: what is left waits for the next, so that a long pause is not made up for at once."""


class Housekeeping:
    """Runs beside a server. `clock` is the machine's, also where the phones' clock is moved by hand."""

    def __init__(self, service: Service, store: TinyDBStore, settings: Settings, clock: Clock) -> None:
        self.service = service
        self.store = store
        self.settings = settings
        self.clock = clock

    async def forever(self, sleep: Callable[[float], Awaitable[None]], damaged: Callable[[StoreDamaged], None]) -> None:
        """Look the file through once, then do a round now and then. What goes wrong is logged and tried again."""
        try:
            await asyncio.to_thread(self.store.check_pages)
        except StoreDamaged as error:
            damaged(error)
            return
        except StoreError:
            log.exception("The file could not be looked through")
        while True:
            try:
                self.store.check_place()
            except StoreDamaged as error:
                damaged(error)
                return
            try:
                await self.run()
            except StoreError as error:
                log.error("Housekeeping failed and will be tried again: %s", error)
            except Exception:
                # Whatever it is: words would be kept for too long, and no copies made, without anybody's knowing.
                log.exception("Housekeeping failed and will be tried again")
            await sleep(EVERY.total_seconds())

    async def run(self) -> None:
        """One round. Raises StoreError; what was done before it stays done."""
        if cleared := await self._clear():
            log.info("Words that were kept long enough have been cleared, in %d steps", cleared)
        await asyncio.to_thread(self.store.tidy)
        await asyncio.to_thread(self._copy)

    async def _clear(self) -> int:
        now, rules = self.service.clock.now(), self.service.knowledge.rules
        for number in range(MOST_EVENTS):
            with self.store.reading() as reader:
                if not retention.waits(reader, now, rules):
                    return number
            await self.service.receive(Act(f"clear:{now.isoformat()}:{number}", "clear", by="housekeeping"))
        return MOST_EVENTS

    def _copy(self) -> None:
        """In a thread."""
        folder, now = self.settings.backups_path, self.clock.now()
        for place in (self.store.path.parent, folder):
            try:
                clear_drafts(place)
            except OSError as error:
                raise StoreError(f"{place}: what a killed process left over stays ({error})") from error
        if not backup.due(folder, now, timedelta(hours=self.settings.backup_hours)):
            return
        try:
            made = backup.make(self.store, folder, now, self.settings.backup_key)
        except OSError as error:
            raise StoreError(f"no copy can be made in {folder} ({error.strerror})") from error
        removed = backup.prune(folder, now, timedelta(days=self.settings.backup_days))
        log.info("A copy was made: %s; %d old ones were removed", made.name, len(removed))
