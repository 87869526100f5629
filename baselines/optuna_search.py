"""Black-box search with Optuna's samplers: evolution, TPE, Gaussian processes or random draws over layer widths.

What a practitioner would take off the shelf. The objective is the validation score alone, or that and, for each limited
metric, the cost over the reference network's. Exact costs are known before anything is trained: cost/target - 1 of each
is a constraint of the trial (at most 0 where it holds; Deb's constrained domination in NSGA-II), and a network that
exceeds the budget is never trained.
One that meets it is trained for a few epochs, which gives its proxy score; the best of them are fine-tuned with the
recipe in the end.

The study is `study.db` in the run's folder: `optuna-dashboard sqlite:///results/<experiment>/runs/<id>/study.db`.
"""

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from optuna.trial import FrozenTrial

from baselines.optuna_budget import TrialBudget
from baselines.optuna_domain import domain_of
from baselines.optuna_file import STATE, StudyFile
from baselines.optuna_finetuning import finetune_best
from baselines.optuna_samplers import SAMPLERS, make_sampler
from baselines.optuna_study import UNAFFORDABLE, StudyLoop
from baselines.optuna_trials import TrialEvaluator, history_rows, trained_trials
from suite.space.budget import Budget
from suite.space.projection import check_projection
from suite.task.checks import check_choice
from suite.task.cost_limit import Lengths, check_cost_limit, lengths_within
from suite.task.meter import Meter
from suite.task.reference_training import TrainedReference, train_reference
from suite.task.task import SearchResult, Task, stream_seed

