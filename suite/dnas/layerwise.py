"""DUCCIO, then a second search that thins single layers until they fit the memory levels of the device.

Burrello et al., arXiv 2310.07217 (paper section 1.8). The network that was found and fine-tuned is wrapped in masks
again, and searched with

    L = L_task + sum_l lambda_l(e) max(0, M_l - T_l)

where M_l are the bytes of layer l's input, output and weights, and T_l is the smallest memory level L of the device
with M_l < L (1 + tolerance), chosen once: what exceeds a level by little is thinned until it fits, what exceeds it by
much belongs to the next one. Strengths and ramp are those of the first search (Eq. 13, Eq. 14), layer by layer.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import nn

from suite.dnas.layer_targets import LayerSpace, LayerTargets, layers_over
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import LATE, MaskObjective
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.dnas.search import Duccio
from suite.hardware.trace import trace
from suite.space.budget import Budget, feasible_first_key
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.task.cost_limit import Lengths
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit

log = logging.getLogger(__name__)

GUARANTEES = ("off", "repair")
_LEVELS = (44_000, 400_000)
_TOLERANCE = 0.3


@dataclass(frozen=True)
class DuccioLayerwise:
    """DUCCIO and the refinement of its network; of the trained seed, where the budget is empty.

    Where no layer is to be thinned the network stays as it was found, and nothing more is trained.

    penalty: of both searches; a multiplier per metric has the key `layers` for the second one.
    levels: bytes that fit into each memory level of the device, smallest first; the default is the paper's for GAP8's
        L1 and L2.
    tolerance: by how much of a level a layer may exceed it and still be thinned to it (the paper tries 0.3, 0.6, 0.9).
    guarantee: off, the paper's, leaves both searches as they end. With repair the first one's network is refilled, as
        DUCCIO's is, and in the second channels are removed until each layer meets its level and the budget holds.
    """

    version: ClassVar[int] = 1

    name: str = "duccio_layerwise"
    penalty: PenaltyRule = field(default_factory=PenaltyRule)
    levels: Sequence[float] = _LEVELS
    tolerance: float = _TOLERANCE
    guarantee: str = "repair"

    def __post_init__(self) -> None:
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) and x > 0 for x in self.levels)
        if not (numbers and self.levels and list(self.levels) == sorted(set(self.levels))):
            raise ValueError(f"method.levels={list(self.levels)}: positive numbers of bytes, smallest first")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"method.tolerance={self.tolerance}: must be at least 0")
        if self.guarantee not in GUARANTEES:
            raise ValueError(f"method.guarantee={self.guarantee}: choices are {', '.join(GUARANTEES)}")

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Search, then refine; one candidate.

        The history's columns `layers_over/<level>` count the layers above each level: before the refinement in the
        training of the network that it starts from, after it in the epochs labelled "refine-finetune".
        """
        found = self._found(task, budget, meter)
        network = found.candidates[0].network.cpu()
        space = LayerSpace(trace(network, task.input_shape), task.hardware)
        goals = LayerTargets.of(space, self.levels, self.tolerance)
        history = _with_last_label(found.history, self._columns(space.reference_costs, goals))
        if goals.out_of_reach:
            log.warning("no width brings these layers to their memory level: %s", ", ".join(goals.out_of_reach))
        if goals.targets:
            refinement = Refinement(self, replace(task, space=space), goals.added_to(budget), goals, meter)
            network, rows = refinement.run(network, loss=float(history[-1]["loss"]))
            history += rows
        return replace(found, candidates=[Candidate(network)], history=history)

    def _found(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """The trained network that the refinement starts from."""
        if budget.constraints:
            guarantee = "off" if self.guarantee == "off" else "refill"
            return Duccio(penalty=self.penalty, guarantee=guarantee).search(task, budget, meter)
        warm = train_reference(task, meter, Lengths.of(task.recipe).warmup)
        return SearchResult([Candidate(warm.network)], warm.history, artefacts=[warm.artefact])

    def _columns(self, costs: Mapping[str, float], goals: LayerTargets) -> dict[str, Any]:
        return {**layers_over(costs, self.levels), "layers_out_of_reach": ", ".join(goals.out_of_reach)}


@dataclass(frozen=True)
class Refinement:
    """The second search: `task.space` is the `LayerSpace` of the found network, `limits` are budget and goals."""

    method: DuccioLayerwise
    task: Task
    limits: Budget
    goals: LayerTargets
    meter: Meter

    def run(self, network: nn.Module, *, loss: float) -> tuple[nn.Module, list[dict[str, Any]]]:
        """The refined, fine-tuned network, and an epoch's row each; `loss` is the network's training loss (Eq. 13)."""
        task, space, recipe = self.task, self.task.space, self.task.recipe
        lengths = Lengths.of(recipe)
        masked = MaskedNetwork(network, space.network, space.groups)
        objective = _LayerObjective(self, masked, self._penalty(lengths.search, loss))
        late = int(LATE * lengths.search)
        phase = Phase("search", recipe.search, lengths.search, "refine", patience=recipe.patience, patience_from=late)
        searched = fit(task, masked, self.meter, phase, objective=objective, macs=space.reference_costs["macs"])
        thinned, widths = self._discretise(masked.cpu())
        costs = space.exact(widths)
        phase = Phase("finetune", recipe.finetune, lengths.finetune, "refine-finetune", patience=recipe.patience)
        tuned = fit(task, to_device(thinned, task.compute), self.meter, phase, macs=costs["macs"])
        columns = layers_over(costs, self.method.levels)
        return thinned, [*searched.rows, *(row | columns for row in tuned.rows)]

    def _penalty(self, epochs: int, loss: float) -> Penalty:
        rule = self.method.penalty.filled(self.task.recipe.penalty_multiplier).only("layers")
        penalty = Penalty(rule, self.goals.targets, epochs)
        penalty.start(loss, self.task.space.reference_costs)
        return penalty

    def _discretise(self, masked: MaskedNetwork) -> tuple[nn.Module, list[int]]:
        """The plain network, and its widths in the found one's groups.

        Masks only take away, so that what the found network met is met; but for RAM, whose plan may get worse.
        """
        space = self.task.space
        importance = channel_importance(masked.plain(), space.network, space.groups)
        kept = project(space, self.limits, masked.masks.kept(), importance, self.method.guarantee)
        return masked.export(kept), [int(mask.sum()) for mask in kept]


class _LayerObjective(MaskObjective):
    """The layers' penalty; with a guarantee, an epoch that meets levels and budget is kept before any other."""

    def __init__(self, refinement: Refinement, masked: MaskedNetwork, penalty: Penalty) -> None:
        super().__init__(refinement.task, masked, penalty, compaction=True)
        self.limits, self.method = refinement.limits, refinement.method

    def ratios(self) -> dict[str, float]:
        """Cost/target of the budget's constraints, and of the worst layer."""
        costs = self.costs()
        ratios = {c.metric: costs[c.metric] / c.target for c in self.limits.constraints}
        worst = max(ratios.pop(metric) for metric in self.rule.targets)
        return ratios | {"layers": worst}

    def row(self, epoch: int) -> dict[str, float]:
        """Exact costs, memory of the layers that are thinned, strengths at the epoch's end, layers over each level."""
        costs = self.costs()
        shown = {f"cost/{metric}": costs[metric] for metric in self.task.hardware.units}
        shown |= {metric: costs[metric] for metric in self.rule.targets}
        shown |= {f"strength/{metric}": self.rule.strength(metric, epoch + 1) for metric in self.rule.targets}
        return shown | layers_over(costs, self.method.levels)

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Levels and budget first, then score; where none is met the least violation. The paper's rule where off."""
        if self.method.guarantee == "off":
            return super().rank(epoch, score)
        return feasible_first_key(self.limits, self.costs(), score)


def _with_last_label(history: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The history with `columns` added to the epochs of its last training."""
    last = history[-1]["label"]
    return [{**row, **columns} if row["label"] == last else dict(row) for row in history]
