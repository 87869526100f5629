"""Killed at any moment, an Optuna method continues to the record of an uninterrupted run, bit for bit."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from optuna_runs import BUDGET, comparable, run, run_folder, same
from tasks import plan

import suite.task.training as training
import suite.task.training_inputs as training_inputs
from baselines.optuna_file import StudyFile
from suite.records.store import Store


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


@pytest.mark.parametrize("method", ["nsga2", pytest.param("nsga3", marks=pytest.mark.slow)])
def test_killed_at_20_moments_the_record_is_the_same(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments within epochs, between an epoch and its checkpoint, before and after a trial is stored."""
    made = plan(
        f"method={method}", "method.proxy_epochs=2", "method.finetune_best=2", *BUDGET,
        "recipe.train_samples=64", "recipe.eval_samples=40",
    )  # fmt: skip
    events, moment = 0, 0

    def happen() -> None:
        nonlocal events
        events += 1
        if events == moment:
            raise Killed

    for module, name in ((training_inputs, "inputs"), (training, "save_tensors"), (StudyFile, "add_trial")):
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
            run(made, tmp_path / "killed")
        except Killed:
            kills += 1
    moment = 0
    continued = comparable(run(made, tmp_path / "killed"), run_folder(made, tmp_path / "killed"))
    assert kills >= 10
    assert same(continued, expected)


COMMAND = [
    sys.executable, "-m", "suite.cli", "run", "preset=smoke", "threads=1", "method=nsga2", "recipe.epochs=8",
    "budget.weights=25%", "checkpoint_seconds=0", "name=k",
]  # fmt: skip


@pytest.mark.slow
def test_killed_by_a_signal_it_continues_to_the_same_record(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    results = {}
    for name, kills in (("whole", 0), ("killed", 4)):
        root = tmp_path / name
        root.mkdir()
        rng = random.Random(1)
        for _ in range(kills):
            process = subprocess.Popen(COMMAND, cwd=root, stderr=subprocess.DEVNULL, env=environment)
            files, deadline = set(root.glob("results/**/*.pt")), time.monotonic() + 60
            while process.poll() is None and set(root.glob("results/**/*.pt")) == files and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 2))
            assert process.poll() is None, "killed while it runs"
            process.kill()
            process.wait()
        subprocess.run(COMMAND, cwd=root, check=True, capture_output=True, env=environment)
        (record,) = Store(root / "results", "k").records()
        results[name] = comparable(record, root / "results" / "k" / "runs" / record.id)
    assert same(results["killed"], results["whole"])
