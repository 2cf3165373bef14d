"""Everything that is kept, as files that other programs read: JSON for a stock TinyDB, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from smsmentor import roster
from smsmentor.core.model import RECORDS, Member
from smsmentor.ports import Reader
from smsmentor.stores import records


def to_csv(reader: Reader, folder: Path) -> list[Path]:
    """Write one `<table>.csv` for each table that holds something, and `mentors.csv` in the import's columns.

    Only their owner can read the files: they hold numbers and texts. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for kind in RECORDS:
        documents = (records.encode(record) for record in reader.all(kind))
        first = next(documents, None)
        if first is not None:
            columns = kind.__struct_fields__
            cells = (_cells(document, columns) for document in chain((first,), documents))
            written.append(_write(folder / f"{kind.TABLE}.csv", chain((columns,), cells)))
    mentors = (member for member in reader.walk(Member, "mentor", "yes") if member.phone)
    written.append(_write(folder / "mentors.csv", roster.rows(mentors)))
    return written


def _cells(document: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """A document's values; lists and objects as JSON text."""
    values = (document[name] for name in columns)
    return [roster.safe_cell(v if isinstance(v, str) else "" if v is None else _json(v)) for v in values]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _write(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
