"""The width search space of a reference network: a width for each channel group, with exact and relaxed costs.

Costs are computed from the list of layers alone, thousands of candidates a second, before any network is built. The
tests hold it to one law: the relaxed cost at binary masks is the exact cost of the exported network.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from suite import SuiteError
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import LayerTable, Network
from suite.hardware.ram import Buffer, MemoryPlan, lifetimes, plan_memory
from suite.space.budget import Budget
from suite.space.groups import Groups, channel_groups
from suite.space.slicing import slice_channels

Widths = tuple[int, ...]
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

    @cached_property
    def reference_costs(self) -> dict[str, float]:
        """Exact costs of the reference network."""
        return self.exact(self.full)

    @cached_property
    def _table(self) -> LayerTable:
        return LayerTable.of(self.network.operators)

    @cached_property
    def _features(self) -> tuple[Tensor, Tensor]:
        """How many features of each operator's first input and output one channel of each group makes, (L, G) each."""
        layers = self.network.operators
        return self.groups.features([x.inputs[0] for x in layers]), self.groups.features([x.name for x in layers])

    @cached_property
    def _buffers(self) -> tuple[Tensor, list[tuple[int, int]]]:
        """Activation tensors: elements that one channel of each group adds, (T, G), and (first, last) operation."""
        tensors = lifetimes(self.network)
        sizes = [self.network.by_name[name].size for name, _, _ in tensors]
        area = torch.tensor([height * width for height, width in sizes])
        elements = self.groups.features([name for name, _, _ in tensors]) * area[:, None]
        return elements, [(first, last) for _, first, last in tensors]

    def exact(self, widths: Sequence[int]) -> dict[str, float]:
        """Exact costs, every metric, of the network with these widths (one per group)."""
        counts = torch.tensor(widths)
        values = {m: float(cost) for m, cost in self._costs(counts, self.hardware.additive).items()}
        values["ram"] = self.ram(widths)
        return {metric: values[metric] for metric in self.hardware.units}

    def ram(self, widths: Sequence[int]) -> float:
        """Peak activation memory in bytes at these widths."""
        return float(self.memory_plan(widths).peak)

    def memory_plan(self, widths: Sequence[int]) -> MemoryPlan:
        """Where the activation tensors lie at these widths, in the order of `lifetimes`."""
        key = tuple(widths)
        if key not in self._plans:  # from one step of a search to the next widths rarely change
            if len(self._plans) >= _MAX_CACHED_PLANS:
                self._plans.clear()
            sizes = zip(self.buffer_bytes(key), self._buffers[1], strict=True)
            self._plans[key] = plan_memory([Buffer(size, *life) for size, life in sizes])
        return self._plans[key]

    @cached_property
    def _plans(self) -> dict[Widths, MemoryPlan]:
        return {}

    def buffer_bytes(self, widths: Sequence[int]) -> list[int]:
        """Size of each activation tensor at these widths, in the order of `lifetimes`."""
        sizes: list[int] = (self._buffers[0] @ torch.tensor(widths)).tolist()
        return sizes

    def layer_features(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the first input and of the output of each operator, (L,) each, from channel counts (G,)."""
        cin, cout = (features.to(counts.dtype) @ counts for features in self._features)
        return cin, cout

    def per_layer(self, counts: Tensor, metric: str) -> Tensor:
        """One metric that is a sum over layers, of each operator (L,), from channel counts (G,)."""
        return self.hardware.per_layer(metric, self._table, *self.layer_features(counts))

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
        slopes = torch.tensor(plan.slopes, dtype=torch.float64) @ self._buffers[0].double()
        return plan.peak + slopes @ (counts - counts.detach())

    def _costs(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        return dict(self.hardware.layer_costs(self._table, *self.layer_features(counts), metrics))

    def check_reachable(self, budget: Budget) -> None:
        """Refuse a budget that no network of this space meets, before anything is trained.

        All metrics are smallest with one channel in each group (`ram`: up to the planner's fragmentation), so that
        single and joint reachability are the same question.

        Raises:
            SuiteError: naming each unreachable target and the smallest reachable value.
        """
        smallest = self.exact(self.smallest)
        unreachable = [
            f"budget.{c.metric}={c.text} ({c.target:.6g} {self.hardware.units[c.metric]}) is below the smallest "
            f"network of this space ({smallest[c.metric]:.6g})"
            for c in budget.constraints
            if smallest[c.metric] > c.target
        ]
        if unreachable:
            raise SuiteError("; ".join(unreachable))

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
        open_channels = [torch.arange(n) < w for n, w in zip(self.groups.sizes, widths, strict=True)]
        return slice_channels(network, self.network, self.groups, open_channels)

    def named(self, widths: Sequence[int]) -> Mapping[str, int]:
        """Width of each free group by its name."""
        return {self.groups.names[i]: int(widths[i]) for i in self.free}
