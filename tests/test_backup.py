"""Copies: whole while the service works, kept for a while, sealed, put back after a check, and never a text twice."""

from __future__ import annotations

import asyncio
import io
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from smsmentor import backup
from smsmentor.app import only_one
from smsmentor.cli import main
from smsmentor.core.model import OutText, Request, Text
from smsmentor.doctor import examine
from smsmentor.errors import SmsmentorError, StoreDamaged, StoreError
from smsmentor.housekeeping import Housekeeping
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.service import Service
from smsmentor.settings import Settings
from smsmentor.stores.drafts import drafting, give_up_drafts
from smsmentor.stores.tinydb import TinyDBStore
from tests.rigs import knowledge

pytestmark = pytest.mark.usefixtures("words_read_once")

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ANA = "+12125550101"
KEY = "a long enough key for tests"
QUESTION = "how do I ask my boss for fewer hours?"
LATER = "and can I ask it by letter?"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = TinyDBStore(tmp_path / "data" / "smsmentor.db")
    yield Rig(store, SetClock(NOW), knowledge({}))
    store.close()


def store_of(rig: Rig) -> TinyDBStore:
    assert isinstance(rig.store, TinyDBStore)
    return rig.store


def text(rig: Rig, body: str) -> None:
    asyncio.run(rig.text(ANA, body))


def texts(path: Path) -> list[str]:
    with closing(TinyDBStore(path)) as store, store.reading() as reader:
        return [found.body for found in reader.all(Text)]


def test_a_copy_is_whole_while_texts_come_in(rig: Rig, tmp_path: Path) -> None:
    async def run() -> Path:
        making = asyncio.create_task(asyncio.to_thread(backup.make, store_of(rig), tmp_path / "copies", NOW))
        for number in range(30):
            await rig.text(ANA, f"{QUESTION} {number}")
        return await making

    copy = asyncio.run(run())
    assert copy.name == "smsmentor-20260303T150000Z.db"
    found = texts(copy)
    assert found == [f"{QUESTION} {number}" for number in range(len(found))]


@pytest.mark.parametrize("key", ["", KEY])
def test_only_their_owner_can_read_the_files(rig: Rig, tmp_path: Path, key: str) -> None:
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW, key)
    text(rig, QUESTION)
    files = [copy, copy.parent, *(tmp_path / "data").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}


def test_a_copy_put_back_says_what_it_said_and_the_former_file_is_kept(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW)
    text(rig, LATER)
    rig.store.close()
    path = store_of(rig).path
    former, waiting = backup.restore(copy, path, NOW + timedelta(hours=1))
    assert former is not None
    assert (texts(path), waiting) == ([QUESTION], 0)
    assert texts(former) == [QUESTION, LATER]
    assert not [name for name in os.listdir(path.parent) if "draft" in name]


def test_what_waited_in_the_copy_and_has_left_since_is_found_and_not_sent_again(rig: Rig, tmp_path: Path) -> None:
    rig.phones.faults.down = True
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW)
    rig.phones.faults.down = False
    asyncio.run(rig.wait(timedelta(minutes=5)))
    sent = [bubble.body for bubble in rig.phones.threads[ANA] if bubble.direction == "out"]
    assert len(sent) >= 1
    path = store_of(rig).path
    rig.store.close()
    _, waiting = backup.restore(copy, path, rig.clock.now())
    assert waiting >= 1
    with closing(TinyDBStore(path)) as store:
        rig.use(store)
        asyncio.run(rig.wait(timedelta(minutes=30)))
        with store.reading() as reader:
            assert {row.status for row in reader.all(OutText)} == {"sent"}
            assert [request.status for request in reader.all(Request)] == ["asking"]
    assert [bubble.body for bubble in rig.phones.threads[ANA] if bubble.direction == "out"].count(sent[0]) == 1


