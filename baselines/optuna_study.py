"""Optuna's ask and tell as a serial loop that survives any kill, with the same trials as an uninterrupted one.

The study that samplers read lives in memory. A trial is written to an SQLite file, which optuna-dashboard opens, once
it has ended and in one transaction, so that a kill leaves neither a RUNNING trial nor half of one. A loop that
continues loads the file into memory, and asks for the same trials as an uninterrupted loop:

- The sampler is made anew before every trial, seeded by (seed, number of finished trials). Optuna's own would restart
  its random numbers from the beginning.
- The parents of a generation are selected by a sampler of their own, seeded by (seed, generation). NSGA-III draws
  random numbers there; Optuna caches the parents with the study, so that a loop that selects them and one that finds
  them cached must not differ in the numbers that they draw next.
- Parameters that are proposed again get the result of their first trial, and cost nothing.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from baselines.optuna_file import STATE, StudyFile, directions
from baselines.optuna_samplers import quiet
from suite.data.files import StorageError
from suite.task.task import stream_seed

log = logging.getLogger(__name__)

TRAINED = "trained"
"""The network meets the budget and was trained."""
INFEASIBLE = "infeasible"
"""The network exceeds the budget: not trained."""
UNAFFORDABLE = "unaffordable"
"""The cost limit cannot pay for the training: not trained."""
DIVERGED = "diverged"
"""Training loss or validation score is not finite."""
FAILED = "failed"
"""The evaluation raised an exception."""
REPEATED = "repeated"
"""The same parameters as in an earlier trial, whose result it has."""


@dataclass(frozen=True)
class Proposal:
    """A trial to evaluate: its number, a level for each parameter, and the finished trials before it."""

    number: int
    levels: Mapping[str, int]
    finished_trials: Sequence[FrozenTrial]


@dataclass(frozen=True)
class TrialResult:
    """The result of evaluating a proposal.

    state: one of the states above, stored as the user attribute `trial_state`.
    values: one for each objective; None for a trial that FAILs, which samplers ignore.
    constraints: of each limit cost/target - 1, at most 0 where it holds.
    attributes: further user attributes of the trial, as JSON can hold them.
    """

    state: str
    values: Sequence[float] | None
    constraints: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


class StudyLoop:
    """Asks a sampler for a trial, has it evaluated, tells the sampler the result and stores the trial.

    Args:
        level_counts: name of each parameter and its number of levels, counted from 0.
        objectives: names; the first is maximised, the others are minimised.
        make_sampler: makes a sampler from a random seed.
        seed: random seed of the whole search.
        file: where finished trials are stored and loaded from; None: only in memory.
        snapshot: returns user attributes that every trial gets when it has ended, such as the state of a meter.
    """

    def __init__(
        self,
        level_counts: Mapping[str, int],
        objectives: Sequence[str],
        make_sampler: Callable[[int], BaseSampler],
        seed: int,
        *,
        file: StudyFile | None = None,
        snapshot: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._level_counts, self._make_sampler, self._seed = dict(level_counts), make_sampler, seed
        self._file, self._snapshot = file, snapshot
        with quiet():
            self._study = optuna.create_study(directions=directions(objectives), sampler=RandomSampler())
        self._study.add_trials(file.finished_trials() if file else [])
        self._generation = 0
        self._first_trials: dict[tuple[int, ...], FrozenTrial] = {}
        for trial in self.trials:
            self._first_trials.setdefault(self._key(trial.params), trial)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials so far; not to be changed."""
        return self._study.get_trials(deepcopy=False)

    def run_trial(self, evaluate: Callable[[Proposal], TrialResult]) -> FrozenTrial:
        """Run one trial and return it.

        An Exception in `evaluate` makes a failed trial. What is no Exception, such as Ctrl-C, leaves no trial behind.
        """
        start = time.perf_counter()
        earlier = self.trials
        trial = self._ask(len(earlier))
        first = self._first_trials.get(self._key(trial.params))
        if first is None:
            result = _evaluate_safely(evaluate, Proposal(len(earlier), trial.params, earlier))
        else:
            result = _repeat_result(first)
        for name, value in result.constraints.items():
            trial.set_constraint(name, value)
        milliseconds = 1e3 * (time.perf_counter() - start)
        attributes = {STATE: result.state, **result.attributes, **self._snapshot(), "milliseconds": milliseconds}
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self._study.tell(trial, result.values, state=TrialState.FAIL if result.values is None else TrialState.COMPLETE)
        finished = self.trials[-1]
        if self._file:
            self._file.add_trial(finished)
        self._first_trials.setdefault(self._key(finished.params), finished)
        return finished

    def _ask(self, number: int) -> Trial:
        self._study.sampler = self._make_sampler(stream_seed(self._seed, "trial", number))
        trial = self._study.ask()
        self._select_parents()
        for name, count in self._level_counts.items():
            trial.suggest_int(name, 0, count - 1)
        return trial

    def _select_parents(self) -> None:
        """Have Optuna select the parents of the newest trial's generation, and of those before it, once each."""
        sampler = self._study.sampler
        if isinstance(sampler, BaseGASampler):
            generation = sampler.get_trial_generation(self._study, self.trials[-1])
            for number in range(self._generation + 1, generation + 1):
                selector = self._make_sampler(stream_seed(self._seed, "parents", number))
                assert isinstance(selector, BaseGASampler)
                selector.get_parent_population(self._study, number)  # Optuna caches them with the study
            self._generation = generation

    def _key(self, params: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(params[name] for name in self._level_counts)


def _evaluate_safely(evaluate: Callable[[Proposal], TrialResult], proposal: Proposal) -> TrialResult:
    try:
        return evaluate(proposal)
    except StorageError:  # such as a full disk: as a result of the trial it would steer the search
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("trial %d failed: %s", proposal.number, reason)
        return TrialResult(FAILED, None, attributes={"reason": reason})


def _repeat_result(first: FrozenTrial) -> TrialResult:
    """The result of the earlier trial with the same parameters."""
    attributes: dict[str, Any] = {
        name: first.user_attrs[name] for name in ("choices", "widths", "costs") if name in first.user_attrs
    }
    return TrialResult(REPEATED, first.values, first.constraints, {"repeats": first.number, **attributes})
