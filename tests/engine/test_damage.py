"""Damaged files of an unfinished or finished run are set aside and named; the result is that of an undamaged run."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from optuna_runs import BUDGET, comparable, run, run_folder, same
from tasks import plan

import suite.task.training as training
from baselines.optuna_file import StudyFile
from suite.config.plan import Plan
from suite.records.store import Store

METHODS = {
    "duccio_projected": ("recipe.epochs=2", *BUDGET),
    "nsga2": (
        "method.proxy_epochs=1",
        "method.cost_limit=null",
        "method.trials=8",
        "recipe.train_samples=64",
        "recipe.eval_samples=40",
        *BUDGET,
    ),
}


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def kill_late(made: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed just before its last checkpoint is written."""
    saves = 0
    save = training.save_tensors

    def counted(*args: object) -> None:
        nonlocal saves
        saves += 1
        if saves == at:
            raise Killed
        save(*args)

    monkeypatch.setattr(training, "save_tensors", counted)
    at = 0
    run(made, folder.with_name("counting"))
    at, saves = saves, 0
    with pytest.raises(Killed):
        run(made, folder)
    at = 0


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("method", METHODS)
def test_damaged_checkpoints_are_set_aside_and_the_record_is_the_same(
    method: str,
    damage: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = plan(f"method={method}", *METHODS[method])
    expected = comparable(run(made, tmp_path / "whole"), run_folder(made, tmp_path / "whole"))
    kill_late(made, tmp_path / "killed", monkeypatch)
    files = [p for kind in ("*.pt", "study.db") for p in (tmp_path / "killed").rglob(kind)]
    assert len(files) >= 2
    for path in files:
        damage(path)
    continued = comparable(run(made, tmp_path / "killed"), run_folder(made, tmp_path / "killed"))
    assert same(continued, expected)
    told = [r.getMessage() for r in caplog.records if "; set aside as" in r.getMessage()]
    assert {message.split(": ")[0] for message in told} >= {str(p) for p in files if "artefacts" in p.parts}
    assert method != "nsga2" or damage is flip or any("study.db: damaged" in message for message in told)


def test_a_finished_run_with_a_damaged_record_is_named_and_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = plan("method=hand_tuned", "recipe.epochs=1")
    record = run(made, tmp_path)
    path = run_folder(made, tmp_path) / "record.json"
    path.write_text(path.read_text().replace(json.dumps(record.scores["test"]), "0.999", 1))
    (broken,) = Store(tmp_path, "test").broken()
    assert "checksum" in broken.reason
    assert run(made, tmp_path).scores == record.scores
    assert f"{path}: it is not as it was written: its checksum differs; set aside as" in caplog.text


def test_a_changed_number_and_a_missing_trial_are_found(tmp_path: Path) -> None:
    import sqlite3

    made = plan("method=nsga2", *METHODS["nsga2"])
    record = run(made, tmp_path)
    path = run_folder(made, tmp_path) / "study.db"
    content = path.read_bytes()
    for statement in (
        "UPDATE trial_values SET value = value + 0.1 WHERE trial_id = 2",
        "UPDATE trial_params SET param_value = 0 WHERE trial_id = 2",
        "DELETE FROM trials WHERE trial_id = 2",
    ):
        path.write_bytes(content)
        with closing(StudyFile.open(path, [])) as file:
            assert len(file.finished_trials()) > 2
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)
        with closing(StudyFile.open(path, ["score", *record.targets])) as file:
            assert file.finished_trials() == []
        assert path.with_name("study.db.damaged").exists()


def test_trials_of_a_version_without_checksums_are_kept(tmp_path: Path) -> None:
    import sqlite3

    made = plan("method=nsga2", *METHODS["nsga2"])
    record = run(made, tmp_path)
    path = run_folder(made, tmp_path) / "study.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM trial_user_attributes WHERE key = 'checksum'")
    with closing(StudyFile.open(path, ["score", *record.targets])) as file:
        before = len(file.finished_trials())
        assert before > 2
        file.add_trial(file.finished_trials()[-1])
        assert len(file.finished_trials()) == before + 1
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trial_params SET param_value = param_value + 1 WHERE trial_id = 2")
    with closing(StudyFile.open(path, ["score", *record.targets])) as file:
        assert file.finished_trials() == [], "the new trial's checksum is over those before it"
