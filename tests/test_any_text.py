"""Nothing that a phone can send raises, is lost, has two outcomes, or shows one person's number to another."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smsmentor.core.model import Offer, OutText, Prompt, Request, Sprint, Text
from smsmentor.core.understand.normal import plain, relay_text
from tests.rigs import base_knowledge
from tests.situations import NAMES, Played, situation

ODD = (
    "\x00\x01\x02\x1b[31m",
    "a\x00b\x07c",
    "‮txet desrever‬ and more words here",
    "كيف أطلب زيادة في الراتب من مديري؟",
    "איך אני מבקש העלאה במשכורת?",
    "😀😀😀",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "​​​",
    "s​t​o​p by the office",
    "PA​SS",
    "",
    " \t\n ",
    "\r\n",
    "x" * 1600,
    "word " * 320,
    "ñ" * 1600,
    "😀" * 800,
    "\n".join(f"line {n}" for n in range(100)),
    "1" * 1600,
    "?" * 300,
    "K43" * 500,
    "{code} {quote} {0} %s \\1",
    "\"quoted\" 'twice' “curly” «angled»",
    "é́́́́́́ z̷̢a̴l̸g̶o̵ text here",
    "١٢٣ ٤٥٦",
    "Ｐａｓｓ",
    "\ud800 lone surrogate",
    "\ufffe\uffff not characters",
    "<script>alert(1)</script> & co",
    "A" * 50 + ": " + "B" * 50,
    "+12125550100",
)
KEYWORDS = sorted(base_knowledge().words.keywords("es"))
PIECES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(ODD),
    st.sampled_from(KEYWORDS),
    st.sampled_from(KEYWORDS).map(str.upper),
    st.sampled_from(["K43", "m13:", "B:", "a", "1", "3 4", "0", "till monday", "7", "off", "on", "?", "\n",
                     "stop", "thanks", "me"]),
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=4).map(" ".join)


def hold_to_the_promises(name: str, body: str, media: int = 0) -> None:
    """Play one text in one situation, and check what holds for every text."""
    here = situation(name)
    played = here.text(body, media=media)
    assert len(played.settled) == 1
    text = played.turn.need(Text, played.settled[0].data["text"])
    assert text.body == here.real(body)
    assert text.outcome == played.settled[0].data["outcome"]
    for member, text_id, words in played.texts:
        others = {phone for who, phone in here.story.cast.items() if who != member}
        assert not any(phone in words or phone[2:] in words for phone in others), f"a number in {text_id}: {words}"
        assert len(words) <= 1600
        assert not any(ord(c) < 32 and c != "\n" for c in words), f"a control character in {text_id}"
    agreed = name == "mentee_consent" and played.outcome == "request"  # the question is the text before
    if played.outcome.split()[0] in ("request", "relayed", "held") and not agreed:
        assert_nothing_is_lost(played, text.body)


def assert_nothing_is_lost(played: Played, body: str) -> None:
    """The end of a text that counts as passed on or kept stands in what was sent or saved."""
    said = relay_text(body)
    assert plain(said), "there was nothing to pass on"
    if base_knowledge().contacts.find(said):
        return
    kept = [words for _, _, words in played.texts]
    for record in played.turn.puts():
        match record:
            case OutText():
                kept.append(record.body)
            case Request():
                kept.append(record.question)
            case Prompt():
                kept.append(record.text)
            case Offer():
                kept += [record.late, record.follow_up]
            case Sprint():
                kept.append(repr(record))
            case _:
                pass
    end = said[-12:]
    assert any(end in words for words in kept), f"{end!r} is nowhere"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_odd_texts(name: str, body: str) -> None:
    hold_to_the_promises(name, body)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_with_and_without_words(name: str) -> None:
    for body in ("", " ", "\u200b", "look at this, is that a fair contract?", "PASS", "1"):
        hold_to_the_promises(name, body, media=2)


@pytest.mark.parametrize("name", NAMES)
def test_any_text_in_any_situation(name: str) -> None:
    @settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TEXTS, st.integers(0, 1))
    @example("pass till", 0)
    @example("MORE A", 1)
    def play(body: str, media: int) -> None:
        hold_to_the_promises(name, body[:1600], media)

    play()
