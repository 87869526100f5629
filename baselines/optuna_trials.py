"""Evaluates a proposed network: exact costs first, a training only where it meets the budget and can be paid for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial
from torch import nn

from baselines.optuna_budget import TrialBudget
from baselines.optuna_domain import Architecture, Domain, Subnetwork
from baselines.optuna_file import STATE
from baselines.optuna_study import DIVERGED, INFEASIBLE, TRAINED, UNAFFORDABLE, Proposal, TrialResult
from suite.space.budget import Budget
from suite.task.evaluation import evaluate, to_device
from suite.task.meter import Meter
from suite.task.task import Task
from suite.task.training import Diverged, Fit, Phase, fit

FINAL_MACS = "final_macs"
"""The user attribute with about the forward MACs of a trial's network in its fine-tuning."""


@dataclass(eq=False)
class TrialEvaluator:
    """Evaluates the proposals of one search and fine-tunes the best of their networks.

    task: data, loss, score and recipe.
    budget: what a network must meet to be trained.
    meter: charged for every training.
    domain: what a proposal's levels mean.
    trial_budget: what may be spent.
    warmed_up: the trained reference network, on the CPU, that weights are inherited from; None: newly initialised ones.
    by_cost: whether each limited cost is an objective, too, and not only a constraint.
    projection: of the best networks, before their fine-tuning.
    """

    task: Task
    budget: Budget
    meter: Meter
    domain: Domain
    trial_budget: TrialBudget
    warmed_up: nn.Module | None
    by_cost: bool = True
    projection: str = "none"

    def __post_init__(self) -> None:
        # Of the smallest network, untrained: about the score of guessing, whatever the score's scale.
        smallest = self.domain.smallest(self.budget)
        network = to_device(self.domain.subnetwork(smallest, "guessing", None).build(), self.task.compute)
        self._chance_score = evaluate(self.task, network, self.task.validation, self.meter, self._macs(smallest))

    def evaluate(self, proposal: Proposal) -> TrialResult:
        """Compute exact costs, and train the network if it meets the budget and the limit can pay for it.

        An infeasible network is not trained and gets the worst score: the lowest so far, at most that of guessing. So
        does one whose training diverges. One that cannot be paid for gets no values, so that samplers ignore it.
        """
        architecture = self.domain.decode(proposal.levels)
        costs = self.domain.exact_costs(architecture)
        constraints = {c.metric: costs[c.metric] / c.target - 1 for c in self.budget.constraints}
        attributes: dict[str, Any] = {**self.domain.describe(architecture), "costs": costs}
        trained = trained_trials(proposal.finished_trials)
        worst = self._objectives(min([self._chance_score, *(t.values[0] for t in trained)]), costs)
        if not self.budget.fits(costs):
            return TrialResult(INFEASIBLE, worst, constraints, attributes)
        label = f"trial-{proposal.number}"
        part = self.subnetwork(label, architecture)
        attributes[FINAL_MACS] = part.estimate_final_macs(self.budget, self.projection)
        earlier = [t.user_attrs[FINAL_MACS] for t in trained]
        if not self.trial_budget.can_afford(costs["macs"], attributes[FINAL_MACS], earlier):
            return TrialResult(UNAFFORDABLE, None, constraints, attributes)
        try:
            _, training = self.train(label, architecture, self.meter)
        except Diverged as error:
            return TrialResult(DIVERGED, worst, constraints, {**attributes, "reason": str(error)})
        attributes["rows"], score = training.rows, training.best_score
        if not math.isfinite(score):
            return TrialResult(DIVERGED, worst, constraints, {**attributes, "reason": f"validation score is {score}"})
        return TrialResult(TRAINED, self._objectives(score, costs), constraints, attributes)

    def _objectives(self, score: float, costs: Mapping[str, float]) -> list[float]:
        """The score, and where costs are objectives that of each limited metric over the reference network's."""
        if not self.by_cost:
            return [score]
        return [score, *(costs[metric] / self.task.space.reference_costs[metric] for metric in self.budget.targets)]

    def train(self, label: str, architecture: Architecture, meter: Meter) -> tuple[nn.Module, Fit]:
        """Train a trial's network, or load it from its checkpoint where that is done already."""
        recipe = self.task.recipe
        settings = recipe.warmup if self.warmed_up is None else recipe.finetune
        network = self.subnetwork(label, architecture).build()
        phase = Phase("search", settings, self.trial_budget.trial_epochs, label)
        return network, fit(self.task, network, meter, phase, macs=self._macs(architecture))

    def subnetwork(self, label: str, architecture: Architecture) -> Subnetwork:
        """The network that a training starts from, with inherited weights where there are any."""
        return self.domain.subnetwork(architecture, label, self.warmed_up)

    def _macs(self, architecture: Architecture) -> float:
        return self.domain.exact_costs(architecture)["macs"]


def trained_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those of the trials whose network met the budget and was trained."""
    return [trial for trial in trials if trial.user_attrs[STATE] == TRAINED]


def history_rows(trial: FrozenTrial) -> list[dict[str, Any]]:
    """A row for each epoch of a trial, one row with epoch -1 where nothing was trained; with its state and costs.

    Milliseconds stay in the study: two runs of one configuration must have the same history.
    """
    attributes = trial.user_attrs
    empty = {"phase": "search", "label": f"trial-{trial.number}", "epoch": -1, "loss": math.nan, "score": math.nan}
    costs = {f"cost/{metric}": cost for metric, cost in attributes.get("costs", {}).items()}
    return [empty | row | {STATE: attributes[STATE]} | costs for row in attributes.get("rows") or [{}]]
