"""The subcommand `clear-play`: from trying on simulated phones to the real thing."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsmentor.cli_kit import all_or_nothing, need_store, take
from smsmentor.errors import SmsmentorError
from smsmentor.units import counted

if TYPE_CHECKING:
    from smsmentor.core.events import Act
    from smsmentor.ports import Reader
    from smsmentor.settings import Settings


@click.command("clear-play")
@click.option("--yes", is_flag=True, help="Do not ask.")
@all_or_nothing()
def clear_play(yes: bool) -> None:
    """Clear what was tried on simulated phones; mentors and operators stay. The server has to be stopped.

    Questions, texts, counts, and times that a moved clock has set go, also what mentors have set by text (PAUSE and its
    like). A list of mentors can be taken again afterwards.
    """
    from smsmentor.app import only_one, open_store
    from smsmentor.core.played import has_served, was_played
    from smsmentor.settings import load

    settings = load()
    need_store(settings)
    with only_one(settings.data):
        with closing(open_store(settings)) as store, store.reading() as reader:
            if has_served(reader):
                raise SmsmentorError("This data has served people: nothing was cleared. `smsmentor restore` goes back.")
            if not was_played(reader):
                click.echo("No text came from simulated phones. Nothing was cleared.")
                return
            kept, left_out = _people(reader)
        if not yes:
            click.confirm(f"Clear all questions and texts in {settings.store_path}?", abort=True)
        former = _begin_anew(settings, kept)
    mentors = sum(act.name == "mentor" for act in kept)
    click.echo(f"Cleared. Kept: {counted(mentors, 'mentor')}, {counted(len(kept) - mentors, 'operator')}.")
    if left_out:
        who = counted(left_out, "mentor")
        click.echo(f"{who} joined or came back on simulated phones: import the list again to have them.")
    click.echo(f"The former data is kept as {former}; remove it when all is well.")


def _people(reader: Reader) -> tuple[list[Act], int]:
    """Who is taken over, as acts that make them anew, and how many mentors are not: no list says that they agreed."""
    from smsmentor.core.acts import MENTOR_FIELDS
    from smsmentor.core.events import Act
    from smsmentor.core.model import Member

    acts, left_out = [], 0
    for member in reader.walk(Member, "mentor", "yes"):
        if member.consent_how == "operator's list":
            fields = {name: getattr(member, name) for name in MENTOR_FIELDS}
            args = {**fields, "phone": member.phone, "consented": member.consented}
            acts.append(Act(f"kept:mentor:{member.id}", "mentor", args, by="import"))
        else:
            left_out += 1
    for member in reader.walk(Member, "operator", "yes"):
        args = {"phone": member.phone, "alias": member.alias}
        acts.append(Act(f"kept:operator:{member.id}", "operator", args, by="import"))
    return acts, left_out


def _begin_anew(settings: Settings, acts: list[Act]) -> Path | None:
    """A new store with these people in the place of the former one, whose path is returned."""
    from smsmentor import backup
    from smsmentor.app import SystemClock, knowledge_of
    from smsmentor.service import Service
    from smsmentor.stores.drafts import drafting
    from smsmentor.stores.tinydb import TinyDBStore

    now = datetime.now(UTC)
    with drafting(settings.data, settings.store_path) as folder:
        with closing(TinyDBStore(folder / settings.store_path.name, key=settings.store_key)) as store:
            asyncio.run(take(Service(store, SystemClock(), knowledge_of(settings)), acts))
            copy = backup.make(store, folder, now)
        former, _ = backup.restore(copy, settings.store_path, now, "", settings.store_key)
    return former
