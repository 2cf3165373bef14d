"""Skills of mentors that no topic of the table means (`welding`, `horse care`): each is a topic of the pool's own.

A question finds them by the stems of its words, one small record for each stem, so that what a question costs does not
grow with the pool.
"""

from __future__ import annotations

from smsmentor.core.making import replace
from smsmentor.core.model import Request, Tally
from smsmentor.core.turn import Turn

OWN = "own"
"""Stands in facts for each skill of the pool's own."""
ANY = "skills"
"""The tally that is there as soon as the pool has such a skill: most pools have none, and need not look."""
STEM = "skill:"
"""A tally of this name and a stem lists the skills that have the stem."""
MOST_NAMES = 50
"""Skills that one stem leads to."""
MOST_ASKED = 2
"""Skills of the pool's own that one question is asked under."""


def of(turn: Turn, skills: str) -> tuple[str, ...]:
    """The topics that a mentor's free text stands for: those of the table, then the pool's own."""
    topics = turn.knowledge.topics
    return (*topics.expand(skills), *topics.own(skills))


def enter(turn: Turn, name: str) -> None:
    """A mentor stands for this topic: where it is a skill of the pool's own, questions find it from now on."""
    if name not in turn.knowledge.topics.own(name):
        return
    if turn.get(Tally, ANY) is None:
        turn.save(Tally(ANY, {}))
    for stem in sorted({stem for stems in turn.knowledge.topics.stems(name) for stem in stems}):
        tally = turn.get(Tally, STEM + stem) or Tally(STEM + stem, {})
        if name not in tally.values and len(tally.values) < MOST_NAMES:
            turn.save(replace(tally, values={**tally.values, name: 1}))


def leave(turn: Turn, name: str) -> None:
    """Nobody stands for this topic any more: its words, which somebody typed, are not kept, nor in questions."""
    for request in turn.find(Request, "skilled", "yes"):
        if name in request.skills:
            kept = tuple(skill for skill in request.skills if skill != name)
            turn.save(replace(turn.need(Request, request.id), skills=kept))
    for stem in sorted({stem for stems in turn.knowledge.topics.stems(name) for stem in stems}):
        tally = turn.get(Tally, STEM + stem)
        if tally is None or name not in tally.values:
            continue
        if len(tally.values) == 1:
            turn.drop(Tally, tally.id)
        else:
            turn.save(replace(tally, values={kept: n for kept, n in tally.values.items() if kept != name}))


def told(request: Request) -> list[str]:
    """The topics of a question as facts tell them, which outlive what a mentor may ask us to forget."""
    return [*([OWN] if request.skills else ()), *request.topics]


def asked_for(turn: Turn, question: str) -> tuple[str, ...]:
    """The skills of the pool's own that a question names, the one that it names most fully first."""
    if turn.get(Tally, ANY) is None:
        return ()
    topics = turn.knowledge.topics
    asked = set(topics.asked_stems(question))
    known = (turn.get(Tally, STEM + stem) for stem in sorted(asked))
    named: dict[str, tuple[float, float]] = {}
    for name in sorted({name for tally in known if tally for name in tally.values}):
        stems = topics.stems(name)
        said = sum(worth for forms, worth in stems.items() if asked.intersection(forms))
        if said >= min(1.0, sum(stems.values())):
            named[name] = (said, said / sum(stems.values()))
    return tuple(sorted(named, key=lambda name: named[name], reverse=True)[:MOST_ASKED])
