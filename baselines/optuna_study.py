"""Optuna's ask and tell as a loop that survives any kill: what is proposed, what comes of it, and the file of both.

The study that samplers look at lives in memory. A trial goes into the file (SQLite, which optuna-dashboard opens) once
it has ended, in one transaction with all that belongs to it, so that a kill leaves neither a RUNNING trial nor half of
one. A loop that continues refills the memory from the file, and its next proposals are those of an uninterrupted one:

- a sampler is made anew before every trial, seeded by (seed, number of finished trials); Optuna's own would start its
  random numbers again from the beginning;
- the parents of a generation are chosen by a sampler of their own, seeded by (seed, generation): NSGA-III draws there,
  and a loop that finds them chosen must not be behind one that has to choose them;
- a parameter set that comes again is answered from its first result, and costs nothing.

Trials run one after the other. `suite.training` draws dropout from torch's one global generator and the meter has one
clock, so that trials side by side in threads would change each other's results; processes would need a meter and a
cost limit in common.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from baselines.optuna_samplers import quiet
from suite.task import stream_seed

log = logging.getLogger(__name__)

_NAME = "search"
FAILED, REPEATED = "failed", "repeated"


@dataclass(frozen=True)
class Proposal:
    """A trial to evaluate: its number, a level for each parameter, and the finished trials before it."""

    number: int
    levels: Mapping[str, int]
    past: Sequence[FrozenTrial]


@dataclass(frozen=True)
class Result:
    """What came of a proposal.

    outcome: one word, kept as the trial's attribute `outcome`.
    values: one for each objective; None for a trial that FAILs, which samplers do not learn from.
    violations: relative violation of each constraint, 0 where it holds.
    facts: further attributes of the trial, as JSON can hold them.
    """

    outcome: str
    values: Sequence[float] | None
    violations: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class StudyFile:
    """The finished trials of a study in an SQLite file, made where there is none; `close` it after use."""

    def __init__(self, path: Path, objectives: Sequence[str]) -> None:
        if not path.exists():
            self._create(path, objectives)
        self._storage = _storage(path)
        with quiet():
            self._study = optuna.load_study(study_name=_NAME, storage=self._storage, sampler=RandomSampler())

    def _create(self, path: Path, objectives: Sequence[str]) -> None:
        """Tables and an empty study under a temporary name first: making them takes many transactions."""
        fresh = path.with_name(f"{path.name}.tmp")
        for leftover in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            leftover.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = _storage(fresh)
        with quiet():
            study = optuna.create_study(
                storage=storage, study_name=_NAME, directions=directions(objectives), sampler=RandomSampler()
            )
            study.set_metric_names(list(objectives))
        _close(storage)
        fresh.replace(path)

    def finished(self) -> list[FrozenTrial]:
        """Our trials in their order.

        A trial that another program left RUNNING (ours are written when they have ended) is marked FAIL and left out.
        """
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
        return [trial for trial in self._study.get_trials() if "outcome" in trial.user_attrs]

    def add(self, trial: FrozenTrial) -> None:
        """Keep a finished trial, all of it or nothing."""
        self._study.add_trial(trial)

    def close(self) -> None:
        """Let go of the file."""
        _close(self._storage)


class StudyLoop:
    """Propose, evaluate, keep; one trial after the other.

    Args:
        levels: name of each parameter and how many levels it has, from 0.
        objectives: names; the first is maximised, the others are minimised.
        sampler: makes one from a seed.
        seed: of the whole search.
        file: where finished trials are kept and found again; only in memory where None.
        snapshot: attributes that every trial gets when it has ended, such as the state of a meter.
    """

    def __init__(
        self,
        levels: Mapping[str, int],
        objectives: Sequence[str],
        sampler: Callable[[int], BaseSampler],
        seed: int,
        *,
        file: StudyFile | None = None,
        snapshot: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._levels, self._sampler, self._seed = dict(levels), sampler, seed
        self._file, self._snapshot = file, snapshot
        with quiet():
            self._study = optuna.create_study(directions=directions(objectives), sampler=RandomSampler())
        self._study.add_trials(file.finished() if file else [])
        self._generation = 0
        self._first: dict[tuple[int, ...], FrozenTrial] = {}
        for trial in self.trials:
            self._first.setdefault(self._key(trial.params), trial)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials so far; not to be changed."""
        return self._study.get_trials(deepcopy=False)

    def step(self, evaluate: Callable[[Proposal], Result]) -> FrozenTrial:
        """One trial. An exception of `evaluate` is that trial's result; what is no Exception, such as Ctrl-C, ends it
        without a trace.
        """
        begun = time.perf_counter()
        past = self.trials
        trial = self._ask(len(past))
        first = self._first.get(self._key(trial.params))
        result = _attempt(evaluate, Proposal(len(past), trial.params, past)) if first is None else _repeat(first)
        for name, violation in result.violations.items():
            trial.set_constraint(name, violation)
        milliseconds = 1e3 * (time.perf_counter() - begun)
        facts = {"outcome": result.outcome, **result.facts, **self._snapshot(), "milliseconds": milliseconds}
        for name, value in facts.items():
            trial.set_user_attr(name, value)
        state = TrialState.FAIL if result.values is None else TrialState.COMPLETE
        self._study.tell(trial, result.values, state=state)
        finished = self.trials[-1]
        if self._file:
            self._file.add(finished)
        self._first.setdefault(self._key(finished.params), finished)
        return finished

    def _ask(self, number: int) -> Trial:
        self._study.sampler = self._sampler(stream_seed(self._seed, "trial", number))
        trial = self._study.ask()
        self._choose_parents()
        for name, levels in self._levels.items():
            trial.suggest_int(name, 0, levels - 1)
        return trial

    def _choose_parents(self) -> None:
        """Have the parents of the present generation chosen, and of those before it that are not known yet."""
        sampler = self._study.sampler
        if isinstance(sampler, BaseGASampler):
            generation = sampler.get_trial_generation(self._study, self.trials[-1])
            for number in range(self._generation + 1, generation + 1):
                chooser = self._sampler(stream_seed(self._seed, "parents", number))
                assert isinstance(chooser, BaseGASampler)
                chooser.get_parent_population(self._study, number)  # Optuna keeps them with the study
            self._generation = generation

    def _key(self, params: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(params[name] for name in self._levels)


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Optuna's directions: the first objective is maximised, the others are minimised."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * (len(objectives) - 1)]


def _attempt(evaluate: Callable[[Proposal], Result], proposal: Proposal) -> Result:
    try:
        return evaluate(proposal)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("trial %d failed: %s", proposal.number, reason)
        return Result(FAILED, None, facts={"reason": reason})


def _repeat(first: FrozenTrial) -> Result:
    facts: dict[str, Any] = {name: first.user_attrs[name] for name in ("widths", "costs") if name in first.user_attrs}
    return Result(REPEATED, first.values, first.constraints, {"repeats": first.number, **facts})


def _storage(path: Path) -> optuna.storages.RDBStorage:
    # Connected by a function, as a URL cannot hold every path ("?", "{"); only the URL's kind, a file, counts.
    connect = partial(sqlite3.connect, path)
    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


def _close(storage: optuna.storages.RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()
