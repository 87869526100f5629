"""Whether a training is as long as it need be: what twice as many epochs gain on validation."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from suite.report.statistics.intervals import FEWEST_PAIRS, Interval, mean_interval, standard_error

LEAST_POINTS = 0.5
"""Gain of a validation score, in points, from which on a doubling is worth it."""

LEAST_PERCENT = 1.0
"""Fall of a reconstruction error, in % of it, from which on a doubling is worth it."""

_ROUNDING = 9
"""Decimals of a gain that count: the differences of scores that are exactly 0.5 points apart differ by rounding."""


@dataclass(frozen=True)
class DoublingGain:
    """What twice the epochs gain on validation, over paired seeds; positive where the longer training is better.

    mean: with its interval, in points (0.01 of a score), or in % of the shorter training's error (`relative`).
    error: the mean's standard error, in the same unit; NaN for fewer than two pairs.
    """

    mean: Interval
    error: float
    relative: bool

    @property
    def least(self) -> float:
        """The gain from which on the shorter training is not converged, in the unit of `mean`."""
        return LEAST_PERCENT if self.relative else max(LEAST_POINTS, self.error)

    @property
    def converged(self) -> bool | None:
        """Whether the shorter training is converged; None for fewer than five pairs.

        A score: doubling gains less than 0.5 points or less than its standard error. A reconstruction error: doubling
        lowers it by less than 1 % of it.
        """
        if self.mean.n < FEWEST_PAIRS:
            return None
        return round(self.mean.mean, _ROUNDING) < self.least


def doubling_gain(shorter: ArrayLike, longer: ArrayLike, relative: bool = False) -> DoublingGain:
    """The gain from the validation scores of two trainings, (n,) each, paired by seed; pairs with NaN are left out.

    With `relative` the scores are negative errors, and a gain is (error - longer error) / error of each pair in %.

    >>> round(doubling_gain([0.80, 0.81], [0.81, 0.82]).mean.mean, 9)
    1.0
    """
    first, second = np.asarray(shorter, dtype=float), np.asarray(longer, dtype=float)
    gains = 100 * (second - first) / (-first if relative else 1.0)
    return DoublingGain(mean_interval(gains), standard_error(gains), relative)


def double_length(epochs: float, lengths: Iterable[float]) -> float:
    """The one of `lengths` (epochs) that is twice `epochs`; NaN where there is none.

    An odd length has no half, so that from five epochs on one more or less than double counts, which is at most 10 %;
    of several the nearest, then the longest.
    """
    tolerance = 1 if epochs >= 5 else 0
    double = [length for length in lengths if abs(length - 2 * epochs) <= tolerance]
    return min(double, key=lambda length: (abs(length - 2 * epochs), -length), default=math.nan)
