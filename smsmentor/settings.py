"""The settings of one running service, typed and complete, or one error that lists every problem at once.

Later sources win: defaults, an optional TOML file (`SMSMENTOR_CONFIG`, or `smsmentor.toml` in the data folder), the
environment (`SMSMENTOR_<NAME>`), the command line. An empty variable counts as not set. Secrets come from the
environment only, as `SMSMENTOR_<NAME>` or as `SMSMENTOR_<NAME>_FILE`, the path of a file that holds nothing else.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from smsmentor.core.gsm import EXTENDED, encoding, segments
from smsmentor.core.rules import Rules
from smsmentor.errors import SettingsError

if TYPE_CHECKING:
    from smsmentor.alarm import AlarmSettings
    from smsmentor.gateways.kannel import KannelSettings
    from smsmentor.gateways.twilio import TwilioSettings

PREFIX = "SMSMENTOR_"
DEFAULT_PORT = 8765
LONGEST_NAME, LONGEST_CONTACT = 24, 40
"""Characters of the service's name and of the team's contact: every text that holds them stays in one segment."""
SHORTEST_KEY = 20
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
    """Believe `X-Forwarded-For` and its kin, for the log. Only with a proxy that sets them itself."""
    phones_open: bool = False
    """Serve the simulated phones to everyone who can reach `host`: they show all people and texts."""
    log_format: str = "auto"
    """`text`, `json`, or `auto`: text on a terminal and JSON elsewhere."""
    log_level: str = "info"
    grace_seconds: float = 10.0
    """How long a stop may take to finish what is in hand."""
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
        return self.data / "smsmentor.db"

    @property
    def backups_path(self) -> Path:
        """The folder of the store's copies."""
        return Path(self.backup_folder).expanduser() if self.backup_folder else self.data / "backups"

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

RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65535),
    "grace_seconds": (0, 300),
    "backup_hours": (0, 720),
    "backup_days": (0.1, 366),
    "twilio_segments_per_second": (0.01, 1000),
    "kannel_segments_per_second": (0.01, 1000),
    "alarm_smtp_port": (1, 65535),
    "places": (1, 6),
    "further_views": (0, 10),
    "open_requests": (1, 9),
    "expiry_hours": (1, 720),
    "notes_after_minutes": (1, 43_200),
    "hold_minutes": (1, 10_080),
    "code_kept_days": (1, 90),
    "checkin_days": (1, 90),
    "rating_hours": (1, 720),
    "late_hours": (1, 720),
    "words_kept_days": (1, 3650),
    "patience_minutes": (0.1, 1440),
    "patience_growth": (1, 10),
    "patience_longest_minutes": (0.1, 10_080),
    "patience_half_life_hours": (0.1, 168),
    "offers_a_day": (1, 50),
    "offers_a_week": (1, 200),
    "open_limit": (1, 20),
    "silence_hours": (0.1, 168),
    "silent_offers_pause": (1, 50),
    "thread_rest_hours": (0.1, 720),
    "retry_minutes": (0.5, 1440),
    "same_text_seconds": (0, 30),
    "automatic_in_a_row": (1, 50),
    "texts_an_hour": (5, 10_000),
    "crisis_page_minutes": (1, 60),
    "crisis_text_minutes": (1, 1440),
    "late_after_minutes": (1, 1440),
    "send_tries": (1, 50),
    "lease_seconds": (30, 3600),
    "relay_longest": (160, 1500),
}
"""The least and the most of a number, both allowed, where the unit alone does not say it."""
UNITS: dict[str, tuple[float, float]] = {
    "_seconds": (0, 3600),
    "_minutes": (0, 10_080),
    "_hours": (0, 720),
    "_days": (0, 366),
    "": (0, 100_000_000),
}
"""The same by the unit that a setting's name ends in."""


def default_data_folder() -> Path:
    """`data/local` of a clone; the user's own folder when the program is installed as a package."""
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").is_file() and (clone / "data").is_dir():
        return clone / "data" / "local"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "smsmentor"


def load(environ: Mapping[str, str] | None = None, **given: str | None) -> Settings:
    """The effective settings; `given` is what the command line names. Raises SettingsError with every problem."""
    reading = _Reading()
    environ = os.environ if environ is None else environ
    from_environment = _from_environment(environ, reading)
    from_command_line = {name: (text, "the command line") for name, text in given.items() if text is not None}
    from_file = _from_file(_config_path(environ, from_environment | from_command_line), reading)
    reading.take(from_file | from_environment | from_command_line)
    reading.values.setdefault("data", default_data_folder())
    rules = _of_class(reading)
    settings = Settings(
        **{name: value for name, value in reading.values.items() if name in SHELL},
        rules=rules,
        origins=reading.origins,
    )
    reading.problems += [*_problems_of_rules(rules, reading.broken), *_problems_of_shell(settings, reading.broken)]
    if reading.problems:
        raise SettingsError(reading.problems)
    return settings


