"""Damaged and odd inputs of every kind: each is read or refused with a reason, and nothing else is done.

A finding names the seed that repeats it: FUZZ_SEED=THAT pytest -m faults tests/faults/test_fuzz.py -k NAME
"""

import os
import time
from pathlib import Path

import pytest
from fuzz_configs import CONFIGS
from fuzz_data import DATA
from fuzz_records import RECORDS
from fuzz_runs import RUNS
from fuzzing import SECONDS, FuzzTally, campaign

TARGETS = RECORDS | RUNS | DATA | CONFIGS
BATCH = 8
"""Times the few of a target: tried before the clock is looked at again."""


@pytest.mark.parametrize("name", TARGETS)
def test_none_of_a_few_inputs_is_a_finding(name: str, tmp_path: Path) -> None:
    fuzz = TARGETS[name](tmp_path)
    campaign(fuzz, tmp_path, FuzzTally(), seconds=0, seed=0, examples=fuzz.few)


@pytest.mark.faults
@pytest.mark.timeout(20 * SECONDS + 600)
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_a_finding(name: str, tmp_path: Path, add_fuzz_row) -> None:
    seed, tally = int(os.environ.get("FUZZ_SEED", time.time_ns() % 10**9)), FuzzTally()
    fuzz = TARGETS[name](tmp_path)
    try:
        campaign(fuzz, tmp_path, tally, seconds=SECONDS, seed=seed, examples=BATCH * fuzz.few)
    finally:
        add_fuzz_row(name, seed, tally)
    assert tally.examples > 0


def test_all_of_them_take_ten_minutes() -> None:
    assert len(TARGETS) * SECONDS >= 600 or "FUZZ_SECONDS" in os.environ
