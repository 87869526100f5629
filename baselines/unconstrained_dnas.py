"""Differentiable search without targets: lambda x cost as an objective, over a sweep of strengths lambda.

What DUCCIO's constraints replace: the same warm-up, masks, ramp, recipe and fine-tuning, but nobody knows beforehand
which lambda leads to which cost. So a grid of strengths is searched, and for each budget the best network that happens
to fit is taken. The targets have no part in the search: one sweep serves all budgets on the same metrics. DUCCIO's
authors have scripts for such a comparison (github eml-eda/multi-constraint-nas, commit 915520f, utils.py: the losses
`*_obj`, lambda x cost without a target).

The grid. For each budgeted metric lambda = s x multiplier x L / C, with the warm-up's final training loss L, the
reference network's cost C and the recipe's multiplier of Eq. 13 (arXiv 2310.07217), so that s has no unit: at s = 1 the
whole reference network costs as much as the (multiplied) task loss. Eq. 13 itself puts DUCCIO at s = 1 / (1 - T/C),
that is 1.07 to 4 for targets T of 6.25 to 75 % of C. The grid is centred near there and spans three decades,
10^-1.5 ... 10^1.5, in nine strengths, each 2.4 times the one before: it reaches more than a factor of seven beyond what
the constrained search uses at either end.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from suite.dnas.branch_mixing import ChoiceRule
from suite.dnas.choice_search import ChoiceObjective, discretise_choices, make_mixed_network
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import LATE, MaskObjective
from suite.dnas.penalty import FIXED_SCHEDULES, Penalty, PenaltyRule
from suite.hardware.trace import trace
from suite.records.store import content_id, load_tensors, save_tensors
from suite.space.branches import select_branches
from suite.space.budget import Budget
from suite.space.groups import channel_groups
from suite.space.width_space import WidthSpace
from suite.task.cost_limit import (
    Lengths,
    check_cost_limit,
    epoch_macs,
    epochs_within,
    expected_macs,
    largest_macs,
    lengths_within,
    macs_left,
    search_epoch_macs,
    validation_macs,
)
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.reference_training import TrainedReference, train_reference
from suite.task.task import Candidate, SearchResult, Task, Workspace
from suite.task.training import Fit, Phase, fit


@dataclass(frozen=True)
class UnconstrainedDnas:
    """A sweep of mask searches with lambda x cost in the loss.

    strengths: how many, from 10^-decades to 10^decades in equal steps of the exponent, three digits each.
    schedule: ramp (Eq. 14, as DUCCIO) or constant.
    compaction: channels whose masks are closed at the end of an epoch are no longer computed, as in DUCCIO.
    choices: how branches are drawn and trained, where the space has layer choices, as in DUCCIO.
    cost_limit: in standard trainings of the reference network. Strengths are then taken from the middle of the grid
        outwards, the stronger first, as many as fit; where not even `fewest` do, all phases are shortened until they
        do.
    """

    version: ClassVar[int] = 2
    spaces: ClassVar[tuple[str, ...]] = ("masks", "choices", "both")

    name: str = "unconstrained_dnas"
    strengths: int = 9
    decades: float = 1.5
    schedule: str = "ramp"
    fewest: int = 2
    compaction: bool = True
    choices: ChoiceRule = field(default_factory=ChoiceRule)
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        if self.schedule not in FIXED_SCHEDULES:
            raise ValueError(f"method.schedule={self.schedule}: choices are {', '.join(FIXED_SCHEDULES)}")
        for name in ("strengths", "fewest"):
            if getattr(self, name) < 1:
                raise ValueError(f"method.{name}={getattr(self, name)}: must be at least 1")
        if not (math.isfinite(self.decades) and self.decades > 0):
            raise ValueError(f"method.decades={self.decades}: must be positive")
        check_cost_limit(self.cost_limit)

    @property
    def grid(self) -> list[float]:
        """The strengths s, from the middle of the grid outwards, of two equally far the stronger first."""
        middle = (self.strengths - 1) / 2
        indices = sorted(range(self.strengths), key=lambda i: (abs(i - middle), -i))
        exponents = [self.decades * (i - middle) / max(middle, 0.5) for i in indices]
        return [float(f"{10**exponent:.3g}") for exponent in exponents]

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a budget without a differentiable metric, and a cost limit that does not pay for `fewest` searches."""
        penalised_metrics(task, budget)
        self._lengths(task)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search and fine-tune at one strength after the other; one candidate a strength."""
        metrics = penalised_metrics(task, budget)
        lengths = self._lengths(task)
        warmup = train_reference(task, meter, lengths.warmup)
        # what thin networks save goes into their fine-tuning, up to the recipe's length
        longest = replace(lengths, finetune=Lengths.of(task.recipe).finetune)
        sweep = Sweep(task, warmup, metrics, longest, self)
        expected = expected_macs(task, lengths)
        points: list[SweepPoint] = []
        for strength in self.grid:
            available = self._available_macs(task, meter, points, expected)
            if points and available < expected:
                break
            share = None if sweep.largest_point_macs <= available else available / task.standard_macs
            points.append(sweep.run_point(strength, meter, share))
        return SearchResult(
            candidates=[Candidate(p.network, f"strength {p.strength:g}", p.choices) for p in points],
            history=[*warmup.history, *(row for p in points for row in p.history)],
            artefacts=[warmup.artefact, *(p.artefact for p in points)],
        )

    def _lengths(self, task: Task) -> Lengths:
        searches = min(self.fewest, self.strengths)
        return lengths_within(task, self.cost_limit, Lengths.of(task.recipe), searches=searches)

    def _available_macs(self, task: Task, meter: Meter, points: Sequence["SweepPoint"], expected: float) -> float:
        """MACs x samples that the next point may cost, so that later ones and the harness's passes fit as well."""
        if self.cost_limit is None:
            return math.inf
        later_points = max(0, min(self.fewest, self.strengths) - len(points) - 1)
        harness_passes = sum(validation_macs(task, point.costs["macs"]) for point in points)
        return macs_left(task, meter, self.cost_limit) - harness_passes - later_points * expected


