"""Micro-mentoring sprints: three weeks on one skill, a weekly check-in that goes to a different mentor each time."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import requests, screen
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Prompt, Request, Sprint
from smsmentor.core.render import short
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand.normal import relay_text


def of(turn: Turn, member: Member) -> Sprint | None:
    """The sprint that this member is in, if any."""
    return turn.first(Sprint, "running", member.id)


def start(turn: Turn, member: Member, skill: str) -> None:
    """Begin: the first check-in is asked for at once."""
    best = turn.knowledge.topics.best(skill)
    sprint = Sprint(
        turn.new_id("s"),
        member.id,
        skill,
        turn.now,
        topics=(best.topic,) if best else (),
        weeks=turn.rules.sprint_weeks,
    )
    turn.save(sprint)
    turn.note("sprint.started", sprint=sprint.id, member=member.id, topics=list(sprint.topics))
    _ask(turn, member, sprint)


def week(turn: Turn, sprint: Sprint) -> None:
    """Another week has begun: the next check-in, or the end with its summary."""
    if sprint.ended is not None:
        return
    member = turn.need(Member, sprint.member)
    if sprint.week >= sprint.weeks:
        end(turn, member, sprint)
    else:
        _ask(turn, member, sprint)


def check_in(turn: Turn, member: Member, sprint: Sprint, words: str) -> Outcome | None:
    """The week's progress in the mentee's own words becomes a question to one mentor."""
    words = relay_text(words)
    target = f"sprint:{sprint.id}"
    if held := screen.held_for_sender(turn, member, target, words):
        return held
    return send_check_in(turn, member, sprint, words)


def send_check_in(turn: Turn, member: Member, sprint: Sprint, words: str) -> Outcome:
    """Ask one peer for a view on this week."""
    question = turn.words(
        member, "sprint.question", week=sprint.week, weeks=sprint.weeks, skill=sprint.skill, quote=words
    )
    request = requests.open_for(turn, member, question, topics=sprint.topics, avoid=helpers_of(turn, sprint))
    turn.save(replace(sprint, requests=(*sprint.requests, request.id), notes=(*sprint.notes, words)))
    return Outcome("request", "sprint", request.id)


def helpers_of(turn: Turn, sprint: Sprint) -> tuple[str, ...]:
    """The mentors who answered in this sprint, in the order of the weeks."""
    asked = [turn.get(Request, id) for id in sprint.requests]
    return tuple(dict.fromkeys(a.mentor for request in asked if request for a in request.answers))


def end(turn: Turn, member: Member, sprint: Sprint) -> None:
    """The end: who helped, and what was tried, in short."""
    turn.save(replace(sprint, ended=turn.now))
    turn.forget("sprint.week", sprint.id)
    turn.note("sprint.ended", sprint=sprint.id, member=member.id, check_ins=len(sprint.requests))
    mentors = [turn.need(Member, id) for id in helpers_of(turn, sprint)]
    helpers = [mentor.alias or mentor.field or turn.words(member, "word.peer") for mentor in mentors]
    if not sprint.notes:
        turn.say(member, "sprint.ended_empty", skill=sprint.skill)
        return
    tried = " / ".join(short(note, 60) for note in sprint.notes)
    who = ", ".join(dict.fromkeys(helpers)) or "-"
    turn.say(member, "sprint.ended", skill=sprint.skill, who=who, quote=tried)


def _ask(turn: Turn, member: Member, sprint: Sprint) -> None:
    sprint = turn.save(replace(sprint, week=sprint.week + 1))
    until = turn.now + timedelta(days=turn.rules.sprint_answer_days)
    turn.save(Prompt(turn.new_id("p"), member.id, "sprint", turn.now, until, target=sprint.id))
    turn.remind("sprint.week", sprint.id, turn.now + timedelta(days=7))
    text_id = "sprint.first" if sprint.week == 1 else "sprint.next"
    turn.say(member, text_id, skill=sprint.skill, week=sprint.week, weeks=sprint.weeks)
