"""The finished trials of a search in an SQLite file, one transaction each, which optuna-dashboard opens."""

import copy
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import optuna
from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from baselines.optuna_samplers import quiet
from suite.data.files import DamagedError, StorageError, set_aside

STATE = "trial_state"
"""The user attribute that each of our finished trials has (`baselines.optuna_study` lists its values)."""

_CHECKSUM = "checksum"
"""The user attribute that ends a stored trial: SHA-256 of it and of the checksum of the trial before it.

SQLite notices a file that is cut, but not a number that has changed or a row that is gone.
"""

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
        self._checksum = ""

    @classmethod
    def open(cls, path: Path, objectives: Sequence[str]) -> "StudyFile":
        """The file at `path`; a damaged one is set aside, with its journal, and an empty one created.

        Raises:
            StorageError: the file cannot be written.
        """
        if path.exists() and (damage := _find_damage(path)):
            for file in (path, path.with_name(f"{path.name}-journal")):
                if file.exists():
                    set_aside(file, f"{path}: damaged ({damage})")
        return cls(path, objectives)

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

        Raises:
            DamagedError: a trial has other values than were written, or one before it is gone.
        """
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
        ours = [trial for trial in self._study.get_trials() if STATE in trial.user_attrs]
        self._checksum, has_checksums = "", False
        for trial in ours:
            self._checksum, stored = _checksum(self._checksum, trial), trial.user_attrs.pop(_CHECKSUM, None)
            has_checksums = has_checksums or stored is not None
            if has_checksums and stored != self._checksum:  # those of an older version have none
                raise DamagedError(f"trial {trial.number} is not as it was written")
            trial.system_attrs = {key: v for key, v in trial.system_attrs.items() if key != _UNNAMED_CONSTRAINTS}
        return ours

    def add_trial(self, trial: FrozenTrial) -> None:
        """Write a finished trial in one transaction.

        Raises:
            StorageError: the file cannot be written.
        """
        trial_for_dashboard = copy.copy(trial)
        checksum = _checksum(self._checksum, trial)
        trial_for_dashboard.user_attrs = {**trial.user_attrs, _CHECKSUM: checksum}
        if trial.constraints:
            unnamed = {_UNNAMED_CONSTRAINTS: list(trial.constraints.values())}
            trial_for_dashboard.system_attrs = {**trial.system_attrs, **unnamed}
        try:
            self._study.add_trial(trial_for_dashboard)
        except StorageInternalError as error:
            raise StorageError(None, f"study.db: cannot be written ({error.__cause__ or error})") from error
        self._checksum = checksum

    def close(self) -> None:
        """Close the connections to the file."""
        _close_storage(self._storage)


def _find_damage(path: Path) -> str | None:
    """What is wrong with the file, None where it is as it was written."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            return str(state)
        with closing(StudyFile(path, [])) as file:
            file.finished_trials()
    except Exception as error:  # sqlite3, SQLAlchemy and Optuna raise a dozen types on damaged bytes
        return str(error) or type(error).__name__
    return None


def _checksum(before: str, trial: FrozenTrial) -> str:
    """SHA-256 of a trial and of the checksum of the trial before it."""
    distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
    ours = {name: value for name, value in trial.user_attrs.items() if name != _CHECKSUM}
    optunas = {k: v for k, v in trial.system_attrs.items() if k != _UNNAMED_CONSTRAINTS and "dashboard" not in k}
    parts = (before, trial.state.name, trial.values, trial.params, distributions, ours, optunas)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
