"""The servers of the benchmark as processes: each on its port, pinned to one core, asked for CPU time and memory."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import ACCOUNT, NUMBER, PUBLIC, TOKEN
from bench.scene import SETTINGS

ROOT = Path(__file__).parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30.0


@dataclass
class Side:
    """One server in the comparison."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """Known beforehand, or read from the line `port N` that the server prints."""
    connections: int = 32
    documents: int = 0
    process: subprocess.Popen[str] | None = None
    started_ms: float = 0.0
    """From the start of the process to its first answer to a connection."""

    def __post_init__(self) -> None:
        self._tells_port = not self.port

    def start(self, core: int | None, patience: float = START_SECONDS) -> None:
        """Start it and wait until it listens, at most so many seconds."""
        began = time.perf_counter()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=_environment() | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=_pin(core),
        )
        if self._tells_port:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                if found := re.search(r"port (\d+)", line):
                    self.port = int(found[1])
                    break
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                break
            if self.process.poll() is not None or time.perf_counter() - began > patience:
                raise SystemExit(f"{self.name} did not start: {' '.join(self.command)}")
            time.sleep(0.005)
        self.started_ms = (time.perf_counter() - began) * 1e3

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            if self.process.poll() is None:
                self.process.kill()
            self.process = None

    def cpu_seconds(self) -> float:
        """CPU time of the process and its workers so far."""
        return sum(_cpu(pid) for pid in self._pids())

    def resident_mb(self) -> float:
        """Memory of the process and its workers."""
        return sum(_resident(pid) for pid in self._pids()) / 1024 / 1024

    def _pids(self) -> list[int]:
        assert self.process is not None
        pids, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            with suppress(OSError):
                todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids


def ours(
    name: str, folder: Path, carrier: str, documents: int, *options: str, sends: bool = False, **more: str
) -> Side:
    """The real server on a data folder."""
    settings = SETTINGS | {"data": str(folder), "port": "0", "log_level": "warning", "public_url": PUBLIC}
    settings |= {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_numbers": NUMBER}
    settings |= {"twilio_base_url": carrier, "twilio_segments_per_second": "1000"} | more
    environment = {f"SMSMENTOR_{key.upper()}": value for key, value in settings.items()}
    command = [sys.executable, "-m", "bench.server", *([] if sends else ["--no-sends"]), *options]
    return Side(name, command, environment, documents=documents)


def bare(name: str, path: Path, sync: str) -> Side:
    """The floor: a bare Tornado handler."""
    return Side(name, [sys.executable, "-m", "bench.peers", "floor", str(path), sync])


def flask(name: str, app: str, connections: int = 32, threads: int = 8) -> Side:
    """A Flask app as gunicorn serves it: one process with threads."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-q", "-w", "1", "-k", "gthread", "--threads", str(threads)]
    command += ["--keep-alive", "75", "--timeout", "300", "-b", f"127.0.0.1:{port}", app]
    return Side(name, [word for word in command if word != "-q"], port=port, connections=connections)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for the load, where there are two."""
    found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (found[0], found[1]) if len(found) > 1 else (None, None)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSMENTOR_") and name != "PORT"}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _pin(core: int | None) -> Callable[[], None] | None:
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
