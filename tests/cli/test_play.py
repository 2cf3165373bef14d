"""`play`: inputs as JSON lines, and stories."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.commands import HEADER, MENTEE, START, WORDS, bodies, call, fine, play


def test_play_answers_each_input_with_what_was_sent_and_what_happened(data: Path) -> None:
    out = play({"from": MENTEE, "body": WORDS}, {"wait": "1m"})
    assert [line["done"] for line in out if "done" in line] == [1, 2]
    first = out[: out.index({"done": 1})]
    assert {"request.opened", "text.settled"} <= {line.get("fact") for line in first}
    [receipt] = [line for line in first if "to" in line]
    assert set(receipt) == {"at", "id", "to", "body", "text_id", "segments", "encoding"}
    assert (receipt["at"], receipt["to"], receipt["segments"]) == (START, MENTEE, 1)
    offers = [line for line in out if line.get("text_id") == "offer.new"]
    assert len(offers) == 3
    assert all(WORDS in line["body"] for line in offers)
    assert not data.exists()


def test_play_gives_the_same_for_the_same(data: Path) -> None:
    inputs = ({"from": MENTEE, "body": WORDS}, {"wait": "5h"})
    assert play(*inputs) == play(*inputs)


def test_play_takes_rules_by_name(data: Path) -> None:
    out = play(
        {"from": MENTEE, "body": WORDS},
        {"wait": "1m"},
        options=("--start", START, "--set", "places=1", "--set", "name=Hi"),
    )
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 1
    assert bodies(out, MENTEE)[0].startswith("Hi:")


def test_play_goes_on_after_a_crash_and_ignores_what_comes_again(data: Path) -> None:
    out = play(
        {"from": MENTEE, "body": WORDS}, {"fault": "again"}, {"fault": "crash"}, {"fault": "again"}, {"wait": "1m"}
    )
    assert len(bodies(out, MENTEE)) == 1
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 3


def test_play_keeps_texts_while_the_carrier_is_down(data: Path) -> None:
    out = play({"fault": "gateway-down"}, {"from": MENTEE, "body": WORDS}, {"fault": "gateway-up"}, {"wait": "10m"})
    assert out.index({"done": 2}) < next(at for at, line in enumerate(out) if line.get("to") == MENTEE)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[1]",
        '{"wait": "soon"}',
        '{"wait": NaN}',
        '{"wait": 1e400}',
        '{"wait": true}',
        "[" * 100_000,
        '{"fault": "fire"}',
        '{"from": "+12125550100"}',
        '{"from": "not a phone at all", "body": "hi"}',
        '{"from": "2125550100", "body": "hi"}',
        '{"from": "+1212PEERLINE", "body": "hi"}',
        '{"from": "", "body": "hi"}',
        "{}",
        b"\xff{".decode("latin-1"),
    ],
)
def test_play_names_an_input_that_it_cannot_read_and_goes_on(data: Path, line: str) -> None:
    out = play(line, {"wait": 1})
    assert set(out[0]) == {"error"}
    assert out[1:] == [{"done": 1}, {"done": 2}]


def test_play_keeps_its_state_where_it_is_told_to(data: Path, tmp_path: Path) -> None:
    options = ("--start", START, "--data", tmp_path / "kept")
    play({"from": MENTEE, "body": WORDS}, options=options)
    out = play({"wait": "1m"}, options=options)
    assert len([line for line in out if line.get("text_id") == "offer.new"]) == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "Name the story files to play, or --json."),
        (("--set", "places=2"), "go with --json"),
        (("--json", "--start", "noon"), "noon is not a time"),
        (("--json", "--set", "places"), "places is not NAME=VALUE"),
        (("--json", "--pool", "nowhere.csv"), "does not exist"),
    ],
)
def test_play_says_how_it_is_called(data: Path, words: tuple[str, ...], problem: str) -> None:
    result = call("play", *words)
    assert result.exit_code == 2
    assert problem in result.output


def test_play_pages_the_operators_that_it_is_given_and_lets_links_of_listed_sites_pass(data: Path) -> None:
    words = "how do i learn more about pay, is salaries.example.org any good?"
    given = ("--set", "operators=+12125550190", "--set", "allowed_sites=example.org")
    out = play({"from": MENTEE, "body": words}, {"from": "+1 212 555 0151", "body": "i want to die"}, options=given)
    paged = [line for line in out if line.get("to") == "+12125550190"]
    assert [line["text_id"] for line in paged] == ["op.crisis"]
    assert [line["outcome"] for line in out if line.get("fact") == "text.settled"] == ["request", "crisis"]
    assert "+12125550151" in {line.get("to") for line in out}


def test_play_refuses_a_rule_that_makes_no_sense(data: Path) -> None:
    result = call("play", "--json", "--set", "places=0", "--set", "plases=1")
    assert result.exit_code == 1
    assert "'0' is out of range" in result.output
    assert "Did you mean places?" in result.output


def test_play_refuses_a_pool_with_a_bad_line(data: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool.csv"
    pool.write_text(HEADER + "+12125550110,Ben,\n", encoding="utf-8")
    result = call("play", "--json", "--pool", pool)
    assert result.exit_code == 1
    assert "pool.csv: line 2, consent: the date" in result.output


STORY = """# A mentee who asks is told so.

