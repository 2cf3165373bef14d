"""Whether a request's head can be read in one way only: what Tornado takes and a proxy before us may read otherwise.

Where two readers differ on where a request ends, a stranger's next one can be taken for the carrier's (RFC 9112,
11.2). Tornado refuses much of it; here is the rest. Carriers, proxies and browsers write none of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

_NAME = re.compile(rb"[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?")
_PORT = re.compile(rb"[0-9]{1,5}")


def fault(head: bytes) -> str:
    """What is wrong with a head, its blank line included; empty when nothing is. Says nothing that is in it."""
    lines = head.removeprefix(b"\r\n").split(b"\r\n")  # one blank line before may be left over from a body
    if head.count(b"\n") != head.count(b"\r\n") or head.count(b"\r") != head.count(b"\r\n"):
        return "a line does not end as lines do"
    found: dict[bytes, bytes] = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(b":")
        if name[:1] in (b" ", b"\t"):
            return "a folded line"
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding", b"host"):
            if name in found:
                return "a field twice"
            found[name] = value.strip(b" \t")
    if lines[0].startswith(b"CONNECT "):
        return "a tunnel"  # of which some take all that follows for its inside, whatever length it has
    old = lines[0].endswith(b" HTTP/1.0")
    length = found.get(b"content-length")
    if length is not None and not length.isdigit():
        return "a length that is no number"
    if b"transfer-encoding" in found and (old or length is not None):
        return "chunks where there can be none"
    host = found.get(b"host")
    if not (old if host is None else is_host(host)):
        return "no host, or one that is none"
    return ""


@lru_cache(maxsize=64)
def is_host(host: bytes) -> bool:
    """Whether a request names its host as hosts are named: a name or an address, perhaps with a port."""
    if host.startswith(b"["):
        name, closed, port = host[1:].partition(b"]")
        good = bool(closed) and port[:1] in (b"", b":") and _is_address(name)
        colon, port = port[:1], port[1:]
    else:
        name, colon, port = host.partition(b":")
        good = len(name) <= 255 and _NAME.fullmatch(name) is not None
    return good and (not colon or _PORT.fullmatch(port) is not None)


def _is_address(name: bytes) -> bool:
    try:
        IPv6Address(name.decode("latin-1"))
    except AddressValueError:
        return False
    return True
