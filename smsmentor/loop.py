"""The event loop that a server runs on: libuv's where it is installed, which costs each text less than Python's own."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from importlib import import_module
from typing import Any


def start_without_looks_for_garbage() -> None:
    """Call it before a server is put together: looking again and again through what has come to stay is a
    quarter of the start. `App.run` begins to look when it serves."""
    gc.disable()


def run(main: Coroutine[Any, Any, None], *, own: bool = False, leaves: bool = False) -> None:
    """Run a server to its end. `own`: on Python's own loop, whatever is installed.

    `leaves`: the process ends with it. Python would wait for every thread first, and one may ask a carrier that does
    not answer, or make a copy: the host would kill us meanwhile, and nothing that they do is wanted any more.
    """
    try:
        factory = None if own else import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)
        if leaves:
            logging.shutdown()
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(0)
