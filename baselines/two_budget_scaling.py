"""Widths that use up two limits at once, by a law of the output size (`suite.space.scaling`), trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.width_scaling import WidthScaling
from suite.space.budget import Budget
from suite.space.groups import Widths
from suite.space.projection import project_widths
from suite.space.scaling import two_budget_widths
from suite.space.width_space import WidthSpace


@dataclass(frozen=True)
class TwoBudgetScaling(WidthScaling):
    """Widths by the law, refilled by default; length and cost limit are those of `width_scaling`."""

    version: ClassVar[int] = 1

    name: str = "two_budget_scaling"
    projection: str = "refill"

    def widths(self, space: WidthSpace, budget: Budget) -> Widths:
        """The widths of the network that is trained."""
        return project_widths(space, budget, two_budget_widths(space, budget), self.projection)
