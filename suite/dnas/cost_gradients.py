"""Costs of the open channels and their gradients in the masks, computed when a mask changes, not in every step.

Costs depend only on how many channels are open. In nearly every step of a search no mask changes, and then no cost
model runs: the costs and gradients of the last change are used again.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from suite.dnas.masks import Masks
from suite.space.width_space import WidthSpace


class CostGradients:
    """Relaxed costs at the present masks and their gradients, cached until a mask changes."""

    def __init__(self, space: WidthSpace, metrics: Sequence[str]) -> None:
        self.space, self.metrics = space, list(metrics)
        self._is_open: Tensor | None = None
        self._costs: dict[str, float] = {}
        self._slopes = torch.zeros(0)

    def evaluate(self, masks: Masks, is_open: Tensor) -> tuple[Mapping[str, float], Tensor]:
        """Each cost with the channels `is_open` (as `Masks.is_open` gives them), and its slope in each theta.

        Slopes are (metrics, sum of sizes) float64, 0 where a channel cannot close.
        """
        if is_open is self._is_open:
            return self._costs, self._slopes
        self._is_open = is_open
        counts = masks.counts(is_open.double()).requires_grad_()
        costs = self.space.relaxed(counts, self.metrics)
        self._costs = {metric: float(cost.detach()) for metric, cost in costs.items()}
        group_of, free = masks.group_of.cpu(), ~masks.locked.cpu()
        slopes = [torch.autograd.grad(costs[m], counts, retain_graph=True)[0][group_of] * free for m in self.metrics]
        self._slopes = torch.stack(slopes) if slopes else torch.zeros(0, len(free), dtype=torch.float64)
        return self._costs, self._slopes
