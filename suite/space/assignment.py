"""One branch for each position, as a mixed-integer program (scipy's HiGHS)."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import Bounds, LinearConstraint, milp

Limit = tuple[float, Sequence[Sequence[float]], float]
"""(cost of the layers outside all choices, cost of each branch at each position, target), for one metric."""


def best_assignment(
    preferences: Sequence[Sequence[float]],
    limits: Sequence[Limit],
    cuts: Sequence[Sequence[tuple[int, int]]] = (),
) -> tuple[int, ...] | None:
    """The branches with the largest sum of preferences within all limits; None where there are none.

    Args:
        preferences: one number for each branch of each position.
        limits: sums that must not exceed their targets.
        cuts: sets of (position, branch) that must not be chosen all together.
    """
    sizes = [len(values) for values in preferences]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    total = int(starts[-1])
    constraints = [LinearConstraint(block_diag(*(np.ones(size) for size in sizes)), 1, 1)]
    for fixed, costs, target in limits:
        if fixed > target:
            return None
        constraints.append(LinearConstraint(np.concatenate(costs) / target, ub=1 - fixed / target))
    for cut in cuts:
        if not cut:  # what exceeds the limit is not a matter of choice
            return None
        row = np.zeros(total)
        row[[starts[i] + k for i, k in cut]] = 1
        constraints.append(LinearConstraint(row, ub=len(cut) - 1))
    solved = milp(
        -np.concatenate([np.asarray(values, dtype=float) for values in preferences]),
        integrality=np.ones(total),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        return None
    return tuple(int(np.argmax(solved.x[a : a + n])) for a, n in zip(starts[:-1], sizes, strict=True))
