"""Members come, leave and come back: one phone number, one member."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from smsmentor.core import hourly
from smsmentor.core.making import replace
from smsmentor.core.model import (
    Apart,
    Load,
    Member,
    Offer,
    Pair,
    Prompt,
    PromptKind,
    Request,
    Suppressed,
    Thread,
    Timer,
)
from smsmentor.core.reads import Reads
from smsmentor.core.turn import Turn

NUMBERS = "erased.numbers"
"""The timer that forgets the numbers of who was erased lately."""
TO_TEAM = "team:"
"""Before a member's id: the tally of what they brought before the team within the hour."""
DAY = timedelta(days=1)


def by_phone(turn: Turn, phone: str) -> Member | None:
    """The member with this number, if it is known."""
    found = turn.find(Member, "phone", phone)
    return found[0] if found else None


def leave_number(turn: Turn, member: Member) -> None:
    """A member is erased: an opt-out stays. Else their number is known for an hour, or for the day of their questions:
    it is not a new one if it comes back, nor may it text or ask more than others."""
    left = member.state == "opted_out"
    asked = tuple(at for at in member.asked if turn.now - at < DAY)
    to_team = hourly.count(turn, TO_TEAM + member.id)
    known = Suppressed(number_hash(member.phone), turn.now, left, member.hour_count, asked, to_team)
    turn.save(known)
    timer = turn.get(Timer, f"{NUMBERS}:{NUMBERS}")
    if not left and (timer is None or timer.due > _forgotten(known)):
        turn.remind(NUMBERS, NUMBERS, _forgotten(known))


def forget_numbers(turn: Turn, subject: str) -> None:
    """The hour of erased numbers is over."""
    kept = []
    for known in turn.find(Suppressed, "lately", "yes"):
        if turn.now >= _forgotten(known):
            turn.drop(Suppressed, known.id)
        else:
            kept.append(_forgotten(known))
    if kept:
        turn.remind(NUMBERS, subject, min(kept))


def _forgotten(known: Suppressed) -> datetime:
    """When nothing of an erased number is needed any more: an hour on, or a day after its last question."""
    return max([known.at + hourly.HOUR, *(at + DAY for at in known.asked[-1:])])


def is_known_by_hash(reader: Reads, phone: str) -> bool:
    """Whether somebody was erased with this number who had opted out, or was so a short while ago."""
    return reader.get(Suppressed, number_hash(phone)) is not None


def newcomer(turn: Turn, phone: str, at: datetime) -> Member:
    """A new member, who is a mentee until told otherwise. Texting us first is the consent to be answered."""
    member = Member(
        turn.new_id("m"),
        phone,
        at,
        zone=turn.knowledge.zone_for(phone),
        lang=turn.rules.lang,
        consented=turn.now,
        consent_how="texted first",
    )
    if (known := turn.get(Suppressed, number_hash(phone))) is not None:
        member = replace(member, hour_from=known.at, hour_count=known.hour_count, asked=known.asked)
        if known.opted_out:
            member = replace(member, state="opted_out")
    turn.save(member)
    if known is not None:
        hourly.goes_on(turn, TO_TEAM + member.id, known.at, known.to_team)
    take_up_blocks(turn, member)
    turn.note("member.joined", member=member.id, role="mentee")
    return member


def goes_on(turn: Turn, fresh: Member, before: Member) -> Member:
    """A new member on a number of whose phone we know that it is the same: its texts, its questions and words of
    danger count as before."""
    hourly.goes_on(turn, TO_TEAM + fresh.id, turn.now, hourly.count(turn, TO_TEAM + before.id))
    return turn.save(
        replace(
            fresh,
            hour_from=before.hour_from,
            hour_count=before.hour_count,
            asked=before.asked,
            crisis_told=before.crisis_told,
            crisis_case=before.crisis_case,
        )
    )


def hear_language(turn: Turn, member: Member, body: str) -> None:
    """A mentee who writes another language that we have is written to in it; LANG fixes it, and mentors choose it."""
    if member.lang_fixed or member.mentor or member.state != "active":
        return
    lang = turn.knowledge.languages.read(body, member.lang, known=member.last_text_at is not None)
    if lang is not None:
        turn.save(replace(member, lang=lang))
        turn.note("member.changed", member=member.id, what="lang")


def suppressed(reader: Reads, phone: str) -> bool:
    """Whether somebody who had opted out was erased with this number."""
    found = reader.get(Suppressed, number_hash(phone))
    return found is not None and found.opted_out


