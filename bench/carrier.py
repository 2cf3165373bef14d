"""A carrier's API on loopback that takes every message at once and lists none; it counts what it took.

python -m bench.carrier        prints `port N`; GET /taken answers the number so far
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

from bench.client import ACCOUNT

CREATED: dict[str, Any] = {
    "account_sid": ACCOUNT, "api_version": "2010-04-01", "status": "queued", "direction": "outbound-api",
    "date_created": "Tue, 03 Mar 2026 18:00:00 +0000", "date_updated": "Tue, 03 Mar 2026 18:00:00 +0000",
    "date_sent": None, "error_code": None, "error_message": None, "num_media": "0", "num_segments": "1",
    "price": None, "price_unit": "USD", "messaging_service_sid": None, "subresource_uris": {}, "uri": "",
}  # fmt: skip


class Line(asyncio.Protocol):
    """One connection of the client library; requests come one after the other."""

    numbers = count(1)
    taken = 0

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if not end or len(body) < length:
            return
        self._buffer = b""
        if head.startswith(b"POST"):
            Line.taken += 1
            self._answer(201, CREATED | {"sid": f"SM{next(Line.numbers):032x}", "to": "", "from": "", "body": ""})
        elif head.startswith(b"GET /taken"):
            self._answer(200, {"taken": Line.taken})
        else:
            self._answer(200, {"messages": [], "page": 0, "page_size": 1000, "next_page_uri": None, "uri": ""})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
