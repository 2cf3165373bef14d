"""The event loop that a server runs on: libuv's where it is installed, which costs each text less than Python's own."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from importlib import import_module
from typing import Any


def start_without_looks_for_garbage() -> None:
    """Call it before a server is put together: looking again and again through what has come to stay is a
    quarter of the start. `App.run` begins to look when it serves."""
    gc.disable()


def run(main: Coroutine[Any, Any, None], *, own: bool = False) -> None:
    """Run a server to its end. `own`: on Python's own loop, whatever is installed."""
    try:
        factory = None if own else import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)
