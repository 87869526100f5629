"""The seed as its authors made it, trained with the benchmark's recipe; it ignores the budget."""

from dataclasses import dataclass
from typing import ClassVar

from suite.budget import Budget
from suite.meter import Meter
from suite.recipe import Recipe
from suite.seed_training import train_seed
from suite.task import Candidate, SearchResult, Task

LENGTHS = ("standard", "equal")


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
        trained = train_seed(task, meter, epochs_of(self.length, task.recipe), phase="finetune")
        return SearchResult([Candidate(trained.network)], trained.history, artefacts=[trained.artefact])


def epochs_of(length: str, recipe: Recipe) -> int:
    """Epochs of a standard training, or of warm-up, search and fine-tuning together (`equal`)."""
    return recipe.whole_search if length == "equal" else recipe.epochs


def check_length(length: str) -> None:
    """Refuse an unknown training length."""
    if length not in LENGTHS:
        raise ValueError(f"method.length={length}: choices are {', '.join(LENGTHS)}")
