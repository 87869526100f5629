"""What comes of a proposed network: exact costs first, a training only where it fits and the limit can pay for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from optuna.trial import FrozenTrial
from torch import nn

from baselines.optuna_study import Proposal, Result
from suite.budget import Budget
from suite.cost_limit import epoch_macs, epochs_within, macs_left, validation_macs
from suite.dnas.export import slice_channels
from suite.dnas.importance import channel_importance
from suite.dnas.space import SearchSpace, Widths
from suite.meter import Meter
from suite.task import Task
from suite.training import Diverged, Fit, Phase, evaluate, fit, place

TRAINED, UNFIT, UNAFFORDABLE, DIVERGED = "trained", "unfit", "unaffordable", "diverged"


@dataclass(frozen=True)
class Levels:
    """The search space as samplers see it: for each free channel group up to `levels` widths, from 1 to full."""

    space: SearchSpace
    levels: int

    @cached_property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Widths to choose from, evenly spaced, by the group's name."""
        groups = self.space.groups
        return {groups.names[i]: even_widths(groups.sizes[i], self.levels) for i in self.space.free}

    @property
    def counts(self) -> dict[str, int]:
        """How many there are."""
        return {name: len(widths) for name, widths in self.choices.items()}

    def widths(self, levels: Mapping[str, int]) -> Widths:
        """The width of each group; frozen ones keep theirs."""
        groups = self.space.groups
        return tuple(
            self.choices[name][levels[name]] if name in self.choices else size
            for name, size in zip(groups.names, groups.sizes, strict=True)
        )


def even_widths(size: int, levels: int) -> tuple[int, ...]:
    """Up to `levels` whole numbers from 1 to `size`, evenly spaced, both ends included."""
    return tuple(sorted({1 + round(i * (size - 1) / (levels - 1)) for i in range(levels)}))


