"""Repair: channels are removed until every exact cost fits, those with the least importance per unit of cost first.

The importance of a block of channels is its share of the importance of all open channels of its group, so that the
fewer channels a group has left, the more each of them counts, and no group is starved.

Costs need not be monotone. Several groups may hold the RAM peak up together, so that no single one lowers it, and a
removal may even raise it; 31 channels may be slower than 32. Costs are therefore computed anew after each step, and
steps that help no cost are taken where there are no others. Repair ends because it never removes channels of a network
that is known to fit, the floor.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from suite.space.channel_state import ChannelState
from suite.space.descent import FloatArray
from suite.space.groups import Widths

Removal = tuple[int, float, float]
"""(channels of a group, relative importance lost, relative violated cost saved)."""

_NO_COST = 1e-12
"""Of a target: a saving as small is the rounding of a sum."""


def repair(state: ChannelState, floor: Widths | None = None) -> None:
    """Close channels until every constraint holds; at the latest when the widths are those of the floor.

    Args:
        state: the open channels and the budget.
        floor: widths that fit; None for `WidthSpace.fitting_widths`.

    Raises:
        ValueError: no network is known to fit; `WidthSpace.check_reachable` refuses such budgets.
    """
    if state.fits:
        return
    floor = floor or state.space.fitting_widths(state.budget)
    while not state.fits:
        removable = [group for group in state.space.free if state.widths[group] > floor[group]]
        if removable:
            state.close_channels(*_choose_removal(state, removable, floor))
        else:  # a search may have closed channels that the floor has
            state.open_up_to(floor)


_ALMOST_ALL = 1 - 1e-12
"""What a group may lose of its importance, at most, for the logarithm of the rest."""


def _choose_removal(state: ChannelState, removable: Sequence[int], floor: Widths) -> tuple[int, int]:
    """(group, number of channels) with the least importance lost per violated cost saved."""
    ram_savings = _compute_ram_savings(state)
    best: tuple[float, int, int] | None = None
    for group in removable:
        for count, lost, saving in _list_removals(state, group, state.widths[group] - floor[group], ram_savings[group]):
            if best is None or lost / saving < best[0]:
                best = (lost / saving, group, count)
    if best is None:  # the costs are held up by several groups together
        return max(removable, key=lambda group: state.widths[group]), 1
    return best[1:]


def _list_removals(state: ChannelState, group: int, most: int, ram_saving: float) -> Iterator[Removal]:
    """Blocks of up to `most` channels of a group whose removal lowers the violated costs.

    Where large blocks are considered, one counts as if its channels went one by one, each with its share of what is
    left of the group then: about -log(1 - share of the block) together. Else groups would be emptied at one stroke.
    """
    lost = state.ranking(group).lost[:most]
    if state.costs.irregular:
        lost = -np.log1p(-np.minimum(lost, _ALMOST_ALL))
    fewest = _find_smallest_removal(state, group, most)
    if fewest is not None:
        yield fewest[0], lost[fewest[0] - 1], fewest[1]
    count = _find_cheapest_removal(state, group, lost) if state.costs.irregular else 0
    if count and (saving := _compute_saving(state, group, count)) > 0:
        yield count, lost[count - 1], saving
    if ram_saving > 0 and (fewest is None or fewest[0] > 1):
        yield 1, lost[0], ram_saving


def _find_smallest_removal(state: ChannelState, group: int, most: int) -> tuple[int, float] | None:
    """The fewest channels of a group whose removal lowers the violated costs, and the relative cost that it saves.

    More than one on a board whose latency falls only with every fourth channel, for example.
    """
    if (saving := _compute_saving(state, group, 1)) > 0:
        return 1, saving
    if _compute_saving(state, group, most) <= 0:  # spares trying all numbers, each of which may be a memory plan
        return None
    for count in range(2, most + 1):
        if (saving := _compute_saving(state, group, count)) > 0:
            return count, saving
    return None


def _find_cheapest_removal(state: ChannelState, group: int, lost: FloatArray) -> int:
    """The number of channels with the least importance lost per cost saved; 0 where none saves any.

    Sums over layers alone, whose costs at all widths of a group are at hand. The first channel may raise a latency that
    is not monotone, and the next ones that lower it may save little: 29 channels instead of 32, where 28 save more.
    """
    width, saved = state.widths[group], np.zeros(len(lost))
    for c in state.budget.constraints:
        if c.metric in state.costs.additive:
            excess = state.costs.present[c.metric] - c.target
            smaller = state.costs.curve(group, c.metric)[width - 1 - len(lost) : width - 1][::-1]
            saved += (max(excess, 0) - np.maximum(smaller - c.target, 0)) / c.target
    ratios = np.divide(lost, saved, out=np.full(len(lost), np.inf), where=saved > _NO_COST)
    best = int(np.argmin(ratios))
    return best + 1 if np.isfinite(ratios[best]) else 0


def _compute_saving(state: ChannelState, group: int, count: int) -> float:
    """By how much the total violation falls without `count` channels of a group, or a violated RAM peak.

    A sum that held before and does not any more counts against it. RAM that holds is left out: it would need a memory
    plan for each block, and what exceeds it is removed in a later step.
    """
    saving, width = 0.0, state.widths[group] - count
    for c in state.budget.constraints:
        cost = state.costs.present[c.metric]
        excess = cost - c.target
        if excess > 0:
            saving += min(cost - state.costs.cost(group, width, c.metric), excess) / c.target
        elif c.metric in state.costs.irregular:
            saving -= c.violation(state.costs.cost(group, width, c.metric))
    return saving


def _compute_ram_savings(state: ChannelState) -> list[float]:
    """By how much a channel of each group lowers a violated RAM peak to first order, relative to the target."""
    target = state.budget.targets.get("ram", math.inf)
    excess = state.costs.present.get("ram", 0.0) - target
    if excess <= 0:
        return [0.0] * len(state.widths)
    counts = torch.tensor(state.widths, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(state.space.relaxed(counts, ["ram"])["ram"], counts)
    return [min(value, excess) / target for value in slope.tolist()]
