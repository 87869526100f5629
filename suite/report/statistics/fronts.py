"""Fronts of score against costs: hypervolume and attainment surfaces, on moocore."""

from collections.abc import Sequence
from typing import Any

import moocore
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from suite.records.frame import by_metric
from suite.report.statistics.intervals import Floats, mean_intervals
from suite.report.text import interval, number, places

_PLACE = ["benchmark", "preset", "device", "metrics", "method", "seed"]

HYPERVOLUME = [*_PLACE, "hypervolume", "runs", "feasible", "trainings"]
"""Columns of `hypervolume_table`."""

WORST_COST = 1.0
"""The reference point's relative cost, for every metric: the seed network's own."""


def hypervolume(points: ArrayLike, chance: float) -> float:
    """Volume of what the points dominate, up to the reference point (chance, 1, ..., 1).

    `points` (N, 1 + M) are a score, better when higher, and M costs over the seed's, better when lower. The volume is
    at most 1 - chance. Points at or beyond the reference point in any coordinate count as nothing, and so do those that
    are not finite; no points have volume 0. As the reference point is the benchmark's, never that of the runs at hand,
    another method's results do not change a method's value.
    """
    found = np.atleast_2d(np.asarray(points, dtype=float))
    found = found[np.isfinite(found).all(axis=1)]
    if not found.size:
        return 0.0
    costs = found.shape[1] - 1
    reference = [chance, *[WORST_COST] * costs]
    return float(moocore.hypervolume(found, ref=reference, maximise=[True, *[False] * costs]))


def attainment(fronts: Sequence[ArrayLike], percentiles: Sequence[float] = (0, 50, 100)) -> Floats:
    """Attainment surfaces (K, 1 + M + 1) of several runs' fronts, each (N, 1 + M): a score and M costs, M is 1 or 2.

    The last column is the share of fronts in % that reach what its row dominates: 0 (any) is the best surface, 50 the
    median's, 100 (all) the worst (Fonseca et al. 2011). With three fronts these are best, middle and worst, no more.

    Raises:
        ValueError: no front has a point, or M is neither 1 nor 2.
    """
    arrays = [np.atleast_2d(np.asarray(front, dtype=float)) for front in fronts]
    arrays = [array for array in arrays if array.size]
    if not arrays or arrays[0].shape[1] not in (2, 3):
        raise ValueError("attainment surfaces need fronts with points of a score and one or two costs")
    sets = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    points = np.concatenate(arrays)
    points[:, 0] *= -1  # moocore's eaf minimises
    surface: Floats = moocore.eaf(points, sets, percentiles=list(percentiles))
    surface[:, 0] *= -1
    return surface


def hypervolume_table(df: pd.DataFrame) -> pd.DataFrame:
    """The front of each method and seed over the budgets that limit the same metrics, in one number.

    Columns: benchmark, preset, device, `metrics` (those budgeted, "weights + latency"; the axes besides the score),
    method, seed, `hypervolume` (see there), `runs` (budgets tried and finished), `feasible` (those that met every
    constraint; the others count as nothing) and `trainings` (full, of all of these runs, in standard trainings).
    Rows without a chance score (records of benchmarks that state none) are left out, and so are runs without a budget.
    """
    limits = by_metric(df, "target")
    done = df[(df["status"] == "done") & df["chance"].notna()]
    limited = done[[f"target/{metric}" for metric in limits]].notna().to_numpy()
    names = pd.Series([" + ".join(m for m, used in zip(limits, row, strict=True) if used) for row in limited])
    done = done.reset_index(drop=True).assign(metrics=names)
    tables = [_of_metrics(str(name), runs) for name, runs in done[names != ""].groupby("metrics")]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=HYPERVOLUME)
    return table.sort_values(_PLACE, ignore_index=True)


def _of_metrics(metrics: str, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs that all have the same metrics budgeted."""
    axes = runs[["score", *(f"relative/{metric}" for metric in metrics.split(" + "))]].to_numpy(dtype=float)
    feasible, chance = runs["feasible"].to_numpy(dtype=bool), runs["chance"].to_numpy(dtype=float)
    trainings = runs["trainings"].to_numpy(dtype=float)
    rows: list[dict[str, Any]] = []
    for key, members in runs.groupby(_PLACE).indices.items():  # a frame for each group would take ten times as long
        at = np.asarray(members)
        fits = at[feasible[at]]
        rows.append(
            {
                **dict(zip(_PLACE, key, strict=True)),  # type: ignore[call-overload]
                "hypervolume": hypervolume(axes[fits], float(chance[at[0]])),
                "runs": len(at),
                "feasible": len(fits),
                "trainings": trainings[at].sum(),
            }
        )
    return pd.DataFrame(rows, columns=HYPERVOLUME)


def readable_hypervolume(table: pd.DataFrame) -> pd.DataFrame:
    """`hypervolume_table` as means over seeds, in rounded text."""
    groups = table.groupby(_PLACE[:-1])
    means = groups[["runs", "feasible", "trainings"]].mean().reset_index()
    out = places(means, ("metrics", "method"))
    found = mean_intervals(values for _, values in groups["hypervolume"])
    out["hypervolume [95%]"] = [interval(i.mean, i.low, i.high) for i in found]
    out["seeds"] = [str(i.n) for i in found]
    for column, heading in (("runs", "budgets"), ("feasible", "of these fit")):
        out[heading] = [number(v, 1).removesuffix(".0") for v in means[column]]
    out["standard trainings"] = [number(v) for v in means["trainings"]]
    return out
