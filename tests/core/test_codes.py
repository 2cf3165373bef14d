"""Codes at the start of a text are read as people type them."""

from __future__ import annotations

import pytest

from smsmentor.core.understand import codes


@pytest.mark.parametrize("text", ["K43 ask her", "k43: ask her", "K 43 ask her", "[k-43] ask her", "K４３ ask her"])
def test_a_code_is_read_in_any_case_spacing_and_figures(text: str) -> None:
    coded = codes.read(text)
    assert coded is not None
    assert (coded.code, coded.rest) == ("K43", "ask her")
