"""A say becomes its final text: the member's language, times in their zone, within what carriers take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from smsmentor.core.catalogue import Catalogue
from smsmentor.core.graphemes import boundary
from smsmentor.core.gsm import fits_until
from smsmentor.core.model import Member
from smsmentor.core.rules import Rules
from smsmentor.core.schedule import zone_of
from smsmentor.core.understand.when import say_time

LONGEST = 1600
"""UTF-16 units that a carrier surely takes in one text (Twilio error 21617)."""
NIGHT, NOON = timedelta(hours=20), 12
"""Within so long of now, and before noon of the next day, a clock alone is read as people mean it."""


def fill(
    words: Catalogue, rules: Rules, member: Member, now: datetime, text_id: str, args: Mapping[str, object]
) -> str:
    """The text of `text_id` for this member. Times among `args` are shown in the member's zone."""
    shown = {"service": rules.name}
    for name, value in args.items():
        shown[name] = value if type(value) is str else _shown(words, value, member, now, rules)
    body = words.text(member.lang, text_id, **shown)
    return body[: fits_until(body, LONGEST)]


def _shown(words: Catalogue, value: object, member: Member, now: datetime, rules: Rules) -> str:
    if isinstance(value, datetime):
        return local_time(words, value, member, now, rules)
    if isinstance(value, timedelta):
        return span(words, value, member.lang)
    return str(value)


def span(words: Catalogue, length: timedelta, lang: str) -> str:
    """`2 hours`, `a week`: a length of time as a setting has it, in the largest unit of which there are several."""
    if length in _NAMED:
        return words.text(lang, f"word.{_NAMED[length]}")
    units = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)))
    name, unit = next(
        (one for one in units if not length % one[1] and length > one[1]), ("minutes", timedelta(minutes=1))
    )
    return words.text(lang, f"word.{name}", count=round(length / unit))


_NAMED = {timedelta(days=1): "day", timedelta(days=7): "week"}


def local_time(words: Catalogue, at: datetime, member: Member, now: datetime, rules: Rules) -> str:
    """`8:00` today, last evening or next morning, `Tue 12 May, 15:00` otherwise. Always in the member's zone.

    Midnight names its day: nobody knows which one `0:00` belongs to.
    """
    zone = zone_of(member, rules)
    local = at.astimezone(zone)
    near = now - NIGHT < at < now + NIGHT
    if near and (local.date() <= now.astimezone(zone).date() or 0 < local.hour < NOON):
        return f"{local.hour}:{local.minute:02d}"
    return say_time(at, zone, now, words.table(member.lang, "times")["say"])


def pieces(text: str, longest: int) -> list[str]:
    """A long text in parts of at most so many UTF-16 units, between words where it can be; all but the last go on."""
    found = []
    rest = text
    while (fits := fits_until(rest, longest)) < len(rest):
        at = rest.rfind(" ", 0, fits)
        at = at if at > 0 else fits
        found.append(rest[:at] + " ..")
        rest = rest[at:].lstrip()
    return [*found, rest]


def short(text: str, longest: int = 24) -> str:
    """The first words of a text, for a list of choices: whole words, no more than `longest` characters."""
    if len(text) <= longest:
        return text
    fits = text[: boundary(text, longest - 2)]
    return f"{fits.rsplit(' ', 1)[0] or fits}.."
