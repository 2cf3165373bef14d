"""A TinyDB user finds what a TinyDB user expects, checked against the stock TinyDB, and at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.operations import delete, increment
from tinydb.queries import QueryLike
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from smsmentor.core.model import Request, Timer
from smsmentor.errors import StoreBusy, StoreError
from smsmentor.stores import documents, records
from smsmentor.stores.documents import RowsTable, equalities
from smsmentor.stores.tinydb import TinyDBStore, open_tinydb
from tests.contract.stores import MINUTE, NOW, get, out_text, put, run, walk


@pytest.fixture
def db(tmp_path: Path) -> Iterator[TinyDB]:
    with closing(open_tinydb(tmp_path / "store.db")) as db:
        yield db


def _request(id: str, code: str, status: str = "asking") -> dict[str, Any]:
    return records.encode(Request(id, code, "m1", "How?", NOW)) | {"status": status}


# --- The same as a stock TinyDB ---

_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4))
_DOCS = st.dictionaries(
    st.sampled_from(["a", "b", "id"]), st.one_of(_VALUES, st.lists(_VALUES, max_size=2)), max_size=3
)
_IDS = st.integers(1, 9)
_CONDS = st.sampled_from(
    [
        where("a") == 1,
        where("a") == "x",
        (where("a") == 1) & (where("b") == ""),
        (where("a") == 1) | (where("b") == 0),
        ~(where("a") == 1),
        where("a").exists(),
        where("id") == "x",
    ]
)
_TABLES = st.sampled_from(["_default", "notes", "Notes", 'odd " name'])


def _raise(_doc: Any) -> None:
    raise RuntimeError("half-way")


_OPERATIONS: st.SearchStrategy[Callable[[Any], Any]] = st.one_of(
    _DOCS.map(lambda doc: lambda table: table.insert(doc)),
    st.tuples(_DOCS, _IDS).map(lambda a: lambda table: table.insert(Document(*a))),
    st.lists(_DOCS, max_size=3).map(lambda docs: lambda table: table.insert_multiple(docs)),
    st.lists(st.tuples(_DOCS, _IDS), max_size=3).map(
        lambda some: lambda table: table.insert_multiple([Document(*one) for one in some])
    ),
    st.tuples(_DOCS, _CONDS).map(lambda a: lambda table: table.update(*a)),
    _DOCS.map(lambda doc: lambda table: table.update(doc)),
    st.tuples(_DOCS, st.lists(_IDS)).map(lambda a: lambda table: table.update(a[0], doc_ids=a[1])),
    _CONDS.map(lambda cond: lambda table: table.update(delete("a"), cond & where("a").exists())),
    _CONDS.map(lambda cond: lambda table: table.update(increment("a"), cond & (where("a") == 1))),
    _CONDS.map(lambda cond: lambda table: table.update_multiple([({"b": 7}, cond), ({"a": 8}, where("b") == 7)])),
    st.tuples(_DOCS, _CONDS).map(lambda a: lambda table: table.upsert(*a)),
    st.tuples(_DOCS, _IDS).map(lambda a: lambda table: table.upsert(Document(*a))),
    _CONDS.map(lambda cond: lambda table: table.remove(cond)),
    st.lists(_IDS).map(lambda ids: lambda table: table.remove(doc_ids=ids)),
    st.just(lambda table: table.truncate()),
    st.just(lambda table: table.remove()),
    st.just(lambda table: table.get()),
    _CONDS.map(lambda cond: lambda table: table.count(cond)),
    _CONDS.map(lambda cond: lambda table: table.contains(cond)),
    _IDS.map(lambda id: lambda table: table.contains(doc_id=id)),
    _IDS.map(lambda id: lambda table: table.get(doc_id=id)),
    _CONDS.map(lambda cond: lambda table: _by_id(table.search(cond))),
    st.lists(_IDS).map(lambda ids: lambda table: _by_id(table.get(doc_ids=ids))),
)


def _by_id(found: list[Document]) -> list[tuple[int, Document]]:
    """Stock TinyDB lists documents as they were inserted, ours by id; they differ when a user sets ids himself."""
    return sorted(((doc.doc_id, doc) for doc in found), key=lambda pair: pair[0])


def _outcome(operation: Callable[[Any], Any], table: Any) -> Any:
    """What an operation gives, ids in their order: stock TinyDB names changed documents as they were inserted."""
    try:
        given = operation(table)
        return sorted(given) if isinstance(given, list) and all(isinstance(id, int) for id in given) else given
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        return type(error)


def _everything(db: TinyDB) -> dict[str, list[tuple[int, Document]]]:
    return {name: _by_id(db.table(name).all()) for name in db.tables() if len(db.table(name))}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_TABLES, _OPERATIONS), max_size=12))
def test_random_operations_give_the_same_documents_and_ids(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, Callable[[Any], Any]]]
) -> None:
    path = tmp_path_factory.mktemp("face") / "store.db"
    with closing(open_tinydb(path)) as ours, closing(TinyDB(storage=MemoryStorage)) as stock:
        for name, operation in operations:
            assert _outcome(operation, ours.table(name)) == _outcome(operation, stock.table(name))
            assert _everything(ours) == _everything(stock)
        documents_now = _everything(ours)
    with closing(open_tinydb(path)) as again:
        assert _everything(again) == documents_now


def test_tables_can_be_dropped(db: TinyDB) -> None:
    db.insert({"a": 1})
    db.table("notes").insert({"a": 1})
    db.table("requests").insert(_request("r1", "K43"))
    assert db.tables() == {"_default", "notes", "requests"}
    db.drop_table("notes")
    assert db.tables() == {"_default", "requests"}
    db.drop_tables()
    assert db.tables() == set()


def test_an_id_is_never_given_twice_while_open(db: TinyDB) -> None:
    first = db.insert({"a": 1})
    db.remove(doc_ids=[first])
    assert db.insert({"a": 2}) == first + 1


def test_an_operation_that_fails_half_way_changes_nothing(db: TinyDB) -> None:
    db.insert_multiple([{"a": 1}, {"a": 2}])
    with pytest.raises(KeyError):
        db.update(lambda doc: doc.update(a=9) if doc["a"] == 1 else doc.pop("missing"))
    assert [doc["a"] for doc in db] == [1, 2]


def test_a_returned_document_is_a_copy(db: TinyDB) -> None:
    db.insert({"a": [1]})
    db.all()[0]["a"].append(2)
    assert db.all() == [{"a": [1]}]


# --- The records as documents ---


def test_open_requests_are_found_by_their_status(db: TinyDB) -> None:
    requests = db.table("requests")
    requests.insert_multiple([_request("r1", "K43"), _request("r2", "B20", "closed"), _request("r3", "C9")])
    assert [doc["id"] for doc in requests.search(where("status") == "asking")] == ["r1", "r3"]
    found = requests.get(where("code") == "B20")
    assert isinstance(found, Document)
    assert (found.doc_id, found["question"]) == (2, "How?")


def test_what_a_user_changes_the_store_finds_by_its_indexes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(open_tinydb(path)) as db, closing(TinyDBStore(path)) as store:
        run(lambda: put(store, Request("r1", "K43", "m1", "How?", NOW), Timer("t", "t", "r1", NOW), out_text("o1")))
        assert store.next_moment() == NOW
        db.table("requests").update({"status": "closed"}, where("code") == "K43")
        db.table("timers").update({"due": (NOW + MINUTE).isoformat()})
        db.table("outbox").remove(where("id") == "o1")
        db.table("requests").insert(_request("r2", "K44"))
        assert walk(store, Request, "status", "closed") == ["r1"]
        assert walk(store, Request, "live", "m1") == ["r2"]
        assert store.next_moment() == NOW + MINUTE
        assert get(store, Timer, "t") == Timer("t", "t", "r1", NOW + MINUTE)
        store.check()


def test_a_users_own_fields_stay_until_the_record_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(open_tinydb(path)) as db, closing(TinyDBStore(path)) as store:
        db.table("requests").insert(_request("r1", "K43") | {"note": "mine"})
        assert get(store, Request, "r1") is not None
        assert db.table("requests").all()[0]["note"] == "mine"


@pytest.mark.parametrize(
    "doc",
    [{"a": 1}, {"id": "r9"}, {**_request("r9", "K1"), "opened": "soon"}, {**_request("r9", "K1"), "id": 9}],
    ids=["nothing of it", "an id only", "no time", "id not text"],
)
def test_a_document_that_is_no_record_is_refused_in_its_table(db: TinyDB, doc: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="requests"):
        db.table("requests").insert(doc)
    assert len(db.table("requests")) == 0


def test_an_id_that_is_taken_is_refused(db: TinyDB) -> None:
    db.table("requests").insert(_request("r1", "K43"))
    with pytest.raises(StoreError, match="UNIQUE"):
        db.table("requests").insert(_request("r1", "B20"))
    assert [doc["code"] for doc in db.table("requests")] == ["K43"]


def test_a_users_write_says_when_the_store_is_held(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(open_tinydb(path)) as one, closing(open_tinydb(path)) as other:
        file = one.storage
        assert isinstance(file, documents.RowsStorage)
        file.connection.execute("PRAGMA busy_timeout = 0")
        held = other.storage
        assert isinstance(held, documents.RowsStorage)
        with held.at_once(), pytest.raises(StoreBusy):
            one.insert({"a": 1})


# --- Cost ---


def test_queries_still_say_what_they_ask_for_in_their_hash() -> None:
    """Equality is read from a private part of TinyDB's queries; this fails when its shape changes."""
    assert equalities(_hash(where("status") == "open")) == [("status", "open")]
    both = (where("status") == "open") & (where("code") == "K43") & where("n").exists()
    assert equalities(_hash(both)) == [("code", "K43"), ("status", "open")]
    for other in (where("a").b == 1, where("a") != 1, (where("a") == 1) | (where("b") == 2), ~(where("a") == 1)):
        assert equalities(_hash(other)) == []
    assert equalities(_hash(where("a").map(str) == "1")) == []


