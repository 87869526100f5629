"""A search that starts from a thinned reference network, a little above the budget, which costs nothing to find.

A search from the whole reference network spends most of its cost on networks many times as large as the one that it
returns. The start has the widths of `two_budget_widths` within larger limits (AutoSlim, arXiv 1903.11728, and
NeuralScale, CVPR 2020, search above the budget in the same way), and takes the reference network's place.
"""

from dataclasses import replace
from functools import partial

from torch import nn

from suite.hardware.trace import trace
from suite.space.budget import Budget
from suite.space.scaling import two_budget_widths
from suite.space.width_space import WidthSpace
from suite.task.task import Task, TaskSpec


def check_start(start: float | None) -> None:
    """Refuse a start that is neither null nor a number of at least 1.

    Raises:
        ValueError: naming key, value and what is allowed.
    """
    if start is not None and not 1 <= start < float("inf"):
        raise ValueError(f"method.start={start}: at least 1, how many times the limits a search starts at, or null")


def thin_start(task: Task, budget: Budget, start: float | None) -> Task:
    """`task` with a thinned network in place of the reference network; `task` itself where `start` is null.

    Args:
        task: its limit on cost stays in standard trainings of the benchmark's reference network.
        budget: what the search is to meet.
        start: the thinned network meets `start` times each limit.
    """
    if start is None:
        return task
    larger = Budget(tuple(replace(c, target=start * c.target) for c in budget))
    widths = two_budget_widths(task.space, larger)
    network = partial(_thinned, task, widths)
    return replace(
        task,
        reference_network=network,
        space=WidthSpace(trace(network(), task.input_shape), task.hardware),
        shared_key={**task.shared_key, "start": list(widths)},
    )


def _thinned(task: TaskSpec, widths: tuple[int, ...]) -> nn.Module:
    return task.space.thin(task.reference_network(), widths)
