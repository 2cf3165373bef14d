"""What keeps strangers and machines from spending the service's money; each refusal has a reason that is kept."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

from smsmentor.core.events import Inbound
from smsmentor.core.model import Member, Tally
from smsmentor.core.turn import Turn
from smsmentor.core.understand.normal import plain

SHORT_TEXT = 12
"""Characters up to which a text is an answer that may well come again: a digit, PASS, a code."""
HOUR = timedelta(hours=1)
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
    home = country == turn.rules.country
    if not home and _full(turn, f"newcomers:{country}", turn.rules.newcomers_an_hour_abroad):
        return "too many new numbers of that country"
    if _full(turn, "newcomers", turn.rules.newcomers_an_hour):
        return "too many new numbers"
    return ""


def same_texts(member: Member, digest: str, event: Inbound) -> int:
    """How often in a row this text has come within the hour; short ones are answers and count as new."""
    recent = member.last_text_at is not None and abs(event.at - member.last_text_at) < HOUR
    again = digest == member.last_digest and recent and len(plain(event.body)) > SHORT_TEXT
    return member.same_texts + 1 if again else 0


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


def _full(turn: Turn, name: str, most: int) -> bool:
    """Whether this hour's places are taken; takes one when they are not. 0 is no limit."""
    if not most:
        return False
    tally, now = turn.get(Tally, name), turn.now.timestamp()
    since, count = (tally.values["since"], tally.values["count"]) if tally else (now, 0)
    if now - since >= HOUR.total_seconds():
        since, count = now, 0
    if count >= most:
        return True
    turn.save(Tally(name, {"since": since, "count": count + 1}))
    return False
