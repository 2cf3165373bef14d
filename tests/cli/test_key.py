"""`encrypt` and `decrypt`, as an operator meets them: the server says what to do, and all is still there."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from smsmentor.app import only_one
from smsmentor.cli import main
from smsmentor.core.model import Text
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import knowledge

pytestmark = pytest.mark.usefixtures("keys_at_once")

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
KEY, OTHER = "a long enough key for tests", "another key, as long as it has to be"
QUESTION = "how do I ask my boss for fewer hours?"
WITH = {"SMSMENTOR_STORE_KEY": KEY}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose store is not encrypted and holds one question."""
    folder = tmp_path / "data"
    with closing(TinyDBStore(folder / "smsmentor.db")) as store:
        asyncio.run(Rig(store, SetClock(NOW), knowledge({})).text("+12125550101", QUESTION))
    return folder


def command(folder: Path, *words: str, **environ: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, words, env={"SMSMENTOR_DATA": str(folder)} | environ, catch_exceptions=False)
    return result.exit_code, result.output


def readable(folder: Path) -> bool:
    return QUESTION.encode() in (folder / "smsmentor.db").read_bytes()


def texts(folder: Path, key: str) -> list[str]:
    with closing(TinyDBStore(folder / "smsmentor.db", key=key)) as store, store.reading() as reader:
        return [text.body for text in reader.all(Text)]


def test_a_key_is_set_the_start_names_the_command_and_the_command_encrypts(data: Path) -> None:
    code, said = command(data, "serve", "--port", "0", **WITH)
    assert (code, "the store is not encrypted. `smsmentor encrypt` does it" in said) == (1, True)
    code, said = command(data, "encrypt", **WITH)
    assert (code, "smsmentor.db is encrypted." in said) == (0, True)
    assert not readable(data)
    for environ, problem in (({}, "set SMSMENTOR_STORE_KEY"), ({"SMSMENTOR_STORE_KEY": OTHER}, "another key")):
        code, said = command(data, "serve", "--port", "0", **environ)
        assert (code, problem in said) == (1, True)
    assert command(data, "stats", **WITH)[0] == 0
    assert "(encrypted) opens" in command(data, "doctor", **WITH)[1]
    assert texts(data, KEY) == [QUESTION]


def test_the_key_may_lie_in_a_file_be_changed_and_be_taken_off(data: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    old.write_text(f"{KEY}\n")
    new.write_text(f"{OTHER}\n")
    assert command(data, "encrypt", SMSMENTOR_STORE_KEY_FILE=str(old))[0] == 0
    assert command(data, "encrypt", SMSMENTOR_STORE_KEY_FILE=str(old))[0] == 0, "given twice"
    assert command(data, "encrypt", SMSMENTOR_STORE_KEY_FILE=str(new))[0] == 1
    assert command(data, "encrypt", "--old-key-file", str(old), SMSMENTOR_STORE_KEY_FILE=str(new))[0] == 0
    assert texts(data, OTHER) == [QUESTION]
    assert command(data, "decrypt", SMSMENTOR_STORE_KEY_FILE=str(old))[0] == 1
    code, said = command(data, "decrypt", SMSMENTOR_STORE_KEY_FILE=str(new))
    assert (code, "Take SMSMENTOR_STORE_KEY away" in said) == (0, True)
    assert readable(data)
    assert texts(data, "") == [QUESTION]


def test_nothing_is_encrypted_without_a_good_key_without_a_store_or_while_a_server_runs(data: Path) -> None:
    assert "Set SMSMENTOR_STORE_KEY" in command(data, "encrypt")[1]
    assert "at least 20 characters" in command(data, "encrypt", SMSMENTOR_STORE_KEY="short")[1]
    assert "There is no store" in command(data / "nowhere", "encrypt", **WITH)[1]
    with only_one(data):
        assert "Another smsmentor is serving" in command(data, "encrypt", **WITH)[1]
    assert texts(data, "") == [QUESTION]


@pytest.mark.parametrize("command_", ["encrypt", "decrypt"])
def test_a_file_that_is_no_store_is_said_so(data: Path, command_: str) -> None:
    (data / "smsmentor.db").write_bytes(b"this is no database, whatever its name says")
    code, said = command(data, command_, **WITH)
    assert (code, "this is not a store" in said) == (1, True)


def test_a_key_file_that_is_of_no_use_is_named(data: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.key", {"SMSMENTOR_STORE_KEY": OTHER}
    old.write_text(KEY)
    code, said = command(data, "encrypt", "--old-key-file", str(old), **new)
    assert (code, said) == (1, "The store is not encrypted: leave --old-key-file out.\n")
    command(data, "encrypt", **WITH)
    for raw, problem in (
        (b"\xff\xfe\x00", "cannot be read as a key (it is not text)"),
        (b"\n", "is empty"),
        (OTHER.encode(), "is not the store's. Nothing was changed."),
    ):
        old.write_bytes(raw)
        code, said = command(data, "encrypt", "--old-key-file", str(old), **new)
        assert (code, str(old) in said, problem in said) == (1, True, True)
    assert texts(data, KEY) == [QUESTION]


def test_what_is_not_encrypted_needs_no_key_to_stay_so(data: Path) -> None:
    assert command(data, "decrypt") == (0, "The store is not encrypted.\n")


def test_copies_from_before_are_named_and_can_still_be_put_back(data: Path) -> None:
    copy = command(data, "backup")[1].strip()
    code, said = command(data, "encrypt", **WITH)
    assert (code, copy in said) == (0, True)
    code, said = command(data, "restore", "--yes", copy, **WITH)
    assert (code, "anybody who can write to that folder" in said) == (1, True)
    code, said = command(data, "restore", "--yes", "--plain", copy, **WITH)
    assert (code, "is in place" in said) == (0, True)
    assert not readable(data), "it was encrypted before it took the place"
    assert texts(data, KEY) == [QUESTION]
    assert not [path for path in data.iterdir() if "draft" in path.name]


@pytest.mark.parametrize("backup_key", [{}, {"SMSMENTOR_BACKUP_KEY": OTHER}])
def test_a_copy_of_an_encrypted_store_needs_its_key(data: Path, backup_key: dict[str, str]) -> None:
    command(data, "encrypt", **WITH)
    copy = command(data, "backup", **WITH, **backup_key)[1].strip()
    assert QUESTION.encode() not in Path(copy).read_bytes()
    for environ, problem in (({}, "set its key as"), ({"SMSMENTOR_STORE_KEY": OTHER}, "made with another key")):
        code, said = command(data, "restore", "--yes", copy, **environ, **backup_key)
        assert (code, problem in said, "nothing was changed" in said) == (1, True, True)
    assert command(data, "restore", "--yes", copy, **WITH, **backup_key)[0] == 0
    assert texts(data, KEY) == [QUESTION]


def test_an_export_is_readable(data: Path, tmp_path: Path) -> None:
    command(data, "encrypt", **WITH)
    assert command(data, "export", "--out", str(tmp_path / "all.json"), **WITH)[0] == 0
    assert QUESTION in (tmp_path / "all.json").read_text()
    assert command(data, "export", "--format", "csv", "--out", str(tmp_path / "csv"), **WITH)[0] == 0
    assert QUESTION in (tmp_path / "csv" / "texts.csv").read_text()
