"""How settings become whole: from all sources, or from some values by name; checked, or refused with every problem."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smsmentor.core.rules import Rules
from smsmentor.errors import SettingsError
from smsmentor.settings.sense import problems_of_rules, problems_of_shell
from smsmentor.settings.shape import RULES, SHELL, Settings
from smsmentor.settings.sources import Reading, config_path, default_data_folder, near, read_environment, read_file

PLAYED = ("operators", "allowed_sites")
"""What shows on phones too, though it is no rule: whom we page, and whose links pass."""


def load(environ: Mapping[str, str] | None = None, **given: str | None) -> Settings:
    """The effective settings; `given` is what the command line names. Raises SettingsError with every problem."""
    reading = Reading()
    environ = os.environ if environ is None else environ
    from_environment = read_environment(environ, reading)
    from_command_line = {name: (text, "the command line") for name, text in given.items() if text is not None}
    from_file = read_file(config_path(environ, from_environment | from_command_line), reading)
    reading.take(from_file | from_environment | from_command_line)
    folder = reading.values.setdefault("data", default_data_folder())
    if folder.exists() and not folder.is_dir():
        reading.fail("data", f"data ({reading.origins.get('data', 'default')}): {folder} is no folder.")
    rules = _of_class(reading)
    settings = Settings(
        **{name: value for name, value in reading.values.items() if name in SHELL},
        rules=rules,
        origins=reading.origins,
    )
    reading.problems += [*problems_of_rules(rules, reading.broken), *problems_of_shell(settings, reading.broken)]
    if reading.problems:
        raise SettingsError(reading.problems)
    return settings


def rules_from(pairs: Mapping[str, str], base: Rules | None = None) -> Rules:
    """The rules, or those of `base`, with some set by name: `places=2`. Raises SettingsError with every problem."""
    return played_with(pairs, also=(), base=base).rules


def played_with(pairs: Mapping[str, str], also: Sequence[str] = PLAYED, base: Rules | None = None) -> Settings:
    """The rules, and the settings in `also`, with some set by name. Raises SettingsError with every problem."""
    reading = Reading()
    known = {*RULES, *also}
    for name in pairs:
        if name not in known:
            reading.problems.append(f"{name} is not one of the rules.{near(name, known)}")
    reading.take({name: (text, "--set") for name, text in pairs.items() if name in known})
    rules = replace(base or Rules(), **{name: value for name, value in reading.values.items() if name in RULES})
    settings = Settings(Path(), rules=rules, **{name: reading.values[name] for name in also if name in reading.values})
    reading.problems += [*problems_of_rules(rules, reading.broken), *problems_of_shell(settings, reading.broken)]
    if reading.problems:
        raise SettingsError(reading.problems)
    return settings


def _of_class(reading: Reading) -> Rules:
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


def _carrier_classes() -> dict[str, Any]:
    """The classes of registrations that carriers have, with what each allows."""
    from smsmentor.resources import data_folder, read_toml

    return read_toml(data_folder() / "carrier_classes.toml")
