"""What Optuna's samplers choose from, and the network that a choice stands for: widths, branches, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from baselines.width_scaling import largest_scaling
from suite.hardware.trace import trace
from suite.hardware.union import Selection
from suite.space.branches import select_branches
from suite.space.budget import Budget
from suite.space.choice_space import ChoiceSpace
from suite.space.groups import Groups
from suite.space.importance import channel_importance
from suite.space.slicing import slice_channels
from suite.space.width_space import Widths, WidthSpace
from suite.task.task import Task


@dataclass(frozen=True)
class Point:
    """A network of the space: widths of its channel groups and, where there are layer choices, its branches."""

    widths: Widths
    selection: Selection | None = None


class Domain(Protocol):
    """A space as samplers see it: named parameters with so many levels each, counted from 0."""

    @property
    def counts(self) -> dict[str, int]:
        """Levels of each parameter."""

    def point(self, levels: Mapping[str, int]) -> Point:
        """The network that these levels stand for."""

    def exact(self, point: Point) -> dict[str, float]:
        """Its exact costs."""

    def named(self, point: Point) -> dict[str, Any]:
        """It in words, for a trial's facts."""

    def branches(self, point: Point) -> dict[str, str]:
        """The chosen branch at each position."""

    def build(self, point: Point, label: str, warm: nn.Module | None) -> nn.Module:
        """The network on the CPU: the most important channels of `warm` with their weights, or fresh ones."""

    def smallest(self, budget: Budget) -> Point:
        """A network that fits each budget that is accepted."""

    def roomiest(self, budget: Budget) -> Point:
        """A large network that fits: what a trial is taken to cost before any is known."""


@dataclass(frozen=True)
class Levels:
    """For each free channel group up to `levels` widths, from 1 to full."""

    groups: Groups
    levels: int

    @cached_property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Widths to choose from, evenly spaced, by the group's name."""
        of = zip(self.groups.names, self.groups.sizes, self.groups.frozen, strict=True)
        return {name: even_widths(size, self.levels) for name, size, frozen in of if not frozen}

    @property
    def counts(self) -> dict[str, int]:
        """How many there are."""
        return {name: len(widths) for name, widths in self.choices.items()}

    def widths(self, levels: Mapping[str, int]) -> Widths:
        """The width of each group; frozen ones keep theirs."""
        return tuple(
            self.choices[name][levels[name]] if name in self.choices else size
            for name, size in zip(self.groups.names, self.groups.sizes, strict=True)
        )


def even_widths(size: int, levels: int) -> tuple[int, ...]:
    """Up to `levels` whole numbers from 1 to `size`, evenly spaced, both ends included."""
    return tuple(sorted({1 + round(i * (size - 1) / (levels - 1)) for i in range(levels)}))


def domain_of(task: Task, levels: int) -> Domain:
    """The domain of a task's space."""
    if task.choices is None:
        return WidthDomain(task, Levels(task.space.groups, levels))
    return ChoiceDomain(task, task.choices, Levels(task.choices.groups, levels))


