"""Whether a mean difference of test scores is shown to be above, or below, a margin, and how likely that is."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, ndtri

from suite.report.statistics.intervals import ERROR, NO_SPREAD, t_quantile

MARGIN = 0.01
"""How much lower a score may be and still count as non-inferior: one point of a score in [0, 1]."""

_LEAST_P = 1e-12
_SPREADS = 1000


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference of test scores (method - reference) over seeds on both sides, and its two standard errors.

    `seed_error` is the standard deviation of the pairs' differences over the root of `pairs`; `example_error` is what
    the `examples` of the test split add to all pairs alike. Both are NaN for a single pair. Of a single pair, and of
    pairs whose differences all agree, nothing is shown: `why_not` says so, and half-width, p and power are NaN.
    """

    difference: float
    seed_error: float
    example_error: float
    pairs: int
    examples: int

    @property
    def why_not(self) -> str:
        """Why there is no bound, or "" where there is one."""
        if self.pairs < 2:
            return "there is a single seed"
        return "the differences of all seeds agree" if self.seed_error < NO_SPREAD else ""

    def half_width(self, error: float = ERROR) -> float:
        """Distance from the difference to its one-sided bound, which new seeds and new test examples pass in a share
        `error` of all cases.

        The deviation of seeds, by Student's t, and that of examples, by the normal distribution, are squared and summed
        (Zou and Donner 2008, doi:10.1002/sim.3095). In simulation of accuracies 2 to 6 % of methods that lose exactly
        the margin have a 5 % bound above it, with three seeds as with five.
        """
        if self.why_not:
            return math.nan
        of_seeds = t_quantile(1 - error, self.pairs - 1) * self.seed_error
        return math.hypot(of_seeds, float(ndtri(1 - error)) * self.example_error)

    def p_above(self, margin: float = MARGIN) -> float:
        """One-sided p that the difference is not above -margin: the error at which the bound reaches it.

        1 - p is that of the opposite claim, that the method loses more than the margin.
        """
        lead = self.difference + margin
        if self.why_not:
            return math.nan
        if self.half_width(_LEAST_P) <= abs(lead):
            error = _LEAST_P
        else:
            error = float(brentq(lambda e: self.half_width(e) - abs(lead), _LEAST_P, 0.5))
        return error if lead > 0 else 1 - error

    def power(self, margin: float = MARGIN, error: float = ERROR) -> float:
        """Share of all cases in which a true difference of 0 is shown to be above -margin, with as many seeds and these
        standard errors taken as the true ones.

        Without an error of examples it is a tail of the noncentral t distribution; with it, the average over the
        distribution of the seeds' standard deviation.
        """
        if self.why_not:
            return math.nan
        freedom = self.pairs - 1
        shares = (np.arange(_SPREADS) + 0.5) / _SPREADS
        spreads = self.seed_error * np.sqrt(chdtri(freedom, shares) / freedom)
        widths = np.hypot(t_quantile(1 - error, freedom) * spreads, ndtri(1 - error) * self.example_error)
        true_error = math.hypot(self.seed_error, self.example_error)
        return float(ndtr((margin - widths) / true_error).mean())
