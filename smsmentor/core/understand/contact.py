"""Finds contact details in a text, in figures or in words: phone, mail, link, handle, one-time code, id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from smsmentor.core.understand.normal import runs

Kind = Literal["phone", "email", "link", "handle", "code", "id", "address"]

REMOVED = "[removed]"
WORDS_OF_A_KIND = 2
"""So many words behind `code` may say which kind it is."""

# A phone number has 7 (local) to 15 digits (ITU-T E.164).
_PHONE_DIGITS_MIN, _PHONE_DIGITS_MAX = 7, 15

# Top-level domains that are no words of a sentence, so that "done.in the morning" is no link.
_TLDS = (
    "com|org|net|edu|gov|info|biz|app|dev|xyz|online|site|shop|tech|store|blog|page|link|club|website|academy|space|fyi|io|ai|"
    "ly|gg|tv|cc|uk|ca|fr|eu|ru|cn|mx|cl|pe|br|jp|nl|ch|pl|se|nz|ie|za"
)
# Written out ("example dot me"), or with a path behind, more of them can only be a link.
_MORE_TLDS = _TLDS + "|me|us|co|es|de|in|it|be|to|is|gl|gd|ar|au|so|id|at|fm|la|my"
_CODE_SITES = frozenset({"asp.net", "vb.net", "ado.net", "ml.net"})
_SITES = (
    "bit\\.ly|t\\.me|wa\\.me|goo\\.gl|youtu\\.be|is\\.gd|lnkd\\.in|fb\\.me|m\\.me|zoom\\.us|t\\.co"
    "|telegram\\.me|signal\\.me"
)
_PROVIDERS = "gmail|hotmail|icloud|protonmail|proton|yahoo|outlook|gmial|googlemail"
_SERVICES = (
    "instagram|insta|ig|snapchat|snap|sc|telegram|tg|discord|tiktok|kik|venmo|cash ?app|wechat|whatsapp|facebook|fb|"
    "whatsap|wasap|guasap|"
    "twitter|linkedin|linked in|skype|reddit|messenger|signal|paypal|threads|bluesky"
)
# Services with whose name only a user name follows: "insta: janedoe". "LinkedIn: update it" may be advice.
_NAMED_SERVICES = frozenset({"ig", "insta", "instagram", "snap", "snapchat", "tg", "telegram", "kik", "discord"})
_NO_PERSON_AT = frozenset({"look", "looking", "work", "works", "working", "worked", "job", "am", "is", "was", "are"})
_NO_HANDLE = frozenset(
    [
        "home",
        "work",
        "all",
        "everyone",
        "here",
        "channel",
        "school",
        "night",
        "noon",
        "office",
        "lunch",
        "least",
        "first",
        "the",
        "any",
        "once",
    ]
)

# Numbers with a plain meaning, put out of sight before phone numbers are looked for.
_HARMLESS = re.compile(
    r"""
      [$€£¥]\s?\d[\d,.]*                                  # $75,000
    | (?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])               # 75,000
    | (?<![\d.])\d{1,2}(?:\.\d{3})+(?![\d.])              # 75.000
    | (?<![\d.,])\d[\d.,]{0,15}\s?k\b                                # 120k
    | (?<![\d.,])\d[\d.,]{0,15}\s?[%€£]                                   # 50%
    | (?<!\d)(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:[0-2]?\d|3[01])(?!\d)      # 2026-03-04
    | (?<!\d)\d{1,2}[-/.]\d{1,2}[-/.](?:(?:19|20)\d\d|\d\d)(?![-/.\d])              # 4/3/2026
    | (?<!\d)(?:19|20)\d\d\s?[-–/]\s?(?:(?:19|20)\d\d|\d\d)(?![-–/.\d])             # 2019-2023
    | (?<!\d)\d{1,2}[:h]\d\d(?::\d\d)?(?!\d)              # 15:30
    | \b[A-Za-z]\s?\d{2,4}\b                              # K43
    """,
    re.VERBOSE,
)
_PHONE = re.compile(r"(?<![\w.,#])\+?[(]?\d(?:[ .()/*_\-]{0,3}\d){6,18}(?!\w)(?![.,]\d)")
# Letters in place of figures, where a number is grouped as in North America: 2I2-555-OI34.
_LOOKALIKE = re.compile(r"(?<!\w)[\dOoIl]{3}[-. ]{1,2}[\dOoIl]{3}[-. ]{1,2}[\dOoIl]{4}(?!\w)")
# Figures with signs between them that no number of everyday has: 2🙂1🙂2🙂5..., 2,1,2,5..., 212|555|0142.
_SIGNED = re.compile(r"(?<![\w.,#])\d{1,4}(?:\s?[^\w\s]{1,8}\s?\d{1,4}){2,14}(?!\w)(?![.,]\d)")
_LIST_SIGNS = frozenset(",;:/+&.")
_LISTED = 10
"""Fewer single figures with such signs between them may be a list: of scores, of days."""
_MOST_LETTERS = 5
_GROUP = re.compile(r"\d+")
_BARE_WORD = re.compile(r"[^\W_]+")
_DOT_INSIDE = re.compile(r"\w\.\S|-\.\S")
_SIGN = re.compile(r"[@:/(\[$0-9]")
# Small and capital letters of these count as one another here as they do for `str.lower`.
_USUAL = re.compile("[\x00-\xb4\xb6-\xff\u2010-\u2027€\u2600-\u27bf\ufe0f\u200d\U0001f300-\U0001faff]*")
_PROVIDER_NAMES = frozenset(_PROVIDERS.split("|"))
_SERVICE_WORDS = frozenset(_BARE_WORD.findall(_SERVICES)) | {"cashapp"}
_SERVICE_FIRSTS = frozenset(_BARE_WORD.findall(name)[0] for name in _SERVICES.split("|")) | {"cashapp"}
# Of what stands between spaces, remembered before all is forgotten.
_CHUNKS_MAX = 20_000
_CHUNK_LONGEST = 32
_FIGURES = 3
"""Fewer words for figures are no number."""
_COM, _NOTHING = frozenset({"com"}), frozenset[str]()
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])")

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}\s?@\s?(?:[\w-]{1,63}\.){1,4}[A-Za-z]{2,24}\b")
_URL = re.compile(r"\b(?:https?://|www\.)\S{2,}", re.IGNORECASE)
_SITE = re.compile(
    rf"(?<![\w@.-])(?:(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_TLDS})(?:/\S*)?|(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_MORE_TLDS})/\S+"
    rf"|(?:{_SITES})|(?:[a-z0-9-]{{1,63}}\.){{1,3}}(?:com?|org|net)\.[a-z]{{2}}(?:/\S*)?)(?![\w@-])",
    re.IGNORECASE,
)
_AT_HANDLE = re.compile(r"(?<![\w.@/])@([A-Za-z_][\w.]{2,39})")
_CASHTAG = re.compile(r"(?<!\w)\$[A-Za-z]\w{2,19}\b")
_VALUE = r"@?([\w.#-]{3,40})"

_SSN = re.compile(r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])")
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_DNI = re.compile(r"\b(?:\d{8}|[XYZ]\d{7})-?[A-Z]\b")
_NUMBERED = re.compile(
    r"\b(?:ssn|social security|social|passport|licen[cs]e|account|routing|iban|clabe|dni|pasaporte|cuenta|curp|rfc)"
    r"(?: (?:number|num|no|is|es|número|numero))*\s?[.:#]?\s?((?=[A-Z]*\d)[A-Z\d][A-Z\d-]{5,19})\b",
    re.IGNORECASE,
)
_G_CODE = re.compile(r"\b[A-Z]-\d{6}\b")


@dataclass(frozen=True)
class Detail:
    """A contact detail in text[start:end]."""

    kind: Kind
    start: int
    end: int


class Contacts:
    """Finds and removes contact details.

    `tables` maps a language to its tables, of which [contact] holds the words for digits, "at", "dot" and the like;
    links to `allowed_sites` (host names; their subdomains too) pass. Give it text that has been through
    `normal.relay_text`: what is invisible cannot then split a number.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], allowed_sites: Iterable[str] = ()) -> None:
        words = _Words([table["contact"] for table in tables.values() if "contact" in table])
        self._words = words
        self._telling = words.dot | words.slash | _COM | _PROVIDER_NAMES | _SERVICE_FIRSTS
        self._figures = frozenset(part for word in words.digits for part in _BARE_WORD.findall(word))
        self._words_to_heed = self._telling | self._figures
        self._weights: dict[str, int] = {}
        self._allowed = tuple(site.lower().removeprefix("www.").rstrip("/") for site in allowed_sites)
        at, dot, slash = _any(words.at), _any(words.dot), _any(words.slash)
        dots = rf"(?:\s?[(\[]\s?(?:\.|{dot})\s?[)\]]\s?|\s{{1,2}}(?:{dot})\s{{1,2}}|\.)"
        self._written_email = re.compile(
            rf"(?<!\w)[\w+-]{{1,30}}(?:{dots}[\w+-]{{1,30}}){{0,3}}"
            rf"(?:\s?[(\[{{]\s?(?:@|{at})\s?[)\]}}]\s?|\s{{1,2}}(?:@|{at})\s{{1,2}}|@)"
            rf"(?:[\w-]{{1,40}}(?:{dots}[\w-]{{1,30}}){{0,2}}{dots}(?:{_TLDS}|me|us|co|es)|(?:{_PROVIDERS}))\b",
            re.IGNORECASE,
        )
        path = rf"(?:\s{{0,2}}(?:{slash}|/)\s{{0,2}}[\w@.-]+){{0,4}}"
        self._written_link = re.compile(
            rf"(?<![\w.])(?:[\w-]{{1,40}}(?:\s?[(\[]\s?(?:\.|{dot})\s?[)\]]\s?|\s{{1,2}}(?:{dot})\s{{1,2}}|\s\.\s?(?=com\b)|\s?\.\s(?=com/))){{1,3}}"
            rf"(?:{_MORE_TLDS})\b{path}"
            rf"|(?<!\w)(?:t|telegram|wa|bit|fb|m|youtu|discord|zoom|signal|instagram|insta|linkedin|facebook|snapchat|tinyurl)"
            rf"[ .]{{1,2}}(?:me|ly|be|us|gg|com)\s{{1,2}}(?:{slash}|/)\s{{0,2}}[\w@.-]+{path}",
            re.IGNORECASE,
        )
        figure = _any([*words.digits, *words.repeats])
        self._figure = re.compile(rf"{figure}|\d+", re.IGNORECASE)
        long = _any([word for word in words.digits if len(word) > 2])  # not the `o` of `o365`
        self._mixed = re.compile(rf"\d(?:{long})|(?:{long})\d", re.IGNORECASE)
        piece = rf"(?>(?:{figure}|\d)+)"
        self._mixed_run = re.compile(rf"(?<!\w){piece}(?:(?:[ .()\-]{{1,2}}|,){piece}){{0,6}}(?!\w)", re.IGNORECASE)
        digit = rf"(?:{figure}|\d{{1,4}})"
        self._spelled = re.compile(rf"(?<!\w){digit}(?:[\s,.\-]{{1,3}}{digit}){{2,}}(?!\w)", re.IGNORECASE)
        connect = _any(words.connect)
        self._service_sign = re.compile(
            rf"\b({_SERVICES})(?:\s(?:{connect})){{0,2}}(\s?[:=]\s?|\s){_VALUE}", re.IGNORECASE
        )
        self._service_said = re.compile(
            rf"\b({_any(words.reach)})\b[^.!?\n]{{0,25}}?\b(?:{_SERVICES})((?:\s(?:{connect})){{0,2}})\s{_VALUE}",
            re.IGNORECASE,
        )
        self._on_service = re.compile(rf"(?<!\w)@?([\w.]{{3,40}})\s(?:on|en)\s(?:{_SERVICES})\b", re.IGNORECASE)
        code, yours = _any(words.code), _any(words.yours)
        number = r"(\d{4,8}|\d{3}[ -]\d{3})(?![\w-])"
        before = r"(?:\b(\w{1,40})\s)?\b"
        self._code_first = re.compile(rf"{before}(?:{code})\b([^\d\n]{{0,25}}?)(?<![\w-]){number}", re.IGNORECASE)
        self._code_last = re.compile(
            rf"(?<![\w-])(\d{{4,8}}|\d{{3}}[ -]\d{{3}})\s(?:is|es)\s(?:{yours})\b[^.\n]{{0,30}}?\b(?:{code})\b",
            re.IGNORECASE,
        )
        no_name = "the|on|in|of|a|my|to|down|off|more|and|from|for|or|at"
        word = rf"(?!min|hour|hr|mile|year|day|week|month|block|km|people|(?:{no_name})\b)[\w'.]{{1,20}}"
        live = _any(words.live)
        first = [*words.street_first, *words.street_first_if_live]
        street_name = rf"(?!(?:{_any(words.street_never)})\b)[\w'.]{{1,20}}"
        counted = rf"\s?(?:{_any([*words.street_counted, *words.units])})\b"
        named = rf"(?:{street_name}\s){{1,4}}(?:#|no\.?\s?|número\s|numero\s)?\d{{1,5}}\b(?!{counted})"
        self._address = re.compile(
            rf"(?<![\w$.,])\d{{1,5}}\s(?:{word}\s){{1,3}}(?:{_any(words.street)})\b\.?(?:,?\s(?:apt|apartment|unit|#)\s?\w{{1,5}})?"
            rf"|(?:{live})\s\d{{1,5}}\s(?:{word}\s){{1,3}}(?:{_any([*words.street, *words.street_if_live])})\b"
            # `Calle Mayor 12`, `Cra 7 # 45-10`; but `otra carrera a los 35` and `en la calle 3 meses` say none.
            rf"|\b(?:{_any(words.street_first)})\.?\s{named}"
            rf"|(?:{live})\s(?:(?:en|la|el|es)\s){{0,2}}(?:{_any(first)})\.?\s{named}"
            rf"|\b(?:{_any(first)})\.?\s\d{{1,3}}\s?[a-z]?\s?(?:#|no\.?|n°)\s?\d{{1,4}}(?:\s?-\s?\d{{1,4}})?\b",
            re.IGNORECASE,
        )
        self._money = re.compile(rf"(?<![\d., ])\d[\d., ]{{0,15}}\s(?:{_any(words.units)})\b", re.IGNORECASE)

    def find(self, text: str) -> tuple[Detail, ...]:
        """Every detail, from left to right, none overlapping another."""
        if not self.may_hold(text):
            return ()
        if not text.isascii():
            seen, places = _as_read(text)
            if seen != text:
                return tuple(Detail(d.kind, places[d.start], places[d.end]) for d in self.find(seen))
        found: list[Detail] = []
        for detail in self._all(text):
            if detail.end > detail.start and not any(d.start < detail.end and detail.start < d.end for d in found):
                found.append(detail)
        return tuple(sorted(found, key=lambda detail: detail.start))

    def may_hold(self, text: str) -> bool:
        """Whether a text has any of the signs and words without which no pattern fits: most have none.

        A number in words has three of them at least; a service of two words is known by its first.
        """
        if text.isascii():
            try:
                return sum(map(self._weights.__getitem__, text.split())) >= _FIGURES
            except KeyError:
                return sum(map(self._weight, text.split())) >= _FIGURES
        return self._may_hold(text)

    def _weight(self, chunk: str) -> int:
        """How much of a detail can be in what stands between spaces, to which no sign and no word reaches over."""
        if chunk in self._weights:
            return self._weights[chunk]
        told = sum(map(self._figures.__contains__, runs(chunk.lower())))
        weight = _FIGURES if self._may_hold(chunk) else told
        if len(chunk) <= _CHUNK_LONGEST:
            if len(self._weights) > _CHUNKS_MAX:
                self._weights.clear()
            self._weights[chunk] = weight
        return weight

    def _may_hold(self, text: str) -> bool:
        lower = text.lower()
        said = runs(lower)
        return (
            _SIGN.search(text) is not None
            or ("." in text and _DOT_INSIDE.search(text) is not None)
            or (not self._words_to_heed.isdisjoint(said) and self._tells(said))
            or (not text.isascii() and self._is_odd(text, lower))
        )

    def _tells(self, said: Sequence[str]) -> bool:
        """Whether one word, or three figures, can be of a detail."""
        return not self._telling.isdisjoint(said) or sum(map(self._figures.__contains__, said)) >= _FIGURES

    def _is_odd(self, text: str, lower: str) -> bool:
        """Whether there are letters that may count as others, other figures, or a word for "/" inside another one."""
        return (
            _USUAL.fullmatch(text) is None
            or any(map(str.isdigit, text))
            or any(slash in lower for slash in self._words.slash)
        )

    def without(self, text: str, removed: str = REMOVED) -> str:
        """The text with `removed` in place of each detail."""
        parts, at = [], 0
        for detail in self.find(text):
            parts += [text[at : detail.start], removed]
            at = detail.end
        return "".join([*parts, text[at:]])

    def _all(self, text: str) -> Iterator[Detail]:
        """Details in the order in which they win over one another.

        Most texts hold none, and lack a sign or a word without which a pattern cannot fit: that is looked at first.
        """
        words = frozenset(_BARE_WORD.findall(text.lower()))
        odd = not text.isascii()  # a letter may count as another one there: every pattern has its look

        def has(signs: str, names: frozenset[str] = _NOTHING) -> bool:
            return odd or any(sign in text for sign in signs) or not words.isdisjoint(names)

        if has("@"):
            yield from (Detail("email", *m.span()) for m in _EMAIL.finditer(text))
        if has("@", self._words.at) and has(".", self._words.dot | _PROVIDER_NAMES):
            yield from self._written_emails(text)
        if has(":") or _DOT_INSIDE.search(text):
            yield from self._links(text)
        if has("/([", self._words.dot | self._words.slash | _COM):
            yield from self._written_links(text)
        if has("@$", _SERVICE_WORDS):
            yield from self._handles(text)
        if any(map(str.isdigit, text)):
            if self._mixed.search(text):
                yield from self._mixed_phones(text)
            yield from self._numbers(text)
            if has("", self._words.streets):
                yield from (Detail("address", *m.span()) for m in self._address.finditer(text))
        if has("", self._words.spelled):
            yield from self._spelled_phones(text)

    def _links(self, text: str) -> Iterator[Detail]:
        for pattern in (_URL, _SITE):
            for m in pattern.finditer(text):
                address = m[0].rstrip(".,;:!?)\"'")
                if address.lower() not in _CODE_SITES and not self._is_allowed(address):
                    yield Detail("link", m.start(), m.start() + len(address))

    def _is_allowed(self, address: str) -> bool:
        host = re.split(r"[/?#:]", re.sub(r"^https?://", "", address.lower()), maxsplit=1)[0].removeprefix("www.")
        return any(host == site or host.endswith("." + site) for site in self._allowed)

    def _written_emails(self, text: str) -> Iterator[Detail]:
        for m in self._written_email.finditer(text):
            name = re.split(r"\W", m[0], maxsplit=1)[0].lower()
            if name not in _NO_PERSON_AT:
                yield Detail("email", *m.span())

    def _written_links(self, text: str) -> Iterator[Detail]:
        for m in self._written_link.finditer(text):
            site = re.sub(rf"\s?[(\[]?\s?\b(?:{_any(self._words.dot)})\b\s?[)\]]?\s?", ".", m[0], flags=re.IGNORECASE)
            if not self._is_allowed(site.split()[0]):
                yield Detail("link", *m.span())

    def _handles(self, text: str) -> Iterator[Detail]:
        for m in _AT_HANDLE.finditer(text):
            if m[1].lower() not in _NO_HANDLE:
                yield Detail("handle", *m.span())
        yield from (Detail("handle", *m.span()) for m in _CASHTAG.finditer(text))
        for m in self._service_sign.finditer(text):
            plain_name = m[2].strip() and m[1].lower() in _NAMED_SERVICES and self._is_word_name(m[3])
            if self._is_name(m[3]) or plain_name:
                yield Detail("handle", *m.span(3))
        for m in self._service_said.finditer(text):
            after = text[m.end() : m.end() + 5].lower()
            ends = not after.strip() or after[0] in ".,!?;" or after.startswith((" and ", " if ", " y "))
            told = m[2].strip() or m[1].lower() not in ("my", "mi", "here's", "heres")
            if self._is_name(m[3]) or (ends and told and self._is_word_name(m[3])):
                yield Detail("handle", *m.span(3))
        for m in self._on_service.finditer(text):
            if self._is_name(m[1]):
                yield Detail("handle", *m.span(1))

    def _is_name(self, word: str) -> bool:
        """Whether a word can hardly be anything but a user name: it has a digit, an underscore or a dot inside."""
        inner = word.strip(".-")
        return any(c in "_.#" or c.isdigit() for c in inner) and any(c.isalpha() for c in inner)

    def _is_word_name(self, word: str) -> bool:
        return len(word.strip(".-")) > 3 and word.strip(".-").lower() not in self._words.ordinary

    def _numbers(self, text: str) -> Iterator[Detail]:
        for m in self._code_first.finditer(text):
            about = [m[1] or "", *m[2].split()[:WORDS_OF_A_KIND]]  # `zip code 10001`, `codigo de area 787`
            if self._words.not_code.isdisjoint(map(str.lower, about)) and not _YEAR.fullmatch(m[3]):
                yield Detail("code", *m.span(3))
        yield from (Detail("code", *m.span(1)) for m in self._code_last.finditer(text))
        for pattern in (_SSN, _IBAN, _DNI, _G_CODE):
            yield from (Detail("code" if pattern is _G_CODE else "id", *m.span()) for m in pattern.finditer(text))
        yield from (Detail("id", *m.span(1)) for m in _NUMBERED.finditer(text))
        yield from (Detail("id", *m.span()) for m in _CARD.finditer(text) if _luhn(m[0]))
        for m in _LOOKALIKE.finditer(text):
            if 0 < sum(map(str.isalpha, m[0])) <= _MOST_LETTERS:
                yield Detail("phone", *m.span())
        seen = self._money.sub(lambda m: "x" * len(m[0]), _HARMLESS.sub(lambda m: "x" * len(m[0]), text))
        yield from (Detail("phone", *m.span()) for m in _PHONE.finditer(seen) if _is_phone(m[0]))
        yield from (Detail("phone", *m.span()) for m in _SIGNED.finditer(seen) if _is_signed_phone(m[0]))

    def _mixed_phones(self, text: str) -> Iterator[Detail]:
        """`212 five55 0142`: figures and words for figures in one word. `seven11 2019` is none."""
        for m in self._mixed_run.finditer(text):
            groups = [self._digits(said)[0] for said in re.findall(r"\w+", m[0])]
            if self._mixed.search(m[0]) and not _YEAR.fullmatch(groups[-1]) and _is_phone(" ".join(groups)):
                yield Detail("phone", *m.span())

    def _spelled_phones(self, text: str) -> Iterator[Detail]:
        for m in self._spelled.finditer(text):
            number, words = self._digits(m[0])
            if words > 2 and _PHONE_DIGITS_MIN <= len(number) <= _PHONE_DIGITS_MAX and not _counts(number):
                yield Detail("phone", *m.span())

    def _digits(self, said: str) -> tuple[str, int]:
        """What figures and words for figures stand for, and how many of them are words."""
        number, words, times = "", 0, 1
        for part in self._figure.findall(said.lower()):
            if part in self._words.repeats:
                times = self._words.repeats[part]
                continue
            number += self._words.digits.get(part, part) * times
            words += not part.isdigit()
            times = 1
        return number, words


