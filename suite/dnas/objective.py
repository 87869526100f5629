"""What every mask search minimises and records: costs in the loss, masks with a learning rate of their own."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import Penalty
from suite.task import Task
from suite.training import Objective

LATE = 0.75
"""From this share of a search on the paper keeps checkpoints, and counts patience."""


class MaskObjective(Objective):
    """A penalty on relaxed costs; keeps the best validation score of the last quarter, the paper's rule."""

    def __init__(self, task: Task, masked: MaskedNetwork, rule: Penalty) -> None:
        self.task, self.masked, self.rule = task, masked, rule

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """The masks, without weight decay."""
        yield {"params": [self.masked.masks.alpha], "lr": self.task.recipe.mask_lr, "weight_decay": 0.0}

    def penalty(self, epoch: float) -> Tensor | None:
        """Of the relaxed costs at the masks of the last forward pass."""
        return self.rule(self.task.space.relaxed(self.masked.counts, list(self.rule.targets)), epoch)

    def costs(self) -> dict[str, float]:
        """Exact costs at the present masks."""
        return self.task.space.exact(self.masked.widths())

    def row(self, epoch: int) -> dict[str, float]:
        """Exact costs, and strengths at the epoch's end."""
        columns = {f"cost/{metric}": value for metric, value in self.costs().items()}
        return columns | {f"strength/{m}": self.rule.strength(m, epoch + 1) for m in self.rule.targets}

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Only late epochs, by score."""
        return (score,) if epoch >= int(LATE * self.rule.epochs) else None

    def state(self) -> dict[str, Any]:
        """The strengths."""
        return self.rule.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Strengths as they were."""
        self.rule.restore(state)
