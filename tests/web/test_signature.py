"""The lean signature check agrees with the library's, on what Twilio signs and on what it does not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from tornado.escape import parse_qs_bytes
from twilio.request_validator import RequestValidator

from smsmentor.gateways.signature import SignatureCheck, sign

CALL = {
    "CallSid": [b"CA1234567890ABCDE"],
    "Caller": [b"+12025550158"],
    "Digits": [b"1234"],
    "From": [b"+12025550158"],
    "To": [b"+12025550112"],
}


class Pairs(list[tuple[str, str]]):
    """A multi-dict as the library takes it."""

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        return iter({name for name, _ in super().__iter__()})

    def getlist(self, name: str) -> list[str]:
        return [value for given, value in super().__iter__() if given == name]


def as_received(pairs: Sequence[tuple[str, str]]) -> dict[str, list[bytes]]:
    """The form as Tornado hands it over, after its way through the wire."""
    return parse_qs_bytes(urlencode(pairs), keep_blank_values=True)


ALPHABETS = ("abcXYZ019", "Body ", "\t\n\r =&+%;", "äéñ€", "日本語", "😀👩‍👩‍👧", "\x00\x07\x7f", "")


def some_text(dice: random.Random) -> str:
    alphabet = dice.choice(ALPHABETS)
    return "".join(dice.choice(alphabet) for _ in range(dice.randrange(12))) if alphabet else ""


def some_pairs(dice: random.Random) -> list[tuple[str, str]]:
    pairs = [(some_text(dice) or "Body", some_text(dice)) for _ in range(dice.randrange(8))]
    repeated = [(name, dice.choice((value, some_text(dice)))) for name, value in pairs if dice.random() < 0.3]
    pairs += repeated
    dice.shuffle(pairs)
    return pairs


def some_base(dice: random.Random) -> str:
    scheme, port = dice.choice(("https", "http")), dice.choice(("", "", ":443", ":80", ":8443"))
    host = dice.choice(("peer.example.org", "Peer.Example.org", "192.0.2.7"))
    return f"{scheme}://{host}{port}{dice.choice(('', '/in'))}"


def some_target(dice: random.Random) -> str:
    return "/twilio/sms" + dice.choice(("", "?a=1", "?a=1&b=%20+%2B", "//", "/%C3%A9", "?x"))


@pytest.mark.parametrize("seed", range(8))
def test_it_says_what_the_library_says_on_thousands_of_cases(seed: int) -> None:
    dice = random.Random(seed)
    right = wrong = 0
    for _ in range(500):
        token, pairs, base, target = some_text(dice) or "token", some_pairs(dice), some_base(dice), some_target(dice)
        theirs, ours = RequestValidator(token), SignatureCheck([token], base)
        signed_base = base if dice.random() < 0.5 else some_base(dice)
        signed_pairs = pairs if dice.random() < 0.7 else some_pairs(dice)
        signature = theirs.compute_signature(signed_base + target, Pairs(signed_pairs))
        assert sign(token, signed_base + target, as_received(signed_pairs)) == signature
        expected = theirs.validate(base + target, Pairs(pairs), signature)
        assert ours.holds(target, signature, as_received(pairs)) is expected
        right, wrong = right + expected, wrong + (not expected)
    assert min(right, wrong) > 100, "both answers must have been put to the test"


@pytest.mark.parametrize(
    ("configured", "signed", "holds"),
    [
        ("https://peer.example.org", "https://peer.example.org", True),
        ("https://peer.example.org/", "https://peer.example.org", True),
        ("https://peer.example.org", "https://peer.example.org:443", True),
        ("https://peer.example.org:443", "https://peer.example.org", True),
        ("https://peer.example.org:8443", "https://peer.example.org", True),
        ("https://peer.example.org:8443", "https://peer.example.org:8443", True),
        ("https://peer.example.org", "https://peer.example.org:8443", False),
        ("https://peer.example.org", "http://peer.example.org", False),
        ("https://peer.example.org", "https://peer.example.org.example.net", False),
        ("https://user:secret@peer.example.org", "https://peer.example.org", True),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", True),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443", True),
        ("https://peer.example.org/mentors", "https://peer.example.org/mentors", True),
        ("https://peer.example.org/mentors", "https://peer.example.org", False),
    ],
)
def test_ports_are_forgiven_and_nothing_else_of_the_address_is(configured: str, signed: str, holds: bool) -> None:
    signature = sign("token", f"{signed}/twilio/sms?x=1", CALL)
    assert SignatureCheck(["token"], configured).holds("/twilio/sms?x=1", signature, CALL) is holds


@pytest.mark.parametrize(
    "target", ["/twilio/sms", "/twilio/sms?x=2", "/twilio/sms?", "/twilio/sms/", "//twilio/sms?x=1"]
)
def test_the_target_counts_to_the_byte(target: str) -> None:
    signature = sign("token", "https://peer.example.org/twilio/sms?x=1", CALL)
    assert not SignatureCheck(["token"], "https://peer.example.org").holds(target, signature, CALL)


def test_an_empty_query_can_be_checked_where_the_library_cannot() -> None:
    signature = sign("token", "https://peer.example.org/twilio/sms?", CALL)
    assert SignatureCheck(["token"], "https://peer.example.org").holds("/twilio/sms?", signature, CALL)


def test_both_tokens_are_good_while_one_is_rotated_and_no_other_is() -> None:
    check = SignatureCheck(["new", "old"], "https://peer.example.org")
    held = {
        t: check.holds("/s", sign(t, "https://peer.example.org/s", CALL), CALL) for t in ("new", "old", "older", "")
    }
    assert held == {"new": True, "old": True, "older": False, "": False}


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64 at all", "ä€😀", "\ud800", "L/OH5YylLD5NRKLltdqwSvS0BnU"])
def test_what_is_no_signature_is_refused_without_an_error(signature: str) -> None:
    assert not SignatureCheck(["token"], "https://peer.example.org").holds("/s", signature, CALL)


def test_the_distinct_values_of_a_repeated_name_are_signed_in_order() -> None:
    url = "https://peer.example.org/s"
    assert sign("t", url, {"a": [b"2", b"1", b"2"]}) == sign("t", url, {"a": [b"1", b"2"]})
    assert sign("t", url, {"a": [b"2", b"1"]}) != sign("t", url, {"a": [b"2"]})


def test_bytes_that_are_not_utf8_are_signed_as_they_came() -> None:
    url = "https://peer.example.org/s"
    assert sign("t", url, {"Body": [b"\xff\xfe"]}) != sign("t", url, {"Body": [b"\xff"]})


@pytest.mark.parametrize("tokens", [[], [""], ["good", ""]])
def test_there_is_no_check_without_a_token(tokens: list[str]) -> None:
    with pytest.raises(ValueError, match="token"):
        SignatureCheck(tokens, "https://peer.example.org")
