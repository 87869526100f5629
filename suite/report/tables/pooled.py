"""Every two methods against each other over all budgets that both ran at, averaged within seeds."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import SETTING, sort_by_setting
from suite.report.tables.differences import DIFFERENCE_COLUMNS, add_differences, add_tests
from suite.report.tables.text import FITS_BUDGET, leading_columns

_COLUMNS = [*SETTING, "method", "against", "budgets", "pairs", "clusters", "left_out", *DIFFERENCE_COLUMNS]
_COLUMNS += ["fits", "against_fits"]


def pooled_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every two methods of a benchmark, preset and device that share several budgets, at each of which a seed ran on
    both sides.

    Only the seeds that ran at all shared budgets on both sides count; without any there is no row. `method` is the one
    with the higher mean score over these runs. Columns: `budgets` (shared), `pairs` (of runs at one budget with one
    seed), `clusters` (seeds), `left_out` (other seeds of either method at these budgets), the `DIFFERENCE_COLUMNS` of
    `add_tests`, `fits` and `against_fits` ("6/6": of these runs, those that meet every constraint). Runs of one seed
    share their warm-up, so their differences are averaged over budgets first: the interval and the test are of the
    clusters' means. Holm's correction is over all pairs of methods of a setting.
    """
    done = df[(df["status"] == "done") & df["score"].notna()]
    rows: list[dict[str, Any]] = []
    for setting, runs in done.groupby(SETTING):
        rows += [dict(zip(SETTING, map(str, setting), strict=True)) | row for row in _compare_methods(runs)]
    return sort_by_setting(add_tests(rows, _COLUMNS, SETTING), SETTING)


def format_pooled_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pooled_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table, ("method", "against"))
    add_differences(out, table)
    for column, heading in (("clusters", "seeds"), ("left_out", "seeds left out"), ("budgets", "budgets")):
        out[heading] = table[column].astype(str)
    out["runs in pairs"] = table["pairs"].astype(str)
    out[FITS_BUDGET], out[f"against {FITS_BUDGET}"] = table["fits"], table["against_fits"]
    return out


def _compare_methods(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for `add_tests` per two methods, from the runs of one benchmark, preset and device."""
    methods = list(runs.groupby("method")["score"].mean().sort_values(ascending=False, kind="stable").index)
    budgets, seeds = (sorted(set(runs[name])) for name in ("budget", "seed"))
    every_run = pd.MultiIndex.from_product([methods, budgets, seeds])
    groups = runs.groupby(["method", "budget", "seed"])
    shape = (len(methods), len(budgets), len(seeds))
    scores, feasible = (
        groups[name].agg(how).reindex(every_run).to_numpy(dtype=float).reshape(shape)
        for name, how in (("score", "mean"), ("feasible", "min"))
    )
    rows = []
    for i, j in itertools.combinations(range(len(methods)), 2):
        both = np.isfinite(scores[[i, j]]).all(axis=0)
        shared = both.any(axis=1)
        kept = both[shared].all(axis=0)
        if shared.sum() < 2 or not kept.any():
            continue
        of_pairs = np.ix_(shared, kept)
        by_seed = (scores[i][of_pairs] - scores[j][of_pairs]).mean(axis=0)
        better, other = (i, j) if by_seed.mean() >= 0 else (j, i)
        row: dict[str, Any] = {"method": methods[better], "against": methods[other]}
        row |= {"budgets": int(shared.sum()), "pairs": int(shared.sum() * kept.sum()), "clusters": int(kept.sum())}
        ran = np.isfinite(scores[[i, j]][:, shared]).any(axis=(0, 1))
        row["left_out"] = int((ran & ~kept).sum())
        for name, side in (("fits", better), ("against_fits", other)):
            row[name] = f"{int(feasible[side][of_pairs].sum())}/{row['pairs']}"
        rows.append(row | {"_by_seed": by_seed if better == i else -by_seed})
    return rows
