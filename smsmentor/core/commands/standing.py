"""How a mentor stands in the pool: JOIN, HOURS, LIMIT, OPEN, TOPICS, PRACTICE, STATS."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import islice

from smsmentor.core import members, own_skills, pool, rotation, threads
from smsmentor.core.commands.kit import Asked, Command, alone, change
from smsmentor.core.making import replace
from smsmentor.core.model import Invitation, Member, Offer, Prompt, Window
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand.normal import plain
from smsmentor.core.understand.parse import Call, bare

EVERY_DAY = tuple(range(7))
MOST_A_WEEK = 50


def _join_grammar(asked: Asked) -> str | None:
    """JOIN and the operator's word. `Join a club` is none unless `a club` were an invitation."""
    word = asked.rest.strip("\"' ")
    if asked.bare:
        return ""
    for known in (word, re.sub(r"[\s-]", "", word)):  # `JOIN spring 26`
        if asked.turn.get(Invitation, known) is not None:
            return known
    return word if re.fullmatch(r"[a-z0-9-]{3,20}", word) and (asked.call.shouted or re.search(r"\d", word)) else None


def _join(asked: Asked, word: str) -> Outcome | None:
    turn, member = asked.turn, turn_member(asked)
    invitation = turn.get(Invitation, word) if word else None
    used_up = invitation is not None and (
        invitation.left == 0 or (invitation.until is not None and invitation.until < turn.now)
    )
    if member.mentor:
        turn.say(member, "join.already")
        return None
    if invitation is None or used_up:
        turn.say(member, "join.no_invitation")
        return Outcome("clarified", "no invitation")
    if invitation.left is not None:
        turn.save(replace(invitation, left=invitation.left - 1))
    member = turn.save(replace(member, mentor=True, consented=turn.now, consent_how=f"JOIN {word}"))
    pool.stand(turn, member)
    turn.note("member.joined", member=member.id, role="mentor")
    turn.note("member.consented", member=member.id, how="JOIN")
    turn.say(member, "join.welcome")
    rotation.freed(turn)
    return None


def turn_member(asked: Asked) -> Member:
    """The member as this turn has left them."""
    return asked.turn.need(Member, asked.member.id)


def _hours_grammar(asked: Asked) -> tuple[Window, ...] | bool | None:
    """HOURS alone, or days and clock times. `Hours are long here` is neither."""
    if asked.bare:
        return True
    if bare(asked.rest) in asked.turn.knowledge.yes_no(asked.member.lang)["off"]:
        return ()
    return asked.turn.knowledge.hours(asked.call.rest, asked.member.lang)


def _hours(asked: Asked, given: tuple[Window, ...] | bool) -> Outcome | None:
    turn, member = asked.turn, asked.member
    if given is not True:
        assert isinstance(given, tuple)
        always = any(w.days == EVERY_DAY and (w.start, w.end) in ((0, 1440), (0, 0)) for w in given)
        member = _restand(asked, "hours", hours=() if always else given)
    shown = turn.knowledge.hours_in_words(member.hours, member.lang)
    turn.say(member, "hours.set" if member.hours else "hours.any", hours=shown)
    return None


def _limit_grammar(asked: Asked) -> dict[str, int] | None:
    """LIMIT 1 a day, LIMIT 3 a week, both of them, LIMIT OFF. `Limit your answer to two points` is none of them."""
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    said = _limit_words(asked.rest)
    if " ".join(said) in lists["off"]:
        return {}
    if len(said) == 1 and asked.call.shouted:  # `LIMIT 1`
        said.append("day")
    parts = [part for part in re.split(r"(?<=[a-z])\s*[,;/&+]|\b(?:and|y)\b", asked.rest) if part.strip()]
    found = [_one_limit(asked, said)] if len(parts) < 2 else [_one_limit(asked, _limit_words(part)) for part in parts]
    limits = dict(one for one in found if one is not None)
    return limits if limits and len(limits) == len(found) else None


def _limit_words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", bare(text))


def _one_limit(asked: Asked, said: list[str]) -> tuple[str, int] | None:
    """`1 a day` or `3 a week` as the span and the number."""
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    numbers = asked.turn.knowledge.numbers(asked.member.lang)
    words = [numbers.get(word, word) for word in said if word not in lists["limit_words"]]
    if len(words) != 2 or not words[0].isdecimal() or not 1 <= int(words[0]) <= MOST_A_WEEK:
        return None
    span = next((name for name in ("day", "week") if words[1] in lists[name]), None)
    return (span, int(words[0])) if span else None


