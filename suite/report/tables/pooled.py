"""Every two methods against each other over all budgets that both ran at, paired by budget and seed."""

import itertools
from typing import Any

import pandas as pd

from suite.report.grouping import SETTING, natural_key
from suite.report.tables.differences import add_difference_intervals, format_differences
from suite.report.tables.text import leading_columns

_COLUMNS = [
    *(*SETTING, "method", "against", "budgets", "pairs"),
    *("difference", "difference_low", "difference_high", "fits", "against_fits"),
]


def pooled_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every two methods of a benchmark, preset and device that share several budgets.

    `method` is the one with the higher mean score over all its runs, and rows are in the order of these. Columns:
    `budgets` (shared), `pairs` (of runs at one budget with one seed), `difference` of test score with bounds (mean over
    pairs), `fits` and `against_fits` ("6/6": of these runs, those that meet every constraint). Pairs are resampled as
    if independent, although those of one seed may share a warm-up.
    """
    done = df[(df["status"] == "done") & df["score"].notna()]
    rows: list[dict[str, Any]] = []
    for setting, runs in sorted(done.groupby(SETTING), key=lambda item: [natural_key(str(part)) for part in item[0]]):
        rows += [dict(zip(SETTING, map(str, setting), strict=True)) | row for row in _compare_methods(runs)]
    return add_difference_intervals(rows, _COLUMNS)


def format_pooled_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pooled_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ("method", "against"))
    out["difference, points [95%]"] = format_differences(table)
    out["budgets"], out["pairs"] = table["budgets"].astype(str), table["pairs"].astype(str)
    out["fits budget"], out["against fits budget"] = table["fits"], table["against_fits"]
    return out


def _compare_methods(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for `add_difference_intervals` per two methods, from the runs of one benchmark, preset and device."""
    index = ["budget", "seed"]
    scores = runs.pivot_table(index=index, columns="method", values="score")
    fits = runs.pivot_table(index=index, columns="method", values="feasible", aggfunc="min").reindex(scores.index)
    budgets = scores.index.get_level_values("budget").to_numpy()
    methods = list(scores.mean().sort_values(ascending=False, kind="stable").index)
    ran, score = scores[methods].notna().to_numpy(), scores[methods].to_numpy(dtype=float)
    feasible = fits[methods].to_numpy(dtype=float)
    rows = []
    for i, j in itertools.combinations(range(len(methods)), 2):
        both = ran[:, i] & ran[:, j]
        shared, pairs = len(set(budgets[both])), int(both.sum())
        if shared > 1:
            fit = [f"{int(feasible[both, k].sum())}/{pairs}" for k in (i, j)]
            row = {"method": methods[i], "against": methods[j], "budgets": shared, "pairs": pairs}
            row |= {"fits": fit[0], "against_fits": fit[1], "_by_seed": score[both, i] - score[both, j]}
            rows.append(row)
    return rows