def _hash(query: QueryLike) -> object:
    return getattr(query, "_hash", None)


@pytest.mark.parametrize(
    ("table", "query"),
    [
        ("requests", where("status") == "open"),
        ("requests", (where("n").exists()) & (where("code") == "K43")),
        ("requests", where("id") == "r1"),
        ("members", where("phone") == "+12025550101"),
        ("standings", where("mentor") == "m1"),
    ],
)
def test_equality_on_a_declared_index_looks_at_what_it_finds_only(db: TinyDB, table: str, query: QueryLike) -> None:
    assert _plans(db, table, query) == ["SEARCH"]


@pytest.mark.parametrize(
    ("table", "query"),
    [
        ("members", where("mentor") == "yes"),
        ("requests", where("live") == "m1"),
        ("requests", where("code") == ""),
        ("requests", where("status") == 5),
        ("notes", where("status") == "open"),
    ],
)
def test_what_an_index_does_not_hold_as_it_is_is_never_asked_of_it(db: TinyDB, table: str, query: QueryLike) -> None:
    assert _plans(db, table, query) == []


def _plans(db: TinyDB, name: str, query: QueryLike) -> list[str]:
    """How the statements of a search that look up by text go about it; paging through all rows is left out."""
    file = db.storage
    assert isinstance(file, documents.RowsStorage)
    seen: list[str] = []
    file.connection.set_trace_callback(seen.append)
    db.table(name).search(query)
    file.connection.set_trace_callback(None)
    selects = [text for text in seen if text.startswith("SELECT") and "doc_id >" not in text]
    return [file.connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchone()[3].split()[0] for text in selects]


