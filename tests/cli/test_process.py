"""The process: how it starts, what it prints and holds."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from smsmentor.app import listen, only_one
from smsmentor.cli import daytime, main, url
from smsmentor.errors import SmsmentorError


def test_colours_are_left_out_when_they_are_not_wanted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    result = CliRunner().invoke(main, ["doctor"], color=True)
    assert "\x1b" not in result.output
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" in CliRunner().invoke(main, ["doctor"], color=True).output


def test_the_commands_start_without_what_only_some_of_them_need() -> None:
    program = (
        "import sys, smsmentor.cli; print(sorted({'twilio', 'phonenumbers', 'tornado', 'tinydb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_try_opens_a_page_on_loopback_and_keeps_nothing(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMSMENTOR_")}
    environ |= {"TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "smsmentor", "try", "--no-browser", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        assert process.wait() == 0
    assert lines[0].startswith("Open http://127.0.0.1:")
    assert "Ctrl-C" in lines[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ignored", [False, True], ids=["in a terminal", "under nohup"])
def test_the_end_of_its_terminal_stops_a_server_in_order_and_not_at_all_under_nohup(
    tmp_path: Path, ignored: bool
) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMSMENTOR_")}
    environ |= {"SMSMENTOR_DATA": str(tmp_path), "SMSMENTOR_LOG_FORMAT": "text"}
    # As a terminal starts it, also where the tests themselves run under nohup.
    way = ["nohup"] if ignored else ["env", "--default-signal=HUP"]
    words = [*way, sys.executable, "-m", "smsmentor", "serve", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Open")
        process.send_signal(signal.SIGHUP)
        if ignored:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.terminate()
        assert process.wait(120) == 0
        assert "Stopped" in process.stderr.read()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_what_cannot_be_written_is_said_in_a_line() -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "smsmentor", "version"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "What is to be said cannot be written: No space left on device.\n")


def test_a_port_that_is_taken_is_named_or_another_one_is_used() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            SmsmentorError, match=rf"port {port} cannot be listened on \(.* in use\). Name another one with --port"
        ):
            listen("127.0.0.1", port)
        with listen("127.0.0.1", port, or_any=True) as other:
            assert other.getsockname()[1] != port


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_told_as_one(host: str) -> None:
    with pytest.raises(SmsmentorError, match="Name an address of this machine with --host"):
        listen(host, 0)


def test_one_process_holds_a_folder_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(SmsmentorError, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


@pytest.mark.parametrize("former", [False, True])
def test_nobody_else_can_open_the_lock(tmp_path: Path, former: bool) -> None:
    lock = tmp_path / "serve.lock"
    if former:
        lock.touch(0o644)
    with only_one(tmp_path):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()  # stands for any fault: root may write in a folder that is read-only
    with pytest.raises(SmsmentorError, match=f"The data folder {tmp_path} cannot be written"), only_one(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_folder_on_a_full_disk_is_held_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").symlink_to("/dev/full")
    with only_one(tmp_path), pytest.raises(SmsmentorError, match="Another smsmentor"), only_one(tmp_path):
        pass


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-03T03:00:00Z", "2026-03-02T18:00:00Z"),
        ("2026-03-03T23:00:00Z", "2026-03-03T18:00:00Z"),
        ("2026-03-07T12:00:00Z", "2026-03-09T17:00:00Z"),
        ("2026-03-08T12:00:00Z", "2026-03-09T17:00:00Z"),
    ],
)
def test_the_clock_of_try_begins_when_nobody_sleeps(now: str, start: str) -> None:
    assert daytime(datetime.fromisoformat(now), "America/New_York") == datetime.fromisoformat(start).astimezone(UTC)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:1/"),
        ("0.0.0.0", "http://127.0.0.1:1/"),
        ("::", "http://[::1]:1/"),
        ("::1", "http://[::1]:1/"),
        ("example.org", "http://example.org:1/"),
    ],
)
def test_an_address_is_one_that_a_browser_opens(host: str, shown: str) -> None:
    assert url(host, 1) == shown
