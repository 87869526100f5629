"""DUCCIO: one-shot mask search in which memory and latency limits enter the loss as hinge penalties.

Burrello et al., arXiv 2310.07217. Warm-up, search (masks and weights jointly, on the training set), discretise,
fine-tune. `guarantee=off` is the paper's setting: the checkpoint with the best validation score of the last quarter is
returned whether it fits or not. With `repair` or `refill` the best feasible checkpoint is kept, and where none is, the
least violating one is thinned until it fits.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, cast

import torch

from suite.budget import Budget
from suite.cost_limit import Lengths, check_cost_limit, epochs_within, lengths_within
from suite.dnas.discretise import GUARANTEES, discretise
from suite.dnas.importance import channel_importance
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import LATE, MaskObjective
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.meter import Meter
from suite.seed_training import TrainedSeed, train_seed
from suite.task import Candidate, SearchResult, Task
from suite.training import Fit, Phase, fit, place


@dataclass(frozen=True)
class Duccio:
    """Mask-based DUCCIO.

    penalty: shape, schedule and strengths' multiplier (the recipe's where null) of the constraints in the loss.
    guarantee: off, repair or refill.
    cost_limit: in standard trainings of the seed; warm-up and search keep the recipe's lengths as long as that leaves
        room for fine-tuning (see `lengths_within`), and fine-tuning takes all that is left. None: the recipe's lengths.
    """

    version: ClassVar[int] = 1

    name: str = "duccio"
    penalty: PenaltyRule = field(default_factory=PenaltyRule)
    guarantee: str = "refill"
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        if self.guarantee not in GUARANTEES:
            raise ValueError(f"method.guarantee={self.guarantee}: choices are {', '.join(GUARANTEES)}")

    @property
    def label(self) -> str:
        """Name in tables."""
        return self.name if self.guarantee == "refill" else f"{self.name} (guarantee {self.guarantee})"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search, discretise, fine-tune; one candidate."""
        lengths = lengths_within(task, self.cost_limit, Lengths.of(task.recipe))
        warm = train_seed(task, meter, lengths.warmup)
        epochs = lengths.search
        masked = MaskedNetwork(warm.network, task.space.network, task.space.groups)
        objective = _Constrained(self, task, budget, masked, warm, epochs)
        patience = task.recipe.patience
        late = int(LATE * epochs)
        phase = Phase("search", task.recipe.search, epochs, patience=patience, patience_from=late)
        searched = fit(task, masked, meter, phase, objective=objective, macs=task.space.seed_costs["macs"])
        network = self._discretise(task, budget, masked)
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        limit = self.cost_limit
        epochs = lengths.finetune if limit is None else epochs_within(task, meter, macs, limit)
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=patience)
        tuned = fit(task, network, meter, phase, macs=macs)
        return SearchResult(
            candidates=[Candidate(network)],
            history=[*warm.history, *searched.rows, *tuned.rows],
            search_costs=_costs_of(searched, task),
            artefacts=[warm.artefact],
        )

    def _discretise(self, task: Task, budget: Budget, masked: MaskedNetwork) -> torch.nn.Module:
        masked.to("cpu")
        plain = masked.plain()
        importance = channel_importance(plain, task.space.network, task.space.groups)
        kept = discretise(task.space, budget, masked.masks.kept(), importance, self.guarantee)
        return place(masked.export(kept), task.compute)


class _Constrained(MaskObjective):
    """The constraints' penalty; with a guarantee, an epoch that fits is kept before any other."""

    def __init__(
        self, method: Duccio, task: Task, budget: Budget, masked: MaskedNetwork, warm: TrainedSeed, epochs: int
    ) -> None:
        self.budget = budget
        self.strict = method.guarantee != "off"
        targets = {m: t for m, t in budget.targets.items() if m in task.hardware.differentiable}
        rule = method.penalty
        if rule.multiplier is None:
            rule = replace(rule, multiplier=task.recipe.penalty_multiplier)
        super().__init__(task, masked, Penalty(rule, targets, epochs))
        self.rule.start(warm.loss, task.space.seed_costs)

    def ratios(self) -> dict[str, float]:
        costs = self.costs()
        return {m: costs[m] / target for m, target in self.budget.targets.items()}

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Feasible first, then score; where none is feasible the least violation. The paper's rule where off."""
        if not self.strict:
            return super().rank(epoch, score)
        violation = self.budget.total_violation(self.costs())
        return (-violation, score)


def _costs_of(searched: Fit, task: Task) -> dict[str, float]:
    last = searched.rows[-1]
    return {metric: cast(float, last[f"cost/{metric}"]) for metric in task.hardware.units}
