"""Every method against our search at the same budget, paired by seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import GROUP, plain_variant
from suite.report.statistics.intervals import probability_of_improvement
from suite.report.tables.differences import (
    DIFFERENCE_COLUMNS,
    add_difference_columns,
    add_tests,
    compare_runs,
    runs_by_budget,
)
from suite.report.tables.ordering import sort_as_main_table
from suite.report.tables.text import format_number, leading_columns, numeric_rows

COMPARED_WITH = ("duccio_projected", "duccio")
"""The methods that all others are compared with: the first of these that ran at the budget."""


def pairs_table(df: pd.DataFrame, main: pd.DataFrame, compared_with: Sequence[str] = COMPARED_WITH) -> pd.DataFrame:
    """Every method against one other, at the same benchmark, preset, device and budget.

    `main` is the `main_table` of `df` and gives the order. Columns: GROUP, `against`, `pairs` (seeds on both sides),
    `score` and `against_score` (means over all runs), the `DIFFERENCE_COLUMNS` (see `add_tests`; differences are
    positive where the row's method is better, Holm's correction is over the methods at one budget) and `improvement`
    (share of all pairs of runs in which the row's method is better). Variants of the method that is compared with are
    in `ablation_table`.
    """
    rows: list[dict[str, Any]] = []
    for budget, methods in runs_by_budget(df).items():
        names = {method.method for method in methods}
        name = next((name for name in compared_with if name in names), None)
        if name is None:
            continue
        other = methods[plain_variant(method for method in methods if method.method == name)]
        for method, runs in methods.items():
            if method.method != name:
                row = compare_runs(budget, runs, other)
                row |= {"score": np.mean(runs.scores), "against_score": np.mean(other.scores)}
                rows.append(row | {"improvement": probability_of_improvement(runs.scores, other.scores)})
    columns = [*GROUP, "against", "pairs", "score", "against_score", *DIFFERENCE_COLUMNS, "improvement"]
    return sort_as_main_table(add_tests(rows, columns, GROUP[:4]), main)


def format_pairs_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pairs_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    out["against"] = table["against"].astype(str)
    scores = numeric_rows(table, "score", "against_score")
    out["float scores"] = [f"{format_number(ours, 3)}, {format_number(theirs, 3)}" for ours, theirs in scores]
    add_difference_columns(out, table)
    out["chance to be better"] = [format_number(chance) for chance in table["improvement"]]
    out["seeds"] = table["pairs"].astype(str)
    return out
