"""Where values come from: the environment, files of secrets, the TOML file. What was read of them so far."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from smsmentor.owners import refusal
from smsmentor.settings.shape import KINDS, SECRETS
from smsmentor.settings.values import check_range, typed

PREFIX = "SMSMENTOR_"
Given = Mapping[str, tuple[object, str]]
"""By name: a value as it was given, and where."""


class Reading:
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
                self.values[name] = typed(KINDS[name], raw)
                check_range(name, self.values[name])
                self.origins[name] = origin
            except ValueError as problem:
                shown = "what is given" if name in SECRETS else str(raw) if isinstance(raw, date | time) else repr(raw)
                self.problems.append(f"{name} ({origin}): {shown} {problem}.")
                self.broken.add(name)
                self.values.pop(name, None)

    def fail(self, name: str, problem: str) -> None:
        """A setting that cannot even be looked at."""
        self.problems.append(problem)
        self.broken.add(name)


def default_data_folder() -> Path:
    """`data/local` of a clone; the user's own folder when the program is installed as a package."""
    clone = Path(__file__).resolve().parents[2]
    if (clone / "pyproject.toml").is_file() and (clone / "data").is_dir():
        return clone / "data" / "local"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "smsmentor"


def read_environment(environ: Mapping[str, str], reading: Reading) -> dict[str, tuple[object, str]]:
    """What the environment gives by name, secrets from files of their own and a platform's `PORT` among it."""
    found: dict[str, tuple[object, str]] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        if variable != variable.upper() or (name not in KINDS and name != "config" and not _is_secret_file(name)):
            reading.problems.append(f"{variable} is not a setting.{near(name, KINDS, PREFIX)}")
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
                why = refusal(Path(path), mode=os.R_OK) or getattr(error, "strerror", None) or "not text"
                reading.fail(name, f"{variable} names a file that cannot be read ({why}).")
    if "port" not in found and environ.get("PORT", "").strip():
        found["port"] = (environ["PORT"].strip(), "PORT")
    return found


def _is_secret_file(name: str) -> bool:
    return name.endswith("_file") and name.removesuffix("_file") in SECRETS


def config_path(environ: Mapping[str, str], given: Given) -> tuple[Path, bool]:
    """Where the TOML file is, and whether it has to be there."""
    named = environ.get(f"{PREFIX}CONFIG", "").strip()
    if named:
        return Path(named), True
    folder, _ = given.get("data", (default_data_folder(), ""))
    return Path(str(folder)) / "smsmentor.toml", False


def read_file(place: tuple[Path, bool], reading: Reading) -> dict[str, tuple[object, str]]:
    """What the TOML file gives by name; a secret in it is a problem."""
    path, needed = place
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if needed:
            reading.problems.append(f"{PREFIX}CONFIG names {path}, which is not there.")
        return {}
    except UnicodeDecodeError:
        reading.problems.append(f"{path} cannot be read: it is not UTF-8; save it as that.")
        return {}
    except tomllib.TOMLDecodeError as error:
        reading.problems.append(f'{path} cannot be read: {error}. A text stands in straight quotes: name = "Peers".')
        return {}
    except OSError as error:
        why = refusal(path, mode=os.R_OK) or error.strerror
        reading.problems.append(f"{path} cannot be read ({why}).")
        return {}
    except RecursionError:
        reading.problems.append(f"{path} cannot be read: lists or tables lie too deep in others.")
        return {}
    found: dict[str, tuple[object, str]] = {}
    for name, value in table.items():
        if name in SECRETS:
            reading.fail(
                name,
                f"{path} holds the secret {name}: take it out, give it as {PREFIX}{name.upper()} or as "
                f"{PREFIX}{name.upper()}_FILE, and replace it if others can read the file.",
            )
        elif name == "data" and not needed:
            reading.problems.append(f"{path}: data names the folder in which this file is found; set {PREFIX}DATA.")
        elif (short := name.upper().removeprefix(PREFIX).lower()) in KINDS and short != name:
            reading.problems.append(f"{path}: {name} is not a setting. In the file it is written {short}.")
        elif name not in KINDS:
            reading.problems.append(f"{path}: {name} is not a setting.{near(name, KINDS)}")
        else:
            found[name] = (value, path.name)
    return found


def near(name: str, known: Iterable[str], prefix: str = "") -> str:
    """What to say after a name that is not known: the known one that it looks like, or where the names are."""
    alike = get_close_matches(name.lower(), list(known), n=1, cutoff=0.7)
    if not alike:
        return " Take it out, or look at `smsmentor config` for the names."
    return f" Did you mean {prefix}{alike[0].upper() if prefix else alike[0]}?"
