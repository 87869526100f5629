"""The seed as its authors made it, trained with the benchmark's recipe; it ignores the budget."""

from dataclasses import dataclass
from typing import ClassVar

from suite.budget import Budget
from suite.cost_limit import check_cost_limit, epochs_within
from suite.meter import Meter
from suite.recipe import Recipe
from suite.seed_training import train_seed
from suite.task import Candidate, SearchResult, Task

LENGTHS = ("standard", "equal")


@dataclass(frozen=True)
class HandTuned:
    """Train the seed for a standard training, or for as many epochs as a whole search takes (`length=equal`).

    cost_limit: in standard trainings of the seed; as many epochs as fit, whatever `length` says.
    """

    version: ClassVar[int] = 1

    name: str = "hand_tuned"
    length: str = "equal"
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        check_length(self.length)
        check_cost_limit(self.cost_limit)

    @property
    def label(self) -> str:
        """Name in tables, with the length."""
        return f"{self.name} ({length_label(self.length, self.cost_limit)})"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Train the seed; one candidate."""
        epochs = epochs_of(self.length, task.recipe)
        if self.cost_limit is not None:
            epochs = epochs_within(task, meter, task.space.seed_costs["macs"], self.cost_limit)
        trained = train_seed(task, meter, epochs, phase="finetune")
        return SearchResult([Candidate(trained.network)], trained.history, artefacts=[trained.artefact])


def epochs_of(length: str, recipe: Recipe) -> int:
    """Epochs of a standard training, or of warm-up, search and fine-tuning together (`equal`)."""
    return recipe.whole_search if length == "equal" else recipe.epochs


def check_length(length: str) -> None:
    """Refuse an unknown training length."""
    if length not in LENGTHS:
        raise ValueError(f"method.length={length}: choices are {', '.join(LENGTHS)}")


def length_label(length: str, cost_limit: float | None) -> str:
    """What decides the length of a training, for tables: "equal length", or "cost 3" in standard trainings."""
    return f"{length} length" if cost_limit is None else f"cost {cost_limit:g}"
