"""Projection onto a budget: remove channels until every exact cost fits (repair), then give back what fits (refill)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from suite.space.budget import Budget
from suite.space.channel_state import ChannelState
from suite.space.groups import Widths, count_open
from suite.space.importance import channel_importance, uniform_importance
from suite.space.refill import FreeChannels, refill
from suite.space.repair import repair
from suite.space.slicing import slice_channels
from suite.space.width_space import WidthSpace

PROJECTIONS = ("none", "repair", "refill")
"""What a method may do to a network before its final training, so that it fits: the same for all methods."""


def check_projection(projection: str) -> None:
    """Refuse a value of `method.projection` that is none of PROJECTIONS.

    Raises:
        ValueError: naming key, value and choices.
    """
    if projection not in PROJECTIONS:
        raise ValueError(f"method.projection={projection}: choices are {', '.join(PROJECTIONS)}")


def thinning(projection: str) -> str:
    """The projection by which a method thins a network itself: a repair, refilled where that is asked for."""
    return "refill" if projection == "refill" else "repair"


@dataclass(frozen=True)
class Projected:
    """The channels that are open after a projection, one bool tensor a group, and which of them came free of cost."""

    open_channels: list[Tensor]
    free_channels: FreeChannels


@dataclass(frozen=True)
class ProjectedNetwork:
    """A plain network after a projection, which of its channels came free of cost, its branch at each position."""

    network: nn.Module
    free_channels: FreeChannels = field(default_factory=FreeChannels)
    choices: Mapping[str, str] = field(default_factory=dict)


def project(
    space: WidthSpace,
    budget: Budget,
    open_channels: Sequence[Tensor],
    importance: Sequence[Tensor],
    projection: str,
    floor: Widths | None = None,
) -> Projected:
    """Which channels the network has after projection onto `budget`.

    Args:
        space: the widths of the network and their costs.
        budget: what must hold.
        open_channels: where to start, one bool tensor (size,) a group.
        importance: one tensor (size,) a group; the least important channels are removed first.
        projection: "none" leaves the channels as they are; "repair" removes until the budget holds; "refill" then also
            opens what still fits.
        floor: widths that meet the budget, of which repair removes nothing; None to have them found.
    """
    state = ChannelState(space, budget, open_channels, importance)
    if projection != "none":
        repair(state, floor)
    free_channels = refill(state) if projection == "refill" else FreeChannels()
    return Projected(state.open_channels, free_channels)


def project_widths(space: WidthSpace, budget: Budget, widths: Widths, projection: str) -> Widths:
    """`widths` after a projection in which all channels count alike: those of a network that is not trained yet."""
    projected = project(space, budget, space.groups.open_first(widths), uniform_importance(space.groups), projection)
    return tuple(count_open(projected.open_channels))


def project_network(
    network: nn.Module,
    space: WidthSpace,
    budget: Budget,
    projection: str,
    open_channels: Sequence[Tensor] | None = None,
    importance: Sequence[Tensor] | None = None,
    floor: Widths | None = None,
) -> ProjectedNetwork:
    """A copy of a plain network with the channels that `project` leaves open; other arguments as there.

    Args:
        network: the network that `space` was traced from.
        open_channels: where to start; None: with all channels.
        importance: None: by the magnitude of the weights.
    """
    importance = importance or channel_importance(network, space.network, space.groups)
    projected = project(space, budget, open_channels or space.groups.open_all(), importance, projection, floor)
    thinned = slice_channels(network, space.network, space.groups, projected.open_channels)
    return ProjectedNetwork(thinned, projected.free_channels)
