"""Due timers become events."""

from __future__ import annotations

from smsmentor.core.events import Fired
from smsmentor.service import Service


async def fire_due(service: Service, limit: int = 100) -> int:
    """Fire every timer that has come due, earliest first; returns how many.

    A timer's own event moves or removes it, so that each pass finds only what is still to do.
    """
    fired = 0
    while due := await service.store.due(service.clock.now(), limit):
        for timer in due:
            await service.receive(Fired(timer.id, timer.kind, timer.subject, timer.due))
            fired += 1
    return fired
