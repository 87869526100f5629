"""The network under search, over masks, layer choices or both: wrapped, searched, made plain again, fine-tuned."""

from collections.abc import Mapping

from torch import nn

from suite.dnas.branch_mixing import ChoiceRule, MixedNetwork
from suite.dnas.choice_search import ChoiceObjective, discretise_choices
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import MaskObjective, search_phase
from suite.dnas.penalty import Penalty
from suite.space.budget import Budget
from suite.space.projection import ProjectedNetwork, project_network
from suite.task.cost_limit import searched_macs
from suite.task.evaluation import to_device
from suite.task.meter import Meter
from suite.task.task import Task
from suite.task.training import Fit, Phase, fit


def wrap(task: Task, network: nn.Module, rule: ChoiceRule) -> MaskedNetwork:
    """`network`, the warmed-up reference network or supernet, which is changed in place, with what is searched."""
    if task.choices is None:
        return MaskedNetwork(network, task.space.network, task.space.groups)
    space = task.choices
    macs = space.branch_costs("macs", space.full)
    return MixedNetwork(network, space.supernet_graph, space.groups, rule, macs)


def initial_costs(task: Task) -> Mapping[str, float]:
    """The costs that a search begins with: the reference network's, or the expected ones of evenly mixed branches."""
    return task.space.reference_costs if task.choices is None else task.choices.uniform_costs


def search(
    task: Task,
    wrapped: MaskedNetwork,
    penalty: Penalty,
    budget: Budget,
    meter: Meter,
    *,
    feasible_first: bool,
    compaction: bool,
    label: str | None = None,
) -> Fit:
    """Search `wrapped` in place for the penalty's number of epochs (see `PenaltyObjective`)."""
    kind = ChoiceObjective if isinstance(wrapped, MixedNetwork) else MaskObjective
    objective = kind(task, wrapped, penalty, budget, feasible_first=feasible_first, compaction=compaction)
    phase = search_phase(task.recipe, penalty.epochs, label)
    return fit(task, wrapped, meter, phase, objective=objective, macs=searched_macs(task))


def discretise(task: Task, wrapped: MaskedNetwork, budget: Budget, projection: str) -> ProjectedNetwork:
    """The plain network on the CPU that a search ends with, after a projection (see `suite.space.projection`)."""
    wrapped = wrapped.cpu()
    if isinstance(wrapped, MixedNetwork):
        assert task.choices is not None
        return discretise_choices(task.choices, budget, wrapped, projection, task.input_shape)
    return project_network(wrapped.copy_plain(), task.space, budget, projection, wrapped.masks.open_channels())


def finetune(
    task: Task, network: nn.Module, meter: Meter, epochs: int, *, label: str | None = None, macs: float | None = None
) -> Fit:
    """The final training of a plain network, in place and where the task computes."""
    phase = Phase("finetune", task.recipe.finetune, epochs, label, task.recipe.patience)
    return fit(task, to_device(network, task.compute), meter, phase, macs=macs)
