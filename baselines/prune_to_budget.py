"""No search at all: the trained reference network, pruned until it fits, then fine-tuned. Does searching pay?

Structured pruning in one shot. The reference network's training is the warm-up of a search and shared with it. Channels
are removed in order of least importance per unit of violated cost, by the repair of the projection that all methods
share; the others keep their trained weights.
"""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.dnas.gates import check_importance, gate_macs, rank_channels
from suite.dnas.one_shot import finetune
from suite.space.budget import Budget
from suite.space.projection import check_projection, project_network, thinning
from suite.task.cost_limit import Lengths, epochs_within, lengths_within
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task


@dataclass(frozen=True)
class PruneToBudget(FixedLength):
    """Warm-up, greedy pruning to the budget, fine-tuning.

    length: of fine-tuning: standard, as the recipe has it, or equal to search and fine-tuning together, so that the
        network is trained for as many epochs as the result of DUCCIO.
    importance: magnitude, of a channel's weights after folding batch norm; or gradient, that of its gate on 1,000
        training examples, which are charged.
    projection: refill gives back what still fits after pruning; none and repair leave the network as it was pruned.
    cost_limit: in standard trainings of the reference network. The warm-up has the recipe's length as long as that
        leaves enough for fine-tuning (see `lengths_within`), which takes all that is left, whatever `length` says.
    """

    version: ClassVar[int] = 3

    name: str = "prune_to_budget"
    importance: str = "magnitude"
    projection: str = "refill"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_importance(self.importance)
        check_projection(self.projection)

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch of warm-up and fine-tuning each."""
        self._lengths(task)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the reference network, prune it, fine-tune; one candidate, which meets the budget."""
        lengths = self._lengths(task)
        warmup = train_reference(task, meter, lengths.warmup)
        importance = rank_channels(self.importance, task, warmup.network.cpu(), meter, "gates")
        projection = thinning(self.projection)
        pruned = project_network(warmup.network.cpu(), task.space, budget, projection, importance=importance)
        network = pruned.network
        epochs = lengths.finetune
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, network, task.recipe.finetune, self.cost_limit)
        tuned = finetune(task, network, meter, epochs)
        history = [*warmup.history, *(row | pruned.free_channels.columns for row in tuned.rows)]
        return SearchResult([Candidate(network)], history, artefacts=[warmup.artefact])

    def _lengths(self, task: Task) -> Lengths:
        full = Lengths.of(task.recipe)
        finetune = full.finetune if self.length == "standard" else full.search + full.finetune
        ranking = gate_macs(task, task.space.reference_costs["macs"]) if self.importance == "gradient" else 0.0
        return lengths_within(task, self.cost_limit, Lengths(full.warmup, 0, finetune), other_macs=ranking)
