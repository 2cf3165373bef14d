"""What is taken for a simple request or form, Tornado reads the same; and what carriers send is taken."""

from __future__ import annotations

import os
import re
import string
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tornado.httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    RequestStartLine,
    parse_body_arguments,
    parse_request_start_line,
)

from handlers.form import MOST_FIELDS, read_form
from handlers.simple import Not, Request, first_line, read
from tests.web.test_front import GOOD, ODD, SIMPLE, mutated, post
from tests.web.test_webhook import TEXT

CASES = 5 * int(os.environ.get("TEST_FUZZ", "150"))
PATHS = {first_line(path): path for path in ("/twilio/sms", "/twilio/status")}

many = settings(
    max_examples=CASES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
pieces = st.lists(
    st.one_of(
        st.sampled_from((b"&", b"=", b"%", b"+", b";", b"%41", b"%3d", b"%3D", b"%26", b"%25", b"%0A", b"%2b", b"%fF")),
        st.sampled_from((b"a", b"Body", b" ", b"\n", b"\r", b"\0", b"\xff", b"%4", b"%g1", b"==", b"=\n", b"%\r")),
        st.binary(max_size=3),
    ),
    max_size=14,
).map(b"".join)
texts = st.text(max_size=20)
NAME = string.ascii_letters + string.digits + "_"


def as_tornado_reads(body: bytes) -> dict[str, list[bytes]]:
    form: dict[str, list[bytes]] = {}
    parse_body_arguments("application/x-www-form-urlencoded", body, form, {})
    return form


@many
@given(pieces)
@example(b"a=%\nb")
@example(b"a=%0D%0A&b=%26%3D%25%2B+;")
@example(b"%41=a&A=b")
@example(b"a=%%41")
@example(b"a=b=c")
def test_a_form_is_read_to_the_byte_as_tornado_reads_it(body: bytes) -> None:
    assert read_form(body) == as_tornado_reads(body)


@many
@given(st.dictionaries(st.text(NAME, min_size=1, max_size=12), texts, min_size=1, max_size=5))
def test_a_form_as_carriers_write_it_is_read(fields: dict[str, str]) -> None:
    body = urlencode(fields).encode()
    assert read_form(body) == {name: [value.encode()] for name, value in fields.items()} == as_tornado_reads(body)


def test_a_form_of_too_many_fields_is_not_read() -> None:
    assert read_form(b"&".join(b"%d=" % n for n in range(MOST_FIELDS))) is not None
    assert read_form(b"&".join(b"%d=" % n for n in range(MOST_FIELDS + 1))) is None


@many
@given(mutated())
def test_a_simple_request_is_one_to_tornado_too(raw: bytes) -> None:
    request = read(raw, PATHS)
    if isinstance(request, Request):
        head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0].decode("latin-1")
        first, _, rest = head.partition("\n")
        start, headers = parse_request_start_line(first.rstrip("\r")), HTTPHeaders.parse(rest)
        assert start == RequestStartLine("POST", request.path, "HTTP/1.1")
        assert headers.get_list("X-Twilio-Signature") == [request.signature]
        assert headers["Content-Length"].isdecimal()
        assert int(headers["Content-Length"]) == len(request.body)
        assert not {"Transfer-Encoding", "Content-Encoding", "Expect"} & set(headers)
        assert raw[len(head.encode("latin-1")) + 4 : request.size] == request.body
        HTTPServerRequest(start_line=start, headers=headers)


@many
@given(mutated(), st.integers(0, 800))
def test_more_bytes_never_change_what_was_said(raw: bytes, at: int) -> None:
    whole, part = read(raw, PATHS), read(raw[:at], PATHS) if raw[:at] else Not.YET
    assert part is Not.YET or part == whole
    if isinstance(whole, Request):
        assert (part is Not.YET) is (at < whole.size)


@pytest.mark.parametrize("value", ["  {}", "{} ", "\t{}", "{} {}"])
@pytest.mark.parametrize("name", ["Host", "X-Twilio-Signature", "Content-Length", "Connection"])
def test_no_simple_request_has_blanks_that_tornado_would_take_off(name: str, value: str) -> None:
    plain = post(TEXT, "Connection: keep-alive")
    found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]+)", plain)
    assert found is not None
    raw = plain[: found.start(1)] + value.replace("{}", found[1].decode()).encode() + plain[found.end(1) :]
    assert isinstance(read(plain, PATHS), Request)
    assert read(raw, PATHS) is Not.SIMPLE


@pytest.mark.parametrize("name", SIMPLE)
def test_what_carriers_send_is_simple(name: str) -> None:
    request = read(SIMPLE[name], PATHS)
    assert isinstance(request, Request)
    assert read_form(request.body) is not None


def test_each_part_of_a_simple_request_may_become_one() -> None:
    assert {read(GOOD[:at], PATHS) for at in range(1, len(GOOD))} == {Not.YET}


def test_most_odd_requests_are_not_waited_for() -> None:
    waited = {name for name, raw in ODD.items() if read(raw, PATHS) is Not.YET}
    assert waited == {"a length too large", "half a first line", "half a head", "half a body"}
