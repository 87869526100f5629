"""Means over few runs with Student's t, comparisons in pairs, and Holm's correction where many are compared."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

ERROR = 0.05
"""Share of all cases in which methods are said to differ though they do not; every table and figure tests at it."""

FEWEST_PAIRS = 5
"""Paired seeds below which nothing is claimed: no method is called different, shown or refuted."""

NO_SPREAD = 1e-12
"""Range below which values count as equal: differences of equal scores differ by rounding."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Mean of `n` values with the bounds of its interval, in the values' unit; bounds are NaN where there are none."""

    mean: float
    low: float
    high: float
    n: int

    def columns(self, name: str) -> dict[str, float]:
        """The columns of a table that hold it: `name`, `name`_low and `name`_high."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}


def mean_interval(values: Iterable[float]) -> Interval:
    """Mean and Student's t interval at 95 %; NaN values are left out.

    Bounds are NaN for a single value and where all values agree: scores of few test examples do so by chance, which
    proves no precision. They assume values that are normal around the true mean, and then hold it in 95 % of all cases
    however few values there are; they may lie outside the range that is possible for a single value. The result does
    not depend on the order of the values.

    >>> mean_interval([0.80, 0.82, 0.90])
    Interval(mean=0.84, low=0.708..., high=0.971..., n=3)
    """
    array = _sorted_without_nan(values)
    n = len(array)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    if array[-1] - array[0] < NO_SPREAD:
        return Interval(float(array[0]), math.nan, math.nan, n)
    mean, half = float(array.mean()), t_quantile(1 - ERROR / 2, n - 1) * standard_error(array)
    return Interval(mean, mean - half, mean + half, n)


def standard_error(values: Iterable[float]) -> float:
    """Standard error of the mean of independent values (n,), in their unit; NaN values are left out.

    NaN for fewer than two; where all agree 0, up to rounding.
    """
    array = _sorted_without_nan(values)
    return float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else math.nan


def paired_p(differences: Iterable[float]) -> float:
    """Two-sided p of Student's t test that the mean of paired differences (n,) is 0.

    NaN for fewer than two, and where all agree: scores of few test examples do so by chance, which proves nothing.
    """
    array = _sorted_without_nan(differences)
    if len(array) < 2 or array[-1] - array[0] < NO_SPREAD:
        return math.nan
    statistic = array.mean() / (array.std(ddof=1) / math.sqrt(len(array)))
    return float(2 * stdtr(len(array) - 1, -abs(statistic)))


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p (K,) of K hypotheses that are tested together; below 5 %, the hypothesis is rejected.

    The k-th smallest p is multiplied by K - k + 1, and none is below that of a smaller p (Holm 1979,
    www.jstor.org/stable/4615733). The chance that any true hypothesis is rejected stays below 5 %, whatever the
    dependence between them. NaN, a hypothesis that was not tested, stays NaN and is not counted.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    adjusted = p.copy()
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def holm_errors(p_values: ArrayLike) -> Floats:
    """The error (K,) at which Holm's procedure compares each p (K,) in [0, 1]: p < error where it is rejected.

    The smallest p is compared with 5 % over K, the next with 5 % over K - 1, and so on; at the first that is not below
    its error the procedure stops, and that error is the one of all that are left. A bound at this error is beyond a
    margin exactly where the hypothesis of that margin is rejected.

    >>> holm_errors([0.01, 0.04, 0.03])
    array([0.01666667, 0.025     , 0.025     ])
    """
    p = np.asarray(p_values, dtype=float)
    errors = np.empty(len(p))
    order = np.argsort(p, kind="stable")
    steps = ERROR / np.arange(len(p), 0, -1)
    stop = next((k for k, at in enumerate(order) if not p[at] < steps[k]), len(p))
    errors[order] = steps[np.minimum(np.arange(len(p)), stop)]
    return errors


def probability_of_improvement(a: Iterable[float], b: Iterable[float]) -> float:
    """Share of all pairs in which a run of `a` (n,) beats one of `b` (m,), ties counted half; NaN without a pair.

    The Mann-Whitney statistic over n m, as in Agarwal et al. 2021 (arXiv 2108.13264), eq. 3.
    """
    first, second = _sorted_without_nan(a), _sorted_without_nan(b)
    wins = (first[:, None] > second) + 0.5 * (first[:, None] == second)
    return float(wins.mean()) if wins.size else math.nan


def t_quantile(share: float, freedom: float) -> float:
    """Quantile of Student's t (`scipy.stats.t.ppf`, a hundred times as fast)."""
    return float(stdtrit(freedom, share))


def _sorted_without_nan(values: Iterable[float]) -> Floats:
    """Without NaN and sorted, so that results do not depend on the order of runs."""
    array = np.fromiter(values, dtype=float)
    return np.sort(array[~np.isnan(array)])
