"""The rules of the house: imports run one way, the core is pure, generated pages are current."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsmentor.core import lifecycle
from smsmentor.core.model import RECORDS

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*ROOT.glob("smsmentor/**/*.py"), *ROOT.glob("handlers/*.py")])

ALLOWED = {
    "smsmentor/core/understand": ("smsmentor.core.understand", "smsmentor.core.model"),
    "smsmentor/core": ("smsmentor.core", "smsmentor.errors"),
    "smsmentor/stores": (
        "smsmentor.stores",
        "smsmentor.core.model",
        "smsmentor.core.events",
        "smsmentor.core.kinds",
        "smsmentor.core.making",
        "smsmentor.ports",
        "smsmentor.errors",
        "smsmentor.owners",
    ),
    "smsmentor/gateways": ("smsmentor.gateways", "smsmentor.core", "smsmentor.ports", "smsmentor.errors"),
    "handlers": (
        "handlers",
        *(f"smsmentor.core.{part}" for part in ("events", "model", "gsm", "schedule", "turn")),
        *(f"smsmentor.{part}" for part in ("ports", "errors", "rig", "service", "gateways.simulator")),
    ),
}
"""By room, what its files may import of ours. Rooms that are not named are the shell around the core."""

IMPURE = {
    *("os", "sys", "io", "pathlib", "logging", "random", "secrets", "socket", "asyncio", "threading", "subprocess"),
    *("sqlite3", "tinydb", "tornado", "twilio", "requests", "time", "uuid", "tempfile", "shutil"),
}
"""No clock, dice, log, file or network in the core."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    relative = path.relative_to(ROOT).as_posix()
    return next((room for room in ALLOWED if relative.startswith(room + "/")), "")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p)], ids=name_of)
def test_a_room_imports_only_what_its_rule_allows(path: Path) -> None:
    allowed = ALLOWED[room_of(path)]
    ours = {name for name in imports(path) if name.split(".")[0] in ("smsmentor", "handlers")}
    wrong = sorted(
        name
        for name in ours
        if not any(name == a or name.startswith(a + ".") or a.startswith(name + ".") for a in allowed)
    )
    assert not [name for name in wrong if name not in ("smsmentor", "handlers")], wrong


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) == "smsmentor/core"], ids=name_of)
def test_the_core_knows_no_clock_dice_log_file_or_network(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE
    source = path.read_text(encoding="utf-8")
    assert "datetime.now(" not in source
    assert "utcnow(" not in source
    assert "open(" not in source.replace("_open(", "").replace("open(asked", "").replace("is_open(", "")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, f"{name_of(path)} has no docstring"


def test_the_lifecycle_page_is_generated_from_the_table() -> None:
    page = ROOT / "docs" / "lifecycle.md"
    assert page.read_text(encoding="utf-8") == lifecycle.diagram(), "write lifecycle.diagram() to docs/lifecycle.md"


def test_every_record_kind_has_a_table_of_its_own() -> None:
    names = [kind.TABLE for kind in RECORDS]
    assert all(names)
    assert len(set(names)) == len(names)