OBJECTIVES = ("score", "score_and_costs")
WEIGHTS = ("inherited", "scratch")
MAX_IDLE_TRIALS = 200
"""So many trials in a row that trained nothing end a search that only its cost limits: it would never be spent."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OptunaSearch:
    """Search widths and layer choices with an Optuna sampler, fine-tune the best networks.

    sampler: nsga2, nsga3, tpe, gp or random. Population size and start-up follow the number of trials
        that can be paid for (see `population_size`), if all were as costly as the largest evenly thinned network that
        meets the budget.
    objectives: score, what networks are judged by; or score_and_costs, a front over all limited costs.
    trials, cost_limit: where the search ends, whichever comes first. Every proposal is a trial, trained or not. The
        limit is in standard trainings of the reference network and holds for all that the method costs, warm-up and
        fine-tuning included; the first network that it cannot pay for ends the search (but while none was trained, the
        sampler is asked again).
    proxy_epochs: epochs of a trial; a quarter of the recipe's where null.
    weights: inherited (the most important channels of the shared warm-up) or scratch (no warm-up).
    projection: of the best networks, before their fine-tuning; refill gives back channels of the warmed-up network.
    finetune_best: so many of the networks are fine-tuned and returned, best proxy score first.
    levels: widths to choose from in each channel group, evenly spaced from 1 to full; a layer choice has its branches.

    Where no network was trained with success, the space's smallest, which meets every accepted budget, is trained
    instead with the recipe's fine-tuning.
    """

    version: ClassVar[int] = 2
    spaces: ClassVar[tuple[str, ...]] = ("masks", "choices", "both")

    name: str = "nsga2"
    sampler: str = "nsga2"
    objectives: str = "score_and_costs"
    trials: int | None = None
    cost_limit: float | None = 3.0
    proxy_epochs: int | None = None
    weights: str = "inherited"
    finetune_best: int = 1
    projection: str = "none"
    levels: int = 8

    def __post_init__(self) -> None:
        for key, choices in (("sampler", tuple(SAMPLERS)), ("objectives", OBJECTIVES), ("weights", WEIGHTS)):
            check_choice(f"method.{key}", getattr(self, key), choices)
        for key in ("trials", "proxy_epochs", "finetune_best", "levels"):
            value, least = getattr(self, key), 2 if key == "levels" else 1
            if value is not None and value < least:
                raise ValueError(f"method.{key}={value}: must be at least {least}")
        check_cost_limit(self.cost_limit)
        check_projection(self.projection)
        if self.trials is None and self.cost_limit is None:
            raise ValueError("method.trials=null, method.cost_limit=null: one of them must end the search")

    def check(self, task: Task, budget: Budget) -> None:
        """Refuse a cost limit that does not pay for one epoch of each phase."""
        self._lengths(task)

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search, fine-tune the best; up to `finetune_best` candidates, all of which meet the budget."""
        lengths = self._lengths(task)
        warmup = train_reference(task, meter, lengths.warmup) if self.weights == "inherited" else None
        proxy_epochs = min(self.proxy_epochs or max(1, round(task.recipe.epochs / 4)), lengths.search)
        evaluator = TrialEvaluator(
            task,
            budget,
            meter,
            domain_of(task, self.levels),
            TrialBudget(task, meter, self.cost_limit, proxy_epochs, lengths.finetune, self.finetune_best),
            warmup.network.cpu() if warmup else None,
            by_cost=self.objectives == "score_and_costs",
            projection=self.projection,
        )
        return self._finetune_best(evaluator, warmup, self._run_trials(evaluator))

    def _lengths(self, task: Task) -> Lengths:
        """The recipe's lengths, without a warm-up where weights are not inherited, within the cost limit."""
        lengths = Lengths.of(task.recipe)
        designed = lengths if self.weights == "inherited" else replace(lengths, warmup=0)
        return lengths_within(task, self.cost_limit, designed, one_shot=False)

    def _run_trials(self, evaluator: TrialEvaluator) -> list[FrozenTrial]:
        """Search, or continue a search that was killed; the trials in the order of their numbers."""
        task, meter, domain = evaluator.task, evaluator.meter, evaluator.domain
        expected_trials = self._expected_trials(evaluator)
        objectives = ["score"]
        if evaluator.by_cost:
            objectives += [f"{metric} over reference" for metric in evaluator.budget.targets]
        with closing(StudyFile.open(task.workspace.folder / "study.db", objectives)) as file:
            loop = StudyLoop(
                domain.level_counts,
                objectives,
                lambda seed: make_sampler(self.sampler, expected_trials, seed),
                stream_seed(task.seed, self.sampler),
                file=file,
                snapshot=lambda: {"meter": meter.state(), "lost": dict(vars(meter.lost))},
            )
            if loop.trials:  # what had been spent when the last of them ended, warm-up included
                meter.restore(loop.trials[-1].user_attrs["meter"], loop.trials[-1].user_attrs["lost"])
            while not self._is_over(loop.trials):
                with meter.phase("search"):
                    loop.run_trial(evaluator.evaluate)
            return loop.trials

    def _expected_trials(self, evaluator: TrialEvaluator) -> int:
        """How many trials the search will have, if all have networks as large as the budget allows."""
        largest = evaluator.domain.largest_fitting(evaluator.budget)
        affordable = evaluator.trial_budget.affordable_trials(evaluator.domain.exact_costs(largest)["macs"])
        return int(min(affordable, math.inf if self.trials is None else self.trials))

    def _is_over(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether the search ends after these trials."""
        if self.trials is not None and len(trials) >= self.trials:
            return True
        if trials and trials[-1].user_attrs[STATE] == UNAFFORDABLE and trained_trials(trials):
            return True
        if self.trials is not None or len(trials) < MAX_IDLE_TRIALS or trained_trials(trials[-MAX_IDLE_TRIALS:]):
            return False
        log.warning("%s: ended early, since %s", self.name, _idle_reason(trials[-MAX_IDLE_TRIALS:]))
        return True

    def _finetune_best(
        self, evaluator: TrialEvaluator, warmup: TrainedReference | None, trials: Sequence[FrozenTrial]
    ) -> SearchResult:
        """Fine-tune the networks with the best proxy scores; of equal scores those that cost least of their limits."""
        rows: list[Mapping[str, Any]] = [*warmup.history] if warmup else []
        rows.extend(row for trial in trials for row in history_rows(trial))
        ranked = sorted(trained_trials(trials), key=lambda t: (-t.values[0], sum(t.constraints.values()), t.number))
        finetuned = finetune_best(evaluator, ranked[: self.finetune_best])
        rows.extend(row for _, finetuning in finetuned for row in finetuning)
        return SearchResult(
            [candidate for candidate, _ in finetuned], rows, artefacts=[warmup.artefact] if warmup else []
        )


def _idle_reason(trials: Sequence[FrozenTrial]) -> str:
    """Why none of the trials trained a network: their states, and the limits that they exceeded, most often first."""
    states = Counter(trial.user_attrs[STATE] for trial in trials)
    exceeded = Counter(metric for trial in trials for metric, over in trial.constraints.items() if over > 0)
    limits = ", ".join(f"{metric} in {count}" for metric, count in exceeded.most_common())
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return f"none of the last {len(trials)} networks was trained ({counts})" + (
        f"; over its limit: {limits}" if limits else ""
    )
