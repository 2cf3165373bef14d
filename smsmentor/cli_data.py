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

from smsmentor.cli_kit import (
    all_or_nothing,
    changes_among,
    left_alone_among,
    lines_of_file,
    news_among,
    open_data,
    open_service,
    opted_out_among,
    take,
)
from smsmentor.errors import SmsmentorError, StoreError

if TYPE_CHECKING:
    from smsmentor.core.model import Member
    from smsmentor.ports import Reader
    from smsmentor.service import Service


@click.command("import")
@click.argument("csv_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--skip-bad", is_flag=True, help="Take the good lines and leave out the bad ones.")
def import_(csv_file: Path, dry_run: bool, skip_bad: bool) -> None:
    """Take mentors from a CSV file. Giving it again changes nothing that is the same.

    Of somebody who was erased (FORGET ME) nothing is kept to know them again: take them out of the file, or it
    brings them back. Only a number that had opted out before is known, and refused.
    """
    from smsmentor import roster

    with open_service(new="pretended" if dry_run else "made") as service:
        lines = lines_of_file(csv_file)
        found = roster.read(lines, service.knowledge, service.clock.now())
        with service.store.reading() as reader:
            for act in opted_out_among(reader, found.acts):
                found.acts.remove(act)
                line = found.lines[str(act.args["phone"])]
                found.problems.append(
                    f"line {line}, phone: this number has opted out; only START from that phone brings it back"
                )
        for name in found.ignored:
            click.echo(f"The column {name or '(without a name)'} is not known and is left out.", err=True)
        for said in (*roster.said_once(found.notes), *roster.said_once(found.problems)):
            click.echo(said, err=True)
        if found.problems and not (skip_bad and found.acts):
            good = f" {_those(len(found.acts))} good: --skip-bad takes these." if found.acts else ""
            click.echo(f"Nothing was taken from {csv_file.name}.{good}", err=True)
            sys.exit(1)
        with service.store.reading() as reader:
            news = news_among(reader, found.acts)
            own = left_alone_among(reader, found.acts)
        if not dry_run:
            try:
                asyncio.run(take(service, news))
            except (StoreError, KeyboardInterrupt):
                click.echo("Some lines may have been taken. Give the command again to take the rest.", err=True)
                raise
        else:
            with service.store.reading() as reader:
                for act, changed in changes_among(reader, news):
                    click.echo(f"line {found.lines[str(act.args['phone'])]}: {act.args['alias'] or '-'}, {changed}")
        same = len(found.acts) - len(news)
        click.echo(f"{len(news)} {'would be ' if dry_run else ''}taken or changed, {same} the same as before.")
        if own:
            columns = ", ".join(sorted({name for names in own for name in names}))
            click.echo(f"{len(own)} set by text what the list says otherwise, which stays as it is: {columns}.")


@click.command()
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The file (json) or folder (csv) to write.")
@click.option("--force", is_flag=True, help="Also over what is there already.")
@all_or_nothing()
def export(form: str, out: Path | None, force: bool) -> None:
    """Everything that is kept: a JSON file that a stock TinyDB opens, or CSV files."""
    from smsmentor.export import to_csv

    with open_data() as store:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"smsmentor-{stamp}"
        if form == "csv":
            target = out or Path(name)
            if target.exists() and not target.is_dir():
                raise SmsmentorError(f"{target} is a file; as CSV it is a folder of several: name one.")
            taken = target.is_dir() and any(target.iterdir())
        else:
            target = out / f"{name}.json" if out and out.is_dir() else out or Path(f"{name}.json")
            taken = target.exists()
        if taken and not force:
            raise SmsmentorError(f"There is something in {target} already: name another one, or use --force.")
        try:
            if form == "csv":
                with store.reading() as reader:
                    written = to_csv(reader, target)
            else:
                store.export_json(target)
                written = [target]
        except OSError as error:
            raise SmsmentorError(
                f"{error.filename or target.absolute()} cannot be written: {error.strerror}"
            ) from error
        for path in written:
            click.echo(path.absolute())


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
    """Let a phone give operator commands, and page it. NAME is for somebody who has no alias yet."""
    from smsmentor.core.members import suppressed
    from smsmentor.roster import wrong_name

    if not any(letter.isalpha() for letter in name):
        raise click.BadParameter("give a name by which you know this person", param_hint="NAME")
    if problem := wrong_name("alias", name):
        raise click.BadParameter(problem, param_hint="NAME")
    with open_service() as service:
        number = _number_of(phone, service)
        with service.store.reading() as reader:
            if suppressed(reader, number):
                raise SmsmentorError("This number has opted out; only START from that phone brings it back.")
        member = _act_on_operator(service, "operator", {"phone": number, "alias": name.strip()})
    called = member.alias if member.alias else "This mentor, who has chosen no name,"
    click.echo(f"{called} is an operator now.")
    if member.state == "opted_out":
        click.echo("This number has opted out: it gets no page until START comes from that phone.", err=True)


