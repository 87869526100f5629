"""Projection onto a budget: remove channels until every exact cost fits (repair), then give back what fits (refill).

What is removed first has the least importance per unit of violated cost. The importance of a block of channels is its
share of the importance of all open channels of its group, so that the fewer channels a group has left, the more each of
them counts, and no group is starved.

Peak RAM is not a sum over layers: several groups may hold the peak up together, so that no single one lowers it, and a
removal may even raise it. Costs are therefore computed anew after each step, and a group that lowers nothing by itself
counts with its slope of the relaxed peak. Each step removes a channel and the smallest network fits, so repair ends.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from suite.space.budget import Budget
from suite.space.groups import count_open
from suite.space.width_space import WidthSpace

GUARANTEES = ("off", "repair", "refill")
_TINY = 1e-30


class Projection:
    """Greedy projection of masks onto a budget, on exact costs; the result is in `open_channels` and `widths`."""

    def __init__(
        self, space: WidthSpace, budget: Budget, open_channels: Sequence[Tensor], importance: Sequence[Tensor]
    ) -> None:
        self.space = space
        self.budget = budget
        self.open_channels = [mask.clone() for mask in open_channels]
        self.widths = count_open(open_channels)
        self.importance = importance
        # Ties are broken by the channel's index, so that the result is the same on every machine.
        self.by_importance = [torch.argsort(values, stable=True).tolist() for values in importance]

    def repair(self) -> None:
        """Remove channels until every constraint holds.

        Raises:
            ValueError: not even the smallest network fits; `WidthSpace.check_reachable` refuses such budgets.
        """
        costs = self.space.exact(self.widths)
        while not self.budget.fits(costs):
            if all(self.widths[group] == 1 for group in self.space.free):
                raise ValueError(f"no network of this space meets the budget ({self.budget.label})")
            group, count = self._choose_removal(costs)
            self._close_channels(group, count)
            costs = self.space.exact(self.widths)

    def refill(self) -> None:
        """Open channels again, those with most importance per unit of cost first, until no further one fits."""
        while (addition := self._choose_addition() or self._choose_block_addition()) is not None:
            self._open_channels(*addition)

    def _close_channels(self, group: int, count: int) -> None:
        """Close the `count` least important open channels of a group."""
        self.open_channels[group][self._list_open(group)[:count]] = False
        self.widths[group] -= count

    def _open_channels(self, group: int, count: int) -> None:
        """Open the `count` most important closed channels of a group."""
        self.open_channels[group][self._list_closed(group)[:count]] = True
        self.widths[group] += count

    def _list_open(self, group: int) -> list[int]:
        """Open channels of a group, least important first."""
        return [c for c in self.by_importance[group] if self.open_channels[group][c]]

    def _list_closed(self, group: int) -> list[int]:
        """Closed channels of a group, most important first."""
        return [c for c in reversed(self.by_importance[group]) if not self.open_channels[group][c]]

    def _compute_changed_costs(self, group: int, change: int) -> dict[str, float]:
        """Exact costs with `change` more channels (fewer, where negative) in one group."""
        return self.space.exact([w + change if g == group else w for g, w in enumerate(self.widths)])

    def _choose_removal(self, costs: Mapping[str, float]) -> tuple[int, int]:
        """(group, number of channels) with the least importance lost per violated cost saved."""
        ram_savings = self._compute_ram_savings(costs)
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            if self.widths[group] == 1:
                continue
            channels = self._list_open(group)
            values = self.importance[group]
            for count, saving in self._list_removals(group, costs, ram_savings[group]):
                share = sum(float(values[c]) for c in channels[:count]) / max(float(values[channels].sum()), _TINY)
                if best is None or share / saving < best[0]:
                    best = (share / saving, group, count)
        if best is None:  # the RAM peak is held up by groups that have one channel left
            return max(self.space.free, key=lambda group: self.widths[group]), 1
        return best[1:]

    def _list_removals(self, group: int, costs: Mapping[str, float], ram_saving: float) -> Iterator[tuple[int, float]]:
        """(number of channels of `group` that may be removed, relative violated cost that this saves)."""
        block = self._find_smallest_removal(group, costs)
        if block is not None:
            yield block
        if ram_saving > 0 and (block is None or block[0] > 1):
            yield 1, ram_saving

    def _find_smallest_removal(self, group: int, costs: Mapping[str, float]) -> tuple[int, float] | None:
        """The fewest channels of `group` whose removal lowers a violated cost, and the relative cost that it saves.

        More than one on a board whose latency falls only with every fourth channel, for example.
        """
        most = self.widths[group] - 1
        if (saving := self._compute_saving(group, 1, costs)) > 0:
            return 1, saving
        if self._compute_saving(group, most, costs) <= 0:  # no number of channels helps: spares trying them all
            return None
        for count in range(2, most + 1):
            if (saving := self._compute_saving(group, count, costs)) > 0:
                return count, saving
        return None

    def _compute_saving(self, group: int, count: int, costs: Mapping[str, float]) -> float:
        """By how much the violated costs fall without `count` channels of `group`, relative to their targets."""
        smaller = self._compute_changed_costs(group, -count)
        saving = 0.0
        for c in self.budget.constraints:
            excess = costs[c.metric] - c.target
            if excess > 0:
                saving += min(costs[c.metric] - smaller[c.metric], excess) / c.target
        return saving

    def _compute_ram_savings(self, costs: Mapping[str, float]) -> list[float]:
        """By how much a channel of each group lowers a violated RAM peak to first order, relative to the target."""
        target = self.budget.targets.get("ram", math.inf)
        excess = costs["ram"] - target
        if excess <= 0:
            return [0.0] * len(self.widths)
        counts = torch.tensor(self.widths, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(self.space.relaxed(counts, ["ram"])["ram"], counts)
        return [min(value, excess) / target for value in slope.tolist()]

    def _choose_addition(self) -> tuple[int, int] | None:
        """The group whose next channel fits and brings the most importance per cost, and 1; None where none fits."""
        costs = self.space.exact(self.widths)
        best: tuple[float, int] | None = None
        for group in self.space.free:
            if self.widths[group] == self.space.full[group]:
                continue
            larger = self._compute_changed_costs(group, 1)
            if not self.budget.fits(larger):
                continue
            added = sum((larger[c.metric] - costs[c.metric]) / c.target for c in self.budget.constraints)
            ratio = self._compute_gain(group, 1) / max(added, 1e-12)
            if best is None or ratio > best[0]:
                best = (ratio, group)
        return (best[1], 1) if best else None

    def _choose_block_addition(self) -> tuple[int, int] | None:
        """(group, number of channels) of the largest gain among several channels that fit where one alone does not.

        Only a RAM plan has such gaps: 33 channels can need more than 64 where the buffers are packed less well.
        """
        if "ram" not in self.budget.targets:
            return None
        best: tuple[float, int, int] | None = None
        for group in self.space.free:
            most = self.space.full[group] - self.widths[group]
            fitting = (n for n in range(most, 1, -1) if self.budget.fits(self._compute_changed_costs(group, n)))
            count = next(fitting, 0)
            if count and (best is None or self._compute_gain(group, count) > best[0]):
                best = (self._compute_gain(group, count), group, count)
        return best[1:] if best else None

    def _compute_gain(self, group: int, count: int) -> float:
        """Importance of the next `count` closed channels of a group relative to that of its open ones."""
        values = self.importance[group]
        closed = self._list_closed(group)[:count]
        return float(values[closed].sum()) / max(float(values[self.open_channels[group]].sum()), _TINY)


def project(
    space: WidthSpace, budget: Budget, open_channels: Sequence[Tensor], importance: Sequence[Tensor], guarantee: str
) -> list[Tensor]:
    """Which channels the network has after projection onto `budget`, one bool tensor a group.

    Args:
        space: the widths of the network and their costs.
        budget: what must hold.
        open_channels: where to start, one bool tensor (size,) a group.
        importance: one tensor (size,) a group; the least important channels are removed first.
        guarantee: "off" leaves the channels as they are; "repair" removes until the budget holds; "refill" then also
            opens what still fits.
    """
    projection = Projection(space, budget, open_channels, importance)
    if guarantee in ("repair", "refill"):
        projection.repair()
    if guarantee == "refill":
        projection.refill()
    return projection.open_channels
