"""Whether the process is alive, and whether it is ready to be sent texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from handlers.base import BaseHandler


class AliveHandler(BaseHandler):
    """GET /healthz: the process answers, and which version it is."""

    def initialize(self, version: str) -> None:
        self.version = version

    def get(self) -> None:
        self.finish({"alive": True, "version": self.version})

    def head(self) -> None:
        """Some monitors ask this way."""
        self.get()


class ReadyHandler(BaseHandler):
    """GET /readyz: 200, or 503 with the reasons. They are public: no numbers and no secrets in them."""

    def initialize(self, reasons: Callable[[], Sequence[str]]) -> None:
        self.reasons = reasons

    def get(self) -> None:
        reasons = list(self.reasons())
        self.set_status(503 if reasons else 200)
        self.finish({"ready": not reasons, "reasons": reasons})

    def head(self) -> None:
        """Some monitors ask this way."""
        self.get()
