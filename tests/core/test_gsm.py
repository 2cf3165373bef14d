"""What a text costs on the air, as carriers count it (3GPP TS 23.038; Twilio's segment calculator)."""

from __future__ import annotations

import random

import pytest

from smsmentor.core.graphemes import boundary, clusters
from smsmentor.core.gsm import BASIC, EXTENDED, encoding, segments
from smsmentor.core.render import pieces, short
from smsmentor.core.understand.normal import relay_text

BASIC_OF_THE_STANDARD = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert frozenset(BASIC_OF_THE_STANDARD) == BASIC
    assert len(BASIC) == 127
    assert frozenset("\f^{}\\[~]|€") == EXTENDED
    for outside in "`çáíóú\t“”‘’–—…\u00a0😀":
        assert encoding(outside) == "UCS-2", outside


@pytest.mark.parametrize(
    ("text", "alphabet", "count"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        # A two-septet character moves whole to the next segment: 153 is odd, so each segment loses one.
        ("€" * 152, "GSM-7", 2),
        ("€" * 153, "GSM-7", 3),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("a" * 151 + "€" + "a" * 153, "GSM-7", 2),
        ("\r\n" * 80, "GSM-7", 1),
        ("\r\n" * 81, "GSM-7", 2),
        ("ç" * 70, "UCS-2", 1),
        ("ç" * 71, "UCS-2", 2),
        ("ç" * 134, "UCS-2", 2),
        ("ç" * 135, "UCS-2", 3),
        ("a" * 160 + "’", "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        # A surrogate pair is never split: 67 is odd, so each segment holds 33.
        ("😀" * 66, "UCS-2", 2),
        ("😀" * 67, "UCS-2", 3),
        ("ç" * 66 + "😀" + "ç" * 66, "UCS-2", 3),
        ("ç" * 65 + "😀" + "ç" * 67, "UCS-2", 2),
        ("😀" * 1600, "UCS-2", 49),
        # What people see as one character moves whole: a family of eight units, a flag of four, an accent of its own.
        ("👨‍👩‍👧" * 8, "UCS-2", 1),
        ("👨‍👩‍👧" * 9, "UCS-2", 2),
        ("👨‍👩‍👧" * 8 + "ç" * 6, "UCS-2", 1),
        ("👨‍👩‍👧" * 8 + "ç" * 7, "UCS-2", 2),
        ("👨‍👩‍👧" * 16, "UCS-2", 2),
        ("👨‍👩‍👧" * 17, "UCS-2", 3),
        ("ç" * 64 + "🇩🇪" + "ç" * 66, "UCS-2", 3),
        ("ç" * 63 + "🇩🇪" + "ç" * 67, "UCS-2", 2),
        ("ç" * 66 + "e\u0301" + "ç" * 66, "UCS-2", 3),
        ("a" * 1600, "GSM-7", 11),
    ],
)
def test_a_text_is_counted_as_it_is_billed(text: str, alphabet: str, count: int) -> None:
    assert (encoding(text), segments(text)) == (alphabet, count)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("cafe\u0301 y", ["c", "a", "f", "e\u0301", " ", "y"]),
        ("👨‍👩‍👧👍🏽", ["👨‍👩‍👧", "👍🏽"]),
        ("🇩🇪🇫🇷🇺", ["🇩🇪", "🇫🇷", "🇺"]),
        ("1️⃣❤️", ["1️⃣", "❤️"]),
        ("🏴\U000e0067\U000e0062\U000e007fa", ["🏴\U000e0067\U000e0062\U000e007f", "a"]),
        ("한국\u1112\u1161\u11ab", ["한", "국", "\u1112\u1161\u11ab"]),
        ("नमस्ते", ["न", "म", "स्ते"]),
        ("น้ำ", ["น้ำ"]),
        ("\r\n\u0301", ["\r\n", "\u0301"]),
        ("👩🏽\u200d💻a", ["👩🏽\u200d💻", "a"]),
        ("👩🏽\ufe0f\u200d💻a", ["👩🏽\ufe0f\u200d💻", "a"]),
        ("가\u1161각\u1161", ["가\u1161", "각", "\u1161"]),
    ],
)
def test_what_people_see_as_one_character_stays_whole(text: str, whole: list[str]) -> None:
    assert list(clusters(text)) == whole
    ends = [len("".join(whole[:count])) for count in range(len(whole) + 1)]
    for place in range(len(text) + 1):
        assert boundary(text, place) == (max(end for end in ends if end <= place) or place)


def test_a_long_text_is_cut_between_such_characters() -> None:
    parts = pieces("👨‍👩‍👧" * 40, 100)
    assert [part.removesuffix(" ..") for part in parts] == ["👨‍👩‍👧" * 12, "👨‍👩‍👧" * 12, "👨‍👩‍👧" * 12, "👨‍👩‍👧" * 4]
    assert short("a" * 20 + "👨‍👩‍👧" * 2) == "a" * 20 + ".."


def test_a_heap_of_accents_is_cut_all_the_same() -> None:
    heap = "e" + "\u0301" * 500
    assert "".join(part.removesuffix(" ..") for part in pieces(heap, 100)) == heap
    assert segments(heap) == 8


def test_counting_agrees_with_filling_segments_one_character_at_a_time() -> None:
    dice = random.Random(5)
    kinds = ("abc €", "abc €^ \n", "abç", "a😀ç", "😀")
    for _ in range(3000):
        text = "".join(dice.choices(dice.choice(kinds), k=dice.randrange(400)))
        assert segments(text) == filled(text), text


def filled(text: str) -> int:
    """Segments by the plain method: put each character where it fits."""
    gsm = encoding(text) == "GSM-7"
    sizes = [(2 if c in EXTENDED else 1) if gsm else len(c.encode("utf-16-le")) // 2 for c in text]
    if sum(sizes) <= (160 if gsm else 70):
        return 1
    parts = [0]
    for size in sizes:
        if parts[-1] + size > (153 if gsm else 67):
            parts.append(0)
        parts[-1] += size
    return len(parts)


@pytest.mark.parametrize(
    ("written", "relayed"),
    [
        ("I’d say “no” – politely…", 'I\'d say "no" - politely...'),
        ("5×3 and ½", "5x3 and ½"),
        ("a\u00a0b\u2009c\tand\u200bd", "a b c andd"),
        ("• first\n• then", "- first - then"),
        ("cafe\u0301", "café"),
    ],
)
def test_typography_is_folded_where_the_meaning_survives(written: str, relayed: str) -> None:
    assert relay_text(written) == relayed


@pytest.mark.parametrize("word", ["ação", "Gonçalves", "España", "naïve", "Łódź", "日本", "👍🏽", "año"])
def test_letters_are_never_changed_to_save_a_segment(word: str) -> None:
    assert relay_text(word) == word


def test_folding_makes_a_typographic_text_as_cheap_as_a_plain_one() -> None:
    text = "“Don’t say it” – " * 9
    assert (segments(text), segments(relay_text(text))) == (3, 1)
