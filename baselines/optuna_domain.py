"""What Optuna's samplers choose from, and the network that a choice stands for: widths, branches, or both."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from suite.hardware.supernet_graph import Position, Selection
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
    selection: Selection = ()


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
        whole = paste_channels(self.whole, trained.cpu(), self.space.network, self.space.groups, self.open_channels)
        return project_network(whole, self.space, budget, projection, self.open_channels)


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


@dataclass(frozen=True)
class Domain(ABC):
    """A search space as samplers see it: integer parameters, each with so many levels, counted from 0.

    Example: {"stem": 2, "block1.conv1": 7} are the levels that stand for 5 channels in the stem and 16 in block1.conv1.

    levels: widths of the channel groups. positions: the layer choices, whose levels are their branches.
    """

    task: Task
    levels: WidthLevels
    positions: tuple[Position, ...] = ()

    @property
    def level_counts(self) -> dict[str, int]:
        """Number of levels of each parameter, by its name."""
        return {p.name: len(p.branches) for p in self.positions} | self.levels.counts

    def decode(self, levels: Mapping[str, int]) -> Architecture:
        """The architecture that these levels stand for."""
        return Architecture(self.levels.widths(levels), tuple(levels[p.name] for p in self.positions))

    def describe(self, architecture: Architecture) -> dict[str, Any]:
        """Branches and searched widths by name, as a trial's attributes hold them."""
        groups = self.levels.groups
        widths = zip(groups.names, architecture.widths, groups.frozen, strict=True)
        choices = {"choices": self.branch_names(architecture)} if self.positions else {}
        return choices | {"widths": {name: width for name, width, frozen in widths if not frozen}}

    def branch_names(self, architecture: Architecture) -> dict[str, str]:
        """The chosen branch at each position; empty where there are no layer choices."""
        return {p.name: p.branches[k] for p, k in zip(self.positions, architecture.selection, strict=True)}

    @abstractmethod
    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""

    @abstractmethod
    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """The network on the CPU, with weights from `warmed_up` (its most important channels).

        Where that is None, weights are initialised from the random stream that `label` names.
        """

    @abstractmethod
    def smallest(self, budget: Budget) -> Architecture:
        """An architecture that meets every budget that planning has accepted."""

    @abstractmethod
    def largest_fitting(self, budget: Budget) -> Architecture:
        """A large architecture that meets the budget: an upper guess of what one trial costs."""


def domain_of(task: Task, levels: int) -> Domain:
    """The domain of a task's search space, with up to `levels` widths a channel group."""
    if task.choices is None:
        return WidthDomain(task, WidthLevels(task.space.groups, levels))
    return ChoiceDomain(task, WidthLevels(task.choices.groups, levels), task.choices.positions)


class WidthDomain(Domain):
    """Widths of the reference network: one parameter a channel group."""

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""
        return self.task.space.exact(architecture.widths)

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """Of the warmed-up reference network without its least important channels, or of a newly initialised one."""
        space = self.task.space
        whole = self.task.new_network(label) if warmed_up is None else warmed_up
        in_order = [torch.arange(size) for size in space.full]
        orders = in_order if warmed_up is None else _sort_channels(warmed_up, space)
        return Subnetwork(whole, space, _open_first(orders, architecture.widths))

    def smallest(self, budget: Budget) -> Architecture:
        """The widths that showed planning that the budget can be met: mostly one channel in each group."""
        widths = self.task.space.find_fitting(budget)
        assert widths is not None
        return Architecture(widths)

    def largest_fitting(self, budget: Budget) -> Architecture:
        """The reference network thinned by one factor, the largest that meets the budget."""
        return Architecture(largest_scaled_widths(self.task.space, budget))


class ChoiceDomain(Domain):
    """Branches of a supernet, and widths of its channel groups where these are searched too.

    One parameter a position and, with widths, one a channel group.
    """

    @property
    def space(self) -> ChoiceSpace:
        """The space of the task's layer choices."""
        assert self.task.choices is not None
        return self.task.choices

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""
        return self.space.exact(architecture.selection, architecture.widths)

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """Of the branches of the warmed-up supernet, or of newly initialised ones, the most important channels."""
        supernet = self.task.new_supernet(label) if warmed_up is None else warmed_up
        network = select_branches(supernet, self.space.supernet_graph, architecture.selection)
        space = WidthSpace(trace(network, self.task.input_shape), self.task.hardware)
        if not self.space.masked:
            return Subnetwork(network, space, space.groups.open_all())
        widths = [architecture.widths[group] for group in self.space.groups_of_selection(architecture.selection)]
        return Subnetwork(network, space, _open_first(_sort_channels(network, space), widths))

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


def _sort_channels(network: nn.Module, space: WidthSpace) -> list[Tensor]:
    """Channel indices of each group, the most important first."""
    importance = channel_importance(network, space.network, space.groups)
    return [torch.argsort(values, descending=True, stable=True) for values in importance]


def _open_first(orders: Sequence[Tensor], widths: Sequence[int]) -> list[Tensor]:
    """The first channels of each group in the order given, as many as `widths` says, as masks."""
    open_channels = [torch.zeros(len(order), dtype=torch.bool) for order in orders]
    for mask, order, width in zip(open_channels, orders, widths, strict=True):
        mask[order[:width]] = True
    return open_channels
