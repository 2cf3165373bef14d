"""Numbers with their units: lengths of time as people write them, and counts as they are told."""

from __future__ import annotations

import re
from datetime import timedelta

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|seconds?|sec|s|minutes?|min|m|hours?|h|days?|d|weeks?|w)\s*")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_span(text: str) -> timedelta | None:
    """`30m`, `1h30m`, `7 d` as a length of time; None for anything else."""
    found = _PART.findall(text)
    if not found or "".join(_PART.split(text)[0::3]).strip():
        return None
    return timedelta(seconds=sum(float(n) * _SECONDS["ms" if unit == "ms" else unit[0]] for n, unit in found))


def counted(number: int, what: str) -> str:
    """`1 mentor`, `2 mentors`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