def _limit(asked: Asked, limits: dict[str, int]) -> Outcome | None:
    turn, rules = asked.turn, asked.turn.rules
    if not limits:
        _restand(asked, "limit", offers_a_day=None, offers_a_week=None)
        turn.say(asked.member, "limit.off", day=rules.offers_a_day, week=rules.offers_a_week)
        return None
    _restand(asked, "limit", **{f"offers_a_{span}": count for span, count in limits.items()})
    text_id = "both" if len(limits) > 1 else next(iter(limits))
    turn.say(
        asked.member, f"limit.{text_id}", count=max(limits.values()), day=limits.get("day"), week=limits.get("week")
    )
    return None


def _open_grammar(asked: Asked) -> int | None:
    """OPEN and one digit, `OPEN 2 at once` too. `Open a savings account` is not."""
    words = (
        w for w in bare(asked.rest).split() if w not in asked.turn.knowledge.yes_no(asked.member.lang)["open_words"]
    )
    said = " ".join(words)
    number = asked.turn.knowledge.numbers(asked.member.lang).get(said, said)
    return int(number) if re.fullmatch(r"[1-9]", number) else None


def _open(asked: Asked, count: int) -> Outcome | None:
    _restand(asked, "open", open_limit=count)
    asked.turn.say(asked.member, "open.one" if count == 1 else "open.many", count=count)
    return None


def _topics_grammar(asked: Asked) -> tuple[tuple[str, str], ...] | None:
    """TOPICS alone, a list, or `-pay +boss`: signs with their words. `Topics like these are hard` is none of them."""
    if asked.bare:
        return ()
    rest = asked.rest
    if "?" in asked.call.rest or ":" in asked.call.rest or len(rest.split()) > 12:
        return None
    # The sign may stand where a separator would: `TOPICS -pay`.
    if signed := re.fullmatch(r"\s*\w+[\s,;:]*?(?=[+-]\s*\w)(.+)", asked.text, re.DOTALL):
        changes = tuple((sign, plain(words).strip(" .,;")) for sign, words in _SIGNED.findall(f" {signed[1]}"))
        small = any(_has_small_words(asked, words) for _, words in changes)
        return changes if asked.call.shouted or not small else None
    lists = asked.turn.knowledge.yes_no(asked.member.lang)
    for sign, said in (("+", lists["plus"]), ("-", lists["minus"])):  # `topics add pay`
        first, _, words = rest.partition(" ")
        if first in said and words and not _has_small_words(asked, words):
            return ((sign, words),)
    parts = [part for part in re.split(r"[,;/]|\band\b|\by\b", rest) if part.strip()]
    if not asked.call.shouted and any(_has_small_words(asked, part) for part in parts):
        return None
    named = [asked.turn.knowledge.topics.expand(part) for part in parts]
    sure = all(len(part.split()) <= 3 for part in parts) and all(named)
    if bare(rest) in asked.turn.knowledge.yes_no(asked.member.lang)["off"]:
        return (("=", ""),)
    if sure or (asked.call.shouted and len(parts) > 1):
        return (("=", rest),)
    # With nothing open these words can be for nobody else, when they look like a list.
    listed = len(parts) > 1 or len(rest.split()) <= 2
    free = not threads.places(asked.turn, asked.member) and all(len(part.split()) <= 4 for part in parts)
    return (("=", rest),) if free and (listed or asked.call.shouted or asked.call.separated) else None


_SIGNED = re.compile(r"(?<=[\s,;])([+-])\s*(\S.*?)(?=[\s,;][+-]|$)", re.DOTALL)
"""`+pay, boss` of a list with signs."""


def _has_small_words(asked: Asked, part: str) -> bool:
    """Whether words stand there that make sentences, not lists: `to avoid`, `you can learn`."""
    small = asked.turn.knowledge.languages.small_words - asked.turn.knowledge.yes_no(asked.member.lang)["in_names"]
    return not small.isdisjoint(plain(part).split())


