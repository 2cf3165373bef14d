"""Writes what the simulated phones have texted and got as a story file, to be kept or played again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from handlers.phones_view import role
from smsmentor.core.model import Member, Request
from smsmentor.core.schedule import zone
from smsmentor.gateways.simulator import Bubble
from smsmentor.ports import Reader


def write_story(
    reader: Reader, labels: Mapping[str, str], threads: Mapping[str, Sequence[Bubble]], zone_name: str
) -> str:
    """All threads in the order of time, in the format that `smsmentor.story` reads.

    `labels` name the phones whose members have no alias. Faults and settings are not in it, and of the pool
    only the mentors who were texted.
    """
    bubbles = sorted((b for thread in threads.values() for b in thread), key=lambda b: (b.at, b.id))
    lines = ["# A conversation of the simulated phones.", ""]
    if not bubbles:
        return "\n".join(lines)
    here = zone(zone_name)
    members = {phone: next(reader.walk(Member, "phone", phone), None) for phone in threads}
    names = _names({phone: (m.alias if m else "") or labels.get(phone, "") for phone, m in members.items()})
    day = bubbles[0].at.astimezone(here)
    lines.append(f"@ {day:%Y-%m-%d %H:%M} {zone_name}")
    lines += [_cast(names[phone], phone, member) for phone, member in members.items()]
    codes = [r.code for r in sorted(reader.all(Request), key=lambda r: r.opened) if r.code]
    if codes:
        lines.append(f"codes {' '.join(codes)}")
    lines.append("")
    for bubble in bubbles:
        at = bubble.at.astimezone(here)
        if at.date() != day.date():
            day = at
            lines += ["", f"@ {at:%Y-%m-%d %H:%M} {zone_name}"]
        lines.append(f"{at:%H:%M:%S} {names[bubble.phone]} {_words(bubble)}")
    return "\n".join(lines) + "\n"


def _cast(name: str, phone: str, member: Member | None) -> str:
    pairs = {"phone": phone}
    if member is not None and (member.mentor or member.operator):
        pairs["alias"] = member.alias
    if member is not None and member.mentor:
        pairs |= {"field": member.field, "employer": member.employer, "topics": ";".join(member.topics)}
        pairs |= {"years": "" if member.years is None else str(member.years), "zone": member.zone}
    fields = (shlex.quote(f"{key}={value}") for key, value in pairs.items() if value)
    return " ".join([role(member), name, *fields])


def _words(bubble: Bubble) -> str:
    body = bubble.body.replace("\n", "\\n")
    if bubble.direction == "in":
        return f"> {body}"
    return f"< {body} [{bubble.segments}]" if bubble.segments > 1 else f"< {body}"


def _names(wanted: Mapping[str, str]) -> dict[str, str]:
    """One word for each phone, no two alike."""
    found: dict[str, str] = {}
    for phone, name in wanted.items():
        word = "".join(c for c in name if c.isalnum()) or "Phone"
        taken = set(found.values())
        found[phone] = next(w for n in range(1, 1000) if (w := word if n == 1 else f"{word}x{n}") not in taken)
    return found
