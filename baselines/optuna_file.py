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

_NAME = "search"
_UNNAMED = "constraints"
"""Where Optuna 4 kept a trial's constraints, without names. optuna-dashboard 0.21 looks only there; what Optuna 5 reads
from there comes beside the same constraints by name, so that it is left out when we read."""


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
        finished = [trial for trial in self._study.get_trials() if "outcome" in trial.user_attrs]
        for trial in finished:
            trial.system_attrs = {key: value for key, value in trial.system_attrs.items() if key != _UNNAMED}
        return finished

    def add(self, trial: FrozenTrial) -> None:
        """Keep a finished trial, all of it or nothing."""
        shown = copy.copy(trial)
        if trial.constraints:
            shown.system_attrs = {**trial.system_attrs, _UNNAMED: list(trial.constraints.values())}
        self._study.add_trial(shown)

    def close(self) -> None:
        """Let go of the file."""
        _close(self._storage)


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Optuna's directions: the first objective is maximised, the others are minimised."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * (len(objectives) - 1)]


def _storage(path: Path) -> optuna.storages.RDBStorage:
    # Connected by a function, as a URL cannot hold every path ("?", "{"); only the URL's kind, a file, counts.
    connect = partial(sqlite3.connect, path)
    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


def _close(storage: optuna.storages.RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()