def _topics(asked: Asked, changes: tuple[tuple[str, str], ...]) -> Outcome | None:
    """Change the topics, or tell them. A list of which nothing is known changes nothing."""
    turn, member = asked.turn, turn_member(asked)
    known, skills, unknown = member.topics, member.skills, []
    for sign, words in changes:
        named = own_skills.of(turn, words) if words else ()
        unknown += [part for part in turn.knowledge.topics.unknown(words) if not turn.knowledge.topics.own(part)]
        if sign == "-":
            known = tuple(topic for topic in known if topic not in named)
        elif sign == "+":
            known = (*known, *named)
        elif named or not words:
            known, skills = named, words
    if changes and (known != member.topics or skills != member.skills):
        member = _restand(asked, "topics", topics=tuple(dict.fromkeys(known)), skills=skills)
    labels = ", ".join(turn.knowledge.topics.label(t, member.lang) for t in member.topics[:6])
    if unknown and labels:
        turn.say(member, "topics.unknown", topics=labels, unknown=", ".join(unknown)[:30])
    elif unknown:
        turn.say(member, "topics.unknown_none", unknown=", ".join(unknown)[:30])
    else:
        turn.say(member, "topics.are" if labels else "topics.none", topics=labels)
    return None


def just_joined(turn: Turn, member: Member) -> bool:
    """Whether what JOIN asked is still the last that they were told, but for questions that came since."""
    joined = member.consented if member.mentor and member.consent_how.startswith("JOIN") else None
    return joined is not None and not member.topics and turn.now - joined < timedelta(hours=1)


def first_topics(turn: Turn, member: Member, text: str, *, least: int = 1) -> Outcome | None:
    """The answer to what JOIN asked, without the word TOPICS: a list of topics that we know, and nothing else.

    `least` parts: one word may be a view, where somebody's question is open.
    """
    joined = member.consent_how.startswith("JOIN") and member.consented is not None
    parts = [part for part in re.split(r"[,;/\n]|\band\b|\by\b", plain(text)) if part.strip()]
    if (
        not joined
        or member.topics
        or "?" in text
        or len(parts) < least
        or not all(len(part.split()) <= WORDS_OF_A_TOPIC for part in parts)
    ):
        return None
    asked = Asked(turn, member, Call("topics", text, True, False, True, text), text=text)
    if not all(turn.knowledge.topics.expand(part) and not _has_small_words(asked, part) for part in parts):
        return None
    return _topics(asked, (("=", plain(text).strip(" .")),)) or Outcome("command", "TOPICS")


WORDS_OF_A_TOPIC = 3


def _practice(asked: Asked, _: object) -> Outcome | None:
    """A canned question that goes nowhere: not while its answer could be taken for one to a real question."""
    turn, member = asked.turn, asked.member
    if open_now := threads.places(turn, member):
        codes = dict.fromkeys(place.request.code for place in open_now)
        turn.say(member, "practice.waits", codes=", ".join(islice(codes, 2)))
        return Outcome("clarified", "something is open")
    until = turn.now + timedelta(hours=2)
    turn.save(Prompt(turn.new_id("p"), member.id, "practice", turn.now, until))
    turn.say(member, "practice.ask")
    return None


def _stats(asked: Asked, _: object) -> Outcome | None:
    """What became of this mentor's advice."""
    turn, member = asked.turn, asked.member
    load = members.load_of(turn, member.id)
    asked_count = sum(1 for _ in turn.walk(Offer, "mentor", member.id))
    turn.say(member, "stats.are", asked=asked_count, answered=load.answers, helped=load.helped)
    return None


def _restand(asked: Asked, what: str, **fields: object) -> Member:
    """A change that moves a mentor's place in the pool."""
    turn = asked.turn
    before = turn.need(Member, asked.member.id).topics
    member = change(asked, what, **fields)
    pool.stand(turn, member)
    pool.clear_own_skills(turn, [topic for topic in before if topic not in member.topics])
    if what != "topics" and not threads.places(turn, member):
        rotation.freed(turn)
    return member


COMMANDS = (
    Command("JOIN", "anyone", _join_grammar, _join),
    Command("HOURS", "mentor", _hours_grammar, _hours, personal=True),
    Command("LIMIT", "mentor", _limit_grammar, _limit, personal=True),
    Command("OPEN", "mentor", _open_grammar, _open, personal=True),
    Command("TOPICS", "mentor", _topics_grammar, _topics, personal=True),
    Command("PRACTICE", "mentor", alone, _practice),
    Command("STATS", "mentor", alone, _stats),
)
