"""`smsmentor carrier`: what the carrier has to know of us, and going on after a fault of the account or of a number."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from smsmentor.cli_kit import open_data, open_service
from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.carrier_setup import CarrierSetup, Change
    from smsmentor.gateways.twilio import TwilioSettings

FALLBACK_HINT = (
    "No fallback URL: while this host is down, texters hear nothing. `smsmentor carrier fallback` prints the answer, "
    "and docs/carrier.md says where to put it."
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
@click.option("--lang", default="", help="The language; the service's own, when it is not given.")
def fallback(lang: str) -> None:
    """Print the static answer for the carrier's fallback URL: what texters hear while this host is down."""
    from xml.sax.saxutils import escape

    from smsmentor.app import knowledge_of
    from smsmentor.settings import load

    knowledge = knowledge_of(load())
    lang = lang or knowledge.rules.lang
    if lang not in knowledge.words.languages:
        raise SmsmentorError(f"There are messages in {', '.join(knowledge.words.languages)}.")
    lines = knowledge.hotline_words(lang)
    words = knowledge.words.text(lang, "carrier.fallback", service=knowledge.rules.name, lines=lines)
    click.echo('<?xml version="1.0" encoding="UTF-8"?>')
    click.echo(f"<Response><Message>{escape(words)}</Message></Response>")


@carrier.command()
def resume() -> None:
    """Try to send at once after a fault of the account was mended."""
    import asyncio

    from smsmentor.core import halt
    from smsmentor.core.events import Act
    from smsmentor.core.model import OutText
    from smsmentor.units import counted

    with open_service() as service:
        with service.store.reading() as reader:
            stopped = halt.read(reader)
            waits = next(reader.walk(OutText, "pending", "yes"), None) is not None
        if stopped is None:
            click.echo("Sending is not stopped.")
            return
        now = service.clock.now().isoformat()
        asyncio.run(service.receive(Act(f"resume:{now}", "resume", by="command line")))
    when = "now" if waits else "as soon as there is one, for none waits"
    rest = f"{counted(halt.REPORT // timedelta(minutes=1), 'minute')} after" if stopped.reported else "when"
    unless = ", unless the carrier reports the fault again" if stopped.reported else ""
    click.echo(f"The running service tries one text {when}, and sends the rest {rest} that is taken{unless}.")


@carrier.command("parked")
def parked_() -> None:
    """The numbers that cannot be texted, and why."""
    from smsmentor.alarm import parked_members
    from smsmentor.core.carrier_codes import CarrierCodes
    from smsmentor.resources import data_folder, read_toml

    codes = CarrierCodes(read_toml(data_folder() / "carrier_codes.toml"))
    with open_data() as store, store.reading() as reader:
        found = parked_members(reader)
    for member in found:
        meaning = codes.of(member.parked)
        why = f"{member.parked}: {meaning.meaning}" if meaning else str(member.parked or "They said: wrong number.")
        role = "mentor" if member.mentor else "mentee"
        click.echo(f"{member.id}  {member.alias or '(no alias)'}, {role}. {why}")
    if found:
        click.echo("They come back by themselves when they text. If you know that it is still the same person:")
        click.echo("smsmentor carrier vouch and the id in front.")
    else:
        click.echo("Everybody can be texted.")


@carrier.command()
@click.argument("member")
def vouch(member: str) -> None:
    """Text a number again that was given up: MEMBER, an id from `parked`, is still the same person."""
    import asyncio

    from smsmentor.alarm import parked_members
    from smsmentor.core.events import Act

    with open_service() as service:
        with service.store.reading() as reader:
            found = next((parked for parked in parked_members(reader) if parked.id == member), None)
        if found is None:
            raise SmsmentorError(f"{member} is not parked. `smsmentor carrier parked` has the ids.")
        now = service.clock.now().isoformat()
        asyncio.run(service.receive(Act(f"vouch:{now}", "vouch", {"member": found.id}, by="command line")))
    click.echo(f"{found.alias or found.id} is texted again from now on.")


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
