"""What the carrier's error codes mean: for a text, for a person, and for the service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smsmentor.core.events import SendState

CodeClass = Literal[
    "opted-out", "recipient-final", "content-final", "account-wide", "later", "look-up", "inbound-fault"
]

STATES: dict[CodeClass, SendState] = {
    "opted-out": "refused",
    "recipient-final": "refused",
    "content-final": "refused",
    "account-wide": "later",
    "later": "later",
    "look-up": "unknown",
    "inbound-fault": "refused",
}
"""What an answer to a send makes of the text. An account-wide fault is not the text's: it waits until we may send."""


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """One code of `data/carrier_codes.toml`."""

    kind: CodeClass
    meaning: str = ""
    wait_minutes: int = 0
    again: int = 0
    """How often a text that was reported as not delivered for this reason is sent anew."""
    next_day: bool = False
    """The wait is until the daily cap begins anew."""
    unreachable: bool = False
    """The phone is off, or given up: a run of these over some days parks the number."""
    filtered: bool = False
    """Spam filters took it: too many of these in a day are told to operators."""
    recycled: bool = False
    """The number may belong to somebody else soon: a life sign from it proves nothing about the person."""


class CarrierCodes:
    """The loaded `data/carrier_codes.toml`. Raises ValueError for an unknown class."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._codes: dict[int, CodeMeaning] = {}
        for code, entry in table["codes"].items():
            if entry["class"] not in STATES:
                raise ValueError(f"Carrier code {code} has an unknown class: {entry['class']}")
            self._codes[int(code)] = CodeMeaning(
                entry["class"],
                entry["meaning"],
                entry.get("wait_minutes", 0),
                entry.get("again", 0),
                entry.get("next_day", False),
                entry.get("unreachable", False),
                entry.get("filtered", False),
                entry.get("recycled", False),
            )

    def __iter__(self) -> Iterator[int]:
        return iter(self._codes)

    def of(self, code: int) -> CodeMeaning | None:
        """What is known of a code."""
        return self._codes.get(code)

    def judge(self, status: int, code: int) -> CodeMeaning:
        """The meaning of an HTTP answer that is not a success; a code that is not listed goes by its status."""
        if known := self._codes.get(code):
            return known
        if status == 429:
            return CodeMeaning("later")
        if status == 408 or not 300 <= status < 500:
            return CodeMeaning("look-up")
        if status in (401, 403, 404, 405, 407) or 300 <= status < 400:
            return CodeMeaning("account-wide", "The address or the account of the carrier's API is not right.")
        return CodeMeaning("content-final")
