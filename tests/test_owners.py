"""Commands by the wrong user: root leaves nothing that the server cannot use, others are told whose the data are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from smsmentor.cli import main
from smsmentor.doctor import examine
from smsmentor.owners import make_folders, refusal

SERVER, OTHER = 64_123, 64_124
"""Numbers of users that no machine has."""
MENTORS = "phone,alias,field,employer,years,topics,zone,hours,lang,consent\n+12125550130,Ben,law,,3,pay,,,,2026-01-05\n"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else"),
    pytest.mark.usefixtures("words_read_once"),
]


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that everybody can enter; pytest's own are for one user."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def data(open_path: Path) -> Path:
    """The folder of the server's user, as in docs/operations.md."""
    folder = open_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, SERVER, SERVER)
    (open_path / "mentors.csv").write_text(MENTORS)
    return folder


@contextmanager
def being(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def command(data: Path, *words: str, **settings: str) -> tuple[int, str]:
    environ = {"SMSMENTOR_DATA": str(data)} | {f"SMSMENTOR_{name.upper()}": value for name, value in settings.items()}
    result = CliRunner().invoke(main, words, env=environ)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def users_in(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def test_what_root_makes_in_the_servers_folder_is_the_servers(data: Path, open_path: Path) -> None:
    copies = open_path / "disk" / "copies"
    for words in (
        ("import", str(open_path / "mentors.csv")),
        ("op", "add", "+12125550123", "Ann"),
        ("backup",),
        ("backup", "--out", str(copies)),
        ("restore", "--yes"),
        ("stats",),
    ):
        assert command(data, *words)[0] == 0
        assert users_in(data) == {SERVER}, words
    assert command(data, "backup", backup_key="a long enough key for tests")[0] == 0
    assert users_in(data) | users_in(open_path / "disk") == {SERVER}
    with being(SERVER):
        assert command(data, "op", "list")[1].startswith("Ann")
        assert command(data, "backup", "--out", str(copies))[0] == 0
        assert command(data, "restore", "--yes")[0] == 1, "the newest copy is encrypted, and the key is not set"


def test_what_root_exports_stays_roots_own(data: Path, open_path: Path) -> None:
    command(data, "import", str(open_path / "mentors.csv"))
    assert command(data, "export", "--out", str(open_path / "all.json"))[0] == 0
    assert (open_path / "all.json").stat().st_uid == 0


def test_another_user_is_told_whose_the_data_are_and_changes_nothing(data: Path, open_path: Path) -> None:
    command(data, "import", str(open_path / "mentors.csv"))
    for mode in (0o700, 0o755):
        data.chmod(mode)
        with being(OTHER):
            for words in (("stats",), ("backup",), ("op", "list"), ("import", str(open_path / "mentors.csv"))):
                code, said = command(data, *words)
                assert code == 1
                assert f"belongs to the user {SERVER}, and this is {OTHER}" in said, words
    assert users_in(data) == {SERVER}


def test_doctor_names_what_an_earlier_root_has_left(data: Path, open_path: Path) -> None:
    command(data, "import", str(open_path / "mentors.csv"))
    command(data, "backup")
    environ = {"SMSMENTOR_DATA": str(data)}
    now = datetime.now(UTC)
    assert not [check for check in examine(environ, now) if check.name == "owner"]
    for path in (data / "backups").iterdir():
        os.chown(path, 0, 0)
    os.chown(data / "smsmentor.db", 0, 0)
    [seen] = [check for check in examine(environ, now) if check.name == "owner"]
    assert seen.said == f"{SERVER} has the data, and cannot use {data / 'smsmentor.db'} and 1 more"
    assert seen.fix.endswith(f"chown -R {SERVER} {data}")
    with being(SERVER):
        found = examine(environ, now)
        blamed = {check.name for check in found if "belongs to the user root" in check.said}
        assert blamed == {"owner", "store"}
        code, said = command(data, "op", "list")
    assert (code, "belongs to the user root" in said, "is it full" in said) == (1, True, False)


def test_folders_that_are_there_stay_whose_they_are(data: Path, open_path: Path) -> None:
    there = open_path / "there"
    there.mkdir()
    make_folders(there / "new", data)
    assert (there.stat().st_uid, (there / "new").stat().st_uid) == (0, SERVER)
    assert refusal(there) == ""
