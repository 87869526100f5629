"""The candidates of a method: measured by the harness itself, and the one that a run returns.

The harness never believes a method's own figures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from suite import SuiteError
from suite.space.budget import Budget, feasible_first_key
from suite.task.evaluation import evaluate, to_device
from suite.task.meter import Meter
from suite.task.task import Candidate, Task

SELECTION = "best validation score among feasible candidates; least total violation where none is feasible"
"""The rule of `choose_candidate`, as a record states it."""


@dataclass(frozen=True)
class EvaluatedCandidate:
    """A candidate with what the harness measured of it: exact costs by metric, and the validation score."""

    candidate: Candidate
    costs: Mapping[str, float]
    validation: float


def evaluate_candidate(task: Task, candidate: Candidate, meter: Meter) -> EvaluatedCandidate:
    """Trace a candidate for its exact costs, and score it on the validation data; charged to the meter.

    Raises:
        SuiteError: it has an operation without a cost model, or does more than its layers say.
        ValueError: the device model gives a cost that is no finite number.
    """
    _check_plain(candidate.network)
    costs = task.hardware.measure(candidate.network, task.input_shape)
    if wrong := {metric: cost for metric, cost in costs.items() if not math.isfinite(cost)}:
        raise ValueError(f"device {task.hardware.device.name} gives candidate {candidate.name} the costs {wrong}")
    network = to_device(candidate.network, task.compute)
    return EvaluatedCandidate(candidate, costs, evaluate(task, network, task.validation, meter, costs["macs"]))


def _check_plain(network: nn.Module) -> None:
    """Refuse what runs without being traced: hooks, weights that are computed, a forward of one object alone."""
    for name, module in network.named_modules():
        hooks = module._forward_hooks or module._forward_pre_hooks
        if hooks or is_parametrized(module) or "forward" in vars(module):
            raise SuiteError(
                f"the method returned a wrapped network: layer {name or 'itself'} ({type(module).__name__}) has hooks, "
                "parametrisations or a forward of its own, which no cost model sees"
            )


def choose_candidate(budget: Budget, candidates: Sequence[EvaluatedCandidate]) -> EvaluatedCandidate:
    """The best validation score among the feasible candidates; the least total violation where none is feasible.

    A score that is not a number is worse than any other.
    """
    return max(candidates, key=lambda c: feasible_first_key(budget, c.costs, c.validation))


def summarise_candidate(budget: Budget, evaluated: EvaluatedCandidate) -> dict[str, Any]:
    """What a record keeps of a candidate."""
    return {
        "name": evaluated.candidate.name,
        "validation": evaluated.validation,
        "costs": dict(evaluated.costs),
        "feasible": budget.fits(evaluated.costs),
    }
