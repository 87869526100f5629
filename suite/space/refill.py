"""Refill: channels are given back while the budget holds, those with the most importance per unit of cost first.

What raises no limited cost comes before all else. Where a latency is not monotone, blocks of any size are considered,
since three more channels can cost nothing where one more does: kernels that take channels in fours are faster with 32
than with 29. A cost that falls does not pay for one that rises. Peak RAM is not monotone either, but each of its values
is a memory plan: blocks that only it calls for are considered when no single channel fits any more.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from suite.space.budget import Budget, Constraint
from suite.space.channel_state import ChannelState

_NO_COST = 1e-12
"""Of a target: what raises a cost by less raises it by the rounding of a sum."""


@dataclass(frozen=True)
class Addition:
    """One step of refill: `count` channels of one group, and the limited costs before and after."""

    count: int
    before: Mapping[str, float]
    after: Mapping[str, float]

    def is_free(self, constraint: Constraint) -> bool:
        """Whether it did not raise the cost."""
        return self._rise(constraint) <= _NO_COST * constraint.target

    def saves(self, constraint: Constraint) -> bool:
        """Whether it lowered the cost: the channels cost less than nothing."""
        return self._rise(constraint) < -_NO_COST * constraint.target

    def _rise(self, constraint: Constraint) -> float:
        return self.after[constraint.metric] - self.before[constraint.metric]


@dataclass
class FreeChannels:
    """How many of the channels that refill gave back were free: a block of them raised no limited cost.

    by_metric: how many did not raise the cost of that metric, whatever they added to others.
    """

    total: int = 0
    by_metric: dict[str, int] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, int]:
        """Columns of a history: `free_channels` and, for each limited metric, `free_channels/<metric>`."""
        return {"free_channels": self.total, **{f"free_channels/{m}": count for m, count in self.by_metric.items()}}

    def count_addition(self, budget: Budget, addition: Addition) -> None:
        """Count the channels of one step."""
        free = {c.metric: addition.is_free(c) for c in budget.constraints}
        self.total += addition.count * all(free.values())
        for metric, is_free in free.items():
            self.by_metric[metric] = self.by_metric.get(metric, 0) + addition.count * is_free


def refill(state: ChannelState) -> FreeChannels:
    """Open channels until no further ones of one group fit, whatever their number; returns which were free."""
    free_channels = FreeChannels(by_metric=dict.fromkeys(state.budget.targets, 0))
    for addition in refill_steps(state):
        free_channels.count_addition(state.budget, addition)
    return free_channels


def refill_steps(state: ChannelState) -> Iterator[Addition]:
    """Refill step by step: each step is yielded when its channels are open."""
    while (block := _choose_addition(state) or _choose_last_block(state)) is not None:
        before = state.costs.present
        state.open_more(*block)
        yield Addition(block[1], before, state.costs.present)


def _choose_addition(state: ChannelState) -> tuple[int, int] | None:
    """(group, number of channels) that fits and brings the most importance per cost; None where none fits."""
    best: tuple[float, int, int] | None = None
    for group in state.space.free:
        if state.widths[group] == state.space.full[group]:
            continue
        for count in [1, *_list_block_additions(state, group)]:
            width = state.widths[group] + count
            if not state.costs.fits(group, width):
                continue
            gained = float(state.ranking(group).gained[count - 1])
            if count > 1:  # about the sum of the shares of channels that are added one by one
                gained = math.log1p(gained)
            ratio = gained / max(_compute_added_cost(state, group, width), _NO_COST)
            if best is None or ratio > best[0]:
                best = (ratio, group, count)
    return best[1:] if best else None


def _compute_added_cost(state: ChannelState, group: int, width: int) -> float:
    """By how much the limited costs rise with `width` channels in a group, relative to their targets."""
    added = 0.0
    for c in state.budget.constraints:
        rise = state.costs.cost(group, width, c.metric) - state.costs.present[c.metric]
        added += max(rise, 0.0) / c.target
    return added


def _list_block_additions(state: ChannelState, group: int) -> list[int]:
    """The number of channels, at least 2, with the most importance per cost that is a sum; none where none fits.

    Only where such a cost is not monotone: else one channel brings more per cost than several.
    """
    if not state.costs.irregular:
        return []
    width, gains = state.widths[group], state.ranking(group).gained
    added, fits = np.zeros(len(gains)), np.ones(len(gains), dtype=bool)
    fits[0] = False
    for c in state.budget.constraints:
        if c.metric in state.costs.additive:
            costs = state.costs.curve(group, c.metric)[width:]
            added += np.maximum(costs - state.costs.present[c.metric], 0) / c.target
            fits &= costs <= c.target
    ratios = np.log1p(gains) / np.maximum(added, _NO_COST)
    return [int(np.argmax(np.where(fits, ratios, -1))) + 1] if fits.any() else []


def _choose_last_block(state: ChannelState) -> tuple[int, int] | None:
    """(group, number of channels) of the largest gain among several channels that fit where one alone does not.

    Only costs that are not monotone have such gaps: 33 channels can need more RAM than 64 where the buffers are packed
    less well.
    """
    if not set(state.budget.targets) & set(state.space.hardware.non_monotone):
        return None
    best: tuple[float, int, int] | None = None
    for group in state.space.free:
        width = state.widths[group]
        room = state.space.full[group] - width
        count = next((n for n in range(room, 1, -1) if state.costs.fits(group, width + n)), 0)
        if count and (best is None or state.ranking(group).gained[count - 1] > best[0]):
            best = (state.ranking(group).gained[count - 1], group, count)
    return best[1:] if best else None
