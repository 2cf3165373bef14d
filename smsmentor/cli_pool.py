"""What a coordinator asks about the pool: its health in `stats`, `why` somebody was asked, and `what-if`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from smsmentor.cli_kit import moment_of, open_data, pairs_of
from smsmentor.errors import SmsmentorError
from smsmentor.units import counted

if TYPE_CHECKING:
    from smsmentor.core.model import Considered, Request
    from smsmentor.core.why import Moment
    from smsmentor.ports import Reader
    from smsmentor.whatif import Compared

LEAST_SPAN, UNANSWERED = timedelta(days=7), 1440
"""What a figure for a week needs, and the minutes of a question without an answer."""
NAMED = 8
"""Names that are listed before the rest is only counted."""


@click.command()
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def why(code: str, as_json: bool) -> None:
    """Who was considered for a question, and why each was asked or not."""
    from smsmentor.app import knowledge_of
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


# What if


@click.command("what-if")
@click.option(
    "--set", "pairs", multiple=True, required=True, metavar="NAME=VALUE", help="A setting to try; may be repeated."
)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How far back to go.")
@click.option("--until", metavar="ISO-TIME", help="Where the span ends; now by default.")
@click.option("--price", type=click.FloatRange(min=0), help="What a segment costs, to see the cost too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def what_if(pairs: tuple[str, ...], days: int, until: str | None, price: float | None, as_json: bool) -> None:
    """Play last month again with other settings: waiting, answers, load and cost. Changes nothing, reads no words."""
    from smsmentor.app import knowledge_of
    from smsmentor.settings import load, rules_from
    from smsmentor.whatif import FELT, compare

    wanted = pairs_of(pairs)
    knowledge = knowledge_of(load())
    changed = rules_from(wanted, knowledge.rules)
    if unfelt := sorted(set(wanted) - FELT):
        raise SmsmentorError(f"A play does not feel {', '.join(unfelt)}. It feels: {', '.join(sorted(FELT))}.")
    with open_data() as store, store.reading() as reader:
        found = compare(reader, knowledge, changed, moment_of(until), days)
    if not found.month.asked:
        raise SmsmentorError(f"Nobody asked anything in these {days} days.")
    rows = {"now": asdict(found.now), "changed": asdict(found.changed), "difference": found.difference}
    if price is not None:
        for row in rows.values():
            row["cost"] = round(row["segments"] * price, 2)
    if as_json:
        truly = dict(zip(("answered", "median_minutes", "p90_minutes"), found.truly, strict=True))
        span = {"since": found.month.since.isoformat(), "until": found.month.until.isoformat()}
        click.echo(json.dumps({**span, "set": wanted, "truly": truly, **rows}, indent=1))
        return
    _show(found, days, rows)


def _show(found: Compared, days: int, rows: Mapping[str, Mapping[str, float]]) -> None:
    answered, median, _ = found.truly
    span = found.month.until - found.month.since
    since = "" if span > timedelta(days=days - 1) else f", the first of them {_age(span)} ago"
    click.echo(f"{counted(len(found.month.asked), 'question')} of {counted(days, 'day')}{since}, played twice.")
    if found.month.left_out:
        click.echo(f"{found.month.left_out} older ones are left out, so that this ends in good time.")
    if found.taken_back:
        click.echo(f"{found.taken_back} were taken back before anybody had answered: they are in no share below.")
    within = f"half of all within {_long(round(median))}" if median < UNANSWERED else "fewer than half in a day"
    click.echo(f"As it really was, {answered:.0%} were answered, {within}. No answer counts as a day of waiting.")
    if span < LEAST_SPAN:
        click.echo("Texts a mentor and week: too little data yet, a week is needed.")
    click.echo()
    click.echo(f"{'':26}{'now':>10}{'changed':>10}{'difference':>12}")
    for name, (label, form) in FIGURES.items():
        if name in rows["now"] and (name != "texts_a_mentor_and_week" or span >= LEAST_SPAN):
            now, changed, more = (rows[row][name] for row in ("now", "changed", "difference"))
            signed = form.replace(":", ":+").format(more)
            click.echo(f"{label:26}{form.format(now):>10}{form.format(changed):>10}{signed:>12}")


FIGURES = {
    "answered": ("share answered", "{:.1%}"),
    "median_minutes": ("half answered within, min", "{:.0f}"),
    "p90_minutes": ("nine in ten within, min", "{:.0f}"),
    "texts_a_mentor_and_week": ("texts a mentor and week", "{:.2f}"),
    "segments": ("segments", "{:.0f}"),
    "cost": ("cost", "{:.2f}"),
}
"""What is shown, in which words and form."""


# The health of the pool, for `stats`


class Health(NamedTuple):
    """The figures (`core.health`), and the names of the members and topics in them."""

    figures: dict[str, Any]
    names: Mapping[str, str]
    topics: Mapping[str, str]


def health_of(reader: Reader) -> Health:
    """How the pool is now. It reads the whole pool."""
    from smsmentor.app import knowledge_of
    from smsmentor.core.health import health
    from smsmentor.settings import load

    knowledge = knowledge_of(load())
    figures = health(reader, datetime.now(UTC), knowledge.rules)
    topics = {topic: knowledge.topics.label(topic, knowledge.words.default) for topic in figures["thin_topics"]}
    return Health(figures, _aliases(reader, figures["near_fatigue"]), topics)


def as_table(health: Health) -> str:
    """The figures for somebody who coordinates people, not data."""
    f, names = health.figures, health.names
    thin = [f"{health.topics[topic]} {count or 'nobody'}" for topic, count in f["thin_topics"].items()]
    tired = [names[id] for id in f["near_fatigue"]]
    each = f", {f['requests_a_mentor_and_week']:.1f} for each mentor" if f["mentors"] > f["paused"] else ""
    first, longest = f["first_answer_minutes"], _long(f["longest_wait_minutes"])
    rows = {
        "mentors": f"{f['mentors']}, {f['paused'] or 'none'} of them paused",
        "questions in 7 days": f"{f['requests_a_week']}{each}",
        "offers in 7 days": f"{f['asks_a_week']}, and {f['free_asks']} more may be made by the mentors' limits",
        "fairness": f"Gini {f['gini']:.2f} ({_evenly(f['gini'])})",
        "near fatigue": f"{len(tired)}: {listed(tired)}" if tired else "nobody",
        "too few for a topic": listed(thin) or "none",
        "hours nobody covers": listed(_spans(f["uncovered_hours"])) or "none",
        "waiting for a mentor": f"{f['waiting']}, the longest for {longest}" if f["waiting"] else "none",
        "a first answer takes": f"{_long(first[0])} to {_long(first[1])} for half of the questions"
        if first
        else "not known yet: fewer than 10 answers, or too few of them",
    }
    width = max(map(len, rows))
    return "The pool\n" + "\n".join(f"  {name.ljust(width)}  {said}" for name, said in rows.items())


def _evenly(gini: float) -> str:
    return "0 is the same for all; " + ("even" if gini < 0.15 else "uneven" if gini < 0.4 else "a few carry it")


def _long(minutes: int) -> str:
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.0f} h"


def _age(span: timedelta) -> str:
    return counted(span.days, "day") if span >= timedelta(days=2) else _long(round(span / timedelta(minutes=1)))


def _spans(hours: Iterable[str]) -> list[str]:
    """`mon 20` and its like as spans, days that are alike together: `mon-fri 20-21`."""
    days: dict[str, list[int]] = {}
    for day, hour in (entry.split(" ") for entry in hours):
        days.setdefault(day, []).append(int(hour))
    spans = []
    for _, group in groupby(days.items(), key=lambda entry: entry[1]):
        alike = list(group)
        named = alike[0][0] if len(alike) == 1 else f"{alike[0][0]}-{alike[-1][0]}"
        runs = groupby(enumerate(alike[0][1]), key=lambda pair: pair[1] - pair[0])
        parts = [[hour for _, hour in run] for _, run in runs]
        spans.append(f"{named} {' and '.join(f'{part[0]}-{part[-1] + 1}' for part in parts)}")
    return spans


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