def test_touching_one_document_costs_the_same_in_a_large_table(db: TinyDB) -> None:
    """Counted in steps of SQLite's machine, which go up with every row that is looked at."""

    def cost(id: str) -> int:
        file = db.storage
        assert isinstance(file, documents.RowsStorage)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        file.connection.set_progress_handler(count, 1)
        table = db.table("requests")
        new = table.insert(_request(id, id))
        table.update({"question": "Why?"}, doc_ids=[new])
        table.update({"question": "Who?"}, where("code") == id)
        table.upsert(Document({"question": "When?"}, new))
        table.get(doc_id=new)
        table.remove(doc_ids=[new])
        file.connection.set_progress_handler(None, 1)
        return steps

    small = cost("r1")
    db.table("requests").insert_multiple(_request(f"q{n}", f"Q{n}") for n in range(500))
    assert cost("r2") < small + 50


def test_many_writes_of_a_user_do_not_let_the_log_grow_without_end(db: TinyDB) -> None:
    file = db.storage
    assert isinstance(file, documents.RowsStorage)
    for n in range(40):
        db.insert_multiple({"n": n, "text": "x" * 900} for _ in range(200))
    assert file.path.stat().st_size > 6_000_000
    assert file.path.with_name("store.db-wal").stat().st_size < 6_000_000


def test_the_tables_are_tinydbs_own_class(db: TinyDB) -> None:
    assert isinstance(db, TinyDB)
    assert isinstance(db.table("requests"), RowsTable)
    assert "requests" in repr(db.table("requests"))
