"""The hypervolume of each method's front of score against budgeted costs."""

import itertools
from collections.abc import Sequence

import moocore
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from suite.records.frame import by_metric
from suite.report.grouping import SETTING
from suite.report.statistics.intervals import mean_interval
from suite.report.tables.text import format_interval, format_number, format_rows, leading_columns

FEWEST_BUDGETS = 3
"""Budgets of the same metrics below which a front says little more than how far below its budget a method stays."""

WORST_COST = 1.0
"""The reference point's relative cost, for every metric: the reference network's own."""


def hypervolume(points: ArrayLike, chance: float) -> float:
    """Volume of what the points dominate, up to the reference point (chance, 1, ..., 1).

    `points` (N, 1 + M) are a score, better when higher, and M costs over the reference network's, better when lower.
    The volume is at most 1 - chance. Points at or beyond the reference point in any coordinate count as nothing, and so
    do those that are not finite; no points have volume 0. As the reference point is the benchmark's, never that of the
    runs at hand, another method's results do not change a method's value.
    """
    front = np.atleast_2d(np.asarray(points, dtype=float))
    front = front[np.isfinite(front).all(axis=1)]
    if not front.size:
        return 0.0
    costs = front.shape[1] - 1
    reference_point = [chance, *[WORST_COST] * costs]
    return float(moocore.hypervolume(front, ref=reference_point, maximise=[True, *[False] * costs]))


_GROUP = [*SETTING, "metrics", "method"]

HYPERVOLUME_COLUMNS = [
    *(*_GROUP, "hypervolume", "hypervolume_low", "hypervolume_high", "seeds"),
    *("hypervolume_by_seed", "runs", "feasible", "trainings"),
]
"""Columns of `hypervolume_table`."""


def hypervolume_table(df: pd.DataFrame) -> pd.DataFrame:
    """The front of each method over the budgets that limit the same metrics, in one number, the mean over its seeds.

    Columns: benchmark, preset, device, `metrics` (those budgeted, "weights + latency"; the axes besides the score),
    method, `hypervolume` (see there) with its interval, `seeds` (their number), `hypervolume_by_seed` (in the seeds'
    order), and of a seed on average `runs` (budgets tried and finished), `feasible` (those that met every constraint;
    the others count as nothing) and `trainings` (full, of all of these runs, in standard trainings).
    Fronts of fewer than `FEWEST_BUDGETS` budgets are left out, and so are seeds that miss a budget which other seeds of
    the method ran at (a front of fewer points is smaller for that alone), rows without a chance score (records of
    benchmarks that state none) and runs without a budget.
    """
    limits = by_metric(df, "target")
    done = df[(df["status"] == "done") & df["chance"].notna()]
    limited = done[[f"target/{metric}" for metric in limits]].notna().to_numpy()
    done = done.assign(metrics=[" + ".join(itertools.compress(limits, row)) for row in limited])
    rows = []
    for key, of_method in done[done["metrics"] != ""].groupby(_GROUP):
        axes = ["score", *(f"relative/{metric}" for metric in limits if of_method[f"target/{metric}"].notna().all())]
        fewest = max(FEWEST_BUDGETS, of_method["budget"].nunique())
        whole = [runs for _, runs in of_method.groupby("seed") if runs["budget"].nunique() >= fewest]
        if whole:
            rows.append((*key, *_mean_over_seeds(whole, axes)))
    return pd.DataFrame(rows, columns=HYPERVOLUME_COLUMNS).sort_values(_GROUP, ignore_index=True)


def _mean_over_seeds(fronts: Sequence[pd.DataFrame], axes: Sequence[str]) -> tuple[object, ...]:
    """The columns behind the method, from the runs of each seed."""
    fitting = [runs[runs["feasible"].astype(bool)] for runs in fronts]
    chance = float(fronts[0]["chance"].iloc[0])
    volumes = [hypervolume(runs[list(axes)].to_numpy(dtype=float), chance) for runs in fitting]
    interval = mean_interval(volumes)
    sums = (sum(map(len, fronts)), sum(map(len, fitting)), sum(runs["trainings"].sum() for runs in fronts))
    means = (total / len(fronts) for total in sums)
    return interval.mean, interval.low, interval.high, interval.n, tuple(volumes), *means


def format_hypervolume_table(table: pd.DataFrame) -> pd.DataFrame:
    """`hypervolume_table` as rounded text."""
    out = leading_columns(table, ("metrics", "method"))
    columns = ("hypervolume", "hypervolume_low", "hypervolume_high")
    out["hypervolume [95%]"] = format_rows(format_interval, table, *columns)
    out["seeds"] = table["seeds"].astype(str)
    for column, heading in (("runs", "budgets"), ("feasible", "of these fit budget")):
        out[heading] = [format_number(v, 1).removesuffix(".0") for v in table[column]]
    out["standard trainings"] = [format_number(v) for v in table["trainings"]]
    return out
