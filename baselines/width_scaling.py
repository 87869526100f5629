"""The seed with every layer thinned by one common factor, the largest that fits, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.hand_tuned import check_length, epochs_of, length_label
from suite.budget import Budget
from suite.cost_limit import check_cost_limit, epochs_within
from suite.dnas.space import SearchSpace, Widths
from suite.meter import Meter
from suite.task import Candidate, SearchResult, Task
from suite.training import Phase, fit


@dataclass(frozen=True)
class WidthScaling:
    """Uniform width scaling (MobileNet's width multiplier), no search.

    length: of the training: standard, or equal to all epochs of a whole search.
    cost_limit: in standard trainings of the seed; as many epochs of the thinned network as fit, whatever `length` says.
    """

    version: ClassVar[int] = 1

    name: str = "width_scaling"
    length: str = "equal"
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_length(self.length)
        check_cost_limit(self.cost_limit)

    @property
    def label(self) -> str:
        """Name in tables, with the length."""
        return f"{self.name} ({length_label(self.length, self.cost_limit)})"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Thin, train; one candidate that fits."""
        widths = largest_scaling(task.space, budget)
        macs = task.space.exact(widths)["macs"]
        epochs = epochs_of(self.length, task.recipe)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, macs, self.cost_limit)
        network = task.space.thin(task.new_network(), widths)
        trained = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs), macs=macs)
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
