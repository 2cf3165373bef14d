"""The command `smsmentor`: one function a subcommand; what costs time to import is imported by those that need it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsmentor import __version__
from smsmentor.cli_backup import make_backup, restore
from smsmentor.cli_carrier import carrier
from smsmentor.cli_clear import clear_play
from smsmentor.cli_data import export, import_, operators, stats
from smsmentor.cli_key import decrypt, encrypt
from smsmentor.cli_play import play, play_in_terminal
from smsmentor.cli_pool import what_if, why
from smsmentor.errors import SettingsError, SmsmentorError

if TYPE_CHECKING:
    from smsmentor.app import App
    from smsmentor.core.knowledge import Knowledge
    from smsmentor.settings import Settings

TRY_PORT = 8765
TRY_HOUR = 13
"""Local hour at which the clock of `try` begins: between the coasts of the sample pool nobody is asleep then."""
TRY_OPERATOR = "+12125550199"


class Commands(click.Group):
    """Turns our errors into a few lines and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo("The settings need attention:", err=True)
            for problem in error.problems:
                click.echo(f"- {problem}", err=True)
        except SmsmentorError as error:
            click.echo(str(error), err=True)
        except BrokenPipeError:
            raise  # who reads has seen enough: Click ends quietly
        except OSError as error:
            what = f"{error.filename} cannot be used" if error.filename else "What is to be said cannot be written"
            click.echo(f"{what}: {error.strerror or error}.", err=True)
        ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smsmentor", message="%(prog)s %(version)s")
def main() -> None:
    """Peer mentoring by text message, on your own host.

    New here? `smsmentor try` needs no account and sends nothing.
    """


main.add_command(play)
main.add_command(import_)
main.add_command(export)
main.add_command(stats)
main.add_command(why)
main.add_command(what_if)
main.add_command(operators)
main.add_command(clear_play)
main.add_command(carrier)
main.add_command(make_backup)
main.add_command(restore)
main.add_command(encrypt)
main.add_command(decrypt)


@main.command("try")
@click.option("--script", metavar="FILE", help="Play a story in the terminal instead: a .sms file, or a sample's name.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"{TRY_PORT} or another free one by default; 0 = any free.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--pool", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Your own mentors' CSV.")
def try_(script: str | None, host: str, port: int | None, no_browser: bool, pool: Path | None) -> None:
    """Simulated phones and sample mentors on this machine. Nothing is sent, nothing is kept."""
    import asyncio
    from tempfile import TemporaryDirectory

    from smsmentor.logs import set_up
    from smsmentor.settings import LOOPBACK, Settings

    set_up("text", "warning")
    if script is not None:
        sys.exit(play_in_terminal(script))
    from smsmentor import loop

    loop.start_without_looks_for_garbage()
    from smsmentor.app import build, knowledge_of, listen

    with TemporaryDirectory(prefix="smsmentor-") as folder:
        settings = Settings(Path(folder), host=host, phones_open=host not in LOOPBACK, backup_hours=0)
        knowledge = knowledge_of(settings)
        start = daytime(datetime.now(UTC), settings.rules.zone)
        asyncio.run(_fill(settings, knowledge, pool, start))
        listener = listen(host, TRY_PORT if port is None else port, or_any=port is None)
        app = build(settings, knowledge, start=start)

        def started(at: int) -> None:
            address = url(host, at)
            click.echo(f"Open {address}")
            click.echo("Text a question on the first phone, wait half a minute, and answer it on the mentors' phones.")
            click.echo("Nothing is sent and nothing is kept. Ctrl-C ends it.")
            if not no_browser and _has_browser():
                click.launch(address)

        loop.run(app.run(listener, started))


@main.command()
@click.option("--host", help="Where to listen; SMSMENTOR_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free one; SMSMENTOR_PORT or PORT.")
@click.option("--data", type=click.Path(file_okay=False), help="The data folder; SMSMENTOR_DATA.")
def serve(host: str | None, port: int | None, data: str | None) -> None:
    """Serve on your own data: with a carrier's account by text message, without one on simulated phones."""
    from contextlib import closing

    from smsmentor import loop

    loop.start_without_looks_for_garbage()
    from smsmentor.app import build, listen, make_folder, only_one
    from smsmentor.logs import set_up
    from smsmentor.settings import load

    settings = load(host=host, port=None if port is None else str(port), data=data)
    set_up(settings.log_format, settings.log_level)
    make_folder(settings.data)
    with only_one(settings.data), closing(listen(settings.host, settings.port)) as listener:
        app = build(settings)
        loop.run(app.run(listener, lambda at: _say_serving(app, at)), leaves=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--online", is_flag=True, help="Ask the carrier too.")
def doctor(as_json: bool, online: bool) -> None:
    """Say what is wrong, and how to put it right."""
    import json
    from dataclasses import asdict

    from smsmentor.doctor import examine

    checks = examine(os.environ, datetime.now(UTC), online=online)
    fine = all(check.mark != "fail" for check in checks)
    if as_json:
        click.echo(json.dumps({"fine": fine, "checks": [asdict(check) for check in checks]}, indent=1))
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for check in checks:
            click.echo(f"{click.style(check.mark.ljust(4), fg=colours[check.mark])}  {check.name}: {check.said}")
            if check.fix:
                click.echo(f"      {check.fix}")
    sys.exit(0 if fine else 1)


@main.command()
def config() -> None:
    """The effective settings and where each comes from; secrets are masked."""
    from smsmentor.settings import load

    for name, value, origin in load().shown():
        click.echo(f"{name} = {value}  ({origin})")


@main.command()
def version() -> None:
    """The version."""
    click.echo(__version__)


def daytime(now: datetime, zone: str) -> datetime:
    """The start of `try`'s clock: early afternoon of today, or of Monday on a weekend."""
    from zoneinfo import ZoneInfo

    local = now.astimezone(ZoneInfo(zone)).replace(hour=TRY_HOUR, minute=0, second=0, microsecond=0)
    return (local + timedelta(days=max(0, 7 - local.weekday()) if local.weekday() > 4 else 0)).astimezone(UTC)


def url(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


async def _fill(settings: Settings, knowledge: Knowledge, pool: Path | None, start: datetime) -> None:
    """Sample mentors and an operator, before the phones are shown."""
    from contextlib import closing

    from smsmentor.app import open_store
    from smsmentor.cli_kit import pool_of, take
    from smsmentor.core.events import Act
    from smsmentor.ports import SetClock
    from smsmentor.resources import data_folder
    from smsmentor.service import Service

    acts = pool_of(pool or data_folder() / "pool.example.csv", knowledge, start)
    acts.append(Act("try:operator", "operator", {"phone": TRY_OPERATOR, "alias": "Operator"}, by="try"))
    with closing(open_store(settings)) as store:
        await take(Service(store, SetClock(start), knowledge), acts)


def _say_serving(app: App, port: int) -> None:
    settings = app.settings
    if settings.has_account:
        click.echo(f"Listening on {settings.host} port {port}. The carrier reaches us at {settings.public_url}")
    else:
        click.echo(f"Open {url(settings.host, port)}")
        click.echo("No carrier's account is set, so these are simulated phones on the data of " + str(settings.data))


def _has_browser() -> bool:
    """Whether a window can be opened: not over a plain terminal connection, where a text browser would take it over."""
    return sys.stdout.isatty() and (
        sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    )
