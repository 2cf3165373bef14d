"""`smsmentor play --json`: one JSON object a line in, one a line out. A public, stable interface (docs/play.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from smsmentor.core.events import Event
from smsmentor.core.turn import Turn
from smsmentor.gateways.simulator import Bubble
from smsmentor.rig import Rig
from smsmentor.units import read_span

Out = Callable[[dict[str, Any]], None]


class Player:
    """Plays inputs on a rig and hands out what happened, in order: texts sent, facts, then `done`."""

    def __init__(self, rig: Rig, out: Out, restart: Callable[[], Awaitable[None]]) -> None:
        self.rig = rig
        self.out = out
        self.restart = restart
        self.number = 0
        rig.watchers.append(self._facts)
        rig.phones.watchers.append(self._sent)

    async def line(self, line: str) -> None:
        """One input line. A line that cannot be read changes nothing and gets an `error`."""
        self.number += 1
        try:
            await self._play(self._read(line))
        except BadInput as error:
            self.out({"error": str(error)})
        self.out({"done": self.number})

    def _read(self, line: str) -> dict[str, Any]:
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            raise BadInput("not a JSON object on one line") from None
        if not isinstance(given, dict):
            raise BadInput("not a JSON object")
        return given

    async def _play(self, given: dict[str, Any]) -> None:
        match given:
            case {"from": str(sender), "body": str(body)}:
                if not all(_is_text(part) for part in (sender, body)):
                    raise BadInput("half of a surrogate pair is not a character")
                await self.rig.text(_number(sender), body, media=_whole(given.get("media", 0), "media"))
            case {"wait": str() | int() | float() as span} if not isinstance(span, bool):
                await self.rig.wait(_span(span))
            case {"receipt": str(provider_id), "status": str(status)}:
                await self.rig.receipt(provider_id, status, _whole(given.get("error") or 0, "error"))
            case {"fault": "gateway-down"}:
                self.rig.phones.faults.down = True
            case {"fault": "gateway-up"}:
                self.rig.phones.faults.down = False
                await self.rig.settle()
            case {"fault": "crash"}:
                await self.restart()
                await self.rig.settle()
            case {"fault": "again"}:
                await self.rig.again()
            case {"fault": other}:
                raise BadInput(f"no such fault: {other}; there are gateway-down, gateway-up, crash, again")
            case _:
                raise BadInput('expected "from" and "body", "wait", "receipt" and "status", or "fault"')

    def _sent(self, bubble: Bubble) -> None:
        if bubble.direction == "out" and bubble.status == "sent":
            self.out(
                {
                    "at": stamp(bubble.at),
                    "id": bubble.id,
                    "to": bubble.phone,
                    "body": bubble.body,
                    "text_id": bubble.text_id,
                    "segments": bubble.segments,
                    "encoding": bubble.encoding,
                }
            )

    def _facts(self, event: Event, turn: Turn) -> None:
        for fact in turn.facts:
            self.out({"at": stamp(fact.at), "fact": fact.fact, **fact.data})


class BadInput(ValueError):
    """An input that cannot be read; its text says why."""


async def play_lines(player: Player, lines: Iterable[str]) -> None:
    """Play every line that is not blank."""
    for line in lines:
        if line.strip():
            await player.line(line)


def stamp(at: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _span(given: str | float) -> timedelta:
    try:
        found = timedelta(seconds=given) if isinstance(given, int | float) else read_span(given)
    except (ValueError, OverflowError):  # not a number, infinity
        found = None
    if found is None or found < timedelta(0) or found > timedelta(days=366):
        raise BadInput(f"not a length of time: {given}; write it like 30s, 10m, 2h, 7d or 1h30m")
    return found


def _number(sender: str) -> str:
    """A phone number as the carrier writes it, `+1 212 555 0150` without its blanks; a machine's short code or name."""
    bare = re.sub(r"[\s().-]", "", sender)
    if re.fullmatch(r"\+\d{3,15}", bare):
        return bare
    if re.fullmatch(r"\d{3,8}|(?=.*[A-Za-z])[\w &.-]{1,11}", sender):
        return sender
    raise BadInput(f"not a phone number: {sender}; write it like +12125550150")


def _is_text(words: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in words)


def _whole(given: object, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadInput(f"{name} is not a whole number, 0 or more")
    return given
