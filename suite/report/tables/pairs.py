"""Every method against DUCCIO at the same budget, paired by seed."""

import math
from typing import Any

import numpy as np
import pandas as pd

from suite.records.store import Store
from suite.report.grouping import GROUP
from suite.report.statistics.comparison import Comparer, IncomparableRunsError, MethodRuns
from suite.report.tables.differences import (
    DIFFERENCE_COLUMNS,
    add_difference_columns,
    add_difference_intervals,
    compare_runs,
    plain_variant,
    runs_by_budget,
)
from suite.report.tables.markup import MISSING
from suite.report.tables.ordering import sort_as_main_table
from suite.report.tables.text import format_number, leading_columns, numeric_rows

COMPARED_WITH = "duccio"
"""The method that all others are compared with."""


def pairs_table(df: pd.DataFrame, main: pd.DataFrame, store: Store, compared_with: str = COMPARED_WITH) -> pd.DataFrame:
    """Every method against one other, at the same benchmark, preset, device and budget.

    `main` is the `main_table` of `df` and gives the order. Columns: GROUP, `against`, `pairs` (seeds on both sides),
    `score` and `against_score` (means over all runs), `difference` of score with bounds (mean over paired seeds,
    positive where the row's method is better), `improvement` (chance that a run of the row's method beats one of the
    other's, with bounds), and `mcnemar_p` where a single pair is all there is. Variants of
    `compared_with` are in `ablation_table`.
    """
    comparer = Comparer(store)
    rows: list[dict[str, Any]] = []
    for budget, methods in runs_by_budget(df).items():
        variants = [method for method in methods if method.method == compared_with]
        if not variants:
            continue
        other = methods[plain_variant(variants)]
        for method, runs in methods.items():
            if method not in variants:
                scores = {"score": np.mean(runs.scores), "against_score": np.mean(other.scores)}
                row = compare_runs(budget, runs, other) | scores
                rows.append(row | {"mcnemar_p": _mcnemar_p(comparer, runs, other)})
    columns = [*GROUP, "against", "pairs", "score", "against_score", *DIFFERENCE_COLUMNS, "mcnemar_p"]
    return sort_as_main_table(add_difference_intervals(rows, columns), main)


def format_pairs_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pairs_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    out["against"] = table["against"].astype(str)
    scores = numeric_rows(table, "score", "against_score")
    out["float scores"] = [f"{format_number(ours, 3)}, {format_number(theirs, 3)}" for ours, theirs in scores]
    add_difference_columns(out, table)
    if table["mcnemar_p"].notna().any():
        out["McNemar p"] = [
            MISSING if pd.isna(p) else "<0.001" if p < 0.001 else format_number(p, 3) for p in table["mcnemar_p"]
        ]
    return out


def _mcnemar_p(comparer: Comparer, method: MethodRuns, other: MethodRuns) -> float:
    if max(len(method.seeds), len(other.seeds)) > 1:
        return math.nan
    try:
        return comparer.mcnemar(method, other)
    except IncomparableRunsError:
        return math.nan
