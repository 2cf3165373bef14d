"""SPRINT time management: three weeks on one skill, each week's check-in with another mentor."""

from __future__ import annotations

import re

from smsmentor.core import requests, sprints
from smsmentor.core.commands.kit import Asked, Command
from smsmentor.core.turn import Outcome
from smsmentor.core.understand.normal import plain, relay_text

LONGEST_SKILL = 24


def _grammar(asked: Asked) -> str | None:
    """SPRINT alone, SPRINT OFF, or a skill of at most four words. `Sprint planning takes forever` is talk."""
    if asked.bare:
        return ""
    skill = relay_text(asked.call.rest).strip(" .!:")
    words = plain(skill).split()
    if "?" in skill or len(words) > 4 or len(skill) > LONGEST_SKILL or not re.fullmatch(r"[\w' &+-]+", skill):
        return None
    named = asked.turn.knowledge.topics.expand(skill)
    return skill if asked.call.shouted or (named and len(words) <= 2) or asked.rest in _off(asked) else None


def _off(asked: Asked) -> frozenset[str]:
    return asked.turn.knowledge.yes_no(asked.member.lang)["off"]


def _sprint(asked: Asked, skill: str) -> Outcome | None:
    turn, member = asked.turn, asked.member
    running = sprints.of(turn, member)
    if running is not None and plain(skill) in _off(asked):
        sprints.end(turn, member, running)
        return None
    if running is not None:
        turn.say(member, "sprint.running", skill=running.skill, week=running.week, weeks=running.weeks)
        return None
    if not skill or plain(skill) in _off(asked):
        turn.say(member, "sprint.what", weeks=turn.rules.sprint_weeks)
        return Outcome("clarified", "no skill")
    if (rest := requests.rested_from(turn, member)) is not None:
        return requests.say_rest(turn, member, rest)
    sprints.start(turn, member, skill)
    return None


COMMANDS = (Command("SPRINT", "anyone", _grammar, _sprint),)
