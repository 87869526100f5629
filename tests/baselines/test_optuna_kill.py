"""Killed at any moment, an Optuna method continues to the record of an uninterrupted run, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from optuna_runs import BUDGET, comparable, out_of_order, run, run_folder, same
from tasks import plan

import suite.task.training as training
from baselines.optuna_file import StudyFile
from suite.records.store import Store


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


@pytest.mark.parametrize("method", ["nsga2", pytest.param("nsga3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("parallel", [False, True])
def test_killed_at_20_moments_the_record_is_the_same(
    method: str, parallel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments within epochs, between an epoch and its checkpoint, before and after a trial is written down.

    In parallel, a run continues now with several trainings at a time and now with one.
    """
    options = (
        f"method={method}", "method.proxy_epochs=2", "recipe.train_samples=100", "method.finetune_best=2", *BUDGET
    )  # fmt: skip
    made = plan(*options)
    ahead = plan(*options, "method.parallel_trials=6") if parallel else made
    events, moment = 0, 0

    def happen() -> None:
        nonlocal events
        events += 1
        if events == moment:
            raise Killed

    for module, name in ((training, "inputs"), (training, "save_tensors"), (StudyFile, "add")):
        original = getattr(module, name)

        def either_side(*args: Any, _original: Any = original, **options: Any) -> Any:
            happen()
            result = _original(*args, **options)
            happen()
            return result

        monkeypatch.setattr(module, name, either_side)
    expected = comparable(run(made, tmp_path / "whole"), run_folder(made, tmp_path / "whole"))
    total, rng, kills = events, random.Random(0), 0
    for _ in range(20):
        events, moment = 0, rng.randint(1, total // 8)
        try:
            with out_of_order():
                run(rng.choice([made, ahead]), tmp_path / "killed")
        except Killed:
            kills += 1
    moment = 0
    found = comparable(run(made, tmp_path / "killed"), run_folder(made, tmp_path / "killed"))
    assert kills >= 10
    assert same(found, expected)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


COMMAND = [
    sys.executable, "-m", "suite.cli", "run", "preset=smoke", "threads=1", "method=nsga2", "recipe.epochs=8",
    "budget.weights=25%", "checkpoint_seconds=0", "name=k",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_by_a_signal_it_continues_to_the_same_record(workers: int, tmp_path: Path) -> None:
    """No worker outlives the process that started it: it would write where its successor does."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    results = {}
    for name, kills in (("whole", 0), ("killed", 4)):
        root = tmp_path / name
        root.mkdir()
        rng = random.Random(1)
        for _ in range(kills):
            command = [*COMMAND, f"method.parallel_trials={workers}"]
            process = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL, env=environment)
            seen, deadline = set(root.glob("results/**/*.pt")), time.monotonic() + 60
            while process.poll() is None and set(root.glob("results/**/*.pt")) == seen and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 2))
            assert process.poll() is None, "killed while it runs"
            started = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.send_signal(signal.SIGKILL)
            process.wait()
            deadline = time.monotonic() + 20
            while any(map(_runs, started)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        subprocess.run(COMMAND, cwd=root, check=True, capture_output=True, env=environment)
        (record,) = Store(root / "results", "k").records()
        results[name] = comparable(record, root / "results" / "k" / "runs" / record.id)
    assert same(results["killed"], results["whole"])