class _Words:
    """The words of all languages together."""

    def __init__(self, tables: list[Mapping[str, Any]]) -> None:
        def merged(name: str) -> list[str]:
            return [word for table in tables for word in table.get(name, ())]

        self.digits: dict[str, str] = {w: d for table in tables for w, d in table.get("digits", {}).items()}
        self.repeats: dict[str, int] = {w: n for table in tables for w, n in table.get("repeats", {}).items()}
        self.spelled = frozenset(self.digits)
        self.at, self.dot, self.slash = (frozenset(merged(name)) for name in ("at", "dot", "slash"))
        self.connect, self.reach = merged("is"), merged("reach")
        self.code, self.not_code, self.yours = merged("code"), frozenset(merged("not_code")), merged("yours")
        self.live, self.street, self.street_first = merged("live"), merged("street"), merged("street_first")
        self.street_if_live, self.units = merged("street_if_live"), merged("units")
        self.street_first_if_live, self.street_never = merged("street_first_if_live"), merged("street_never")
        self.street_counted = merged("street_counted")
        self.streets = frozenset(
            [*self.street, *self.street_if_live, *self.street_first, *self.street_first_if_live],
        )
        self.ordinary = frozenset(merged("ordinary"))


def _any(words: Iterable[str]) -> str:
    """A pattern for any of the words, longest first; one that never fits for none."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"


def _as_read(text: str) -> tuple[str, list[int]]:
    """A text as people read it, and where each of its characters stands: without marks on letters and figures, which
    may be many (keycaps, what is struck through), and with ① and ＠ as what they look like."""
    seen, places = [], []
    for place, char in enumerate(text):
        if char.isascii() or (char := _read_as(char)):
            seen.append(char)
            places.append(place)
    return "".join(seen), [*places, len(text)]


@lru_cache(maxsize=4096)
def _read_as(char: str) -> str:
    """The ASCII character that another one is read as; itself when it is none, nothing for a mark or a joiner."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return ""
    figure = unicodedata.digit(char, None)
    folded = unicodedata.normalize("NFKC", char) if figure is None else str(figure)
    return folded if folded.isascii() and len(folded) == 1 else "." if char == "。" else char


