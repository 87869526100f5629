"""Runs of the Optuna methods, and what must be the same in a killed run and an uninterrupted one."""

from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial

from baselines.optuna_file import StudyFile
from suite.config.plan import Plan
from suite.engine.harness import execute
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.progress import Progress

BUDGET = ("budget.weights=25%", "budget.latency=50%")
TIMES = {
    "wall_s",
    "cpu_s",
    "gpu_s",
    "peak_memory_bytes",
    "lost",
    "environment",
    "finished",
    "milliseconds",
    "checksum",
    "checksums",
}


def run(made: Plan, folder: Path) -> RunRecord:
    return execute(made, Store(folder, "test"), Progress(), checkpoint_seconds=0.0)


def run_folder(made: Plan, folder: Path) -> Path:
    return folder / "test" / "runs" / made.id


def stored_trials(folder: Path, objectives: int = 3) -> list[FrozenTrial]:
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}")
    assert len(study.directions) == objectives
    with closing(StudyFile(folder / "study.db", [])) as file:
        return file.finished_trials()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIMES}
    return value


def trial_content(trial: FrozenTrial) -> tuple[Any, ...]:
    """All that is stored of a trial but its times."""
    attributes = _without_times(trial.user_attrs)
    return trial.number, trial.state, dict(trial.params), trial.values, trial.constraints, attributes


def comparable(record: RunRecord, folder: Path) -> tuple[Any, pd.DataFrame]:
    """Record and history of a run without times, for `same`."""
    return _without_times(vars(record)), pd.read_parquet(folder / "history.parquet")


def same(a: tuple[Any, pd.DataFrame], b: tuple[Any, pd.DataFrame]) -> bool:
    return a[0] == b[0] and a[1].equals(b[1])
