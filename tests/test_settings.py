"""Settings: where they come from, what they may be, and that every problem is told at once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from smsmentor.core.rules import Rules
from smsmentor.errors import SettingsError
from smsmentor.settings import KINDS, RANGES, RULES, SECRETS, SHELL, Settings, load, range_of, rules_from

SID = "AC" + "0123456789abcdef" * 2
ACCOUNT = {
    "SMSMENTOR_TWILIO_ACCOUNT_SID": SID,
    "SMSMENTOR_TWILIO_AUTH_TOKEN": "new token,old token",
    "SMSMENTOR_TWILIO_NUMBERS": "+12025550100, +12025550101",
    "SMSMENTOR_PUBLIC_URL": "https://peers.example.org",
}


def in_folder(folder: Path, **more: str) -> dict[str, str]:
    return {"SMSMENTOR_DATA": str(folder), **{f"SMSMENTOR_{name.upper()}": value for name, value in more.items()}}


def problems(environ: dict[str, str], **given: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, **given)
    return caught.value.problems


def test_with_nothing_set_everything_is_a_default_and_the_phones_are_simulated(tmp_path: Path) -> None:
    settings = load(in_folder(tmp_path))
    assert settings == Settings(tmp_path, origins={"data": "SMSMENTOR_DATA"})
    assert settings.twilio is None
    assert settings.rules == Rules()


def test_the_command_line_wins_over_the_environment_and_this_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "smsmentor.toml").write_text(
        'host = "::1"\nport = 1\nplaces = 2\nname = "Filed"\n', encoding="utf-8-sig"
    )
    settings = load(in_folder(tmp_path, port="2", places="4"), port="3")
    assert (settings.host, settings.port, settings.rules.places, settings.rules.name) == ("::1", 3, 4, "Filed")
    assert settings.origins == {
        "data": "SMSMENTOR_DATA",
        "host": "smsmentor.toml",
        "port": "the command line",
        "places": "SMSMENTOR_PLACES",
        "name": "smsmentor.toml",
    }


def test_the_file_may_be_named_and_then_has_to_be_there(tmp_path: Path) -> None:
    named = tmp_path / "other.toml"
    named.write_text("notes_after_minutes = [5, 30]\nconsent_first = true\ncooldown_hours = 2\n", encoding="utf-8")
    rules = load(in_folder(tmp_path, config=str(named))).rules
    assert (rules.notes_after_minutes, rules.consent_first, rules.cooldown_hours) == ((5, 30), True, 2.0)
    named.unlink()
    assert problems(in_folder(tmp_path, config=str(named))) == (f"SMSMENTOR_CONFIG names {named}, which is not there.",)


def test_a_platforms_port_counts_until_ours_is_set(tmp_path: Path) -> None:
    assert load(in_folder(tmp_path) | {"PORT": "5000"}).port == 5000
    assert load(in_folder(tmp_path, port="6000") | {"PORT": "5000"}).port == 6000


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert load(in_folder(tmp_path, places="", twilio_auth_token=" ")).rules.places == Rules().places


def test_the_class_of_the_registration_sets_the_daily_cap_where_none_is_given(tmp_path: Path) -> None:
    settings = load(in_folder(tmp_path, carrier_class="sole-proprietor"))
    assert settings.rules.daily_segments == 1000
    assert ("daily_segments", "1000", "carrier_class sole-proprietor") in settings.shown()
    assert load(in_folder(tmp_path, carrier_class="vetted", daily_segments="70")).rules.daily_segments == 70


def test_an_account_is_made_from_its_settings(tmp_path: Path) -> None:
    account = load(in_folder(tmp_path) | ACCOUNT).twilio
    assert account is not None
    assert (account.account_sid, account.auth_tokens) == (SID, ("new token", "old token"))
    assert (account.numbers, account.public_url) == (("+12025550100", "+12025550101"), "https://peers.example.org")


@pytest.mark.parametrize(
    ("address", "people"),
    [
        ("", True),
        ("https://texts.example.org/prefix", True),
        ("https://8.8.8.8", True),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]:9000", False),
        ("http://10.0.0.7", False),
        ("http://localhost:9000", False),
        ("http://carrier:9000", False),
    ],
)
def test_a_carrier_in_a_private_network_is_a_test_peer(tmp_path: Path, address: str, people: bool) -> None:
    assert load(in_folder(tmp_path, twilio_base_url=address) | ACCOUNT).reaches_people is people
    assert not load(in_folder(tmp_path)).reaches_people


@pytest.mark.parametrize("without", sorted(ACCOUNT))
def test_a_part_of_an_account_stops_the_start_and_names_what_is_missing(tmp_path: Path, without: str) -> None:
    part = {name: value for name, value in ACCOUNT.items() if name != without}
    named = {"SMSMENTOR_TWILIO_NUMBERS": "a number to text from"}
    assert named.get(without, without.removeprefix("SMSMENTOR_").lower()) in " ".join(
        problems(in_folder(tmp_path) | part)
    )


def test_a_secret_may_come_from_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from a file\n", encoding="utf-8")
    environ = in_folder(tmp_path, twilio_auth_token_file=str(secret)) | ACCOUNT
    assert "are both set" in problems(environ)[0]
    del environ["SMSMENTOR_TWILIO_AUTH_TOKEN"]
    assert load(environ).twilio_auth_token == ("from a file",)
    secret.unlink()
    assert "SMSMENTOR_TWILIO_AUTH_TOKEN_FILE names a file that cannot be read" in problems(environ)[0]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_in_the_toml_file_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    (tmp_path / "smsmentor.toml").write_text(f'{name} = "sesame"\n', encoding="utf-8")
    [problem] = problems(in_folder(tmp_path))
    assert f"holds the secret {name}" in problem
    assert "sesame" not in problem


def test_secrets_are_masked_where_settings_are_shown(tmp_path: Path) -> None:
    settings = load(in_folder(tmp_path) | ACCOUNT)
    shown = {name: value for name, value, _ in settings.shown()}
    assert (shown["twilio_auth_token"], shown["twilio_api_secret"]) == ("(set)", "(not set)")
    assert "new token" not in repr(settings)
    assert set(shown) == set(KINDS)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    environ = in_folder(tmp_path, place="2", places="9", quiet_from="25:00", notes_after_minutes="45,10", port="many")
    told = problems(environ | {"SMSMENTOR_TWILIO_NUMBERS": "+12025550100"})
    assert len(told) == 6
    for words in (
        "SMSMENTOR_PLACE is not a setting. Did you mean SMSMENTOR_PLACES?",
        "places (SMSMENTOR_PLACES): '9' is out of range; from 1 to 6 is possible.",
        "quiet_from: not a time of day",
        "notes_after_minutes: write each moment once",
        "port (SMSMENTOR_PORT): 'many' is not a whole number.",
        "twilio_account_sid is missing, but twilio_numbers is set",
    ):
        assert any(problem.startswith(words) for problem in told), words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("name", "A service with a name too long", "name: at most 24"),
        ("name", "Peer’s Line", "name: at most 24"),
        ("name", "Peer [Line]", "name: at most 24"),
        ("team_contact", "x" * 41, "team_contact: at most 40"),
        ("zone", "Mars/Olympus", "zone: not a time zone"),
        ("zone", "EST", "zone: not a time zone"),
        ("zone", "../../etc/passwd", "zone: not a time zone"),
        ("lang", "tlh", "lang: there is no message file"),
        ("country", "usa", "country: two capital letters"),
        ("daily_zone", "Mars", "daily_zone: not a time zone"),
        ("countries", "US, Canada", "countries: two capital letters each"),
        ("carrier_class", "huge", "carrier_class: one of sole-proprietor, low-volume, standard, vetted."),
        ("spare_hours", "-1", "spare_hours (SMSMENTOR_SPARE_HOURS): '-1' is out of range; from 0 to 720"),
        ("quiet_until", "8", "quiet_until: not a time of day"),
        ("gather_longest_seconds", "20", "gather_longest_seconds is shorter"),
        ("offers_a_week", "1", "offers_a_week is less"),
        ("patience_longest_minutes", "0.5", "patience_longest_minutes is shorter"),
        ("notes_after_minutes", "ten", "notes_after_minutes (SMSMENTOR_NOTES_AFTER_MINUTES): 'ten' is not a whole"),
        ("cooldown_hours", "nan", "cooldown_hours (SMSMENTOR_COOLDOWN_HOURS): 'nan' is not a number"),
        ("consent_first", "maybe", "consent_first (SMSMENTOR_CONSENT_FIRST): 'maybe' is neither yes nor no"),
        ("log_format", "xml", "log_format: one of"),
        ("log_level", "loud", "log_level: one of"),
        ("operators", "555 0123", "operators: each number"),
        ("host", "0.0.0.0", "host: without a carrier's account the simulated phones would be open"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_the_fix(tmp_path: Path, name: str, value: str, words: str) -> None:
    [problem] = problems(in_folder(tmp_path, **{name: value}))
    assert problem.startswith(words)


def test_the_phones_may_be_opened_on_purpose(tmp_path: Path) -> None:
    assert load(in_folder(tmp_path, host="0.0.0.0", phones_open="yes")).phones_open
    assert load(in_folder(tmp_path, host="0.0.0.0") | ACCOUNT).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("places = true", "places (smsmentor.toml): True is not a whole number"),
        ("places = 2.5", "places (smsmentor.toml): 2.5 is not a whole number"),
        ("name = 5", "name (smsmentor.toml): 5 is not text"),
        ("notes_after_minutes = 10", "notes_after_minutes (smsmentor.toml): 10 is not a list"),
        ("operators = [1]", "operators (smsmentor.toml): [1] is not a list of texts"),
        ("plases = 2", "Did you mean places?"),
        ("places =", "cannot be read"),
        ("name = Peers", 'A text stands in straight quotes: name = "Peers".'),
        ("quiet_from = 21:00:00", "quiet_from (smsmentor.toml): 21:00:00 is not text; put it in quotes."),
        pytest.param(f"operators = {'[' * 5000}{']' * 5000}", "too deep", id="lists in lists"),
        pytest.param("operators = " + "{a=" * 5000, "too deep", id="tables in tables"),
    ],
)
def test_a_wrong_line_in_the_file_is_told(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "smsmentor.toml").write_text(f"{line}\n", encoding="utf-8")
    [problem] = problems(in_folder(tmp_path))
    assert words in problem


def test_every_rule_can_be_set_by_its_name() -> None:
    written = {f.name: _as_written(getattr(Rules(), f.name)) for f in fields(Rules)}
    assert rules_from(written) == Rules()


def _as_written(value: object) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def test_rules_set_by_hand_are_checked_like_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        rules_from({"plces": "2", "places": "0", "zone": "nowhere"})
    assert caught.value.problems == (
        "plces is not one of the rules. Did you mean places?",
        "places (--set): '0' is out of range; from 1 to 6 is possible.",
        "zone: not a time zone; write it like America/New_York.",
    )


def test_every_default_is_within_its_range() -> None:
    assert set(RANGES) <= set(KINDS)
    for name in RULES:
        value = getattr(Rules(), name)
        if KINDS[name] in (int, float, tuple[int, ...]):
            low, high = range_of(name)
            assert all(low <= number <= high for number in (value if isinstance(value, tuple) else (value,))), name


def test_no_setting_of_the_shell_has_the_name_of_a_rule() -> None:
    assert not set(SHELL) & set(RULES)


def test_copies_lie_in_the_data_folder_wherever_a_command_is_given(tmp_path: Path) -> None:
    assert load(in_folder(tmp_path)).backups_path == tmp_path / "backups"
    assert load(in_folder(tmp_path, backup_folder="copies")).backups_path == tmp_path / "copies"
    assert load(in_folder(tmp_path, backup_folder="/mnt/copies")).backups_path == Path("/mnt/copies")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('data = "elsewhere"', "set SMSMENTOR_DATA."),
        ('SMSMENTOR_NAME = "Peers"', "SMSMENTOR_NAME is not a setting. In the file it is written name."),
        ('Country = "US"', "Country is not a setting. In the file it is written country."),
        ('country = "XX"', "country: two capital letters, like US (ISO 3166)."),
        ('countries = "US,XX"', "countries: two capital letters each, like US,CA (ISO 3166)."),
    ],
)
def test_what_the_file_cannot_say_is_told(tmp_path: Path, written: str, problem: str) -> None:
    (tmp_path / "smsmentor.toml").write_text(written, encoding="utf-8")
    [told] = problems(in_folder(tmp_path))
    assert told.endswith(problem)


def test_a_file_in_another_encoding_and_a_folder_that_is_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "smsmentor.toml").write_text("places = 2", encoding="utf-16")
    assert problems(in_folder(tmp_path))[0].endswith("it is not UTF-8; save it as that.")
    (tmp_path / "file").touch()
    assert problems(in_folder(tmp_path / "file"))[-1] == f"data (SMSMENTOR_DATA): {tmp_path / 'file'} is no folder."
