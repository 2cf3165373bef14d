"""Everything that is kept, as files that other programs read: JSON for a stock TinyDB, CSV for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from smsmentor import roster
from smsmentor.core.model import RECORDS, Member
from smsmentor.ports import Reader
from smsmentor.stores import records
from smsmentor.stores.drafts import written_whole


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
    """Whole or not at all, and new: a file or a link that is there may be open to others, or lead somewhere else."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        # All are quoted: in many countries a spreadsheet parts a line at semicolons, which people write.
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path
