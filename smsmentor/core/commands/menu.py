"""MENU: what this member can do now, in one text."""

from __future__ import annotations

from smsmentor.core import members
from smsmentor.core.commands.kit import Asked, Command, alone
from smsmentor.core.model import Member
from smsmentor.core.turn import Outcome, Turn


def menu_text(turn: Turn, member: Member) -> str:
    """Which menu fits: for someone with an open request, a mentor, one who is both, or somebody new."""
    if any(r.status not in ("draft", "clarifying") for r in members.live_requests(turn, member.id)):
        return "menu.both" if member.mentor else "menu.open"
    return "menu.mentor" if member.mentor else "menu.new"


def _menu(asked: Asked, _: object) -> Outcome | None:
    asked.turn.say(asked.member, menu_text(asked.turn, asked.member))
    return None


COMMANDS = (Command("MENU", "anyone", alone, _menu),)
