"""Means, shares and comparisons over few runs, and how much they can be trusted."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, bootstrap, trim_mean

LEVEL = 0.95
RESAMPLES = 2000
_GROUPS_AT_ONCE = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Mean of `n` values, or another estimate made of them, with the bounds of its interval, in the values' unit."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class PerformanceProfile:
    """Share of runs above each threshold (T,) with pointwise bounds (T,), all in [0, 1]."""

    share: Floats
    low: Floats
    high: Floats


def mean_interval(values: Iterable[float], level: float = LEVEL) -> Interval:
    """Mean and percentile bootstrap interval; NaN values are left out.

    Bounds are NaN for a single value and equal to the mean where all values agree. The result depends on the
    values only, not on their order. Three values have ten distinct resampled means, so at 95 % the interval
    is simply their range: it says how far the seeds lie apart and proves little more. Simulated with normal values,
    it holds the true mean in 75 % of all cases for three values, 84 % for five, 92 % for ten and 93 % for thirty.
    (BCa would need the skewness of the three.)
    """
    return mean_intervals([values], level)[0]


def mean_intervals(groups: Iterable[Iterable[float]], level: float = LEVEL) -> list[Interval]:
    """`mean_interval` of many groups of values, in one go for all that have the same size."""
    cleaned = [tuple(sorted(float(v) for v in values if not math.isnan(v))) for values in groups]
    intervals = {values: _interval_without_bounds(values) for values in cleaned}
    for size in {len(values) for values in intervals}:
        spread = [values for values in intervals if len(values) == size > 1 and values[0] != values[-1]]
        # Slices, since the resampled values of all groups are in memory together.
        for start in range(0, len(spread), _GROUPS_AT_ONCE):
            part = spread[start : start + _GROUPS_AT_ONCE]
            for values, (low, high) in zip(part, _bootstrap_bounds(np.array(part), level), strict=True):
                intervals[values] = replace(intervals[values], low=low, high=high)
    return [intervals[values] for values in cleaned]


def _interval_without_bounds(values: tuple[float, ...]) -> Interval:
    if not values:
        return Interval(math.nan, math.nan, math.nan, 0)
    equal = len(values) > 1 and values[0] == values[-1]
    mean, bound = (values[0], values[0]) if equal else (float(np.mean(values)), math.nan)
    return Interval(mean, bound, bound, len(values))


def _bootstrap_bounds(values: Floats, level: float) -> list[tuple[float, float]]:
    """Bounds of the means of groups (G, n); every group is resampled in the same way, whatever the others are."""
    bounds = bootstrap(
        (values,),
        np.mean,
        axis=-1,
        confidence_level=level,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return list(zip(bounds.low.tolist(), bounds.high.tolist(), strict=True))


@lru_cache(maxsize=1024)
def wilson_interval(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Share of successes in [0, 1] with Wilson's score interval (1927); NaN where n is 0.

    It has bounds where a bootstrap has none: three of three say "at least 44 %", no more.

    Raises:
        ValueError: `successes` is not in [0, n].
    """
    if n == 0 and successes == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    bounds = binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high), n)


def probability_of_improvement(a: ArrayLike, b: ArrayLike, level: float = LEVEL) -> Interval:
    """Chance in [0, 1] that a run of `a` (n,) beats one of `b` (m,), ties counted half, with a bootstrap interval.

    The Mann-Whitney statistic over n m, as in Agarwal et al. 2021 (arXiv 2108.13264), eq. 3; both sides are resampled.
    `n` is that of the smaller side. Where one side wins every comparison a bootstrap cannot tell how sure that is, and
    the bounds are NaN: with three seeds a side it happens by luck alone in 10 % of all cases, with four in 3 %.
    """
    first, second = _sorted_without_nan(a), _sorted_without_nan(b)
    n = min(len(first), len(second))
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    wins = (first[:, None] > second) + 0.5 * (first[:, None] == second)
    if wins.min() == wins.max():
        return Interval(float(wins.mean()), math.nan, math.nan, n)
    left, right = _bootstrap_weights(len(first), 0), _bootstrap_weights(len(second), 1)
    low, high = _quantile_bounds(((left @ wins) * right).sum(axis=1), level)
    return Interval(float(wins.mean()), low, high, n)


def interquartile_mean(strata: Sequence[ArrayLike], level: float = LEVEL) -> Interval:
    """Mean of the middle half of all runs, with a bootstrap interval over seeds stratified by benchmark.

    `strata` holds for each benchmark its runs' normalised scores (seeds,). Runs of all benchmarks are pooled, a quarter
    (rounded down) is cut from each end (scipy's `trim_mean`), and the bootstrap draws seeds within each benchmark, as
    in Agarwal et al. 2021 (arXiv 2108.13264). It says nothing of benchmarks that are not among them: these are few
    and chosen, not drawn. `n` is the number of runs; bounds are NaN where no benchmark has two.
    """
    runs = [values for values in map(_sorted_without_nan, strata) if len(values)]
    if not runs:
        return Interval(math.nan, math.nan, math.nan, 0)
    pooled = np.concatenate(runs)
    mean = float(trim_mean(pooled, 0.25))
    if max(map(len, runs)) == 1:
        return Interval(mean, math.nan, math.nan, len(pooled))
    rng = np.random.default_rng(0)
    drawn = np.concatenate(
        [values[rng.integers(len(values), size=(RESAMPLES, len(values)))] for values in runs], axis=1
    )
    low, high = _quantile_bounds(trim_mean(drawn, 0.25, axis=1), level)
    return Interval(mean, low, high, len(pooled))


def performance_profile(scores: ArrayLike, thresholds: ArrayLike, level: float = LEVEL) -> PerformanceProfile:
    """Share of runs whose score is above each threshold (Dolan and More 2002), with Wilson's interval at each.

    `scores` (runs,) and `thresholds` (T,) are on one scale; NaN, a run without a score, is never above. The band is
    pointwise: at a given threshold it holds, for the whole curve at once it is too narrow.
    """
    values, at = np.asarray(scores, dtype=float), np.asarray(thresholds, dtype=float)
    shares = [wilson_interval(int(count), len(values), level) for count in (values[:, None] > at).sum(axis=0)]
    share, low, high = (np.array([getattr(i, name) for i in shares], dtype=float) for name in ("mean", "low", "high"))
    return PerformanceProfile(share, low, high)


def _sorted_without_nan(values: ArrayLike) -> Floats:
    """Without NaN and sorted, so that results do not depend on the order of runs."""
    array = np.asarray(values, dtype=float)
    return np.sort(array[~np.isnan(array)])


@lru_cache(maxsize=64)
def _bootstrap_weights(n: int, stream: int) -> Floats:
    """How often each of n values is drawn in each bootstrap sample, over n (RESAMPLES, n)."""
    return np.random.default_rng(stream).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def _quantile_bounds(resampled: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
