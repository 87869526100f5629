"""What Optuna's samplers choose from, and the network that a choice stands for: widths, branches, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from suite.hardware.supernet_graph import Selection
from suite.hardware.trace import trace
from suite.space.branches import select_branches
from suite.space.budget import Budget
from suite.space.choice_space import ChoiceSpace
from suite.space.groups import Groups, Widths, count_open
from suite.space.importance import channel_importance
from suite.space.projection import ProjectedNetwork, project, project_network
from suite.space.scaling import largest_scaled_widths
from suite.space.slicing import paste_channels, slice_channels
from suite.space.width_space import WidthSpace
from suite.task.task import Task


@dataclass(frozen=True)
class Architecture:
    """A network of the space: the width of each channel group and, where there are layer choices, its branches."""

    widths: Widths
    selection: Selection | None = None


@dataclass(frozen=True)
class Subnetwork:
    """A network as the open channels of a larger one on the CPU, whose widths are those of `space`."""

    whole: nn.Module
    space: WidthSpace
    open_channels: Sequence[Tensor]

    def build(self) -> nn.Module:
        """The network."""
        return slice_channels(self.whole, self.space.network, self.space.groups, self.open_channels)

    def estimate_final_macs(self, budget: Budget, projection: str) -> float:
        """Forward MACs after a projection by importance before the training; exact where nothing is given back."""
        open_channels = self.open_channels
        if projection == "refill":
            importance = channel_importance(self.whole, self.space.network, self.space.groups)
            open_channels = project(self.space, budget, open_channels, importance, projection).open_channels
        return self.space.exact(count_open(open_channels), ["macs"])["macs"]

    def project(self, trained: nn.Module, budget: Budget, projection: str) -> ProjectedNetwork:
        """`trained`, the network after a training, projected: what refill gives back has the larger one's weights."""
        network, groups = self.space.network, self.space.groups
        whole = paste_channels(self.whole, trained.cpu(), network, groups, self.open_channels)
        importance = channel_importance(whole, network, groups)
        return project_network(whole, self.space, budget, projection, importance, self.open_channels)


class Domain(Protocol):
    """A search space as samplers see it: integer parameters, each with so many levels, counted from 0.

    Example: {"stem": 2, "block1.conv1": 7} are the levels that stand for 5 channels in the stem and 16 in block1.conv1.
    """

    @property
    def level_counts(self) -> dict[str, int]:
        """Number of levels of each parameter, by its name."""

    def decode(self, levels: Mapping[str, int]) -> Architecture:
        """The architecture that these levels stand for."""

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""

    def describe(self, architecture: Architecture) -> dict[str, Any]:
        """Widths and branches by name, as a trial's attributes hold them."""

    def branch_names(self, architecture: Architecture) -> dict[str, str]:
        """The chosen branch at each position; empty where there are no layer choices."""

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> "Subnetwork":
        """The network on the CPU, with weights from `warmed_up` (its most important channels).

        Where that is None, weights are initialised from the random stream that `label` names.
        """

    def smallest(self, budget: Budget) -> Architecture:
        """An architecture that meets every budget that planning has accepted."""

    def largest_fitting(self, budget: Budget) -> Architecture:
        """A large architecture that meets the budget: an upper guess of what one trial costs."""


@dataclass(frozen=True)
class WidthLevels:
    """For each channel group that is not frozen, up to `levels` widths from 1 to its full size."""

    groups: Groups
    levels: int

    @cached_property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Widths to choose from, evenly spaced, by the group's name."""
        groups = zip(self.groups.names, self.groups.sizes, self.groups.frozen, strict=True)
        return {name: even_widths(size, self.levels) for name, size, frozen in groups if not frozen}

    @property
    def counts(self) -> dict[str, int]:
        """Number of widths to choose from, by the group's name."""
        return {name: len(widths) for name, widths in self.choices.items()}

    def widths(self, levels: Mapping[str, int]) -> Widths:
        """The width of each group; frozen ones keep their full size."""
        return tuple(
            self.choices[name][levels[name]] if name in self.choices else size
            for name, size in zip(self.groups.names, self.groups.sizes, strict=True)
        )


def even_widths(size: int, levels: int) -> tuple[int, ...]:
    """Up to `levels` whole numbers from 1 to `size`, evenly spaced, both ends included."""
    return tuple(sorted({1 + round(i * (size - 1) / (levels - 1)) for i in range(levels)}))


def domain_of(task: Task, levels: int) -> Domain:
    """The domain of a task's search space, with up to `levels` widths a channel group."""
    if task.choices is None:
        return WidthDomain(task, WidthLevels(task.space.groups, levels))
    return ChoiceDomain(task, task.choices, WidthLevels(task.choices.groups, levels))


