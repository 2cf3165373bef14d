"""The gates that a text passes, in `decide.GATES`: each knows one kind of text, and lets the others pass on."""

from __future__ import annotations

from datetime import timedelta

from smsmentor.core import abuse, called, crisis, erasing, leaving, members, news, prompts, replies, threads
from smsmentor.core.commands import operator, standing
from smsmentor.core.commands.menu import menu_text
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Prompt
from smsmentor.core.turn import Outcome, Turn
from smsmentor.core.understand import parse
from smsmentor.core.understand.normal import plain


def carrier_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """STOP and START: they come before anything of ours, also before what keeps floods out."""
    word = event.opt_out or turn.knowledge.carrier.read(event.body)
    if leaving.overtaken(member, word, event.at):
        return Outcome("ignored", "a later START or STOP counts")
    if word == "stop":
        leaving.opt_out(turn, member)
        return Outcome("command", "STOP")
    if member.state == "opted_out":
        if word == "start" and (refused := abuse.no_way_back(turn, member)):
            return Outcome("dropped", refused)
        if word == "start":
            answered = event.opt_out is not None or abuse.too_many(turn, member)
            leaving.opt_in(turn, turn.save(abuse.counted(turn, member)), answered=answered)
            return Outcome("command", "START")
        if _is_forget_me(turn, member, event.body):
            # Nothing can be asked back here, so these two words are enough.
            erasing.erase(turn, member)
            return Outcome("command", "FORGET")
        return crisis.hear_of_one_who_left(turn, member, event.body) or Outcome("ignored", "opted out")
    if word == "start" and event.opt_out:
        return Outcome("command", "START")
    return None


def answered_carrier_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """HELP, START of somebody who is here, and plain requests to be left alone: they change nothing, and a flood of
    them costs an answer each."""
    word = event.opt_out or turn.knowledge.carrier.read(event.body)
    if word == "start" and parse.bare(event.body) not in turn.knowledge.yes_no(member.lang)["yes"]:
        turn.say(member, menu_text(turn, member))
        return Outcome("command", "START")
    if word == "help":
        return leaving.help_contact(turn, member, event)
    if word == "stop?" and (closed := called.closes_by_code(turn, member, event.body)):
        return closed
    if word == "stop?":
        turn.say(member, "carrier.sure")
        return Outcome("clarified", "opt-out?")
    return None


def _is_forget_me(turn: Turn, member: Member, text: str) -> bool:
    lists = turn.knowledge.yes_no(member.lang)
    found = parse.calls(text, turn.knowledge.words.keywords(member.lang), lists)
    return any(call.command == "forget" and call.exact and parse.bare(call.rest) in lists["me"] for call in found)


def kept_out(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Banned members, floods, and the same text delivered again under another id."""
    if member.state == "banned":
        return Outcome("dropped", "banned")
    digest = members.digest(event.body)
    # Most texts are new, and then neither the time nor the number of the same ones matters.
    gap = abuse.since_last(member, event) if digest == member.last_digest else None
    doubled = gap is not None and gap <= timedelta(seconds=turn.rules.same_text_seconds)
    same_texts = abuse.same_texts(member, gap, event)
    since, count = abuse.hour_of(turn, member)
    turn.save(
        replace(
            member,
            last_digest=digest,
            last_text_at=max(event.at, member.last_text_at or event.at),
            same_texts=same_texts,
            hour_from=since,
            hour_count=count + 1,
        )
    )
    if doubled:
        return Outcome("dropped", "same text again")
    reason = ""
    if count >= turn.rules.texts_an_hour:
        reason = "too many texts"
    elif 0 < turn.rules.same_texts <= same_texts:
        reason = "same text many times"
    if not reason or crisis.is_untold(turn, member, event.body):
        return None
    return Outcome("dropped", reason)


def reactions(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """`Liked "..."` and its like count as thanks and are never relayed; so are automatic replies of phones.

    With words of danger behind it no text is a machine's: `im driving, i will crash this car and die`.
    """
    found = turn.knowledge.reactions.read(event.body)
    if found != "auto":
        return Outcome("ignored", "reaction") if found else None
    return None if crisis.is_meant(turn, event.body) else Outcome("ignored", "automatic")


def nothing_to_read(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """No words: a picture alone is answered, emptiness is not."""
    words = bool(plain(event.body))
    if event.media:
        alone = "picture.alone" if member.first_told or member.mentor else "picture.first"
        turn.say(member, "picture.not_passed" if words else alone)
    if words:
        return None
    return Outcome("clarified", "picture") if event.media else Outcome("ignored", "empty")


def danger(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Words of self-harm or violence: before any text could be swallowed or relayed."""
    return crisis.hear(turn, member, event.body)


def after_a_crisis(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Plain words of somebody who may be in danger: nothing for peers. What REPORT asked for goes to the team."""
    if not crisis.is_fresh(turn, member):
        return None
    reports = any(p.kind == "report" and p.expires > turn.now for p in turn.find(Prompt, "member", member.id))
    return None if reports else crisis.goes_on(turn, member, event.body)


def our_question(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The answer to something that we asked: an open hold, a rating, a choice."""
    return prompts.answer(turn, member, event.body)


def command(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """An exact command, `B: text` for one mentor of the panel, or a plain question to the service itself."""
    return (
        called.command(turn, member, event.body)
        or called.unknown_word(turn, member, event.body)
        or called.closes_by_code(turn, member, event.body)
        or called.lettered(turn, member, event.body, None)
        or called.asked_of_us(turn, member, event.body)
    )


def our_question_in_words(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """The answer to something that any words answer: what happened (REPORT), the practice question."""
    return prompts.answer_in_words(turn, member, event.body)


def new_request_or_menu(turn: Turn, member: Member, event: Inbound) -> Outcome | None:
    """Nothing is open: a mentee's text is a new question, a mentor's gets a gentle menu."""
    lists = turn.knowledge.yes_no(member.lang)
    if parse.is_kind(event.body, lists):
        return Outcome("ignored", "thanks")
    if member.operator and (paged := operator.of_a_page(turn, member, event.body)):
        return paged
    if member.mentor and (named := standing.first_topics(turn, member, event.body)):
        return named
    if member.mentor and not member.paused and parse.is_away(event.body, lists):
        turn.say(member, "pause.away")
        return Outcome("clarified", "how to pause")
    if member.mentor:
        thin = parse.thin(event.body, lists)
        turn.say(member, "menu.mentor" if thin else "menu.nothing_open")
        return Outcome("clarified", "menu")
    if parse.takes_back(event.body, lists):
        return Outcome("ignored", "nothing to take back")
    said = parse.bare(event.body)
    digit, _, words = said.partition(" ")
    if not said or (
        replies.is_digits(digit) and (not words or words in lists["yes"] | lists["helped"] | lists["no_change"])
    ):
        turn.say(member, menu_text(turn, member))
        return Outcome("clarified", "menu")
    return news.hear(turn, member, event.body) or threads.deliver(turn, member, "new", event.body)