def rules_from(pairs: Mapping[str, str], base: Rules | None = None) -> Rules:
    """The rules, or those of `base`, with some set by name: `places=2`. Raises SettingsError with every problem."""
    return played_with(pairs, also=(), base=base).rules


PLAYED = ("operators", "allowed_sites")
"""What shows on phones too, though it is no rule: whom we page, and whose links pass."""


def played_with(pairs: Mapping[str, str], also: Sequence[str] = PLAYED, base: Rules | None = None) -> Settings:
    """The rules, and the settings in `also`, with some set by name. Raises SettingsError with every problem."""
    reading = _Reading()
    known = {*RULES, *also}
    for name in pairs:
        if name not in known:
            reading.problems.append(f"{name} is not one of the rules.{_near(name, known)}")
    reading.take({name: (text, "--set") for name, text in pairs.items() if name in known})
    rules = replace(base or Rules(), **{name: value for name, value in reading.values.items() if name in RULES})
    settings = Settings(Path(), rules=rules, **{name: reading.values[name] for name in also if name in reading.values})
    reading.problems += [*_problems_of_rules(rules, reading.broken), *_problems_of_shell(settings, reading.broken)]
    if reading.problems:
        raise SettingsError(reading.problems)
    return settings


def _of_class(reading: _Reading) -> Rules:
    """The rules, with the daily cap of the class of our registration where none is given."""
    rules = Rules(**{name: value for name, value in reading.values.items() if name in RULES})
    if not rules.carrier_class or rules.daily_segments:
        return rules
    classes = _carrier_classes()
    if rules.carrier_class not in classes:
        reading.problems.append(f"carrier_class: one of {', '.join(classes)}.")
        return rules
    reading.origins["daily_segments"] = f"carrier_class {rules.carrier_class}"
    return replace(rules, daily_segments=classes[rules.carrier_class]["daily_segments"])


Given = Mapping[str, tuple[object, str]]
"""By name: a value as it was given, and where."""


class _Reading:
    """Values and problems found so far."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []
        self.broken: set[str] = set()
        """Settings that could not be read: no further problem is told of them."""

    def take(self, given: Given) -> None:
        """Read each value as its setting's type, and check its range."""
        for name, (raw, origin) in given.items():
            try:
                self.values[name] = _typed(KINDS[name], raw)
                _check_range(name, self.values[name])
                self.origins[name] = origin
            except ValueError as problem:
                shown = "what is given" if name in SECRETS else repr(raw)
                self.problems.append(f"{name} ({origin}): {shown} {problem}.")
                self.broken.add(name)
                self.values.pop(name, None)

    def fail(self, name: str, problem: str) -> None:
        """A setting that cannot even be looked at."""
        self.problems.append(problem)
        self.broken.add(name)


def _from_environment(environ: Mapping[str, str], reading: _Reading) -> dict[str, tuple[object, str]]:
    found: dict[str, tuple[object, str]] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        if variable != variable.upper() or (name not in KINDS and name != "config" and not _is_secret_file(name)):
            reading.problems.append(f"{variable} is not a setting.{_near(name, KINDS, PREFIX)}")
        elif name in KINDS:
            found[name] = (text.strip(), variable)
    for name in sorted(SECRETS):
        variable = f"{PREFIX}{name.upper()}_FILE"
        path = environ.get(variable, "").strip()
        if path and name in found:
            reading.fail(name, f"{found[name][1]} and {variable} are both set; keep one of them.")
        elif path:
            try:
                found[name] = (Path(path).read_text(encoding="utf-8").strip(), variable)
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "not text"
                reading.fail(name, f"{variable} names a file that cannot be read ({why}).")
    if "port" not in found and environ.get("PORT", "").strip():
        found["port"] = (environ["PORT"].strip(), "PORT")
    return found


def _is_secret_file(name: str) -> bool:
    return name.endswith("_file") and name.removesuffix("_file") in SECRETS


def _config_path(environ: Mapping[str, str], given: Given) -> tuple[Path, bool]:
    """Where the TOML file is, and whether it has to be there."""
    named = environ.get(f"{PREFIX}CONFIG", "").strip()
    if named:
        return Path(named), True
    folder, _ = given.get("data", (default_data_folder(), ""))
    return Path(str(folder)) / "smsmentor.toml", False


