"""Fields of work: which are near relatives (`data/fields.toml`)."""

from __future__ import annotations

import csv
from itertools import combinations

import pytest

from smsmentor.core.understand.fields import Fields
from smsmentor.core.understand.parse import bare
from smsmentor.resources import data_folder, read_toml

TABLE = read_toml(data_folder() / "fields.toml")
FIELDS = Fields(TABLE)


@pytest.mark.parametrize(
    "near",
    [
        ("finance", "accountant", "Junior Accountant", "Accounting", "investment banking", "contadora", "bookkeepers"),
        ("nurse", "nursing", "registered nurse", "RN", "Healthcare", "enfermería", "home health aide"),
        ("software engineer", "IT", "web designer", "data science", "programador"),
        ("teacher", "early childhood education", "School principal", "maestra"),
        ("HR", "human resources", "recruiter"),
        ("truck driver", "logistics", "warehouse supervisor", "chofer"),
        ("chef", "hospitality", "restaurant manager", "mesera"),
        ("beekeeper", "junior beekeeper", "Beekeepers"),
    ],
)
def test_fields_that_are_near_relatives_have_something_in_common(near: tuple[str, ...]) -> None:
    for one, other in combinations(near, 2):
        assert not FIELDS.of(one).isdisjoint(FIELDS.of(other)), (one, other)


@pytest.mark.parametrize(
    "apart",
    [
        (
            "finance",
            "human resources",
            "logistics",
            "law",
            "software",
            "nurse",
            "teaching",
            "construction",
            "marketing",
        ),
        ("software engineer", "civil engineer", "mechanic", "web marketing"),
        ("junior beekeeper", "junior farrier", "student", "retail manager"),
        ("social worker", "nurse", "police officer"),
    ],
)
def test_other_fields_have_nothing_in_common(apart: tuple[str, ...]) -> None:
    for one, other in combinations(apart, 2):
        assert FIELDS.of(one).isdisjoint(FIELDS.of(other)), (one, other)


def test_each_word_of_the_table_is_in_one_group_and_written_as_it_is_compared() -> None:
    words = [word for name, entry in TABLE.items() if name != "ranks" for word in entry["words"]]
    assert sorted(words) == sorted(set(words))
    assert [word for word in words if word != bare(word)] == []
    assert all(entry["soc"] for name, entry in TABLE.items() if name != "ranks")


def test_the_sample_pool_has_fields_that_the_table_knows() -> None:
    with (data_folder() / "pool.example.csv").open(encoding="utf-8") as file:
        fields = {row["field"] for row in csv.DictReader(file)}
    assert [field for field in fields if any(group.startswith("=") for group in FIELDS.of(field))] == []
