"""Differentiable search without targets: lambda x cost as an objective, over a sweep of strengths lambda.

What DUCCIO's constraints replace: the same warm-up, masks, ramp, recipe and fine-tuning, but nobody knows beforehand
which lambda leads to which cost. So a grid of strengths is searched, and for each budget the best network that happens
to fit is taken. The targets have no part in the search: one sweep serves all budgets on the same metrics. DUCCIO's
authors have scripts for such a comparison (github eml-eda/multi-constraint-nas, commit 915520f, utils.py: the losses
`*_obj`, lambda x cost without a target).

The grid. For each budgeted metric lambda = s x L / C, with the warm-up's final training loss L and the reference
network's cost C, so that s has no unit: at s = 1 the whole reference network costs as much as the task loss. Eq. 13
(arXiv 2310.07217) puts DUCCIO at s = 1 / (1 - T/C), that is 1.07 to 4 for targets T of 6.25 to 75 % of C. The grid is
centred near there and spans three decades,
10^-1.5 ... 10^1.5, in nine strengths, each 2.4 times the one before: it reaches more than a factor of seven beyond what
the constrained search uses at either end.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from baselines.strength_sweep import Sweep, SweepOptions, SweepPoint
from suite.dnas.penalty import SCHEDULES
from suite.space.budget import Budget
from suite.space.projection import check_projection
from suite.task.checks import check_choice, check_positive
from suite.task.cost_limit import (
    Lengths,
    check_cost_limit,
    expected_macs,
    lengths_within,
    macs_left,
    strength_loss_macs,
    validation_macs,
)
from suite.task.meter import Meter
from suite.task.reference_training import warm_up
from suite.task.task import SearchResult, Task
from suite.task.training import Diverged

_GRID = 9
"""Strengths of the grid where their number is not set."""


@dataclass(frozen=True)
class UnconstrainedDnas(SweepOptions):
    """A sweep of mask searches with lambda x cost in the loss.

    strengths: how many, from 10^-decades to 10^decades in equal steps of the exponent, three digits each. null: 9, and
        under a cost limit as many as it pays for, more than nine on ever finer grids.
    schedule: ramp (Eq. 14, as DUCCIO) or constant.
    compaction: channels whose masks are closed at the end of an epoch are no longer computed, as in DUCCIO.
    projection: none, the searched networks as they are; repair or refill, each projected onto the budget before its
        fine-tuning, which then no other budget shares.
    choices: how branches are drawn and trained, where the space has layer choices, as in DUCCIO.
    cost_limit: in standard trainings of the reference network. Strengths are then taken from the middle of the grid
        outwards, the stronger first, as many as fit; where not even `fewest` do, all phases are shortened until they
        do.
    """

    version: ClassVar[int] = 3
    spaces: ClassVar[tuple[str, ...]] = ("masks", "choices", "both")

    name: str = "unconstrained_dnas"
    strengths: int | None = None
    decades: float = 1.5
    fewest: int = 2
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_choice("method.schedule", self.schedule, SCHEDULES)
        for name in ("strengths", "fewest"):
            value = getattr(self, name)
            if not (value is None and name == "strengths") and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"method.{name}={getattr(self, name)}: must be at least 1")
        check_positive("method.decades", self.decades)
        check_cost_limit(self.cost_limit)
        check_projection(self.projection)

    @property
    def grid(self) -> list[float]:
        """The strengths s, from the middle of the grid outwards, of two equally far the stronger first."""
        return _from_the_middle(self._exponents(self.strengths or _GRID))

    def _exponents(self, count: int) -> list[float]:
        middle = (count - 1) / 2
        return [self.decades * (i - middle) / max(middle, 0.5) for i in range(count)]

    def _candidates(self) -> Iterator[float]:
        """The strengths to search, in this order: the grid, then where their number is left open ever finer grids."""
        yield from self.grid
        if self.strengths is None and self.cost_limit is not None:
            for halvings in itertools.count(1):
                finer = self._exponents((_GRID - 1) * 2**halvings + 1)
                yield from _from_the_middle(finer[1::2])  # what lies between those of the grid before

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a budget without a differentiable metric, and a cost limit that does not pay for `fewest` searches."""
        penalised_metrics(task, budget)
        self._lengths(task)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search and fine-tune at one strength after the other; one candidate a strength."""
        metrics = penalised_metrics(task, budget)
        lengths = self._lengths(task)
        warmup = warm_up(task, meter, lengths.warmup)
        # what thin networks save goes into their fine-tuning, up to the recipe's length
        longest = replace(lengths, finetune=Lengths.of(task.recipe).finetune)
        sweep = Sweep(task, budget, warmup, metrics, longest, self)
        expected = expected_macs(task, lengths)
        points: list[SweepPoint] = []
        for strength in self._candidates():
            available = self._available_macs(task, meter, points, expected)
            if points and available < expected:
                break
            share = None if sweep.largest_point_macs <= available else available / task.standard_macs
            if (point := sweep.run_point(strength, meter, share)) is not None:
                points.append(point)
        if not points:
            raise Diverged("the training diverged at every strength")
        return SearchResult(
            candidates=[point.candidate for point in points],
            history=[*warmup.history, *(row for p in points for row in p.history)],
            artefacts=[warmup.artefact, *(artefact for p in points for artefact in p.artefacts)],
        )

    def _lengths(self, task: Task) -> Lengths:
        searches = min(self.fewest, self.strengths or _GRID)
        designed, loss = Lengths.of(task.recipe), strength_loss_macs(task)
        return lengths_within(task, self.cost_limit, designed, searches=searches, other_macs=loss)

    def _available_macs(self, task: Task, meter: Meter, points: Sequence[SweepPoint], expected: float) -> float:
        """MACs x samples that the next point may cost, so that later ones and the harness's passes fit as well."""
        if self.cost_limit is None:
            return math.inf
        later_points = max(0, min(self.fewest, self.strengths or _GRID) - len(points) - 1)
        harness_passes = sum(validation_macs(task, point.macs) for point in points)
        return macs_left(task, meter, self.cost_limit) - harness_passes - later_points * expected


def penalised_metrics(task: Task, budget: Budget) -> list[str]:
    """The budgeted metrics that have a differentiable form, sorted: their order in the budget does not matter.

    Raises:
        ValueError: there is none.
    """
    metrics = sorted(set(budget.targets) & set(task.hardware.units))
    if not metrics:
        raise ValueError(
            f"budget={budget.label}: unconstrained_dnas needs a limit on a differentiable metric. Choices: "
            + ", ".join(task.hardware.units)
        )
    return metrics


def _from_the_middle(exponents: Sequence[float]) -> list[float]:
    """10^exponent with three digits, from the middle of the grid outwards, of two equally far the larger first."""
    ordered = sorted(exponents, key=lambda exponent: (round(abs(exponent), 9), -exponent))
    return [float(f"{10**exponent:.3g}") for exponent in ordered]
