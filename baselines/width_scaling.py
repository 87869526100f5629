"""The reference network with every layer thinned by one factor, the largest that fits, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.groups import Widths
from suite.space.projection import check_projection, project_widths
from suite.space.scaling import largest_scaled_widths
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class WidthScaling(FixedLength):
    """Uniform width scaling (MobileNet's width multiplier), no search; a cost limit pays for epochs when thinned.

    projection: refill widens single groups by what the one factor leaves of the budget, cheapest channels first.
    """

    version: ClassVar[int] = 1

    name: str = "width_scaling"
    projection: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_projection(self.projection)

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch."""
        self.check_epoch_left(task, 0.0, task.space.exact(self.widths(task.space, budget))["macs"])

    def widths(self, space: WidthSpace, budget: Budget) -> Widths:
        """The widths of the network that is trained."""
        return project_widths(space, budget, largest_scaled_widths(space, budget), self.projection)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Thin, train; one candidate, which meets the budget."""
        widths = self.widths(task.space, budget)
        network = task.space.thin(task.new_network(), widths)
        epochs = self.last_epochs(task, meter, network)
        trained = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs))
        return SearchResult([Candidate(network)], trained.rows)
