"""The guarantee: thin a network until every exact cost fits (repair), then use what is left of the budget (refill).

What goes first is what has the least importance per unit of violated cost. Importance of a chunk is its share of what
its group still holds, so that a group which is nearly closed becomes dear and none is starved.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from suite.budget import Budget
from suite.dnas.space import SearchSpace

GUARANTEES = ("off", "repair", "refill")


class Discretiser:
    """Greedy projection of masks onto a budget, on exact costs."""

    def __init__(
        self, space: SearchSpace, budget: Budget, kept: Sequence[Tensor], importance: Sequence[Tensor]
    ) -> None:
        self.space = space
        self.budget = budget
        self.kept = [mask.clone() for mask in kept]
        self.importance = importance
        # Removal goes up this order, refill down; ties by index keep the result the same on every machine.
        self.order = [torch.argsort(values, stable=True).tolist() for values in importance]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels kept in each group."""
        return tuple(int(mask.sum()) for mask in self.kept)

    def repair(self) -> None:
        """Remove channels until every constraint holds; the space's smallest network is known to fit."""
        costs = self.space.exact(self.widths)
        while not self.budget.fits(costs):
            group, count = self._cheapest_removal(costs)
            for channel in self._open(group)[:count]:
                self.kept[group][channel] = False
            costs = self.space.exact(self.widths)

    def refill(self) -> None:
        """Give channels back, best importance per unit of cost first, until no further one fits."""
        while (choice := self._best_addition()) is not None:
            group, channel = choice
            self.kept[group][channel] = True

    def _open(self, group: int) -> list[int]:
        """Open channels of a group, least important first."""
        return [c for c in self.order[group] if self.kept[group][c]]

    def _cheapest_removal(self, costs: dict[str, float]) -> tuple[int, int]:
        """(group, number of channels) with the least importance lost per violated cost saved."""
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            chunk = self._chunk(group, costs)
            if chunk is None:
                continue
            count, saved = chunk
            channels = self._open(group)
            values = self.importance[group]
            share = sum(float(values[c]) for c in channels[:count]) / max(float(values[channels].sum()), 1e-30)
            if best is None or share / saved < best[0]:
                best = (share / saved, group, count)
        return best[1:] if best else (self._largest_group(), 1)

    def _chunk(self, group: int, costs: dict[str, float]) -> tuple[int, float] | None:
        """The fewest channels of `group` whose removal lowers a violated cost, and by how much (relative)."""
        widths = list(self.widths)
        for count in range(1, widths[group]):
            smaller = self.space.exact([w - count if g == group else w for g, w in enumerate(widths)])
            saved = 0.0
            for c in self.budget.constraints:
                excess = costs[c.metric] - c.target
                if excess > 0:
                    saved += min(costs[c.metric] - smaller[c.metric], excess) / c.target
            if saved > 0:
                return count, saved
        return None

    def _largest_group(self) -> int:
        """Where no single group helps (a RAM peak held by several tensors): the one with most open channels."""
        widths = self.widths
        return max(self.space.free, key=lambda g: widths[g])

    def _best_addition(self) -> tuple[int, int] | None:
        widths = self.widths
        costs = self.space.exact(widths)
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            closed = [c for c in self.order[group] if not self.kept[group][c]]
            if not closed:
                continue
            larger = self.space.exact([w + 1 if g == group else w for g, w in enumerate(widths)])
            if not self.budget.fits(larger):
                continue
            values = self.importance[group]
            gain = float(values[closed[-1]]) / max(float(values[self.kept[group]].sum()), 1e-30)
            spent = sum((larger[c.metric] - costs[c.metric]) / c.target for c in self.budget.constraints)
            ratio = gain / max(spent, 1e-12)
            if best is None or ratio > best[0]:
                best = (ratio, group, closed[-1])
        return best[1:] if best else None


def discretise(
    space: SearchSpace, budget: Budget, kept: Sequence[Tensor], importance: Sequence[Tensor], guarantee: str
) -> list[Tensor]:
    """Which channels the returned network keeps, one bool tensor a group.

    `off` keeps the masks as they are; `repair` removes until the budget holds; `refill` also gives back what fits.
    """
    projection = Discretiser(space, budget, kept, importance)
    if guarantee in ("repair", "refill"):
        projection.repair()
    if guarantee == "refill":
        projection.refill()
    return projection.kept
