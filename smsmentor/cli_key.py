"""The subcommands `encrypt` and `decrypt`: what lies on the disk, with the key or without."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsmentor.cli_kit import all_or_nothing, need_store
from smsmentor.errors import SmsmentorError, StoreSealed

if TYPE_CHECKING:
    from smsmentor.settings import Settings


@click.command()
@click.option(
    "--old-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the key that the store has now, to give it another one.",
)
@all_or_nothing()
def encrypt(old_key_file: Path | None) -> None:
    """Encrypt the store with SMSMENTOR_STORE_KEY, or give it that key instead of another. The server has to be stopped.

    Without the key nobody can read the store again.
    """
    settings = _with_key()
    sealed = _is_sealed(settings)
    if old_key_file is not None:
        old = _key_in(old_key_file)
        if not sealed:
            raise SmsmentorError("The store is not encrypted: leave --old-key-file out.")
    else:
        # Given twice, it makes sure once more that nothing of the former form is left.
        old = settings.store_key if sealed else ""
    try:
        _change(settings, old, settings.store_key)
    except StoreSealed as error:
        if old_key_file is None:
            raise
        raise StoreSealed(f"The key in {old_key_file} is not the store's. Nothing was changed.") from error
    click.echo(f"{settings.store_path} is encrypted. Keep a second copy of the key in a safe place.")
    _say_copies(settings)


@click.command()
@all_or_nothing()
def decrypt() -> None:
    """Take the encryption off the store. The server has to be stopped."""
    from smsmentor.settings import load

    settings = load()
    need_store(settings)
    if not _is_sealed(settings):
        click.echo("The store is not encrypted.")
        return
    settings = _with_key()
    _change(settings, settings.store_key, "")
    click.echo(f"{settings.store_path} is not encrypted any more. Take SMSMENTOR_STORE_KEY away before the next start.")


def _with_key() -> Settings:
    from smsmentor.settings import load

    settings = load()
    if not settings.store_key:
        raise SmsmentorError(
            "Set SMSMENTOR_STORE_KEY, or SMSMENTOR_STORE_KEY_FILE, first. `openssl rand -base64 32` makes a key."
        )
    if not settings.store_path.exists():
        raise SmsmentorError(f"There is no store in {settings.data} yet; while the key is set, a new one is encrypted.")
    return settings


def _key_in(file: Path) -> str:
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SmsmentorError(f"{file} cannot be read as a key ({why}).") from error
    if not key:
        raise SmsmentorError(f"{file} is empty: it has to hold the key that the store has now.")
    return key


def _is_sealed(settings: Settings) -> bool:
    from smsmentor.stores.rows import is_sealed, plain_error

    try:
        return is_sealed(settings.store_path)
    except sqlite3.Error as error:
        raise plain_error(error, settings.store_path) from error


def _change(settings: Settings, old: str, new: str) -> None:
    from smsmentor.app import only_one
    from smsmentor.stores.rekey import change_key

    with only_one(settings.data):
        change_key(settings.store_path, old, new)


def _say_copies(settings: Settings) -> None:
    """What else holds the former form: only its owner can say when it is not needed any more."""
    from smsmentor.backup import copies

    former: list[Path] = []
    try:
        former = [copy.path for copy in copies(settings.backups_path)]
    except SmsmentorError as error:
        click.echo(f"{error} Look for copies there yourself.", err=True)
    former += sorted(settings.data.glob(f"{settings.store_path.name}.before-*"))
    if former:
        click.echo("Earlier copies are as they were made; remove them when all is well:")
        for path in former:
            click.echo(f"  {path}")
