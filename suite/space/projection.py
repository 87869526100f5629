"""The guarantee: thin a network until every exact cost fits (repair), then use what is left of the budget (refill).

What goes first is what has the least importance per unit of violated cost. Importance of a chunk is its share of what
its group still holds, so that a group which is nearly closed becomes dear and none is starved.

The RAM peak is no sum: it may stand on several piles of buffers, so that no single group lowers it, and a removal may
even raise it. Costs are therefore taken anew after each step, and where a group does nothing on its own it counts with
its share of the peak's slope. Each step removes a channel and the smallest network fits, so that repair ends.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from suite.space.budget import Budget
from suite.space.widths import SearchSpace

GUARANTEES = ("off", "repair", "refill")


class Projection:
    """Greedy projection of masks onto a budget, on exact costs."""

    def __init__(
        self, space: SearchSpace, budget: Budget, kept: Sequence[Tensor], importance: Sequence[Tensor]
    ) -> None:
        self.space = space
        self.budget = budget
        self.kept = [mask.clone() for mask in kept]
        self.widths = [int(mask.sum()) for mask in kept]
        self.importance = importance
        # Removal goes up this order, refill down; ties by index keep the result the same on every machine.
        self.order = [torch.argsort(values, stable=True).tolist() for values in importance]

    def repair(self) -> None:
        """Remove channels until every constraint holds.

        Raises:
            ValueError: not even the smallest network fits, which `SearchSpace.check_reachable` would have told.
        """
        costs = self.space.exact(self.widths)
        while not self.budget.fits(costs):
            if all(self.widths[group] == 1 for group in self.space.free):
                raise ValueError(f"no network of this space meets the budget ({self.budget.label})")
            group, count = self._cheapest_removal(costs)
            for channel in self._open(group)[:count]:
                self._set(group, channel, kept=False)
            costs = self.space.exact(self.widths)

    def refill(self) -> None:
        """Give channels back, best importance per unit of cost first, until no further one fits."""
        while (choice := self._best_addition() or self._best_jump()) is not None:
            group, count = choice
            for channel in self._closed(group)[:count]:
                self._set(group, channel, kept=True)

    def _set(self, group: int, channel: int, *, kept: bool) -> None:
        self.kept[group][channel] = kept
        self.widths[group] += 1 if kept else -1

    def _open(self, group: int) -> list[int]:
        """Open channels of a group, least important first."""
        return [c for c in self.order[group] if self.kept[group][c]]

    def _closed(self, group: int) -> list[int]:
        """Closed channels of a group, most important first."""
        return [c for c in reversed(self.order[group]) if not self.kept[group][c]]

    def _changed(self, group: int, by: int) -> dict[str, float]:
        """Exact costs with so many channels more or less in one group."""
        return self.space.exact([w + by if g == group else w for g, w in enumerate(self.widths)])

    def _cheapest_removal(self, costs: dict[str, float]) -> tuple[int, int]:
        """(group, number of channels) with the least importance lost per violated cost saved."""
        slopes = self._slopes(costs)
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            if self.widths[group] == 1:
                continue
            channels = self._open(group)
            values = self.importance[group]
            for count, saved in self._removals(group, costs, slopes[group]):
                share = sum(float(values[c]) for c in channels[:count]) / max(float(values[channels].sum()), 1e-30)
                if best is None or share / saved < best[0]:
                    best = (share / saved, group, count)
        return best[1:] if best else (self._largest_group(), 1)

    def _removals(self, group: int, costs: dict[str, float], slope: float) -> Iterator[tuple[int, float]]:
        """Numbers of channels of `group` worth removing, each with the violated cost that it saves (relative)."""
        chunk = self._chunk(group, costs)
        if chunk is not None:
            yield chunk
        if slope > 0 and (chunk is None or chunk[0] > 1):
            yield 1, slope

    def _chunk(self, group: int, costs: dict[str, float]) -> tuple[int, float] | None:
        """The fewest channels of `group` whose removal lowers a violated cost, and by how much (relative)."""
        most = self.widths[group] - 1
        if (saved := self._saved(group, 1, costs)) > 0:
            return 1, saved
        if self._saved(group, most, costs) <= 0:  # spares the way there where the group has no part in it
            return None
        for count in range(2, most + 1):
            if (saved := self._saved(group, count, costs)) > 0:
                return count, saved
        return None

    def _saved(self, group: int, count: int, costs: dict[str, float]) -> float:
        """By how much the violated costs fall without `count` channels of `group`, relative to their targets."""
        smaller = self._changed(group, -count)
        saved = 0.0
        for c in self.budget.constraints:
            excess = costs[c.metric] - c.target
            if excess > 0:
                saved += min(costs[c.metric] - smaller[c.metric], excess) / c.target
        return saved

    def _slopes(self, costs: dict[str, float]) -> list[float]:
        """By how much a channel of each group lowers a violated RAM peak to first order, relative to the target."""
        limit = self.budget.targets.get("ram", math.inf)
        excess = costs["ram"] - limit
        if excess <= 0:
            return [0.0] * len(self.kept)
        counts = torch.tensor(self.widths, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(self.space.relaxed(counts, ["ram"])["ram"], counts)
        return [min(value, excess) / limit for value in slope.tolist()]

    def _largest_group(self) -> int:
        """Where a RAM peak is held by groups that are at one channel: the one with most open channels."""
        return max(self.space.free, key=lambda g: self.widths[g])

    def _best_addition(self) -> tuple[int, int] | None:
        """The group whose next channel fits and brings the most importance per cost, and 1; None where none fits."""
        costs = self.space.exact(self.widths)
        best: tuple[float, int] | None = None
        for group in self.space.free:
            if self.widths[group] == len(self.order[group]):
                continue
            larger = self._changed(group, 1)
            if not self.budget.fits(larger):
                continue
            spent = sum((larger[c.metric] - costs[c.metric]) / c.target for c in self.budget.constraints)
            ratio = self._gain(group, 1) / max(spent, 1e-12)
            if best is None or ratio > best[0]:
                best = (ratio, group)
        return (best[1], 1) if best else None

    def _best_jump(self) -> tuple[int, int] | None:
        """The largest gain of several channels of a group that fit together where one alone does not.

        Only a RAM plan has such gaps: 33 channels can need more than 64 where neighbours of 64 are in their way.
        """
        if "ram" not in self.budget.targets:
            return None
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            most = len(self.order[group]) - self.widths[group]
            count = next((n for n in range(most, 1, -1) if self.budget.fits(self._changed(group, n))), 0)
            if count and (best is None or self._gain(group, count) > best[0]):
                best = (self._gain(group, count), group, count)
        return best[1:] if best else None

    def _gain(self, group: int, count: int) -> float:
        """Importance of the next `count` channels over what the group holds."""
        values = self.importance[group]
        return float(values[self._closed(group)[:count]].sum()) / max(float(values[self.kept[group]].sum()), 1e-30)


def project(
    space: SearchSpace, budget: Budget, kept: Sequence[Tensor], importance: Sequence[Tensor], guarantee: str
) -> list[Tensor]:
    """Which channels the returned network keeps, one bool tensor a group.

    `off` keeps the masks as they are; `repair` removes until the budget holds; `refill` also gives back what fits.
    """
    projection = Projection(space, budget, kept, importance)
    if guarantee in ("repair", "refill"):
        projection.repair()
    if guarantee == "refill":
        projection.refill()
    return projection.kept
