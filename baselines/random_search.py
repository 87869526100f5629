"""Random search, the worked example of a method: draw networks that fit, train each, return them all."""

from dataclasses import dataclass
from typing import ClassVar

from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


@dataclass(frozen=True)
class RandomSearch:
    """Train `trials` random networks that fit; the harness keeps the best by validation score."""

    version: ClassVar[int] = 1
    name: str = "random_search"
    trials: int = 3

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """One candidate a trial, each trained for a standard training's epochs."""
        rng, candidates, history = task.rng(self.name), [], []
        for trial in range(self.trials):
            label = f"trial-{trial}"
            network = task.space.thin(task.new_network(trial), task.space.sample(rng, budget))
            trained = fit(task, network, meter, Phase("search", task.recipe.warmup, label=label))
            candidates.append(Candidate(network, label))
            history.extend(trained.rows)
        return SearchResult(candidates, history)