def _is_phone(number: str) -> bool:
    """Whether a run of digits is grouped as people write phone numbers."""
    groups = _GROUP.findall(number)
    digits = "".join(groups)
    if not _PHONE_DIGITS_MIN <= len(digits) <= _PHONE_DIGITS_MAX:
        return False
    if number.startswith("+"):
        return True
    if len(groups) == 1:
        return not digits.endswith("000") and not _DAY.fullmatch(digits) and not _counts(digits)
    if len(groups) == 2 and _YEAR.fullmatch(groups[0]) and groups[1].startswith("00"):
        return False  # a case number
    sizes = {len(group) for group in groups}
    if sizes == {1}:
        return not _counts(digits)
    if all(_YEAR.fullmatch(group) for group in groups) or all(group.endswith("00") for group in groups):
        return False
    if groups[-1] == "000" and all(len(group) == 3 for group in groups[1:]):
        return False
    if max(sizes) > 2:
        return len(groups[-1]) > 2 or (len(digits) > 8 and len(groups[-1]) == 2)
    signs = set(re.findall(r"\D+", number))
    return sizes == {2} and len(groups) > 4 and len(signs) == 1


def _is_signed_phone(number: str) -> bool:
    """Whether figures with odd signs between them are a phone number, and no list of scores, prices or pages."""
    groups = _GROUP.findall(number)
    digits = "".join(groups)
    signs = set(re.findall(r"[^\w\s]", number))
    if {len(group) for group in groups} == {1}:
        least = _LISTED if signs <= _LIST_SIGNS else _PHONE_DIGITS_MIN
        return least <= len(digits) <= _PHONE_DIGITS_MAX and groups != sorted(groups) and not _counts(digits)
    if [len(group) for group in groups[-3:]] != [3, 3, 4] or [len(group) for group in groups[:-3]] not in ([], [1]):
        return False
    return not signs <= _LIST_SIGNS or (number.isascii() and " " not in number and int(groups[-1]) % 5 > 0)


def _counts(digits: str) -> bool:
    """Whether the digits just count up or down: 1234567."""
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return steps in ({1}, {-1})


def _luhn(number: str) -> bool:
    """Whether the check digit of a payment card is right (ISO/IEC 7812-1)."""
    digits = [int(c) for c in number if c.isdigit()][::-1]
    return sum(d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(digits)) % 10 == 0
