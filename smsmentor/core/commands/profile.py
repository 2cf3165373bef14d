"""What anybody can say about themselves: ALIAS, LANG, ZONE, ABOUT, and FORGET, which erases them."""

from __future__ import annotations

import re
from datetime import timedelta

from smsmentor.core import erasing, pool, rotation, threads
from smsmentor.core.commands import shown
from smsmentor.core.commands.kit import Asked, Command, change
from smsmentor.core.model import Prompt
from smsmentor.core.schedule import zone_of
from smsmentor.core.turn import Outcome
from smsmentor.core.understand.normal import plain, relay_text
from smsmentor.core.understand.parse import bare

LONGEST_ALIAS = 16
TOO_LONG = "?"
"""In place of an alias: a name that cannot be one."""


def _alias_grammar(asked: Asked) -> str | None:
    """ALIAS and one short name; ALIAS OFF takes it away. `alias what` and `alias or not` are none of them.

    A name that is too long, as people have them in full, is no text for others: how it goes is said.
    """
    name = relay_text(asked.call.rest).strip(" .\"'")
    if not re.fullmatch(r"[^\W\d_][\w'-]*(?: [^\W\d_][\w'.-]*)?", name) or len(name) > LONGEST_ALIAS:
        words = name.split()
        a_name = asked.call.exact and 1 <= len(words) <= 5 and all(word[0].isupper() for word in words)
        return TOO_LONG if a_name or (asked.call.shouted and name) else None
    if is_off(asked, name):
        return name
    small = any(plain(word) in asked.turn.knowledge.languages.small_words for word in name.split())
    sure = asked.call.shouted or asked.call.separated or name[0].isupper()
    if small and not asked.call.shouted:
        return None
    return name if sure or not threads.places(asked.turn, asked.member) else None


def is_off(asked: Asked, words: str) -> bool:
    """Whether the words mean: without it."""
    return bare(words) in asked.turn.knowledge.yes_no(asked.member.lang)["off"]


def _alias(asked: Asked, name: str) -> Outcome | None:
    turn, member = asked.turn, asked.member
    if name == TOO_LONG:
        turn.say(member, "command.how", use=turn.knowledge.words.table(member.lang, "use")["alias"])
        return Outcome("clarified", "no short name")
    if answer := shown.refused(asked, name):
        return answer
    off = is_off(asked, name)
    if not off and turn.knowledge.is_name_of_ours(name):
        turn.say(member, "alias.ours")
        return Outcome("clarified", "a name of ours")
    change(asked, "alias", alias="" if off else name)
    role = "" if member.mentor else "_mentee"
    turn.say(member, f"alias.off{role}" if off else f"alias.set{role}", name=name)
    return None


def _lang_grammar(asked: Asked) -> str | None:
    """LANG alone, or with a language: its code, or its name in any language. One that we do not have is asked back."""
    found = asked.turn.knowledge.language_named(asked.rest) if asked.rest else ""
    one_word = asked.call.exact and len(asked.rest.split()) == 1 and "?" not in asked.call.rest
    return "" if found is None and one_word else found


def _lang(asked: Asked, lang: str) -> Outcome | None:
    turn = asked.turn
    if not lang:
        words = turn.knowledge.words
        others = [code for code in words.languages if code != asked.member.lang]
        shown = ", ".join(f"{code} ({words.table(code, 'names')['itself']})" for code in others)
        turn.say(asked.member, "lang.which", languages=shown)
        return Outcome("clarified", "no language named")
    member = change(asked, "lang", lang=lang, lang_fixed=True)
    pool.stand(turn, member)
    rotation.freed(turn)  # a question of theirs may have waited for somebody who reads the other language
    turn.say(member, "lang.set")
    return None


def _zone_grammar(asked: Asked) -> str | None:
    """ZONE alone, with a city, or with a zone's name."""
    if asked.bare:
        return ""
    if len(asked.rest.split()) > 4 or "?" in asked.call.rest:
        return None
    found = asked.turn.knowledge.zone_named(asked.call.rest)
    if found is None and (asked.call.shouted or asked.call.separated):  # `zone: I'm in Denver`
        last = asked.call.rest.split()[-2:]
        found = asked.turn.knowledge.zone_named(" ".join(last)) or asked.turn.knowledge.zone_named(last[-1])
    if found is None and (asked.call.shouted or not threads.places(asked.turn, asked.member)):
        return "?" if len(asked.rest.split()) <= 2 else None
    return found


def _zone(asked: Asked, name: str) -> Outcome | None:
    turn, member = asked.turn, asked.member
    if name == "?":
        turn.say(member, "zone.unknown")
        return Outcome("clarified", "unknown zone")
    if name:
        member = change(asked, "zone", zone=name)
        pool.stand(turn, member)
    here = turn.now.astimezone(zone_of(member, turn.rules))
    clock = f"{here.hour}:{here.minute:02d}"
    night, day = (time.removeprefix("0") for time in (turn.rules.quiet_from, turn.rules.quiet_until))
    if name and night != day:
        turn.say(member, "zone.set", clock=clock, night=night, day=day)
    else:
        turn.say(member, "zone.is", clock=clock)
    return None


