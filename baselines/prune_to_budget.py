"""No search at all: the trained seed, thinned until it fits, then fine-tuned. Does searching pay?

Structured magnitude pruning in one shot. The seed's training is the warm-up of a search and shared with it; what goes
first has the least importance (weights' size after folding batch norm) per unit of violated cost, by the same exact
projection that guarantees a search's result; what is kept keeps its trained weights.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.slicing import slice_channels
from suite.space.width_space import WidthSpace
from suite.task.cost_limit import Lengths, epochs_within, lengths_within
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.recipe import Recipe
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class PruneToBudget(FixedLength):
    """Warm-up, greedy thinning to the budget, fine-tuning.

    length: of fine-tuning: standard, as the recipe has it, or equal to search and fine-tuning together, so that a
        network is trained for as many epochs as one that DUCCIO finds.
    cost_limit: in standard trainings of the seed; the warm-up keeps the recipe's length as long as that leaves room for
        fine-tuning (see `lengths_within`), and fine-tuning takes all that is left, whatever `length` says.
    """

    version: ClassVar[int] = 2

    name: str = "prune_to_budget"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the seed, thin it, fine-tune; one candidate that fits."""
        lengths = lengths_within(task, self.cost_limit, self._designed(task.recipe))
        warm = train_reference(task, meter, lengths.warmup)
        network = prune(warm.network, task.space, budget)
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        limit = self.cost_limit
        epochs = lengths.finetune if limit is None else epochs_within(task, meter, macs, limit)
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=task.recipe.patience)
        tuned = fit(task, to_device(network, task.compute), meter, phase, macs=macs)
        return SearchResult([Candidate(network)], [*warm.history, *tuned.rows], artefacts=[warm.artefact])

    def _designed(self, recipe: Recipe) -> Lengths:
        of = Lengths.of(recipe)
        return Lengths(of.warmup, 0, of.finetune if self.length == "standard" else of.search + of.finetune)


def prune(network: nn.Module, space: WidthSpace, budget: Budget) -> nn.Module:
    """A copy of the trained seed `network` without the channels that the budget cannot hold, on the CPU."""
    network = network.cpu()
    importance = channel_importance(network, space.network, space.groups)
    everything = [torch.ones(size, dtype=torch.bool) for size in space.groups.sizes]
    kept = project(space, budget, everything, importance, "refill")
    return slice_channels(network, space.network, space.groups, kept)