def _from_file(place: tuple[Path, bool], reading: _Reading) -> dict[str, tuple[object, str]]:
    path, needed = place
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if needed:
            reading.problems.append(f"{PREFIX}CONFIG names {path}, which is not there.")
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reading.problems.append(f"{path} cannot be read: {error}.")
        return {}
    found: dict[str, tuple[object, str]] = {}
    for name, value in table.items():
        if name in SECRETS:
            reading.fail(
                name,
                f"{path} holds the secret {name}: take it out, give it as {PREFIX}{name.upper()} or as "
                f"{PREFIX}{name.upper()}_FILE, and replace it if others can read the file.",
            )
        elif name not in KINDS:
            reading.problems.append(f"{path}: {name} is not a setting.{_near(name, KINDS)}")
        else:
            found[name] = (value, path.name)
    return found


def _near(name: str, known: Iterable[str], prefix: str = "") -> str:
    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.7)
    if not near:
        return " Take it out, or look at `smsmentor config` for the names."
    return f" Did you mean {prefix}{near[0].upper() if prefix else near[0]}?"


# Types


def _typed(kind: Any, raw: object) -> Any:
    """The value as its setting's type. Raises ValueError that says what was expected."""
    return _READERS[kind](raw)


def _whole(raw: object) -> int:
    if isinstance(raw, str) and re.fullmatch(r"[+-]?\d{1,12}", raw.strip()):
        return int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise ValueError("is not a whole number")


def _number(raw: object) -> float:
    try:
        value = float(raw) if isinstance(raw, str | int | float) and not isinstance(raw, bool) else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError("is not a number")
    return value


def _switch(raw: object) -> bool:
    word = str(raw).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("is neither yes nor no")


def _words(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("is not text; put it in quotes")
    return raw.strip()


def _list(raw: object) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("is not a list of texts; separate them by commas")
    return tuple(part.strip() for part in parts if part.strip())


def _whole_list(raw: object) -> tuple[int, ...]:
    parts: Any = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list):
        raise ValueError("is not a list of whole numbers; write it like 10,45")
    return tuple(_whole(part) for part in parts if part != "")


_READERS: dict[Any, Callable[[object], Any]] = {
    int: _whole,
    float: _number,
    bool: _switch,
    str: _words,
    Path: lambda raw: Path(_words(raw)).expanduser(),
    tuple[str, ...]: _list,
    tuple[int, ...]: _whole_list,
}


# Sense


def _check_range(name: str, value: Any) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int | float) and not isinstance(number, bool):
            low, high = range_of(name)
            if not low <= number <= high:
                raise ValueError(f"is out of range; from {low:g} to {high:g} is possible")


def range_of(name: str) -> tuple[float, float]:
    """The least and the most of a number, both allowed."""
    return RANGES.get(name) or next(limits for unit, limits in UNITS.items() if name.endswith(unit))


def _problems_of_rules(rules: Rules, broken: set[str]) -> Iterator[str]:
    checks: list[tuple[tuple[str, ...], bool, str]] = [
        (("name",), 1 <= len(rules.name) <= LONGEST_NAME and _is_cheap(rules.name),
         f"name: at most {LONGEST_NAME} characters of the plain GSM alphabet, without {{ }} [ ] ^ ~ | \\, "
         "so that texts fit their segment."),
        (("team_contact",), len(rules.team_contact) <= LONGEST_CONTACT and _is_cheap(rules.team_contact),
         f"team_contact: at most {LONGEST_CONTACT} plain GSM characters, so that HELP fits its segment."),
        (("zone",), _is_zone(rules.zone), "zone: not a time zone; write it like America/New_York."),
        (("lang",), rules.lang in _languages(),
         f"lang: there is no message file for it; there are {', '.join(_languages())}."),
        (("daily_zone",), _is_zone(rules.daily_zone), "daily_zone: not a time zone; write it like UTC."),
        (("countries",), bool(re.fullmatch("([A-Z]{2}(,[A-Z]{2})*)?", rules.countries)),
         "countries: two capital letters each, like US,CA (ISO 3166)."),
        (("country",), bool(re.fullmatch("[A-Z]{2}", rules.country)),
         "country: two capital letters, like US (ISO 3166)."),
        (("quiet_from",), _is_clock(rules.quiet_from), "quiet_from: not a time of day; write it like 21:00."),
        (("quiet_until",), _is_clock(rules.quiet_until), "quiet_until: not a time of day; write it like 08:00."),
        (("gather_seconds", "gather_longest_seconds"), rules.gather_seconds <= rules.gather_longest_seconds,
         "gather_longest_seconds is shorter than gather_seconds."),
        (("offers_a_day", "offers_a_week"), rules.offers_a_day <= rules.offers_a_week,
         "offers_a_week is less than offers_a_day."),
        (("notes_after_minutes",), list(rules.notes_after_minutes) == sorted(set(rules.notes_after_minutes)),
         "notes_after_minutes: write each moment once, the earliest first, like 10,45."),
        (("words_kept_days", "code_kept_days"), rules.words_kept_days >= rules.code_kept_days,
         "words_kept_days is shorter than code_kept_days: who uses a code would be asked about words that are gone."),
        (("words_kept_days", "checkin_days"), rules.words_kept_days >= rules.checkin_days + 7,
         "words_kept_days has to be a week longer than checkin_days, so that the check-in still has its words."),
        (("patience_minutes", "patience_longest_minutes"), rules.patience_minutes <= rules.patience_longest_minutes,
         "patience_longest_minutes is shorter than patience_minutes."),
    ]  # fmt: skip
    return (problem for names, fine, problem in checks if not fine and not broken.intersection(names))


