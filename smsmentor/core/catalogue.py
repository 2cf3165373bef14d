"""Every word that we text and every keyword, by language, as the message files give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from smsmentor.core.understand.parse import bare

COMPLETE = ("words", "use", "why", "names", "recognise", "words_days")
"""Tables of which a language needs every entry, beside the texts and the keywords."""


class Catalogue:
    """The message files, ready to use. Each language is one mapping, as parsed from its TOML file.

    `[say.<family>]` holds the texts: the text id `offer.new` is `say.offer.new`. `[keywords]` gives each
    command the words that call it. `[why]` has the reasons that a coordinator reads.
    """

    def __init__(self, files: Mapping[str, Mapping[str, Any]], default: str = "en") -> None:
        self.default = default
        self.files = files
        self._say = {lang: dict(_texts(table.get("say", {}))) for lang, table in files.items()}
        self._keywords = {lang: _keywords(table.get("keywords", {})) for lang, table in files.items()}
        self._merged: dict[str, dict[str, str]] = {}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a file."""
        return tuple(self.files)

    def text_ids(self, lang: str | None = None) -> tuple[str, ...]:
        """The names of all texts."""
        return tuple(self._say[lang or self.default])

    def template(self, lang: str, text_id: str) -> str:
        """The text with its placeholders; what a language lacks is said in the default one."""
        own = self._say.get(lang, {}).get(text_id)
        return own if own is not None else self._say[self.default][text_id]

    def text(self, lang: str, text_id: str, **args: object) -> str:
        """The text with its placeholders filled."""
        return self.template(lang, text_id).format_map(args)

    def placeholders(self, lang: str, text_id: str) -> frozenset[str]:
        """The names that a text expects."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.template(lang, text_id)) if name)

    def keywords(self, lang: str) -> Mapping[str, str]:
        """Keyword to command name: the language's own words, and the default language's for all the others."""
        known = self._merged.get(lang)
        if known is None:
            known = self._merged[lang] = {**self._keywords[self.default], **self._keywords.get(lang, {})}
        return known

    def keyword(self, lang: str, command: str) -> str:
        """The first keyword of a command in a language, as we print it."""
        own = self.files.get(lang, {}).get("keywords", {}).get(command)
        words = own or self.files[self.default]["keywords"][command]
        return str(words[0]).upper()

    def table(self, lang: str, name: str) -> Mapping[str, Any]:
        """Another table of a language's file, such as `why`; the default language's where it has none."""
        found: Mapping[str, Any] = self.files.get(lang, {}).get(name) or self.files[self.default].get(name, {})
        return found

    def missing(self, lang: str) -> list[str]:
        """What a language lacks against the default one, or gives with other placeholders, one line each."""
        problems = [f"say.{text_id}: missing" for text_id in self.text_ids() if text_id not in self._say[lang]]
        for text_id in self._say[lang]:
            if text_id not in self._say[self.default]:
                problems.append(f"say.{text_id}: not known")
            elif self.placeholders(lang, text_id) != self.placeholders(self.default, text_id):
                problems.append(f"say.{text_id}: other placeholders")
        own = self.files[lang].get("keywords", {})
        problems += [f"keywords.{name}: missing" for name in self.files[self.default]["keywords"] if name not in own]
        for name, table in self.files[self.default].items():
            if name not in self.files[lang]:
                problems.append(f"{name}: missing")
            elif name in COMPLETE:
                problems += [f"{name}.{key}: missing" for key in table if key not in self.files[lang][name]]
        return problems


def _texts(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _texts(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _keywords(table: Mapping[str, Any]) -> dict[str, str]:
    return {bare(str(word)): command for command, words in table.items() for word in words}
