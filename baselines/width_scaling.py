"""The seed with every layer thinned by one common factor, the largest that fits, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.width_space import Widths, WidthSpace
from suite.task.cost_limit import epochs_within
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class WidthScaling(FixedLength):
    """Uniform width scaling (MobileNet's width multiplier), no search; a cost limit pays for thinned epochs."""

    version: ClassVar[int] = 1

    name: str = "width_scaling"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Thin, train; one candidate that fits."""
        widths = largest_scaling(task.space, budget)
        macs = task.space.exact(widths)["macs"]
        epochs = self.epochs(task.recipe)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, macs, self.cost_limit)
        network = task.space.thin(task.new_network(), widths)
        trained = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs), macs=macs)
        return SearchResult([Candidate(network)], trained.rows)


def largest_scaling(space: WidthSpace, budget: Budget, steps: int = 1000) -> Widths:
    """Widths round(k/steps x full), at least 1, for the largest k that fits; one channel each always does."""
    for k in range(steps, 0, -1):
        widths = tuple(
            n if frozen else max(1, round(n * k / steps))
            for n, frozen in zip(space.groups.sizes, space.groups.frozen, strict=True)
        )
        if budget.fits(space.exact(widths)):
            return widths
    return space.smallest
