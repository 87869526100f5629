"""Projection onto a budget: remove channels until every exact cost fits (repair), then give back what fits (refill)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from suite.space.budget import Budget
from suite.space.channel_state import ChannelState
from suite.space.groups import Widths
from suite.space.refill import FreeChannels, refill
from suite.space.repair import repair
from suite.space.width_space import WidthSpace

GUARANTEES = ("off", "repair", "refill")


@dataclass(frozen=True)
class Projected:
    """The channels that are open after a projection, one bool tensor a group, and which of them came free of cost."""

    open_channels: list[Tensor]
    free_channels: FreeChannels


def project(
    space: WidthSpace,
    budget: Budget,
    open_channels: Sequence[Tensor],
    importance: Sequence[Tensor],
    guarantee: str,
    floor: Widths | None = None,
) -> Projected:
    """Which channels the network has after projection onto `budget`.

    Args:
        space: the widths of the network and their costs.
        budget: what must hold.
        open_channels: where to start, one bool tensor (size,) a group.
        importance: one tensor (size,) a group; the least important channels are removed first.
        guarantee: "off" leaves the channels as they are; "repair" removes until the budget holds; "refill" then also
            opens what still fits.
        floor: widths that meet the budget, of which repair removes nothing; None to have them found.
    """
    state = ChannelState(space, budget, open_channels, importance)
    if guarantee in ("repair", "refill"):
        repair(state, floor)
    free_channels = refill(state) if guarantee == "refill" else FreeChannels()
    return Projected(state.open_channels, free_channels)
