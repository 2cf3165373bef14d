"""The table of all commands: MENU, the README's keyword table and the tests are made from it."""

from __future__ import annotations

from smsmentor.core.commands import asking, mentoring, menu, operator, profile, safety, sprint, standing
from smsmentor.core.commands.kit import Command

TABLE: dict[str, Command] = {
    command.name.lower(): command
    for family in (asking, sprint, mentoring, standing, safety, profile, menu, operator)
    for command in family.COMMANDS
}
"""By the name that `[keywords]` uses."""
