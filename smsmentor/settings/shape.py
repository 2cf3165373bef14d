"""What settings there are: the name, type and default of each, and what is made of several together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit

from smsmentor.core.rules import Rules

if TYPE_CHECKING:
    from smsmentor.alarm import AlarmSettings
    from smsmentor.gateways.kannel import KannelSettings
    from smsmentor.gateways.twilio import TwilioSettings

DEFAULT_PORT = 8765
STORE = "smsmentor.db"
"""The store's file in the data folder."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shell needs to know. Field `host` is `SMSMENTOR_HOST`, and `host = "…"` in the TOML file."""

    data: Path
    """The folder that holds the store, its lock and the optional `smsmentor.toml`."""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes any free one. `PORT`, as platforms set it, counts when `SMSMENTOR_PORT` is not set."""
    public_url: str = ""
    """Where the carrier reaches us, such as `https://peers.example.org`."""
    behind_proxy: bool = False
    """Take the last address in `X-Forwarded-For` for that of who asks, which Kannel's webhooks look at.

    Only with a proxy that adds it itself, and when nobody else can reach `host` and `port`.
    """
    phones_open: bool = False
    """Serve the simulated phones to everyone who can reach `host`: they show all people and texts."""
    log_format: str = "auto"
    """`text`, `json`, or `auto`: text on a terminal and JSON elsewhere."""
    log_level: str = "info"
    grace_seconds: float = 5.0
    """How long a stop may take to finish what is in hand: hosts wait 10 s or more. What is cut off is not lost."""
    operators: tuple[str, ...] = ()
    """Numbers that may give operator commands and are paged."""
    allowed_sites: tuple[str, ...] = ()
    """Sites whose links may be relayed, such as `example.org`."""

    backup_folder: str = ""
    """Where copies of the store go; `backups` in the data folder, when it is not given. Best on another disk."""
    backup_hours: float = 24.0
    """How old the newest copy may be before the server makes another; 0 makes none by itself."""
    backup_days: float = 14.0
    """Older copies are removed, but for the newest: what was forgotten is gone from all copies after so long."""
    backup_key: str = field(default="", repr=False)
    """Encrypts the copies; it must not lie beside them. Needs the extra `encrypted`."""
    store_key: str = field(default="", repr=False)
    """Encrypts words, names and numbers in the store. Without it nobody reads them again. Needs `encrypted`."""

    twilio_account_sid: str = ""
    twilio_auth_token: tuple[str, ...] = field(default=(), repr=False)
    """While one is being rotated, both: the one for sending first, separated by a comma."""
    twilio_numbers: tuple[str, ...] = ()
    twilio_messaging_service: str = ""
    twilio_api_key: str = ""
    twilio_api_secret: str = field(default="", repr=False)
    twilio_base_url: str = ""
    """Another address for the carrier's API: a compatible provider, or a peer in a test."""
    twilio_segments_per_second: float = 1.0
    twilio_message_id: str = r"(SM|MM)[0-9a-fA-F]{32}"
    """The shape of the provider's message ids, as a regular expression."""

    kannel_send_url: str = ""
    """A Kannel of one's own instead of an account: its `sendsms` address."""
    kannel_username: str = ""
    kannel_password: str = field(default="", repr=False)
    kannel_secret: str = field(default="", repr=False)
    """A word of 16 characters or more in the URLs that Kannel calls."""
    kannel_callback_url: str = ""
    """Where Kannel reaches us; our own host and port, when it is not given."""
    kannel_numbers: tuple[str, ...] = ()
    kannel_allowed: tuple[str, ...] = ("127.0.0.1", "::1")
    """The addresses that Kannel calls from."""
    kannel_segments_per_second: float = 1.0

    alarm_webhook: str = ""
    """Gets what cannot be texted, such as an account that is suspended, as JSON."""
    alarm_mail_to: tuple[str, ...] = ()
    alarm_mail_from: str = ""
    alarm_smtp_host: str = ""
    alarm_smtp_port: int = 587
    alarm_smtp_user: str = ""
    alarm_smtp_password: str = field(default="", repr=False)

    rules: Rules = field(default=Rules())
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting that is not a default came from, by name."""

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return self.data / STORE

    @property
    def backups_path(self) -> Path:
        """The folder of the store's copies. A relative one is in the data folder: commands run from any other."""
        return self.data / Path(self.backup_folder or "backups").expanduser()

    @property
    def has_account(self) -> bool:
        """Whether texts go through a carrier; without an account the phones are simulated."""
        return bool(self.twilio_account_sid or self.kannel_send_url)

    @property
    def reaches_people(self) -> bool:
        """Whether texts go to real phones: not without an account, nor when its API is a peer in a private network."""
        return self.has_account and not (self.twilio_base_url and _is_private(self.twilio_base_url))

    @property
    def twilio(self) -> TwilioSettings | None:
        """The account for its gateway, or None without one."""
        if not self.twilio_account_sid:
            return None
        from smsmentor.gateways.twilio import TwilioSettings

        return TwilioSettings(
            account_sid=self.twilio_account_sid,
            auth_tokens=self.twilio_auth_token,
            public_url=self.public_url,
            numbers=self.twilio_numbers,
            messaging_service=self.twilio_messaging_service,
            api_key=self.twilio_api_key,
            api_secret=self.twilio_api_secret,
            base_url=self.twilio_base_url,
            segments_per_second=self.twilio_segments_per_second,
            message_id=self.twilio_message_id,
        )

    @property
    def kannel(self) -> KannelSettings | None:
        """The Kannel for its gateway, or None without one."""
        if not self.kannel_send_url:
            return None
        from smsmentor.gateways.kannel import KannelSettings

        return KannelSettings(
            send_url=self.kannel_send_url,
            username=self.kannel_username,
            password=self.kannel_password,
            numbers=self.kannel_numbers,
            callback_url=self.kannel_callback_url or f"http://{self.host}:{self.port}",
            secret=self.kannel_secret,
            allowed=self.kannel_allowed,
            segments_per_second=self.kannel_segments_per_second,
        )

    @property
    def alarms(self) -> AlarmSettings:
        """Where alarms go besides the log."""
        from smsmentor.alarm import AlarmSettings

        return AlarmSettings(
            webhook=self.alarm_webhook,
            mail_to=self.alarm_mail_to,
            mail_from=self.alarm_mail_from,
            smtp_host=self.alarm_smtp_host,
            smtp_port=self.alarm_smtp_port,
            smtp_user=self.alarm_smtp_user,
            smtp_password=self.alarm_smtp_password,
        )

    def shown(self) -> Iterator[tuple[str, str, str]]:
        """Every setting as name, value and origin; secrets are masked."""
        for name in KINDS:
            value = getattr(self.rules if name in RULES else self, name)
            yield name, _masked(value) if name in SECRETS else _text(value), self.origins.get(name, "default")


SECRETS = frozenset(
    {
        "alarm_smtp_password",
        "backup_key",
        "kannel_password",
        "kannel_secret",
        "store_key",
        "twilio_api_secret",
        "twilio_auth_token",
    }
)
SHELL: dict[str, Any] = {
    name: kind for name, kind in get_type_hints(Settings).items() if name not in ("rules", "origins")
}
RULES: dict[str, Any] = get_type_hints(Rules)
KINDS: dict[str, Any] = SHELL | RULES
"""Every setting's name and type."""


def _is_private(url: str) -> bool:
    """Whether an address is on this machine or in a private network, as its name or number tells."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".internal", ".test"))


def _masked(value: object) -> str:
    return "(set)" if value else "(not set)"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)
