"""A short race of a few widths; the one that learns fastest is trained on.

A rule for widths can be wrong for a network or a task. So uniform scaling, the law of `two_budget_scaling` and one
half way between them are trained for a few epochs each, and the least validation loss goes on, with its weights. A
wrong rule then loses at most what the race costs (successive halving with one round; Jamieson and Talwalkar, arXiv
1502.07943).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.groups import Widths
from suite.space.projection import check_projection, project_widths
from suite.space.scaling import largest_law_widths, largest_scaled_widths, law_exponent
from suite.space.width_space import WidthSpace
from suite.task.cost_limit import epoch_macs, validation_macs
from suite.task.evaluation import mean_loss
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class Race(FixedLength):
    """Train each contestant for a share of the cost, then the best one for all that is left.

    share: of the epochs, or of a cost limit, that each contestant gets.
    """

    version: ClassVar[int] = 1

    name: str = "race"
    projection: str = "refill"
    share: float = 0.04

    def __post_init__(self) -> None:
        super().__post_init__()
        check_projection(self.projection)
        if not 0 < self.share < 0.3:
            raise ValueError(f"method.share={self.share}: of three contestants, above 0 and below 0.3")

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for an epoch of each contestant."""
        macs = [task.space.exact(widths)["macs"] for widths in self.contestants(task.space, budget)]
        epoch = [epoch_macs(task, each) + validation_macs(task, each) for each in macs]
        spent = sum(self.first_epochs(task, m, self.share) * cost for m, cost in zip(macs, epoch, strict=True))
        self.check_epoch_left(task, spent if len(macs) > 1 else 0.0, max(macs))

    def contestants(self, space: WidthSpace, budget: Budget) -> list[Widths]:
        """Different widths, uniform ones first."""
        return list(dict.fromkeys(project_widths(space, budget, w, self.projection) for w in _rules(space, budget)))

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Race, train the winner; one candidate, which meets the budget."""
        contestants = self.contestants(task.space, budget)
        best: tuple[float, nn.Module] | None = None
        rows, trained = [], 0
        settings = replace(task.recipe.warmup, schedule="constant", averaging=None)
        for i, widths in enumerate(contestants if len(contestants) > 1 else []):
            macs = task.space.exact(widths)["macs"]
            epochs = self.first_epochs(task, macs, self.share)
            network = task.space.thin(task.new_network(), widths)
            raced = fit(task, network, meter, Phase("search", settings, epochs, label=f"race-{i}"), macs=macs)
            loss = mean_loss(task, network, task.validation, meter, macs)
            rows += raced.rows
            trained += epochs
            if best is None or loss < best[0]:
                best = loss, network
        network = best[1] if best else task.space.thin(task.new_network(), contestants[0])
        epochs = self.last_epochs(task, meter, network, trained)
        final = fit(task, network, meter, Phase("finetune", task.recipe.warmup, epochs))
        return SearchResult([Candidate(network)], [*rows, *final.rows])


def _rules(space: WidthSpace, budget: Budget) -> Iterator[Widths]:
    yield largest_scaled_widths(space, budget)
    beta = law_exponent(space, budget)
    for exponent in (beta / 2, beta) if beta else ():
        if (widths := largest_law_widths(space, budget, exponent)) is not None:
            yield widths
