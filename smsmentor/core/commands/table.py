"""The table of all commands: MENU, the README's keyword table and the tests are made from it."""

from __future__ import annotations

from smsmentor.core.commands import asking, mentoring, menu, operator, safety
from smsmentor.core.commands.kit import Command

TABLE: dict[str, Command] = {
    command.name.lower(): command
    for family in (asking, mentoring, safety, menu, operator)
    for command in family.COMMANDS
}
"""By the name that `[keywords]` uses."""
