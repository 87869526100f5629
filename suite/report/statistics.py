"""Means over seeds and how much they can be trusted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import bootstrap

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """Mean of `n` values with the bounds of its bootstrap interval, in the values' unit."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: Iterable[float], level: float = LEVEL) -> Interval:
    """Mean and percentile bootstrap interval; NaN values are left out.

    Bounds are NaN for a single value and equal to the mean where all values agree. The result depends on the
    values only, not on their order. Three values have ten distinct resampled means, so at 95 % the interval
    is simply their range: it says how far the seeds lie apart and proves little more. (BCa would need the
    skewness of the three.)
    """
    return _mean_interval(tuple(sorted(float(v) for v in values if not math.isnan(v))), level)


@lru_cache(maxsize=4096)
def _mean_interval(values: tuple[float, ...], level: float) -> Interval:
    if not values:
        return Interval(math.nan, math.nan, math.nan, 0)
    if values[0] == values[-1]:
        bound = values[0] if len(values) > 1 else math.nan
        return Interval(values[0], bound, bound, len(values))
    found = bootstrap(
        (np.array(values),),
        np.mean,
        confidence_level=level,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(np.mean(values)), float(found.low), float(found.high), len(values))


def feasible_share(feasible: Iterable[bool]) -> float:
    """Share of runs in [0, 1] that meet every constraint; NaN where there is no run."""
    flags = [bool(f) for f in feasible]
    return sum(flags) / len(flags) if flags else math.nan
