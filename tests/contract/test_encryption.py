"""An encrypted store: nothing to be read on the disk, the right key or none at all, and a way there and back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tinydb import TinyDB, where

from smsmentor.core.events import Act
from smsmentor.core.making import replace
from smsmentor.core.members import number_hash
from smsmentor.core.model import Member, Offer, OutText, Record, Standing, Suppressed, Tally, Text
from smsmentor.errors import StoreDamaged, StoreError, StoreSealed
from smsmentor.ports import Changes, Reader, SetClock, Store
from smsmentor.rig import Rig
from smsmentor.stores.layouts import LAYOUTS, layouts_of
from smsmentor.stores.rekey import change_key
from smsmentor.stores.sealing import SINCE_SECOND, Seal
from smsmentor.stores.tinydb import TinyDBStore, open_tinydb
from smsmentor.story import Story, play_file
from tests.contract.stores import NOW, SAMPLES, StoreContract, get, put, run, walk
from tests.rigs import keep_running, knowledge

pytestmark = pytest.mark.usefixtures("keys_at_once")

KEY, OTHER = "a long enough key for tests", "another key, as long as it has to be"
PHONE = "+12025550101"
WORDS = b"how do I tell my boss"
STORIES = Path(__file__).parents[1] / "transcripts"
TOLD = (
    "a_hard_word_is_held_for_its_receiver",
    "a_late_answer_is_kept_and_offered",
    "a_panel_with_a_view_from_outside",
    "a_phrase_that_must_not_wait",
    "a_sprint_of_three_weeks",
    "a_third_question_is_kept_as_a_draft",
    "answers_without_a_code",
    "contact_details_wait_for_the_sender",
    "es_una_pregunta_y_dos_respuestas",
    "joining_as_a_mentor",
    "operators_by_text",
    "telling_us_about_yourself",
)


class TestEncryptedStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with closing(TinyDBStore(tmp_path / "store.db", key=KEY)) as store:
            yield store
            if not store._closed:
                store.check()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def filled(path: Path, key: str = "") -> None:
    with closing(TinyDBStore(path, key=key)) as store:
        run(lambda: put(store, *SAMPLES, Text("SM2", "m1", WORDS.decode(), NOW), Suppressed(number_hash(PHONE), NOW)))


def on_disk(path: Path) -> bytes:
    """Every byte of the file and of its log."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))


def everything(path: Path, key: str = "") -> list[Record]:
    with closing(TinyDBStore(path, key=key)) as store:
        store.check()
        with store.reading() as reader:
            return [record for kind in {type(sample) for sample in SAMPLES} for record in reader.all(kind)]


@pytest.mark.parametrize("name", TOLD)
def test_after_a_story_no_words_and_no_numbers_can_be_read_in_the_file(name: str, path: Path) -> None:
    async def make(start: datetime, settings: dict[str, str]) -> Rig:
        return Rig(TinyDBStore(path, key=KEY), SetClock(start), knowledge(settings))

    result = asyncio.run(play_file(STORIES / f"{name}.sms", make, keep_running))
    assert not result.difference
    found, story = on_disk(path), Story(name, (STORIES / f"{name}.sms").read_text(encoding="utf-8"))
    assert b"text.settled" in found, "facts are not encrypted: this test would see nothing"
    assert not [phone for phone in story.cast.values() if phone[-7:].encode() in found]
    words = [line.words.strip() for line in story.lines if line.kind in "<>" and len(line.words.strip()) > 12]
    assert words
    assert not [said for said in words if said[:40].encode() in found]


def test_a_number_is_found_and_cannot_be_looked_up_without_the_key(path: Path) -> None:
    filled(path, KEY)
    assert number_hash(PHONE).encode() not in on_disk(path)
    with closing(TinyDBStore(path, key=KEY)) as store:
        assert walk(store, Member, "phone", PHONE) == ["m1"]
        assert walk(store, Member, "alias", "ana") == ["m1"]
        assert get(store, Suppressed, number_hash(PHONE)) == Suppressed(number_hash(PHONE), NOW)


def test_two_files_with_one_key_show_no_equal_values(tmp_path: Path) -> None:
    keys = []
    for name in ("one.db", "two.db"):
        filled(tmp_path / name, KEY)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            keys.append(connection.execute("SELECT key_phone, doc FROM members").fetchone())
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] != keys[1][1]


@pytest.mark.parametrize(
    ("made_with", "opened_with", "said"),
    [
        (KEY, "", "the store is encrypted; set SMSMENTOR_STORE_KEY"),
        (KEY, OTHER, "another key than the one in SMSMENTOR_STORE_KEY"),
        ("", KEY, "the store is not encrypted. `smsmentor encrypt` does it"),
    ],
)
def test_a_key_that_does_not_fit_the_file_opens_nothing_and_says_why(
    path: Path, made_with: str, opened_with: str, said: str
) -> None:
    filled(path, made_with)
    with pytest.raises(StoreSealed, match=said):
        TinyDBStore(path, key=opened_with)
    with pytest.raises(StoreSealed, match=said):
        open_tinydb(path, opened_with)
    assert everything(path, made_with)


