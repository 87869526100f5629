"""Objectives of searches under a budget: costs in the loss, the checkpoint rule, the columns of the history.

With compaction, channels that are closed at the end of an epoch are no longer computed (`suite.dnas.compaction`).
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from suite.dnas.closing import stays_closed
from suite.dnas.cost_gradients import CostGradients
from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import Penalty
from suite.space.budget import Budget, feasible_first_key
from suite.task.objective import Objective
from suite.task.recipe import Recipe
from suite.task.task import Task
from suite.task.training import Phase

log = logging.getLogger(__name__)


def late_epoch(epochs: int) -> int:
    """The first epoch of the last quarter of a search, from which on checkpoints are considered and patience counts.

    Counted from 0, and the last one of a search that has no whole quarter.
    """
    return min(math.ceil(0.75 * epochs), epochs - 1)


def search_phase(recipe: Recipe, epochs: int, label: str | None = None) -> Phase:
    """The training in which a search takes place; patience counts in its last quarter."""
    return Phase("search", recipe.search, epochs, label, recipe.patience, late_epoch(epochs))


@dataclass(eq=False)
class PenaltyObjective(Objective, ABC):
    """A penalty on costs, and the choice of the checkpoint.

    With `feasible_first`, epochs whose network fits the budget rank before all others; else the checkpoint is the best
    validation score of the last quarter, as in the paper. Where a closed channel could open again, by the penalty
    or by the optimiser's momentum, there is no compaction: the whole network is computed throughout.
    """

    task: Task
    masked: MaskedNetwork
    cost_penalty: Penalty
    budget: Budget
    feasible_first: bool = field(kw_only=True)
    compaction: bool = field(kw_only=True)

    def __post_init__(self) -> None:
        recipe = self.task.recipe
        closes_for_good = stays_closed(recipe.search.optimiser, recipe.mask_lr)
        self.compaction = self.compaction and closes_for_good and not self.cost_penalty.rule.can_reopen

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """The masks, with a learning rate of their own and no weight decay."""
        yield {"params": [self.masked.masks.alpha], "lr": self.task.recipe.mask_lr, "weight_decay": 0.0}

    @abstractmethod
    def costs(self) -> dict[str, float]:
        """Exact costs of the network that the search would end with now."""

    def ratios(self) -> dict[str, float]:
        """Cost/target of each constraint."""
        costs = self.costs()
        return {m: costs[m] / target for m, target in self.budget.targets.items()}

    def row(self, epoch: int) -> dict[str, Any]:
        """Exact costs at the epoch's end, and its strengths."""
        columns: dict[str, Any] = {f"cost/{metric}": value for metric, value in self.costs().items()}
        return columns | {f"strength/{m}": self.cost_penalty.strength(m, epoch) for m in self.cost_penalty.targets}

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Feasible epochs first, by score, then the least violation; without `feasible_first` late epochs by score."""
        if self.feasible_first:
            return feasible_first_key(self.budget, self.costs(), score)
        return (score,) if epoch >= late_epoch(self.cost_penalty.epochs) else None

    def state(self) -> dict[str, Any]:
        """The strengths."""
        return self.cost_penalty.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set the strengths to a former `state()`."""
        self.cost_penalty.restore(state)


class MaskObjective(PenaltyObjective):
    """A penalty on the relaxed costs of a masked network; the masks have a learning rate of their own."""

    def __post_init__(self) -> None:
        wanted = self.compaction
        super().__post_init__()
        self._cost_gradients = CostGradients(self.task.space, list(self.cost_penalty.targets))
        self._macs: dict[tuple[int, ...], float] = {}
        if wanted and not self.compaction:
            rule, recipe = self.cost_penalty.rule, self.task.recipe
            why = f"penalty.shape={rule.shape}" if rule.can_reopen else ""
            why = why or f"recipe.mask_lr={recipe.mask_lr:g} of {recipe.search.optimiser}"
            log.info("no compaction: %s could open closed channels again", why)
        elif wanted and (names := self.masked.uncompactable_groups):
            log.info("no compaction in %s: the task can reopen their channels", ", ".join(names))

    def penalty(self, epoch: float) -> Tensor | None:
        """The penalty on the relaxed costs; its gradient comes from `CostGradients`, not from autograd."""
        costs, slopes = self._cost_gradients.evaluate(self.masked.masks, self.masked.last_open)
        value, weights = self.cost_penalty.evaluate(costs, epoch)
        if not any(weights.values()):
            return None
        gradient = torch.tensor(list(weights.values()), dtype=slopes.dtype) @ slopes
        return self.masked.masks.make_loss_term(value, gradient)

    def macs(self, *, training: bool) -> float | None:
        """Forward MACs of one example in the network as it is computed now, without the channels taken out of it."""
        widths = self.masked.computed_widths
        if widths not in self._macs:  # called in each step
            self._macs = {widths: self.task.space.exact(widths)["macs"]}
        return self._macs[widths]

    def end_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        """Remove the channels that were closed in this epoch from what is computed."""
        if self.compaction:
            self.masked.compact(optimiser)

    def costs(self) -> dict[str, float]:
        """Exact costs at the present masks."""
        return self.task.space.exact(self.masked.widths())
