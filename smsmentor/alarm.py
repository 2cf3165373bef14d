"""Alarms on another way than texts: the log, a record that `doctor` and the desk read, a webhook, an e-mail.

A service that cannot send cannot text its operators about it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import requests

from smsmentor.core import crisis, filtered, halt
from smsmentor.core.budget import Stage, day_of, month_of, spent, stage_of
from smsmentor.core.carrier_codes import CarrierCodes
from smsmentor.core.events import Event
from smsmentor.core.model import Fact, Member, OutText
from smsmentor.core.rules import Rules
from smsmentor.core.turn import Turn
from smsmentor.ports import Reader
from smsmentor.units import counted

log = logging.getLogger(__name__)

SECONDS = 10
"""How long a webhook or a mail server may take."""
LOUD = {"sending.stopped", "sending.resumed", "sending.filtered", "budget.reached", "member.suspended", "crisis.untold"}
"""Facts that somebody should hear of who does not look at the desk."""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Where alarms go besides the log; all of it optional. `problems` says what cannot work."""

    webhook: str = ""
    """Gets a POST with a JSON object: `alarm`, `service`, `at` and what the fact holds. Never a number or a body."""
    mail_to: tuple[str, ...] = ()
    mail_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)


def problems(settings: AlarmSettings) -> list[str]:
    """What cannot work, one sentence each."""
    found = []
    if settings.webhook and urlsplit(settings.webhook).scheme not in ("http", "https"):
        found.append("The alarm webhook is an address with http:// or https://.")
    if settings.mail_to and not (settings.mail_from and settings.smtp_host):
        found.append("Alarms by e-mail need an address to send from and a mail server.")
    if bool(settings.smtp_user) != bool(settings.smtp_password):
        found.append("The mail server's user and password go together.")
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that is wrong now and that a person has to mend."""

    what: str
    since: datetime
    fix: str


def standing(reader: Reader, now: datetime, rules: Rules, codes: CarrierCodes) -> list[Standing]:
    """What is wrong now, for `doctor` (whose exit code it makes) and the desk."""
    found = []
    if (stopped := halt.read(reader)) is not None:
        meaning = codes.of(stopped.code)
        found.append(
            Standing(
                f"Sending is stopped (carrier code {stopped.code}): {meaning.meaning if meaning else 'not known'}",
                stopped.since,
                _way_on(stopped, waits=next(reader.walk(OutText, "pending", "yes"), None) is not None),
            )
        )
    taken = filtered.read(reader)
    if taken is not None and taken.told and taken.day >= day_of(now - timedelta(days=1), rules.zone):
        found.append(
            Standing(
                f"Carriers filtered {taken.texts} of our texts as spam on {taken.day} (carrier code {taken.code})",
                now,
                "Look at the wording, at links, and at the registration in the carrier's console.",
            )
        )
    if untold := crisis.untold(reader):
        found.append(
            Standing(
                f"Words of danger of which no operator knows: {counted(len(untold), 'question')}",
                min(untold.values()),
                "Add an operator, who is paged about them at once: smsmentor op add +12125550123 NAME",
            )
        )
    used = spent(reader, month_of(now, rules.zone))
    if stage_of(used, rules.monthly_segments) >= Stage.SPENT:
        found.append(
            Standing(
                f"This month's budget is spent: {used} of {rules.monthly_segments} segments",
                now,
                "Raise monthly_segments, or leave it: answers, safety and opt-outs still go.",
            )
        )
    return found


def _way_on(stopped: halt.Halt, *, waits: bool) -> str:
    at = f"{stopped.next_try:%Y-%m-%d %H:%M} UTC"
    if stopped.taken:
        return f"The last try was taken: sending goes on by itself at {at}, unless the carrier reports the fault again."
    when = f"by itself, next at {at}" if waits else "with the next text: none waits"
    return f"Mend the account at the carrier. It is tried again {when}; `smsmentor carrier resume` tries at once."


def parked_members(reader: Reader) -> list[Member]:
    """Members whose number cannot be texted, each with the carrier's code in `parked`: for the desk and `doctor`."""
    return [member for member in reader.all(Member) if member.state == "suspended" and member.phone]


class Alarms:
    """Watches a service: what is loud goes to the log at once, and to the webhook and the mailbox beside the work."""

    def __init__(
        self,
        settings: AlarmSettings,
        name: str,
        *,
        deliver: Callable[[AlarmSettings, dict[str, object]], None] | None = None,
    ) -> None:
        self.settings = settings
        self.name = name
        self._deliver = deliver or deliver_alarm
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, event: Event, turn: Turn) -> None:
        """For `Service.watchers`: called after each commit."""
        for fact in turn.facts:
            if fact.fact in LOUD:
                self._raise(fact)

    async def close(self, grace_seconds: float = 2 * SECONDS) -> None:
        """Wait for alarms on their way, at most the grace period."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            if late:
                log.error("%d alarms were cut off: this log has what they say", len(late))

    def _raise(self, fact: Fact) -> None:
        level = logging.INFO if fact.fact == "sending.resumed" else logging.ERROR
        log.log(level, "%s %s", fact.fact, " ".join(f"{name}={value}" for name, value in fact.data.items()))
        if not self.settings.webhook and not self.settings.mail_to:
            return
        alarm = {"alarm": fact.fact, "service": self.name, "at": fact.at.isoformat(), **fact.data}
        task = asyncio.get_running_loop().create_task(self._send(alarm))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, alarm: dict[str, object]) -> None:
        try:
            await asyncio.to_thread(self._deliver, self.settings, alarm)
        except (OSError, requests.RequestException, smtplib.SMTPException) as error:
            log.error("The alarm %s reached nobody: %s", alarm["alarm"], type(error).__name__)


def deliver_alarm(settings: AlarmSettings, alarm: dict[str, object]) -> None:
    """Post to the webhook and mail; blocks. Raises OSError, RequestException or SMTPException when one fails."""
    if settings.webhook:
        kind = {"Content-Type": "application/json"}
        requests.post(settings.webhook, json.dumps(alarm), headers=kind, timeout=SECONDS).raise_for_status()
    if settings.mail_to:
        message = EmailMessage()
        message["Subject"] = f"{alarm['service']}: {alarm['alarm']}"
        message["From"], message["To"] = settings.mail_from, ", ".join(settings.mail_to)
        message.set_content(json.dumps(alarm, indent=2) + "\n\nRun `smsmentor doctor` for what to do.\n")
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=SECONDS) as server:
            if settings.smtp_user:
                server.starttls()
                server.login(settings.smtp_user, settings.smtp_password)
            server.send_message(message)
