"""Situations in which a text can come: story files that end where the text of the person named Me begins."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from smsmentor.core import members
from smsmentor.core.decide import decide
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Fact, Member
from smsmentor.core.turn import Turn
from smsmentor.rig import Rig
from smsmentor.story import Story, Teller
from tests.rigs import keep_running, memory_rig

FOLDER = Path(__file__).parent / "scenes"
NAMES = tuple(path.stem for path in sorted(FOLDER.glob("*.sms")))
ME = "Me"


@dataclass(frozen=True)
class Played:
    """What a text did: nothing of it is kept, so that the next text meets the same situation."""

    turn: Turn
    sender: str
    settled: tuple[Fact, ...]
    texts: tuple[tuple[str, str, str], ...]
    """To whom, text id and words of every text that it sent, with the situation's names and codes."""

    @property
    def outcome(self) -> str:
        """As the tables write it: `command PASS`, `relayed`, `held`."""
        data = self.settled[0].data
        return f"{data['outcome']} {data.get('command', '')}".strip()

    @property
    def reason(self) -> str:
        """Why, where the outcome has a reason."""
        return str(self.settled[0].data.get("reason", ""))


class Situation:
    """A situation played once, in which any number of texts can be tried."""

    def __init__(self, name: str, settings: dict[str, str] | None = None) -> None:
        self.name = name
        path = FOLDER / f"{name}.sms"
        self.story = Story(path.name, path.read_text(encoding="utf-8"))
        self.teller = asyncio.run(self._play({**self.story.settings, **(settings or {})}))
        self.rig: Rig = self.teller.rig

    async def _play(self, settings: dict[str, str]) -> Teller:
        rig = await memory_rig(self.story.start, {**settings, "zone": self.story.zone.key})
        teller = Teller(self.story, rig, keep_running)
        await teller.play()
        return teller

    @property
    def now(self) -> datetime:
        """When the text comes: late enough not to be the last text over again."""
        return self.rig.clock.now() + timedelta(seconds=5)

    @property
    def phone(self) -> str:
        """The number of Me."""
        return self.story.cast[ME]

    def text(self, body: str, *, media: int = 0, verbatim: bool = False, lang: str = "") -> Played:
        """What the service makes of a text from Me, who writes in `lang`; `verbatim` leaves codes as they are."""
        body = body if verbatim else self.real(body)
        event = Inbound(f"SM-{abs(hash((self.name, body)))}", self.phone, body, self.now, media=media)
        with self.rig.store.reading() as reader:
            turn = Turn(reader, self.now, event.id, self.rig.knowledge)
            me = members.by_phone(turn, self.phone)
            if lang and me is not None:
                turn.save(replace(me, lang=lang))
            decide(turn, event)
            texts = tuple(self._sent(turn))
        settled = tuple(fact for fact in turn.facts if fact.fact == "text.settled")
        return Played(turn, self.phone, settled, texts)

    def real(self, body: str) -> str:
        """The text with the real codes for those of the story, also where they are written `K 43` or `k-43`."""
        for real, alias in self.teller.codes.items():
            body = re.sub(
                rf"\b{alias[0]}([ .-]?){alias[1:]}\b", rf"{real[0]}\g<1>{real[1:]}", body, flags=re.IGNORECASE
            )
        return body

    def member(self) -> Member | None:
        """The record of Me, before the text."""
        with self.rig.store.reading() as reader:
            return next(iter(reader.walk(Member, "phone", self.phone)), None)

    def _sent(self, turn: Turn) -> Iterator[tuple[str, str, str]]:
        for text in turn.texts:
            name = self.teller.names.get(text.phone, text.phone)
            yield name, text.text_id, self.teller._shown(text.body)


@cache
def situation(name: str) -> Situation:
    """A situation by the name of its file, played once for all tests."""
    return Situation(name)
