"""What Optuna's samplers choose from, and the network that a choice stands for: widths, branches, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
class Domain:
    """A search space as samplers see it: integer parameters, each with so many levels, counted from 0.

    Here one parameter a channel group: the widths of the reference network. Example: {"stem": 2, "block1.conv1": 7} are
    the levels that stand for 5 channels in the stem and 16 in block1.conv1.

    levels: widths of the channel groups. positions: the layer choices, whose levels are their branches.
    """

    task: Task
    levels: WidthLevels
    positions: tuple[Position, ...] = ()

    @property
    def level_counts(self) -> dict[str, int]:
        """Number of levels of each parameter, by its name."""
        branches = {p.name: len(p.branches) for p in self.positions}
        return branches | {name: len(widths) for name, widths in self.levels.choices.items()}

    def decode(self, levels: Mapping[str, int]) -> Architecture:
        """The architecture that these levels stand for."""
        return Architecture(self.levels.widths(levels), tuple(levels[p.name] for p in self.positions))

    def describe(self, architecture: Architecture) -> dict[str, Any]:
        """Branches and searched widths by name, as a trial's attributes hold them."""
        choices = {"choices": self.branch_names(architecture)} if self.positions else {}
        return choices | {"widths": self.levels.groups.named(architecture.widths)}

    def branch_names(self, architecture: Architecture) -> dict[str, str]:
        """The chosen branch at each position; empty where there are no layer choices."""
        return {p.name: p.branches[k] for p, k in zip(self.positions, architecture.selection, strict=True)}

    def exact_costs(self, architecture: Architecture) -> dict[str, float]:
        """Exact costs, by metric."""
        return self.task.space.exact(architecture.widths)

    def subnetwork(self, architecture: Architecture, label: str, warmed_up: nn.Module | None) -> Subnetwork:
        """The network on the CPU, with weights from `warmed_up` (its most important channels).

        Where that is None, weights are initialised from the random stream that `label` names.
        """
        space = self.task.space
        if warmed_up is None:
            return Subnetwork(self.task.new_network(label), space, space.groups.open_first(architecture.widths))
        return Subnetwork(warmed_up, space, _open_most_important(warmed_up, space, architecture.widths))

    def smallest(self, budget: Budget) -> Architecture:
        """An architecture that meets a budget that planning has accepted: mostly one channel in each group."""
        return Architecture(self.task.space.fitting_widths(budget))

    def largest_fitting(self, budget: Budget) -> Architecture:
        """A large architecture that meets the budget, an upper guess of what one trial costs: evenly thinned."""
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
        widths = [architecture.widths[group] for group in self.space.groups_of_selection(architecture.selection)]
        return Subnetwork(network, space, _open_most_important(network, space, widths))

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


def domain_of(task: Task, levels: int) -> Domain:
    """The domain of a task's search space, with up to `levels` widths a channel group."""
    if task.choices is None:
        return Domain(task, WidthLevels(task.space.groups, levels))
    return ChoiceDomain(task, WidthLevels(task.choices.groups, levels), task.choices.positions)


def _open_most_important(network: nn.Module, space: WidthSpace, widths: Sequence[int]) -> list[Tensor]:
    """Masks of the most important channels of each group, as many as `widths` says."""
    importance = channel_importance(network, space.network, space.groups)
    ranks = [values.argsort(descending=True, stable=True).argsort() for values in importance]
    return [rank < width for rank, width in zip(ranks, widths, strict=True)]
