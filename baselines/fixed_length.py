"""How long a baseline without a search trains: the options that three of them share."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from suite.task.cost_limit import check_cost_limit, epoch_macs, epochs_within, too_small, validation_macs
from suite.task.meter import Meter
from suite.task.task import Task

LENGTHS = ("standard", "equal")


@dataclass(frozen=True)
class FixedLength:
    """Options of a method that trains one network.

    length: standard, the recipe's epochs; or equal, as many epochs as a whole search has.
    cost_limit: in standard trainings of the reference network. Trains as many epochs as fit, whatever `length` says.
    """

    spaces: ClassVar[tuple[str, ...]] = ()

    name: str
    length: str = "equal"
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise ValueError(f"method.length={self.length}: choices are {', '.join(LENGTHS)}")
        check_cost_limit(self.cost_limit)

    def planned_epochs(self, task: Task) -> int:
        """Epochs without a cost limit: a standard training's, or those of a whole search (`equal`)."""
        return task.recipe.total_epochs if self.length == "equal" else task.recipe.epochs

    def first_epochs(self, task: Task, macs: float, share: float) -> int:
        """Epochs of a network of `macs` forward MACs that gets a share of all epochs or of the limit, at least one."""
        if self.cost_limit is None:
            return max(1, round(share * self.planned_epochs(task)))
        return max(1, int(share * self.cost_limit * task.standard_macs // epoch_macs(task, macs)))

    def last_epochs(self, task: Task, meter: Meter, network: nn.Module, done: int = 0) -> int:
        """Epochs of a network that is trained by the recipe's `warmup` with all that is left after `done` epochs."""
        if self.cost_limit is None:
            return max(1, self.planned_epochs(task) - done)
        return epochs_within(task, meter, network, task.recipe.warmup, self.cost_limit)

    def check_epoch_left(self, task: Task, spent: float, macs: float) -> None:
        """Refuse a cost limit that, after `spent` (MACs x samples), leaves a network of `macs` less than one epoch.

        Raises:
            ValueError: the message names a limit that would do.
        """
        needed = spent + epoch_macs(task, macs) + validation_macs(task, macs)
        if self.cost_limit is not None and needed > self.cost_limit * task.standard_macs:
            raise too_small(task, self.cost_limit, needed)
