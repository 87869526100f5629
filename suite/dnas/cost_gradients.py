"""What the open channels cost, and what one more of each would: worked out when a mask changes, not in every step.

Costs depend on nothing but how many channels are open, so that autograd is asked for their slopes once and a search
step in which no mask changed (nearly every one) has no cost model to run.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from suite.dnas.masks import Masks
from suite.space.widths import SearchSpace


class CostGradients:
    """Relaxed costs at the present masks, with their slopes."""

    def __init__(self, space: SearchSpace, metrics: Sequence[str]) -> None:
        self.space, self.metrics = space, list(metrics)
        self._opened: Tensor | None = None
        self._costs: dict[str, float] = {}
        self._slopes = torch.zeros(0)

    def at(self, masks: Masks, opened: Tensor) -> tuple[Mapping[str, float], Tensor]:
        """Each cost where the channels `opened` (`Masks.open`) are, and its slope in each theta.

        Slopes are (metrics, sum of sizes) float64, 0 where a channel cannot close.
        """
        if opened is not self._opened:
            self._opened = opened
            self._work_out(masks, opened)
        return self._costs, self._slopes

    def _work_out(self, masks: Masks, opened: Tensor) -> None:
        counts = masks.counts(opened.double()).requires_grad_()
        costs = self.space.relaxed(counts, self.metrics)
        self._costs = {metric: float(cost.detach()) for metric, cost in costs.items()}
        group_of, free = masks.group_of.cpu(), ~masks.locked.cpu()
        slopes = [torch.autograd.grad(costs[m], counts, retain_graph=True)[0][group_of] * free for m in self.metrics]
        self._slopes = torch.stack(slopes) if slopes else torch.zeros(0, len(free), dtype=torch.float64)
