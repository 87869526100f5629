"""The width search space of a reference network: a width for each channel group, with exact and relaxed costs.

Costs are computed from the list of layers alone, thousands of candidates a second, before any network is built. The
tests hold it to one law: the relaxed cost at binary masks is the exact cost of the exported network.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from suite import SuiteError
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import LayerTable, Network
from suite.hardware.ram import Allocation, Buffer, MemoryPlan, align, allocations, plan_memory
from suite.space.budget import Budget, unreachable_error
from suite.space.descent import FloatArray, descend, uniform_starts
from suite.space.groups import Groups, Widths, channel_groups
from suite.space.slicing import slice_channels

_MAX_CACHED_PLANS = 1000


@dataclass(frozen=True)
class WidthSpace:
    """All networks that keep at least one channel in each channel group of the traced reference network."""

    network: Network
    hardware: HardwareModel

    @cached_property
    def groups(self) -> Groups:
        """The reference network's channel groups."""
        return channel_groups(self.network)

    @property
    def full(self) -> Widths:
        """The reference network's own widths."""
        return self.groups.sizes

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the groups that may be thinned."""
        return tuple(i for i, frozen in enumerate(self.groups.frozen) if not frozen)

    @property
    def smallest(self) -> Widths:
        """One channel in each free group."""
        return self.groups.smallest

    @property
    def metrics(self) -> Sequence[str]:
        """What the costs are given of."""
        return [*self.hardware.units]

    @cached_property
    def reference_costs(self) -> dict[str, float]:
        """Exact costs of the reference network."""
        return self.exact(self.full)

    @cached_property
    def _table(self) -> LayerTable:
        return LayerTable.of(self.network.parts)

    @cached_property
    def _features(self) -> tuple[Tensor, Tensor]:
        """How many features of each part's (first) input and output one channel of each group makes, (L, G) each."""
        names = [layer.name for layer in self.network.parts]
        sources = [layer.inputs[0] if layer.inputs else layer.name for layer in self.network.parts]
        return self.groups.features(sources), self.groups.features(names)

    @cached_property
    def allocations(self) -> list[Allocation]:
        """The buffers behind peak RAM."""
        return allocations(self.network)

    @cached_property
    def _buffer_features(self) -> Tensor:
        """Bytes that one channel of each group adds to each buffer, (B, G)."""
        per_channel = torch.tensor([a.per_channel for a in self.allocations])
        return self.groups.features([a.layer for a in self.allocations]) * per_channel[:, None]

    def exact(self, widths: Sequence[int], metrics: Iterable[str] | None = None) -> dict[str, float]:
        """Exact costs of the network with these widths (one per group); `metrics`: which of them, None for all."""
        metrics = list(self.metrics if metrics is None else metrics)
        costs = self._costs(torch.tensor(widths), [metric for metric in metrics if metric != "ram"])
        return {metric: self.ram(widths) if metric == "ram" else float(costs[metric]) for metric in metrics}

    def ram(self, widths: Sequence[int]) -> float:
        """Peak activation memory in bytes at these widths."""
        return float(self.memory_plan(widths).peak)

    def memory_plan(self, widths: Sequence[int]) -> MemoryPlan:
        """Where the buffers lie at these widths, in the order of `allocations`."""
        return self._cached_plan(tuple(widths))  # from one step of a search to the next widths rarely change

    @cached_property
    def _cached_plan(self) -> Callable[[Widths], MemoryPlan]:
        return lru_cache(_MAX_CACHED_PLANS)(lambda widths: plan_memory(self.buffers(widths)))

    def buffers(self, widths: Sequence[int]) -> list[Buffer]:
        """The buffers at these widths, in the order of `allocations`."""
        sizes = (self._buffer_features @ torch.tensor(widths)).tolist()
        return [Buffer(size + a.constant, a.first, a.last) for size, a in zip(sizes, self.allocations, strict=True)]

    def layer_features(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the (first) input and of the output of each part, (L,) each, from channel counts (G,)."""
        cin, cout = (features.to(counts.dtype) @ counts for features in self._features)
        return cin, cout

    def per_layer(self, counts: Tensor, metric: str) -> Tensor:
        """One metric that is a sum over layers, of each part of the network (L,), from channel counts (G,)."""
        return self.hardware.per_layer(metric, self._table, *self.layer_features(counts))

    def layers_of_group(self, group: int) -> Tensor:
        """Indices of the layers whose input or output has channels of a group."""
        inputs, outputs = self._features
        return torch.nonzero(inputs[:, group] + outputs[:, group]).flatten()

    def layer_curves(self, widths: Sequence[int], group: int, metric: str) -> Tensor:
        """A metric that is a sum over layers at each width of one group, the other groups as in `widths`.

        Shape (size of the group, layers): row n - 1 has n channels; columns are the layers of `layers_of_group`.
        """
        rows, size = self.layers_of_group(group), self.full[group]
        counts = torch.tensor(widths).repeat(size, 1)
        counts[:, group] = torch.arange(1, size + 1)
        cin, cout = ((counts @ features[rows].T).flatten() for features in self._features)
        table = self._table.take(rows.repeat(size))
        return self.hardware.per_layer(metric, table, cin, cout).view(size, len(rows))

    def all_layer_curves(self, widths: Sequence[int], group: int, metric: str) -> Tensor:
        """As `layer_curves`, with a column for each layer: those without the group have the same in all rows."""
        layers = self.per_layer(torch.tensor(widths), metric).repeat(self.full[group], 1)
        layers[:, self.layers_of_group(group)] = self.layer_curves(widths, group, metric)
        return layers

    def cost_curve(self, widths: Sequence[int], group: int, metric: str) -> FloatArray:
        """One exact cost at each width of a group, the other groups as in `widths`, shape (size of the group,).

        Its numbers are those of `exact` to the last bit. Metrics that are no sums cost an evaluation for each width.
        """
        if metric in self.hardware.additive:
            return self.all_layer_curves(widths, group, metric).sum(1).double().numpy()
        candidates = ((*widths[:group], n, *widths[group + 1 :]) for n in range(1, self.full[group] + 1))
        return np.array([self.exact(candidate, [metric])[metric] for candidate in candidates])

    def relaxed(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        """Differentiable costs (0-d float64 tensors) from channel counts (G,) that carry gradients."""
        counts, metrics = counts.double(), list(metrics)
        costs = self._costs(counts, [metric for metric in metrics if metric != "ram"])
        if "ram" in metrics:
            costs["ram"] = self._relaxed_ram(counts)
        return {metric: costs[metric] for metric in metrics}

    def _relaxed_ram(self, counts: Tensor) -> Tensor:
        """Straight-through: the exact peak at rounded counts, with the slopes of the buffers that hold it up."""
        plan = self.memory_plan(counts.detach().round().int().tolist())
        slopes = torch.tensor(plan.slopes, dtype=torch.float64) @ self._buffer_features.double()
        return plan.peak + slopes @ (counts - counts.detach())

    def _costs(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        cin, cout = self.layer_features(counts)
        return {metric: self.hardware.per_layer(metric, self._table, cin, cout).sum() for metric in metrics}

    def find_smallest(self, metric: str) -> Widths:
        """Widths of the least cost: one channel in each group, or where `metric` is not monotone see `descend`."""
        if metric not in self.hardware.non_monotone:
            return self.smallest

        def cost(widths: Sequence[int], group: int) -> FloatArray:
            return self.cost_curve(widths, group, metric)

        starts = uniform_starts(self.smallest, self.full) if metric in self.hardware.additive else [self.smallest]
        return min(descend(cost, self.free, start) for start in starts)[1]

    def find_fitting(self, budget: Budget) -> Widths | None:
        """Widths that meet a budget: one channel in each group where that does; None where none are found.

        They always fit. With limits on monotone metrics alone, None means that there are none; with others, that
        descents (see `descend`) on the total violation, from several starts, end in none.
        """
        if budget.fits(self.exact(self.smallest, budget.targets)):
            return self.smallest
        limited = [c for c in budget.constraints if c.metric in self.hardware.non_monotone]
        if any(self._lowest_cost(c.metric) > c.target for c in budget.constraints):
            return None

        def violation(widths: Sequence[int], group: int) -> FloatArray:
            curves = [self.cost_curve(widths, group, c.metric) / c.target - 1 for c in budget.constraints]
            violations: FloatArray = np.maximum(curves, 0).sum(0)
            return violations

        starts = [*(self.find_smallest(c.metric) for c in limited), *uniform_starts(self.smallest, self.full)]
        for start in starts:
            _, widths = descend(violation, self.free, start)
            if budget.fits(self.exact(widths, budget.targets)):
                return widths
        return None

    def fitting_widths(self, budget: Budget) -> Widths:
        """As `find_fitting`, for a budget that `check_reachable` has accepted.

        Raises:
            ValueError: no network is known to fit.
        """
        if (widths := self.find_fitting(budget)) is None:
            raise ValueError(f"no network of this space meets the budget ({budget.label})")
        return widths

    def _lowest_cost(self, metric: str) -> float:
        """What no network of the space undercuts: of RAM the buffers that live at once, with one channel each."""
        if metric != "ram":
            return self.exact(self.find_smallest(metric), [metric])[metric]
        buffers = self.buffers(self.smallest)
        return max(sum(align(b.size) for b in buffers if b.first <= step.first <= b.last) for step in buffers)

    def check_reachable(self, budget: Budget) -> None:
        """Refuse a budget that no network of this space meets, before anything is trained.

        What is accepted can be met. Where only monotone metrics are limited, all are least with one channel in each
        group, so that single and joint reachability are the same question; for others see `find_fitting`.

        Raises:
            SuiteError: naming each unreachable target and the smallest reachable value, or that limits which can be met
                one by one cannot be met together.
        """
        if self.find_fitting(budget) is not None:
            return
        smallest = {c: self.exact(self.find_smallest(c.metric))[c.metric] for c in budget.constraints}
        unreachable = {c: cost for c, cost in smallest.items() if cost > c.target}
        raise unreachable_error(budget, unreachable, self.hardware.units)

    def sample(self, rng: torch.Generator, budget: Budget, tries: int = 100_000) -> Widths:
        """Draw random widths that fit: a scale s uniform in [0, 1), then each width uniform between 1 and s x full.

        Raises:
            SuiteError: none of `tries` draws fits.
        """
        for _ in range(tries):
            scale = torch.rand((), generator=rng).item()
            draws = torch.rand(len(self.groups), generator=rng).tolist()
            widths = tuple(
                n if f else 1 + int(u * scale * n)
                for u, n, f in zip(draws, self.groups.sizes, self.groups.frozen, strict=True)
            )
            if budget.fits(self.exact(widths)):
                return widths
        raise SuiteError(f"none of {tries} random networks meets the budget ({budget.label}): give it more room")

    def thin(self, network: nn.Module, widths: Sequence[int]) -> nn.Module:
        """A copy of `network`, a reference network, with the first channels of each group, as many as `widths` says."""
        return slice_channels(network, self.network, self.groups, self.groups.open_first(widths))