@pytest.mark.parametrize(("old", "new"), [("", KEY), (KEY, OTHER), (KEY, "")])
def test_another_key_changes_no_record_and_leaves_nothing_of_the_former_form(path: Path, old: str, new: str) -> None:
    filled(path, old)
    before, kept_before = everything(path, old), on_disk(path)
    change_key(path, old, new)
    assert everything(path, new) == before
    assert (WORDS in on_disk(path)) == (not new)
    assert (PHONE.encode() in on_disk(path)) == (not new)
    with closing(sqlite3.connect(path)) as connection:
        sealed = [row[0] for row in connection.execute("SELECT doc FROM texts") if isinstance(row[0], bytes)]
    assert bool(sealed) == bool(new)
    assert not [doc for doc in sealed if doc in kept_before]
    with pytest.raises(StoreSealed):
        TinyDBStore(path, key=old)


def test_a_key_change_that_is_cut_off_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    before = everything(path)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("smsmentor.stores.rekey.keep_seal", full)
    with pytest.raises(StoreError, match="disk is full"):
        change_key(path, "", KEY)
    assert everything(path) == before


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE texts SET doc = zeroblob(length(doc)) WHERE id = 'SM2'",
        "UPDATE texts SET doc = x'00'",
        'UPDATE texts SET doc = \'{"id":"SM2"}\'',
        "UPDATE texts SET doc = (SELECT doc FROM outbox)",
        "UPDATE texts SET doc = (SELECT doc FROM texts WHERE id = 'SM1')",
        "UPDATE members SET key_phone = 'b'",
    ],
)
def test_a_row_that_was_changed_behind_our_back_is_recognised(path: Path, harm: str) -> None:
    filled(path, KEY)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(harm)
    with closing(TinyDBStore(path, key=KEY)) as store, pytest.raises(StoreDamaged):
        store.check()


TWO = (
    Member("m1", "+12025550101", NOW, alias="Ana", operator=True),
    Member("m2", "+12025550102", NOW, alias="Ben"),
)


@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "sealed"])
@pytest.mark.parametrize(
    ("column", "how"),
    [
        ("doc", lambda reader: reader.get(Member, "m1")),
        ("doc", lambda reader: list(reader.walk(Member, "phone", "+12025550101"))),
        ("key_phone", lambda reader: list(reader.walk(Member, "phone", "+12025550101"))),
        ("id", lambda reader: reader.get(Member, "m1")),
    ],
    ids=["documents, by id", "documents, by number", "numbers, by number", "ids, by id"],
)
def test_nobody_is_taken_for_another_whose_row_was_swapped(
    path: Path, key: str, column: str, how: Callable[[Reader], object]
) -> None:
    with closing(TinyDBStore(path, key=key)) as store:
        run(lambda: put(store, *TWO))
    with closing(sqlite3.connect(path)) as connection, connection:
        found = connection.execute(f"SELECT {column}, doc_id FROM members ORDER BY doc_id").fetchall()
        connection.execute(f"UPDATE members SET {column} = 'meanwhile' WHERE doc_id = ?", found[0][1:])
        connection.execute(f"UPDATE members SET {column} = ? WHERE doc_id = ?", (found[0][0], found[1][1]))
        connection.execute(f"UPDATE members SET {column} = ? WHERE doc_id = ?", (found[1][0], found[0][1]))
    with closing(TinyDBStore(path, key=key)) as store:
        with store.reading() as reader, pytest.raises(StoreDamaged, match=r"members: .* another one's place"):
            how(reader)

        def step(reader: Reader) -> Changes:
            how(reader)
            return Changes()

        for _ in range(2):  # nor is it known the second time
            with pytest.raises(StoreDamaged):
                run(lambda: store.transact(None, step, now=NOW))
        with pytest.raises(StoreDamaged):
            store.check()


@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "sealed"])
def test_a_text_that_has_left_is_not_sent_again_because_its_row_says_so(path: Path, key: str) -> None:
    waiting = next(sample for sample in SAMPLES if isinstance(sample, OutText))
    with closing(TinyDBStore(path, key=key)) as store:
        run(lambda: put(store, replace(waiting, status="sent")))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE outbox SET key_pending = 'yes', order_pending = 0")
    with closing(TinyDBStore(path, key=key)) as store, pytest.raises(StoreDamaged):
        run(lambda: store.lease(NOW, 5, NOW - NOW))


