"""The settings of carrier and alarms reach the parts that need them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smsmentor.app import Carrier, build
from smsmentor.core.events import Inbound
from smsmentor.core.halt import HALT
from smsmentor.core.model import Tally, Timer
from smsmentor.core.turn import Turn
from smsmentor.doctor import examine
from smsmentor.errors import SettingsError
from smsmentor.gateways.kannel import KannelGateway
from smsmentor.ports import Changes
from smsmentor.settings import load
from smsmentor.stores.tinydb import TinyDBStore
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


async def _keep(store: TinyDBStore, tally: Tally) -> None:
    await store.transact(None, lambda _: Changes((tally,)), now=NOW)
