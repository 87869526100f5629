"""How long the verbs that only read take to start, beside an import of torch, which they can do without."""

import subprocess
import sys
from pathlib import Path

import pytest
from pairs import TimePairs
from speed_figures import RecordFigure

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.mark.parametrize(
    ("arguments", "at_most"),
    [
        pytest.param(["--help"], 0.2, id="help"),
        pytest.param(["list"], 0.45, id="list"),
        pytest.param(["status", str(RESULTS / "digits")], 0.45, id="status"),
    ],
)
def test_a_verb_starts_faster_than_torch(
    arguments: list[str], at_most: float, time_pairs: TimePairs, figure: RecordFigure
) -> None:
    def verb() -> None:
        subprocess.run([sys.executable, "-m", "suite.cli", *arguments], check=True, stdout=subprocess.DEVNULL)

    def torch() -> None:
        subprocess.run([sys.executable, "-c", "import torch"], check=True)

    pairs = time_pairs(verb, torch, rounds=5, warmup=1)
    figure("import of torch", pairs.reference_seconds, "s")
    figure("the verb", pairs.tested_seconds, "s")
    figure("the verb against the import", pairs.cost, "x", at_most=at_most)
