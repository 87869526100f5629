"""The seed as its authors made it, trained with the benchmark's recipe; it ignores the budget."""

from dataclasses import dataclass
from typing import ClassVar

from suite.budget import Budget
from suite.meter import Meter
from suite.seed_training import train_seed
from suite.task import Candidate, SearchResult, Task

LENGTHS = {"standard": 1, "equal": 3}
"""Standard trainings of each length; equal: as many epochs as warm-up, search and fine-tuning together."""


@dataclass(frozen=True)
class HandTuned:
    """Train the seed for a standard training, or for as many epochs as a whole search takes (`length=equal`)."""

    version: ClassVar[int] = 1

    name: str = "hand_tuned"
    length: str = "equal"

    def __post_init__(self) -> None:
        check_length(self.length)

    @property
    def label(self) -> str:
        """Name in tables, with the length."""
        return f"{self.name} ({self.length} length)"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the seed; one candidate."""
        trained = train_seed(task, meter, LENGTHS[self.length] * task.recipe.epochs, phase="finetune")
        return SearchResult([Candidate(trained.network)], trained.history, artefacts=[trained.artefact])


def check_length(length: str) -> None:
    """Refuse an unknown training length."""
    if length not in LENGTHS:
        raise ValueError(f"method.length={length}: choices are {', '.join(LENGTHS)}")
