"""Whether a network fits, in words; "fits" alone only where budget and board hold."""

from typing import Any

import pytest
from synthetic import board, make_failure, make_record

from suite.records.verdict import describe_fit

OVER = {"violations": {"weights": 0.031, "latency": 0.0}, "feasible": False}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"board": board()}, "fits"),
        ({}, "fits the budget; memory of the board unknown"),
        ({"board": board(ram=None, rom=None)}, "fits the budget; memory of the board unknown"),
        ({"board": board(rom=None)}, "fits the budget; flash of the board unknown"),
        ({"board": board(arena=90_112)}, "fits the budget, not the board (RAM 90,112 of 65,536 B)"),
        ({"board": board(arena=90_112, rom=None)}, "fits the budget, not the board (RAM 90,112 of 65,536 B)"),
        (
            {"board": board(arena=90_112, flash=140_000)},
            "fits the budget, not the board (RAM 90,112 of 65,536 B, flash 140,000 of 131,072 B)",
        ),
        ({"board": board(), **OVER}, "violates by 3.1 %"),
        (OVER, "violates by 3.1 %"),
        (
            {"board": board(flash=140_000), **OVER},
            "violates by 3.1 %, and exceeds the board (flash 140,000 of 131,072 B)",
        ),
        ({**OVER, "violations": {"weights": 0.0001}}, "violates by <0.1 %"),
        ({"board": board(), "budget": {}}, "no budget; fits the board"),
        ({"budget": {}}, "no budget; memory of the board unknown"),
        (
            {"board": board(arena=90_112), "budget": {}},
            "no budget; does not fit the board (RAM 90,112 of 65,536 B)",
        ),
    ],
)
def test_verdicts(fields: dict[str, Any], text: str) -> None:
    assert describe_fit(make_record(**fields)) == text


def test_a_run_that_did_not_finish_has_no_verdict() -> None:
    assert describe_fit(make_failure()) == ""


def test_a_board_with_numbers_of_another_kind_is_unknown() -> None:
    odd = {**board(), "ram_limit": True, "flash_limit": None}
    assert describe_fit(make_record(board=odd)) == "fits the budget; memory of the board unknown"
