"""What comes of a proposed network: exact costs first, a training only where it fits and the limit can pay for it."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from optuna.trial import FrozenTrial
from torch import nn

from baselines.optuna_domain import Domain, Point
from baselines.optuna_study import Ending, Proposal, Result, failed
from baselines.optuna_workers import Inline, Job, Report, Trainer
from suite.space.budget import Budget
from suite.task.cost_limit import epoch_macs, epochs_within, macs_left, validation_macs
from suite.task.evaluation import evaluate, to_device
from suite.task.meter import Meter
from suite.task.task import Task
from suite.task.training import Diverged, Fit, Phase, fit

TRAINED, UNFIT, UNAFFORDABLE, DIVERGED = "trained", "unfit", "unaffordable", "diverged"


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

    def affords(self, macs: float, trained: Sequence[float], running: Sequence[float] = ()) -> bool:
        """Whether a network of `macs` may be trained after those of the `trained` and the `running` MACs.

        Fine-tuning is kept back for the costliest of them all, so that whatever is chosen in the end is paid for. What
        is running is not charged yet and taken to cost all that it can, so that a yes holds however it ends.
        """
        if self.limit is None:
            return True
        costliest = sorted([*trained, *running, macs], reverse=True)[: self.keep]
        kept_back = sum(self._finetuning(m) for m in costliest)
        trials = sum(self._trial(m) for m in (*running, macs))
        return trials + kept_back <= macs_left(self.task, self.meter, self.limit)

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
    """A network, its branches where it has any, and how its training went."""

    network: nn.Module
    fit: Fit
    branches: Mapping[str, str]


@dataclass(frozen=True)
class _Judged:
    """A proposed network that fits, before it is trained; `facts` are those of its trial."""

    number: int
    point: Point
    costs: Mapping[str, float]
    violations: Mapping[str, float]
    facts: Mapping[str, Any]


class Workshop:
    """Judges proposals, has their networks trained and fine-tunes the best, for one run.

    Args:
        task: what is searched for.
        budget: what must fit.
        meter: charged for every training.
        domain: what a proposal's levels mean.
        purse: what may be spent.
        warm: the trained seed that weights are inherited from; fresh ones where None.
        trainer: who trains the networks of trials; this process where None.
    """

    def __init__(
        self,
        task: Task,
        budget: Budget,
        meter: Meter,
        domain: Domain,
        purse: Purse,
        warm: nn.Module | None,
        trainer: Trainer | None = None,
    ) -> None:
        self.task, self.budget, self.meter = task, budget, meter
        self.domain, self.purse = domain, purse
        self.trainer: Trainer = trainer or Inline(task, meter)
        self._running: deque[float] = deque()
        self._undecided = False
        self._warm = None if warm is None else warm.cpu()
        self._guessing = self._score_of_guessing()

    def _score_of_guessing(self) -> float:
        """Validation score of the smallest network, untrained: about what guessing gets, whatever the score's scale."""
        smallest = self.domain.smallest(self.budget)
        network = to_device(self.domain.build(smallest, "guessing", None), self.task.compute)
        return evaluate(self.task, network, self.task.validation, self.meter, self._macs(smallest))

    @property
    def room(self) -> bool:
        """Whether another proposal may be begun before the last one is concluded: its outcome would be the same."""
        return not self._undecided and len(self._running) < self.trainer.capacity

    def evaluate(self, proposal: Proposal) -> Result:
        """`begin`, where all earlier trials have finished, and its end."""
        return self.begin(proposal)(proposal.past)

    def begin(self, proposal: Proposal) -> Ending:
        """Costs, and a training of a network that fits; what comes of it is told in the end.

        One that does not fit is not trained and gets the worst score, that of guessing or the lowest so far; so does
        one whose training diverges. One that the limit cannot pay for is no result, and samplers do not learn from it.
        Where that hangs on what is still running, it is decided in the end.
        """
        point = self.domain.point(proposal.levels)
        costs = self.domain.exact(point)
        violations = self.budget.violations(costs)
        facts: dict[str, Any] = {**self.domain.named(point), "costs": costs}
        if not self.budget.fits(costs):
            return lambda past: Result(UNFIT, self._worst(costs, past), violations, facts)
        judged = _Judged(proposal.number, point, costs, violations, facts)
        if self._affords(judged, proposal.past):
            return self._start(judged)
        self._undecided = True
        return partial(self._decide, judged)

    def _decide(self, judged: _Judged, past: Sequence[FrozenTrial]) -> Result:
        self._undecided = False
        if self._affords(judged, past):
            return self._start(judged)(past)
        return Result(UNAFFORDABLE, None, judged.violations, judged.facts)

    def _affords(self, judged: _Judged, past: Sequence[FrozenTrial]) -> bool:
        before = [trial.user_attrs["costs"]["macs"] for trial in trained(past)]
        return self.purse.affords(judged.costs["macs"], before, self._running)

    def _start(self, judged: _Judged) -> Ending:
        label, macs = f"trial-{judged.number}", judged.costs["macs"]
        report = self.trainer.start(Job(self._untrained(label, judged.point), self._trial_phase(label), macs))
        self._running.append(macs)
        return partial(self._result, judged, report)

    def _result(self, judged: _Judged, report: Callable[[], Report], past: Sequence[FrozenTrial]) -> Result:
        """The end of a trial that was trained."""
        done = report()
        self._running.popleft()
        self.meter.add(done.usages)
        self.meter.lost.add(done.lost)
        if done.failed:
            return failed(judged.number, done.failed)
        facts, reason = dict(judged.facts), done.diverged
        if done.fit:
            facts["rows"], score = done.fit.rows, done.fit.best_score
            if math.isfinite(score):
                return Result(TRAINED, self._values(score, judged.costs), judged.violations, facts)
            reason = f"validation score is {score}"
        facts["reason"] = reason
        return Result(DIVERGED, self._worst(judged.costs, past), judged.violations, facts)

    def _worst(self, costs: Mapping[str, float], past: Sequence[FrozenTrial]) -> list[float]:
        """The objectives of a network without a score, after these trials."""
        return self._values(min([self._guessing, *(trial.values[0] for trial in trained(past))]), costs)

    def _values(self, score: float, costs: Mapping[str, float]) -> list[float]:
        """The objectives: score, and cost over the seed's of each limited metric."""
        return [score, *(costs[metric] / self.task.space.reference_costs[metric] for metric in self.budget.targets)]

    def _trial_phase(self, label: str) -> Phase:
        recipe = self.task.recipe
        return Phase("search", recipe.warmup if self._warm is None else recipe.finetune, self.purse.trial_epochs, label)

    def _as_trained(self, trial: FrozenTrial, point: Point) -> nn.Module:
        """A trial's network as its training left it; the checkpoint answers, and it was charged then."""
        label, uncharged = f"trial-{trial.number}", Meter(self.task.standard_macs, self.task.compute)
        network = self._untrained(label, point)
        fit(self.task, network, uncharged, self._trial_phase(label), macs=self._macs(point))
        return network

    def _untrained(self, label: str, point: Point) -> nn.Module:
        """A network to start from."""
        return self.domain.build(point, label, self._warm)

    def finetune(self, trial: FrozenTrial) -> Trained:
        """A trial's network, fine-tuned; as the trial left it where fine-tuning diverges."""
        point = self.domain.point(trial.params)
        try:
            return self._finetune(self._as_trained(trial, point), f"finetune-{trial.number}", point)
        except Diverged:
            return Trained(self._as_trained(trial, point), Fit(), self.domain.branches(point))

    def finetune_smallest(self) -> Trained:
        """The space's smallest network, which fits every budget that is accepted, trained as in fine-tuning."""
        smallest = self.domain.smallest(self.budget)
        return self._finetune(self._untrained("smallest", smallest), "finetune-smallest", smallest)

    def _finetune(self, network: nn.Module, label: str, point: Point) -> Trained:
        recipe, epochs, limit = self.task.recipe, self.purse.finetune_epochs, self.purse.limit
        if limit is not None:  # less only for the smallest network, for which nothing was kept back
            epochs = epochs_within(self.task, self.meter, self._macs(point), limit, epochs)
        phase = Phase("finetune", recipe.finetune, epochs, label, recipe.patience)
        done = fit(self.task, network, self.meter, phase, macs=self._macs(point))
        return Trained(network, done, self.domain.branches(point))

    def _macs(self, point: Point) -> float:
        return self.domain.exact(point)["macs"]


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
