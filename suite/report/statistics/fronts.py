"""Fronts of score against costs: hypervolume and attainment surfaces, on moocore."""

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike

from suite.report.statistics.intervals import Floats

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
