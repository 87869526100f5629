"""DUCCIO: one-shot search in which memory and latency limits enter the loss as hinge penalties.

Burrello et al., arXiv 2310.07217. Warm-up, search, discretise, fine-tune. Masks are trained with the weights, on the
training set; layer choices after them, on the validation set. `guarantee=off` is the paper's setting: the checkpoint
with the best validation score of the last quarter is returned whether it fits or not. With `repair` or `refill` the
best feasible checkpoint is kept, and where none is, the least violating one is changed until it fits.
"""

from dataclasses import dataclass, field
from typing import ClassVar, cast

from torch import nn

from suite.dnas.choice_search import ChoiceObjective, discretise_choices, mixed_network
from suite.dnas.choices import ChoiceRule
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import LATE, MaskObjective
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.space.budget import Budget, feasible_first_key
from suite.space.importance import channel_importance
from suite.space.projection import GUARANTEES, project
from suite.task.cost_limit import Lengths, check_cost_limit, epochs_within, lengths_within
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.reference_training import TrainedReference, train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Fit, Objective, Phase, fit


@dataclass(frozen=True)
class Duccio:
    """DUCCIO over masks, layer choices or both.

    penalty: shape, schedule and strengths' multiplier (the recipe's where null) of the constraints in the loss.
    choices: how branches are drawn and trained, where the space has layer choices.
    guarantee: off, repair or refill.
    compaction: channels whose masks are closed at the end of an epoch are computed no more; choices have `drop_below`.
    cost_limit: in standard trainings of the seed; warm-up and search keep the recipe's lengths as long as that leaves
        room for fine-tuning (see `lengths_within`), and fine-tuning takes all that is left. None: the recipe's lengths.
    """

    version: ClassVar[int] = 2

    name: str = "duccio"
    penalty: PenaltyRule = field(default_factory=PenaltyRule)
    choices: ChoiceRule = field(default_factory=ChoiceRule)
    guarantee: str = "refill"
    compaction: bool = True
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        if self.guarantee not in GUARANTEES:
            raise ValueError(f"method.guarantee={self.guarantee}: choices are {', '.join(GUARANTEES)}")

    @property
    def spaces(self) -> tuple[str, ...]:
        """What it searches; dual ascent moves its multipliers once a step, and layer choices take two passes."""
        return ("masks",) if self.penalty.schedule == "dual" else ("masks", "choices", "both")

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search, discretise, fine-tune; one candidate."""
        lengths = lengths_within(task, self.cost_limit, Lengths.of(task.recipe))
        warm = train_reference(task, meter, lengths.warmup)
        patience = task.recipe.patience
        phase = Phase(
            "search", task.recipe.search, lengths.search, patience=patience, patience_from=int(LATE * lengths.search)
        )
        found, searched = self._searched(task, budget, warm, meter, phase)
        network = found.network
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        limit = self.cost_limit
        epochs = lengths.finetune if limit is None else epochs_within(task, meter, macs, limit)
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=patience)
        tuned = fit(task, to_device(network, task.compute), meter, phase, macs=macs)
        return SearchResult(
            candidates=[found],
            history=[*warm.history, *searched.rows, *tuned.rows],
            search_costs=_costs_of(searched, task),
            artefacts=[warm.artefact],
        )

    def _searched(
        self, task: Task, budget: Budget, warm: TrainedReference, meter: Meter, phase: Phase
    ) -> tuple[Candidate, Fit]:
        """The network that the search ends with, discretised, on the CPU; and how the search went."""
        penalty = self._penalty(task, budget, warm, phase)
        if task.choices is not None:
            mixed = mixed_network(task, warm.network, self.choices)
            objective: Objective = ChoiceObjective(
                task, mixed, penalty, budget, strict=self.guarantee != "off", compaction=self.compaction
            )
            searched = fit(task, mixed, meter, phase, objective=objective, macs=mixed.macs)
            network, selection = discretise_choices(task.choices, budget, mixed.cpu(), self.guarantee, task.input_shape)
            return Candidate(network, choices=task.choices.named(selection)), searched
        masked = MaskedNetwork(warm.network, task.space.network, task.space.groups)
        objective = _Constrained(
            task, budget, masked, penalty, strict=self.guarantee != "off", compaction=self.compaction
        )
        searched = fit(task, masked, meter, phase, objective=objective, macs=task.space.reference_costs["macs"])
        return Candidate(self._discretise(task, budget, masked.cpu())), searched

    def _penalty(self, task: Task, budget: Budget, warm: TrainedReference, phase: Phase) -> Penalty:
        rule = self.penalty.filled(task.recipe.penalty_multiplier)
        targets = {m: t for m, t in budget.targets.items() if m in task.hardware.differentiable}
        penalty = Penalty(rule, targets, cast(int, phase.epochs))
        penalty.start(warm.loss, task.space.reference_costs if task.choices is None else task.choices.even_costs)
        return penalty

    def _discretise(self, task: Task, budget: Budget, masked: MaskedNetwork) -> nn.Module:
        importance = channel_importance(masked.plain(), task.space.network, task.space.groups)
        kept = project(task.space, budget, masked.masks.kept(), importance, self.guarantee)
        return masked.export(kept)


class _Constrained(MaskObjective):
    """The constraints' penalty; where `strict`, an epoch that fits is kept before any other."""

    def __init__(
        self,
        task: Task,
        budget: Budget,
        masked: MaskedNetwork,
        penalty: Penalty,
        *,
        strict: bool,
        compaction: bool,
    ) -> None:
        super().__init__(task, masked, penalty, compaction=compaction)
        self.budget, self.strict = budget, strict

    def ratios(self) -> dict[str, float]:
        costs = self.costs()
        return {m: costs[m] / target for m, target in self.budget.targets.items()}

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Feasible first, then score; where none is feasible the least violation. The paper's rule where off."""
        if not self.strict:
            return super().rank(epoch, score)
        return feasible_first_key(self.budget, self.costs(), score)


def _costs_of(searched: Fit, task: Task) -> dict[str, float]:
    last = searched.rows[-1]
    return {metric: cast(float, last[f"cost/{metric}"]) for metric in task.hardware.units}
