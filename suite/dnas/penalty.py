"""How hardware limits enter the loss: L = L_task + sum_i lambda_i(e) max(0, C_i - T_i) (arXiv 2310.07217).

C_i is the cost in metric i, T_i its target, lambda_i(e) the strength in epoch e. Strengths follow Eq. 13 and Eq. 14 as
the public code computes them (eml-eda/plinio, commit 3d6b5e0, plinio/regularizers/duccio.py). Three differences rule
out bugs of that file's history: strengths are plain floats, outside autograd; they are keyed by metric; and a
constraint that holds at the start gets its strength when it is first violated, with a denominator of at least 10 % of
its target, so that equality never gives NaN.

The scripts of the paper (eml-eda/multi-constraint-nas, commit 915520f, source_scripts) set strengths by hand instead:
for a benchmark and metric lambda_i (C_i(reference) - T_i) is the same number at all targets.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from suite.records.record import METRICS
from suite.task.checks import check_choice, is_positive

SHAPES = ("hinge", "abs", "objective")
SCHEDULES = ("ramp", "constant")
NAMED_STRENGTHS = ("eq13", "scripts")
_LIMITS = (*METRICS, "layers")
_START = 0.01
_LEAST_EXCESS = 0.1
"""The smallest denominator of Eq. 13 for a constraint that is first violated during the search, relative to T_i."""


@dataclass(frozen=True)
class PenaltyRule:
    """The settings of the penalty.

    shape: hinge lambda max(0, C - T); abs lambda |C - T|; objective lambda C, no target.
    schedule: ramp from 1 % to full strength over the first half of the search (Eq. 14); constant.
    strength: eq13; scripts, the recipe's `script_strengths`; or a multiple of Eq. 13, one number or one per metric (1
        for those not named).
    """

    shape: str = "hinge"
    schedule: str = "ramp"
    strength: Any = "eq13"

    def __post_init__(self) -> None:
        check_choice("penalty.shape", self.shape, SHAPES)
        check_choice("penalty.schedule", self.schedule, SCHEDULES)
        if self.strength == "scripts" and self.shape == "objective":
            raise ValueError("penalty.strength=scripts: the scripts' strengths are of limits, not of shape=objective")
        if self.strength == 1 and not isinstance(self.strength, bool):
            object.__setattr__(self, "strength", "eq13")  # one setting, one name
        if self.strength in NAMED_STRENGTHS:
            return
        named = self.strength if isinstance(self.strength, Mapping) else {}
        values = [*named.values()] if isinstance(self.strength, Mapping) else [self.strength]
        if not values or not all(map(is_positive, values)):
            choices = f"{', '.join(NAMED_STRENGTHS)}, a positive multiple of Eq. 13, or one per metric"
            raise ValueError(f"penalty.strength={self.strength}: choices are {choices}")
        if unknown := [key for key in named if key not in _LIMITS]:
            raise ValueError(f"penalty.strength: no limit is called {unknown[0]}, choices are {', '.join(_LIMITS)}")

    @property
    def can_reopen(self) -> bool:
        """Whether the penalty can open a closed channel again: below the target, |C - T| falls as the cost rises."""
        return self.shape == "abs"

    def multiple_of(self, metric: str) -> float:
        """The multiple of Eq. 13 of one metric."""
        if isinstance(self.strength, Mapping):
            return float(self.strength.get(metric, 1.0))
        return 1.0 if self.strength in NAMED_STRENGTHS else float(self.strength)

    def check_metrics(self, metrics: Collection[str], script_strengths: Mapping[str, float]) -> None:
        """Refuse strengths of metrics that are not limited, and limits that the scripts have no strength for.

        Raises:
            ValueError: naming the metric and the choices.
        """
        named = self.strength if isinstance(self.strength, Mapping) else {}
        if idle := sorted(set(named) - set(metrics)):
            limited = ", ".join(sorted(metrics)) or "nothing"
            raise ValueError(f"penalty.strength={dict(named)}: {idle[0]} is not limited here. Limited: {limited}")
        if self.strength == "scripts" and (unknown := sorted(set(metrics) - set(script_strengths))):
            known = ", ".join(script_strengths) or "none at this preset; preset=full and preset=paper have them"
            raise ValueError(f"penalty.strength=scripts: the scripts have no strength for {unknown[0]}. Known: {known}")


@dataclass
class Penalty:
    """The penalty of one search of `epochs` epochs against `targets` (metric -> target in its unit).

    script_strengths: lambda (C - T) of the paper's scripts by metric, for `rule.strength=scripts`.
    """

    rule: PenaltyRule
    targets: Mapping[str, float]
    epochs: int
    script_strengths: Mapping[str, float] = field(default_factory=dict)
    task_loss: float = 0.0
    strengths: dict[str, float] = field(default_factory=dict)

    def start(self, task_loss: float, costs: Mapping[str, float]) -> None:
        """Set the strengths from the training loss in the warm-up's last epoch and the initial costs (Eq. 13).

        lambda_i = L / (C_i - T_i) where the constraint is violated; L / C_i for the objective shape; none yet where it
        holds.
        """
        if not task_loss > 0:
            raise ValueError(f"the warm-up's training loss is {task_loss}: strengths need a positive, finite one")
        self.task_loss = task_loss
        for metric, target in self.targets.items():
            if self.rule.shape == "objective":
                self._set_strength(metric, costs[metric])
            elif costs[metric] > target:
                self._set_strength(metric, costs[metric] - target)

    def strength(self, metric: str, epoch: float) -> float:
        """lambda_i(e) of Eq. 14, e the number of whole epochs before; 0 for a constraint that was never violated."""
        final = self.strengths.get(metric, 0.0)
        if self.rule.schedule != "ramp":
            return final
        return min(_START * final + int(epoch) * (1 - _START) * final / (self.epochs / 2), final)

    def __call__(self, costs: Mapping[str, Tensor], epoch: float) -> Tensor:
        """The penalty term, a 0-d tensor, for relaxed `costs` (metric -> 0-d tensor) at search epoch `epoch`."""
        value, slopes = self.evaluate({metric: float(costs[metric].detach()) for metric in self.targets}, epoch)
        terms = [slope * (costs[metric] - costs[metric].detach()) for metric, slope in slopes.items()]
        return value + torch.stack(terms).sum() if terms else torch.zeros(())

    def evaluate(self, costs: Mapping[str, float], epoch: float) -> tuple[float, dict[str, float]]:
        """The penalty term at `costs` and search epoch `epoch`, and its slope in each budgeted cost."""
        value, slopes = 0.0, {}
        for metric, target in self.targets.items():
            excess = costs[metric] - target
            if metric not in self.strengths and excess > 0:
                self._set_strength(metric, max(excess, _LEAST_EXCESS * target))
            strength = self.strength(metric, epoch)
            if self.rule.shape == "hinge":
                value += strength * max(excess, 0.0)
                slopes[metric] = strength if excess > 0 else 0.0  # no slope where it just holds
            elif self.rule.shape == "abs":
                value += strength * abs(excess)
                slopes[metric] = strength * ((excess > 0) - (excess < 0))
            else:
                value += strength * costs[metric]
                slopes[metric] = strength
        return value, slopes

    def _set_strength(self, metric: str, excess: float) -> None:
        by_script = self.rule.strength == "scripts"
        scale = self.script_strengths[metric] if by_script else self.rule.multiple_of(metric) * self.task_loss
        self.strengths[metric] = scale / excess

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep."""
        return {"task_loss": self.task_loss, "strengths": dict(self.strengths)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a former `state()`."""
        self.task_loss, self.strengths = state["task_loss"], dict(state["strengths"])
