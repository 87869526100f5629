"""The mask-based search space of a seed: a width for each channel group, with its exact and relaxed costs.

Costs are computed from the layer list alone, so thousands of candidates a second can be judged before any is built.
The law that tests hold it to: relaxed cost at binary masks == exact cost of the exported network.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from suite.budget import Budget
from suite.dnas.export import slice_channels
from suite.dnas.groups import Groups, channel_groups
from suite.errors import SuiteError
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import LayerTable, Network
from suite.hardware.ram import Buffer, lifetimes, peak_bytes

Widths = tuple[int, ...]


@dataclass(frozen=True)
class SearchSpace:
    """All networks that keep at least one channel in each group of the traced seed."""

    network: Network
    hardware: HardwareModel

    @cached_property
    def groups(self) -> Groups:
        """The seed's channel groups."""
        return channel_groups(self.network)

    @property
    def full(self) -> Widths:
        """The seed's own widths."""
        return self.groups.sizes

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the groups that may be thinned."""
        return tuple(i for i, frozen in enumerate(self.groups.frozen) if not frozen)

    @cached_property
    def smallest(self) -> Widths:
        """One channel in each free group."""
        return tuple(n if f else 1 for n, f in zip(self.groups.sizes, self.groups.frozen, strict=True))

    @cached_property
    def seed_costs(self) -> dict[str, float]:
        """Exact costs of the seed."""
        return self.exact(self.full)

    @cached_property
    def _table(self) -> LayerTable:
        return LayerTable.of(self.network.weighted)

    @cached_property
    def _indices(self) -> tuple[Tensor, Tensor, Tensor]:
        """For each weighted layer: group of its input, features per channel there, group of its output."""
        of, repeat, layers = self.groups.of, self.groups.repeat, self.network.weighted
        return (
            torch.tensor([of[x.inputs[0]] for x in layers]),
            torch.tensor([repeat[x.inputs[0]] for x in layers]),
            torch.tensor([of[x.name] for x in layers]),
        )

    @cached_property
    def _buffers(self) -> list[tuple[int, int, int, int]]:
        """For each activation tensor: group, elements per channel, first and last operation."""
        tensors = []
        for name, first, last in lifetimes(self.network):
            layer = self.network.by_name[name]
            elements = self.groups.repeat[name] * layer.size[0] * layer.size[1]
            tensors.append((self.groups.of[name], elements, first, last))
        return tensors

    def exact(self, widths: Sequence[int]) -> dict[str, float]:
        """Exact costs, every metric, of the network with these widths (one per group)."""
        costs = self._costs(torch.tensor(widths), self.hardware.differentiable)
        values = {metric: float(cost) for metric, cost in costs.items()}
        values["ram"] = float(peak_bytes([Buffer(widths[g] * n, first, last) for g, n, first, last in self._buffers]))
        return {metric: values[metric] for metric in self.hardware.units}

    def relaxed(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        """Differentiable costs (0-d float64 tensors) from channel counts (G,) that carry gradients."""
        return self._costs(counts.double(), metrics)

    def _costs(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        source, repeat, target = self._indices
        cin, cout = counts[source] * repeat, counts[target]
        return dict(self.hardware.layer_costs(self._table, cin, cout, metrics))

    def check_reachable(self, budget: Budget) -> None:
        """Refuse a budget that no network of this space meets, before anything is trained.

        All metrics are smallest with one channel in each group (`ram`: up to the planner's fragmentation), so that
        single and joint reachability are the same question.

        Raises:
            SuiteError: naming each unreachable target and the smallest reachable value.
        """
        smallest = self.exact(self.smallest)
        misses = [
            f"budget.{c.metric}={c.text} ({c.target:.6g} {self.hardware.units[c.metric]}) is below the smallest "
            f"network of this space ({smallest[c.metric]:.6g})"
            for c in budget.constraints
            if smallest[c.metric] > c.target
        ]
        if misses:
            raise SuiteError("; ".join(misses))

    def sample(self, rng: torch.Generator, budget: Budget, tries: int = 100_000) -> Widths:
        """Random widths that fit: a common scale, uniform, then each group's width up to that share, uniform.

        Raises:
            SuiteError: nothing that fits was drawn in `tries` draws.
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

    def thin(self, seed: nn.Module, widths: Sequence[int]) -> nn.Module:
        """A copy of `seed` with the first channels of each group, as many as `widths` says."""
        kept = [torch.arange(n) < w for n, w in zip(self.groups.sizes, widths, strict=True)]
        return slice_channels(seed, self.network, self.groups, kept)

    def named(self, widths: Sequence[int]) -> Mapping[str, int]:
        """Width of each free group by its name."""
        return {self.groups.names[i]: int(widths[i]) for i in self.free}
