"""Runs of the Optuna methods, and what of them must be the same however they came about."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import optuna
import pandas as pd
from optuna.trial import FrozenTrial

import baselines.optuna_search as optuna_search
from baselines.optuna_file import StudyFile
from baselines.optuna_workers import Inline, Job, Report, Trainer, carry_out
from suite.config.plan import Plan
from suite.engine.harness import execute
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import Task

BUDGET = ("budget.weights=25%", "budget.latency=50%")
TIMES = {"wall_s", "cpu_s", "gpu_s", "peak_memory_bytes", "lost"}


def run(made: Plan, folder: Path) -> RunRecord:
    return execute(made, Store(folder, "test"), Progress(), checkpoint_seconds=0.0)


def run_folder(made: Plan, folder: Path) -> Path:
    return folder / "test" / "runs" / made.id


def stored_trials(folder: Path, objectives: int = 3) -> list[FrozenTrial]:
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}")
    assert len(study.directions) == objectives
    with closing(StudyFile(folder / "study.db", [])) as file:
        return file.finished()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIMES | {"environment", "finished"}}
    return value


def facts(trial: FrozenTrial) -> tuple[Any, ...]:
    """All that is kept of a trial but its times."""
    attributes = _without_times({k: v for k, v in trial.user_attrs.items() if k != "milliseconds"})
    return trial.number, trial.state, dict(trial.params), trial.values, trial.constraints, attributes


def comparable(record: RunRecord, folder: Path) -> tuple[Any, pd.DataFrame]:
    return _without_times(vars(record)), pd.read_parquet(folder / "history.parquet")


def same(a: tuple[Any, pd.DataFrame], b: tuple[Any, pd.DataFrame]) -> bool:
    return a[0] == b[0] and a[1].equals(b[1])


@dataclass(frozen=True)
class OutOfOrder:
    """Six jobs at a time, done in this process, newest first, once any report is asked for: no order is relied on."""

    task: Task
    begun: list[int] = field(default_factory=list)
    waiting: dict[int, Job] = field(default_factory=dict)
    reports: dict[int, Report] = field(default_factory=dict)
    capacity: int = 6

    def start(self, job: Job) -> Callable[[], Report]:
        number = int((job.phase.label or "").removeprefix("trial-"))
        self.begun.append(number)
        self.waiting[number] = pickle.loads(pickle.dumps(job))  # as it reaches another process
        return partial(self._report, number)

    def _report(self, number: int) -> Report:
        while self.waiting:
            newest = max(self.waiting)
            self.reports[newest] = carry_out(self.task, self.waiting.pop(newest))
        return self.reports[number]


@contextmanager
def out_of_order() -> Iterator[list[OutOfOrder]]:
    """Searches inside with several `parallel_trials` have such trainers, which are listed."""
    made: list[OutOfOrder] = []

    @contextmanager
    def substitute(task: Task, meter: Meter, workers: int) -> Iterator[Trainer]:
        if workers == 1:
            yield Inline(task, meter)
        else:
            made.append(OutOfOrder(task))
            yield made[-1]

    with mock.patch.object(optuna_search, "trainer_of", substitute):
        yield made
