"""Fronts of score against costs: hypervolume, by moocore."""

import moocore
import numpy as np
from numpy.typing import ArrayLike

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
