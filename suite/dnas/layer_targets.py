"""A search space whose costs include the memory of each layer, and what a refinement asks of single layers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from suite.hardware.layer_memory import LayerMemory, choose_memory_level
from suite.space.budget import Budget, Constraint
from suite.space.widths import SearchSpace

_PREFIX = "memory/"


@dataclass(frozen=True)
class LayerSpace(SearchSpace):
    """With one more cost for each weighted layer, `memory/<layer>`: what it needs at once, in bytes.

    The law of `SearchSpace` holds for them as well. All of them fall with every channel that goes.
    """

    @cached_property
    def _memory(self) -> LayerMemory:
        return LayerMemory.of(self.network)

    def layer_bytes(self, widths: Sequence[int]) -> dict[str, float]:
        """The memory of each weighted layer at these widths."""
        sizes: list[int] = self._memory.bytes(*self.layer_features(torch.tensor(widths))).tolist()
        return {f"{_PREFIX}{name}": float(size) for name, size in zip(self._memory.names, sizes, strict=True)}

    def exact(self, widths: Sequence[int]) -> dict[str, float]:
        """Exact costs, every metric and each layer's memory, of the network with these widths (one per group)."""
        return super().exact(widths) | self.layer_bytes(widths)

    def relaxed(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        """Differentiable costs (0-d float64 tensors) from channel counts (G,) that carry gradients."""
        metrics = list(metrics)
        costs = super().relaxed(counts, [metric for metric in metrics if not metric.startswith(_PREFIX)])
        sizes = self._memory.bytes(*self.layer_features(counts.double()))
        costs |= {f"{_PREFIX}{name}": size for name, size in zip(self._memory.names, sizes, strict=True)}
        return {metric: costs[metric] for metric in metrics}


@dataclass(frozen=True)
class LayerTargets:
    """The levels, in bytes, that layers of one network are to be thinned to.

    `targets` has the metric of each layer that exceeds its level; `out_of_reach` names the layers that would exceed
    theirs at any width (a wide input, say): nothing is asked of them.
    """

    targets: Mapping[str, float]
    out_of_reach: tuple[str, ...] = ()

    @classmethod
    def of(cls, space: LayerSpace, levels: Sequence[float], tolerance: float) -> "LayerTargets":
        """For the full network of `space`; the levels are chosen once, and layers above all of them have none."""
        targets, out_of_reach = {}, []
        least = space.layer_bytes(space.smallest)
        for metric, size in space.layer_bytes(space.full).items():
            level = choose_memory_level(size, levels, tolerance)
            if level is None or size <= level:
                continue
            if least[metric] > level:
                out_of_reach.append(metric.removeprefix(_PREFIX))
            else:
                targets[metric] = float(level)
        return cls(targets, tuple(out_of_reach))

    def added_to(self, budget: Budget) -> Budget:
        """The budget with a constraint more for each target."""
        extra = (Constraint(metric, target, f"{target:.0f}B") for metric, target in self.targets.items())
        return Budget((*budget.constraints, *extra))


def layers_over(costs: Mapping[str, float], levels: Sequence[float]) -> dict[str, int]:
    """For a history: how many layers exceed each level, from the exact costs of a `LayerSpace`."""
    sizes = [size for metric, size in costs.items() if metric.startswith(_PREFIX)]
    return {f"layers_over/{level:.0f}": sum(size > level for size in sizes) for level in levels}
