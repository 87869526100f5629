"""Numbers of docs/method.md about the taper search are those of the recorded report."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "results" / "better_search" / "report" / "tables"
BENCHMARKS = ("keyword_spotting", "visual_wake_words", "image_classification")
BUDGETS = ("weights 25% + latency 50%", "weights 12.5% + macs 30%")

pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason="no recorded experiments here")


def _rows(start: str) -> Iterator[list[str]]:
    """The cells of the lines of the table that begins with `start`, its two head lines left out."""
    text = (ROOT / "docs" / "method.md").read_text()
    table = text[text.index(start) :].split("\n\n", 1)[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_scores_violations_and_costs_of_the_evidence() -> None:
    main = pd.read_csv(TABLES / "main.csv").set_index(["benchmark", "budget", "method"])
    runs = pd.read_csv(TABLES / "runs.csv")
    runs["alone"] = runs["trainings"] - runs["trainings_shared"]
    alone = runs.groupby(["benchmark", "budget", "method"])["alone"].mean()
    benchmark, seen = "", 0
    for method, *cells in _rows("| test score, mean and range"):
        if method.startswith("**"):
            benchmark = method.strip("*")
            continue
        for budget, (score, cost, over) in zip(BUDGETS, (cells[:3], cells[3:]), strict=True):
            row = main.loc[benchmark, budget, method]
            assert score.startswith(f"{row.score:.3f} [{row.score_low:.3f}, {row.score_high:.3f}]")
            assert cost == f"{row.trainings:.2f} ({alone[benchmark, budget, method]:.2f})"
            assert over == ("-" if pd.isna(row.max_search_violation) else f"{100 * row.max_search_violation:.0f} %")
            assert ("over" in score) == (row.fits != "3/3")
            seen += 1
    assert seen == len(main)


def test_pooled_differences() -> None:
    pooled = {}
    for row in pd.read_csv(TABLES / "pooled.csv").itertuples():
        bounds = row.difference, row.difference_low, row.difference_high
        pooled[row.benchmark, row.method, row.against] = bounds
        pooled[row.benchmark, row.against, row.method] = -bounds[0], -bounds[2], -bounds[1]
    rows = list(_rows("| difference in points, pooled"))
    assert rows
    for name, *cells in rows:
        method, against = name.split(" - ")
        for benchmark, cell in zip(BENCHMARKS, cells, strict=True):
            told = [float(number) for number in re.findall(r"[+-][\d.]+", cell)]
            assert told == [float(f"{100 * value:.1f}") for value in pooled[benchmark, method, against]]
