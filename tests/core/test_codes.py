"""Codes, the short names of requests: read as people type them, and a slip is refused: it must reach no stranger."""

from __future__ import annotations

import pytest

from smsmentor.core.understand import codes
from smsmentor.core.understand.codes import LETTERS, check_digit, valid

CODES = [
    letter + digits + check_digit(letter, digits)
    for letter in LETTERS
    for digits in [*map(str, range(10)), *[f"{number:02d}" for number in range(100)]]
]


@pytest.mark.parametrize("text", ["K43 ask her", "k43: ask her", "K 43 ask her", "[k-43] ask her", "K４３ ask her"])
def test_a_code_is_read_in_any_case_spacing_and_figures(text: str) -> None:
    coded = codes.read(text)
    assert coded is not None
    assert (coded.code, coded.rest) == ("K43", "ask her")


def test_one_wrong_digit_is_refused() -> None:
    assert all(map(valid, CODES))
    slips = (
        code[:place] + digit + code[place + 1 :]
        for code in CODES
        for place in range(1, len(code))
        for digit in "0123456789"
        if digit != code[place]
    )
    assert not any(map(valid, slips))


def test_two_swapped_digits_are_refused() -> None:
    swaps = (
        code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        for code in CODES
        for place in range(1, len(code) - 1)
        if code[place] != code[place + 1]
    )
    assert not any(map(valid, swaps))


@pytest.mark.parametrize(
    "row", ["QWERTYU", "UP", "ASDFGH", "HJK", "XCVBNM", "ABC", "DEF", "GH", "JK", "MN", "PQR", "TUV", "WXY"]
)
def test_a_letter_taken_for_its_neighbour_is_refused(row: str) -> None:
    for code in (code for code in CODES if code[0] in row):
        place = row.index(code[0])
        for other in row[max(place - 1, 0) : place + 2].replace(code[0], ""):
            assert other not in LETTERS or not valid(other + code[1:]), (code, other)
