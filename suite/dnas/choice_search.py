"""Search over layer choices: its objective, its checkpoint rule, and the plain network that it ends with."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from suite.dnas.branch_mixing import MixedNetwork
from suite.dnas.objective import PenaltyObjective
from suite.hardware.trace import trace
from suite.space.branches import select_branches
from suite.space.budget import Budget
from suite.space.choice_space import ChoiceSpace
from suite.space.projection import ProjectedNetwork, project_network
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
        yield from super().parameter_groups()
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
            self.masked.branch_macs = self.space.branch_costs("macs", self.masked.computed_widths)


def discretise_choices(
    space: ChoiceSpace, budget: Budget, mixed: MixedNetwork, projection: str, shape: tuple[int, ...]
) -> ProjectedNetwork:
    """The plain network of the likeliest branches; with a projection, of the likeliest ones that fit.

    Where masks are searched too, channels are removed first, and branches replaced only where that is not enough.
    """
    selection, floor = mixed.sampler.selection(), None
    if projection != "none" and not space.can_meet(selection, budget):
        log_probabilities = [p.log().clamp(min=_NEVER).tolist() for p in mixed.sampler.probabilities()]
        fitting = space.find_fitting(log_probabilities, budget)
        assert fitting is not None, f"no selection of branches meets the budget ({budget.label})"
        selection, floor = fitting
    network = select_branches(mixed.copy_plain(), space.supernet_graph, selection)
    choices = space.named(selection)
    if not space.masked:
        return ProjectedNetwork(network, choices=choices)
    own, masks = WidthSpace(trace(network, shape), space.hardware), mixed.masks.open_channels()
    groups = space.groups_of_selection(selection)
    open_channels = [masks[group].cpu() for group in groups]
    known_to_fit = None if floor is None else tuple(floor[group] for group in groups)
    projected = project_network(network, own, budget, projection, open_channels, floor=known_to_fit)
    return replace(projected, choices=choices)
