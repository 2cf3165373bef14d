"""`smsmentor carrier`: what the carrier has to know of us, and sending again after a fault of the account."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.carrier_setup import CarrierSetup, Change
    from smsmentor.gateways.twilio import TwilioSettings

FALLBACK_HINT = (
    "No fallback URL: while this host is down, texters hear nothing. docs/carrier.md says how to make one for free."
)


@click.group()
def carrier() -> None:
    """Set up and check our numbers at the carrier."""


@carrier.command()
@click.option("--public-url", required=True, metavar="URL", help="Where the carrier reaches us, like https://host.")
@click.option("--fallback-url", default="", metavar="URL", help="A static answer elsewhere, for when we are down.")
@click.option("--yes", is_flag=True, help="Change without asking.")
def setup(public_url: str, fallback_url: str, yes: bool) -> None:
    """Point the numbers, or the messaging service, to this service, after showing what changes."""
    from smsmentor.gateways.twilio import web_address

    for url in (public_url, fallback_url):
        if url and not (web_address(url) and url.startswith("https://")):
            raise SmsmentorError(f"{url} is not an address like https://host: without ? and #, and with TLS.")
    account, setup = _account()
    changes = setup.changes(public_url, fallback_url)
    _show(changes)
    if changes and (yes or click.confirm("Change this at the carrier?", err=True)):
        setup.apply(changes)
        left = setup.changes(public_url, fallback_url)
        if left:
            raise SmsmentorError("The carrier has not taken all of it. Run `smsmentor carrier check`.")
        click.echo("Done.")
    if public_url.rstrip("/") != account.public_url.rstrip("/"):
        click.echo(f"Set SMSMENTOR_PUBLIC_URL={public_url} too: signatures are checked with it.")
    if not fallback_url:
        click.echo(FALLBACK_HINT)


@carrier.command()
@click.option("--fallback-url", default="", metavar="URL", help="The static answer that should be set.")
def check(fallback_url: str) -> None:
    """Compare what is set at the carrier with what this service needs; exit code 1 when it differs."""
    account, setup = _account()
    changes = setup.changes(account.public_url, fallback_url)
    _show(changes)
    if changes:
        click.echo(f"Put it right with: smsmentor carrier setup --public-url {account.public_url}")
        sys.exit(1)


@carrier.command()
def resume() -> None:
    """Try to send at once after a fault of the account was mended."""
    import asyncio

    from smsmentor.app import knowledge_of, open_store
    from smsmentor.core import halt
    from smsmentor.core.events import Act
    from smsmentor.ports import SetClock
    from smsmentor.service import Service
    from smsmentor.settings import load

    settings = load()
    store = open_store(settings)
    try:
        with store.reading() as reader:
            stopped = halt.read(reader)
        if stopped is None:
            click.echo("Sending is not stopped.")
            return
        now = datetime.now(UTC)
        act = Act(f"resume:{now.isoformat()}", "resume", by="command line")
        asyncio.run(Service(store, SetClock(now), knowledge_of(settings)).receive(act))
        click.echo("The running service tries one text now, and sends the rest when that is taken.")
    finally:
        store.close()


def _account() -> tuple[TwilioSettings, CarrierSetup]:
    from smsmentor.carrier_setup import CarrierSetup
    from smsmentor.settings import load

    account = load().twilio
    if account is None:
        raise SmsmentorError("There is no carrier's account in the settings: the phones are simulated.")
    return account, CarrierSetup(account)


def _show(changes: list[Change]) -> None:
    if not changes:
        click.echo("All is set at the carrier as it should be.")
    for change in changes:
        click.echo(f"{change.where}: {change.name}")
        click.echo(f"  - {change.now or '(empty)'}")
        click.echo(f"  + {change.wanted or '(empty)'}")
