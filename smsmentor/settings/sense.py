"""What settings have to be so that they make sense, alone and together: each problem is said in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smsmentor.core.gsm import EXTENDED, encoding, segments
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import is_zone
from smsmentor.settings.shape import LOOPBACK, SHELL, Settings

LONGEST_NAME, LONGEST_CONTACT = 24, 40
"""Characters of the service's name and of the team's contact: every text that holds them stays in one segment."""
SHORTEST_KEY = 20


def problems_of_rules(rules: Rules, broken: set[str]) -> Iterator[str]:
    """What is wrong with the rules, but for those that could not be read."""
    checks: list[tuple[tuple[str, ...], bool, str]] = [
        (("name",), 1 <= len(rules.name) <= LONGEST_NAME and _is_cheap(rules.name),
         f"name: at most {LONGEST_NAME} characters of the plain GSM alphabet, without {{ }} [ ] ^ ~ | \\, "
         "so that texts fit their segment."),
        (("team_contact",), len(rules.team_contact) <= LONGEST_CONTACT and _is_cheap(rules.team_contact),
         f"team_contact: at most {LONGEST_CONTACT} plain GSM characters, so that HELP fits its segment."),
        (("zone",), _is_place(rules.zone), "zone: not a time zone; write it like America/New_York."),
        (("lang",), rules.lang in _languages(),
         f"lang: there is no message file for it; there are {', '.join(_languages())}."),
        (("daily_zone",), is_zone(rules.daily_zone), "daily_zone: not a time zone; write it like UTC."),
        (("countries",), all(_is_country(code) for code in rules.countries.split(",") if rules.countries),
         "countries: two capital letters each, like US,CA (ISO 3166)."),
        (("country",), _is_country(rules.country),
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


def problems_of_shell(settings: Settings, broken: set[str]) -> Iterator[str]:
    """What is wrong with the other settings, but for what hangs on those that could not be read."""
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


def _is_cheap(text: str) -> bool:
    """Whether each character costs one septet, and none is taken for a placeholder or a line's end."""
    return encoding(text) == "GSM-7" and not set(text) & (EXTENDED | {"\n", "\r"}) and segments(text) == 1


def _is_place(zone: str) -> bool:
    """Whether it is a zone with the summer time of its place: EST is the winter's hour all the year."""
    return is_zone(zone) and ("/" in zone or zone in ("UTC", "GMT"))


def _is_country(code: str) -> bool:
    if code == "US":
        return True
    import phonenumbers  # its import is only for those who are elsewhere

    return code in phonenumbers.SUPPORTED_REGIONS


def _is_clock(text: str) -> bool:
    return bool(re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text))


def _languages() -> tuple[str, ...]:
    """The languages with a complete message file, by the names of the files alone."""
    from smsmentor.resources import data_folder

    return tuple(sorted(path.stem for path in (data_folder() / "messages").glob("*.toml") if "." not in path.stem))
