"""A width space whose costs include the memory of each layer, and the targets of a refinement for single layers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from suite.hardware.layer_memory import LayerMemory, choose_memory_level
from suite.space.budget import Budget, Constraint
from suite.space.width_space import WidthSpace

_PREFIX = "memory/"


@dataclass(frozen=True)
class LayerSpace(WidthSpace):
    """A width space with one more cost for each weighted layer, `memory/<layer>`: the bytes that it needs at once.

    Its relaxed costs at binary masks are exact as well. The memory of a layer falls with every channel that is removed.
    """

    @cached_property
    def _memory(self) -> LayerMemory:
        return LayerMemory.of(self.network)

    @property
    def metrics(self) -> Sequence[str]:
        """The device's metrics, and the memory of each layer."""
        return [*super().metrics, *(f"{_PREFIX}{name}" for name in self._memory.names)]

    def layer_bytes(self, widths: Sequence[int]) -> dict[str, float]:
        """The memory of each weighted layer at these widths."""
        return self.exact(widths, self.metrics[len(self.hardware.units) :])

    def _costs(self, counts: Tensor, metrics: Iterable[str]) -> dict[str, Tensor]:
        costs = super()._costs(counts, [metric for metric in metrics if not metric.startswith(_PREFIX)])
        cin, cout = self.layer_features(counts)
        sizes = self._memory.bytes(cin[self._memory.rows], cout[self._memory.rows])
        return costs | {f"{_PREFIX}{name}": size for name, size in zip(self._memory.names, sizes, strict=True)}


@dataclass(frozen=True)
class LayerTargets:
    """The memory levels, in bytes, that layers of one network are to be thinned to.

    `targets` has the metric of each layer that exceeds its level; `out_of_reach` names the layers that exceed theirs at
    any width (because of a wide input, for example) and have no target.
    """

    targets: Mapping[str, float]
    out_of_reach: tuple[str, ...] = ()

    @classmethod
    def of(cls, space: LayerSpace, levels: Sequence[float], tolerance: float) -> "LayerTargets":
        """The targets for the full network of `space`; layers above all levels have none."""
        targets, out_of_reach = {}, []
        smallest = space.layer_bytes(space.smallest)
        for metric, size in space.layer_bytes(space.full).items():
            level = choose_memory_level(size, levels, tolerance)
            if level is None or size <= level:
                continue
            if smallest[metric] > level:
                out_of_reach.append(metric.removeprefix(_PREFIX))
            else:
                targets[metric] = float(level)
        return cls(targets, tuple(out_of_reach))

    def add_to(self, budget: Budget) -> Budget:
        """The budget with one more constraint for each target."""
        constraints = (Constraint(metric, target, f"{target:.0f}B") for metric, target in self.targets.items())
        return Budget((*budget.constraints, *constraints))


def count_layers_over(costs: Mapping[str, float], levels: Sequence[float]) -> dict[str, int]:
    """Columns of a history: how many layers exceed each level, from the exact costs of a `LayerSpace`."""
    sizes = [size for metric, size in costs.items() if metric.startswith(_PREFIX)]
    return {f"layers_over/{level:.0f}": sum(size > level for size in sizes) for level in levels}
