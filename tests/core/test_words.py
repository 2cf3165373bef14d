"""Every text in every language: GSM-7, one segment with the longest fill, no carrier word misused, nothing missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest

from smsmentor.core.commands.table import TABLE
from smsmentor.core.gsm import encoding, segments
from smsmentor.core.understand.parse import bare
from tests.rigs import base_knowledge

KNOWLEDGE = base_knowledge()
WORDS = KNOWLEDGE.words
LANGUAGES = WORDS.languages

LONGEST = {
    "about": "",  # the topic or the wish for another field: counted with the quote, see RELAYS
    "answered": "1000",
    "ask": "Solo escribe sobre qué quieres otra opinion.",
    "asked": "1000",
    "asking": "1000",
    "budget": "100000",
    "checkin": " En una semana preguntamos como te fue; SALTAR lo evita.",
    "choices": "1 = K4300 2 = M1300",
    "clock": "00:00",
    "code": "K4300",
    "codes": "K4300, M1300",
    "contact": "+12125550100",
    "count": "10",
    "country": "US",
    "day": "08:00",
    "emergency": "911",
    "employer": "City Hospital",
    "example": "4 3 4",
    "examples": "K4300 DONE, M1300 DONE",
    "field": "software engineer",
    "helped": "1000",
    "high": "120",
    "hours": "Mon-Fri 22:00-18:00, Sat-Sun 22:00-12:00",
    "kept": "9999 min",
    "languages": "es (español)",
    "letter": "A",
    "letters": "A, B and C",
    "line": "800 911 2000",
    "lines": "US: call or text 988. In danger: 911.",
    "low": "100",
    "minutes": "10",
    "name": "Maximilian Joseph",
    "names": "Maximilian (30006), 3f2a (30003), Ana (30005) +9",
    "night": "21:00",
    "pages": " Paged, not acknowledged: K4300, M1300.",
    "peers": "10 personas",
    "quote": "",
    "rule": "threat-to-find-you",
    "sent": "",
    "service": "Peer Line",
    "skill": "time management",
    "span": "100 to 120 minutes",
    "team": "",
    "text": "741741",
    "time": "Wed 30 Sep 2027, 23:59",
    "topics": "interviews, leadership, career change, first job",
    "unknown": "beekeeping, welding",
    "use": "x" * 113,  # the longest line of [use]
    "used": "100000",
    "week": "10",
    "weeks": "10",
    "what": "a phone number",
    "when": "Mon 31 Dec 2026, 23:59",
    "who": "a mentor",
    "word": "PRACTICE",
    "year": "2026",
    "years": "40",
}
"""The longest fill of each placeholder. A relay is counted without what somebody wrote (the quote): people pay for
their own words, so `quote`, and the topic and time that go with it, are empty here."""

CARRIER = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "start", "yes", "unstop",
           "help", "info", "no"}  # fmt: skip
OPT_OUTS_ABROAD = {
    "alto",
    "baja",
    "cancelar",
    "fin",
    "parar",
    "salir",
    "terminar",
    "alta",
    "ayuda",
    "arret",
    "desuscribir",
}
FOR_THE_CARRIER = ("STOP", "HELP", "START")
SHOUTED = re.compile(r"\b[A-ZÑÉÜ]{2,}\b")
LATIN = re.compile(r"[áíóúÁÍÓÚ]")


def texts() -> Iterator[Any]:
    for lang in LANGUAGES:
        for text_id in WORDS.text_ids(lang):
            yield pytest.param(lang, text_id, id=f"{lang} {text_id}")


@pytest.mark.parametrize(("lang", "text_id"), list(texts()))
def test_a_text_fits_one_segment_with_the_longest_fill(lang: str, text_id: str) -> None:
    filled = WORDS.text(lang, text_id, **LONGEST)
    assert encoding(filled) == "GSM-7", (
        f"{[c for c in filled if encoding(c) != 'GSM-7']} cost a second segment: {filled}"
    )
    assert segments(filled) == 1, f"{len(filled)} characters: {filled}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_placeholder_has_a_longest_fill(lang: str) -> None:
    wanted = {name for text_id in WORDS.text_ids(lang) for name in WORDS.placeholders(lang, text_id)}
    assert not wanted - LONGEST.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_carrier_word_is_a_keyword(lang: str) -> None:
    keywords = WORDS.keywords(lang)
    taken = {word for word in keywords if word in CARRIER | OPT_OUTS_ABROAD or KNOWLEDGE.carrier.read(word)}
    assert not taken


@pytest.mark.parametrize(("lang", "text_id"), list(texts()))
def test_no_text_asks_for_a_carrier_word_for_another_purpose(lang: str, text_id: str) -> None:
    shown = re.sub(r"\{\w+\}", "", WORDS.template(lang, text_id))
    shouted = {word for word in SHOUTED.findall(shown) if word.lower() in CARRIER | OPT_OUTS_ABROAD}
    assert shouted <= set(FOR_THE_CARRIER)
    for word in shouted:
        assert re.search(CARRIER_PURPOSE[word][lang], shown), f"{word} for what? {shown}"


CARRIER_PURPOSE = {
    "STOP": {"en": r"STOP to leave|no more texts from us, reply STOP",
             "es": r"STOP para salir|STOP: baja|no quieres mas mensajes nuestros, responde STOP"},
    "HELP": {"en": r"HELP for help", "es": r"HELP: ayuda"},
    "START": {"en": r"START brings you back", "es": r"Si quieres volver, escribe START"},
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_is_complete(lang: str) -> None:
    assert WORDS.missing(lang) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_has_keywords_and_a_line_in_the_table(lang: str) -> None:
    keywords, use = WORDS.files[lang]["keywords"], WORDS.files[lang]["use"]
    assert set(keywords) == set(use) == set(TABLE)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_that_a_text_tells_people_to_send_is_read(lang: str) -> None:
    keywords = WORDS.keywords(lang)
    first_words = {word.split()[0] for word in keywords}
    told = {
        (text_id, word)
        for text_id in WORDS.text_ids(lang)
        for word in SHOUTED.findall(re.sub(r"\{\w+\}", "", WORDS.template(lang, text_id)))
    }
    others = {"OK", "ME", "ON", "OFF", "US", "SMS", "URGENT", "URGENTE", "AVISO", "TEAM", "EQUIPO", "ALWAYS", "SIEMPRE",
              "TODO", "MI", "STATUS", "WAITING", "ACK", "INVITE", "PARKED", "VOUCH", "NEW", "NUEVO", "REPORT",
              "TELL", "CONTAR", "DROP", "DESCARTAR", *FOR_THE_CARRIER}  # fmt: skip
    unread = {
        (i, w) for i, w in told if w not in others and bare(w) not in first_words and not re.fullmatch(r"[A-Z]\d+", w)
    }
    assert not unread


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_keyword_stands_for_two_commands(lang: str) -> None:
    seen: dict[str, str] = {}
    for command, words in WORDS.files[lang]["keywords"].items():
        for word in words:
            assert seen.setdefault(bare(word), command) == command, word


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_has_its_times_and_safety_words_in_its_own_file(lang: str) -> None:
    assert {"times", "carrier", "optout", "crisis", "danger", "abuse", "contact", "reactions", "recognise"} <= set(
        WORDS.files[lang]
    )


@pytest.mark.parametrize("lang", [lang for lang in LANGUAGES if lang != "en"])
def test_letters_beyond_gsm_stand_without_their_accent(lang: str) -> None:
    accented = [i for i in WORDS.text_ids(lang) if LATIN.search(WORDS.template(lang, i))]
    assert not accented


def test_placeholders_are_plain_names() -> None:
    for lang in LANGUAGES:
        for text_id in WORDS.text_ids(lang):
            parts = [field for _, field, spec, _ in Formatter().parse(WORDS.template(lang, text_id)) if field or spec]
            assert all(part is not None and part.isidentifier() for part in parts), text_id
