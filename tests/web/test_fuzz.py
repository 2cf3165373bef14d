"""Random forms and random words: whatever comes, the answer is one of ours, and each text has one outcome.

`TEST_FUZZ=5000` asks for more cases than the share that belongs to the suite (about 10 s).
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.escape import parse_qs_bytes

from smsmentor.core.events import Inbound, Receipt
from smsmentor.core.model import Fact, Text
from smsmentor.core.understand import codes, parse
from smsmentor.gateways.signature import SignatureCheck, sign
from smsmentor.gateways.twilio import Rejected, TwilioSettings, parse_inbound, parse_receipt
from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.memory import MemoryStore
from tests.rigs import base_knowledge, knowledge
from tests.walk import ANSWERS, COMMANDS, HARD, QUESTIONS, SMALL

CASES = int(os.environ.get("TEST_FUZZ", "150"))
NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ACCOUNT, TOKEN, PUBLIC = "AC" + "0" * 32, "a token", "https://peers.example.org"
NUMBER, ANA = "+12125550199", "+12125550101"
SETTINGS = TwilioSettings(ACCOUNT, (TOKEN,), PUBLIC, numbers=(NUMBER,))
NAMES = ("AccountSid", "MessageSid", "From", "To", "Body", "NumMedia", "OptOutType", "MessageStatus", "ErrorCode", "X")
VALUES = (ACCOUNT, "SM" + "a" * 32, ANA, NUMBER, "0", "STOP", "delivered", "30003", "", "\0", "+", "%", "１", "12345")

bounded = settings(
    max_examples=CASES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
words = st.one_of(
    st.sampled_from((*QUESTIONS, *ANSWERS, *SMALL, *COMMANDS, *HARD)),
    st.text(max_size=60),
    st.builds(lambda *parts: " ".join(parts), st.sampled_from(COMMANDS), st.text(max_size=20), st.sampled_from(SMALL)),
    st.from_regex(r"\s{0,2}[A-Za-z]\s?[0-9]\s?[0-9][\s:.,]{0,3}[a-z ?]{0,20}", fullmatch=True),
)
values = st.one_of(
    st.sampled_from(VALUES).map(str.encode), st.binary(max_size=40), st.text(max_size=1700).map(str.encode)
)
forms = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), st.lists(values, max_size=3), max_size=10
)


@bounded
@given(forms)
def test_any_form_is_an_event_or_refused_with_a_reason_that_quotes_nothing(form: dict[str, list[bytes]]) -> None:
    for found in (parse_inbound(form, SETTINGS, NOW), parse_receipt(form, SETTINGS)):
        if isinstance(found, Rejected):
            assert found.reason.isascii()
            assert len(found.reason) < 80
        elif isinstance(found, Inbound):
            assert [form["Body"], form["From"]] == [[found.body.encode()], [found.sender.encode()]]
        else:
            assert isinstance(found, Receipt)
            assert found.code >= 0


@bounded
@given(st.binary(max_size=300), st.sampled_from(("", "%", "&", "=", "+")))
def test_any_bytes_can_be_read_as_a_form_and_checked_and_only_our_own_signature_holds(raw: bytes, glue: str) -> None:
    body = raw + glue.encode() + raw
    form: dict[str, Any] = parse_qs_bytes(body, keep_blank_values=True)
    check = SignatureCheck((TOKEN,), PUBLIC)
    names = {name.encode("latin-1", "replace").decode("latin-1"): given for name, given in form.items()}
    assert check.holds("/twilio/sms", sign(TOKEN, f"{PUBLIC}/twilio/sms", names), names)
    assert not check.holds("/twilio/sms", sign("another", f"{PUBLIC}/twilio/sms", names), names)
    assert not check.holds("/twilio/sms", raw.decode("latin-1"), names)


@bounded
@given(words, st.sampled_from(("en", "es")))
def test_any_words_can_be_parsed(text: str, lang: str) -> None:
    known = base_knowledge()
    for call in parse.calls(text, known.words.keywords(lang), known.yes_no(lang)):
        assert call.command
    coded = codes.read(text)
    assert coded is None or (coded.code.isascii() and coded.code.isalnum())
    assert known.carrier.read(text) in (None, "stop", "start", "help", "stop?")


@bounded
@given(st.lists(st.tuples(st.integers(0, 4), words), min_size=1, max_size=25))
def test_any_conversation_leaves_one_outcome_for_each_text(said: list[tuple[int, str]]) -> None:
    async def run() -> None:
        rig = Rig(MemoryStore(), SetClock(NOW), replace(knowledge({}), real_phones=False))
        for who, body in said:
            await rig.text(f"+1212555{101 + who:04d}", body)
        with rig.store.reading() as reader:
            texts = [text.id for text in reader.all(Text)]
            settled = [fact.data["text"] for fact in reader.all(Fact) if fact.fact == "text.settled"]
            assert sorted(settled) == sorted(texts)
            assert len(texts) == len(said)
            assert all(text.outcome for text in reader.all(Text))

    asyncio.run(run())