def damaged(copy: Path, how: str) -> None:
    data = bytearray(copy.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = bytearray()
    elif how == "head":
        data[0:8] = b"garbage!"
    else:
        for place in range(len(data) // 3, len(data), 97):
            data[place] ^= 0x55
    copy.write_bytes(data)


@pytest.mark.parametrize("key", ["", KEY])
@pytest.mark.parametrize("how", ["cut", "empty", "head", "flipped"])
def test_a_copy_that_is_not_whole_replaces_nothing(rig: Rig, tmp_path: Path, how: str, key: str) -> None:
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW, key)
    rig.store.close()
    damaged(copy, how)
    path = store_of(rig).path
    before = sorted(path.parent.iterdir()), path.read_bytes()
    with pytest.raises(SmsmentorError):
        backup.restore(copy, path, NOW, key)
    assert (sorted(path.parent.iterdir()), path.read_bytes()) == before


def test_a_damaged_store_is_replaced_and_its_log_is_not_read_into_the_copy(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW)
    path = store_of(rig).path
    rig.store.close()
    damaged(path, "head")
    log = path.with_name(path.name + "-wal")
    log.write_bytes(b"left over")
    with pytest.raises(StoreDamaged):
        TinyDBStore(path)
    former, _ = backup.restore(copy, path, NOW)
    assert former is not None
    assert former.with_name(former.name + "-wal").read_bytes() == b"left over"
    assert texts(path) == [QUESTION]


def test_a_file_with_a_log_beside_it_is_put_back_with_what_is_in_the_log(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    rescued = tmp_path / "rescued"
    shutil.copytree(tmp_path / "data", rescued)  # as a host leaves it that loses its power
    (rescued / "smsmentor.db-shm").unlink()
    assert (rescued / "smsmentor.db-wal").stat().st_size
    backup.restore(rescued / "smsmentor.db", tmp_path / "new" / "smsmentor.db", NOW)
    assert texts(tmp_path / "new" / "smsmentor.db") == [QUESTION]


def test_a_sealed_copy_opens_with_its_key_alone_and_shows_nothing_without(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW, KEY)
    path = store_of(rig).path
    rig.store.close()
    content = copy.read_bytes()
    assert QUESTION.encode() not in content
    assert ANA.encode() not in content
    assert os.listdir(copy.parent) == [copy.name]
    for wrong, said in (("", "SMSMENTOR_BACKUP_KEY"), (KEY + "x", "another one")):
        with pytest.raises(SmsmentorError, match=said):
            backup.restore(copy, path, NOW, wrong)
    backup.restore(copy, path, NOW, KEY)
    assert texts(path) == [QUESTION]


def test_with_a_key_a_plain_file_is_put_back_only_when_asked_for(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    forged = backup.make(store_of(rig), tmp_path / "copies", NOW)
    forged = forged.rename(forged.with_name(f"{forged.name}.sealed"))
    path = store_of(rig).path
    rig.store.close()
    before = path.read_bytes()
    for keys in ((KEY, ""), ("", KEY), (KEY, KEY)):
        with pytest.raises(SmsmentorError, match="anybody who can write to that folder"):
            backup.restore(forged, path, NOW, *keys)
    assert path.read_bytes() == before
    backup.restore(forged, path, NOW, KEY, plain=True)
    assert texts(path) == [QUESTION]


FOREIGN = {
    "trigger": "CREATE TRIGGER t AFTER UPDATE ON texts BEGIN INSERT INTO documents VALUES ('t', 1, old.doc); END",
    "view": "CREATE VIEW t AS SELECT * FROM texts",
    "table": "CREATE TABLE t (x)",
    "virtual table": "CREATE VIRTUAL TABLE t USING fts5(x)",
    "index": "CREATE INDEX t ON texts (doc)",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_we_never_make_in_a_file_is_refused_at_the_opening_by_the_check_and_by_restore(
    rig: Rig, tmp_path: Path, kind: str
) -> None:
    text(rig, QUESTION)
    copy = backup.make(store_of(rig), tmp_path / "copies", NOW)
    path = store_of(rig).path
    for file in (copy, path):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(FOREIGN[kind])
            connection.commit()
    for check in (store_of(rig).check, store_of(rig).check_pages, lambda: store_of(rig).check(full=False)):
        with pytest.raises(StoreDamaged, match="in it is not smsmentor's"):
            check()
    rig.store.close()
    with pytest.raises(StoreDamaged, match="in it is not smsmentor's"):
        TinyDBStore(path)
    with pytest.raises(StoreDamaged, match="in it is not smsmentor's"):
        backup.restore(copy, path, NOW)


@pytest.mark.parametrize("size", [0, 1, backup.PIECE_BYTES - 1, backup.PIECE_BYTES, 2 * backup.PIECE_BYTES + 7])
def test_sealed_files_of_every_size_come_back_and_no_piece_can_be_left_out_or_swapped(size: int) -> None:
    content = random.Random(3).randbytes(size)
    sealed, plain = io.BytesIO(), io.BytesIO()
    backup.seal(io.BytesIO(content), sealed, KEY)
    backup.unseal(io.BytesIO(sealed.getvalue()), plain, KEY, Path("x"))
    assert plain.getvalue() == content
    head, piece = len(backup.MAGIC) + backup.SALT_BYTES, backup.PIECE_BYTES + backup.TAG_BYTES
    whole = sealed.getvalue()
    first, second = whole[head : head + piece], whole[head + piece : head + 2 * piece]
    wrong = [whole[:-1], whole + b"x", whole[:head] + second] if second else [whole[:-1], whole + b"x"]
    if len(second) == piece:
        wrong += [whole[:head] + second + first + whole[head + 2 * piece :], whole[: head + 2 * piece]]
    for changed in wrong:
        with pytest.raises(SmsmentorError, match="cannot be decrypted"):
            backup.unseal(io.BytesIO(changed), io.BytesIO(), KEY, Path("x"))


def test_a_full_disk_leaves_no_half_copy(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    text(rig, QUESTION)
    monkeypatch.setattr(os, "fsync", full)
    for key in ("", KEY):
        with pytest.raises(StoreError, match="No space left"):
            backup.make(store_of(rig), tmp_path / "copies", NOW, key)
    monkeypatch.undo()
    assert os.listdir(tmp_path / "copies") == []
    assert not [name for name in os.listdir(tmp_path / "data") if "draft" in name]


KILLED = """
import os, sys
from datetime import datetime
from pathlib import Path
from smsmentor import backup
from smsmentor.stores.tinydb import TinyDBStore
store, copies, when, copy = sys.argv[1:]
key = "a long enough key for tests"
if when == "restoring":
    backup._ready = lambda draft, *_: os.kill(os.getpid(), 9)
    backup.restore(Path(copy), Path(store), datetime.fromisoformat("2026-03-03T15:00Z"), key)
else:
    if when == "sealing":
        backup.seal = lambda *_: os.kill(os.getpid(), 9)
    else:
        import smsmentor.stores.view as module
        module.check_documents = lambda *_: os.kill(os.getpid(), 9)
    backup.make(TinyDBStore(store), Path(copies), datetime.fromisoformat("2026-03-03T15:00Z"), key)
"""


@pytest.mark.parametrize("when", ["copying", "sealing", "restoring"])
@pytest.mark.parametrize("then", ["housekeeping", "backup", "restore"])
def test_a_process_that_is_killed_leaves_no_plain_copy_for_long(rig: Rig, tmp_path: Path, when: str, then: str) -> None:
    text(rig, QUESTION)
    data = tmp_path / "data"
    path, copies = data / "smsmentor.db", data / "backups"
    copy = backup.make(store_of(rig), tmp_path / "elsewhere", NOW, KEY)
    arguments = [str(path), str(copies), when, str(copy)]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9
    left = [file for file in data.glob(".smsmentor-draft-*/**/*") if file.is_file()]
    assert any(QUESTION.encode() in file.read_bytes() for file in left)
    with drafting(data) as room:
        if then == "housekeeping":
            clock = SetClock(NOW)
            settings = Settings(data, backup_key=KEY)
            asyncio.run(Housekeeping(Service(rig.store, clock, knowledge({})), store_of(rig), settings, clock).run())
        elif then == "backup":
            backup.make(store_of(rig), copies, NOW, KEY)
        else:
            rig.store.close()
            backup.restore(copy, path, NOW, KEY)
        assert list(data.glob(".smsmentor-draft-*")) == [room], "what is being written stays"
    assert not list(data.glob(".smsmentor-draft-*" if then == "restore" else "**/.smsmentor-draft-*"))


def test_a_server_that_stops_leaves_no_draft_of_its_own_and_all_others(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    other.mkdir()
    with drafting(data) as ours, drafting(other) as elsewhere:
        (ours / "smsmentor.db").touch()
        give_up_drafts(data)
        assert (ours.exists(), elsewhere.exists()) == (False, True)


@pytest.mark.usefixtures("keys_at_once")
def test_the_housekeeping_makes_a_copy_a_day_and_keeps_them_for_two_weeks(rig: Rig, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "data", backup_key=KEY)
    clock = SetClock(NOW)
    keeper = Housekeeping(Service(rig.store, clock, knowledge({})), store_of(rig), settings, clock)
    for hours in range(0, 24 * 20, 6):
        clock.move(NOW + timedelta(hours=hours))
        asyncio.run(keeper.run())
    found = backup.copies(settings.backups_path)
    assert [copy.made for copy in found] == [NOW + timedelta(days=day) for day in range(19, 4, -1)]
    assert all(copy.sealed for copy in found)
    clock.move(NOW + timedelta(days=300))
    settings = Settings(tmp_path / "data", backup_hours=0)
    asyncio.run(Housekeeping(keeper.service, keeper.store, settings, clock).run())
    assert len(backup.copies(settings.backups_path)) == 15
    assert len(backup.prune(settings.backups_path, clock.now(), timedelta(days=1))) == 14
    assert [copy.made for copy in backup.copies(settings.backups_path)] == [NOW + timedelta(days=19)]


@pytest.mark.parametrize("instead", [False, True], ids=["moved away", "replaced"])
def test_a_server_whose_file_is_taken_away_stops_before_more_texts_go_with_it(
    rig: Rig, tmp_path: Path, instead: bool
) -> None:
    class Ended(Exception):
        pass

    told: list[str] = []

    async def later(seconds: float) -> None:
        if path.with_name("away").exists():
            raise Ended
        if instead:
            shutil.copy(path, path.with_name("other"))
        path.rename(path.with_name("away"))
        if instead:
            path.with_name("other").rename(path)

    path = tmp_path / "data" / "smsmentor.db"
    keeper = Housekeeping(rig.service, store_of(rig), Settings(tmp_path / "data"), SetClock(NOW))
    asyncio.run(keeper.forever(later, lambda error: told.append(str(error))))
    assert len(told) == 1
    assert told[0].startswith(f"{path}: the file was removed, moved or replaced while it was in use")


def test_what_cannot_be_put_back_is_called_by_its_own_name(tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    TinyDBStore(newer).close()
    with closing(sqlite3.connect(newer)) as other:
        other.execute("PRAGMA user_version = 9")
    empty = tmp_path / "empty.db"
    empty.touch()
    for copy, why in ((newer, "written by a newer program"), (empty, r"no whole copy.*\(the file is empty\)")):
        with pytest.raises(StoreError, match=f"^{copy} .*{why}"):
            backup.restore(copy, tmp_path / "data" / "smsmentor.db", NOW)


def test_of_two_copies_of_one_second_the_encrypted_one_is_the_newest(tmp_path: Path) -> None:
    for first, second in ((".db", ".db.sealed"), (".db.sealed", ".db")):
        folder = tmp_path / first
        folder.mkdir()
        for ending in (first, second):
            (folder / f"smsmentor-20260303T180000Z{ending}").touch()
        assert [copy.sealed for copy in backup.copies(folder)] == [True, False]


def test_a_clock_that_was_ahead_does_not_end_the_copies(tmp_path: Path) -> None:
    (tmp_path / "smsmentor-20990101T000000Z.db").touch()
    (tmp_path / "smsmentor-notes.db").touch()
    assert backup.due(tmp_path, NOW, timedelta(hours=24))
    assert backup.newest(tmp_path, NOW) is None
    real = tmp_path / "smsmentor-20260101T000000Z.db"
    real.touch()
    assert backup.prune(tmp_path, NOW, timedelta(days=14)) == []
    found = backup.newest(tmp_path, NOW)
    assert found is not None
    assert found.path == real


def command(folder: Path, *words: str, **environ: str) -> tuple[int, str]:
    env = {"SMSMENTOR_DATA": str(folder)} | environ
    result = CliRunner().invoke(main, words, env=env, catch_exceptions=False)
    return result.exit_code, result.output


def test_the_commands_make_list_and_put_back(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    data = tmp_path / "data"
    code, said = command(data, "backup")
    assert code == 0
    assert Path(said.strip()).exists()
    text(rig, LATER)
    code, said = command(data, "backup", "--list")
    assert "bytes" in said
    rig.store.close()
    assert command(data, "restore", "--yes")[0] == 0
    assert texts(data / "smsmentor.db") == [QUESTION]


def test_restoring_refuses_while_a_server_runs_and_when_there_is_no_copy(rig: Rig, tmp_path: Path) -> None:
    data = tmp_path / "data"
    code, said = command(data, "restore")
    assert (code, "There is no copy" in said) == (1, True)
    copy = backup.make(store_of(rig), tmp_path, NOW)
    with only_one(data):
        code, said = command(data, "restore", "--yes", str(copy))
    assert (code, "Another smsmentor is serving" in said) == (1, True)


def test_a_folder_that_cannot_be_looked_into_is_not_called_empty(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    backup.make(store_of(rig), tmp_path / "data" / "backups", NOW)
    rig.store.close()
    monkeypatch.setattr(os, "listdir", refused)
    for words in (("backup", "--list"), ("restore", "--yes"), ("doctor",)):
        code, said = command(tmp_path / "data", *words)
        assert code == 1
        assert "cannot be read (Permission denied)" in said
        assert "There is no copy" not in said


def test_a_damaged_store_says_so_at_the_start_and_names_the_way_back(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    data = tmp_path / "data"
    rig.store.close()
    command(data, "backup")
    for how in ("cut", "flipped"):
        damaged(data / "smsmentor.db", how)
        code, said = command(data, "serve", "--port", "0")
        assert code == 1
        assert "`smsmentor restore` puts back the newest of 1 copies" in said
        assert command(data, "restore", "--yes")[0] == 0
        assert texts(data / "smsmentor.db") == [QUESTION]


def test_the_doctor_tells_how_old_the_newest_copy_is_and_reads_the_whole_store(rig: Rig, tmp_path: Path) -> None:
    text(rig, QUESTION)
    environ = {"SMSMENTOR_DATA": str(tmp_path / "data")}

    def said(name: str) -> tuple[str, str]:
        found = next(check for check in examine(environ, NOW) if check.name == name)
        return found.mark, found.said + found.fix

    assert said("copies")[0] == "warn"
    folder = tmp_path / "data" / "backups"
    backup.make(store_of(rig), folder, NOW - timedelta(days=3))
    assert said("copies") == (
        "warn",
        "the newest is of 2026-02-28 15:00 UTC" + "Is `smsmentor serve` running? Its log says why none was made.",
    )
    backup.make(store_of(rig), folder, NOW - timedelta(hours=3))
    assert said("copies") == ("ok", "the newest is of 2026-03-03 12:00 UTC, on the same disk as the data")
    assert said("store")[0] == "ok"
    with closing(sqlite3.connect(store_of(rig).path)) as connection:
        connection.execute("UPDATE texts SET doc = replace(doc, '2026', 'long ago')")
        connection.commit()
    mark, words = said("store")
    assert (mark, "smsmentor restore" in words) == ("fail", True)