def number_hash(phone: str) -> str:
    """What remains of an erased number that had opted out: enough to know it again, not to read it.

    So for one that a block stands against (`leave_blocks`)."""
    return blake2b(phone.encode(), digest_size=16, person=b"smsmentor-opt").hexdigest()


def digest(body: str) -> str:
    """Enough of a text to know it again within seconds, not to read it."""
    return blake2b(body.strip().encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def operators(turn: Turn) -> list[Member]:
    """Everyone who runs the service and can be texted."""
    return [m for m in turn.walk(Member, "operator", "yes") if m.state == "active"]


def load_of(turn: Turn, member: str) -> Load:
    """What being asked has cost this mentor so far."""
    return turn.get(Load, member) or Load(member)


def pair_id(one: str, other: str) -> str:
    """The id of what stands between two members, whichever is named first."""
    return "|".join(sorted((one, other)))


def blocked(turn: Turn, one: str, other: str) -> bool:
    """Whether these two are kept apart for good."""
    pair = turn.get(Pair, pair_id(one, other))
    return pair is not None and pair.blocked


def block(turn: Turn, one: str, other: str, why: str) -> None:
    """Keep two members apart from now on; the other one is not told."""
    pair = turn.get(Pair, pair_id(one, other)) or Pair(pair_id(one, other))
    turn.save(replace(pair, blocked=True))
    turn.note("pair.blocked", member=one, other=other, why=why)


def leave_blocks(turn: Turn, member: Member) -> None:
    """A member is erased: from now on a hash of their number stands for them wherever they are kept apart from others.

    Who comes back is a new member, and would meet them again.
    """
    number = number_hash(member.phone)
    for end in ("one", "other"):
        for pair in turn.find(Pair, end, member.id):
            other = next(id for id in pair.id.split("|") if id != member.id)
            known = turn.get(Member, other)
            if known is not None and known.state != "erased":
                _keep_apart(turn, number, other)
    for apart in turn.find(Apart, "other", member.id):  # the other one was erased before
        turn.drop(Apart, apart.id)
        _keep_apart(turn, apart.number, number)


def take_up_blocks(turn: Turn, member: Member) -> None:
    """A number that we do not know: if it was kept apart from others before it was erased, it still is."""
    if not turn.count(Apart, "any", "yes"):  # as in most services: the store knows, and need not look
        return
    number = number_hash(member.phone)
    for apart in turn.find(Apart, "number", number):
        turn.drop(Apart, apart.id)
        if turn.get(Member, apart.other) is not None:
            id = pair_id(member.id, apart.other)
            turn.save(replace(turn.get(Pair, id) or Pair(id), blocked=True))
        else:
            _keep_apart(turn, apart.other, member.id)
    for apart in turn.find(Apart, "other", number):  # both were erased, and the other one is not back
        turn.drop(Apart, apart.id)
        _keep_apart(turn, apart.number, member.id)


def _keep_apart(turn: Turn, number: str, other: str) -> None:
    turn.save(Apart(f"{number}|{other}", number, other))


def open_offers(turn: Turn, mentor: str) -> list[Offer]:
    """Offers that this mentor can still answer."""
    return turn.find(Offer, "open", mentor)


def open_threads(turn: Turn, mentor: str) -> list[Thread]:
    """Threads in which this mentor has answered and the request is still open."""
    return turn.find(Thread, "open", mentor)


def live_requests(turn: Turn, mentee: str) -> list[Request]:
    """The requests of this mentee that are not closed, oldest first; drafts among them."""
    return turn.find(Request, "live", mentee)


def drop_prompts(turn: Turn, member: str, kind: PromptKind, target: str) -> None:
    """Take back what we asked about one thing, since it has been settled otherwise."""
    for prompt in turn.find(Prompt, "member", member):
        if prompt.kind == kind and prompt.target == target:
            let_go(turn, prompt, "dropped")


def end_prompt(turn: Turn, prompt: Prompt) -> None:
    """A question of ours is answered or over."""
    turn.drop(Prompt, prompt.id)
    turn.forget("prompt.expire", prompt.id)


def let_go(turn: Turn, prompt: Prompt, where: str) -> None:
    """A question of ours is over, and a text kept with it is settled: `where` it went, or `dropped`."""
    end_prompt(turn, prompt)
    if prompt.text_id and prompt.text:
        turn.note("text.placed", text=prompt.text_id, member=prompt.member, where=where)


def clear_timers(turn: Turn, subject: str, *, but: str) -> None:
    """Take away the timers of a subject, but for those of one kind."""
    for timer in turn.find(Timer, "subject", subject):
        if timer.kind != but:
            turn.drop(Timer, timer.id)