_NOT_A_FIELD = re.compile(
    r"\d|\?|^(?:my|the|a|an|to|time|how|what|why|when|this|that|these|those|it|me|you|your|his|her|our|their|us|"
    r"half|once|twice|now|all|as|being|having|getting|going|last|next|one|two|three|same|right)\b"
)


def _about_grammar(asked: Asked) -> tuple[str, str] | None:
    """`ABOUT nurse at City Hospital`, `ABOUT nurse, City Hospital`, `ABOUT nurse`. `About my boss` is none of them.

    `ABOUT me: I work at City Hospital` names an employer, which is for nobody else: how it goes is said.
    """
    rest = relay_text(asked.call.rest).strip(" .")
    if asked.call.shouted and rest and is_off(asked, rest):
        return NOTHING
    if (asked.call.shouted or asked.call.phrase) and _of_oneself(asked, rest):
        return NO_FIELD
    found = re.fullmatch(r"(.{2,40}?)(?:\s+(?:at|@|en|in)\s+|\s*[,@/]\s*)(.{2,40})", rest)
    field, employer = found.groups() if found else (rest, "")
    employer = _named_employer(asked, employer)
    if not field or _NOT_A_FIELD.search(plain(field)) or len(field.split()) > 3 or len(employer.split()) > 5:
        return None
    named = asked.call.shouted or asked.call.phrase
    if not employer:
        words = plain(field).split()
        a_field = asked.call.shouted or asked.turn.knowledge.languages.small_words.isdisjoint(words)
        return (field, employer) if named and a_field and len(words) <= 2 else None
    # "About noon at the office" is an answer: no small words, and in an open conversation a name.
    small = asked.turn.knowledge.languages.small_words - asked.turn.knowledge.yes_no(asked.member.lang)["in_names"]
    if not asked.call.shouted and not small.isdisjoint(plain(f"{field} {employer}").replace(",", " ").split()):
        return None
    sure = named or employer[0].isupper() or not threads.places(asked.turn, asked.member)
    return (field, employer) if sure else None


def _named_employer(asked: Asked, employer: str) -> str:
    """The employer without the years behind it; `a hospital` is the name of none."""
    name = re.sub(r"[\s,;]+\d+\+?\s*[^\W\d]*\.?$", "", employer)
    first = name.split()[0] if name else ""
    return "" if first.islower() and first in asked.turn.knowledge.yes_no(asked.member.lang)["articles"] else name


NO_FIELD = ("", "")
"""In place of field and employer: a sentence about oneself."""


NOTHING = ("", "-")
"""And for ABOUT OFF."""


def _of_oneself(asked: Asked, rest: str) -> bool:
    """`I work at City Hospital as a nurse`, `im a nurse`: words about one's own work, and no question."""
    said = bare(rest)
    begins = any(f"{said} ".startswith(f"{words} ") for words in asked.turn.knowledge.yes_no(asked.member.lang)["i_am"])
    return begins and "?" not in asked.call.rest and len(said.split()) <= MOST_WORDS_OF_ONESELF


MOST_WORDS_OF_ONESELF = 12


def _about(asked: Asked, given: tuple[str, str]) -> Outcome | None:
    if given == NO_FIELD:
        turn, member = asked.turn, asked.member
        turn.say(member, "command.how", use=turn.knowledge.words.table(member.lang, "use")["about"])
        return Outcome("clarified", "a sentence about oneself")
    if given == NOTHING:
        asked.turn.say(change(asked, "about", field="", employer=""), "about.off")
        return None
    field, employer = given
    if answer := shown.refused(asked, field):
        return answer
    member = change(asked, "about", field=field, employer=employer)
    role = "_mentor" if member.mentor else ""
    text_id = ("about.both" if employer else "about.field") + role
    asked.turn.say(member, text_id, field=field[:30], employer=employer[:30])
    return None


def _forget_grammar(asked: Asked) -> bool | None:
    """FORGET explains, FORGET ME does it. `Forget about it` is neither; `FORGET ALL` is told what it needs."""
    if asked.bare or (
        asked.call.shouted
        and asked.call.rest.isupper()
        and len(asked.rest.split()) == 1
        and bare(asked.rest) not in asked.turn.knowledge.yes_no(asked.member.lang)["me"]
    ):
        return False
    return True if bare(asked.rest) in asked.turn.knowledge.yes_no(asked.member.lang)["me"] else None


def _forget(asked: Asked, sure: bool) -> Outcome | None:
    turn, member = asked.turn, asked.member
    asked_before = [p for p in turn.find(Prompt, "member", member.id) if p.kind == "forget" and p.expires > turn.now]
    if sure and asked_before:
        erasing.erase(turn, member)
        return None
    until = turn.now + timedelta(hours=1)
    turn.save(Prompt(turn.new_id("p"), member.id, "forget", turn.now, until))
    turn.say(member, "forget.sure")
    return None


COMMANDS = (
    Command("ALIAS", "anyone", _alias_grammar, _alias, personal=True),
    Command("LANG", "anyone", _lang_grammar, _lang, personal=True),
    Command("ZONE", "anyone", _zone_grammar, _zone, personal=True),
    Command("ABOUT", "anyone", _about_grammar, _about, personal=True),
    Command("FORGET", "anyone", _forget_grammar, _forget),
)
