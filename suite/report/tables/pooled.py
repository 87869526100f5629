"""Every two methods against each other over all budgets that both ran at, averaged within seeds."""

import itertools
from typing import Any

import pandas as pd

from suite.report.grouping import SETTING, natural_key
from suite.report.tables.differences import DIFFERENCE_COLUMNS, add_difference_columns, add_tests
from suite.report.tables.text import leading_columns

_COLUMNS = [*SETTING, "method", "against", "budgets", "pairs", "clusters", *DIFFERENCE_COLUMNS, "fits", "against_fits"]


def pooled_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every two methods of a benchmark, preset and device that share several budgets.

    `method` is the one with the higher mean score over all its runs, and rows are in the order of these. Columns:
    `budgets` (shared), `pairs` (of runs at one budget with one seed), `clusters` (seeds of these), the
    `DIFFERENCE_COLUMNS` of `add_tests`, `fits` and `against_fits` ("6/6": of these runs, those that meet every
    constraint). Runs of one seed share their warm-up, so their differences are averaged over budgets first: the
    interval and the test are of the clusters' means. Holm's correction is over all pairs of methods of a setting.
    """
    done = df[(df["status"] == "done") & df["score"].notna()]
    rows: list[dict[str, Any]] = []
    for setting, runs in sorted(done.groupby(SETTING), key=lambda item: [natural_key(str(part)) for part in item[0]]):
        rows += [dict(zip(SETTING, map(str, setting), strict=True)) | row for row in _compare_methods(runs)]
    return add_tests(rows, _COLUMNS, SETTING)


def format_pooled_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pooled_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ("method", "against"))
    add_difference_columns(out, table)
    for column, heading in (("clusters", "seeds"), ("budgets", "budgets"), ("pairs", "runs in pairs")):
        out[heading] = table[column].astype(str)
    out["fits budget"], out["against fits budget"] = table["fits"], table["against_fits"]
    return out


def _compare_methods(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for `add_tests` per two methods, from the runs of one benchmark, preset and device."""
    index = ["budget", "seed"]
    scores = runs.pivot_table(index=index, columns="method", values="score")
    fits = runs.pivot_table(index=index, columns="method", values="feasible", aggfunc="min").reindex(scores.index)
    budgets, seeds = (scores.index.get_level_values(name).to_numpy() for name in index)
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
            by_seed = pd.Series(score[both, i] - score[both, j]).groupby(seeds[both]).mean()
            rows.append(row | {"fits": fit[0], "against_fits": fit[1], "clusters": len(by_seed), "_by_seed": by_seed})
    return rows
