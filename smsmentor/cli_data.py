"""The subcommands on the data folder: import, export, stats, op. All work while the server runs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsmentor.cli_kit import lines_of_file, news_among, open_data, open_service, take
from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.ports import Reader


@click.command("import")
@click.argument("csv_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--skip-bad", is_flag=True, help="Take the good lines and leave out the bad ones.")
def import_(csv_file: Path, dry_run: bool, skip_bad: bool) -> None:
    """Take mentors from a CSV file. Giving it again changes nothing that is the same."""
    from smsmentor import roster

    with open_service() as service:
        lines = lines_of_file(csv_file)
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
