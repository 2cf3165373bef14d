"""Options and checks that hold for the whole suite."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from smsmentor import resources
from smsmentor.stores import sealing
from tests.rigs import read_once

# The same cases each time, and nothing that a slow or busy machine could fail: neither a bound on one case, nor one on
# how long all of them take to be made up.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite", action="store_true", help="write into the stories what really comes; read the diff afterwards"
    )


def pytest_collection_finish() -> None:
    """What the tests are made of stays, and is not looked through again and again for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_runtest_teardown() -> None:
    """A command that starts a server stops the looks for garbage: of all later tests 3 GB would be left."""
    gc.enable()


@pytest.fixture
def words_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that give commands in their own process."""
    monkeypatch.setattr(resources, "load", read_once)


@pytest.fixture
def keys_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests whose files no other process opens: keys that are as quickly guessed as derived."""
    assert sealing.COST == 2**15, "else a key that a person thought up is soon guessed"
    monkeypatch.setattr(sealing, "COST", 2)


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """For tests that set the log up in their own process."""
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in ("smsmentor", "handlers")}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
