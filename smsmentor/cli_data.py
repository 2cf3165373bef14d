"""The subcommands on the data folder: import, export, stats, op. All work while the server runs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.core.events import Act
    from smsmentor.core.knowledge import Knowledge
    from smsmentor.ports import Reader
    from smsmentor.service import Service
    from smsmentor.settings import Settings
    from smsmentor.stores.tinydb import TinyDBStore

AT_ONCE = 64
"""Acts that are given to the store together, so that they share a commit."""


@click.command("import")
@click.argument("csv_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--skip-bad", is_flag=True, help="Take the good lines and leave out the bad ones.")
def import_(csv_file: Path, dry_run: bool, skip_bad: bool) -> None:
    """Take mentors from a CSV file. Giving it again changes nothing that is the same."""
    from smsmentor import roster

    with open_service() as service:
        lines = _lines(csv_file)
        found = roster.read(lines, service.knowledge, service.clock.now())
        for name in found.ignored:
            click.echo(f"The column {name or '(without a name)'} is not known and is left out.", err=True)
        for line in (*found.notes, *found.problems):
            click.echo(line, err=True)
        if found.problems and not (skip_bad and found.acts):
            click.echo(f"Nothing was taken. {_those(len(found.acts))} good: --skip-bad takes these.", err=True)
            sys.exit(1)
        with service.store.reading() as reader:
            news = news_among(reader, found.acts)
        if not dry_run:
            asyncio.run(take(service, news))
        same = len(found.acts) - len(news)
        click.echo(f"{len(news)} {'would be ' if dry_run else ''}taken or changed, {same} the same as before.")


@click.command()
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The file (json) or folder (csv) to write.")
def export(form: str, out: Path | None) -> None:
    """Everything that is kept: a JSON file that a stock TinyDB opens, or CSV files."""
    from smsmentor.export import to_csv

    with open_data() as store:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"smsmentor-{stamp}"
        try:
            if form == "csv":
                with store.reading() as reader:
                    written = to_csv(reader, out or Path(name))
            else:
                target = out / f"{name}.json" if out and out.is_dir() else out or Path(f"{name}.json")
                store.export_json(target)
                written = [target]
        except OSError as error:
            raise SmsmentorError(f"{error.filename or out} cannot be written: {error.strerror}") from error
        for path in written:
            click.echo(path)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def stats(as_json: bool) -> None:
    """Counts of people, questions and texts, what they have cost, and how the pool is."""
    from smsmentor import cli_pool
    from smsmentor.core.bill import bill, lines
    from smsmentor.settings import load

    with open_data() as store, store.reading() as reader:
        counts = count(reader)
        cost = bill(reader, datetime.now(UTC), load().rules)
        bill_lines = list(lines(reader, cost))
        pool = cli_pool.health_of(reader)
    if as_json:
        click.echo(json.dumps({**counts, "cost": cost, "pool": pool.figures}, indent=1))
        return
    for name, value in counts.items():
        parts = value if isinstance(value, dict) else {}
        said = ", ".join(f"{n} {part}" for part, n in parts.items())
        total = sum(parts.values()) if isinstance(value, dict) else value
        click.echo(f"{name.replace('_', ' ')}: {total}{f' ({said})' if said else ''}")
    for line in (*bill_lines, "", cli_pool.as_table(pool)):
        click.echo(line)


@click.group("op")
def operators() -> None:
    """The operators."""


@operators.command("add")
@click.argument("phone")
@click.argument("name")
def add_operator(phone: str, name: str) -> None:
    """Let a phone give operator commands, and page it."""
    from smsmentor.core.events import Act
    from smsmentor.roster import phone_of

    with open_service() as service:
        number = phone_of(phone, service.knowledge.rules.country)
        if number is None:
            raise click.BadParameter("write the number with its country, like +12125550123", param_hint="PHONE")
        act = Act(f"op:{service.clock.now().isoformat()}", "operator", {"phone": number, "alias": name}, by="cli")
        asyncio.run(take(service, [act]))
    click.echo(f"{name} is an operator now.")


# Shared


def pool_of(path: Path, knowledge: Knowledge, start: datetime, *, run: str = "") -> list[Act]:
    """The mentors of a CSV whose every line is good, for a clock that begins at `start`: see `roster.read`.

    A story may be set before the day on which its mentors agreed. Raises SmsmentorError with all that is not good.
    """
    from smsmentor import roster

    found = roster.read(_lines(path), knowledge, max(start, datetime.now(UTC)), run=run)
    if found.problems:
        raise SmsmentorError("\n".join(f"{path.name}: {problem}" for problem in found.problems))
    return found.acts


def news_among(reader: Reader, acts: Sequence[Act]) -> list[Act]:
    """The acts of a list of mentors that would change something."""
    from smsmentor.core.model import Member
    from smsmentor.roster import is_news

    return [act for act in acts if is_news(act, next(reader.walk(Member, "phone", str(act.args["phone"])), None))]


async def take(service: Service, acts: Sequence[Act]) -> None:
    """Hand acts to the service, in groups that share commits."""
    for start in range(0, len(acts), AT_ONCE):
        await asyncio.gather(*(service.receive(act) for act in acts[start : start + AT_ONCE]))


def count(reader: Reader) -> dict[str, Any]:
    """What is kept, counted: members by state, mentors, requests, texts by outcome and drops by reason, the outbox."""
    from smsmentor.core.model import Member, OutText, Request, Text

    members, mentors, outcomes, sent = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    dropped = Counter[str]()
    segments = 0
    for member in reader.all(Member):
        members[member.state] += 1
        if member.mentor:
            mentors["paused" if member.paused else member.state] += 1
    requests = Counter(request.status for request in reader.all(Request))
    for text in reader.all(Text):
        outcomes[text.outcome or "without an outcome"] += 1
        if text.outcome == "dropped":
            dropped[text.detail] += 1
    for out in reader.all(OutText):
        sent[out.status] += 1
        segments += out.segments if out.provider_id else 0
    return {
        "members": dict(members),
        "mentors": dict(mentors),
        "requests": dict(requests),
        "texts_in": dict(outcomes),
        "texts_dropped": dict(dropped),
        "texts_out": dict(sent),
        "segments_sent": segments,
    }


def _those(number: int) -> str:
    return "1 line is" if number == 1 else f"{number} lines are"


def _lines(path: Path) -> list[str]:
    from smsmentor.roster import lines_of

    try:
        return lines_of(path)
    except OSError as error:
        raise SmsmentorError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def open_data() -> Iterator[TinyDBStore]:
    """The store of the data folder."""
    from smsmentor.app import open_store
    from smsmentor.settings import load

    with closing(open_store(load())) as store:
        yield store


@contextmanager
def open_service() -> Iterator[Service]:
    """A service on the data folder, beside one that may be running."""
    from smsmentor.app import SystemClock, knowledge_of, open_store
    from smsmentor.service import Service
    from smsmentor.settings import load

    settings: Settings = load()
    with closing(open_store(settings)) as store:
        yield Service(store, SystemClock(), knowledge_of(settings))
