"""Widths by a rule, without a search: all thinned by one factor, or by a law of the output size for two limits.

Thinning all layers by one factor uses up one limit and leaves much of the others idle. Channels early in a network, at
large outputs, cost MACs and RAM; late ones cost weights. So the width of a group is

    w_g = c_g s (h_g / h)^beta

with c_g the reference network's width, h_g the output positions of the group and h their geometric mean: beta > 0 gives
more to the early groups, beta = 0 is uniform scaling. For each beta, s is the largest with which everything fits; the
beta is kept whose least used limit is used most. Gains of non-uniform widths in the literature come from spending what
uniform ones leave idle (Yu and Huang, AutoSlim, arXiv 1903.11728; Lee and Lee, NeuralScale, CVPR 2020).
"""

import math

from suite.space.budget import Budget
from suite.space.groups import Widths
from suite.space.width_space import WidthSpace

BETAS = tuple(round(-0.6 + 0.05 * i, 2) for i in range(43))
"""The exponents that are tried, -0.6 to 1.5."""

_TIE = 0.01
"""Of the limits: shares of the least used limit that differ by less are the rounding of widths to whole channels."""

_BISECTIONS = 20


def largest_scaled_widths(space: WidthSpace, budget: Budget, steps: int = 1000) -> Widths:
    """Widths round(k/steps x full), at least 1, for the largest k that meets the budget.

    All factors are tried from the largest on, since costs need not be monotone. Where none meets the budget, the widths
    that showed planning that it can be met.

    Raises:
        ValueError: no network is known to meet the budget; planning refuses such budgets.
    """
    groups = list(zip(space.groups.sizes, space.groups.frozen, strict=True))
    scaled = (tuple(n if frozen else max(1, round(n * k / steps)) for n, frozen in groups) for k in range(steps, 0, -1))
    for widths in dict.fromkeys(scaled):
        if budget.fits(space.exact(widths, budget.targets)):
            return widths
    return space.fitting_widths(budget)


def two_budget_widths(space: WidthSpace, budget: Budget) -> Widths:
    """The widths of the law whose least used limit is used most; of equally good ones those of the smallest |beta|.

    Those of uniform scaling where there is one limit, so that nothing lies idle, or no beta has widths that fit.
    """
    beta = law_exponent(space, budget)
    widths = None if beta is None else largest_law_widths(space, budget, beta)
    return largest_scaled_widths(space, budget) if widths is None else widths


def law_exponent(space: WidthSpace, budget: Budget) -> float | None:
    """The beta of `two_budget_widths`; None for uniform scaling."""
    if len(budget.constraints) < 2:
        return None
    by_beta = {beta: widths for beta in BETAS if (widths := largest_law_widths(space, budget, beta)) is not None}
    if not by_beta:
        return None
    shares = {beta: _least_used_share(space, budget, widths) for beta, widths in by_beta.items()}
    good_enough = [beta for beta, share in shares.items() if share > max(shares.values()) - _TIE]
    return min(good_enough, key=abs)


def largest_law_widths(space: WidthSpace, budget: Budget, beta: float) -> Widths | None:
    """The widths of the law at `beta` for the largest s found to fit, by bisection; None where none does."""
    low, high, best = 0.0, 1 / min(_factors(space, beta)), None
    for _ in range(_BISECTIONS):
        s = (low + high) / 2
        widths = law_widths(space, s, beta)
        if budget.fits(space.exact(widths, budget.targets)):
            low, best = s, widths
        else:
            high = s
    return best


def law_widths(space: WidthSpace, s: float, beta: float) -> Widths:
    """The widths of the law, rounded, at least 1 and at most the reference network's."""
    groups = zip(space.groups.sizes, space.groups.frozen, _factors(space, beta), strict=True)
    return tuple(size if frozen else min(size, max(1, round(size * s * factor))) for size, frozen, factor in groups)


def _factors(space: WidthSpace, beta: float) -> list[float]:
    """(h_g / h)^beta of each group; 1 for frozen ones."""
    positions = [math.prod(space.network.by_name[name].size) for name in space.groups.names]
    logs = [math.log(n) for n, frozen in zip(positions, space.groups.frozen, strict=True) if not frozen]
    mean = sum(logs) / max(len(logs), 1)
    pairs = zip(positions, space.groups.frozen, strict=True)
    return [1.0 if frozen else math.exp(beta * (math.log(n) - mean)) for n, frozen in pairs]


def _least_used_share(space: WidthSpace, budget: Budget, widths: Widths) -> float:
    costs = space.exact(widths, budget.targets)
    return min((costs[metric] / target for metric, target in budget.targets.items()), default=1.0)
