"""What a coordinator asks about the pool: its health in `stats`, `why` somebody was asked, and `what-if`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from smsmentor.errors import SmsmentorError

if TYPE_CHECKING:
    from smsmentor.core.model import Considered, Request
    from smsmentor.core.why import Moment
    from smsmentor.ports import Reader

NAMED = 8
"""Names that are listed before the rest is only counted."""


@click.command()
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def why(code: str, as_json: bool) -> None:
    """Who was considered for a question, and why each was asked or not."""
    from smsmentor.app import knowledge_of
    from smsmentor.cli_data import open_data
    from smsmentor.core.schedule import zone
    from smsmentor.core.why import history
    from smsmentor.settings import load

    knowledge = knowledge_of(load())
    reasons = knowledge.words.table(knowledge.words.default, "why")
    with open_data() as store, store.reading() as reader:
        request = _request(reader, code.strip().upper())
        moments = history(reader, request, datetime.now(UTC), knowledge)
        names = _aliases(reader, {one.member for moment in moments for one in moment.considered})
    if as_json:
        click.echo(json.dumps(_as_json(request, moments, names, reasons), indent=1))
        return
    here = zone(knowledge.rules.zone)
    click.echo(f"{request.code}, {request.status}, opened {_said(request.opened, here)}; times are {here}")
    for moment in moments:
        click.echo(f"\n{f'Wave {moment.wave}' if moment.wave else 'Nobody could be asked'}, {_said(moment.at, here)}")
        for line in _lines(moment.considered, names, reasons):
            click.echo(line)


def _as_json(
    request: Request, moments: Sequence[Moment], names: Mapping[str, str], reasons: Mapping[str, str]
) -> dict[str, Any]:
    def candidate(one: Considered) -> dict[str, Any]:
        words = reasons.get(one.reason, one.reason)
        return {
            "member": one.member,
            "name": names[one.member],
            "taken": one.taken,
            "reason": one.reason,
            "words": words,
        }

    waves = [
        {"wave": m.wave, "at": m.at.isoformat(), "considered": [candidate(one) for one in m.considered]}
        for m in moments
    ]
    opened = request.opened.isoformat()
    return {"code": request.code, "status": request.status, "opened": opened, "waves": waves}


def _lines(considered: Iterable[Considered], names: Mapping[str, str], reasons: Mapping[str, str]) -> Iterable[str]:
    """A line for each who was asked, and one for each reason not to."""
    for one in considered:
        if one.taken:
            yield f"  asked    {names[one.member]}: {reasons.get(one.reason, one.reason)}"
    order = {reason: number for number, reason in enumerate(reasons)}
    skipped = sorted((c for c in considered if not c.taken), key=lambda c: order.get(c.reason, len(order)))
    for reason, those in groupby(skipped, key=lambda c: c.reason):
        yield f"  skipped  {listed([names[one.member] for one in those])}: {reasons.get(reason, reason)}"


# Shared


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _aliases(reader: Reader, ids: Iterable[str]) -> dict[str, str]:
    """Members by the name that they chose; those without one by field, or by id."""
    from smsmentor.core.model import Member

    found = {id: reader.get(Member, id) for id in ids}
    return {id: (member and (member.alias or member.field)) or id for id, member in found.items()}


def _said(at: datetime, here: tzinfo) -> str:
    return f"{at.astimezone(here):%a %Y-%m-%d %H:%M}"


def _request(reader: Reader, code: str) -> Request:
    """The newest request that had this code: a code is used again after some days."""
    from smsmentor.core.model import Request

    found = max(reader.walk(Request, "code", code), key=lambda request: request.opened, default=None)
    if found is None:
        raise SmsmentorError(f"There is no question with the code {code}.")
    return found
