"""Due timers become events."""

from __future__ import annotations

import logging

from smsmentor.core.events import Act, Fired
from smsmentor.core.model import Timer
from smsmentor.errors import StoreError
from smsmentor.service import Service

log = logging.getLogger(__name__)


async def fire_due(service: Service, limit: int = 100) -> int:
    """Fire every timer that has come due, earliest first; returns how many.

    A timer's own event moves or removes it, so that each pass finds only what is still to do. One that fails is
    put off for a while, so that a fault in one conversation does not hold up the others. Raises StoreError.
    """
    fired = 0
    while due := await service.store.due(service.clock.now(), limit):
        for timer in due:
            try:
                await service.receive(Fired(timer.id, timer.kind, timer.subject, timer.due))
            except StoreError:
                raise
            except Exception:
                log.exception("Timer %s of kind %s failed and is put off", timer.subject, timer.kind)
                await _put_off(service, timer)
            fired += 1
    return fired


async def _put_off(service: Service, timer: Timer) -> None:
    now = service.clock.now()
    await service.receive(Act(f"put off {timer.id} {now.isoformat()}", "put off", {"timer": timer.id}, by="ticker"))
