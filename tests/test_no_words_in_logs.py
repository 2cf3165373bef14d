"""No line of any log, at any level, holds what somebody wrote or a phone number."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from pathlib import Path

import pytest
import responses

from smsmentor.ports import SetClock
from smsmentor.rig import Rig
from smsmentor.stores.tinydb import TinyDBStore
from smsmentor.story import Story, play_file
from tests.rigs import HttpRig, keep_running, knowledge

STORIES = Path(__file__).parent / "transcripts"
TOLD = (
    "a_panel_with_a_view_from_outside",
    "a_hard_word_is_held_for_its_receiver",
    "a_phrase_that_must_not_wait",
    "a_text_refused_for_now_is_tried_again",
    "an_opt_out_at_the_carrier",
    "contact_details_wait_for_the_sender",
    "forget_me",
)


@pytest.mark.parametrize("name", TOLD)
def test_a_story_leaves_no_words_and_no_numbers_in_the_log(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = STORIES / f"{name}.sms"
    rigs: list[HttpRig] = []

    async def make(start: datetime, settings: dict[str, str]) -> Rig:
        rigs.append(HttpRig(TinyDBStore(tmp_path / "smsmentor.db"), SetClock(start), knowledge(settings), mock))
        return rigs[-1]

    async def run() -> None:
        await play_file(path, make, keep_running)
        for rig in rigs:
            await rig.close()
            rig.store.close()

    with caplog.at_level(logging.DEBUG), responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        asyncio.run(run())
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert logged, "nothing was logged: this test would see nothing"
    story = Story(name, path.read_text(encoding="utf-8"))
    for phone in story.cast.values():
        assert phone[-7:] not in logged
    for line in story.lines:
        words = line.words.strip()
        if line.kind in "<>" and len(words) > 12:
            assert words[:40] not in logged
