"""What the server is measured against: a bare Tornado handler, and small Flask apps as a user would write them.

    python -m bench.peers floor FILE none|each|group    a form parsed, a line appended (not synced, synced, in groups)
    gunicorn "bench.peers:naive('db.json')"             signature, TinyDB on its JSON file, 7 writes
    gunicorn "bench.peers:checking()"                   signature only, nothing kept

Flask and gunicorn are in `bench/requirements.txt`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinydb import TinyDB, where
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from twilio.request_validator import RequestValidator

from bench.client import PATH, PUBLIC, TOKEN
from bench.scene import phone

TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Journal:
    """A file that grows by a line for each text."""

    def __init__(self, path: Path, sync: str) -> None:
        self.sync = sync
        self._file = path.open("ab", buffering=0)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(1)

    async def append(self, line: bytes) -> None:
        if self.sync == "group":
            done = asyncio.get_running_loop().create_future()
            self._waiting.append((line, done))
            if not self._busy:
                self._busy = True
                asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._save()))
            await done
            return
        self._file.write(line)
        if self.sync == "each":
            os.fdatasync(self._file.fileno())

    async def _save(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            lines = b"".join(line for line, _ in batch)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, lines)
            for _, done in batch:
                done.set_result(None)
        self._busy = False

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        os.fdatasync(self._file.fileno())


class Bare(RequestHandler):
    """The form is parsed, one line is appended."""

    def initialize(self, journal: Journal) -> None:
        self.journal = journal

    async def post(self) -> None:
        line = json.dumps([self.get_body_argument(name) for name in ("MessageSid", "From", "Body")])
        await self.journal.append(line.encode() + b"\n")
        self.set_header("Content-Type", "text/xml; charset=utf-8")
        self.finish(TWIML)


async def serve_bare(path: Path, sync: str) -> None:
    journal = Journal(path, sync)
    server = HTTPServer(Application([(PATH, Bare, {"journal": journal})], log_function=lambda handler: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(f"port {sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


def checking() -> Any:
    """A Flask app that checks the signature and keeps nothing."""
    flask = importlib.import_module("flask")
    app = flask.Flask("checking")
    validator = RequestValidator(TOKEN)

    @app.post(PATH)  # type: ignore[untyped-decorator]
    def sms() -> Any:
        request = flask.request
        if not validator.validate(PUBLIC + PATH, request.form, request.headers.get("X-Twilio-Signature", "")):
            flask.abort(403)
        return flask.Response(TWIML, mimetype="text/xml")

    return app


def naive(path: str) -> Any:
    """A Flask app with TinyDB on a JSON file: 4 reads and 7 writes, one after the other, under a lock."""
    flask = importlib.import_module("flask")
    app = flask.Flask("naive")
    validator = RequestValidator(TOKEN)
    lock = threading.Lock()
    db = TinyDB(path)

    @app.post(PATH)  # type: ignore[untyped-decorator]
    def sms() -> Any:
        form = flask.request.form
        if not validator.validate(PUBLIC + PATH, form, flask.request.headers.get("X-Twilio-Signature", "")):
            flask.abort(403)
        with lock:
            keep(db, form["MessageSid"], form["From"], form["Body"], datetime.now(UTC).isoformat())
        return flask.Response(TWIML, mimetype="text/xml")

    return app


def keep(db: TinyDB, id: str, sender: str, body: str, now: str) -> None:
    """One text: the message, its member and thread, two texts to be sent, and the timer moved."""
    messages, members, threads = db.table("messages"), db.table("members"), db.table("threads")
    outbox, timers = db.table("outbox"), db.table("timers")
    if messages.get(where("id") == id):
        return
    member = members.get(where("phone") == sender)
    thread = threads.get(where("member") == sender)
    timer = timers.get(where("member") == sender)
    messages.insert({"id": id, "from": sender, "body": body, "at": now})
    members.upsert({"phone": sender, "last": now}, where("phone") == sender)
    threads.upsert({"member": sender, "last": now, "count": 1}, where("member") == sender)
    outbox.insert({"to": sender, "body": f"Sent: {body}", "at": now, "reply_to": bool(member)})
    outbox.insert({"to": sender, "body": f"More: {body}", "at": now, "in_thread": bool(thread)})
    if timer is not None:
        timers.remove(where("member") == sender)
    timers.insert({"member": sender, "due": now})


def fill_naive(path: Path, documents: int) -> None:
    """The naive app's file with so many documents, most of them messages, as it would be after a while.

    TinyDB reads and writes its file whole, so that a text costs in proportion to it. The documents are some 280 bytes
    long on average; the service's own of `bench.scene.fill` are 293 (what it exports, divided by their number).
    """
    tables: dict[str, dict[str, Any]] = {name: {} for name in ("messages", "members", "threads", "outbox", "timers")}
    for number in range(documents // 10):
        sender, now = phone(number), "2026-03-03T18:00:00+00:00"
        for name in ("members", "threads", "timers"):
            tables[name][str(number + 1)] = {"phone": sender, "member": sender, "last": now, "due": now, "count": 3}
    rest = documents - 3 * (documents // 10)
    for number in range(rest):
        row = {"id": f"SM{number:032x}", "from": phone(number % 1000), "body": "An answer of usual length. " * 8}
        tables["messages" if number % 2 else "outbox"][str(number + 1)] = row | {"at": "2026-03-03T18:00:00+00:00"}
    path.write_text(json.dumps(tables), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(serve_bare(Path(sys.argv[2]), sys.argv[3]))
