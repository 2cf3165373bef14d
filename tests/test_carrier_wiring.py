"""The settings of carrier and alarms reach the parts that need them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smsmentor.app import Carrier, build
from smsmentor.core.events import Inbound
from smsmentor.core.halt import HALT
from smsmentor.core.model import Record, Tally, Timer
from smsmentor.core.turn import Turn
from smsmentor.doctor import examine
from smsmentor.errors import SettingsError
from smsmentor.gateways.kannel import KannelGateway
from smsmentor.ports import Changes
from smsmentor.settings import load
from smsmentor.stores.tinydb import TinyDBStore
from tests.contract.stores import out_text
from tests.rigs import base_knowledge

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KANNEL = {
    "SMSMENTOR_KANNEL_SEND_URL": "http://127.0.0.1:13013/cgi-bin/sendsms",
    "SMSMENTOR_KANNEL_USERNAME": "peers",
    "SMSMENTOR_KANNEL_PASSWORD": "a password of the tests",
    "SMSMENTOR_KANNEL_SECRET": "a secret of the tests",
    "SMSMENTOR_KANNEL_NUMBERS": "+12125550199",
}


def test_kannel_takes_the_place_of_an_account_and_opt_outs_are_confirmed(tmp_path: Path) -> None:
    app = build(load(KANNEL | {"SMSMENTOR_DATA": str(tmp_path)}), base_knowledge())
    assert isinstance(app.engine, Carrier)
    assert isinstance(app.engine.gateway, KannelGateway)
    assert [route[0] for route in app.engine.routes()] == ["/kannel/sms", "/kannel/report"]
    assert app.engine.service.knowledge.confirms_stop
    assert app.engine.service.knowledge.real_phones
    app.store.close()


def test_the_ticker_is_told_when_the_earliest_timer_of_a_turn_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = build(load(KANNEL | {"SMSMENTOR_DATA": str(tmp_path)}), base_knowledge())
    assert isinstance(app.engine, Carrier)
    service = app.engine.service
    told: list[datetime | None] = []
    monkeypatch.setattr(app.engine.ticker, "wake_by", told.append)
    event = Inbound("T1", "+12125550123", "HELP", NOW)
    with app.store.reading() as reader:
        turn = Turn(reader, NOW, event.id, service.knowledge)
        for hours in (3, 1, 2):
            turn.remind("request.expire", f"r{hours}", NOW + timedelta(hours=hours))
        turn.drop(Timer, "request.expire:r1")
    for watcher in service.watchers:
        watcher(event, turn)
    asyncio.run(service.receive(event))
    assert told == [NOW + timedelta(hours=2), None]
    app.store.close()


def test_two_ways_out_and_a_half_kannel_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as both:
        load(KANNEL | {"SMSMENTOR_DATA": str(tmp_path), "SMSMENTOR_TWILIO_ACCOUNT_SID": "AC" + "0" * 32})
    assert any("keep one way out" in problem for problem in both.value.problems)
    with pytest.raises(SettingsError) as half:
        load(KANNEL | {"SMSMENTOR_DATA": str(tmp_path), "SMSMENTOR_KANNEL_SECRET": "short"})
    assert any("16 characters" in problem for problem in half.value.problems)


def test_alarms_that_cannot_work_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load({"SMSMENTOR_DATA": str(tmp_path), "SMSMENTOR_ALARM_MAIL_TO": "team@example.org"})
    assert any("mail server" in problem for problem in error.value.problems)


def test_doctor_fails_while_sending_is_stopped(tmp_path: Path) -> None:
    environ = {"SMSMENTOR_DATA": str(tmp_path)}
    store = TinyDBStore(load(environ).store_path)
    halt = Tally(HALT, {"since": NOW.timestamp(), "code": 30034, "tries": 3, "next_try": NOW.timestamp()})
    asyncio.run(_keep(store, halt))
    store.close()
    failed = [check for check in examine(environ, NOW) if check.name == "alarm"]
    assert [check.mark for check in failed] == ["fail"]
    assert "Our number is not registered for 10DLC." in failed[0].said
    assert "It is tried again with the next text: none waits" in failed[0].fix


@pytest.mark.parametrize(
    ("taken", "fix"),
    [
        (False, "It is tried again by itself, next at 2026-03-03 18:05 UTC; `smsmentor carrier resume` tries at once."),
        (True, "The last try was taken: sending goes on by itself at 2026-03-03 18:05 UTC, unless the carrier reports"),
    ],
)
def test_doctor_says_what_sending_that_is_stopped_waits_for(tmp_path: Path, taken: bool, fix: str) -> None:
    environ = {"SMSMENTOR_DATA": str(tmp_path)}
    store = TinyDBStore(load(environ).store_path)
    since, then = datetime(2026, 3, 3, 18, 0, tzinfo=UTC), datetime(2026, 3, 3, 18, 5, tzinfo=UTC)
    values = {"since": since.timestamp(), "code": 30034, "tries": 3, "next_try": then.timestamp()}
    asyncio.run(_keep(store, Tally(HALT, values | {"reported": True, "taken": taken})))
    asyncio.run(_keep(store, out_text("o1", "m1", queued=since)))
    store.close()
    [alarm] = [check for check in examine(environ, since) if check.name == "alarm"]
    assert fix in alarm.fix


async def _keep(store: TinyDBStore, record: Record) -> None:
    await store.transact(None, lambda _: Changes((record,)), now=NOW)
