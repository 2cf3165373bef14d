"""Logs: readable by people and machines, and never a number or the words of an exception."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import pytest

from smsmentor.errors import StoreError
from smsmentor.logs import mask, report_to_log, set_up

pytestmark = pytest.mark.usefixtures("logging_as_before")

NUMBER, WORDS = "+12125550123", "my boss shouts at me"


@pytest.fixture(params=["text", "json"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    written = io.StringIO()
    set_up(request.param, "debug", written)
    return written


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to +12125550123 now", "to +***23 now"),
        ("To=%2B12125550123&Page=0", "To=%2B***23&Page=0"),
        ("+12125550123,+13125550124", "+***23,+***24"),
        ("SM0123456789 took 1234567 ms, K43 +1 segment", "SM0123456789 took 1234567 ms, K43 +1 segment"),
    ],
)
def test_what_looks_like_a_number_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("name", ["smsmentor.service", "handlers.sms", "urllib3"])
def test_no_line_holds_a_number_wherever_it_comes_from(
    stream: io.StringIO, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)  # a gateway may have silenced its library
    logging.getLogger(name).warning("sent to %s and %s", NUMBER, {"to": NUMBER})
    assert "+***23" in stream.getvalue()
    assert "5550123" not in stream.getvalue()


def test_an_exception_is_logged_with_its_place_and_without_its_words(stream: io.StringIO) -> None:
    _logged_with_its_place()
    written = stream.getvalue()
    assert "ValueError" in written
    assert "test_logs.py" in written
    assert WORDS not in written


def test_our_own_errors_may_speak(stream: io.StringIO) -> None:
    try:
        raise StoreError("the disk is full")
    except StoreError:
        logging.getLogger("smsmentor.x").exception("That failed")
    assert "the disk is full" in stream.getvalue()


def test_a_task_that_fails_unseen_is_logged_without_its_words(stream: io.StringIO) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report_to_log)
        loop.call_soon(_fail)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert "ValueError" in stream.getvalue()
    assert WORDS not in stream.getvalue()


def _logged_with_its_place() -> None:
    try:
        raise ValueError(WORDS)
    except ValueError:
        logging.getLogger("smsmentor.x").exception("That failed")


def _fail() -> None:
    raise ValueError(WORDS)


@pytest.mark.parametrize(
    ("sign", "written"),
    [
        ("\x00", "\\u0000"),
        ("\x1b[31m", "\\u001b[31m"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("\x7f", "\\u007f"),
        ("\x85", "\\u0085"),
        ("\x9b31m", "\\u009b31m"),
        ("\u202e", "\\u202e"),
        ("\u2066", "\\u2066"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("¿Qué? 心 😀", "¿Qué? 心 😀"),
    ],
)
def test_what_does_not_print_is_shown(stream: io.StringIO, sign: str, written: str) -> None:
    logging.getLogger("smsmentor.x").info("GET /a%sb", sign)
    [line] = stream.getvalue().split("\n")[:-1]
    assert f"GET /a{written}b" in line
    if line.startswith("{"):
        assert json.loads(line)["message"] == f"GET /a{sign}b"


def test_the_lines_of_a_trace_stay_lines() -> None:
    stream = io.StringIO()
    set_up("text", "debug", stream)
    _logged_with_its_place()
    assert [line.split(" line ")[0].strip() for line in stream.getvalue().splitlines()[1:2]] == [f'File "{__file__}",']


def test_libraries_are_not_heard_below_a_warning(stream: io.StringIO) -> None:
    logging.getLogger("urllib3.connectionpool").debug("GET /?Body=%s", WORDS)
    logging.getLogger("smsmentor.x").debug("ours")
    assert WORDS not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_a_log_that_nobody_watches_is_json_one_object_a_line() -> None:
    stream = io.StringIO()
    set_up("auto", "info", stream)
    logging.getLogger("smsmentor.x").info("two\nlines of %s", "text")
    [line] = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["from"], entry["message"]) == ("info", "smsmentor.x", "two\nlines of text")
    assert entry["at"].endswith("+00:00")
