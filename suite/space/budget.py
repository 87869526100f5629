"""Hardware budgets: which metrics are limited, to how much, and by how much a network exceeds them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from suite import SuiteError

KILO = 1024

_BYTES = {"B": 1.0, "kB": KILO, "KB": KILO, "KiB": KILO, "MB": KILO**2, "MiB": KILO**2}
_COUNT = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6}
_SUFFIXES: dict[str, dict[str, float]] = {"B": _BYTES, "MAC": _COUNT, "cycles": _COUNT, "s": _SECONDS, "J": _JOULES}
UNITS = frozenset(unit for factors in _SUFFIXES.values() for unit in factors)
"""The units that a quantity can have."""

_QUANTITY = re.compile(r"\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z%]*)\s*")


@dataclass(frozen=True)
class Constraint:
    """An upper limit on one metric: `target` in the metric's unit, `text` as the user wrote it."""

    metric: str
    target: float
    text: str

    def violation(self, cost: float) -> float:
        """By how much `cost` exceeds the target, relative to it; 0 where it holds, NaN for a cost that is NaN."""
        return max(cost / self.target - 1.0, 0.0)  # in this order: max(0.0, NaN) is 0


@dataclass(frozen=True)
class Budget:
    """A set of constraints, at most one a metric; an empty budget is always met."""

    constraints: tuple[Constraint, ...] = ()

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.constraints)

    @property
    def targets(self) -> dict[str, float]:
        """Target of each limited metric, in its unit."""
        return {c.metric: c.target for c in self.constraints}

    @property
    def label(self) -> str:
        """The budget as a person would write it: `weights 25% + latency 50%`."""
        return " + ".join(f"{c.metric} {c.text}" for c in self.constraints) or "none"

    def violations(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Relative violation of each constraint by exact `costs` (metric -> value)."""
        return {c.metric: c.violation(costs[c.metric]) for c in self.constraints}

    def fits(self, costs: Mapping[str, float]) -> bool:
        """Whether every constraint holds on exact `costs`."""
        return all(costs[c.metric] <= c.target for c in self.constraints)

    def total_violation(self, costs: Mapping[str, float]) -> float:
        """Sum of the relative violations: what is minimised where no candidate fits."""
        return sum(self.violations(costs).values())


def feasible_first_key(budget: Budget, costs: Mapping[str, float], score: float) -> tuple[bool, float, float]:
    """Sort key of a network with exact `costs` and a validation score; a larger key is a better network.

    Networks that meet the budget come before all others, the highest score first; then those that do not, the least
    total violation first, of equal violations the highest score. Python compares a tuple's entries from the left.
    """
    fits = budget.fits(costs)
    return fits, 0.0 if fits else -budget.total_violation(costs), nan_to_lowest(score)


def nan_to_lowest(score: float) -> float:
    """The score, or minus infinity for NaN: comparisons with NaN are False, so that it would neither win nor lose."""
    return -math.inf if math.isnan(score) else score


def unreachable_error(budget: Budget, unreachable: Mapping[Constraint, float], units: Mapping[str, str]) -> SuiteError:
    """The error for a budget that no network of a space meets.

    Args:
        budget: all limits.
        unreachable: those that cannot be met one by one, each with the smallest cost, NaN where that is not known.
        units: metric -> its unit.
    """
    texts = [
        f"budget.{c.metric}={c.text} ({c.target:.6g} {units[c.metric]}) is below the smallest network of this space"
        + ("" if math.isnan(smallest) else f" ({smallest:.6g})")
        for c, smallest in unreachable.items()
    ]
    return SuiteError("; ".join(texts) or f"no network of this space meets all limits together ({budget.label})")


def parse_budget(node: Mapping[str, object], reference_costs: Mapping[str, float], units: Mapping[str, str]) -> Budget:
    """Turn the config node `budget` into absolute targets.

    Args:
        node: metric -> "25%", "20kB", "5ms", "1.5M", a number, or None for no limit.
        reference_costs: exact costs of the reference network, which relative targets refer to.
        units: metric -> its unit, "B", "MAC", "s", "cycles" or "J", as the device states it.

    Raises:
        SuiteError: unknown metric, text that is no quantity, a unit of another kind, a target that is not positive.
    """
    constraints = []
    for metric, value in node.items():
        if value is None:
            continue
        if metric not in units:
            raise SuiteError(f"budget.{metric}={value}: no such metric for this device. Choices: {', '.join(units)}")
        target = _parse_target(metric, value, reference_costs[metric], units[metric])
        constraints.append(Constraint(metric, target, str(value).strip()))
    return Budget(tuple(constraints))


def _parse_target(metric: str, value: object, reference_cost: float, unit: str) -> float:
    factors = _SUFFIXES[unit]
    allowed = f'a share of the reference network ("25%") or a number with one of {", ".join(factors)}'
    key = f"budget.{metric}={value}"
    match = _QUANTITY.fullmatch(str(value))
    if match is None or isinstance(value, bool):
        raise SuiteError(f"{key}: not a quantity. Allowed: {allowed}")
    number, suffix = float(match[1]), match[2]
    if not (math.isfinite(number) and number > 0):
        raise SuiteError(f"{key}: a budget must be a positive number. Allowed: {allowed}")
    if suffix == "%":
        return number / 100 * reference_cost
    if suffix == "":
        return number
    if suffix not in factors:
        where = " (this device has no clock: its latency is in relative cycles)" if unit == "cycles" else ""
        raise SuiteError(f"{key}: {suffix!r} is not a unit of {metric}{where}. Allowed: {allowed}")
    return number * factors[suffix]
