"""Whether a webhook was signed with the account's token: HMAC-SHA1 over the public URL and the raw form values.

The library's own check costs a quarter of a request; this one reads the same rules from bytes, and tests hold it
against the library on thousands of cases. Facts from Twilio's page "Usage: Security".
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

Form = Mapping[str, Sequence[bytes]]
"""A decoded form as Tornado's `request.body_arguments` gives it: names as latin-1 text, every value as raw bytes."""

DEFAULT_PORTS = {"https": 443, "http": 80}


def sign(token: str, url: str, form: Form | None = None) -> str:
    """The value of `X-Twilio-Signature` for a form posted to `url`, which holds its query as sent, if it has one."""
    return b64encode(hmac.digest(token.encode(), url.encode("latin-1") + _signed_form(form or {}), "sha1")).decode()


class SignatureCheck:
    """Checks signatures made for one public address, with every token that is live (two while one is rotated).

    The URL is the configured address plus the raw request target, never a header: `Host` and `X-Forwarded-*` are the
    sender's words. A user name and password in the address are not signed.
    """

    def __init__(self, tokens: Sequence[str], public_url: str) -> None:
        if not tokens or not all(tokens):
            raise ValueError("A signature can only be checked with a token.")
        self._macs = tuple(hmac.new(token.encode(), digestmod="sha1") for token in tokens)
        """Begun with each token: to go on from a copy saves a third of each check."""
        self._bases = tuple(base.encode("latin-1") for base in _port_variants(public_url))

    def holds(self, target: str, signature: str, form: Form) -> bool:
        """Whether `signature` belongs to this form posted to `target`, the raw path and query of the request."""
        path, body, given = target.encode("latin-1"), _signed_form(form), signature.encode("utf-8", "replace")
        for begun in self._macs:
            for base in self._bases:
                mac = begun.copy()
                mac.update(base + path + body)
                if hmac.compare_digest(b64encode(mac.digest()), given):
                    return True
        return False


def _signed_form(form: Form) -> bytes:
    """Names in order, each with its value; of a repeated name its distinct values in order, each with the name."""
    parts: list[bytes] = []
    for name, raw in _in_order(tuple(form)):
        given = form[name]
        if len(given) == 1:
            parts += (raw, given[0])
        else:
            for value in sorted(set(given)):
                parts += (raw, value)
    return b"".join(parts)


@lru_cache(maxsize=64)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    """The carrier writes the same names each time."""
    return tuple((name, name.encode("latin-1")) for name in sorted(names))


def _port_variants(public_url: str) -> tuple[str, ...]:
    """The address as it may have been signed: Twilio writes the port for some products and leaves it out for others."""
    address = urlsplit(public_url)
    host = address.netloc.rpartition("@")[2]
    bare = host.removesuffix(f":{address.port}") if address.port else host
    port = address.port or DEFAULT_PORTS[address.scheme]
    path = address.path.rstrip("/")
    hosts = dict.fromkeys((host, bare, f"{bare}:{port}"))
    return tuple(f"{address.scheme}://{written}{path}" for written in hosts)
