"""No search at all: the trained reference network, pruned until it fits, then fine-tuned. Does searching pay?

Structured magnitude pruning in one shot. The reference network's training is the warm-up of a search and shared with
it. Channels are removed in order of least importance (magnitude of their weights after folding batch norm) per unit of
violated cost, by the same exact projection that guarantees a search's result; the others keep their trained weights.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.refill import FreeChannels
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
    """Warm-up, greedy pruning to the budget, fine-tuning.

    length: of fine-tuning: standard, as the recipe has it, or equal to search and fine-tuning together, so that the
        network is trained for as many epochs as the result of DUCCIO.
    cost_limit: in standard trainings of the reference network. The warm-up has the recipe's length as long as that
        leaves enough for fine-tuning (see `lengths_within`), which takes all that is left, whatever `length` says.
    """

    version: ClassVar[int] = 2

    name: str = "prune_to_budget"

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch of warm-up and fine-tuning each."""
        lengths_within(task, self.cost_limit, self._designed_lengths(task.recipe))

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the reference network, prune it, fine-tune; one candidate, which meets the budget."""
        lengths = lengths_within(task, self.cost_limit, self._designed_lengths(task.recipe))
        warmup = train_reference(task, meter, lengths.warmup)
        network, free_channels = prune(warmup.network, task.space, budget)
        macs = task.hardware.measure(network, task.input_shape)["macs"]
        epochs = lengths.finetune
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, macs, self.cost_limit)
        phase = Phase("finetune", task.recipe.finetune, epochs, patience=task.recipe.patience)
        tuned = fit(task, to_device(network, task.compute), meter, phase, macs=macs)
        history = [*warmup.history, *(row | free_channels.columns for row in tuned.rows)]
        return SearchResult([Candidate(network)], history, artefacts=[warmup.artefact])

    def _designed_lengths(self, recipe: Recipe) -> Lengths:
        full = Lengths.of(recipe)
        return Lengths(full.warmup, 0, full.finetune if self.length == "standard" else full.search + full.finetune)


def prune(network: nn.Module, space: WidthSpace, budget: Budget) -> tuple[nn.Module, FreeChannels]:
    """A copy of the trained reference network on the CPU, without the channels that the budget has no room for.

    And how many of its channels the last step, refill, gave back at no cost.
    """
    network = network.cpu()
    importance = channel_importance(network, space.network, space.groups)
    projected = project(space, budget, space.groups.open_all(), importance, "refill")
    return slice_channels(network, space.network, space.groups, projected.open_channels), projected.free_channels