def _problems_of_shell(settings: Settings, broken: set[str]) -> Iterator[str]:
    if settings.log_format not in ("auto", "text", "json"):
        yield "log_format: one of auto, text, json."
    if settings.log_level not in ("debug", "info", "warning", "error"):
        yield "log_level: one of debug, info, warning, error."
    for name in ("backup_key", "store_key"):
        if 0 < len(getattr(settings, name)) < SHORTEST_KEY:
            yield f"{name}: at least {SHORTEST_KEY} characters; make one with `openssl rand -base64 32`."
    for number in settings.operators:
        if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
            yield "operators: each number with its country and without blanks, like +12125550123."
    if not broken.intersection(SHELL):
        yield from _problems_of_alarms(settings)
    account = [name for name in SHELL if name.startswith("twilio_") and name in settings.origins]
    if settings.kannel_send_url and settings.twilio_account_sid:
        yield "kannel_send_url and twilio_account_sid are both set; keep one way out."
    elif settings.kannel_send_url and not broken.intersection(SHELL):
        yield from _problems_of_kannel(settings)
    elif settings.has_account and not broken.intersection(SHELL):
        yield from _problems_of_account(settings)
    elif account and not settings.has_account and "twilio_account_sid" not in broken:
        yield (
            f"twilio_account_sid is missing, but {', '.join(account)} is set: a carrier's account needs "
            "twilio_account_sid, twilio_auth_token, twilio_numbers (or twilio_messaging_service) and public_url. "
            "Without an account the phones are simulated."
        )
    elif not broken and settings.host not in LOOPBACK and not settings.phones_open:
        yield (
            f"host: without a carrier's account the simulated phones would be open to everyone who reaches "
            f"{settings.host}, with all people and texts. Set the account (twilio_account_sid and the rest), "
            "or phones_open = yes if this is what you want."
        )


def _problems_of_alarms(settings: Settings) -> list[str]:
    if not any(name.startswith("alarm_") for name in settings.origins):
        return []
    from smsmentor.alarm import problems

    return problems(settings.alarms)


def _problems_of_kannel(settings: Settings) -> list[str]:
    from smsmentor.gateways.kannel import problems

    assert settings.kannel is not None
    return problems(settings.kannel)


def _problems_of_account(settings: Settings) -> Iterator[str]:
    from smsmentor.gateways.twilio import problems

    assert settings.twilio is not None
    lacking = [name for name in ("twilio_auth_token", "public_url") if not getattr(settings, name)]
    yield from (f"{name} is missing, which a carrier's account needs." for name in lacking)
    about = {"auth token": "twilio_auth_token", "public URL": "public_url"}
    for problem in problems(settings.twilio):
        if not any(words in problem and name in lacking for words, name in about.items()):
            yield problem
    try:
        re.compile(settings.twilio_message_id)
    except re.error:
        yield "twilio_message_id: not a regular expression."


def _carrier_classes() -> dict[str, Any]:
    """The classes of registrations that carriers have, with what each allows."""
    from smsmentor.resources import data_folder, read_toml

    return read_toml(data_folder() / "carrier_classes.toml")


def _is_cheap(text: str) -> bool:
    """Whether each character costs one septet, and none is taken for a placeholder or a line's end."""
    return encoding(text) == "GSM-7" and not set(text) & (EXTENDED | {"\n", "\r"}) and segments(text) == 1


def _is_private(url: str) -> bool:
    """Whether an address is on this machine or in a private network, as its name or number tells."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".internal", ".test"))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_clock(text: str) -> bool:
    return bool(re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text))


def _languages() -> tuple[str, ...]:
    """The languages with a complete message file, by the names of the files alone."""
    from smsmentor.resources import data_folder

    return tuple(sorted(path.stem for path in (data_folder() / "messages").glob("*.toml") if "." not in path.stem))


# Words


def _masked(value: object) -> str:
    return "(set)" if value else "(not set)"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)
