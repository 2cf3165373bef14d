"""`smsmentor play`: story files with their differences, or one JSON object a line in and out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from smsmentor.cli_kit import moment_of, news_among, pairs_of, pool_of, take
from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.core.events import Act
    from smsmentor.core.knowledge import Knowledge
    from smsmentor.rig import Rig
    from smsmentor.story import StoryResult

CSV_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE.sms…")
@click.option("--rewrite", is_flag=True, help="Write what really came into the files.")
@click.option("--json", "as_json", is_flag=True, help="Read and write one JSON object a line (docs/play.md).")
@click.option("--pool", type=CSV_FILE, help="With --json: the mentors' CSV.")
@click.option("--start", metavar="ISO-TIME", help="With --json: where the clock begins; now by default.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="With --json: a rule, operators or allowed_sites."
)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="With --json: a folder that is kept.")
def play(
    files: tuple[Path, ...],
    rewrite: bool,
    as_json: bool,
    pool: Path | None,
    start: str | None,
    pairs: tuple[str, ...],
    data: Path | None,
) -> None:
    """Play story files on a virtual clock and print where they differ; what is no story is named and left out."""
    from smsmentor.logs import set_up

    set_up("text", "warning")
    if not as_json:
        if pool or start or pairs or data:
            raise click.UsageError("--pool, --start, --set and --data go with --json.")
        if not files:
            raise click.UsageError("Name the story files to play, or --json.")
        sys.exit(_play_files(files, rewrite=rewrite))
    if files or rewrite:
        raise click.UsageError("Story files do not go with --json.")
    _drive(pool, moment_of(start), pairs_of(pairs), data)


def play_in_terminal(script: str) -> int:
    """Play one story as a conversation to read; returns the exit code. A sample may be called by its name alone."""
    from smsmentor.resources import data_folder

    path = Path(script)
    if not path.is_file():
        samples = {
            sample.stem: sample
            for folder in (data_folder() / "stories", data_folder().parent / "tests" / "transcripts")
            for sample in sorted(folder.glob("*.sms"))
        }
        if script not in samples:
            alike = get_close_matches(script, samples, n=5, cutoff=0.4) or list(samples)[:5]
            raise SmsmentorError(f"There is no story {script}." + (f" Try: {', '.join(alike)}" if alike else ""))
        path = samples[script]
    [result] = asyncio.run(_results((path,)))
    if isinstance(result, Exception):
        raise result
    click.echo(result.rewritten, nl=False)
    if result.difference:
        click.echo(f"\nNot as it was written:\n{result.difference}")
    return 1 if result.difference else 0


# Stories


def _play_files(files: tuple[Path, ...], *, rewrite: bool) -> int:
    results = asyncio.run(_results(files))
    for path, result in zip(files, results, strict=True):
        if isinstance(result, Exception):
            said = str(result).replace("\n", "\n  ")
            click.echo(f"{click.style('not played', fg='red')}  {path}\n  {said}")
        elif result.difference and rewrite:
            path.write_text(result.rewritten, encoding="utf-8")
            click.echo(f"rewritten  {path}")
        elif result.difference:
            click.echo(f"{click.style('differs', fg='red')}  {path}\n{result.difference}")
        else:
            click.echo(f"{click.style('as written', fg='green')}  {path} ({result.texts} texts)")
    bad = [result for result in results if isinstance(result, Exception) or (result.difference and not rewrite)]
    return 1 if bad else 0


async def _results(files: tuple[Path, ...]) -> list[StoryResult | SmsmentorError]:
    """What came of each, or why it could not be read."""
    from smsmentor.core.rules import Rules
    from smsmentor.resources import load
    from smsmentor.settings import rules_from
    from smsmentor.story import play_file

    knowledge = load(Rules())
    results: list[StoryResult | SmsmentorError] = []
    for path in files:
        with TemporaryDirectory(prefix="smsmentor-") as folder:
            stage = Stage(Path(folder))

            async def make_rig(start: datetime, pairs: dict[str, str], stage: Stage = stage) -> Rig:
                return stage.open(start, replace(knowledge, rules=rules_from(pairs)))

            async def restart(rig: Rig, stage: Stage = stage) -> None:
                stage.reopen(rig)

            try:
                results.append(await play_file(path, make_rig, restart))
            except SmsmentorError as problem:
                results.append(problem)
            finally:
                stage.close()
    return results


class Stage:
    """A rig on a store in a folder, which can be dropped and opened again as after a crash."""

    def __init__(self, folder: Path) -> None:
        from smsmentor.settings import STORE

        self.path = folder / STORE
        self._close: Callable[[], None] = lambda: None

    def open(self, start: datetime, knowledge: Knowledge) -> Rig:
        """A rig whose clock stands at `start`."""
        from smsmentor.ports import SetClock
        from smsmentor.rig import Rig
        from smsmentor.stores.tinydb import TinyDBStore

        store = TinyDBStore(self.path)
        self._close = store.close
        return Rig(store, SetClock(start), knowledge)

    def reopen(self, rig: Rig) -> None:
        """Forget all that is only in memory: the store is opened anew from its file."""
        from smsmentor.stores.tinydb import TinyDBStore

        self._close()
        store = TinyDBStore(self.path)
        self._close = store.close
        rig.use(store)

    def close(self) -> None:
        """Let go of the file."""
        self._close()


# One JSON object a line


def _drive(pool: Path | None, start: datetime, pairs: dict[str, str], data: Path | None) -> None:
    from smsmentor.app import make_folder, only_one
    from smsmentor.core.events import Act
    from smsmentor.resources import load
    from smsmentor.settings import played_with

    settings = played_with(pairs)
    knowledge = replace(load(settings.rules, allowed_sites=settings.allowed_sites), simulated=data is not None)
    # What is kept may be opened twice at the same start, and must not take the second run's acts for the first's.
    acts = pool_of(pool, knowledge, start, run="" if data else start.isoformat()) if pool else []
    paged = [
        Act(f"play:{start.isoformat()}:{phone}", "operator", {"phone": phone}, by="play")
        for phone in settings.operators
    ]
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="smsmentor-")))
        if data:
            make_folder(data)
            stack.enter_context(only_one(data))
        stage = stack.enter_context(_stage(folder))
        asyncio.run(_converse(stage, knowledge, start, acts, paged, kept=data is not None))


@contextmanager
def _stage(folder: Path) -> Iterator[Stage]:
    stage = Stage(folder)
    try:
        yield stage
    finally:
        stage.close()


async def _converse(
    stage: Stage, knowledge: Knowledge, start: datetime, acts: list[Act], paged: list[Act], *, kept: bool
) -> None:
    from secrets import randbits

    from smsmentor.core.played import has_served
    from smsmentor.play import Player

    rig = stage.open(start, knowledge)
    if kept:
        with rig.store.reading() as reader:
            if has_served(reader):
                raise SmsmentorError("The data in this folder has served people: play in another one.")
        rig.recall(randbits(64))
    with rig.store.reading() as reader:
        acts = news_among(reader, acts)
    await take(rig.service, [*acts, *paged])
    await rig.settle()

    async def restart() -> None:
        stage.reopen(rig)

    player = Player(rig, _write, restart)
    for line in sys.stdin.buffer:
        text = line.decode("utf-8", "replace")
        if text.strip():
            await player.line(text)
            sys.stdout.flush()


def _write(given: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(given, ensure_ascii=False) + "\n")
