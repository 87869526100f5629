"""DUCCIO, then a second search that thins single layers until they fit the memory levels of the device.

The layer-wise refinement for GAP8 of Burrello et al., arXiv 2310.07217, after its public code (repository
eml-eda/multi-constraint-nas, commit 915520f, tiny_imagenet_finetuning_GAP8.py and hardware_model.py). The network that
DUCCIO found and fine-tuned is wrapped in masks again, and searched with

    L = L_task + sum_l lambda_l(e) max(0, M_l - T_l)

where M_l are the bytes of layer l's input, output and weights, and T_l is the smallest memory level L of the device
with M_l < L (1 + tolerance), chosen once: a layer that exceeds a level by little is thinned until it fits, one that
exceeds it by more belongs to the next level. Strengths and ramp are those of the first search (Eq. 13, Eq. 14), layer
by layer.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import nn

from suite.dnas.duccio import Duccio
from suite.dnas.layer_targets import LayerSpace, LayerTargets, count_layers_over
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import MaskObjective, search_phase
from suite.dnas.one_shot import discretise, finetune
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.hardware.trace import trace
from suite.space.budget import Budget
from suite.space.projection import check_projection
from suite.task.checks import is_positive
from suite.task.cost_limit import Lengths
from suite.task.meter import Meter
from suite.task.reference_training import strength_loss, train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import fit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DuccioLayerwise:
    """DUCCIO and the refinement of its network; where the budget is empty, of the trained reference network.

    Where no layer is to be thinned DUCCIO's network is returned, and nothing more is trained.

    penalty: of both searches; a multiple of Eq. 13 per metric has the key `layers` for the second one.
    levels: bytes that fit into each memory level of the device, smallest first; the default is the paper's for GAP8's
        L1 and L2.
    tolerance: by how much of a level a layer may exceed it and still be thinned to it (the public code has 0.3, 0.6 and
        0.9).
    projection: of both searches' networks; in the second one onto the levels of the layers as well as the budget. With
        none, the paper's, they are returned as the searches end.
    """

    version: ClassVar[int] = 2

    name: str = "duccio_layerwise"
    penalty: PenaltyRule = field(default_factory=PenaltyRule)
    levels: Sequence[float] = (44_000, 400_000)
    tolerance: float = 0.3
    projection: str = "refill"

    def __post_init__(self) -> None:
        numbers = all(map(is_positive, self.levels))
        if not (numbers and self.levels and list(self.levels) == sorted(set(self.levels))):
            raise ValueError(f"method.levels={list(self.levels)}: positive numbers of bytes, smallest first")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"method.tolerance={self.tolerance}: must be at least 0")
        if self.penalty.strength == "scripts":
            raise ValueError("method.penalty.strength=scripts: the scripts' strengths are not of single layers")
        check_projection(self.projection)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Search, then refine; one candidate.

        The history's columns `layers_over/<level>` count the layers above each level: before the refinement in the
        training of the network that it starts from, after it in the epochs labelled "refine-finetune".
        """
        first = self._search_whole_network(task, budget, meter)
        network = first.candidates[0].network.cpu()
        space = LayerSpace(trace(network, task.input_shape), task.hardware)
        layer_targets = LayerTargets.of(space, self.levels, self.tolerance)
        out_of_reach = ", ".join(layer_targets.out_of_reach)
        columns = {**count_layers_over(space.reference_costs, self.levels), "layers_out_of_reach": out_of_reach}
        last = first.history[-1]["label"]  # of the training that the network comes from
        history = [{**row, **columns} if row["label"] == last else dict(row) for row in first.history]
        if out_of_reach:
            log.warning("no width brings these layers to their memory level: %s", out_of_reach)
        if layer_targets.targets:
            loss = strength_loss(task, network, float(history[-1]["loss"]), meter, space.reference_costs["macs"])
            network, rows = self._refine(replace(task, space=space), network, loss, budget, layer_targets, meter)
            history += rows
        return replace(first, candidates=[Candidate(network)], history=history)

    def _search_whole_network(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """The trained network that the refinement starts from."""
        if budget.constraints:
            return Duccio(penalty=self.penalty, projection=self.projection).search(task, budget, meter)
        warm = train_reference(task, meter, Lengths.of(task.recipe).warmup)
        return SearchResult([Candidate(warm.network)], warm.history, artefacts=[warm.artefact])

    def _refine(
        self, task: Task, network: nn.Module, loss: float, budget: Budget, layer_targets: LayerTargets, meter: Meter
    ) -> tuple[nn.Module, list[dict[str, Any]]]:
        """The second search: the refined, fine-tuned network and its history.

        Args:
            task: its space is the `LayerSpace` of `network`.
            network: what is refined.
            loss: its training loss, L of Eq. 13.
            budget: the limits of the whole network.
            layer_targets: those of single layers.
            meter: is charged.
        """
        space, lengths, budget = task.space, Lengths.of(task.recipe), layer_targets.add_to(budget)
        masked = MaskedNetwork(network, space.network, space.groups)
        rule = replace(self.penalty, strength=self.penalty.multiple_of("layers"))
        penalty = Penalty(rule, layer_targets.targets, lengths.search)
        penalty.start(loss, space.reference_costs)
        objective = _LayerObjective(
            task, masked, penalty, budget,
            feasible_first=self.projection != "none", compaction=True, levels=self.levels,
        )  # fmt: skip
        phase = search_phase(task.recipe, lengths.search, "refine")
        searched = fit(task, masked, meter, phase, objective=objective, macs=space.reference_costs["macs"])
        # Masks only remove channels, so that the first search's constraints still hold; but for RAM, whose plan may get
        # worse.
        thinned = discretise(task, masked, budget, self.projection).network
        costs = LayerSpace(trace(thinned, task.input_shape), task.hardware).reference_costs
        tuned = finetune(task, thinned, meter, lengths.finetune, label="refine-finetune", macs=costs["macs"])
        columns = count_layers_over(costs, self.levels)
        return thinned, [*searched.rows, *(row | columns for row in tuned.rows)]


@dataclass(eq=False)
class _LayerObjective(MaskObjective):
    """The penalty on layers; with a projection, epochs that meet levels and budget rank before all others."""

    levels: Sequence[float] = field(kw_only=True)

    def ratios(self) -> dict[str, float]:
        """Cost/target of the budget's constraints, and of the worst layer."""
        ratios = super().ratios()
        worst = max(ratios.pop(metric) for metric in self.cost_penalty.targets)
        return ratios | {"layers": worst}

    def row(self, epoch: int) -> dict[str, float]:
        """Exact costs, memory of the layers that are thinned, its strengths, layers over each level."""
        costs = self.costs()
        targets = self.cost_penalty.targets
        columns = {f"cost/{metric}": costs[metric] for metric in self.task.hardware.units}
        columns |= {metric: costs[metric] for metric in targets}
        columns |= {f"strength/{metric}": self.cost_penalty.strength(metric, epoch) for metric in targets}
        return columns | count_layers_over(costs, self.levels)
