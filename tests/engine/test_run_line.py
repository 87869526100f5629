"""The line at a run's end."""

import logging

import pytest
from synthetic import board, make_record

from suite.engine.jobs import _log_result


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"board": board()}, "0.9000 (float), fits, "),
        ({}, "fits the budget; memory of the board unknown, "),
        ({"extrapolated": ("31,000 MACs, below 0.2 M",)}, ", latency extrapolated (31,000 MACs, below 0.2 M), "),
    ],
)
def test_it_says_whose_score_it_is_and_what_holds(fields: dict, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _log_result(make_record(scores={"test": 0.9}, **fields), "run")
    assert said in caplog.text
    assert ("extrapolated" in caplog.text) == ("extrapolated" in fields)
