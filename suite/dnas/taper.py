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
from torch import Tensor, nn

from suite.dnas.gates import gate_importance, gate_macs
from suite.hardware.trace import trace
from suite.records.store import load_tensors, save_tensors
from suite.space.budget import Budget, Constraint
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.slicing import slice_channels
from suite.space.widths import SearchSpace
from suite.task.cost_limit import check_cost_limit, epoch_macs, epochs_within, macs_left, too_small, validation_macs
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Fit, Phase, fit

IMPORTANCES = ("gradient", "magnitude", "uniform")
_ONE_TRAINING = 1.0


@dataclass(frozen=True)
class Taper:
    """Warm-up, projection onto a tightening budget, fine-tuning: as many epochs as a whole search by DUCCIO.

    cost_limit: in standard trainings of the seed. The fewer epochs the network that is found needs of it, the more go
        to warm-up and search, the same number to each; fine-tuning is cut short where not even one epoch each leaves
        room for all of it. None: lengths as for a limit of 1, and nothing is cut short.
    warmup, tighten: epochs of the first two phases, if not as many as the limit allows; a limit that does not pay for
        them is refused (warmup), or ends the search early, on the budget itself (tighten).
    importance: what ranks channels: gradient, of their gates on a thousand training examples; magnitude, of their
        weights after folding batch norm; uniform, nothing, so that only costs decide.
    """

    version: ClassVar[int] = 1

    name: str = "taper"
    cost_limit: float | None = None
    warmup: int | None = None
    tighten: int | None = None
    importance: str = "gradient"

    def __post_init__(self) -> None:
        check_cost_limit(self.cost_limit)
        for key in ("warmup", "tighten"):
            epochs = getattr(self, key)
            if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
                raise ValueError(f"method.{key}={epochs}: a whole number of epochs, at least 1, or null")
        if self.importance not in IMPORTANCES:
            raise ValueError(f"method.importance={self.importance}: choices are {', '.join(IMPORTANCES)}")

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, project and train in turn, fine-tune; one candidate that fits."""
        warmup, tighten = self._lengths(task, budget)
        warm = train_reference(task, meter, warmup)
        network, rows, last = warm.network.cpu(), list[dict[str, Any]](), False
        while not last:
            stage = len(rows)
            network, last = self._projected(task, network, budget, meter, stage, tighten)
            network, row = _trained_on(task, network, meter, stage)
            rows.append(row)
        costs = {metric: rows[-1][f"cost/{metric}"] for metric in task.hardware.units}
        epochs = task.recipe.total_epochs - warmup - len(rows)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, costs["macs"], self.cost_limit, epochs, at_least=0)
        if epochs:
            rows += self._finetuned(task, network, meter, epochs).rows
        return SearchResult([Candidate(network)], [*warm.history, *rows], costs, [warm.artefact])

    def _lengths(self, task: Task, budget: Budget) -> tuple[int, int]:
        """Epochs of the warm-up and, at most, of the search.

        Raises:
            ValueError: they leave no epoch to fine-tuning, or the limit does not pay for the warm-up and, whatever is
                found, one epoch of the search.
        """
        allowed = (self.cost_limit or _ONE_TRAINING) * task.standard_macs
        found = task.space.exact(_projected_widths(task.space, budget))["macs"]
        possible = range(1, task.recipe.total_epochs // 2)
        fitting = [n for n in possible if max(planned_macs(task, n, found), least_macs(task, n)) <= allowed]
        each = max(fitting, default=1)
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

    def _projected(
        self, task: Task, network: nn.Module, budget: Budget, meter: Meter, stage: int, stages: int
    ) -> tuple[nn.Module, bool]:
        """A copy of `network` without the channels that do not fit at this stage, and whether it is the last one.

        That is the one whose budget is the real one: as planned, or as soon as the limit would not pay for another.
        """
        space = SearchSpace(trace(network, task.input_shape), task.hardware)
        importance = self._importance(replace(task, space=space), network, meter, stage)
        everything = [torch.ones(size, dtype=torch.bool) for size in space.groups.sizes]
        target = tightened(budget, task.space.reference_costs, (stage + 1) / stages)
        kept = project(space, target, everything, importance, "refill")
        macs = space.exact([int(mask.sum()) for mask in kept])["macs"]
        last = stage + 1 == stages or not self._pays_for_another(task, meter, macs)
        if last and target != budget:
            kept = project(space, budget, everything, importance, "refill")
        return slice_channels(network, space.network, space.groups, kept), last

    def _pays_for_another(self, task: Task, meter: Meter, macs: float) -> bool:
        """Whether after an epoch of a network of `macs` there will be enough for one more stage and of fine-tuning."""
        if self.cost_limit is None:
            return True
        needed = 3 * epoch_macs(task, macs) + gate_macs(task, macs) + validation_macs(task, macs)
        return needed <= macs_left(task, meter, self.cost_limit)

    def _importance(self, task: Task, network: nn.Module, meter: Meter, stage: int) -> list[Tensor]:
        """What ranks the channels of each group of `task.space`, which is that of `network`."""
        if self.importance == "gradient":
            return self._gates(task, network, meter, f"gates-{stage}")
        if self.importance == "magnitude":
            return channel_importance(network, task.space.network, task.space.groups)
        return [torch.ones(size, dtype=torch.float64) for size in task.space.groups.sizes]

    @staticmethod
    def _gates(task: Task, network: nn.Module, meter: Meter, label: str) -> list[Tensor]:
        """`gate_importance`, or what it found before a kill: that work is not repeated."""
        path = task.workspace.checkpoint(label)
        if path.exists():
            state = load_tensors(path)
            meter.restore(state["meter"])
        else:
            importance = gate_importance(task, network, meter, label)
            state = {"importance": importance, "meter": meter.state()}
            save_tensors(path, state)
        return list(state["importance"])

    def _finetuned(self, task: Task, network: nn.Module, meter: Meter, epochs: int) -> Fit:
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=task.recipe.patience)
        return fit(task, to_device(network, task.compute), meter, phase, macs=macs)


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


def planned_macs(task: Task, each: int, found: float) -> float:
    """MACs x samples of a whole search of equal length whose warm-up and search have `each` epochs.

    `found` are the MACs of the network that it ends with; those on the way there lie evenly between, in ratios.
    """
    seed: float = task.space.reference_costs["macs"]
    stages: list[float] = [seed ** (1 - i / each) * found ** (i / each) for i in range(1, each + 1)]
    gates = sum(gate_macs(task, macs) for macs in [seed, *stages[:-1]])
    epochs = each * epoch_macs(task, seed) + sum(epoch_macs(task, macs) for macs in stages)
    left = task.recipe.total_epochs - 2 * each
    return epochs + gates + left * epoch_macs(task, found) + validation_macs(task, found)


def least_macs(task: Task, warmup: int) -> float:
    """MACs x samples, at most, of the warm-up, a search of one epoch, and the harness's pass: what must be paid for."""
    seed: float = task.space.reference_costs["macs"]
    return (warmup + 1) * epoch_macs(task, seed) + gate_macs(task, seed) + validation_macs(task, seed)


def _projected_widths(space: SearchSpace, budget: Budget) -> list[int]:
    """About the widths that a search will end with: where all channels matter alike."""
    everything = [torch.ones(size, dtype=torch.bool) for size in space.groups.sizes]
    alike = [torch.ones(size, dtype=torch.float64) for size in space.groups.sizes]
    return [int(mask.sum()) for mask in project(space, budget, everything, alike, "refill")]


def _trained_on(task: Task, network: nn.Module, meter: Meter, stage: int) -> tuple[nn.Module, dict[str, Any]]:
    """`network` on the CPU after one more epoch at fine-tuning's full learning rate, with its row of the history."""
    costs = task.hardware.measure(network, task.input_shape)
    phase = Phase("search", replace(task.recipe.finetune, schedule="constant"), 1, label=f"search-{stage}")
    trained = fit(task, to_device(network, task.compute), meter, phase, macs=costs["macs"])
    columns = {f"cost/{metric}": cost for metric, cost in costs.items()}
    return network.cpu(), trained.rows[0] | {"epoch": stage} | columns
