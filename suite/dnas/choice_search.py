"""Search over layer choices: its objective, its checkpoint rule, and the plain network that it ends with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from suite.dnas.branch_mixing import MixedNetwork
from suite.dnas.objective import PenaltyObjective
from suite.hardware.supernet_graph import Selection
from suite.hardware.trace import trace
from suite.space.budget import Budget
from suite.space.choice_space import ChoiceSpace
from suite.space.groups import Widths
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.refill import FreeChannels
from suite.space.slicing import slice_channels
from suite.space.width_space import WidthSpace

_NEVER = -1e9
"""Log probability of a branch that was dropped."""


class ChoiceObjective(PenaltyObjective):
    """A penalty on expected costs; logits and masks have learning rates of their own and no weight decay."""

    masked: MixedNetwork

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.task.choices is not None
        self.space = self.task.choices
        self.alternating = self.masked.sampler.rule.optimisation == "alternating"
        self.trains_logits = not self.alternating

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """Masks and logits."""
        yield self.mask_parameters()
        sampler, lr = self.masked.sampler, 10 * self.task.recipe.mask_lr
        yield {"params": [sampler.logits], "lr": sampler.rule.lr or lr, "weight_decay": 0.0}

    def passes(self) -> Sequence[str]:
        """Where logits and weights alternate, the logits are trained in a second pass, on the validation data."""
        return ("train", "validation") if self.alternating else ("train",)

    def begin_pass(self, split: str, epoch: int) -> None:
        """Freeze what this pass does not train: without a gradient, not even momentum moves it."""
        sampler = self.masked.sampler
        sampler.temperature = sampler.rule.temperature_at(epoch)
        self.trains_logits = not self.alternating or split == "validation"
        for parameter in self.masked.parameters():
            parameter.requires_grad_(not self.alternating or split == "train")
        sampler.logits.requires_grad_(self.trains_logits)

    def penalty(self, epoch: float) -> Tensor | None:
        """The penalty on expected costs, plus the ICV term where branches are mixed by softmax."""
        sampler = self.masked.sampler
        if not (self.trains_logits or self.space.masked):
            return None
        costs = self.space.relaxed(self.masked.counts, sampler.probabilities(), self.cost_penalty.targets)
        total = self.cost_penalty(costs, epoch)
        if self.trains_logits and sampler.rule.sampling == "softmax":
            total = total + sampler.icv().cpu()
        return total if total.requires_grad else None

    def macs(self, *, training: bool) -> float | None:
        """Forward MACs of one example in the branches that are computed."""
        return self.masked.macs if training else self.masked.evaluation_macs()

    def costs(self) -> dict[str, float]:
        """Exact costs of the likeliest network."""
        return self.space.exact(self.masked.sampler.selection(), self.masked.widths())

    def row(self, epoch: int) -> dict[str, Any]:
        """Exact costs, strengths, and each position's likeliest branch with its probability."""
        columns = super().row(epoch)
        likeliest = self.space.named(self.masked.sampler.selection())
        for (name, branch), p in zip(likeliest.items(), self.masked.sampler.probabilities(), strict=True):
            columns |= {f"choice/{name}": branch, f"probability/{name}": float(p.detach().max())}
        return columns

    def end_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        """Branches that have become unlikely are dropped and no longer computed; so are closed channels."""
        self.masked.requires_grad_(True)  # nothing stays frozen for the next pass or fine-tuning
        self.masked.sampler.drop_unlikely()
        if self.compaction and self.masked.compact(optimiser):
            self.masked.set_branch_macs(self.space.branch_costs("macs", self.masked.computed_widths))


@dataclass(frozen=True)
class DiscretisedChoices:
    """The plain network that a search ends with, its branches, and which channels refill gave back at no cost."""

    network: nn.Module
    selection: Selection
    free_channels: FreeChannels = field(default_factory=FreeChannels)


def discretise_choices(
    space: ChoiceSpace, budget: Budget, mixed: MixedNetwork, projection: str, shape: tuple[int, ...]
) -> DiscretisedChoices:
    """The plain network of the likeliest branches; with a projection, of the likeliest ones that fit.

    Where masks are searched too, channels are removed first, and branches replaced only where that is not enough.
    """
    selection, floor = mixed.sampler.selection(), None
    if projection != "none" and not space.can_meet(selection, budget):
        selection, floor = find_likeliest_fit(space, budget, mixed)
    network = mixed.copy_selection(selection)
    if not space.masked:
        return DiscretisedChoices(network, selection)
    own = WidthSpace(trace(network, shape), space.hardware)
    masks = mixed.masks.open_channels()
    open_channels, own_floor = own.groups.open_all(), list(own.full)
    for group, in_space in match_groups(own, space, selection).items():
        open_channels[group] = masks[in_space].cpu()
        if floor is not None:
            own_floor[group] = floor[in_space]
    importance = channel_importance(network, own.network, own.groups)
    known_to_fit = None if floor is None else tuple(own_floor)
    projected = project(own, budget, open_channels, importance, projection, known_to_fit)
    thinned = slice_channels(network, own.network, own.groups, projected.open_channels)
    return DiscretisedChoices(thinned, selection, projected.free_channels)


def match_groups(own: WidthSpace, space: ChoiceSpace, selection: Selection) -> dict[int, int]:
    """For the channel groups of a selection's own network, the groups of the supernet that they belong to.

    A layer has another name in each; both list their layers in order of execution.
    """
    in_supernet = space.supernet_graph.select(selection).weighted
    pairs = zip(own.network.weighted, in_supernet, strict=True)
    return {own.groups.of[layer.name]: space.groups.of[counterpart.name] for layer, counterpart in pairs}


def find_likeliest_fit(space: ChoiceSpace, budget: Budget, mixed: MixedNetwork) -> tuple[Selection, Widths]:
    """The selection with the largest product of probabilities that fits at few channels, and these widths.

    Raises:
        RuntimeError: there is none, though `ChoiceSpace.check_reachable` accepted the budget.
    """
    log_probabilities = [p.log().clamp(min=_NEVER).tolist() for p in mixed.sampler.probabilities()]
    fitting = space.find_fitting(log_probabilities, budget)
    if fitting is None:
        raise RuntimeError(f"no selection of branches meets the budget ({budget.label})")
    return fitting
