"""Differences of test scores between two methods, by seed: what the tables of pairs, variants and pools share."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import GROUP, MethodVariant
from suite.report.statistics.comparison import MethodRuns, runs_by_group
from suite.report.statistics.intervals import mean_intervals, probability_of_improvement
from suite.report.tables.text import format_interval, format_points, numeric_rows

DIFFERENCE_COLUMNS = [
    *("difference", "difference_low", "difference_high"),
    *("improvement", "improvement_low", "improvement_high"),
]


Budget = tuple[str, str, str, str]
"""Benchmark, preset, device and budget."""


def runs_by_budget(df: pd.DataFrame) -> dict[Budget, dict[MethodVariant, MethodRuns]]:
    """Benchmark, preset, device and budget -> method -> its finished runs."""
    budgets: dict[Budget, dict[MethodVariant, MethodRuns]] = defaultdict(dict)
    for group, runs in runs_by_group(df).items():
        budgets[group[:4]][group[4]] = runs
    return budgets


def plain_variant(variants: Iterable[MethodVariant]) -> MethodVariant:
    """The default among variants of one method, else the one in which the fewest settings differ from it."""
    return min(variants, key=lambda variant: (len(variant.variant), variant))


def compare_runs(budget: Budget, method: MethodRuns, other: MethodRuns) -> dict[str, Any]:
    """A row for `add_difference_intervals`: `improvement`, and in `_by_seed` the differences over paired seeds."""
    ours, theirs = method.paired(other)
    chance = probability_of_improvement(method.scores, other.scores)
    row: dict[str, Any] = dict(zip(GROUP, (*budget, method.method), strict=True))
    row |= {"against": other.method, "pairs": len(ours.seeds), "_by_seed": np.subtract(ours.scores, theirs.scores)}
    return row | {"improvement": chance.mean, "improvement_low": chance.low, "improvement_high": chance.high}


def add_difference_intervals(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Replace each row's differences `_by_seed` by their mean and bootstrap interval, all computed in one batch."""
    intervals = mean_intervals([row.pop("_by_seed") for row in rows])
    for row, mean in zip(rows, intervals, strict=True):
        row |= {"difference": mean.mean, "difference_low": mean.low, "difference_high": mean.high}
    return pd.DataFrame(rows, columns=columns)


def add_difference_columns(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` the `DIFFERENCE_COLUMNS` of `table`."""
    out["difference, points [95%]"] = format_differences(table)
    chances = numeric_rows(table, "improvement", "improvement_low", "improvement_high")
    out["chance to be better [95%]"] = [format_interval(*row, digits=2) for row in chances]
    out["seeds"] = table["pairs"].astype(str)


def format_differences(table: pd.DataFrame) -> list[str]:
    """`difference` of each row with its bounds, in points."""
    return [format_points(*row) for row in numeric_rows(table, "difference", "difference_low", "difference_high")]
