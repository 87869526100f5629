"""A terminal's manners: Ctrl-C in the middle of a sweep, a reader who has seen enough."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SUITE = [sys.executable, "-m", "suite.cli"]


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


def test_nobody_reads_on(tmp_path: Path) -> None:
    """As with `suite list | head -0`."""
    listing = subprocess.Popen([*SUITE, "list"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.wait(60) == 141
    assert listing.stderr is not None
    assert listing.stderr.read() == b""
