"""`smsmentor doctor`: looks at everything that a service needs, and says what is wrong and how to put it right."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from smsmentor.core.gsm import encoding, segments
from smsmentor.errors import SettingsError, SmsmentorError, StoreDamaged, StoreSealed
from smsmentor.owners import name_of, refusal
from smsmentor.settings import Settings, load
from smsmentor.units import counted

if TYPE_CHECKING:
    from requests import Response

    from smsmentor.core.knowledge import Knowledge

Mark = Literal["ok", "warn", "fail"]

LEAST_FREE, LITTLE_FREE = 100 * 2**20, 2**30
"""Bytes on the data folder's disk: below the first nothing is kept for long, below the second somebody should look.

On a small disk a twentieth and a fifth of it.
"""
MOST_SKEW = timedelta(seconds=5)
MOST_WAITING = timedelta(minutes=5)
PROGRAM_MADE = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before this is wrong."""
FORGETFUL = {"DYNO": "Heroku", "K_SERVICE": "Cloud Run"}
"""Platforms, by a variable that they set, on which every file is gone after a restart."""
VOLUMES = {"RENDER": "Render", "FLY_APP_NAME": "Fly", "RAILWAY_ENVIRONMENT": "Railway"}
"""Platforms on which only files on a volume stay."""
MAKE_ROOM = "Make room: old backups and logs go first."
TRY_LATER = "The carrier is busy or has a fault of its own: try again in some minutes."
LONGEST_FILLS = {"code": "K4385", "time": "12/31 23:59", "letter": "A", "count": "9"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `said` is how it is, `fix` what to do about it."""

    mark: Mark
    name: str
    said: str
    fix: str = ""


def examine(environ: Mapping[str, str], now: datetime, *, online: bool = False) -> list[Check]:
    """All checks that can be made with these settings. Only `online` calls the carrier."""
    checks = [*_machine(environ, now)]
    try:
        settings = load(environ)
    except SettingsError as error:
        fix = "`smsmentor config` shows the settings once they can be read."
        return [*checks, *(Check("fail", "settings", problem, fix) for problem in error.problems)]
    checks.append(Check("ok", "settings", "complete"))
    parts: list[Callable[[], Iterator[Check]]] = [
        lambda: _folder(settings),
        lambda: _owners(settings),
        lambda: _store(settings, now),
        lambda: _copies(settings, now),
        lambda: _alarms(settings, now),
        lambda: _words(settings),
        lambda: _account(settings, now, online=online),
    ]
    return [*checks, *chain.from_iterable(part() for part in parts)]


def _machine(environ: Mapping[str, str], now: datetime) -> Iterator[Check]:
    try:
        ZoneInfo("America/New_York")
        yield Check("ok", "time zones", "known")
    except (KeyError, OSError):
        yield Check("fail", "time zones", "the zone database is missing", "Install it: pip install tzdata")
    if now < PROGRAM_MADE:
        yield Check("fail", "clock", f"it shows {now:%Y-%m-%d %H:%M} UTC", "Set the clock, and let it be kept by NTP.")
    else:
        yield Check("ok", "clock", f"{now:%Y-%m-%d %H:%M} UTC")
    for variable, platform in FORGETFUL.items():
        if environ.get(variable):
            yield Check(
                "fail",
                "platform",
                f"{platform} forgets all files at each restart, and with them every question",
                "Run on a host with a disk that stays.",
            )
    for variable, platform in VOLUMES.items():
        if environ.get(variable):
            yield Check(
                "warn",
                "platform",
                f"on {platform} only files on a volume stay",
                "Mount a volume and name a folder on it with SMSMENTOR_DATA.",
            )


def _folder(settings: Settings) -> Iterator[Check]:
    there = _nearest(settings.data)
    problem = _unwritable(settings.data)
    if problem:
        fix = _room_or("Give the server's user the folder, or name another one with SMSMENTOR_DATA.", problem)
        yield Check("fail", "data folder", f"{settings.data} cannot be written ({problem})", fix)
    else:
        yield Check("ok", "data folder", f"{settings.data} can be written")
    disk = shutil.disk_usage(there)
    said = f"{_size(disk.free)} free of {_size(disk.total)}"
    if disk.free < min(LITTLE_FREE, disk.total // 5):
        mark: Mark = "fail" if disk.free < min(LEAST_FREE, disk.total // 20) else "warn"
        yield Check(mark, "disk", said, MAKE_ROOM)
    else:
        yield Check("ok", "disk", said)


def _owners(settings: Settings) -> Iterator[Check]:
    """Files that the server's user cannot use: this one, or where root asks, the one whose the data are."""
    from smsmentor.app import LOCK
    from smsmentor.backup import copies
    from smsmentor.stores.rows import index_of, log_of

    store, folder = settings.store_path, settings.backups_path
    # What cannot even be looked into has a check of its own: the data folder, the store, the folder of copies.
    with suppress(SmsmentorError, OSError):
        made = [settings.data / LOCK, *(copy.path for copy in copies(folder))]
        if refused := refusal(*made):
            yield Check("fail", "owner", refused)
        paths = [path for path in (store, log_of(store), index_of(store), folder, *made) if path.exists()]
        owner = (store.stat().st_uid if store.exists() else 0) or settings.data.stat().st_uid
        others = [path for path in paths if path.stat().st_uid != owner and not _is_shared(path)]
        if owner and others and os.geteuid() == 0:
            said = f"{name_of(owner)} has the data, and cannot use {others[0]}"
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            places = f"{settings.data}" if folder.is_relative_to(settings.data) else f"{settings.data} {folder}"
            fix = f"If the server runs as {name_of(owner)}: chown -R {name_of(owner)} {places}"
            yield Check("warn", "owner", said + more, fix)


def _is_shared(path: Path) -> bool:
    """A folder that others can write in, too."""
    return path.is_dir() and bool(path.stat().st_mode & 0o022)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _unwritable(folder: Path) -> str:
    """Why nothing can be written in a folder, or it cannot be made; empty when all is well."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(bytes(4096))
            file.flush()
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _room_or(fix: str, problem: str) -> str:
    """What to do about a folder that takes nothing: a full one needs no other owner."""
    return MAKE_ROOM if problem in (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)) else fix


def _size(amount: int) -> str:
    return f"{amount / 2**30:.1f} GB" if amount >= 2**30 else f"{amount / 2**20:.1f} MB"


def _store(settings: Settings, now: datetime) -> Iterator[Check]:
    from smsmentor.core.model import Fact, Member
    from smsmentor.core.played import has_served, was_played
    from smsmentor.stores.tinydb import TinyDBStore, open_to_look

    if not settings.store_path.exists():
        yield Check("ok", "store", "new: it is made at the first start")
        yield _people(0, 0)
        return
    try:
        with closing(open_to_look(settings.store_path, settings.store_key)) as store, store.reading() as reader:
            store.check()
            form = "encrypted" if settings.store_key else "not encrypted"
            yield Check("ok", "store", f"{settings.store_path} ({form}) opens, and everything in it can be read")
            if store.in_place:
                fix = "Looking, `smsmentor export` and `smsmentor backup --out FOLDER` work; serving does not."
                yield Check("fail", "store", "nothing can be written to it", fix)
            mentors, operators = (
                sum(member.state == "active" for member in reader.walk(Member, role, "yes"))
                for role in ("mentor", "operator")
            )
            yield _people(mentors, operators)
            tried = settings.reaches_people and was_played(reader)
            if tried:
                fix = "`smsmentor clear-play` clears what was tried, and keeps mentors and operators."
                yield Check("fail", "data", "it has texts of simulated phones, which would reach real mentors", fix)
            if not settings.has_account and has_served(reader):
                fix = "Set the account; to try something, name another folder with SMSMENTOR_DATA."
                yield Check("fail", "data", "it has served people, and no carrier's account is set", fix)
            newest = next(reader.walk(Fact, "rare", "request.opened", newest=True), None)
            if newest is not None and newest.at > now + MOST_WAITING and settings.has_account and not tried:
                fix = (
                    "Set the clock, and let it be kept by NTP. If it is right, the question is of simulated phones, "
                    "whose clock can be moved: begin anew in another folder."
                )
                yield Check("fail", "clock", "it is behind the newest question that is kept", fix)
            moment = store.next_moment() if isinstance(store, TinyDBStore) else None
            if settings.has_account and moment is not None and moment < now - MOST_WAITING:
                fix = "Is `smsmentor serve` running? Its log says what holds it up."
                yield Check("warn", "waiting work", f"something is due since {moment:%Y-%m-%d %H:%M} UTC", fix)
    except StoreSealed as error:
        yield Check("fail", "store", str(error), "The store is whole: docs/operations.md says how to change keys.")
    except StoreDamaged as error:
        fix = "Stop the server and put back a copy: smsmentor restore. Or move the file away to begin anew."
        yield Check("fail", "store", str(error), fix)
    except SmsmentorError as error:
        fix = "This says nothing bad of the file itself: leave it where it is, and mend what is said first."
        yield Check("fail", "store", str(error), fix)


def _copies(settings: Settings, now: datetime) -> Iterator[Check]:
    from smsmentor import backup

    if not settings.store_path.exists():
        return
    folder = settings.backups_path
    if problem := _unwritable(folder):
        fix = "Give the server's user the folder, or name another one with SMSMENTOR_BACKUP_FOLDER."
        fix = _room_or(fix, problem)
        yield Check("fail", "copies", f"{folder} cannot be written ({problem}): no copy is made", fix)
        return
    try:
        newest = backup.newest(folder, now)
    except SmsmentorError as error:
        yield Check("fail", "copies", str(error), "Let the service's user read the folder.")
        return
    if newest is None:
        yield Check("warn", "copies", f"none in {folder}", "Make one: smsmentor backup. A running server makes them.")
    elif settings.backup_hours and now - newest.made > 2 * timedelta(hours=settings.backup_hours):
        said = f"the newest is of {newest.made:%Y-%m-%d %H:%M} UTC"
        yield Check("warn", "copies", said, "Is `smsmentor serve` running? Its log says why none was made.")
    else:
        # Also where another disk is named: it may not be mounted now.
        same = ", on the same disk as the data" if folder.stat().st_dev == settings.data.stat().st_dev else ""
        yield Check("ok", "copies", f"the newest is of {newest.made:%Y-%m-%d %H:%M} UTC{same}")


def _alarms(settings: Settings, now: datetime) -> Iterator[Check]:
    """What stands wrong at the carrier, as the running service wrote it down."""
    from smsmentor.alarm import parked_members, standing
    from smsmentor.core.carrier_codes import CarrierCodes
    from smsmentor.resources import data_folder, read_toml
    from smsmentor.stores.tinydb import open_to_look

    if not settings.store_path.exists():
        return
    codes = CarrierCodes(read_toml(data_folder() / "carrier_codes.toml"))
    # A store that cannot be opened has its own check.
    with (
        suppress(SmsmentorError),
        closing(open_to_look(settings.store_path, settings.store_key)) as store,
        store.reading() as reader,
    ):
        found = standing(reader, now, settings.rules, codes)
        for alarm in found:
            yield Check("fail", "alarm", f"{alarm.what} (since {alarm.since:%Y-%m-%d %H:%M} UTC)", alarm.fix)
        if not found:
            yield Check("ok", "alarms", "none stands")
        if parked := parked_members(reader):
            fix = "`smsmentor carrier parked` shows who and why; they come back by themselves when they text."
            yield Check("warn", "numbers", f"{len(parked)} cannot be texted", fix)


def _people(mentors: int, operators: int) -> Check:
    said = f"{counted(mentors, 'mentor')}, {counted(operators, 'operator')}"
    if not mentors:
        return Check("warn", "people", said, "Take mentors from a list: smsmentor import mentors.csv")
    if not operators:
        return Check("warn", "people", said, "Nobody is paged: smsmentor op add +12125550123 NAME")
    return Check("ok", "people", said)


def _words(settings: Settings) -> Iterator[Check]:
    from smsmentor.app import knowledge_of

    try:
        knowledge = knowledge_of(settings)
    except SmsmentorError as error:
        yield Check("fail", "message files", str(error), "Put the shipped data files back.")
        return
    for lang in knowledge.words.languages:
        lacking = knowledge.words.missing(lang)
        long = [text_id for text_id in knowledge.words.text_ids(lang) if not _fits(knowledge, lang, text_id)]
        fix = f"Put it right in data/messages/{lang}.toml."
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            yield Check("warn", f"messages {lang}", "; ".join(lacking[:3]) + more, fix)
        if long:
            yield Check("warn", f"messages {lang}", f"longer than one segment: {', '.join(long[:5])}", fix)
        if not lacking and not long:
            yield Check("ok", f"messages {lang}", "complete, each within one segment")


def _fits(knowledge: Knowledge, lang: str, text_id: str) -> bool:
    """Whether a text, apart from what people wrote, stays in one segment with these settings."""
    fills = {**LONGEST_FILLS, "service": knowledge.rules.name, "contact": knowledge.rules.team_contact}
    template = knowledge.words.template(lang, text_id)
    names = {name for _, name, _, _ in Formatter().parse(template) if name}
    text = template.format_map({name: fills.get(name, "") for name in names})
    return segments(text) == 1 and (encoding(text) == "GSM-7" or encoding(template) == "UCS-2")


def _account(settings: Settings, now: datetime, *, online: bool) -> Iterator[Check]:
    if not settings.has_account:
        fix = "For real texts set SMSMENTOR_TWILIO_ACCOUNT_SID and the rest; `smsmentor config` has the names."
        yield Check("ok", "carrier", "no account: the phones are simulated", fix)
        return
    yield Check("ok", "carrier", "the account's settings are complete")
    if settings.twilio is None:
        return
    if not settings.public_url.startswith("https://"):
        fix = "Put a certificate in front (Caddy does it by itself) and set SMSMENTOR_PUBLIC_URL to the https address."
        yield Check("warn", "public address", "it is not https, so that texts can be read on the way", fix)
    if online:
        yield _reach(settings, now)


def _is_object(answer: Response) -> bool:
    with suppress(ValueError):
        return isinstance(answer.json(), dict)
    return False


def _reach(settings: Settings, now: datetime) -> Check:
    """Ask the carrier for the account, which needs the right SID and token."""
    import requests

    account = settings.twilio
    assert account is not None
    base = account.base_url.rstrip("/") or "https://api.twilio.com"
    try:
        answer = requests.get(
            f"{base}/2010-04-01/Accounts/{account.account_sid}.json",
            auth=(account.api_key or account.account_sid, account.api_secret or account.auth_tokens[0]),
            timeout=(account.connect_seconds, account.read_seconds),
        )
    except requests.RequestException as error:
        fix = "Look at the network, a firewall, and SMSMENTOR_TWILIO_BASE_URL."
        return Check("fail", "carrier online", f"it cannot be reached ({type(error).__name__})", fix)
    if answer.status_code != 200:
        busy = answer.status_code == 429 or answer.status_code >= 500
        fix = TRY_LATER if busy else "Compare the SID and the token with the carrier's console."
        return Check("fail", "carrier online", f"it answered HTTP {answer.status_code}", fix)
    if not _is_object(answer):
        fix = "Is SMSMENTOR_TWILIO_BASE_URL right, and no sign-in page of the network in between?"
        return Check("fail", "carrier online", "its answer cannot be read", fix)
    with suppress(KeyError, ValueError, TypeError):
        skew = parsedate_to_datetime(answer.headers["Date"]) - now
        if abs(skew) > MOST_SKEW:
            fix = "Let the clock be kept by NTP."
            return Check(
                "warn", "carrier online", f"our clock differs by {skew.total_seconds():.0f} s from theirs", fix
            )
    return Check("ok", "carrier online", "the account answers")
