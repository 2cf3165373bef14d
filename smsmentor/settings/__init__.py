"""The settings of one running service, typed and complete, or one error that lists every problem at once.

Later sources win: defaults, an optional TOML file (`SMSMENTOR_CONFIG`, or `smsmentor.toml` in the data folder), the
environment (`SMSMENTOR_<NAME>`), the command line. An empty variable counts as not set. Secrets come from the
environment only, as `SMSMENTOR_<NAME>` or as `SMSMENTOR_<NAME>_FILE`, the path of a file that holds nothing else.
"""

from __future__ import annotations

from smsmentor.settings.loading import load, played_with, rules_from
from smsmentor.settings.shape import KINDS, LOOPBACK, RULES, SECRETS, SHELL, STORE, Settings
from smsmentor.settings.values import RANGES, range_of

__all__ = [
    "KINDS",
    "LOOPBACK",
    "RANGES",
    "RULES",
    "SECRETS",
    "SHELL",
    "STORE",
    "Settings",
    "load",
    "played_with",
    "range_of",
    "rules_from",
]
