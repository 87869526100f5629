"""A small network is trained first, then widened to the final one without changing what it computes.

An epoch of a network of half the size costs less than half, so that the same cost pays for more epochs. Growing saves
training cost for large networks (Yuan et al., arXiv 2306.12700); here for one that is within a budget at its end. Both
networks have the widths of `two_budget_scaling`, the first within a share of each limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from baselines.fixed_length import FixedLength
from suite.hardware.trace import trace
from suite.space.budget import Budget
from suite.space.groups import Widths
from suite.space.projection import check_projection, project_widths
from suite.space.scaling import two_budget_widths
from suite.space.slicing import paste_channels
from suite.space.width_space import WidthSpace
from suite.task.cost_limit import epoch_macs
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class Grow(FixedLength):
    """Train within a share of the limits at a constant rate, widen, train on with the whole schedule.

    start: share of each limit that the first network meets.
    first: share of the epochs, or of a cost limit, that its training gets.
    """

    version: ClassVar[int] = 1

    name: str = "grow"
    projection: str = "refill"
    start: float = 0.5
    first: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_projection(self.projection)
        for key in ("start", "first"):
            if not 0 < getattr(self, key) < 1:
                raise ValueError(f"method.{key}={getattr(self, key)}: a share, above 0 and below 1")

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for an epoch of both networks."""
        small, final = (task.space.exact(widths)["macs"] for widths in self.widths(task.space, budget))
        self.check_epoch_left(task, self.first_epochs(task, small, self.first) * epoch_macs(task, small), final)

    def widths(self, space: WidthSpace, budget: Budget) -> tuple[Widths, Widths]:
        """The widths that are trained first, and the final ones."""
        final = project_widths(space, budget, two_budget_widths(space, budget), self.projection)
        smaller = Budget(tuple(replace(c, target=self.start * c.target) for c in budget))
        if space.find_fitting(smaller) is None:
            return final, final
        pairs = zip(two_budget_widths(space, smaller), final, strict=True)
        return tuple(min(pair) for pair in pairs), final

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train, widen, train; one candidate, which meets the budget."""
        small_widths, widths = self.widths(task.space, budget)
        settings = task.recipe.warmup
        # the rate falls once, in the second training, and images are small in the first
        first = replace(settings, schedule="constant", averaging=None, sizes=settings.sizes and settings.sizes[:1])
        small = task.space.thin(task.new_network(), small_widths)
        macs = task.space.exact(small_widths)["macs"]
        epochs = self.first_epochs(task, macs, self.first)
        started = fit(task, small, meter, Phase("warmup", first, epochs, label="small"), macs=macs)
        final = task.space.thin(task.new_network("grown"), widths)
        network = widen(final, small.cpu(), task.input_shape, task.space, small_widths, widths)
        epochs = self.last_epochs(task, meter, network, epochs)
        trained = fit(task, network, meter, Phase("finetune", settings, epochs))
        return SearchResult([Candidate(network)], [*started.rows, *trained.rows])


def widen(
    network: nn.Module, small: nn.Module, shape: Sequence[int], space: WidthSpace, before: Widths, after: Widths
) -> nn.Module:
    """`network`, of widths `after`, with the weights of `small` (of widths `before`), computing what `small` does.

    Its further channels keep their own weights, which nothing uses yet: the weights that would are 0.
    """
    traced = WidthSpace(trace(network, tuple(shape)), space.hardware)
    pairs = zip(before, after, strict=True)
    present = [torch.arange(wide) < narrow for narrow, wide in pairs]
    result = paste_channels(network, small, traced.network, traced.groups, present)
    modules = dict(result.named_modules())
    for layer in traced.network.layers:
        if layer.kind in ("conv", "linear"):
            part = cast(nn.Conv2d | nn.Linear, modules[layer.name])
            unused: Tensor = ~traced.groups.spread(layer.inputs[0], present)
            with torch.no_grad():
                part.weight[:, unused[: part.weight.shape[1]]] = 0
    return result