def test_its_tinydb_face_works_with_the_key(path: Path, tmp_path: Path) -> None:
    filled(path, KEY)
    with closing(open_tinydb(path, KEY)) as db:
        members = db.table("members")
        assert [found["id"] for found in members.search(where("phone") == PHONE)] == ["m1"]
        assert members.update({"alias": "Anabel"}, where("phone") == PHONE) == [1]
        assert members.count(where("alias") == "Anabel") == 1
        ours = {name: db.table(name).all() for name in db.tables()}
    assert b"Anabel" not in on_disk(path)
    with closing(TinyDBStore(path, key=KEY)) as store:
        store.check()
        store.export_json(tmp_path / "export.json")
        store.backup_to(tmp_path / "copy.db")
    with closing(TinyDB(tmp_path / "export.json")) as stock:
        assert {name: stock.table(name).all() for name in stock.tables()} == ours
    with closing(TinyDBStore(tmp_path / "again.db", key=OTHER)) as store:
        store.import_json(tmp_path / "export.json")
    assert everything(tmp_path / "again.db", OTHER) == everything(tmp_path / "copy.db", KEY)
    assert WORDS not in on_disk(tmp_path / "again.db")


SKILLS = "TOPICS falconry at hiv clinics, taxidermy"


async def a_skill_is_typed_and_asked_for(rig: Rig) -> None:
    await rig.service.receive(Act("ben", "mentor", {"phone": PHONE, "zone": "Asia/Tokyo", "consented": NOW}, by="x"))
    await rig.text(PHONE, SKILLS)
    await rig.text("+12025550102", "how do I begin with falconry at my age?")
    await rig.wait(timedelta(hours=12))


def made(path: Path, key: str = "") -> None:
    with closing(TinyDBStore(path, key=key)) as store:
        asyncio.run(a_skill_is_typed_and_asked_for(Rig(store, SetClock(NOW), knowledge({}))))


def readable(path: Path) -> list[bytes]:
    content = on_disk(path).lower()
    return [word for word in (b"falcon", b"hiv", b"taxiderm", b"tokyo") if word in content]


def shelves(path: Path, key: str) -> list[list[str]]:
    with closing(TinyDBStore(path, key=key)) as store, store.reading() as reader:
        store.check()
        first = next(iter(reader.all(Standing)))
        standings = [standing.id for standing in reader.walk(Standing, "shelf", first.shelf)]
        tallies = [tally.id for tally in reader.all(Tally) if reader.get(Tally, tally.id) == tally]
        assert first.id in standings
        return [sorted(standing.id for standing in reader.all(Standing)), sorted(tallies)]


def test_a_skill_in_a_mentors_words_is_found_and_cannot_be_read(path: Path) -> None:
    made(path)
    assert readable(path)
    before = shelves(path, "")
    change_key(path, "", KEY)
    assert (readable(path), shelves(path, KEY)) == ([], before)
    change_key(path, KEY, OTHER)
    assert (readable(path), shelves(path, OTHER)) == ([], before)
    made(path.with_name("new.db"), KEY)
    assert readable(path.with_name("new.db")) == []
    with closing(TinyDBStore(path.with_name("new.db"), key=KEY)) as store, store.reading() as reader:
        assert [len(list(reader.all(Offer)))] == [1]


def test_an_encrypted_file_from_before_skills_were_is_sealed_when_it_is_opened(path: Path) -> None:
    made(path, KEY)
    before = shelves(path, KEY)
    with closing(sqlite3.connect(path)) as connection, connection:
        (salt,) = connection.execute("SELECT salt FROM seal").fetchone()
        seal = Seal(KEY, salt)
        for kind in SINCE_SECOND:
            plain, sealed = LAYOUTS[kind], layouts_of(seal)[kind]
            for doc_id, stored in connection.execute(f"SELECT doc_id, doc FROM {kind.TABLE}").fetchall():
                record = sealed.loads(stored)
                values = (record.id, plain.written(record)[0], *plain.keys(record), doc_id)
                connection.execute(plain.change, values)
    with pytest.raises(StoreDamaged, match="not encrypted as it should be"):
        shelves(path, KEY)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE seal SET proof = ?", (seal._sealed(b"smsmentor", b"proof"),))
    assert readable(path)
    assert shelves(path, KEY) == before
    with closing(TinyDBStore(path, key=KEY)) as store:
        store.tidy()
    assert readable(path) == []


def test_texts_that_wait_are_known_again_after_a_restart(path: Path) -> None:
    waiting = next(sample for sample in SAMPLES if isinstance(sample, OutText))
    filled(path, KEY)
    with closing(TinyDBStore(path, key=KEY)) as store:
        assert store.next_moment() is not None
        leased = run(lambda: store.lease(NOW, 5, NOW - NOW))
    assert [replace(text, status="queued", leased_until=None) for text in leased] == [waiting]
