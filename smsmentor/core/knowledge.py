"""What the core knows without reading the state: the rules, the words, and the recognisers made from data files."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import timezone as phone_zones

from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.catalogue import Catalogue
from smsmentor.core.model import Member, Window
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import zone_of
from smsmentor.core.understand import codes
from smsmentor.core.understand.carrier import CarrierWords
from smsmentor.core.understand.contact import Contacts
from smsmentor.core.understand.fields import Fields
from smsmentor.core.understand.language import Languages
from smsmentor.core.understand.news import News
from smsmentor.core.understand.normal import as_it_looks, plain
from smsmentor.core.understand.parse import bare, kept_words
from smsmentor.core.understand.reactions import Reactions
from smsmentor.core.understand.safety import Safety
from smsmentor.core.understand.topics import Topics
from smsmentor.core.understand.when import Times, say_time

LONGEST_WISH = 60
"""Characters of a text that asks for a language."""


@dataclass(frozen=True)
class Knowledge:
    """Made once at start by `smsmentor.resources.load`; handed to every turn."""

    rules: Rules
    words: Catalogue
    topics: Topics
    fields: Fields
    times: Times
    carrier: CarrierWords
    safety: Safety
    contacts: Contacts
    reactions: Reactions
    news: News
    hotlines: Mapping[str, Any]
    cities: Mapping[str, str]
    """Cities and everyday names of zones, in lower case, to zone names."""
    carrier_codes: CarrierCodes
    languages: Languages
    confirms_stop: bool = False
    """The carrier does not answer opt-outs by itself: we confirm each with one text."""
    simulated: bool = False
    """Texts come from simulated phones, on data that may be meant for people later."""
    real_phones: bool = False
    """Texts go through a carrier, to people: what guards against strangers and fraud is on."""

    def zone_for(self, phone: str) -> str:
        """The zone that a number suggests when it is just one; empty when it says nothing (the service's is used).

        In North America area code and exchange tell all: whole exchanges are remembered, since looking is costly.
        """
        return _zone_of_number(f"{phone[:8]}0000" if phone[:2] == "+1" and len(phone) == 12 else phone)

    def country_of(self, phone: str) -> str:
        """The two-letter country of a number; the service's when it cannot be told."""
        return _country_of_number(phone) or self.rules.country

    def hotline(self, phone: str) -> Mapping[str, str]:
        """The crisis line of the country of a number: `country`, `line`, `emergency`, and `text` where it takes texts.

        A country that the table lacks gets the service's own.
        """
        country = self.country_of(phone)
        country = country if country in self.hotlines else self.rules.country
        country = country if country in self.hotlines else "US"
        return {"country": country, **self.hotlines[country]}

    def hotline_words(self, lang: str, phone: str = "") -> str:
        """The crisis line of the country of a number, else of the service's own, in one short sentence."""
        table = self.hotline(phone)
        text = table.get("text", "")
        kind = "call" if not text else "both" if text == table["line"] else "two"
        return self.words.text(lang, f"hotline.{kind}", **{"text": text, **table})

    def yes_no(self, lang: str) -> Mapping[str, frozenset[str]]:
        """Small closed word lists: yes, on, off, skip, thanks, kind words before DONE, reasons after PASS."""
        return _small_words(self.words, lang)

    def spellings(self, command: str, lang: str) -> frozenset[str]:
        """Every keyword of a command for a member of this language."""
        return _spellings(self.words, command, lang)

    def numbers(self, lang: str) -> Mapping[str, str]:
        """The names of the numbers 1 to 9 to their digits."""
        return _number_names(self.words, lang, "numbers")

    def ordinals(self, lang: str) -> Mapping[str, str]:
        """`first`, `second`, `first one` to their digits."""
        return _number_names(self.words, lang, "ordinals")

    def language_asked_for(self, words: str) -> str | None:
        """The language that somebody asks to be written in with other words than LANG: `en espanol, por favor`."""
        if len(words) > LONGEST_WISH:
            return None
        said = bare(words)
        if _words_of_wishes(self.words).isdisjoint(said.split()):
            return None
        forms = {said, *(kept_words(words, self.yes_no(lang)["polite"]) for lang in self.words.languages)}
        return next((lang for lang, wishes in _wishes(self.words).items() if not wishes.isdisjoint(forms)), None)

    def language_named(self, words: str) -> str | None:
        """The language that a member names: its code, or its name in any language that we have."""
        named = bare(words)
        for lang in self.words.languages:
            if named in {lang, *map(bare, self.words.table(lang, "names")["own"])}:
                return lang
        return None

    def is_name_of_ours(self, name: str) -> bool:
        """Whether a name could be taken for the team, for the service, or for a word or letter of ours in our texts."""
        said, own = bare(as_it_looks(name)), bare(self.rules.name)
        together = said.replace(" ", "")
        if (len(together) == 1 and together.isascii()) or self.carrier.read(name) or codes.read(name):
            return True
        if own and own.replace(" ", "") in together:
            return True
        return any(f" {word} " in f" {said} " for word in _team_names(self.words))

    def zone_named(self, words: str) -> str | None:
        """The zone of a city, an everyday name (`eastern`), or a zone's own name (`America/Chicago`)."""
        place = plain(words).strip(" .,!?;:")
        without_state = re.sub(r"[ ,]+[a-z]{2}$", "", place)
        for name in (place, place.split(",")[0].strip(), bare(place), without_state):
            if found := self.cities.get(name) or _zone_names().get(name.replace(" ", "_")):
                return found
        return None

    def hours(self, words: str, lang: str) -> tuple[Window, ...] | None:
        """Weekly windows as a member writes them; None when the text is something else."""
        return self.times.hours(words, languages=self.reads(lang))

    def hours_in_words(self, windows: tuple[Window, ...], lang: str) -> str:
        """`Mon-Fri 9:00-18:00`: the windows as a member reads them."""
        days = self.words.table(lang, "words_days")["short"]
        return ", ".join(f"{_days(w.days, days)} {_clock(w.start)}-{_clock(w.end)}" for w in windows)

    def moment_in_words(self, at: datetime, member: Member, now: datetime) -> str:
        """`Tue 12 May, 15:00` as a member reads it, to be asked back."""
        return say_time(at, zone_of(member, self.rules), now, self.words.table(member.lang, "times")["say"])

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


@lru_cache(maxsize=1)
def _zone_names() -> Mapping[str, str]:
    """`chicago` and `america/chicago` to the zone: a city's name alone is taken where it names one zone."""
    names: dict[str, str] = {}
    for name in sorted(zoneinfo.available_timezones()):
        if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/")):
            names[name.lower()] = name
            names.setdefault(name.rsplit("/", 1)[1].lower(), name)
    return names


def _clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def _days(days: tuple[int, ...], names: Sequence[str]) -> str:
    if days == tuple(range(7)):
        return names[7]
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return " ".join(names[r[0]] if len(r) == 1 else f"{names[r[0]]}-{names[r[-1]]}" for r in runs)


@lru_cache(maxsize=32)
def _small_words(words: Catalogue, lang: str) -> Mapping[str, frozenset[str]]:
    both = (words.table(words.default, "words"), words.table(lang, "words"))
    names = [name for name in both[0] if name not in ("numbers", "ordinals", "own")]
    return {
        name: frozenset(form for table in both for word in table.get(name, ()) for form in (word, bare(word)))
        for name in names
    }


@lru_cache(maxsize=4)
def _team_names(words: Catalogue) -> frozenset[str]:
    return frozenset(bare(name) for lang in words.languages for name in words.table(lang, "words")["team_names"])


@lru_cache(maxsize=4)
def _words_of_wishes(words: Catalogue) -> frozenset[str]:
    """The word of each wish that says most: without one of them no text is a wish."""
    return frozenset(max(wish.split(), key=len) for wishes in _wishes(words).values() for wish in wishes)


@lru_cache(maxsize=4)
def _wishes(words: Catalogue) -> Mapping[str, frozenset[str]]:
    """How people ask for each language, in whichever language they do."""
    return {lang: frozenset(map(bare, words.table(lang, "words")["wishes"])) for lang in words.languages}


@lru_cache(maxsize=256)
def _spellings(words: Catalogue, command: str, lang: str) -> frozenset[str]:
    return frozenset(word for word, name in words.keywords(lang).items() if name == command)


@lru_cache(maxsize=32)
def _number_names(words: Catalogue, lang: str, named: str) -> Mapping[str, str]:
    both = (words.table(words.default, "words"), words.table(lang, "words"))
    numbered = [pair for table in both for pair in enumerate(table[named], start=1)]
    return {bare(name): str(number) for number, names in numbered for name in names.split("/")}
