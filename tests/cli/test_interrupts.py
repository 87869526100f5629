"""Ctrl-C, SIGTERM or the end of the time in the middle of a sweep; a reader who has seen enough."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from suite.cli.main import main
from suite.records.status import run_states
from suite.records.store import Store

SUITE = [sys.executable, "-m", "suite.cli"]
SWEEP = ["run", "-m", "benchmark=digits", "method=hand_tuned", "preset=smoke", "threads=1", "name=x"]


def test_ctrl_c_in_a_parallel_sweep_ends_with_one_line(tmp_path: Path) -> None:
    sweep = ["run", "-m", "benchmark=digits", "method=hand_tuned", "recipe.epochs=500", "seed=0,1", "name=x"]
    launcher = ["hydra/launcher=two_jobs", "threads=1"]
    with (tmp_path / "stderr").open("w") as stderr:
        sweeping = subprocess.Popen(
            [*SUITE, *sweep, *launcher],
            cwd=tmp_path,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
        )
        give_up = time.monotonic() + 120
        while not list(tmp_path.glob("results/artefacts/*/checkpoints/*")):
            assert sweeping.poll() is None
            assert time.monotonic() < give_up, "no run has begun"
            time.sleep(0.2)
        os.killpg(sweeping.pid, signal.SIGINT)  # as a terminal does
        assert sweeping.wait(180) == 130
    lines = (tmp_path / "stderr").read_text().splitlines()
    assert lines[-1] == "interrupted: what is finished is kept, the same command continues"
    assert all("runs planned" in line or "| seed" in line for line in lines[:-1]), lines


def states(folder: Path) -> list[str]:
    return sorted(state.state for state in run_states(Store(folder / "results", "x")))


@pytest.mark.parametrize("launcher", ["basic", pytest.param("two_jobs", marks=pytest.mark.slow)])
def test_after_sigterm_the_run_is_interrupted_and_the_same_command_continues(launcher: str, tmp_path: Path) -> None:
    command = [
        *SUITE,
        *SWEEP,
        "recipe.epochs=8",
        "seed=0,1,2",
        f"hydra/launcher={launcher}",
        "checkpoint_seconds=1000",
    ]
    at_once = 2 if launcher == "two_jobs" else 1
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as sweeping:
        give_up = time.monotonic() + 120
        while len(list(tmp_path.glob("results/x/runs/*/claim.json"))) < at_once:
            assert sweeping.poll() is None
            assert time.monotonic() < give_up, "no run has begun"
            time.sleep(0.1)
        sweeping.terminate()
        assert sweeping.wait(60) == 143
        assert sweeping.stderr is not None
        told = sweeping.stderr.read().splitlines()
    assert told[-1] == "interrupted: what is finished is kept, the same command continues"
    assert told[-2] == f"3 runs: {at_once} interrupted, {3 - at_once} not run"
    assert states(tmp_path) == ["interrupted"] * at_once + ["missing"] * (3 - at_once)
    if launcher == "basic":
        assert subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL).returncode == 0
        assert states(tmp_path) == ["done"] * 3


def test_when_the_time_is_over_the_rest_stays_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intervals: list[float] = []

    def begin_early(timer: int, seconds: float) -> None:
        """The time is over when a run has begun, however slow the machine is."""

        def wait() -> None:
            while not list(tmp_path.glob("results/x/runs/*/claim.json")):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGALRM)

        intervals.append(seconds)
        if seconds:
            threading.Thread(target=wait, daemon=True).start()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "setitimer", begin_early)
    assert main([*SWEEP, "--timeout", "1.5h", "recipe.epochs=1000", "seed=0,1"]) == 124
    assert states(tmp_path) == ["interrupted", "missing"]
    assert intervals == [5400, 0]
    assert main([*SWEEP, "recipe.epochs=1", "seed=0"]) == 0, "the time is over no more"


@pytest.mark.parametrize("time_limit", ["0", "soon", "30 minutes", ""])
def test_a_time_that_is_none_is_refused(time_limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--timeout", time_limit]) == 2
    assert "such as 30m" in capsys.readouterr().err


def test_nobody_reads_on(tmp_path: Path) -> None:
    """As with `suite list | head -0`."""
    listing = subprocess.Popen([*SUITE, "list"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.wait(60) == 141
    assert listing.stderr is not None
    assert listing.stderr.read() == b""
