"""Costs of the networks around a present one: each differs from it in the width of one channel group.

A projection looks at all of them after each of its steps, thousands of times. A step changes one group, and with it the
layers of that group alone; what has been computed for groups without a layer in common with it stays valid.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from suite.space.budget import Budget
from suite.space.descent import FloatArray
from suite.space.width_space import WidthSpace


class GroupCosts:
    """Exact costs of the metrics that a budget limits, at the present widths and at other widths of one group.

    additive: the limited metrics that are sums over layers. Their costs at all widths of a group are computed together.
    irregular: those of them that are not monotone.
    present: costs at the present widths.
    """

    def __init__(self, space: WidthSpace, budget: Budget, widths: Sequence[int]) -> None:
        self.space = space
        self.budget = budget
        self.additive = [m for m in budget.targets if m in space.hardware.additive]
        self.irregular = [m for m in self.additive if m in space.hardware.non_monotone]
        self.widths = list(widths)
        self._layer_curves: dict[tuple[int, str], Tensor] = {}
        self._update()

    def _update(self) -> None:
        counts = torch.tensor(self.widths)
        self.present = self.space.exact(self.widths, self.budget.targets)
        self._layers = {metric: self.space.per_layer(counts, metric) for metric in self.additive}
        self._curves: dict[tuple[int, str], FloatArray] = {}

    @cached_property
    def _rows(self) -> list[Tensor]:
        return [self.space.layers_of_group(group) for group in range(len(self.widths))]

    @cached_property
    def _neighbours(self) -> list[list[int]]:
        """For each group those with which it has a layer in common, itself included."""
        rows = [set(r.tolist()) for r in self._rows]
        return [[other for other, theirs in enumerate(rows) if mine & theirs] for mine in rows]

    def set_width(self, group: int, width: int) -> None:
        """Change the present width of a group."""
        self.widths[group] = width
        self._update()
        for other in self._neighbours[group]:
            for metric in self.additive:
                self._layer_curves.pop((other, metric), None)

    def curve(self, group: int, metric: str) -> FloatArray:
        """An additive cost at 1, 2, ... channels of a group, shape (size of the group,)."""
        key = group, metric
        if key not in self._curves:
            if key not in self._layer_curves:
                self._layer_curves[key] = self.space.layer_curves(self.widths, group, metric)
            layers = self._layers[metric].repeat(self.space.full[group], 1)
            layers[:, self._rows[group]] = self._layer_curves[key]
            self._curves[key] = layers.sum(1).double().numpy()
        return self._curves[key]

    def cost(self, group: int, width: int, metric: str) -> float:
        """One cost with `width` channels in a group."""
        if metric in self.additive:
            return float(self.curve(group, metric)[width - 1])
        widths = [width if g == group else w for g, w in enumerate(self.widths)]
        return self.space.exact(widths, [metric])[metric]

    def fits(self, group: int, width: int) -> bool:
        """Whether every constraint holds with `width` channels in a group; sums, cheap to compute, are asked first."""
        ordered = sorted(self.budget.constraints, key=lambda c: c.metric not in self.additive)
        return all(self.cost(group, width, c.metric) <= c.target for c in ordered)
