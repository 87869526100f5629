"""Optuna's ask and tell as a loop that survives any kill: what is proposed, what comes of it, and the file of both.

The study that samplers look at lives in memory. A trial goes into the file (SQLite, which optuna-dashboard opens) once
it has ended, in one transaction with all that belongs to it, so that a kill leaves neither a RUNNING trial nor half of
one. A loop that continues refills the memory from the file, and its next proposals are those of an uninterrupted one:

- a sampler is made anew before every trial, seeded by (seed, number of finished trials); Optuna's own would start its
  random numbers again from the beginning;
- the parents of a generation are chosen by a sampler of their own, seeded by (seed, generation): NSGA-III draws there,
  and a loop that finds them chosen must not be behind one that has to choose them;
- a parameter set that comes again is answered from its first result, and costs nothing.

A trial may be proposed while earlier ones are still being evaluated, if its proposal cannot depend on them: Optuna
counts a generation's COMPLETE trials, so that as many as are missing from a population are of the present generation
and have its parents, however many of them fail. Results are told in the order of the numbers, and what depends on them
is decided then, so that a loop that goes ahead finds what one that does not go ahead finds.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import optuna
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from baselines.optuna_file import StudyFile, directions
from baselines.optuna_samplers import quiet
from suite import SuiteError
from suite.task.task import stream_seed

log = logging.getLogger(__name__)

FAILED, REPEATED = "failed", "repeated"


@dataclass(frozen=True)
class Proposal:
    """A trial to evaluate: its number, a level for each parameter, and the finished trials (those before it)."""

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


class Halted(SuiteError):
    """The search cannot go on here and now; not the result of any trial, and the next call continues."""


Ending = Callable[[Sequence[FrozenTrial]], Result]
"""Called once with the trials before a proposal when they all have finished: what came of it."""


@dataclass(frozen=True)
class _Awaited:
    """A trial that has been proposed and not yet told, and the seconds that this took."""

    number: int
    trial: Trial
    ending: Ending
    seconds: float


class StudyLoop:
    """Propose, evaluate, keep: `step` one trial after the other, or `propose` some and `conclude` the oldest first.

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
        self._awaited: deque[_Awaited] = deque()
        self._first: dict[tuple[int, ...], int] = {}
        for trial in self.trials:
            self._first.setdefault(self._key(trial.params), trial.number)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The finished trials; not to be changed."""
        everything = self._study.get_trials(deepcopy=False)
        return everything[: len(everything) - len(self._awaited)]

    @property
    def ahead(self) -> int:
        """How many trials are proposed and not concluded."""
        return len(self._awaited)

    @property
    def certain(self) -> bool:
        """Whether the next proposal is the same whatever comes of those that are not concluded."""
        sampler = self._study.sampler
        if not self._awaited or isinstance(sampler, RandomSampler):
            return True
        if not isinstance(sampler, BaseGASampler):
            return False
        complete = [t for t in self.trials if t.state == TrialState.COMPLETE]
        present = [t for t in complete if sampler.get_trial_generation(self._study, t) == self._generation]
        return len(present) + self.ahead < (sampler.population_size or 0)

    def step(self, evaluate: Callable[[Proposal], Result]) -> FrozenTrial:
        """One trial. An exception of `evaluate` is that trial's result; what is no Exception, such as Ctrl-C, ends it
        without a trace.
        """
        self.propose(lambda proposal: lambda past: evaluate(proposal))
        return self.conclude()

    def propose(self, begin: Callable[[Proposal], Ending]) -> None:
        """Ask for a trial and have its evaluation begun; not for one that comes again."""
        started = time.perf_counter()
        past = self.trials
        number = len(past) + self.ahead
        trial = self._ask(number)
        first = self._first.setdefault(self._key(trial.params), number)
        ending = _begun(begin, Proposal(number, trial.params, past)) if first == number else partial(_repeat, first)
        self._awaited.append(_Awaited(number, trial, ending, time.perf_counter() - started))

    def conclude(self) -> FrozenTrial:
        """Wait for the oldest trial that was proposed, tell the sampler and keep it."""
        begun = time.perf_counter()
        awaited = self._awaited[0]
        trial, result = awaited.trial, _ended(awaited, self.trials)
        for name, violation in result.violations.items():
            trial.set_constraint(name, violation)
        milliseconds = 1e3 * (awaited.seconds + time.perf_counter() - begun)
        facts = {"outcome": result.outcome, **result.facts, **self._snapshot(), "milliseconds": milliseconds}
        for name, value in facts.items():
            trial.set_user_attr(name, value)
        state = TrialState.FAIL if result.values is None else TrialState.COMPLETE
        self._study.tell(trial, result.values, state=state)
        self._awaited.popleft()
        finished = self.trials[-1]
        if self._file:
            self._file.add(finished)
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
            asked = self._study.get_trials(deepcopy=False)[-1]
            generation = sampler.get_trial_generation(self._study, asked)
            for number in range(self._generation + 1, generation + 1):
                chooser = self._sampler(stream_seed(self._seed, "parents", number))
                assert isinstance(chooser, BaseGASampler)
                chooser.get_parent_population(self._study, number)  # Optuna keeps them with the study
            self._generation = generation

    def _key(self, params: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(params[name] for name in self._levels)


def failed(number: int, reason: str) -> Result:
    """The result of a trial whose evaluation raised."""
    log.warning("trial %d failed: %s", number, reason)
    return Result(FAILED, None, facts={"reason": reason})


def reason_of(error: Exception) -> str:
    """An exception as a trial's attribute tells it."""
    return f"{type(error).__name__}: {error}"


def _begun(begin: Callable[[Proposal], Ending], proposal: Proposal) -> Ending:
    try:
        return begin(proposal)
    except Halted:
        raise
    except Exception as error:
        result = failed(proposal.number, reason_of(error))
        return lambda past: result


def _ended(awaited: _Awaited, past: Sequence[FrozenTrial]) -> Result:
    try:
        return awaited.ending(past)
    except Halted:
        raise
    except Exception as error:
        return failed(awaited.number, reason_of(error))


def _repeat(number: int, past: Sequence[FrozenTrial]) -> Result:
    first = past[number]
    facts: dict[str, Any] = {name: first.user_attrs[name] for name in ("widths", "costs") if name in first.user_attrs}
    return Result(REPEATED, first.values, first.constraints, {"repeats": number, **facts})