@operators.command("list")
def list_operators() -> None:
    """Who the operators are. Of their numbers only the end is shown."""
    from smsmentor.core.model import Member
    from smsmentor.logs import mask
    from smsmentor.settings import load

    named = load().operators
    with open_data() as store, store.reading() as reader:
        found = list(reader.walk(Member, "operator", "yes"))
    for member in found:
        state = "" if member.state == "active" else f", {member.state.replace('_', ' ')}"
        origin = ", by SMSMENTOR_OPERATORS" if member.phone in named else ""
        click.echo(f"{member.alias or '(no name)'}  {mask(member.phone)}{state}{origin}")
    if not found:
        click.echo("There is no operator: nobody is paged. `smsmentor op add PHONE NAME` adds one.")


@operators.command("remove")
@click.argument("phone")
def remove_operator(phone: str) -> None:
    """Take the operator's commands and pages from a phone. Who is a mentor too stays one."""
    from smsmentor.core.model import Member
    from smsmentor.settings import load

    with open_service() as service:
        number = _number_of(phone, service)
        with service.store.reading() as reader:
            known = next(reader.walk(Member, "phone", number), None)
        if known is None or not known.operator:
            raise SmsmentorError("That number is no operator's. `smsmentor op list` has them.")
        if number in load().operators:
            raise SmsmentorError("The setting operators names this number: take it out there first.")
        member = _act_on_operator(service, "no operator", {"phone": number})
    click.echo(f"{member.alias or 'That number'} is no operator any more.")


def _number_of(phone: str, service: Service) -> str:
    from smsmentor.roster import phone_of

    number = phone_of(phone, service.knowledge.rules.country)
    if number is None:
        raise click.BadParameter("write the number with its country, like +12125550123", param_hint="PHONE")
    return number


def _act_on_operator(service: Service, name: str, args: dict[str, Any]) -> Member:
    """Do it, and give the member as it is then."""
    from smsmentor.core.events import Act
    from smsmentor.core.model import Member

    asyncio.run(take(service, [Act(f"op:{service.clock.now().isoformat()}", name, args, by="cli")]))
    with service.store.reading() as reader:
        return next(reader.walk(Member, "phone", args["phone"]))


def count(reader: Reader) -> dict[str, Any]:
    """What is kept, counted: members by state, mentors, requests, texts by outcome and drops by reason, the outbox."""
    from smsmentor.core.model import Member, OutText, Request, Text

    members, mentors, outcomes, sent = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    dropped = Counter[str]()
    segments = 0
    for member in reader.all(Member):
        # Whose number went to somebody else stays as a record only, and comes back no more.
        state = "number passed on" if member.state == "suspended" and not member.phone else member.state
        members[state] += 1
        if member.mentor:
            mentors["paused" if member.paused and state == "active" else state] += 1
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
