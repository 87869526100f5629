"""Differences of test scores between two methods, by seed: what the tables of pairs, variants and pools share."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import GROUP, MethodVariant
from suite.report.statistics.comparison import MethodRuns, runs_by_group
from suite.report.statistics.intervals import ERROR, FEWEST_PAIRS, holm, mean_interval, paired_p
from suite.report.tables.text import format_p, format_points, format_rows

DIFFERENCE_COLUMNS = ["difference", "difference_low", "difference_high", "p", "p_holm", "different"]

Budget = tuple[str, str, str, str]
"""Benchmark, preset, device and budget."""


def runs_by_budget(df: pd.DataFrame) -> dict[Budget, dict[MethodVariant, MethodRuns]]:
    """Benchmark, preset, device and budget -> method -> its finished runs."""
    budgets: dict[Budget, dict[MethodVariant, MethodRuns]] = defaultdict(dict)
    for group, runs in runs_by_group(df).items():
        budgets[group[:4]][group[4]] = runs
    return budgets


def compare_runs(budget: Budget, method: MethodRuns, other: MethodRuns) -> dict[str, Any]:
    """A row for `add_tests`, which has the differences over paired seeds in `_by_seed`, none of a method to itself;
    `fits` and `against_fits` are the runs of these seeds that meet every constraint ("4/5").
    """
    ours, theirs = method.paired(other)
    row: dict[str, Any] = dict(zip(GROUP, (*budget, method.method), strict=True))
    return row | {
        "against": other.method,
        "pairs": len(ours.seeds),
        "fits": ours.fits,
        "against_fits": theirs.fits,
        "_by_seed": () if method is other else np.subtract(ours.scores, theirs.scores),
    }


def add_tests(rows: list[dict[str, Any]], columns: list[str], block: list[str]) -> pd.DataFrame:
    """Replace each row's differences `_by_seed` by the `DIFFERENCE_COLUMNS`, corrected for the tests of its block.

    Columns: `difference` with the bounds of Student's t interval at 95 %, `p` of the two-sided paired t test, `p_holm`
    adjusted for the number of tests among rows that agree in the columns `block`, and `different`, whether that is
    below 5 % and there are at least `FEWEST_PAIRS` differences. A row without differences has none of these.
    """
    enough = [len(row["_by_seed"]) >= FEWEST_PAIRS for row in rows]
    for row in rows:
        by_seed = row.pop("_by_seed")
        row |= mean_interval(by_seed).columns("difference") | {"p": paired_p(by_seed)}
    table = pd.DataFrame(rows, columns=columns)
    table["p_holm"] = table.groupby(block)["p"].transform(holm).astype(float)
    table["different"] = (table["p_holm"] < ERROR) & np.array(enough, dtype=bool)
    return table


def add_differences(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` the `DIFFERENCE_COLUMNS` of `table`."""
    out["difference, points [95%]"] = format_rows(format_points, table, *DIFFERENCE_COLUMNS[:3])
    tests = zip(table["p_holm"], table["different"], strict=True)
    out["p, Holm"] = [format_p(p) + (": different" if different else "") for p, different in tests]
