"""What one value may be: each type is read from what was given, and each number has a range."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65535),
    "grace_seconds": (0, 300),
    "backup_hours": (0, 720),
    "backup_days": (0.1, 366),
    "twilio_segments_per_second": (0.01, 1000),
    "kannel_segments_per_second": (0.01, 1000),
    "alarm_smtp_port": (1, 65535),
    "places": (1, 6),
    "further_views": (0, 10),
    "open_requests": (1, 9),
    "questions_a_day": (0, 1000),
    "drafts": (1, 50),
    "expiry_hours": (1, 720),
    "notes_after_minutes": (1, 43_200),
    "hold_minutes": (1, 10_080),
    "code_kept_days": (1, 90),
    "checkin_days": (1, 90),
    "rating_hours": (1, 720),
    "sprint_weeks": (2, 26),
    "sprint_answer_days": (1, 7),
    "late_hours": (1, 720),
    "words_kept_days": (1, 3650),
    "patience_minutes": (0.1, 1440),
    "patience_growth": (1, 10),
    "patience_longest_minutes": (0.1, 10_080),
    "patience_half_life_hours": (0.1, 168),
    "offers_a_day": (1, 50),
    "offers_a_week": (1, 200),
    "open_limit": (1, 20),
    "silence_hours": (0.1, 168),
    "silent_offers_pause": (1, 50),
    "thread_rest_hours": (0.1, 720),
    "awake_minutes": (0, 240),
    "retry_minutes": (0.5, 1440),
    "same_text_seconds": (0, 30),
    "automatic_in_a_row": (1, 50),
    "texts_an_hour": (5, 10_000),
    "team_together_minutes": (1, 1440),
    "crisis_page_minutes": (1, 60),
    "crisis_text_minutes": (1, 1440),
    "late_after_minutes": (1, 1440),
    "send_tries": (1, 50),
    "lease_seconds": (30, 3600),
    "relay_longest": (160, 1500),
    "question_longest": (160, 100_000),
    "question_parts": (1, 1000),
}
"""The least and the most of a number, both allowed, where the unit alone does not say it."""
UNITS: dict[str, tuple[float, float]] = {
    "_seconds": (0, 3600),
    "_minutes": (0, 10_080),
    "_hours": (0, 720),
    "_days": (0, 366),
    "": (0, 100_000_000),
}
"""The same by the unit that a setting's name ends in."""


def typed(kind: Any, raw: object) -> Any:
    """The value as its setting's type. Raises ValueError that says what was expected."""
    return _READERS[kind](raw)


def _whole(raw: object) -> int:
    if isinstance(raw, str) and re.fullmatch(r"[+-]?\d{1,12}", raw.strip()):
        return int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise ValueError("is not a whole number")


def _number(raw: object) -> float:
    try:
        value = float(raw) if isinstance(raw, str | int | float) and not isinstance(raw, bool) else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError("is not a number")
    return value


def _switch(raw: object) -> bool:
    word = str(raw).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("is neither yes nor no")


def _words(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("is not text; put it in quotes")
    return raw.strip()


def _list(raw: object) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("is not a list of texts; separate them by commas")
    return tuple(part.strip() for part in parts if part.strip())


def _whole_list(raw: object) -> tuple[int, ...]:
    parts: Any = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list):
        raise ValueError("is not a list of whole numbers; write it like 10,45")
    return tuple(_whole(part) for part in parts if part != "")


_READERS: dict[Any, Callable[[object], Any]] = {
    int: _whole,
    float: _number,
    bool: _switch,
    str: _words,
    Path: lambda raw: Path(_words(raw)).expanduser(),
    tuple[str, ...]: _list,
    tuple[int, ...]: _whole_list,
}


def check_range(name: str, value: Any) -> None:
    """Raises ValueError that says what is possible, when a number, or one of a list, is out of its range."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int | float) and not isinstance(number, bool):
            low, high = range_of(name)
            if not low <= number <= high:
                raise ValueError(f"is out of range; from {low:g} to {high:g} is possible")


def range_of(name: str) -> tuple[float, float]:
    """The least and the most of a number, both allowed."""
    return RANGES.get(name) or next(limits for unit, limits in UNITS.items() if name.endswith(unit))
