"""Objectives of searches under a budget: costs in the loss, the checkpoint rule, the columns of the history.

With compaction, channels that are closed at the end of an epoch are no longer computed (`suite.dnas.compaction`).
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from suite.dnas.closing import stays_closed
from suite.dnas.cost_gradients import CostGradients
from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import Penalty
from suite.space.budget import Budget, feasible_first_key
from suite.task.objective import Objective
from suite.task.task import Task

log = logging.getLogger(__name__)


def late_epoch(epochs: int) -> int:
    """The first epoch of the last quarter of a search, from which on checkpoints are considered and patience counts.

    Counted from 0, and the last one of a search that has no whole quarter.
    """
    return min(math.ceil(0.75 * epochs), epochs - 1)


class PenaltyObjective(Objective, ABC):
    """A penalty on costs, and the choice of the checkpoint.

    With `feasible_first`, epochs whose network fits the budget rank before all others; else the checkpoint is the best
    validation score of the last quarter, as in the paper. Where a closed channel could open again, by the penalty
    or by the optimiser's momentum, there is no compaction: the whole network is computed throughout.
    """

    def __init__(
        self, task: Task, cost_penalty: Penalty, budget: Budget, *, feasible_first: bool, compaction: bool
    ) -> None:
        self.task, self.cost_penalty, self.budget = task, cost_penalty, budget
        self.feasible_first = feasible_first
        closes_for_good = stays_closed(task.recipe.search.optimiser, task.recipe.mask_lr, self.betas)
        self.compaction = compaction and closes_for_good and not cost_penalty.rule.can_reopen

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's for the masks; under dual ascent without momentum, which would overshoot."""
        return (0.0 if self.cost_penalty.rule.schedule == "dual" else 0.9, 0.999)

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

    def __init__(
        self,
        task: Task,
        masked: MaskedNetwork,
        cost_penalty: Penalty,
        budget: Budget,
        *,
        feasible_first: bool,
        compaction: bool,
    ) -> None:
        super().__init__(task, cost_penalty, budget, feasible_first=feasible_first, compaction=compaction)
        self.masked = masked
        self._cost_gradients = CostGradients(task.space, list(cost_penalty.targets))
        self._macs: dict[tuple[int, ...], float] = {}
        if compaction and not self.compaction:
            why = f"penalty.shape={cost_penalty.rule.shape}" if cost_penalty.rule.can_reopen else ""
            why = why or f"recipe.mask_lr={task.recipe.mask_lr:g} of {task.recipe.search.optimiser}"
            log.info("no compaction: %s could open closed channels again", why)
        elif compaction and (names := masked.uncompactable_groups):
            log.info("no compaction in %s: the task can reopen their channels", ", ".join(names))

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """The masks, without weight decay."""
        group = {"params": [self.masked.masks.alpha], "lr": self.task.recipe.mask_lr, "weight_decay": 0.0}
        yield group | ({"betas": self.betas} if self.task.recipe.search.optimiser in ("adam", "adamw") else {})

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