def penalised_metrics(task: Task, budget: Budget) -> list[str]:
    """The budgeted metrics that have a differentiable form, sorted: their order in the budget does not matter.

    Raises:
        ValueError: there is none.
    """
    metrics = sorted(set(budget.targets) & set(task.hardware.differentiable))
    if not metrics:
        raise ValueError(
            f"budget={budget.label}: unconstrained_dnas needs a limit on a differentiable metric. Choices: "
            + ", ".join(task.hardware.differentiable)
        )
    return metrics


@dataclass(frozen=True)
class SweepPoint:
    """The network of one strength, searched and fine-tuned, with its exact costs.

    history: one row an epoch of search and fine-tuning. artefact: id of the shared result. choices: branch at each
    position, where the space has layer choices.
    """

    strength: float
    network: nn.Module
    costs: Mapping[str, float]
    history: Sequence[Mapping[str, Any]]
    artefact: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Sweep:
    """What the points of one sweep have in common: the warmed-up network and the metrics in the loss, among others."""

    task: Task
    warmup: TrainedReference
    metrics: Sequence[str]
    lengths: Lengths
    method: UnconstrainedDnas

    @property
    def largest_point_macs(self) -> float:
        """MACs x samples of a point that keeps all channels, the harness's pass included."""
        macs = largest_macs(self.task)
        search = self.lengths.search * search_epoch_macs(self.task)
        return search + self.lengths.finetune * epoch_macs(self.task, macs) + validation_macs(self.task, macs)

    def run_point(self, strength: float, meter: Meter, share: float | None) -> SweepPoint:
        """Search and fine-tune at one strength, or load the shared result; `meter` is charged in full either way.

        `share` limits the point's cost, in standard trainings; None where its lengths are known to fit.
        """
        artefact = content_id(self._identity(strength, share))
        store = self.task.workspace.store
        path = store.artefact_folder(artefact) / "point.pt"
        with store.lock(path.parent):
            if not path.exists():
                meter.lost.add(self._train(strength, share, path).lost)
        state = load_tensors(path)
        network = self._rebuild_network(state["selection"], state["widths"])
        network.load_state_dict(state["network"])
        usages = {name: usage for name, usage in state["meter"].items() if any(usage.values())}
        meter.add_shared(f"sweep point {strength:g}", artefact, usages)
        branches = {} if self.task.choices is None else self.task.choices.named(state["selection"])
        return SweepPoint(strength, network, state["costs"], state["rows"], artefact, branches)

    def _rebuild_network(self, selection: Sequence[int] | None, widths: Sequence[int]) -> nn.Module:
        """A network of the recorded architecture, its weights to be loaded."""
        task = self.task
        if task.choices is None or selection is None:
            return task.space.thin(task.new_network(), widths)
        network = select_branches(task.new_supernet(), task.choices.supernet_graph, tuple(selection))
        return WidthSpace(trace(network, task.input_shape), task.hardware).thin(network, widths)

    def _identity(self, strength: float, share: float | None) -> dict[str, Any]:
        """Everything that a point's result depends on, which its artefact's id hashes; no target is among it."""
        device = self.task.hardware.device
        return {
            "kind": "sweep point",
            "version": self.method.version,
            "strength": strength,
            "schedule": self.method.schedule,
            "compaction": self.method.compaction,
            "choices": None if self.task.choices is None else [asdict(self.method.choices), self.task.choices.masked],
            "metrics": list(self.metrics),
            "lengths": asdict(self.lengths),
            "share": share,
            "warmup": self.warmup.artefact,
            "device": [type(device).__module__, type(device).__qualname__, repr(sorted(vars(device).items()))],
            **self.task.shared_key,
            "recipe": asdict(self.task.recipe),
        }

    def _train(self, strength: float, share: float | None, path: Path) -> Meter:
        """Search and fine-tune at one strength and write the result to `path`; returns what that cost."""
        workspace = self.task.workspace
        task = replace(self.task, workspace=Workspace(path.parent, workspace.store, workspace.checkpoint_seconds))
        meter = Meter(task.standard_macs, task.compute)
        recipe, epochs = task.recipe, self.lengths.search
        label = f"search-{strength:g}"
        late = int(LATE * epochs)
        phase = Phase("search", recipe.search, epochs, label, patience=recipe.patience, patience_from=late)
        network, selection, searched = self._search(task, self._penalty(strength), meter, phase)
        layers = trace(network, task.input_shape)
        costs = task.hardware.exact(layers)
        epochs = self.lengths.finetune
        if share is not None:
            epochs = epochs_within(task, meter, costs["macs"], share, epochs)
        phase = Phase("finetune", recipe.finetune, epochs, f"finetune-{strength:g}", patience=recipe.patience)
        tuned = fit(task, to_device(network, task.compute), meter, phase, macs=costs["macs"])
        state = {
            "selection": selection,
            "widths": list(channel_groups(layers).sizes),
            "network": network.state_dict(),
            "costs": costs,
            "score": tuned.best_score,
            "rows": [*searched.rows, *tuned.rows],
            "meter": meter.state(),
        }
        save_tensors(path, state)
        for name in (label, f"finetune-{strength:g}"):
            task.workspace.checkpoint(name).unlink(missing_ok=True)
        return meter

    def _search(
        self, task: Task, penalty: Penalty, meter: Meter, phase: Phase
    ) -> tuple[nn.Module, list[int] | None, Fit]:
        """The plain network that a search without targets ends with, its branches, and how it went."""
        network, no_budget, compaction = copy.deepcopy(self.warmup.network), Budget(), self.method.compaction
        if task.choices is not None:
            mixed = make_mixed_network(task, network, self.method.choices)
            with_choices = ChoiceObjective(task, mixed, penalty, no_budget, feasible_first=False, compaction=compaction)
            searched = fit(task, mixed, meter, phase, objective=with_choices, macs=mixed.macs)
            result = discretise_choices(task.choices, no_budget, mixed.cpu(), "none", task.input_shape)
            return result.network, list(result.selection), searched
        masked = MaskedNetwork(network, task.space.network, task.space.groups)
        objective = MaskObjective(task, masked, penalty, no_budget, feasible_first=False, compaction=compaction)
        searched = fit(task, masked, meter, phase, objective=objective, macs=task.space.reference_costs["macs"])
        return masked.cpu().export(), None, searched

    def _penalty(self, strength: float) -> Penalty:
        rule = PenaltyRule("objective", self.method.schedule, strength)
        penalty = Penalty(rule, dict.fromkeys(self.metrics, math.inf), self.lengths.search)
        start = self.task.space.reference_costs if self.task.choices is None else self.task.choices.uniform_costs
        penalty.start(self.warmup.loss, start)
        return penalty
