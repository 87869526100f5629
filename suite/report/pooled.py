"""Methods against each other over all budgets that both ran at, paired by budget and seed."""

import itertools
from typing import Any

import pandas as pd

from suite.report.order import natural
from suite.report.statistics.intervals import mean_intervals
from suite.report.text import places, points, rows

_PLACE = ["benchmark", "preset", "device"]

_POOLED = [
    *(*_PLACE, "method", "against", "budgets", "pairs"),
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
    found: list[dict[str, Any]] = []
    for place, runs in sorted(done.groupby(_PLACE), key=lambda item: [natural(str(part)) for part in item[0]]):
        found += [dict(zip(_PLACE, map(str, place), strict=True)) | row for row in _pairs(runs)]
    for row, mean in zip(found, mean_intervals([row.pop("_differences") for row in found]), strict=True):
        row |= {"difference": mean.mean, "difference_low": mean.low, "difference_high": mean.high}
    return pd.DataFrame(found, columns=_POOLED)


def readable_pooled(table: pd.DataFrame) -> pd.DataFrame:
    """`pooled_table` as rounded text; differences of scores in points (hundredths)."""
    out = places(table, ("method", "against"))
    bounds = rows(table, "difference", "difference_low", "difference_high")
    out["difference, points [95%]"] = [points(*row) for row in bounds]
    out["budgets"], out["pairs"] = table["budgets"].astype(str), table["pairs"].astype(str)
    out["fits"], out["against fits"] = table["fits"], table["against_fits"]
    return out


def _pairs(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one place."""
    index = ["budget", "seed"]
    scores = runs.pivot_table(index=index, columns="method", values="score")
    fits = runs.pivot_table(index=index, columns="method", values="feasible", aggfunc="min").reindex(scores.index)
    budgets = scores.index.get_level_values("budget").to_numpy()
    methods = [str(m) for m in scores.mean().sort_values(ascending=False, kind="stable").index]
    ran, score = scores[methods].notna().to_numpy(), scores[methods].to_numpy(dtype=float)
    feasible = fits[methods].to_numpy(dtype=float)
    found = []
    for i, j in itertools.combinations(range(len(methods)), 2):
        both = ran[:, i] & ran[:, j]
        shared, pairs = len(set(budgets[both])), int(both.sum())
        if shared > 1:
            fit = [f"{int(feasible[both, k].sum())}/{pairs}" for k in (i, j)]
            row = {"method": methods[i], "against": methods[j], "budgets": shared, "pairs": pairs}
            row |= {"fits": fit[0], "against_fits": fit[1], "_differences": score[both, i] - score[both, j]}
            found.append(row)
    return found
