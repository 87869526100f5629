"""The reference network as its authors made it, trained with the benchmark's recipe; it ignores the budget."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.fixed_length import FixedLength
from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Candidate, SearchResult, Task


@dataclass(frozen=True)
class HandTuned(FixedLength):
    """Train the reference network for a standard training, or as many epochs as a whole search (`length=equal`)."""

    version: ClassVar[int] = 1

    name: str = "hand_tuned"

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch."""
        self.check_epoch_left(task, 0.0, task.space.reference_costs["macs"])

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the reference network; one candidate."""
        epochs = self.last_epochs(task, meter, task.new_network())
        trained = train_reference(task, meter, epochs, phase="finetune")
        return SearchResult([Candidate(trained.network)], trained.history, artefacts=[trained.artefact])
