"""The finished trials of a search in an SQLite file, one transaction each, which optuna-dashboard opens."""

import copy
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import optuna
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from baselines.optuna_samplers import quiet

STATE = "trial_state"
"""The user attribute that each of our finished trials has (`baselines.optuna_study` lists its values)."""

_STUDY_NAME = "search"
_UNNAMED_CONSTRAINTS = "constraints"
"""The system attribute in which Optuna 4 stored a trial's constraints, without names.

optuna-dashboard 0.21 reads constraints only there, so that we write it. Optuna 5 stores them by name and reads the
unnamed ones in addition, so that we leave it out when we read.
"""


class StudyFile:
    """The finished trials of a study in an SQLite file, created where there is none; `close` it after use."""

    def __init__(self, path: Path, objectives: Sequence[str]) -> None:
        if not path.exists():
            self._create(path, objectives)
        self._storage = _open_storage(path)
        with quiet():
            self._study = optuna.load_study(study_name=_STUDY_NAME, storage=self._storage, sampler=RandomSampler())

    def _create(self, path: Path, objectives: Sequence[str]) -> None:
        """Create tables and an empty study under a temporary name, then rename: that takes many transactions."""
        temporary = path.with_name(f"{path.name}.tmp")
        for leftover in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            leftover.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = _open_storage(temporary)
        with quiet():
            study = optuna.create_study(
                storage=storage, study_name=_STUDY_NAME, directions=directions(objectives), sampler=RandomSampler()
            )
            study.set_metric_names(list(objectives))
        _close_storage(storage)
        temporary.replace(path)

    def finished_trials(self) -> list[FrozenTrial]:
        """Our finished trials in the order of their numbers.

        We write a trial only when it has ended. One that is RUNNING was left by another program that opened the file:
        it is marked FAIL and left out.
        """
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
        ours = [trial for trial in self._study.get_trials() if STATE in trial.user_attrs]
        for trial in ours:
            trial.system_attrs = {key: v for key, v in trial.system_attrs.items() if key != _UNNAMED_CONSTRAINTS}
        return ours

    def add_trial(self, trial: FrozenTrial) -> None:
        """Write a finished trial in one transaction."""
        trial_for_dashboard = copy.copy(trial)
        if trial.constraints:
            unnamed = {_UNNAMED_CONSTRAINTS: list(trial.constraints.values())}
            trial_for_dashboard.system_attrs = {**trial.system_attrs, **unnamed}
        self._study.add_trial(trial_for_dashboard)

    def close(self) -> None:
        """Close the connections to the file."""
        _close_storage(self._storage)


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Optuna's directions: the first objective is maximised, the others are minimised."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * (len(objectives) - 1)]


def _open_storage(path: Path) -> optuna.storages.RDBStorage:
    # A URL cannot hold every path ("?", "{"), so a function connects; of the URL only its kind, a file, counts.
    connect = partial(sqlite3.connect, path)
    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


def _close_storage(storage: optuna.storages.RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()
