"""What subcommands share: the data folder opened, lists of mentors read and handed over, words of the command line."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.core.events import Act
    from smsmentor.core.knowledge import Knowledge
    from smsmentor.ports import Reader
    from smsmentor.service import Service
    from smsmentor.settings import Settings
    from smsmentor.stores.view import StoreView

AT_ONCE = 64
"""Acts that are given to the store together, so that they share a commit."""


@contextmanager
def open_data() -> Iterator[StoreView]:
    """The store of the data folder, for who only looks: on a disk that takes nothing it is read where it lies.

    Raises SmsmentorError, also when there is none: a mistyped folder is no empty one.
    """
    from smsmentor.app import open_to_look
    from smsmentor.settings import load

    settings: Settings = load()
    need_store(settings)
    with closing(open_to_look(settings)) as store:
        yield store


@contextmanager
def open_service(*, new: Literal["refused", "made", "pretended"] = "refused") -> Iterator[Service]:
    """A service on the data folder, beside one that may be running. `new` says what happens when there is no store yet.

    A pretended one is in memory. Raises SmsmentorError.
    """
    from smsmentor.app import SystemClock, knowledge_of, open_store
    from smsmentor.service import Service
    from smsmentor.settings import load
    from smsmentor.stores.memory import MemoryStore

    settings: Settings = load()
    if new == "refused":
        need_store(settings)
    there = new == "made" or settings.store_path.exists()
    with closing(open_store(settings) if there else MemoryStore()) as store:
        yield Service(store, SystemClock(), knowledge_of(settings))


def need_store(settings: Settings) -> None:
    """Raises SmsmentorError where there is no store: a mistyped folder is no empty one."""
    if not settings.store_path.exists():
        raise SmsmentorError(
            f"There is no store in {settings.data} (SMSMENTOR_DATA). `smsmentor serve` or `smsmentor import` makes one."
        )


def pool_of(path: Path, knowledge: Knowledge, start: datetime, *, run: str = "") -> list[Act]:
    """The mentors of a CSV whose every line is good, for a clock that begins at `start`: see `roster.read`.

    A story may be set before the day on which its mentors agreed. Raises SmsmentorError with all that is not good.
    """
    from smsmentor import roster

    found = roster.read(lines_of_file(path), knowledge, max(start, datetime.now(UTC)), run=run)
    if found.problems:
        raise SmsmentorError("\n".join(f"{path.name}: {problem}" for problem in roster.said_once(found.problems)))
    return found.acts


def opted_out_among(reader: Reader, acts: Sequence[Act]) -> list[Act]:
    """The acts for numbers that opted out and were erased: these come back by START only, and by no list."""
    from smsmentor.core.members import suppressed

    return [act for act in acts if suppressed(reader, str(act.args["phone"]))]


def news_among(reader: Reader, acts: Sequence[Act]) -> list[Act]:
    """The acts of a list of mentors that would change something."""
    from smsmentor.core.model import Member
    from smsmentor.roster import is_news

    return [act for act in acts if is_news(act, next(reader.walk(Member, "phone", str(act.args["phone"])), None))]


def changes_among(reader: Reader, acts: Sequence[Act]) -> Iterator[tuple[Act, str]]:
    """Each act of a list of mentors with what it would change, in words."""
    from smsmentor.core.model import Member
    from smsmentor.roster import changes

    for act in acts:
        yield act, changes(act, next(reader.walk(Member, "phone", str(act.args["phone"])), None))


def left_alone_among(reader: Reader, acts: Sequence[Act]) -> list[tuple[str, ...]]:
    """The columns that stay as a mentor set them by text, for each act of a list that says otherwise."""
    from smsmentor.core.model import Member
    from smsmentor.roster import left_alone

    own = (left_alone(act, next(reader.walk(Member, "phone", str(act.args["phone"])), None)) for act in acts)
    return [columns for columns in own if columns]


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Around a command that does its work whole or not at all: SIGTERM ends it as Ctrl-C does.

    So a draft with people's words goes at once, and whoever broke it off hears how things stand.
    """
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Broken off. Nothing is half done: give the command again.", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, former)


async def take(service: Service, acts: Sequence[Act]) -> None:
    """Hand acts to the service, in groups that share commits."""
    for start in range(0, len(acts), AT_ONCE):
        await asyncio.gather(*(service.receive(act) for act in acts[start : start + AT_ONCE]))


def lines_of_file(path: Path) -> list[str]:
    """The lines of a list of mentors. Raises SmsmentorError when the file cannot be read."""
    from smsmentor.roster import lines_of

    try:
        return lines_of(path)
    except OSError as error:
        raise SmsmentorError(f"{path} cannot be read: {error.strerror}") from error


def moment_of(text: str | None) -> datetime:
    """A moment as written on the command line; without an offset it is UTC."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text} is not a time; write it like 2026-03-03T18:00:00Z"
        raise click.BadParameter(problem, param_hint="the time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def pairs_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Settings as written on the command line, NAME=VALUE, by name."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{pair} is not NAME=VALUE", param_hint="--set")
        found[name.strip()] = value
    return found
