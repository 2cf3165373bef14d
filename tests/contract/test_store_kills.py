"""Nothing that was acknowledged is lost and nothing is half done, whatever happens to the process, the disk or the log.

`TEST_KILLS=1000` asks for more kills than the few that every run of the tests makes.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from smsmentor.core.model import Fact, OutText, Tally, Text, Timer
from smsmentor.errors import StoreError
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.store_writer import PIECES, START, event
from tests.contract.stores import run

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TEST_KILLS", "25"))


@contextmanager
def _writer(path: Path, name: str, *end: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.contract.store_writer", str(path), name, *end]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _acknowledged(process: subprocess.Popen[str], kill_after: int | None) -> list[str]:
    """The ids that the writer got an answer for; it is killed in the middle of its work after so many of them."""
    assert process.stdout is not None
    lines = list(islice(process.stdout, kill_after))
    if kill_after is not None:
        process.send_signal(signal.SIGKILL)
    lines += list(process.stdout)
    # A line that was cut is no acknowledgement.
    return [line.strip() for line in lines if line.endswith("\n")]


def _whole_events(path: Path) -> set[str]:
    """The events that the store holds, after making sure that each is there whole and counted once."""
    with closing(TinyDBStore(path)) as store:
        store.check()
        with store.reading() as reader:
            texts = {text.id for text in reader.all(Text)}
            assert {fact.data["text"] for fact in reader.all(Fact)} == texts
            assert {timer.subject for timer in reader.all(Timer)} == texts
            assert {out.id for out in reader.all(OutText)} == {f"{id}/{n}" for id in texts for n in range(PIECES)}
            tally = reader.get(Tally, "texts")
            assert (tally.values["n"] if tally else 0) == len(texts)
    return texts


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path, dice = tmp_path / "store.db", random.Random(7)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        if kill % 25 == 24:
            # A fresh file again, so that checking all of it stays quick.
            path, acknowledged = tmp_path / f"store{kill}.db", set()
        with _writer(path, f"run{kill}") as process:
            acknowledged |= set(_acknowledged(process, dice.randrange(120)))
        kept = _whole_events(path)
        assert acknowledged <= kept
        for id in sorted(kept)[-1:]:
            assert not _takes_effect(path, id)


def test_two_processes_write_at_once_and_killing_one_harms_neither(tmp_path: Path) -> None:
    path, dice = tmp_path / "store.db", random.Random(13)
    acknowledged: set[str] = set()
    for turn in range(3):
        with _writer(path, f"one{turn}") as one, _writer(path, f"two{turn}") as two:
            acknowledged |= set(_acknowledged(one, dice.randrange(20, 60)))
            after = _acknowledged(two, dice.randrange(60, 120))
        assert len(after) >= 60
        acknowledged |= set(after)
        assert acknowledged <= _whole_events(path)


def _takes_effect(path: Path, id: str) -> bool:
    """Deliver an event again."""
    with closing(TinyDBStore(path)) as store:
        fresh: bool = run(lambda: store.transact(id, event(id, START), now=START)).fresh
    return fresh


@pytest.mark.parametrize(("point", "answered"), [("before-save", False), ("before-sync", True), ("after-save", True)])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_process_that_ends_at_a_named_point_kept_its_last_batch_whole_or_not_at_all(
    tmp_path: Path, point: str, answered: bool, count: int
) -> None:
    path = tmp_path / "store.db"
    with _writer(path, "run", point, str(count)) as process:
        acknowledged = set(_acknowledged(process, None))
        assert process.wait() == 9
    kept = _whole_events(path)
    assert acknowledged <= kept
    assert bool(kept - acknowledged) == answered


def test_a_log_cut_anywhere_or_followed_by_garbage_leaves_a_state_that_was(tmp_path: Path) -> None:
    path, dice = tmp_path / "store.db", random.Random(11)
    # The writer ends before it could carry the log over into the file, so that the log holds every commit.
    with _writer(path, "run", "after-save", "12") as process:
        _acknowledged(process, None)
    log = path.with_name("store.db-wal").read_bytes()
    whole = len(_whole_events_of_copy(path, tmp_path / "whole", log))
    seen = []
    for cut in sorted(dice.randrange(len(log)) for _ in range(25)):
        seen.append(len(_whole_events_of_copy(path, tmp_path / f"cut{cut}", log[:cut])))
    assert seen == sorted(seen)
    assert seen[0] < seen[-1] <= whole
    for tail in (bytes(5000), dice.randbytes(5000)):
        assert len(_whole_events_of_copy(path, tmp_path / f"tail{tail[0]}", log + tail)) == whole


def test_a_checkpoint_that_was_cut_off_anywhere_loses_nothing(tmp_path: Path) -> None:
    """Pages go from the log to the file in their order, so that the first says of a file that is larger by then."""
    path = tmp_path / "store.db"
    with _writer(path, "run", "after-save", "12") as process:
        _acknowledged(process, None)
    log, before = path.with_name("store.db-wal").read_bytes(), path.read_bytes()
    size = int.from_bytes(log[8:12], "big")
    frames = [log[at : at + 24 + size] for at in range(32, len(log), 24 + size)]
    newest = {int.from_bytes(frame[:4], "big"): frame[24:] for frame in frames}
    whole = len(_whole_events_of_copy(path, tmp_path / "whole", log))
    for written in sorted({0, 1, 2, len(newest) // 2, len(newest) - 1, len(newest)}):
        file = bytearray(before)
        for page in sorted(newest)[:written]:
            at = (page - 1) * size
            file += bytes(max(0, at - len(file)))
            file[at : at + size] = newest[page]
        path.write_bytes(file)
        assert len(_whole_events_of_copy(path, tmp_path / f"written{written}", log)) == whole


def _whole_events_of_copy(path: Path, folder: Path, log: bytes) -> set[str]:
    folder.mkdir()
    copy = folder / "store.db"
    shutil.copy(path, copy)
    copy.with_name("store.db-wal").write_bytes(log)
    return _whole_events(copy)


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    """Writes past this size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _deliver(store: TinyDBStore, first: int, count: int) -> list[Any]:
    events = (
        store.transact(f"e{n}", event(f"e{n}", START + timedelta(seconds=n)), now=START)
        for n in range(first, first + count)
    )
    return await asyncio.gather(*events, return_exceptions=True)


@pytest.mark.parametrize("room", [5_000, 30_000, 100_000])
def test_a_full_disk_fails_events_cleanly_and_room_makes_them_work_again(tmp_path: Path, room: int) -> None:
    path = tmp_path / "store.db"
    with closing(TinyDBStore(path)) as store:
        run(lambda: _deliver(store, 0, 20))
        log = path.with_name("store.db-wal").stat().st_size
        with _files_no_larger_than(log + room):
            outcomes = [outcome for first in range(20, 80, 6) for outcome in run(partial(_deliver, store, first, 6))]
        failed = [outcome for outcome in outcomes if isinstance(outcome, StoreError)]
        assert failed
        assert all(isinstance(outcome, StoreError) or outcome.fresh for outcome in outcomes)
        kept = {f"e{n}" for n in range(20)}
        kept |= {f"e{20 + n}" for n, outcome in enumerate(outcomes) if not isinstance(outcome, StoreError)}
        assert _whole_events(path) == kept
        again = run(lambda: _deliver(store, 20, 60))
        assert sum(outcome.fresh for outcome in again) == len(failed)
    assert _whole_events(path) == {f"e{n}" for n in range(80)}
