"""What a search over layer choices minimises and keeps, and how its end becomes one plain network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from suite.dnas.choices import ChoiceRule, MixedNetwork
from suite.dnas.objective import LATE
from suite.dnas.penalty import Penalty
from suite.hardware.supernet_graph import Selection
from suite.hardware.trace import trace
from suite.space.budget import Budget, feasible_first_key
from suite.space.choices import ChoiceSpace
from suite.space.importance import channel_importance
from suite.space.projection import project
from suite.space.slicing import slice_channels
from suite.space.widths import SearchSpace
from suite.task.task import Task
from suite.task.training import Objective

_NEVER = -1e9
"""Log probability of a branch that was dropped."""


class ChoiceObjective(Objective):
    """A penalty on expected costs; the logits (and masks) have a learning rate of their own and no weight decay.

    Where `strict`, epochs whose likeliest network fits are kept before any other; else, as in the paper, the best
    validation score of the last quarter.
    """

    def __init__(
        self, task: Task, mixed: MixedNetwork, rule: Penalty, budget: Budget, *, strict: bool, compaction: bool
    ) -> None:
        self.task, self.mixed, self.rule, self.budget, self.strict = task, mixed, rule, budget, strict
        self.compaction = compaction and not rule.rule.can_reopen
        assert task.choices is not None
        self.space: ChoiceSpace = task.choices
        self.alternating = mixed.choices.rule.optimisation == "alternating"
        self.of_choices = not self.alternating

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """Masks and logits."""
        mask_lr, choices = self.task.recipe.mask_lr, self.mixed.choices
        yield {"params": [self.mixed.masks.alpha], "lr": mask_lr, "weight_decay": 0.0}
        yield {"params": [choices.logits], "lr": choices.rule.lr or 10 * mask_lr, "weight_decay": 0.0}

    def passes(self) -> Sequence[str]:
        """The validation data are a second pass where logits and weights alternate."""
        return ("train", "validation") if self.alternating else ("train",)

    def begin_pass(self, split: str, epoch: int) -> None:
        """Freeze what this pass does not train; a frozen parameter has no gradient, so that no momentum moves it."""
        choices = self.mixed.choices
        choices.temperature = choices.rule.temperature_at(epoch)
        self.of_choices = not self.alternating or split == "validation"
        for parameter in self.mixed.parameters():
            parameter.requires_grad_(not self.alternating or split == "train")
        choices.logits.requires_grad_(self.of_choices)

    def penalty(self, epoch: float) -> Tensor | None:
        """Of the expected costs; the ICV term with softmax."""
        choices = self.mixed.choices
        if not (self.of_choices or self.space.masked):
            return None
        costs = self.space.relaxed(self.mixed.counts, choices.probabilities(), self.rule.targets)
        total = self.rule(costs, epoch)
        if self.of_choices and choices.rule.sampling == "softmax":
            total = total + choices.icv().cpu()
        return total if total.requires_grad else None

    def macs(self, *, training: bool) -> float | None:
        """Of the branches that are computed."""
        return self.mixed.macs if training else self.mixed.evaluation_macs()

    def costs(self) -> dict[str, float]:
        """Exact costs of the likeliest network."""
        return self.space.exact(self.mixed.choices.selection(), self.mixed.widths())

    def ratios(self) -> dict[str, float]:
        """Cost/target of each constraint."""
        costs = self.costs()
        return {m: costs[m] / target for m, target in self.budget.targets.items()}

    def row(self, epoch: int) -> dict[str, Any]:
        """Exact costs, strengths, and each position's likeliest branch with its probability."""
        columns: dict[str, Any] = {f"cost/{metric}": value for metric, value in self.costs().items()}
        columns |= {f"strength/{m}": self.rule.strength(m, epoch + 1) for m in self.rule.targets}
        chosen = self.space.named(self.mixed.choices.selection())
        for (name, branch), p in zip(chosen.items(), self.mixed.choices.probabilities(), strict=True):
            columns |= {f"choice/{name}": branch, f"probability/{name}": float(p.detach().max())}
        return columns

    def rank(self, epoch: int, score: float) -> tuple[float, ...] | None:
        """Feasible first, then score; where none is feasible the least violation. The paper's rule where off."""
        if not self.strict:
            return (score,) if epoch >= int(LATE * self.rule.epochs) else None
        return feasible_first_key(self.budget, self.costs(), score)

    def end_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        """Branches that have become unlikely are dropped, and computed no more; so are closed channels."""
        self.mixed.requires_grad_(True)  # what the last pass froze is trained again, here or in fine-tuning
        self.mixed.choices.drop_unlikely()
        if self.compaction and self.mixed.compact(optimiser):
            self.mixed.price(self.space.branch_costs("macs", self.mixed.computed_widths))

    def state(self) -> dict[str, Any]:
        """The strengths."""
        return self.rule.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Strengths as they were."""
        self.rule.restore(state)


def mixed_network(task: Task, supernet: nn.Module, rule: ChoiceRule) -> MixedNetwork:
    """`supernet` under search; it is changed in place."""
    space = task.choices
    assert space is not None
    return MixedNetwork(supernet, space.supernet_graph, space.groups, rule, space.branch_costs("macs", space.full))


def discretise_choices(
    space: ChoiceSpace, budget: Budget, mixed: MixedNetwork, guarantee: str, shape: tuple[int, ...]
) -> tuple[nn.Module, Selection]:
    """The plain network of the likeliest branches, and these; with a guarantee, the likeliest that fits.

    Where masks are searched too, channels are removed first, and branches switched only where that is not enough.
    """
    selection, widths = mixed.choices.selection(), mixed.widths()
    if guarantee != "off":
        least = space.smallest if space.masked else widths
        if not budget.fits(space.exact(selection, least)):
            selection = likeliest_fit(space, budget, mixed, least)
    network = mixed.plain_selection(selection)
    if space.masked:
        network = _thinned(space, budget, mixed, network, selection, guarantee, shape)
    return network, selection


def likeliest_fit(space: ChoiceSpace, budget: Budget, mixed: MixedNetwork, widths: Sequence[int]) -> Selection:
    """The selection with the largest product of probabilities that fits at these widths.

    Raises:
        RuntimeError: there is none, though the budget was found to be in reach.
    """
    logs = [p.log().clamp(min=_NEVER).tolist() for p in mixed.choices.probabilities()]
    found = space.best(logs, budget, widths)
    if found is None:
        raise RuntimeError(f"no selection of branches meets the budget ({budget.label})")
    return found


def _thinned(
    space: ChoiceSpace, budget: Budget, mixed: MixedNetwork, network: nn.Module, selection: Selection, guarantee: str,
    shape: tuple[int, ...],
) -> nn.Module:  # fmt: skip
    """`network` without the channels whose masks are closed, projected onto the budget as `guarantee` says."""
    part = SearchSpace(trace(network, shape), space.hardware)
    supernet_group = {
        layer.name: space.groups.of[name]
        for layer, name in zip(part.network.weighted, _names_in_supernet(space, selection), strict=True)
    }
    kept = mixed.masks.kept()
    inputs = [torch.ones(size, dtype=torch.bool) for size in part.groups.sizes]
    for layer in part.network.weighted:
        inputs[part.groups.of[layer.name]] = kept[supernet_group[layer.name]].cpu()
    importance = channel_importance(network, part.network, part.groups)
    final = project(part, budget, inputs, importance, guarantee)
    return slice_channels(network, part.network, part.groups, final)


def _names_in_supernet(space: ChoiceSpace, selection: Selection) -> list[str]:
    """The weighted layers of a selection's network, in its order of execution, by their names in the supernet."""
    return [layer.name for layer in space.supernet_graph.select(selection).weighted]
