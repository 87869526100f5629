"""How long a baseline without a search trains: the options and the label that three of them share."""

from dataclasses import dataclass
from typing import ClassVar

from suite.task.cost_limit import check_cost_limit
from suite.task.recipe import Recipe

LENGTHS = ("standard", "equal")


@dataclass(frozen=True)
class FixedLength:
    """Options of a method that trains one network.

    length: standard, as the recipe has it, or equal to all epochs of a whole search.
    cost_limit: in standard trainings of the seed; as many epochs as fit, whatever `length` says.
    """

    spaces: ClassVar[tuple[str, ...]] = ()

    name: str
    length: str = "equal"
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise ValueError(f"method.length={self.length}: choices are {', '.join(LENGTHS)}")
        check_cost_limit(self.cost_limit)

    @property
    def label(self) -> str:
        """Name in tables, with what decides the length: "equal length", or "cost 3" in standard trainings."""
        what = f"{self.length} length" if self.cost_limit is None else f"cost {self.cost_limit:g}"
        return f"{self.name} ({what})"

    def epochs(self, recipe: Recipe) -> int:
        """Epochs of a standard training, or of warm-up, search and fine-tuning together (`equal`)."""
        return recipe.total_epochs if self.length == "equal" else recipe.epochs
