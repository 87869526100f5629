"""What repair and refill change: the open channels of each group, ranked by importance, and the costs around them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.space.budget import Budget
from suite.space.descent import FloatArray
from suite.space.group_costs import GroupCosts
from suite.space.groups import Widths, count_open
from suite.space.width_space import WidthSpace

_TINY = 1e-30


class ChannelState:
    """Open channels under a budget. The least important ones of a group are closed first, and opened last.

    open_channels: one bool tensor (size,) a group. importance: one tensor (size,) a group. costs: of the network that
    they make, and of those around it.
    """

    def __init__(
        self, space: WidthSpace, budget: Budget, open_channels: Sequence[Tensor], importance: Sequence[Tensor]
    ) -> None:
        self.space = space
        self.budget = budget
        self.open_channels = [mask.clone() for mask in open_channels]
        self.importance = importance
        self.costs = GroupCosts(space, budget, count_open(open_channels))
        # Ties are broken by the channel's index, so that the result is the same on every machine.
        self._by_importance = [torch.argsort(values, stable=True).tolist() for values in importance]
        self._rankings: dict[int, Ranking] = {}

    @property
    def widths(self) -> list[int]:
        """Number of open channels of each group."""
        return self.costs.widths

    @property
    def fits(self) -> bool:
        """Whether every constraint holds."""
        return self.budget.fits(self.costs.present)

    def close_channels(self, group: int, count: int) -> None:
        """Close the `count` least important open channels of a group."""
        self._set_open(group, self.ranking(group).open[:count], is_open=False)

    def open_more(self, group: int, count: int) -> None:
        """Open the `count` most important closed channels of a group."""
        self._set_open(group, self.ranking(group).closed[:count], is_open=True)

    def open_up_to(self, widths: Widths) -> None:
        """Open the most important closed channels of each group that has fewer than `widths`."""
        for group in self.space.free:
            if self.widths[group] < widths[group]:
                self.open_more(group, widths[group] - self.widths[group])

    def ranking(self, group: int) -> "Ranking":
        """The channels of a group by their importance."""
        if group not in self._rankings:
            order = self._by_importance[group]
            self._rankings[group] = Ranking.of(self.importance[group], self.open_channels[group], order)
        return self._rankings[group]

    def _set_open(self, group: int, channels: list[int], *, is_open: bool) -> None:
        self.open_channels[group][channels] = is_open
        self.costs.set_width(group, self.widths[group] + (len(channels) if is_open else -len(channels)))
        del self._rankings[group]


@dataclass(frozen=True)
class Ranking:
    """The channels of one group.

    open, closed: open ones, least important first; closed ones, most important first.
    lost: importance of the 1, 2, ... least important open channels, relative to that of all open ones.
    gained: importance of the 1, 2, ... most important closed channels, relative to that of the open ones.
    """

    open: list[int]
    closed: list[int]
    lost: FloatArray
    gained: FloatArray

    @classmethod
    def of(cls, importance: Tensor, mask: Tensor, by_importance: Sequence[int]) -> "Ranking":
        """Of channels with this importance, `mask` True for the open ones; `by_importance` lists the least first."""
        is_open = mask.tolist()
        open_channels = [c for c in by_importance if is_open[c]]
        closed = [c for c in reversed(by_importance) if not is_open[c]]
        lost = importance[open_channels].double().cumsum(0) / max(float(importance[open_channels].sum()), _TINY)
        gained = importance[closed].double().cumsum(0) / max(float(importance[mask].sum()), _TINY)
        return cls(open_channels, closed, lost.numpy(), gained.numpy())
