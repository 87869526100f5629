"""The reference network with every layer thinned by one factor, the largest that fits, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.width_space import Widths, WidthSpace
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class WidthScaling(FixedLength):
    """Uniform width scaling (MobileNet's width multiplier), no search; a cost limit pays for epochs when thinned."""

    version: ClassVar[int] = 1

    name: str = "width_scaling"

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch."""
        self.epochs(task, task.space.exact(largest_scaled_widths(task.space, budget))["macs"])

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Thin, train; one candidate, which meets the budget."""
        widths = largest_scaled_widths(task.space, budget)
        macs = task.space.exact(widths)["macs"]
        epochs = self.epochs(task, macs)
        network = task.space.thin(task.new_network(), widths)
        trained = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs), macs=macs)
        return SearchResult([Candidate(network)], trained.rows)


def largest_scaled_widths(space: WidthSpace, budget: Budget, steps: int = 1000) -> Widths:
    """Widths round(k/steps x full), at least 1, for the largest k that meets the budget.

    Where none does, one channel in each group, which meets every budget that planning has accepted.
    """
    for k in range(steps, 0, -1):
        widths = tuple(
            n if frozen else max(1, round(n * k / steps))
            for n, frozen in zip(space.groups.sizes, space.groups.frozen, strict=True)
        )
        if budget.fits(space.exact(widths)):
            return widths
    return space.smallest
