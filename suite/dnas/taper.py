"""Taper: the search comes early, the budget tightens under it, and what it finds gets the rest of the training.

DUCCIO spends most of its cost on networks that it does not return: a whole training of the seed, then a search in
which that seed shrinks. Here the seed is trained for an epoch or a few; then, before each epoch of an equally short
search, the network is projected exactly onto a budget that falls from the seed's costs to the targets (the idea of
HardCoRe-NAS's exact constraints, here on widths), channels being ranked by the gradients of their gates. No strength is
picked, no cost is relaxed, and all other epochs train the network that is returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import nn

from suite.budget import Budget, Constraint
from suite.cost_limit import (
    Lengths,
    check_cost_limit,
    epoch_macs,
    epochs_within,
    lengths_within,
    validation_macs,
)
from suite.dnas.discretise import discretise
from suite.dnas.distillation import Distillation
from suite.dnas.export import slice_channels
from suite.dnas.gates import gate_importance, gate_macs
from suite.dnas.importance import channel_importance
from suite.dnas.space import SearchSpace
from suite.evaluation import place
from suite.hardware.trace import trace
from suite.meter import Meter
from suite.seed_training import train_seed
from suite.task import Candidate, SearchResult, Task
from suite.training import Fit, Phase, fit

IMPORTANCES = ("gradient", "magnitude", "uniform")
_ONE_TRAINING = 1.0


@dataclass(frozen=True)
class Taper:
    """Warm-up, projection onto a tightening budget, fine-tuning: as many epochs as a whole search by DUCCIO.

    cost_limit: in standard trainings of the seed. The fewer epochs the network that is found needs of it, the more go
        to warm-up and search, the same number to each; fine-tuning is cut short where not even one epoch each leaves
        room for all of it. None: lengths as for a limit of 1, and nothing is cut short.
    warmup, tighten: epochs of the first two phases, if not as many as the limit allows.
    importance: what ranks channels: gradient, of their gates on a thousand training examples; magnitude, of their
        weights after folding batch norm; uniform, nothing, so that only costs decide.
    distillation: weight of the warm-up network's outputs in the loss of fine-tuning; that network's passes are charged.
    """

    version: ClassVar[int] = 1

    name: str = "taper"
    cost_limit: float | None = None
    warmup: int | None = None
    tighten: int | None = None
    importance: str = "gradient"
    distillation: float = 0.0

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        for key in ("warmup", "tighten"):
            epochs = getattr(self, key)
            if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
                raise ValueError(f"method.{key}={epochs}: a whole number of epochs, at least 1, or null")
        if self.importance not in IMPORTANCES:
            raise ValueError(f"method.importance={self.importance}: choices are {', '.join(IMPORTANCES)}")
        if not 0 <= self.distillation <= 1:
            raise ValueError(f"method.distillation={self.distillation}: a weight between 0 and 1")
        if self.distillation and self.cost_limit is not None:
            raise ValueError("method.distillation: has no limit on its cost, set method.cost_limit=null")

    @property
    def label(self) -> str:
        """Name in tables, with what differs from the default."""
        differs = {
            f"cost {self.cost_limit or 0:g}": self.cost_limit is not None,
            f"warm-up {self.warmup}": self.warmup is not None,
            f"tighten {self.tighten}": self.tighten is not None,
            f"{self.importance} importance": self.importance != "gradient",
            f"distilled {self.distillation:g}": self.distillation > 0,
        }
        details = [text for text, shown in differs.items() if shown]
        return f"{self.name} ({', '.join(details)})" if details else self.name

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, project and train in turn, fine-tune; one candidate that fits."""
        lengths = self._lengths(task, budget)
        warm = train_seed(task, meter, lengths.warmup)
        network, rows = warm.network.cpu(), []
        for stage in range(lengths.search):
            target = tightened(budget, task.space.seed_costs, (stage + 1) / lengths.search)
            network = self._projected(task, network, target, meter, stage)
            network, row = _trained_on(task, network, meter, stage)
            rows.append(row)
        costs = {metric: rows[-1][f"cost/{metric}"] for metric in task.hardware.units}
        epochs = lengths.finetune
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, costs["macs"], self.cost_limit, epochs)
        tuned = self._finetuned(task, network, warm.network, meter, epochs)
        return SearchResult([Candidate(network)], [*warm.history, *rows, *tuned.rows], costs, [warm.artefact])

    def _lengths(self, task: Task, budget: Budget) -> Lengths:
        """Epochs of each phase; under a limit those of fine-tuning are an upper bound."""
        whole = task.recipe.whole_search
        lengths_within(task, self.cost_limit, Lengths(1, 1, 1), reserved=gate_macs(task))  # refuses what cannot be
        allowed = (self.cost_limit or _ONE_TRAINING) * task.standard_macs
        found = task.space.exact(_projected_widths(task.space, budget))["macs"]
        each = max((n for n in range(1, whole // 2) if expected_macs(task, n, found) <= allowed), default=1)
        warmup, tighten = self.warmup or each, self.tighten or each
        return Lengths(warmup, tighten, max(1, whole - warmup - tighten))

    def _projected(self, task: Task, network: nn.Module, budget: Budget, meter: Meter, stage: int) -> nn.Module:
        """A copy of `network` without the channels that do not fit into `budget`."""
        space = SearchSpace(trace(network, task.input_shape), task.hardware)
        groups = space.groups
        if self.importance == "gradient":
            importance = gate_importance(replace(task, space=space), network, meter, f"gates-{stage}")
        elif self.importance == "magnitude":
            importance = channel_importance(network, space.network, groups)
        else:
            importance = [torch.ones(size, dtype=torch.float64) for size in groups.sizes]
        everything = [torch.ones(size, dtype=torch.bool) for size in groups.sizes]
        return slice_channels(
            network, space.network, groups, discretise(space, budget, everything, importance, "refill")
        )

    def _finetuned(self, task: Task, network: nn.Module, teacher: nn.Module, meter: Meter, epochs: int) -> Fit:
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        objective = None
        if self.distillation:
            teaching = Distillation(task, place(teacher, task.compute), self.distillation, macs)
            task, objective = replace(task, loss=teaching.loss), teaching
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=task.recipe.patience)
        return fit(task, place(network, task.compute), meter, phase, objective=objective, macs=macs)


def tightened(budget: Budget, start: Mapping[str, float], share: float) -> Budget:
    """`budget` with targets that lie `share` of the way from the costs `start` to its own, in ratios; 1: its own."""
    if share >= 1:
        return budget
    return Budget(
        tuple(
            Constraint(c.metric, max(start[c.metric], c.target) ** (1 - share) * c.target**share, c.text)
            for c in budget.constraints
        )
    )


def expected_macs(task: Task, each: int, found: float) -> float:
    """MACs x samples of a whole search of equal length whose warm-up and search have `each` epochs.

    `found` are the MACs of the network that it ends with; those on the way there lie evenly between, in ratios.
    """
    seed: float = task.space.seed_costs["macs"]
    stages: list[float] = [seed ** (1 - i / each) * found ** (i / each) for i in range(1, each + 1)]
    gates = sum(gate_macs(task) * macs / seed for macs in [seed, *stages[:-1]])
    epochs = each * epoch_macs(task, seed) + sum(epoch_macs(task, macs) for macs in stages)
    left = task.recipe.whole_search - 2 * each
    return epochs + gates + left * epoch_macs(task, found) + validation_macs(task, found)


def _projected_widths(space: SearchSpace, budget: Budget) -> list[int]:
    """About the widths that a search will end with: where all channels matter alike."""
    everything = [torch.ones(size, dtype=torch.bool) for size in space.groups.sizes]
    alike = [torch.ones(size, dtype=torch.float64) for size in space.groups.sizes]
    return [int(mask.sum()) for mask in discretise(space, budget, everything, alike, "refill")]


def _trained_on(task: Task, network: nn.Module, meter: Meter, stage: int) -> tuple[nn.Module, dict[str, Any]]:
    """`network` on the CPU after one more epoch at fine-tuning's full learning rate, with its row of the history."""
    costs = task.hardware.measure(network, task.input_shape)
    phase = Phase("search", replace(task.recipe.finetune, schedule="constant"), 1, label=f"search-{stage}")
    trained = fit(task, place(network, task.compute), meter, phase, macs=costs["macs"])
    columns = {f"cost/{metric}": cost for metric, cost in costs.items()}
    return network.cpu(), trained.rows[0] | {"epoch": stage} | columns
