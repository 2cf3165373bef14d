"""How connections are taken in and written to: bounds on what those can hold who only open and never read."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from tornado.iostream import StreamClosedError

from handlers import intake as intake_module
from handlers.intake import Intake
from handlers.limits import MOST_CONNECTIONS, Seldom, most_connections
from handlers.stream import MOST_WAITING, Stream


class Poor(socket.socket):
    """A listening socket of a process that has no files left, until it is told that there are."""

    error: int | None = errno.EMFILE
    tried = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.tried += 1
        if self.error is not None:
            raise OSError(self.error, "as told")
        return super().accept()


@pytest.fixture
def poor() -> Iterator[Poor]:
    with Poor() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


async def visited(poor: Poor, pause: float, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Take in what comes, with files again after some turns; gives what was taken in."""
    monkeypatch.setattr(intake_module, "PAUSE_SECONDS", pause)
    taken: list[Any] = []

    def take(connection: socket.socket, address: Any) -> None:
        taken.append(address)
        connection.close()

    intake = Intake(take, lambda: True)
    intake.add(poor)
    _, writer = await asyncio.open_connection(*poor.getsockname())
    address = writer.get_extra_info("sockname")
    while not poor.tried:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    poor.error = None
    if not pause:
        while not taken:
            await asyncio.sleep(0)
        assert taken == [address]
    writer.close()
    intake.stop()
    intake.stop()
    for _ in range(3):
        await asyncio.sleep(0)  # a pause that ends after the stop begins nothing
    return taken


def test_without_files_nothing_is_tried_again_before_the_pause_is_over(
    poor: Poor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert asyncio.run(visited(poor, 3600, monkeypatch)) == []
    assert poor.tried == 1
    [line] = caplog.messages
    assert line == "Connections cannot be taken in (as told): tried 1 times"


def test_when_there_are_files_again_who_waited_is_taken_in_and_one_line_was_written(
    poor: Poor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(asyncio.run(visited(poor, 0, monkeypatch))) == 1
    assert poor.tried > 2
    assert len(caplog.messages) == 1


def test_a_caller_who_has_gone_already_is_no_reason_for_a_pause(
    poor: Poor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poor.error = errno.ECONNABORTED
    asyncio.run(visited(poor, 0, monkeypatch))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("files", "most"),
    [(256, 192), (1024, 768), (4096, MOST_CONNECTIONS), (1 << 20, MOST_CONNECTIONS), (resource.RLIM_INFINITY, None)],
)
def test_connections_leave_room_for_other_files(monkeypatch: pytest.MonkeyPatch, files: int, most: int | None) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert most_connections() == (most or MOST_CONNECTIONS)


def test_the_same_is_said_once_a_minute_with_how_often_it_was() -> None:
    now = 100.0
    seldom = Seldom(lambda: now)
    assert [seldom.again() for _ in range(4)] == [1, 0, 0, 0]
    now = 159.0
    assert seldom.again() == 0
    now = 160.0
    assert [seldom.again() for _ in range(2)] == [5, 0]


async def pair(gone: list[Stream]) -> tuple[Stream, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    theirs.setblocking(False)
    return Stream(ours, b"", gone.append), theirs


def test_who_takes_a_little_is_waited_for_and_who_takes_nothing_is_closed() -> None:
    async def main() -> None:
        gone: list[Stream] = []
        stream, theirs = await pair(gone)
        with theirs:
            for _ in range(10):
                stream.looked_at(2)  # nothing waits
            written = stream.write(b"x" * 1_000_000)
            for _ in range(5):
                stream.looked_at(2)
                stream.looked_at(2)
                waiting = stream._waiting
                while stream._waiting == waiting:
                    with suppress(BlockingIOError):
                        theirs.recv(100_000)
                    await asyncio.sleep(0)
            assert gone == []
            for _ in range(3):
                stream.looked_at(2)
            assert gone == [stream]
            with pytest.raises(StreamClosedError):
                await written

    asyncio.run(main())


def test_who_takes_less_than_comes_is_closed_when_too_much_waits() -> None:
    async def main() -> None:
        gone: list[Stream] = []
        stream, theirs = await pair(gone)
        with theirs:
            stream.write(b"x" * 2 * MOST_WAITING)  # whatever one answer has
            assert gone == []
            failed = stream.write(b"y")
            assert gone == [stream]
            with pytest.raises(StreamClosedError):
                await failed
            with pytest.raises(StreamClosedError):
                stream.write(b"z")

    asyncio.run(main())


def test_who_takes_all_may_be_written_any_number_of_bytes() -> None:
    async def main() -> None:
        gone: list[Stream] = []
        stream, theirs = await pair(gone)
        loop = asyncio.get_running_loop()
        with theirs:
            for _ in range(4):
                written = stream.write(b"x" * MOST_WAITING)
                left = MOST_WAITING
                while left:
                    left -= len(await loop.sock_recv(theirs, 1 << 20))
                await written
            assert gone == []
            stream.close()

    asyncio.run(main())
