"""SIGKILL at any moment: the same command continues, and the record is what it would have been, bit for bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

COMMAND = [
    sys.executable, "-m", "suite.cli", "run", "preset=smoke", "threads=1", "recipe.epochs=6", "budget.weights=25%",
    "budget.latency=50%", "checkpoint_seconds=0", "name=k",
    "recipe.mask_lr=0.1",  # so that channels close, and resumption meets a compacted network
]  # fmt: skip
TIMES = {"wall_s", "cpu_s", "gpu_s", "peak_memory_bytes", "lost", "checksum", "checksums"}


def _run_folder(root: Path) -> Path:
    (folder,) = (root / "results" / "k" / "runs").iterdir()
    return folder


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIMES | {"environment", "finished"}}
    return value


def _result(root: Path) -> tuple[object, pd.DataFrame, dict[str, np.ndarray], bytes]:
    folder = _run_folder(root)
    record = _without_times(json.loads((folder / "record.json").read_text()))
    predictions = dict(np.load(folder / "predictions.npz"))
    return record, pd.read_parquet(folder / "history.parquet"), predictions, (folder / "architecture.json").read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    subprocess.run(COMMAND, cwd=root, check=True, capture_output=True)
    return root


@pytest.mark.parametrize("moment", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 6))])
def test_a_killed_run_continues_to_the_same_record(moment: int, uninterrupted: Path, tmp_path: Path) -> None:
    rng = random.Random(moment)
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(COMMAND, cwd=tmp_path, stderr=subprocess.DEVNULL, env=os.environ)
        pattern = "results/**/checkpoints/*.pt"
        seen = set(tmp_path.glob(pattern))
        deadline = time.monotonic() + 60
        while process.poll() is None and set(tmp_path.glob(pattern)) == seen and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.5))  # somewhere within an epoch, a phase, or a write
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 1
    subprocess.run(COMMAND, cwd=tmp_path, check=True, capture_output=True)

    record, history, predictions, architecture = _result(tmp_path)
    expected = _result(uninterrupted)
    assert record == expected[0]
    pd.testing.assert_frame_equal(history, expected[1], check_exact=True)
    assert all(np.array_equal(predictions[k], expected[2][k]) for k in expected[2])
    assert architecture == expected[3]