@dataclass(frozen=True)
class Purse:
    """What a limit leaves for trials, with the fine-tuning of the best kept back.

    limit: in standard trainings of the seed, None for none.
    trial_epochs, finetune_epochs: length of one training each.
    keep: how many networks are fine-tuned.
    """

    task: Task
    meter: Meter
    limit: float | None
    trial_epochs: int
    finetune_epochs: int
    keep: int

    def affords(self, macs: float, trained: Sequence[float]) -> bool:
        """Whether a network of `macs` may be trained after those of the `trained` MACs.

        Fine-tuning is kept back for the costliest of them all, so that whatever is chosen in the end is paid for.
        """
        if self.limit is None:
            return True
        costliest = sorted([*trained, macs], reverse=True)[: self.keep]
        kept_back = sum(self._finetuning(m) for m in costliest)
        return self._trial(macs) + kept_back <= macs_left(self.task, self.meter, self.limit)

    def affordable(self, macs: float) -> float:
        """How many trials of `macs` each can be paid for; infinitely many where there is no limit."""
        if self.limit is None:
            return math.inf
        left = macs_left(self.task, self.meter, self.limit) - self.keep * self._finetuning(macs)
        return max(0.0, left // self._trial(macs))

    def _trial(self, macs: float) -> float:
        return self.trial_epochs * epoch_macs(self.task, macs)

    def _finetuning(self, macs: float) -> float:
        """With the harness's own pass."""
        return self.finetune_epochs * epoch_macs(self.task, macs) + validation_macs(self.task, macs)


@dataclass(frozen=True)
class Trained:
    """A network and how its training went."""

    network: nn.Module
    fit: Fit


class Workshop:
    """Judges proposals, trains their networks and fine-tunes the best, for one run.

    Args:
        task: what is searched for.
        budget: what must fit.
        meter: charged for every training.
        levels: what a proposal's levels mean.
        purse: what may be spent.
        warm: the trained seed that weights are inherited from; fresh ones where None.
    """

    def __init__(
        self, task: Task, budget: Budget, meter: Meter, levels: Levels, purse: Purse, warm: nn.Module | None
    ) -> None:
        self.task, self.budget, self.meter = task, budget, meter
        self.levels, self.purse = levels, purse
        self._warm = None if warm is None else warm.cpu()
        self._order: list[torch.Tensor] = []
        if self._warm is not None:
            importance = channel_importance(self._warm, task.space.network, task.space.groups)
            self._order = [torch.argsort(values, descending=True, stable=True) for values in importance]
        self._guessing = self._score_of_guessing()

    def _score_of_guessing(self) -> float:
        """Validation score of the smallest network, untrained: about what guessing gets, whatever the score's scale."""
        space = self.task.space
        network = place(space.thin(self.task.new_network("guessing"), space.smallest), self.task.compute)
        return evaluate(self.task, network, self.task.validation, self.meter, space.exact(space.smallest)["macs"])

    def evaluate(self, proposal: Proposal) -> Result:
        """Costs, and the score of a network that fits.

        One that does not fit is not trained and gets the worst score, that of guessing or the lowest so far; so does
        one whose training diverges. One that the limit cannot pay for is no result, and samplers do not learn from it.
        """
        widths = self.levels.widths(proposal.levels)
        costs = self.task.space.exact(widths)
        before = trained(proposal.past)
        worst = self._values(min([self._guessing, *(trial.values[0] for trial in before)]), costs)
        violations = self.budget.violations(costs)
        facts: dict[str, Any] = {"widths": dict(self.task.space.named(widths)), "costs": costs}
        if not self.budget.fits(costs):
            return Result(UNFIT, worst, violations, facts)
        if not self.purse.affords(costs["macs"], [trial.user_attrs["costs"]["macs"] for trial in before]):
            return Result(UNAFFORDABLE, None, violations, facts)
        try:
            done = self.train(proposal.number, widths, self.meter).fit
        except Diverged as error:
            return Result(DIVERGED, worst, violations, {**facts, "reason": str(error)})
        facts["rows"] = done.rows
        if not math.isfinite(done.best_score):
            return Result(DIVERGED, worst, violations, {**facts, "reason": f"validation score is {done.best_score}"})
        return Result(TRAINED, self._values(done.best_score, costs), violations, facts)

    def _values(self, score: float, costs: Mapping[str, float]) -> list[float]:
        """The objectives: score, and cost over the seed's of each limited metric."""
        return [score, *(costs[metric] / self.task.space.seed_costs[metric] for metric in self.budget.targets)]

    def train(self, number: int, widths: Widths, meter: Meter) -> Trained:
        """A trial's training; where it is done already, its checkpoint answers."""
        label, recipe = f"trial-{number}", self.task.recipe
        settings = recipe.warmup if self._warm is None else recipe.finetune
        network = self._untrained(label, widths)
        phase = Phase("search", settings, self.purse.trial_epochs, label)
        return Trained(network, fit(self.task, network, meter, phase, macs=self._macs(widths)))

    def _untrained(self, label: str, widths: Widths) -> nn.Module:
        """A network to start from: the warm-up's most important channels with their weights, or fresh ones."""
        space = self.task.space
        if self._warm is None:
            return space.thin(self.task.new_network(label), widths)
        kept = [torch.zeros(size, dtype=torch.bool) for size in space.groups.sizes]
        for mask, order, width in zip(kept, self._order, widths, strict=True):
            mask[order[:width]] = True
        return slice_channels(self._warm, space.network, space.groups, kept)

    def finetune(self, trial: FrozenTrial) -> Trained:
        """A trial's network, fine-tuned; as the trial left it where fine-tuning diverges."""
        widths = self.levels.widths(trial.params)
        found = self.train(trial.number, widths, self._uncharged())
        try:
            return self._finetune(found.network, f"finetune-{trial.number}", widths)
        except Diverged:
            return Trained(self.train(trial.number, widths, self._uncharged()).network, Fit())

    def finetune_smallest(self) -> Trained:
        """The space's smallest network, which fits every budget that is accepted, trained as in fine-tuning."""
        smallest = self.task.space.smallest
        return self._finetune(self._untrained("smallest", smallest), "finetune-smallest", smallest)

    def _finetune(self, network: nn.Module, label: str, widths: Widths) -> Trained:
        recipe, epochs, limit = self.task.recipe, self.purse.finetune_epochs, self.purse.limit
        if limit is not None:  # less only for the smallest network, for which nothing was kept back
            epochs = epochs_within(self.task, self.meter, self._macs(widths), limit, epochs)
        phase = Phase("finetune", recipe.finetune, epochs, label, recipe.patience)
        return Trained(network, fit(self.task, network, self.meter, phase, macs=self._macs(widths)))

    def _uncharged(self) -> Meter:
        """For a training that was charged in its trial, and is read from there."""
        return Meter(self.task.standard_macs, self.task.compute)

    def _macs(self, widths: Widths) -> float:
        return self.task.space.exact(widths)["macs"]


def trained(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those whose network fits and was trained."""
    return [trial for trial in trials if trial.user_attrs["outcome"] == TRAINED]


def history(trial: FrozenTrial) -> list[dict[str, Any]]:
    """A row for each epoch of a trial, one with epoch -1 where none was trained; with its outcome and costs.

    Milliseconds stay in the study, as the same run must give the same history.
    """
    facts = trial.user_attrs
    empty = {"phase": "search", "label": f"trial-{trial.number}", "epoch": -1, "loss": math.nan, "score": math.nan}
    costs = {f"cost/{metric}": cost for metric, cost in facts.get("costs", {}).items()}
    return [empty | row | {"outcome": facts["outcome"]} | costs for row in facts.get("rows") or [{}]]
