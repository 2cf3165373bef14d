"""Texts that never reached our webhook: read from the carrier's list and brought through the same door."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from smsmentor.core.events import Act, Inbound
from smsmentor.core.model import Tally, Text
from smsmentor.errors import SmsmentorError, StoreError
from smsmentor.ports import Gateway, Missed
from smsmentor.service import Service

log = logging.getLogger(__name__)

MARK = "caught up"
"""The tally that remembers up to when the list has been read."""
OVERLAP = timedelta(days=1)
"""Lists are filtered by day, and a text may be put on them late: each look goes back so far."""
LONGEST = timedelta(days=30)
"""Texts that are older mean nothing to anybody any more; the carrier may not have them either."""
EVERY, SOON = timedelta(minutes=15), timedelta(seconds=30)
"""Between two looks; and after one that failed when we have just come back, doubling: the network may come after us."""
FRESH = timedelta(seconds=90)
"""What came just now may still be on its way to the webhook."""


class CatchUp:
    """Finds what the webhook missed. Running it twice, or beside the webhook, changes nothing: an id counts once."""

    def __init__(self, service: Service, gateway: Gateway) -> None:
        self.service = service
        self.gateway = gateway
        self.looked: datetime | None = None
        """When the list was last read to its end, or there was nothing to read."""

    async def run(self) -> int:
        """Read the list and bring in what is not known; returns how many texts that were.

        At the very first run there is nothing to catch up with: what was texted before belongs to nobody here.
        A list that cannot be read now is logged and read from the same moment next time. A text that we stumble over
        is logged, tried again for a day, and keeps none of the others out.
        Raises StoreError when a text could not be kept; those before it are.
        """
        now = self.service.clock.now()
        if not self.gateway.capabilities.lists_inbound:
            self.looked = now
            return 0
        mark = self._mark()
        if mark is None:
            await self._move_mark(now)
            self.looked = now
            return 0
        try:
            listed = await self.gateway.missed(max(mark - OVERLAP, now - LONGEST))
        except SmsmentorError as problem:
            log.warning("Texts that may have been missed cannot be read now: %s", problem)
            return 0
        found = [text for text in self._unknown(listed) if text.at <= now - FRESH]
        for text in in_order(found, self._is_carrier_word):
            inbound = Inbound(text.id, text.sender, text.body, text.at, media=text.media, to=text.to)
            try:
                await self.service.receive(inbound)
            except StoreError:
                raise
            except Exception:
                log.exception("Text %s of the carrier's list could not be taken in", text.id)
        if found:
            log.warning("%d texts had not reached the webhook and were caught up", len(found))
        await self._move_mark(now - FRESH)
        self.looked = now
        return len(found)

    async def forever(self, sleep: Callable[[float], Awaitable[None]], stopped: Callable[[], bool]) -> None:
        """Run at start and then at a gentle interval, until told to stop. What goes wrong is logged and tried again."""
        failed = 0
        while not stopped():
            try:
                await self.run()
            except Exception:
                # Whatever it is: a service that silently reads the list no more loses texts.
                log.exception("Catching up failed and will be tried again")
            failed = 0 if self.looked else failed + 1
            rest = min(SOON * 2 ** min(failed - 1, 9), EVERY) if failed else EVERY
            await sleep(rest.total_seconds())

    def _unknown(self, listed: Sequence[Missed]) -> list[Missed]:
        with self.service.store.reading() as reader:
            return [text for text in listed if reader.get(Text, text.id) is None]

    def _is_carrier_word(self, body: str) -> bool:
        return self.service.knowledge.carrier.read(body) in ("stop", "start")

    def _mark(self) -> datetime | None:
        with self.service.store.reading() as reader:
            tally = reader.get(Tally, MARK)
        return datetime.fromtimestamp(tally.values["until"], UTC) if tally else None

    async def _move_mark(self, to: datetime) -> None:
        act = Act(f"{MARK}:{to.isoformat()}", "caught up", {"until": to}, by="catch-up")
        await self.service.receive(act)


def in_order(found: Sequence[Missed], is_carrier_word: Callable[[str], bool]) -> list[Missed]:
    """The order in which missed texts are brought in: opt-outs and opt-ins first, then the rest, each as they came.

    Somebody who has left must not be answered on what they wrote before.
    """
    by_time = sorted(found, key=lambda text: (text.at, text.id))
    return sorted(by_time, key=lambda text: not is_carrier_word(text.body))
