"""The numbers of the product: every default is a setting that an operator may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Rules:
    """Each field is a setting: `SMSMENTOR_PLACES=2`, `places = 2` in the TOML file, or `play --set places=2`."""

    name: str = "Peer Line"
    """What the service calls itself in texts."""
    team_contact: str = ""
    """Where people get human help, shown by HELP: a phone number, an address or a page."""
    zone: str = "America/New_York"
    """The service's own zone, for members whose number names none."""
    lang: str = "en"
    country: str = "US"
    consent_first: bool = False
    """Ask a new mentee to reply OK before the question is sent."""

    gather_seconds: int = 30
    gather_longest_seconds: int = 120
    places: int = 3
    further_views: int = 2
    """How many times MORE may add a place."""
    outside_hold_minutes: int = 45
    """How long a place is kept for the view from outside."""
    open_requests: int = 2
    expiry_hours: int = 24
    notes_after_minutes: tuple[int, ...] = (10, 45)
    """When a mentee who waits is told so, at most."""
    hold_minutes: int = 120
    code_kept_days: int = 7
    checkin_days: int = 7
    rating_hours: int = 48
    late_hours: int = 48
    words_kept_days: int = 30
    """So long after a question closed its words and the numbers on its texts are kept; counts and outcomes stay."""

    quiet_from: str = "21:00"
    quiet_until: str = "08:00"

    patience_minutes: float = 3.0
    """G of the doubling patience: the wait before a further ask when only the panel's own asks are in flight."""
    patience_growth: float = 1.7
    patience_longest_minutes: float = 60.0
    patience_half_life_hours: float = 4.0
    patience_after_answer: float = 3.0
    """How much longer the waits are once the mentee has a first answer: the other places may take their time."""
    patience_when_short: float = 3.5
    """How much longer they are at most when nearly everybody has just been asked: asks are saved for the day."""
    short_below_hours: float = 12.0
    """The pool runs short when those asked now have been free for less than this."""
    same_pair_days: float = 14.0
    """So long somebody else is asked first before a mentor gets another question of the same mentee."""
    offers_a_day: int = 2
    offers_a_week: int = 5
    open_limit: int = 1
    cooldown_hours: float = 4.0
    silence_hours: float = 4.0
    silent_offers_pause: int = 3
    thread_rest_hours: float = 4.0
    """After this long without a text a thread no longer counts as open for the mentor's OPEN limit."""
    retry_minutes: float = 15.0
    """How soon a waiting request looks again for someone who may be asked."""

    same_text_seconds: int = 4
    automatic_in_a_row: int = 5
    texts_an_hour: int = 60
    """More from one phone than this are dropped."""
    crisis_page_minutes: int = 5
    crisis_text_minutes: int = 60
    late_after_minutes: int = 10
    """A timer that fires later than this after its moment was held up by downtime: no courtesies then."""

    send_tries: int = 6
    """A text that the carrier does not take now is tried at least so often, and at least so long:"""
    try_hours: float = 12.0
    lease_seconds: int = 60
    relay_longest: int = 1200
    """Characters of one person's text that are relayed in one piece."""
    monthly_segments: int = 0
    """The budget; 0 is none."""

    automatic_a_minute: int = 1
    """At most so many texts that nobody asked for to one phone, from its last own text on; 0 is no limit."""
    automatic_in_15_minutes: int = 5
    automatic_an_hour: int = 11
    daily_segments: int = 0
    """The cap of the strictest carrier of our registration; 0 is none."""
    daily_zone: str = "America/Los_Angeles"
    """The zone whose midnight begins the cap anew."""
    newcomers_an_hour: int = 200
    """New numbers that are let in; on simulated phones there is no limit, and none of the next two."""
    newcomers_an_hour_abroad: int = 20
    """The same for each country but the service's own."""
    countries: str = ""
    """Countries whose numbers are let in, like `US,CA`; empty: every one."""
    same_texts: int = 5
    """A longer text that comes so often in a row within the hour is dropped from then on."""


def with_values(rules: Rules, values: Mapping[str, str]) -> Rules:
    """The rules with some of them given as text, as settings and stories write them.

    Raises ValueError with one line for each name that is not known and each value that cannot be read.
    """
    read: dict[str, Any] = {}
    problems = []
    defaults = {field.name: getattr(rules, field.name) for field in fields(rules)}
    for name, text in values.items():
        if name not in defaults:
            problems.append(f"{name}: there is no such setting")
            continue
        try:
            read[name] = _value(text.strip(), defaults[name])
        except (ValueError, KeyError):
            problems.append(f"{name}: {text!r} is not {_kind(defaults[name])}")
    if problems:
        raise ValueError("\n".join(problems))
    return replace(rules, **read)


def _value(text: str, like: Any) -> Any:
    if isinstance(like, bool):
        return {
            "on": True,
            "yes": True,
            "true": True,
            "1": True,
            "off": False,
            "no": False,
            "false": False,
            "0": False,
        }[text.casefold()]
    if isinstance(like, tuple):
        return tuple(int(part) for part in text.split(",") if part.strip())
    return type(like)(text)


def _kind(like: Any) -> str:
    if isinstance(like, bool):
        return "on or off"
    return {int: "a whole number", float: "a number", tuple: "whole numbers with commas"}.get(type(like), "a text")