@dataclass(frozen=True)
class WidthDomain:
    """Widths of the seed."""

    task: Task
    levels: Levels
    _orders: dict[int, list[Tensor]] = field(default_factory=dict, repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """One parameter a channel group."""
        return self.levels.counts

    def point(self, levels: Mapping[str, int]) -> Point:
        """The seed at these widths."""
        return Point(self.levels.widths(levels))

    def exact(self, point: Point) -> dict[str, float]:
        """Its exact costs."""
        return self.task.space.exact(point.widths)

    def named(self, point: Point) -> dict[str, Any]:
        """Its widths."""
        return {"widths": dict(self.task.space.named(point.widths))}

    def branches(self, point: Point) -> dict[str, str]:
        """None."""
        return {}

    def build(self, point: Point, label: str, warm: nn.Module | None) -> nn.Module:
        """The warm seed thinned by importance, or a fresh one."""
        space = self.task.space
        if warm is None:
            return space.thin(self.task.new_network(label), point.widths)
        if id(warm) not in self._orders:
            self._orders[id(warm)] = _most_important_first(warm, space)
        return _thinned(warm, space, self._orders[id(warm)], point.widths)

    def smallest(self, budget: Budget) -> Point:
        """One channel in each group."""
        return Point(self.task.space.smallest)

    def roomiest(self, budget: Budget) -> Point:
        """The largest evenly thinned seed that fits."""
        return Point(largest_scaling(self.task.space, budget))


@dataclass(frozen=True)
class ChoiceDomain:
    """Branches of a supernet, and widths of its channel groups where these are searched too."""

    task: Task
    space: ChoiceSpace
    levels: Levels

    @property
    def counts(self) -> dict[str, int]:
        """One parameter a position, and one a channel group."""
        return {p.name: len(p.branches) for p in self.space.positions} | self.levels.counts

    def point(self, levels: Mapping[str, int]) -> Point:
        """These branches at these widths."""
        return Point(self.levels.widths(levels), tuple(levels[p.name] for p in self.space.positions))

    def exact(self, point: Point) -> dict[str, float]:
        """Its exact costs."""
        return self.space.exact(_chosen(point), point.widths)

    def named(self, point: Point) -> dict[str, Any]:
        """Its branches, and the widths that are searched."""
        groups = self.space.groups
        of = zip(groups.names, point.widths, groups.frozen, strict=True)
        return {"choices": self.branches(point), "widths": {name: n for name, n, frozen in of if not frozen}}

    def branches(self, point: Point) -> dict[str, str]:
        """By position."""
        return self.space.named(_chosen(point))

    def build(self, point: Point, label: str, warm: nn.Module | None) -> nn.Module:
        """The branches of the warm supernet, thinned by importance, or fresh ones."""
        selection = _chosen(point)
        supernet = self.task.new_supernet(label) if warm is None else warm
        network = select_branches(supernet, self.space.union, selection)
        if not self.space.masked:
            return network
        part = WidthSpace(trace(network, self.task.input_shape), self.task.hardware)
        names = self.space.width_space(selection).groups.names
        of_part = dict(zip(names, self.space.groups_of_selection(selection), strict=True))
        in_union = [layer.name for layer in self.space.union.select(selection).weighted]
        widths = list(part.full)
        for layer, name in zip(part.network.weighted, in_union, strict=True):
            if name in of_part:
                widths[part.groups.of[layer.name]] = point.widths[of_part[name]]
        return _thinned(network, part, _most_important_first(network, part), widths)

    def smallest(self, budget: Budget) -> Point:
        """A selection that fits at the fewest channels; there is one, as the budget was found to be in reach."""
        return self._best([[0.0] * len(p.branches) for p in self.space.positions], budget, self.space.smallest)

    def roomiest(self, budget: Budget) -> Point:
        """The most MACs that fit at all channels; else the smallest network."""
        _, macs = self.space.branch_costs("macs", self.space.full)
        unit = self.space.all_branches_macs
        found = self.space.find_best([[m / unit for m in costs] for costs in macs], budget)
        return self.smallest(budget) if found is None else Point(self.space.full, found)

    def _best(self, preferences: Sequence[Sequence[float]], budget: Budget, widths: Widths) -> Point:
        found = self.space.find_best(preferences, budget, widths)
        assert found is not None
        return Point(widths, found)


def _chosen(point: Point) -> Selection:
    assert point.selection is not None
    return point.selection


def _most_important_first(network: nn.Module, space: WidthSpace) -> list[Tensor]:
    importance = channel_importance(network, space.network, space.groups)
    return [torch.argsort(values, descending=True, stable=True) for values in importance]


def _thinned(network: nn.Module, space: WidthSpace, orders: Sequence[Tensor], widths: Sequence[int]) -> nn.Module:
    kept = [torch.zeros(size, dtype=torch.bool) for size in space.groups.sizes]
    for mask, order, width in zip(kept, orders, widths, strict=True):
        mask[order[:width]] = True
    return slice_channels(network, space.network, space.groups, kept)
