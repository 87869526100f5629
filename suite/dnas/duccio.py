"""DUCCIO: one-shot search in which memory and latency limits enter the loss as hinge penalties.

Burrello et al., arXiv 2310.07217. Warm-up, search, discretise, fine-tune. Masks are trained with the weights, on the
training set; layer choices after them, on the validation set. The defaults are the paper's: strengths by Eq. 13, and
the checkpoint with the best validation score of the last quarter, whether it fits or not. With a projection the best
feasible checkpoint is taken, and where none is feasible, the least violating one is changed until it fits.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from suite.dnas.branch_mixing import ChoiceRule
from suite.dnas.one_shot import discretise, finetune, initial_costs, search, wrap
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.space.budget import Budget
from suite.space.projection import check_projection
from suite.task.cost_limit import Lengths, check_cost_limit, epochs_within, lengths_within, strength_loss_macs
from suite.task.meter import Meter
from suite.task.reference_training import warm_up
from suite.task.task import Candidate, SearchResult, Task
from suite.task.thin_start import check_start, thin_start

CHECKPOINTS = ("late", "feasible")


@dataclass(frozen=True)
class Duccio:
    """DUCCIO over masks, layer choices or both.

    penalty: shape, schedule and strength of the constraints in the loss.
    choices: how branches are sampled and trained, where the space has layer choices.
    projection: none (the paper's), repair or refill; `duccio_projected` is DUCCIO with refill.
    checkpoint: late, the best validation score of the last quarter (the paper's); feasible, the best of all epochs that
        fit, else the least violating. null: late without a projection, feasible with one.
    compaction: channels whose masks are closed at the end of an epoch are no longer computed; for branches there is
        `choices.drop_below`.
    start: the search starts from the reference network thinned to so many times the limits (see `thin_start`), 1.5 for
        half as much again. null: from the whole one.
    cost_limit: in standard trainings of the reference network; warm-up and search have the recipe's lengths as long as
        that leaves room for fine-tuning (see `lengths_within`), which takes all that is left. None: the recipe's
        lengths.
    """

    version: ClassVar[int] = 3
    spaces: ClassVar[tuple[str, ...]] = ("masks", "choices", "both")

    name: str = "duccio"
    penalty: PenaltyRule = field(default_factory=PenaltyRule)
    choices: ChoiceRule = field(default_factory=ChoiceRule)
    projection: str = "none"
    checkpoint: str | None = None
    compaction: bool = True
    start: float | None = None
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        check_projection(self.projection)
        check_start(self.start)
        if self.checkpoint not in (None, *CHECKPOINTS):
            raise ValueError(f"method.checkpoint={self.checkpoint}: choices are {', '.join(CHECKPOINTS)}, null")
        if self.checkpoint == self._usual_checkpoint:
            object.__setattr__(self, "checkpoint", None)  # one setting, one name

    @property
    def _usual_checkpoint(self) -> str:
        return "late" if self.projection == "none" else "feasible"

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that is too small, and strengths that the recipe does not have.

        Raises:
            ValueError: the limit does not pay for one epoch of each phase, or strengths and limits do not match.
        """
        if self.start is not None and task.choices is not None:
            raise ValueError(f"method.start={self.start}: thins the network of a mask search, needs space=masks")
        self._choose_lengths(thin_start(task, budget, self.start))
        if self.penalty.strength == "scripts" and task.choices is not None:
            raise ValueError("method.penalty.strength=scripts: these strengths are of mask searches, needs space=masks")
        self.penalty.check_metrics(penalised_targets(task, budget), task.recipe.script_strengths or {})

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search, discretise, fine-tune; one candidate."""
        task = thin_start(task, budget, self.start)
        lengths = self._choose_lengths(task)
        warm = warm_up(task, meter, lengths.warmup)
        wrapped = wrap(task, warm.network, self.choices)
        feasible_first = (self.checkpoint or self._usual_checkpoint) == "feasible"
        penalty = Penalty(
            self.penalty, penalised_targets(task, budget), lengths.search, task.recipe.script_strengths or {}
        )
        penalty.start(warm.loss, initial_costs(task))
        searched = search(
            task, wrapped, penalty, budget, meter, feasible_first=feasible_first, compaction=self.compaction
        )
        result = discretise(task, wrapped, budget, self.projection)
        network, limit = result.network, self.cost_limit
        epochs = lengths.finetune if limit is None else epochs_within(task, meter, network, task.recipe.finetune, limit)
        tuned = finetune(task, network, meter, epochs)
        last_row = searched.rows[-1]
        return SearchResult(
            candidates=[Candidate(network, choices=result.choices)],
            history=[*warm.history, *searched.rows, *(row | result.free_channels.columns for row in tuned.rows)],
            search_costs={metric: last_row[f"cost/{metric}"] for metric in task.hardware.units},
            artefacts=[warm.artefact],
        )

    def _choose_lengths(self, task: Task) -> Lengths:
        return lengths_within(task, self.cost_limit, Lengths.of(task.recipe), other_macs=strength_loss_macs(task))


def penalised_targets(task: Task, budget: Budget) -> dict[str, float]:
    """The targets of the metrics that have a differentiable form."""
    return {m: t for m, t in budget.targets.items() if m in task.hardware.units}
