"""The real server, as `smsmentor serve` puts it together, with what a benchmark needs to turn.

    python -m bench.server [--no-sends] [--no-timers] [--sync-ms 5] [--one-by-one] [--own-loop]

The settings come from the environment, as for `smsmentor serve`. `--no-sends` leaves the outbox asleep: texts in are
compared with servers that send nothing. `--no-timers` fires none: how many are due depends on how long a run takes.
`--sync-ms` makes each sync of the disk so much slower, in the store's own hook. `--one-by-one` commits each text by
itself; `--own-loop` runs on Python's own event loop."""

from __future__ import annotations

import argparse
import time
from functools import partial

from smsmentor import loop


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-sends", action="store_true")
    parser.add_argument("--no-timers", action="store_true")
    parser.add_argument("--sync-ms", type=float, default=0.0)
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--own-loop", action="store_true")
    args = parser.parse_args()
    loop.start_without_looks_for_garbage()
    from smsmentor import app as composition
    from smsmentor.logs import set_up
    from smsmentor.settings import load
    from smsmentor.stores import batches
    from smsmentor.stores.tinydb import TinyDBStore

    settings = load()
    set_up(settings.log_format, settings.log_level)
    if args.one_by_one:
        batches._LARGEST_BATCH = 1
    if args.sync_ms:

        def slow(point: str) -> None:
            if point == "before-sync":
                time.sleep(args.sync_ms / 1000)

        vars(composition)["TinyDBStore"] = partial(TinyDBStore, crash=slow)
    app = composition.build(settings)
    assert isinstance(app.engine, composition.Carrier)
    if args.no_sends:
        app.engine.sender.start = lambda: None  # type: ignore[method-assign]
    if args.no_timers:
        app.engine.ticker.start = lambda: None  # type: ignore[method-assign]
    listener = composition.listen(settings.host, settings.port)
    loop.run(app.run(listener, lambda port: print(f"port {port}", flush=True)), own=args.own_loop)


if __name__ == "__main__":
    main()
