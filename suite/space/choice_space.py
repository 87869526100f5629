"""The space of a network with layer choices: a branch at each position and, where masks are searched too, widths.

The exact costs of a selection of branches are those of its own network. Relaxed costs are expectations under the
probabilities of the branches.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from suite.hardware.costs import HardwareModel
from suite.hardware.supernet_graph import Position, Selection, SupernetGraph
from suite.space.assignment import best_assignment
from suite.space.budget import Budget, unreachable_error
from suite.space.descent import FloatArray, descend, uniform_starts
from suite.space.groups import Groups, Widths
from suite.space.width_space import WidthSpace

_MAX_CACHED_SPACES = 4096
_MAX_RAM_CUTS = 300
"""After so many selections that fit all limits but RAM, a budget counts as unreachable."""


@dataclass(frozen=True)
class ChoiceSpace:
    """All selections of branches; with `masked`, at all widths of the channel groups that the branches share."""

    supernet_graph: SupernetGraph
    hardware: HardwareModel
    masked: bool = False

    @property
    def positions(self) -> tuple[Position, ...]:
        """The layer choices, in order of execution."""
        return self.supernet_graph.positions

    @cached_property
    def _all_branches(self) -> WidthSpace:
        return WidthSpace(self.supernet_graph.network, self.hardware)

    @cached_property
    def groups(self) -> Groups:
        """Channel groups of all branches together, frozen where widths are not searched."""
        groups = self._all_branches.groups
        return groups if self.masked else replace(groups, frozen=(True,) * len(groups))

    @property
    def full(self) -> Widths:
        """All channels."""
        return self.groups.sizes

    @property
    def smallest(self) -> Widths:
        """One channel in each group that may be thinned."""
        return self.groups.smallest

    @cached_property
    def width_space(self) -> Callable[[Selection], WidthSpace]:
        """The width space of the network of these branches; its layers keep their names in the supernet."""
        return lru_cache(_MAX_CACHED_SPACES)(
            lambda selection: WidthSpace(self.supernet_graph.select(selection), self.hardware)
        )

    def groups_of_selection(self, selection: Selection) -> list[int]:
        """For each channel group of a selection's network, the index of the group of this space that it belongs to."""
        return [self.groups.of[name] for name in self.width_space(selection).groups.names]

    def exact(self, selection: Selection, widths: Sequence[int] | None = None) -> dict[str, float]:
        """Exact costs, every metric, of the network of these branches at these widths (all channels where None)."""
        widths = self.full if widths is None else widths
        return self.width_space(selection).exact(tuple(widths[g] for g in self.groups_of_selection(selection)))

    def relaxed(self, counts: Tensor, probabilities: Sequence[Tensor], metrics: Iterable[str]) -> dict[str, Tensor]:
        """Differentiable costs, 0-d float64 tensors: expectations under independent branch probabilities.

        `ram` is the exact value at the likeliest branches; its slope in a probability is the exact value with that
        branch in place of the likeliest one.

        Args:
            counts: channels of each group, (G,), with gradients.
            probabilities: one tensor a position, with gradients.
            metrics: which costs.
        """
        metrics = list(metrics)
        flat = torch.cat([*(p.double().cpu() for p in probabilities), torch.ones(1, dtype=torch.float64)])
        shares = flat[self._share_index]
        costs = {m: (self._all_branches.per_layer(counts.double(), m) * shares).sum() for m in metrics if m != "ram"}
        if "ram" in metrics:
            costs["ram"] = self._relaxed_ram(counts, probabilities)
        return costs

    @cached_property
    def _share_index(self) -> Tensor:
        """For each part of the network the number of its branch, over all positions; one more for those outside."""
        starts = list(accumulate((len(position.branches) for position in self.positions), initial=0))
        owners = [self.supernet_graph.branch_of.get(layer.name) for layer in self.supernet_graph.network.parts]
        return torch.tensor([starts[-1] if owner is None else starts[owner[0]] + owner[1] for owner in owners])

    def _relaxed_ram(self, counts: Tensor, probabilities: Sequence[Tensor]) -> Tensor:
        likeliest = tuple(int(p.argmax()) for p in probabilities)
        widths = [round(n) for n in counts.tolist()]
        value = self.width_space(likeliest).relaxed(counts[self.groups_of_selection(likeliest)], ["ram"])["ram"]
        for i, p in enumerate(probabilities):
            peaks = [self._peak_ram((*likeliest[:i], k, *likeliest[i + 1 :]), widths) for k in range(len(p))]
            slopes = torch.tensor(peaks, dtype=torch.float64)
            value = value + ((p - p.detach()).double().cpu() * slopes).sum()
        return value

    def _peak_ram(self, selection: Selection, widths: Sequence[int]) -> float:
        return self.width_space(selection).ram([widths[g] for g in self.groups_of_selection(selection)])

    def branch_costs(self, metric: str, widths: Sequence[int]) -> tuple[float, list[list[float]]]:
        """A metric that is a sum over layers, at these widths: of the layers outside choices, and of each branch."""
        layers = self._all_branches.per_layer(torch.tensor(widths), metric).double()
        fixed, branches = self._sum_by_branch(layers)
        return float(fixed), [costs.tolist() for costs in branches]

    def _sum_by_branch(self, layers: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Costs of layers (..., layers) summed: (...) outside choices, and (..., branches) at each position."""
        sizes = [len(position.branches) for position in self.positions]
        totals = layers.new_zeros(*layers.shape[:-1], sum(sizes) + 1).index_add(-1, self._share_index, layers)
        return totals[..., -1], torch.split(totals[..., :-1], sizes, dim=-1)

    @cached_property
    def all_branches_macs(self) -> float:
        """Forward MACs of all branches together, at full width."""
        fixed, branches = self.branch_costs("macs", self.full)
        return fixed + sum(map(sum, branches))

    @cached_property
    def largest_macs(self) -> float:
        """Forward MACs of the largest network."""
        fixed, branches = self.branch_costs("macs", self.full)
        return fixed + sum(map(max, branches))

    @cached_property
    def uniform_costs(self) -> dict[str, float]:
        """Expected costs where a search starts: all branches equally likely, all channels open."""
        uniform = [torch.full((len(p.branches),), 1 / len(p.branches)) for p in self.positions]
        costs = self.relaxed(torch.tensor(self.full).double(), uniform, self.hardware.units)
        return {metric: float(cost) for metric, cost in costs.items()}

    def find_best(
        self, preferences: Sequence[Sequence[float]], budget: Budget, widths: Sequence[int] | None = None
    ) -> Selection | None:
        """The selection with the largest sum of `preferences` that fits, None where none does.

        A mixed-integer program over the metrics that are sums over layers. Peak RAM is no sum: combinations of branches
        that exceed it are excluded one after the other until a selection fits.
        """
        widths = self.full if widths is None else widths
        limits = [(*self.branch_costs(c.metric, widths), c.target) for c in budget.constraints if c.metric != "ram"]
        cuts: list[list[tuple[int, int]]] = []
        while len(cuts) < _MAX_RAM_CUTS:
            selection = best_assignment(preferences, limits, cuts)
            if selection is None or budget.fits(self.exact(selection, widths)):
                return selection
            cuts.append(self._find_excess_branches(selection, widths, budget.targets.get("ram", math.inf)))
        return None

    def _find_excess_branches(
        self, selection: Selection, widths: Sequence[int], target: float
    ) -> list[tuple[int, int]]:
        """(position, branch) pairs that together exceed `target` bytes of RAM, whatever the other branches are.

        All pairs where the buffers that live at once would fit, and only the memory plan does not.
        """
        space = self.width_space(selection)
        buffers = space.buffers([widths[g] for g in self.groups_of_selection(selection)])
        layers = self.supernet_graph.network.layers
        order = {layer.name: i for i, layer in enumerate(layers)}
        for step in sorted({buffer.first for buffer in buffers}):
            live = [i for i, buffer in enumerate(buffers) if buffer.first <= step <= buffer.last]
            if sum(buffers[i].size for i in live) > target:
                places = [order[space.allocations[i].layer] for i in live]
                low, high = min(places), max(places)
                between = {
                    owner[0]
                    for layer in layers[low : high + 1]
                    if (owner := self.supernet_graph.branch_of.get(layer.name)) is not None
                }
                return [(i, selection[i]) for i in sorted(between)]
        return list(enumerate(selection))

    def can_meet(self, selection: Selection, budget: Budget) -> bool:
        """Whether these branches are known to meet a budget, at some widths where widths are searched."""
        if self.masked:
            return self.width_space(selection).find_fitting(budget) is not None
        return budget.fits(self.exact(selection))

    def find_fitting(self, preferences: Sequence[Sequence[float]], budget: Budget) -> tuple[Selection, Widths] | None:
        """The selection with the largest sum of `preferences` that fits at few channels, and these widths.

        None where none is found: there is none if only monotone metrics are limited. Else several widths are tried,
        at which metrics that are not monotone are small.
        """
        for widths in self._narrow_widths(budget):
            selection = self.find_best(preferences, budget, widths)
            if selection is not None:
                return selection, widths
        return None

    def find_any_fitting(self, budget: Budget) -> tuple[Selection, Widths] | None:
        """As `find_fitting`, all branches alike."""
        return self.find_fitting([[0.0] * len(position.branches) for position in self.positions], budget)

    def _narrow_widths(self, budget: Budget) -> Iterator[Widths]:
        """One channel in each group; for limits on metrics that are not monotone also widths at which they are low."""
        yield self.smallest
        if irregular := set(budget.targets) & set(self.hardware.additive) & set(self.hardware.non_monotone):
            others = [*map(self._find_smallest, sorted(irregular)), *uniform_starts(self.smallest, self.full)]
            yield from (widths for widths in dict.fromkeys(others) if widths != self.smallest)

    def _find_smallest(self, metric: str) -> Widths:
        """Widths at which a metric is least, with the best branches for each: see `descend`."""
        if metric not in self.hardware.non_monotone:
            return self.smallest

        def cost(widths: Sequence[int], group: int) -> FloatArray:
            layers = self._all_branches.all_layer_curves(widths, group, metric).double()
            fixed, branches = self._sum_by_branch(layers)
            return (fixed + sum(costs.min(1).values for costs in branches)).numpy()

        free = [group for group, frozen in enumerate(self.groups.frozen) if not frozen]
        return min(descend(cost, free, start) for start in uniform_starts(self.smallest, self.full))[1]

    def check_reachable(self, budget: Budget) -> None:
        """Refuse a budget that no network of this space meets, before anything is trained.

        What is accepted can be met; for what is refused see `find_fitting`.

        Raises:
            SuiteError: naming each target and its smallest value, or that they cannot be met together.
        """
        if self.find_any_fitting(budget) is not None:
            return
        alone = [c for c in budget.constraints if self.find_any_fitting(Budget((c,))) is None]
        unreachable = {c: self._smallest_cost(c.metric) for c in alone}
        raise unreachable_error(budget, unreachable, self.hardware.units)

    def _smallest_cost(self, metric: str) -> float:
        """The least value of a metric; NaN for RAM, which is no sum over layers."""
        if metric == "ram":
            return math.nan
        fixed, branches = self.branch_costs(metric, self._find_smallest(metric))
        return fixed + sum(map(min, branches))

    def named(self, selection: Selection) -> dict[str, str]:
        """The chosen branch's name at each position."""
        return {p.name: p.branches[k] for p, k in zip(self.positions, selection, strict=True)}
