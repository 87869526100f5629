"""The network under search, over masks, layer choices or both: wrapped, penalised, and made plain again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from suite.dnas.branch_mixing import ChoiceRule, MixedNetwork
from suite.dnas.choice_search import ChoiceObjective, discretise_choices, make_mixed_network
from suite.dnas.masks import MaskedNetwork
from suite.dnas.objective import MaskObjective, PenaltyObjective
from suite.dnas.penalty import Penalty
from suite.space.budget import Budget
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.refill import FreeChannels
from suite.task.task import Task


@dataclass(frozen=True)
class Discretised:
    """The plain network that a search ends with, its branch at each position, and which channels came free of cost."""

    network: nn.Module
    choices: Mapping[str, str] = field(default_factory=dict)
    free_channels: FreeChannels = field(default_factory=FreeChannels)


def wrap(task: Task, network: nn.Module, rule: ChoiceRule) -> MaskedNetwork:
    """`network`, the warmed-up reference network or supernet, which is changed in place, with what is searched."""
    if task.choices is None:
        return MaskedNetwork(network, task.space.network, task.space.groups)
    return make_mixed_network(task, network, rule)


def initial_costs(task: Task) -> Mapping[str, float]:
    """The costs that a search begins with: the reference network's, or the expected ones of evenly mixed branches."""
    return task.space.reference_costs if task.choices is None else task.choices.uniform_costs


def make_objective(
    task: Task, wrapped: MaskedNetwork, penalty: Penalty, budget: Budget, *, feasible_first: bool, compaction: bool
) -> PenaltyObjective:
    """What the search of `wrapped` minimises, and its rule for the checkpoint (see `PenaltyObjective`)."""
    if isinstance(wrapped, MixedNetwork):
        return ChoiceObjective(task, wrapped, penalty, budget, feasible_first=feasible_first, compaction=compaction)
    return MaskObjective(task, wrapped, penalty, budget, feasible_first=feasible_first, compaction=compaction)


def discretise(task: Task, wrapped: MaskedNetwork, budget: Budget, projection: str) -> Discretised:
    """The plain network on the CPU that a search ends with, after a projection (see `suite.space.projection`)."""
    wrapped = wrapped.cpu()
    if isinstance(wrapped, MixedNetwork):
        assert task.choices is not None
        result = discretise_choices(task.choices, budget, wrapped, projection, task.input_shape)
        return Discretised(result.network, task.choices.named(result.selection), result.free_channels)
    importance = channel_importance(wrapped.copy_plain(), task.space.network, task.space.groups)
    projected = project(task.space, budget, wrapped.masks.open_channels(), importance, projection)
    return Discretised(wrapped.export(projected.open_channels), free_channels=projected.free_channels)
