"""A disk that is full at any write ends the run with one line; the same command continues to the same record."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from optuna_runs import BUDGET, comparable, run, run_folder, same
from tasks import plan

from suite.data.files import StorageError
from suite.records.store import Store

SMALL = ("recipe.train_samples=64", "recipe.eval_samples=40", *BUDGET)


def test_at_every_fourth_write_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, fsync = plan("recipe.epochs=2", *SMALL), os.fsync
    writes, full_at = 0, 0

    def sync(file: int) -> None:
        nonlocal writes
        writes += 1
        if writes == full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    monkeypatch.setattr(os, "fsync", sync)
    expected = comparable(run(made, tmp_path / "whole"), run_folder(made, tmp_path / "whole"))
    total = writes
    assert total > 12
    for full_at in range(1, total, 4):
        folder, writes = tmp_path / str(full_at), 0
        with pytest.raises(StorageError, match=r"cannot be written \(No space left"):
            run(made, folder)
        assert Store(folder, "test").records() == [], "a full disk is not the method's failure"
        assert not list(folder.rglob("*.tmp"))
        continued = comparable(run(made, folder), run_folder(made, folder))
        assert same(continued, expected)


def test_where_only_the_study_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan("method=nsga2", "method.cost_limit=null", "method.trials=8", "method.proxy_epochs=1", *SMALL)
    expected = comparable(run(made, tmp_path / "whole"), run_folder(made, tmp_path / "whole"))
    connect, folder = sqlite3.connect, tmp_path / "full"

    def small(path: object, **more: object) -> sqlite3.Connection:
        connection = connect(path, **more)
        if Path(str(path)).name == "study.db":
            connection.execute("PRAGMA max_page_count = 1").fetchone()  # no more than it has
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(StorageError, match=r"study\.db: cannot be written"):
            run(made, folder)
    assert Store(folder, "test").records() == []
    continued = comparable(run(made, folder), run_folder(made, folder))
    assert same(continued, expected)
