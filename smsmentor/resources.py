"""Reads the data files that an operator owns, wherever the project runs: a clone, an editable install, a wheel."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.catalogue import Catalogue
from smsmentor.core.knowledge import Knowledge
from smsmentor.core.rules import Rules
from smsmentor.core.understand.carrier import CarrierWords
from smsmentor.core.understand.contact import Contacts
from smsmentor.core.understand.fields import Fields
from smsmentor.core.understand.language import Languages
from smsmentor.core.understand.news import News
from smsmentor.core.understand.reactions import Reactions
from smsmentor.core.understand.safety import Safety
from smsmentor.core.understand.together import Together
from smsmentor.core.understand.topics import Topics
from smsmentor.core.understand.when import Times


def data_folder() -> Path:
    """Where the shipped `data/` lies."""
    spec = importlib.util.find_spec("smsmentor_data")
    if spec and spec.origin:
        return Path(spec.origin).parent
    return Path(__file__).resolve().parent.parent / "data"


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict."""
    with path.open("rb") as file:
        return tomllib.load(file)


def languages(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """The message files by language: each language is one file, `messages/<language>.toml`."""
    return {path.stem: read_toml(path) for path in sorted((folder / "messages").glob("*.toml"))}


def load(rules: Rules, folder: Path | None = None, *, allowed_sites: tuple[str, ...] = ()) -> Knowledge:
    """All that the core knows, from the data files. Raises OSError or ValueError for a file that cannot be read."""
    folder = folder or data_folder()
    files = languages(folder)
    together = Together()
    return Knowledge(
        rules=rules,
        words=Catalogue(files),
        topics=Topics(read_toml(folder / "topics.toml")),
        fields=Fields(read_toml(folder / "fields.toml")),
        times=Times({lang: table["times"] for lang, table in files.items() if "times" in table}),
        carrier=CarrierWords(files, together),
        safety=Safety(files, together),
        contacts=Contacts(files, allowed_sites),
        reactions=Reactions(files, together),
        news=News(files),
        hotlines=read_toml(folder / "hotlines.toml"),
        cities={city: zone for zone, cities in read_toml(folder / "cities.toml").items() for city in cities},
        carrier_codes=CarrierCodes(read_toml(folder / "carrier_codes.toml")),
        languages=Languages(files),
    )