@ 2026-03-03 18:00 America/New_York
mentee Ana

18:00 Ana > how do i ask my boss for fewer hours a week
18:00 Ana < {expected}
"""


def test_a_story_that_comes_as_written_passes(data: Path, tmp_path: Path) -> None:
    story = tmp_path / "asked.sms"
    story.write_text(STORY.format(expected="(ask.got_nobody)"), encoding="utf-8")
    assert fine("play", story) == f"as written  {story} (1 texts)\n"
    assert "18:00 Ana < (ask.got_nobody)" in fine("try", "--script", story)


def test_a_story_that_comes_otherwise_shows_the_difference_and_can_be_rewritten(data: Path, tmp_path: Path) -> None:
    story = tmp_path / "asked.sms"
    story.write_text(STORY.format(expected="(ask.thin)"), encoding="utf-8")
    result = call("play", story)
    assert result.exit_code == 1
    assert "-18:00 Ana < (ask.thin)\n+18:00 Ana < (ask.got_nobody)" in result.output
    fine("play", "--rewrite", story)
    assert story.read_text(encoding="utf-8") == STORY.format(expected="(ask.got_nobody)")


def test_a_story_that_is_not_there_is_named(data: Path) -> None:
    result = call("try", "--script", "atlantis")
    assert (result.exit_code, result.output) == (1, result.output)
    assert re.match(r"There is no story atlantis\. Try: \w+", result.output)
    assert "Ben" in call("try", "--script", "pause_and_back").output


def test_play_names_each_story_that_it_cannot_read_and_plays_the_others(data: Path, tmp_path: Path) -> None:
    story = "@ 2026-03-03 12:00 America/New_York\nmentee Ana\n12:00 Ana > MENU\n"
    bad = {"lines.sms": b"rubbish", "letters.sms": b"\xff\xfe", "cast.sms": story.replace("mentee Ana", "").encode()}
    for name, words in {"first.sms": story.encode(), **bad, "last.sms": story.encode()}.items():
        (tmp_path / name).write_bytes(words)
    good = [str(tmp_path / "first.sms"), str(tmp_path / "last.sms")]
    fine("play", "--rewrite", *good)
    names = [good[0], *(str(tmp_path / name) for name in bad), str(tmp_path / "none.sms"), str(tmp_path), good[1]]
    for more in ((), ("--rewrite",)):
        result = call("play", *more, *names)
        said = result.stdout
        assert result.exit_code == 1
        assert re.findall(rf"^(?:as written|not played)  ({tmp_path}[^ \n]*)", said, re.MULTILINE) == names
        assert said.count("as written") == 2
        for why in ("lines.sms:1: not a line of a story", "save it as text in UTF-8", "Ana is not in the cast"):
            assert why in said
        assert "none.sms: it cannot be read (No such file or directory)" in said
