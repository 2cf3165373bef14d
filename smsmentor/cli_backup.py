"""The subcommands `backup` and `restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsmentor.cli_kit import all_or_nothing, open_data
from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.settings import Settings


@click.command("backup")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder; SMSMENTOR_BACKUP_FOLDER.")
@click.option("--list", "listed", is_flag=True, help="Only say which copies there are.")
@all_or_nothing()
def make_backup(out: Path | None, listed: bool) -> None:
    """Make a verified copy of everything, also while the server runs."""
    from smsmentor import backup
    from smsmentor.settings import load

    settings = load()
    folder = out or settings.backups_path
    if listed:
        if not backup.copies(folder):
            click.echo(f"There is no copy in {folder}.")
        _list(folder)
        return
    with open_data() as store:
        made = backup.make(store, folder, datetime.now(UTC), settings.backup_key)
    click.echo(made)


@click.command()
@click.argument("copy", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--plain", is_flag=True, help="Also a copy that is not encrypted, although a key is set.")
@all_or_nothing()
def restore(copy: Path | None, yes: bool, plain: bool) -> None:
    """Put a copy in place of the data; without COPY the newest one. The server has to be stopped."""
    from smsmentor import backup
    from smsmentor.app import make_folder, only_one
    from smsmentor.settings import load

    settings = load()
    source = copy or _newest(settings)
    make_folder(settings.data)
    with only_one(settings.data):
        if not yes:
            click.confirm(f"Put {source} in place of {settings.store_path}?", abort=True)
        keys = settings.backup_key, settings.store_key
        former, waiting = backup.restore(source, settings.store_path, datetime.now(UTC), *keys, plain=plain)
    click.echo(f"{source} is in place, checked.")
    if former is not None:
        click.echo(f"The former data is kept as {former}; remove it when all is well: it holds people's texts.")
    if waiting and settings.has_account:
        click.echo(f"{waiting} texts waited in it; each is looked up at the carrier before it is sent.")
    if settings.has_account:
        click.echo("Start the server: texts that came since the copy was made are read from the carrier's list.")


def _newest(settings: Settings) -> Path:
    from smsmentor import backup

    found = backup.newest(settings.backups_path, datetime.now(UTC))
    if found is None:
        ahead = " but some dated in the future" if backup.copies(settings.backups_path) else ""
        raise SmsmentorError(
            f"There is no copy in {settings.backups_path}{ahead}. Name the file: smsmentor restore FILE"
        )
    return found.path


def _list(folder: Path) -> None:
    from smsmentor import backup

    now = datetime.now(UTC)
    for copy in backup.copies(folder):
        sealed = ", encrypted" if copy.sealed else ""
        ahead = ", dated in the future" if copy.made > now else ""
        click.echo(f"{copy.path}  {copy.made:%Y-%m-%d %H:%M} UTC, {copy.path.stat().st_size:,} bytes{sealed}{ahead}")
