"""What the core knows without reading the state: the rules, the words, and the recognisers made from data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import timezone as phone_zones

from smsmentor.core.carrier import CarrierWords
from smsmentor.core.catalogue import Catalogue
from smsmentor.core.contact import Contacts
from smsmentor.core.reactions import Reactions
from smsmentor.core.rules import Rules
from smsmentor.core.safety import Safety
from smsmentor.core.topics import Topics
from smsmentor.core.when import Times


@dataclass(frozen=True)
class Knowledge:
    """Made once at start by `smsmentor.resources.load`; handed to every turn."""

    rules: Rules
    words: Catalogue
    topics: Topics
    times: Times
    carrier: CarrierWords
    safety: Safety
    contacts: Contacts
    reactions: Reactions
    hotlines: Mapping[str, Any]

    def zone_for(self, phone: str) -> str:
        """The zone that a number suggests when it is just one; empty when it says nothing (the service's is used)."""
        return _zone_of_number(phone)

    def country_of(self, phone: str) -> str:
        """The two-letter country of a number; the service's when it cannot be told."""
        return _country_of_number(phone) or self.rules.country

    def hotline(self, country: str, lang: str) -> str:
        """The crisis lines of a country in one short sentence."""
        table = self.hotlines.get(country) or self.hotlines.get(self.rules.country) or self.hotlines["US"]
        return str(table.get(lang) or table["en"])

    def yes_no(self, lang: str) -> Mapping[str, frozenset[str]]:
        """Small closed word lists: yes, on, off, skip, thanks, kind words before DONE, reasons after PASS."""
        return _small_words(self.words, lang)

    def common(self, lang: str) -> frozenset[str]:
        """Everyday words that are never taken for a mistyped keyword."""
        return self.yes_no(lang)["common"]

    def reads(self, lang: str) -> tuple[str, ...]:
        """The languages in which this member's times are read: their own first."""
        return (lang, *(other for other in self.words.languages if other != lang))


@lru_cache(maxsize=4096)
def _zone_of_number(phone: str) -> str:
    try:
        zones = phone_zones.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ""
    return str(zones[0]) if len(zones) == 1 and zones[0] != "Etc/Unknown" else ""


@lru_cache(maxsize=4096)
def _country_of_number(phone: str) -> str:
    try:
        return str(phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or "")
    except phonenumbers.NumberParseException:
        return ""


@lru_cache(maxsize=32)
def _small_words(words: Catalogue, lang: str) -> Mapping[str, frozenset[str]]:
    own = words.table(lang, "words")
    default = words.table(words.default, "words")
    return {name: frozenset(own.get(name, ())) | frozenset(default[name]) for name in default}
