"""Where a number is: remembered by exchange, and the same as the table says for the number itself."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from phonenumbers import timezone

from smsmentor.core import schedule
from tests.rigs import base_knowledge


@pytest.mark.parametrize("seed", range(4))
def test_an_exchange_of_north_america_lies_in_one_zone(seed: int) -> None:
    knowledge, dice = base_knowledge(), random.Random(seed)
    for _ in range(400):
        phone = f"+1{dice.randrange(200, 1000)}{dice.randrange(200, 1000)}{dice.randrange(10_000):04d}"
        zones = timezone.time_zones_for_number(phonenumbers.parse(phone))
        alone = zones[0] if len(zones) == 1 and zones[0] != "Etc/Unknown" else ""
        assert knowledge.zone_for(phone) == alone


def test_elsewhere_and_with_other_lengths_the_whole_number_counts() -> None:
    knowledge = base_knowledge()
    assert knowledge.zone_for("+442071234567") == "Europe/London"
    assert knowledge.zone_for("+1") == knowledge.zone_for("+1212555") == knowledge.zone_for("12345") == ""


def test_a_zone_that_does_not_exist_is_that_of_the_service() -> None:
    assert schedule.zone("Nowhere/Atall", "America/New_York").key == "America/New_York"
    assert schedule.zone("", "America/New_York").key == "America/New_York"
    assert schedule.zone("Europe/London", "America/New_York").key == "Europe/London"