@dataclass(frozen=True)
class WidthDomain:
    """Widths of the reference network: one parameter a channel group."""

    task: Task
    levels: WidthLevels
    _orders: dict[int, list[Tensor]] = field(default_factory=dict, repr=False)
    """Channels by importance of each network that weights were inherited from, by that network's `id()`."""

    @property
    def level_counts(self) -> dict[str, int]:
        """Number of widths of each channel group."""
        return self.levels.counts

    def decode(self, levels: Mapping[str, int]) -> Architecture:
        """The reference network at these widths."""
        return Architecture(self.levels.widths(levels))

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""
        return self.task.space.exact(architecture.widths)

    def describe(self, architecture: Architecture) -> dict[str, Any]:
        """The widths, by the group's name."""
        return {"widths": dict(self.task.space.named(architecture.widths))}

    def branch_names(self, architecture: Architecture) -> dict[str, str]:
        """Empty: there are no layer choices."""
        return {}

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """Of the warmed-up reference network without its least important channels, or of a newly initialised one."""
        space = self.task.space
        if warmed_up is None:
            whole = self.task.new_network(label)
            return Subnetwork(whole, space, _open_first(space, _in_order(space), architecture.widths))
        if id(warmed_up) not in self._orders:
            self._orders[id(warmed_up)] = _sort_channels(warmed_up, space)
        return Subnetwork(warmed_up, space, _open_first(space, self._orders[id(warmed_up)], architecture.widths))

    def smallest(self, budget: Budget) -> Architecture:
        """The widths that showed planning that the budget can be met: mostly one channel in each group."""
        widths = self.task.space.find_fitting(budget)
        assert widths is not None
        return Architecture(widths)

    def largest_fitting(self, budget: Budget) -> Architecture:
        """The reference network thinned by one factor, the largest that meets the budget."""
        return Architecture(largest_scaled_widths(self.task.space, budget))


@dataclass(frozen=True)
class ChoiceDomain:
    """Branches of a supernet, and widths of its channel groups where these are searched too.

    One parameter a position and, with widths, one a channel group.
    """

    task: Task
    space: ChoiceSpace
    levels: WidthLevels

    @property
    def level_counts(self) -> dict[str, int]:
        """Number of branches at each position, and of widths of each channel group."""
        return {p.name: len(p.branches) for p in self.space.positions} | self.levels.counts

    def decode(self, levels: Mapping[str, int]) -> Architecture:
        """These branches at these widths."""
        return Architecture(self.levels.widths(levels), tuple(levels[p.name] for p in self.space.positions))

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""
        return self.space.exact(_selection_of(architecture), architecture.widths)

    def describe(self, architecture: Architecture) -> dict[str, Any]:
        """The branches by position, and the searched widths by the group's name."""
        groups = self.space.groups
        widths = zip(groups.names, architecture.widths, groups.frozen, strict=True)
        return {
            "choices": self.branch_names(architecture),
            "widths": {name: width for name, width, frozen in widths if not frozen},
        }

    def branch_names(self, architecture: Architecture) -> dict[str, str]:
        """The chosen branch at each position."""
        return self.space.named(_selection_of(architecture))

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """Of the branches of the warmed-up supernet, or of newly initialised ones, the most important channels."""
        selection = _selection_of(architecture)
        supernet = self.task.new_supernet(label) if warmed_up is None else warmed_up
        network = select_branches(supernet, self.space.supernet_graph, selection)
        space = WidthSpace(trace(network, self.task.input_shape), self.task.hardware)
        if not self.space.masked:
            return Subnetwork(network, space, space.groups.open_all())
        widths = self._widths_of_branches(architecture, space)
        return Subnetwork(network, space, _open_first(space, _sort_channels(network, space), widths))

    def _widths_of_branches(self, architecture: Architecture, space: WidthSpace) -> list[int]:
        """The architecture's widths in the channel groups of `space`, the space of its branches alone.

        A layer has different names in the supernet and in the network of the chosen branches; both list their layers in
        order of execution.
        """
        selection = _selection_of(architecture)
        group_names = self.space.width_space(selection).groups.names
        supernet_group = dict(zip(group_names, self.space.groups_of_selection(selection), strict=True))
        widths = list(space.full)
        supernet_layers = self.space.supernet_graph.select(selection).weighted
        for layer, supernet_layer in zip(space.network.weighted, supernet_layers, strict=True):
            if supernet_layer.name in supernet_group:
                widths[space.groups.of[layer.name]] = architecture.widths[supernet_group[supernet_layer.name]]
        return widths

    def smallest(self, budget: Budget) -> Architecture:
        """Branches that meet the budget at few channels; planning has checked that there are some."""
        fitting = self.space.find_any_fitting(budget)
        assert fitting is not None
        selection, widths = fitting
        return Architecture(widths, selection)

    def largest_fitting(self, budget: Budget) -> Architecture:
        """The branches with the most MACs that meet the budget at all channels; else the smallest architecture."""
        _, macs = self.space.branch_costs("macs", self.space.full)
        unit = self.space.all_branches_macs
        selection = self.space.find_best([[m / unit for m in costs] for costs in macs], budget)
        return self.smallest(budget) if selection is None else Architecture(self.space.full, selection)


def _selection_of(architecture: Architecture) -> Selection:
    assert architecture.selection is not None
    return architecture.selection


def _sort_channels(network: nn.Module, space: WidthSpace) -> list[Tensor]:
    """Channel indices of each group, the most important first."""
    importance = channel_importance(network, space.network, space.groups)
    return [torch.argsort(values, descending=True, stable=True) for values in importance]


def _in_order(space: WidthSpace) -> list[Tensor]:
    return [torch.arange(size) for size in space.groups.sizes]


def _open_first(space: WidthSpace, orders: Sequence[Tensor], widths: Sequence[int]) -> list[Tensor]:
    """The first channels of each group in the order given, as many as `widths` says, as masks."""
    open_channels = [torch.zeros(size, dtype=torch.bool) for size in space.groups.sizes]
    for mask, order, width in zip(open_channels, orders, widths, strict=True):
        mask[order[:width]] = True
    return open_channels
