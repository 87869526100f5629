"""Taper: a short search onto a tightening budget, early in the training; the rest trains the network that it ends with.

DUCCIO spends most of its cost on networks that it does not return: a whole training of the reference network, then a
search in which that shrinks. Here the reference network is trained for an epoch or a few; then, before each epoch of an
equally short search, it is projected exactly onto a budget that falls from the reference network's costs to the targets
(the exact constraints of HardCoRe-NAS, here on widths); channels are ranked by the gradients of their gates. There are
no penalty strengths and no relaxed costs, and all other epochs train the network that is returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import nn

from suite.dnas.gates import check_importance, gate_macs, rank_channels
from suite.dnas.one_shot import finetune
from suite.hardware.trace import trace
from suite.space.budget import Budget, Constraint
from suite.space.groups import count_open
from suite.space.importance import uniform_importance
from suite.space.projection import check_projection, project, thinning
from suite.space.refill import FreeChannels
from suite.space.slicing import slice_channels
from suite.space.width_space import WidthSpace
from suite.task.cost_limit import check_cost_limit, epoch_macs, epochs_within, macs_left, too_small, validation_macs
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.thin_start import check_start, thin_start
from suite.task.training import Phase, fit

_DEFAULT_LIMIT = 1.0
"""The limit, in standard trainings, that the lengths of the phases are chosen for where there is none."""


@dataclass(frozen=True)
class Taper:
    """Warm-up, projection onto a tightening budget, fine-tuning: as many epochs as a whole search by DUCCIO.

    cost_limit: in standard trainings of the reference network. Warm-up and search have equally many epochs, as many as
        the limit allows together with all of fine-tuning: the cheaper the final network, the more. Fine-tuning is cut
        short where even one epoch each leaves too little. None: lengths as for a limit of 1, and nothing is cut short.
    warmup, tighten: epochs of warm-up and search, null for as many as the limit allows. A limit that does not pay for
        the warm-up is refused; one that does not pay for the search ends it early, on the budget itself.
    importance: how channels are ranked: gradient, by the gradients of their gates on 1,000 training examples;
        magnitude, by their weights after folding batch norm; uniform, all alike, so that only costs decide.
    start: the reference network is thinned to so many times the limits before its training (see `thin_start`). null:
        it is trained whole.
    projection: refill gives back what fits after the last step onto the budget, as after each before it; none and
        repair leave the network as that step thinned it.
    """

    version: ClassVar[int] = 2

    name: str = "taper"
    cost_limit: float | None = None
    warmup: int | None = None
    tighten: int | None = None
    importance: str = "gradient"
    start: float | None = None
    projection: str = "refill"

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        for key in ("warmup", "tighten"):
            epochs = getattr(self, key)
            if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
                raise ValueError(f"method.{key}={epochs}: a whole number of epochs, at least 1, or null")
        check_importance(self.importance)
        check_projection(self.projection)
        check_start(self.start)

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse lengths that leave no epoch to fine-tuning, and a cost limit that is too small.

        Raises:
            ValueError: see `choose_lengths`.
        """
        self.choose_lengths(thin_start(task, budget, self.start), budget)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, project and train in turn, fine-tune; one candidate that fits."""
        task = thin_start(task, budget, self.start)
        warmup, tighten = self.choose_lengths(task, budget)
        warm = train_reference(task, meter, warmup)
        network, rows, last = warm.network.cpu(), list[dict[str, Any]](), False
        while not last:
            stage = len(rows)
            network, free_channels, last = self._project_stage(task, network, budget, meter, stage, tighten)
            network, row = _train_stage(task, network, meter, stage)
            rows.append(row | free_channels.columns)
        costs = {metric: rows[-1][f"cost/{metric}"] for metric in task.hardware.units}
        epochs = task.recipe.total_epochs - warmup - len(rows)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, network, task.recipe.finetune, self.cost_limit, epochs, at_least=0)
        if epochs:
            rows += finetune(task, network, meter, epochs).rows
        return SearchResult([Candidate(network)], [*warm.history, *rows], costs, [warm.artefact])

    def choose_lengths(self, task: Task, budget: Budget) -> tuple[int, int]:
        """Epochs of the warm-up and, at most, of the search.

        Raises:
            ValueError: they leave no epoch to fine-tuning, or the limit does not pay for the warm-up and one epoch of
                the search of a network as large as the reference network.
        """
        allowed = (self.cost_limit or _DEFAULT_LIMIT) * task.standard_macs
        final_macs = task.space.exact(_predict_widths(task.space, budget))["macs"]
        possible = range(1, task.recipe.total_epochs // 2)
        affordable = [n for n in possible if max(planned_macs(task, n, final_macs), least_macs(task, n)) <= allowed]
        each = max(affordable, default=1)
        warmup, tighten = self.warmup or each, self.tighten or each
        if warmup + tighten >= task.recipe.total_epochs:
            raise ValueError(
                f"method.warmup={warmup}, method.tighten={tighten}: leave nothing of the "
                f"{task.recipe.total_epochs} epochs of a search to fine-tuning"
            )
        if self.cost_limit is not None and (least := least_macs(task, warmup)) > allowed:
            what = f"a warm-up of {warmup} and one epoch of the search do not fit"
            raise too_small(task, self.cost_limit, least, what)
        return warmup, tighten

    def _project_stage(
        self, task: Task, network: nn.Module, budget: Budget, meter: Meter, stage: int, stages: int
    ) -> tuple[nn.Module, FreeChannels, bool]:
        """A copy of `network` projected onto the budget of this stage, what came free, and whether it is the last.

        The last stage has the real budget. It comes as planned, or as soon as the limit would not pay for another one.
        """
        space = WidthSpace(trace(network, task.input_shape), task.hardware)
        importance = rank_channels(self.importance, replace(task, space=space), network, meter, f"gates-{stage}")
        stage_budget = tighten_budget(budget, task.space.reference_costs, (stage + 1) / stages)
        floor = space.find_fitting(budget)  # kept in all stages, so that the last one has a network that fits
        projected = project(space, stage_budget, space.groups.open_all(), importance, "refill", floor)
        macs = space.exact(count_open(projected.open_channels))["macs"]
        last = stage + 1 == stages or not self._pays_for_another_stage(task, meter, macs)
        if last and (stage_budget != budget or thinning(self.projection) != "refill"):
            projected = project(space, budget, space.groups.open_all(), importance, thinning(self.projection), floor)
        network = slice_channels(network, space.network, space.groups, projected.open_channels)
        return network, projected.free_channels, last

    def _pays_for_another_stage(self, task: Task, meter: Meter, macs: float) -> bool:
        """Whether the limit pays for this stage (a network of `macs`), another one and an epoch of fine-tuning."""
        if self.cost_limit is None:
            return True
        needed = 3 * epoch_macs(task, macs) + gate_macs(task, macs) + validation_macs(task, macs)
        return needed <= macs_left(task, meter, self.cost_limit)


def tighten_budget(budget: Budget, start: Mapping[str, float], share: float) -> Budget:
    """`budget` with targets between the costs `start` (share 0) and its own targets (share 1), evenly spaced in ratios.

    Half way from 80 kB to a target of 20 kB is 40 kB.
    """
    if share >= 1:
        return budget
    return Budget(
        tuple(
            Constraint(c.metric, max(start[c.metric], c.target) ** (1 - share) * c.target**share, c.text)
            for c in budget.constraints
        )
    )


def planned_macs(task: Task, each: int, final_macs: float) -> float:
    """MACs x samples of a whole run whose warm-up and search have `each` epochs, fine-tuning all others.

    `final_macs` are the MACs of the network that the search ends with; those of its stages are taken to lie evenly
    between the reference network's and these, in ratios.
    """
    reference: float = task.space.reference_costs["macs"]
    stages: list[float] = [reference ** (1 - i / each) * final_macs ** (i / each) for i in range(1, each + 1)]
    gates = sum(gate_macs(task, macs) for macs in [reference, *stages[:-1]])
    epochs = each * epoch_macs(task, reference) + sum(epoch_macs(task, macs) for macs in stages)
    left = task.recipe.total_epochs - 2 * each
    return epochs + gates + left * epoch_macs(task, final_macs) + validation_macs(task, final_macs)


def least_macs(task: Task, warmup: int) -> float:
    """The least that a limit must pay for, in MACs x samples: warm-up, a search of one epoch, the final validation.

    The network is taken to be as large as the reference network.
    """
    reference: float = task.space.reference_costs["macs"]
    return (warmup + 1) * epoch_macs(task, reference) + gate_macs(task, reference) + validation_macs(task, reference)


def _predict_widths(space: WidthSpace, budget: Budget) -> list[int]:
    """Estimated widths of the result: the reference network projected with all channels equally important."""
    projected = project(space, budget, space.groups.open_all(), uniform_importance(space.groups), "refill")
    return count_open(projected.open_channels)


def _train_stage(task: Task, network: nn.Module, meter: Meter, stage: int) -> tuple[nn.Module, dict[str, Any]]:
    """`network` on the CPU after one more epoch at fine-tuning's full learning rate, with its row of the history."""
    costs = task.hardware.measure(network, task.input_shape)
    phase = Phase("search", task.recipe.finetune.at_constant_rate(), 1, label=f"search-{stage}")
    trained = fit(task, to_device(network, task.compute), meter, phase, macs=costs["macs"])
    columns = {f"cost/{metric}": cost for metric, cost in costs.items()}
    return network.cpu(), trained.rows[0] | {"epoch": stage} | columns
