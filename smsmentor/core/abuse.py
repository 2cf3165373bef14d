"""What keeps strangers and machines from spending the service's money; each refusal has a reason that is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

from smsmentor.core import crisis, hourly, members
from smsmentor.core.events import Inbound
from smsmentor.core.making import replace
from smsmentor.core.model import Member, Tally
from smsmentor.core.turn import Turn
from smsmentor.core.understand.normal import plain
from smsmentor.core.understand.parse import bare

SHORT_TEXT = 12
"""Characters up to which a text is an answer that may well come again: a digit, PASS, a code."""
LONG_TEXT = 30
"""Characters from which on the same first text of many people is no word that a poster told them to send."""
FIRST_TEXTS = "newcomers.texts"
"""The tally of what new numbers began with in the last hour."""
MOST_FIRST_TEXTS = 300
HOUR = hourly.HOUR
NO_ROOM_ABROAD = "too many new numbers of that country"
NO_ROOM = "too many new numbers"
SAME_TEXT = "same text from many numbers"
COSTLY = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.VOICEMAIL,
    }
)
"""Kinds of numbers that no person texts from, and that may cost more than a text."""

Kind = Literal["fine", "fictitious", "premium", "not a number"]


def refusal(turn: Turn, event: Inbound) -> str:
    """Why a number that we have never heard from is not let in; empty when it is. Counts those that are.

    On simulated phones everybody is let in. A carrier's opt-out word always is: it has to be remembered.
    """
    if not turn.knowledge.real_phones or event.opt_out == "stop" or turn.knowledge.carrier.read(event.body) == "stop":
        return ""
    kind, country = number_kind(event.sender)
    if kind != "fine":
        return kind
    allowed = {name.strip() for name in turn.rules.countries.upper().split(",") if name.strip()}
    if allowed and country not in allowed:
        return "country not served"
    if _same_first_text(turn, event):
        return SAME_TEXT
    if members.is_known_by_hash(turn, event.sender):
        return ""  # it was here until it was erased, and begins where it was
    return _no_room(turn, country)


def no_way_back(turn: Turn, member: Member) -> str:
    """Why START does not let somebody in of whom nothing is known but their STOP; empty when it does.

    That STOP took no place among the new numbers, so its START does: else both together would let in any number. With
    FORGET ME in between one phone could take them all: it takes one an hour.
    """
    stranger = member.last_text_at is None and member.consent_how == "texted first"
    if not turn.knowledge.real_phones or not stranger or hour_of(turn, member)[1]:
        return ""
    return _no_room(turn, number_kind(member.phone)[1])


def _no_room(turn: Turn, country: str) -> str:
    home = country == turn.rules.country
    if not home and hourly.full(turn, f"newcomers:{country}", turn.rules.newcomers_an_hour_abroad):
        return NO_ROOM_ABROAD
    if hourly.full(turn, "newcomers", turn.rules.newcomers_an_hour):
        return NO_ROOM
    return ""


def lets_in_danger(turn: Turn, event: Inbound, refused: str) -> bool:
    """Whether a number is let in after all, because somebody there may be in danger.

    Only where there is no room for new ones: who texts from a premium number, or from a country that is not served,
    is refused as ever. These have a bound of their own, so that such words are no way to make us text the world.
    """
    if refused not in (NO_ROOM, NO_ROOM_ABROAD, SAME_TEXT) or not crisis.is_meant(turn, event.body):
        return False
    most = turn.rules.newcomers_in_danger_an_hour
    return not most or len(crisis.let_in(turn)) < most


def hour_of(turn: Turn, member: Member) -> tuple[datetime, int]:
    """The hour of the flood limit: when it began, and how many texts it had before this one."""
    if member.hour_from is None or turn.now - member.hour_from >= HOUR:
        return turn.now, 0
    return member.hour_from, member.hour_count


def counted(turn: Turn, member: Member) -> Member:
    """A member with one text more in the hour of the flood limit."""
    since, count = hour_of(turn, member)
    return replace(member, hour_from=since, hour_count=count + 1)


def too_many(turn: Turn, member: Member) -> bool:
    """Whether this hour's texts of a phone are used up."""
    _, count = hour_of(turn, member)
    return count >= turn.rules.texts_an_hour


def since_last(member: Member, event: Inbound) -> timedelta | None:
    """The time between this text and the last; None for the first."""
    return None if member.last_text_at is None else abs(event.at - member.last_text_at)


def same_texts(member: Member, gap: timedelta | None, event: Inbound) -> int:
    """How often in a row this text has come within the hour; short ones are answers and count as new.

    `gap` is the time since it came last; None when the last text was another.
    """
    again = gap is not None and gap < HOUR and len(plain(event.body)) > SHORT_TEXT
    return member.same_texts + 1 if again else 0


def _same_first_text(turn: Turn, event: Inbound) -> bool:
    """Whether too many new numbers have begun with these words, an hour or less between them."""
    words = bare(event.body)
    if len(words) < LONG_TEXT or not turn.rules.same_newcomers:
        return False
    since, digest = (turn.now - HOUR).timestamp(), members.digest(words)
    tally = turn.get(Tally, FIRST_TEXTS)
    recent = {text: (at, count) for text, (at, count) in (tally.values if tally else {}).items() if at > since}
    count = recent.pop(digest, (0.0, 0))[1] + 1
    # What was dropped once stays so while it goes on; of very many the oldest are forgotten.
    kept = list(recent.items())[-MOST_FIRST_TEXTS:]
    turn.save(Tally(FIRST_TEXTS, {**dict(kept), digest: (turn.now.timestamp(), count)}))
    return bool(count > turn.rules.same_newcomers)


@lru_cache(maxsize=4096)
def number_kind(phone: str) -> tuple[Kind, str]:
    """What kind of number it is, and its two-letter country, empty when there is none.

    Fictitious are the North American 555-0100 to 555-0199, which are kept for fiction, and what no country has given
    out. The ranges are libphonenumber's.
    """
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return "not a number", ""
    country = phonenumbers.region_code_for_number(number) or ""
    national = str(number.national_number)
    if number.country_code == 1 and national[3:8] == "55501":
        return "fictitious", country
    if not phonenumbers.is_valid_number(number):
        return "fictitious", country
    return ("premium" if phonenumbers.number_type(number) in COSTLY else "fine"), country
