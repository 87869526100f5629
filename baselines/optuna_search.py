"""Black-box search with Optuna's samplers: evolution (NSGA-II, NSGA-III), TPE or random draws over layer widths.

What a practitioner would take off the shelf. Objectives are the validation score and cost/seed of each limited metric.
Exact costs are known before anything is trained: the relative violations are the trial's constraints (Deb's constrained
domination in NSGA-II), and a network that does not fit is never trained. One that fits is trained for a few epochs, its
proxy score; the best of them are fine-tuned with the recipe in the end. Trials that do not depend on each other, those
of a generation, may be trained by several processes, with the same results.

The study is `study.db` in the run's folder: `optuna-dashboard sqlite:///results/<experiment>/runs/<id>/study.db`.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.trial import FrozenTrial

from baselines.optuna_domain import domain_of
from baselines.optuna_file import StudyFile
from baselines.optuna_samplers import SAMPLERS, make_sampler
from baselines.optuna_study import StudyLoop
from baselines.optuna_trials import UNAFFORDABLE, Purse, Workshop, history, trained
from baselines.optuna_workers import trainer_of
from suite.space.budget import Budget
from suite.task.cost_limit import Lengths, check_cost_limit, lengths_within
from suite.task.meter import Meter, Usage
from suite.task.recipe import Recipe
from suite.task.reference_training import TrainedReference, train_reference
from suite.task.task import Candidate, SearchResult, Task, stream_seed

WEIGHTS = ("inherited", "scratch")
IDLE = 1000
"""So many trials in a row without a trained network end a search that only its cost limits: nothing would be spent."""


@dataclass(frozen=True)
class OptunaSearch:
    """Search widths with an Optuna sampler, fine-tune the best.

    sampler: nsga2, nsga3, tpe or random. Generations and start-up follow the number of trials that can be paid for (see
        `population_size`), counted at the largest evenly thinned network that fits, that is cautiously.
    trials, cost_limit: where the search ends, whichever comes first. Every proposal is a trial, trained or not. The
        limit is in standard trainings of the seed and holds for all that the method costs, warm-up and fine-tuning
        included; the first network that it cannot pay for ends the search (the sampler is asked again while none was
        trained).
    proxy_epochs: epochs of a trial; a quarter of the recipe's where null.
    weights: inherited (the most important channels of the shared warm-up) or scratch (no warm-up).
    finetune_best: so many of the networks are fine-tuned and returned, best proxy score first.
    levels: widths to choose from in each channel group, evenly spaced from 1 to full; a layer choice has its branches.
    parallel_trials: processes that train trials, each with the run's number of threads; not for tpe, whose every
        proposal depends on all results before it. It changes seconds only, and no run's id.

    Where no network that fits was trained with success, the space's smallest, which is known to fit, is trained instead
    with the recipe's fine-tuning.
    """

    version: ClassVar[int] = 1
    spaces: ClassVar[tuple[str, ...]] = ("masks", "choices", "both")
    ignored_in_id: ClassVar[tuple[str, ...]] = ("parallel_trials",)

    name: str = "nsga2"
    sampler: str = "nsga2"
    trials: int | None = None
    cost_limit: float | None = 3.0
    proxy_epochs: int | None = None
    weights: str = "inherited"
    finetune_best: int = 1
    levels: int = 8
    parallel_trials: int = 1

    def __post_init__(self) -> None:
        for key, choices in (("sampler", tuple(SAMPLERS)), ("weights", WEIGHTS)):
            if getattr(self, key) not in choices:
                raise ValueError(f"method.{key}={getattr(self, key)}: choices are {', '.join(choices)}")
        for key in ("trials", "proxy_epochs", "finetune_best", "levels", "parallel_trials"):
            value, least = getattr(self, key), 2 if key == "levels" else 1
            if value is not None and value < least:
                raise ValueError(f"method.{key}={value}: must be at least {least}")
        check_cost_limit(self.cost_limit)
        if self.trials is None and self.cost_limit is None:
            raise ValueError("method.trials=null, method.cost_limit=null: one of them must end the search")
        if self.sampler == "tpe" and self.parallel_trials > 1:
            raise ValueError(
                f"method.parallel_trials={self.parallel_trials}: tpe proposes a trial from the results of all before "
                "it, so that it takes 1; nsga2, nsga3 and random may have more"
            )

    @property
    def label(self) -> str:
        """Name in tables, with what matters."""
        return self.name if self.weights == "inherited" else f"{self.name} (from scratch)"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Warm up, search, fine-tune the best; `finetune_best` candidates that fit, fewer where fewer were trained."""
        lengths = lengths_within(task, self.cost_limit, self._designed(task.recipe), one_shot=False)
        warm = train_reference(task, meter, lengths.warmup) if self.weights == "inherited" else None
        domain = domain_of(task, self.levels)
        epochs = min(self.proxy_epochs or max(1, round(task.recipe.epochs / 4)), lengths.search)
        purse = Purse(task, meter, self.cost_limit, epochs, lengths.finetune, self.finetune_best)
        with trainer_of(task, meter, self.parallel_trials) as trainer:
            workshop = Workshop(task, budget, meter, domain, purse, warm.network if warm else None, trainer)
            trials = self._trials(task, budget, meter, workshop)
        return self._conclude(workshop, warm, trials)

    def _designed(self, recipe: Recipe) -> Lengths:
        of = Lengths.of(recipe)
        return of if self.weights == "inherited" else Lengths(0, of.search, of.finetune)

    def _trials(self, task: Task, budget: Budget, meter: Meter, workshop: Workshop) -> list[FrozenTrial]:
        """Search, or continue a search; the trials in their order."""
        expected = self._expected(workshop.purse, workshop.domain.exact(workshop.domain.roomiest(budget))["macs"])
        objectives = ["score", *(f"{metric} over seed" for metric in budget.targets)]
        with closing(StudyFile(task.workspace.folder / "study.db", objectives)) as file:
            loop = StudyLoop(
                workshop.domain.counts,
                objectives,
                lambda seed: make_sampler(self.sampler, expected, seed),
                stream_seed(task.seed, self.sampler),
                file=file,
                snapshot=lambda: {"meter": meter.state(), "lost": dict(vars(meter.lost))},
            )
            _restore(meter, loop.trials)
            while not self._over(loop.trials):
                with meter.phase("search"):
                    while not loop.ahead or self._goes_ahead(loop, workshop):
                        loop.propose(workshop.begin)
                    loop.conclude()
            return loop.trials

    def _goes_ahead(self, loop: StudyLoop, workshop: Workshop) -> bool:
        """Whether the next trial is sure to be what it will be once those before it have ended."""
        worth_it = self.parallel_trials > 1 and workshop.room
        return worth_it and loop.certain and not self._over(loop.trials, loop.ahead)

    def _expected(self, purse: Purse, macs: float) -> int:
        """How many trials a search will have, if they all have networks of `macs`."""
        return int(min(purse.affordable(macs), math.inf if self.trials is None else self.trials))

    def _over(self, trials: Sequence[FrozenTrial], ahead: int = 0) -> bool:
        """Whether the search is at its end after these trials and `ahead` more, supposing that none of those trains."""
        number = len(trials) + ahead
        if self.trials is not None and number >= self.trials:
            return True
        if trials and trials[-1].user_attrs["outcome"] == UNAFFORDABLE and trained(trials):
            return True
        return self.trials is None and number >= IDLE and not trained(trials[number - IDLE :])

    def _conclude(
        self, workshop: Workshop, warm: TrainedReference | None, trials: Sequence[FrozenTrial]
    ) -> SearchResult:
        """Fine-tune the best proxy scores; of equal ones those of the least cost."""
        rows: list[Mapping[str, Any]] = [*warm.history] if warm else []
        rows.extend(row for trial in trials for row in history(trial))
        ranked = sorted(trained(trials), key=lambda t: (-t.values[0], sum(t.values[1:]), t.number))
        results = {f"trial-{t.number}": workshop.finetune(t) for t in ranked[: self.finetune_best]}
        if not results:
            results = {"smallest": workshop.finetune_smallest()}
        rows.extend(row for result in results.values() for row in result.fit.rows)
        candidates = [Candidate(result.network, name, result.branches) for name, result in results.items()]
        return SearchResult(candidates, rows, artefacts=[warm.artefact] if warm else [])


def _restore(meter: Meter, trials: Sequence[FrozenTrial]) -> None:
    """What had been spent when the last of the trials ended, warm-up included."""
    if trials:
        meter.restore(trials[-1].user_attrs["meter"])
        meter.lost = Usage(**trials[-1].user_attrs["lost"])
