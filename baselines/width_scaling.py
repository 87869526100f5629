"""The seed with every layer thinned by one common factor, the largest that fits, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.hand_tuned import check_length, epochs_of
from suite.budget import Budget
from suite.dnas.space import SearchSpace, Widths
from suite.meter import Meter
from suite.task import Candidate, SearchResult, Task
from suite.training import Phase, fit


@dataclass(frozen=True)
class WidthScaling:
    """Uniform width scaling (MobileNet's width multiplier), no search."""

    version: ClassVar[int] = 1

    name: str = "width_scaling"
    length: str = "equal"

    def __post_init__(self) -> None:
        check_length(self.length)

    @property
    def label(self) -> str:
        """Name in tables, with the length."""
        return f"{self.name} ({self.length} length)"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Thin, train; one candidate that fits."""
        network = task.space.thin(task.new_network(), largest_scaling(task.space, budget))
        epochs = epochs_of(self.length, task.recipe)
        trained = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs))
        return SearchResult([Candidate(network)], trained.rows)


def largest_scaling(space: SearchSpace, budget: Budget, steps: int = 1000) -> Widths:
    """Widths round(k/steps x full), at least 1, for the largest k that fits; one channel each always does."""
    for k in range(steps, 0, -1):
        widths = tuple(
            n if frozen else max(1, round(n * k / steps))
            for n, frozen in zip(space.groups.sizes, space.groups.frozen, strict=True)
        )
        if budget.fits(space.exact(widths)):
            return widths
    return space.smallest
