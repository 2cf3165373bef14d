"""What can happen: every event that comes through the one door, `service.receive`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

CarrierWord = Literal["stop", "start", "help"]


class Inbound(Struct, frozen=True, gc=False):
    """A text from a phone. `id` is the provider's message id; `sender` is E.164 or a short code, kept verbatim."""

    id: str
    sender: str
    body: str
    at: datetime
    """When it was sent, as well as we know: the webhook's moment, or the carrier's for a text caught up later."""
    media: int = 0
    opt_out: CarrierWord | None = None
    """Set when the provider has already handled and answered an opt-out word (Twilio's `OptOutType`)."""
    to: str = ""
    """Which of our numbers was texted, where there are several."""
    verified: bool | None = True
    """False: the carrier was asked and did not confirm that it brought this text. No operator command acts on it.
    None: it was not asked yet, which only an operator's text needs (`Unconfirmed`)."""
    doubtful: bool = False
    """The request may have been made from another one: it counts only when the carrier confirms it."""


class Unconfirmed(Exception):
    """A text claims to be an operator's, and the carrier has not been asked: nothing was done, ask and come again."""


class Fired(Struct, frozen=True, gc=False):
    """A timer that has come due. The state is the truth: firing late or twice finds nothing to do."""

    id: str
    """The timer's id, `kind:subject`."""
    kind: str
    subject: str
    due: datetime


SendState = Literal["taken", "refused", "later", "unknown"]


class SendOutcome(Struct, frozen=True, gc=False):
    """What became of one try to send: taken, refused for good, refused for now, or unknown (a timeout)."""

    text: str
    """The outbox row's id."""
    state: SendState
    provider_id: str = ""
    code: int = 0
    """The provider's error code, 0 when there is none."""
    account_wide: bool = False
    """The fault is with our account, not with this text or phone: sending stops and the operator is told."""


class Withheld(Struct, frozen=True, gc=False):
    """A leased text that must not go out now: dropped for good, or held until a moment."""

    text: str
    why: str
    until: datetime | None = None


class Receipt(Struct, frozen=True, gc=False):
    """A delivery report: unordered, doubled or missing, as carriers send them."""

    provider_id: str
    status: str
    code: int = 0


class Act(Struct, frozen=True, gc=False):
    """Something that an operator or a program of ours does: `name` is a key of `core.acts.ACTS`."""

    id: str
    name: str
    args: Mapping[str, object] = field(default_factory=dict)
    by: str = "operator"


Event = Inbound | Fired | SendOutcome | Withheld | Receipt | Act
