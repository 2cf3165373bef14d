"""Instructions that a text costs each server, counted by valgrind: the same on a busy machine as on a quiet one.

    apt-get install valgrind
    python -m bench.instructions [--cache-mb 4]

Counted is what runs in user space, not the kernel's part. Each server runs twice, and takes more texts the second time:
the difference is theirs, without the start. A server under valgrind is some 50 times slower, so that timers would come
due in a run, and more of them on a busy machine: none is fired. It all takes ten minutes. `--cache-mb` also simulates
the processor's caches, of 32 KB and of so many megabytes, and counts what is in neither; that takes twice as long.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.client import as_fast_as_answered, request
from bench.scene import Mix, fill
from bench.sides import Side, bare, flask, ours

DOCUMENTS = 10_000
FEW, MANY = 200, 1_000
"""Texts of the two runs."""
CONNECTIONS = 32
PATIENCE_SECONDS = 600.0
NO_CARRIER = "http://127.0.0.1:9"
_COLLECTED = re.compile(r"Collected : ([\d ]+)")
SMALL_CACHE = "32768,8,64"


def counted(make: Callable[[Path], Side], texts: int, cache_mb: int = 0) -> list[int]:
    """What valgrind counted of a fresh server from its start to its end, with so many texts between.

    Instructions first; with caches then reads, writes, and the misses of each: small cache, large cache.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        side = make(folder)
        side.environment["PYTHONHASHSEED"] = "0"
        log = folder / "valgrind.%p.log"
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=yes"]
        if cache_mb:
            valgrind += [
                "--cache-sim=yes",
                f"--I1={SMALL_CACHE}",
                f"--D1={SMALL_CACHE}",
                f"--LL={cache_mb << 20},16,64",
            ]
        side.command = [*valgrind, f"--log-file={log}", *side.command]
        side.start(None, PATIENCE_SECONDS)
        assert side.process is not None
        try:
            brought = [request(text) for text in islice(Mix(DOCUMENTS, 5), texts)]
            answers = asyncio.run(as_fast_as_answered(side.port, brought, CONNECTIONS, PATIENCE_SECONDS))
            if answers.statuses != {200: texts}:
                raise SystemExit(f"{side.name}: not all texts were taken ({dict(answers.statuses)})")
        finally:
            side.process.send_signal(signal.SIGTERM)
            side.process.wait(PATIENCE_SECONDS)
        found = [_COLLECTED.search(file.read_text()) for file in folder.glob("valgrind.*.log")]
        return [sum(column) for column in zip(*(map(int, match[1].split()) for match in found if match), strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache-mb", type=int, default=0)
    cache_mb: int = parser.parse_args().cache_mb
    if shutil.which("valgrind") is None:
        sys.exit("bench.instructions: valgrind is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        filled = Path(scratch) / "filled.db"
        fill(filled, DOCUMENTS, datetime.now(UTC))

        def service(folder: Path) -> Side:
            shutil.copy(filled, folder / "smsmentor.db")
            return ours("this service", folder, NO_CARRIER, DOCUMENTS, "--no-timers")

        sides: dict[str, Callable[[Path], Side]] = {
            "this service": service,
            "bare Tornado, keeps nothing": lambda folder: bare("bare", folder / "none.log", "none"),
            "bare Tornado, synced in groups": lambda folder: bare("group", folder / "group.log", "group"),
            "Flask, only checks the signature": lambda _: flask("flask", "bench.peers:checking()"),
        }
        own = 0.0
        for name, make in sides.items():
            many, few = counted(make, MANY, cache_mb), counted(make, FEW, cache_mb)
            each, *misses = [(more - less) / (MANY - FEW) for more, less in zip(many, few, strict=True)]
            own = own or each
            found = f"{name:34} {each / 1e3:7,.0f} thousand a text; this service to it {each / own:.2f}"
            if misses:
                found += f"; not in 32 KB {sum(misses[2:5]):7,.0f}, nor in {cache_mb} MB {sum(misses[5:8]):5,.0f}"
            print(found, flush=True)


if __name__ == "__main__":
    main()
