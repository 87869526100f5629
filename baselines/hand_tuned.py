"""The seed as its authors made it, trained with the benchmark's recipe; it ignores the budget."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.task.cost_limit import epochs_within
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task


@dataclass(frozen=True)
class HandTuned(FixedLength):
    """Train the seed for a standard training, or for as many epochs as a whole search takes (`length=equal`)."""

    version: ClassVar[int] = 1

    name: str = "hand_tuned"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the seed; one candidate."""
        epochs = self.epochs(task.recipe)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, task.space.reference_costs["macs"], self.cost_limit)
        trained = train_reference(task, meter, epochs, phase="finetune")
        return SearchResult([Candidate(trained.network)], trained.history, artefacts=[trained.artefact])
