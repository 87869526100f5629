"""Hydra's launchers: no run is lost or done twice, whatever becomes of workers, and a call can be stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_slurm
import pytest

from suite.records.claims import Claim, living_claim
from suite.records.status import run_states
from suite.records.store import Store

LAUNCHERS = {
    "joblib": ("joblib", ["hydra.launcher.n_jobs=2"]),
    "submitit_local": ("submitit", []),
    "submitit_slurm": ("submitit", ["hydra.launcher.array_parallelism=2", "hydra.launcher.partition=tiny"]),
    "ray": ("ray", ["+hydra.launcher.ray.init.num_cpus=2", "+hydra.launcher.ray.init.include_dashboard=false"]),
}
"""Launcher -> its plug-in, and options for two workers."""

SWEEP = (
    "run -m method=hand_tuned preset=smoke recipe.train_samples=64 recipe.eval_samples=40 threads=1 budget.weights=50% "
    "name=x"
)
each_launcher = pytest.mark.parametrize(
    "launcher", [name if name == "joblib" else pytest.param(name, marks=pytest.mark.slow) for name in LAUNCHERS]
)


class Sweep:
    """`suite run -m` with a launcher in a folder."""

    def __init__(self, folder: Path, launcher: str, options: str) -> None:
        self.folder, self.store = folder, Store(folder / "results", "x")
        self.calls: list[subprocess.Popen[bytes]] = []
        slurm = folder / "slurm"
        fake_slurm.install(slurm)
        self.environment = os.environ | {"PATH": f"{slurm}:{os.environ['PATH']}", "RAY_DEDUP_LOGS": "0"}
        self.arguments = [*SWEEP.split(), *options.split(), f"hydra/launcher={launcher}", *LAUNCHERS[launcher][1]]

    def begin(self, *options: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "output.txt").open("ab") as output:
            call = subprocess.Popen(
                [sys.executable, "-m", "suite.cli", *self.arguments, *options],
                cwd=self.folder, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        self.calls.append(call)
        return call

    def call(self, *options: str) -> int:
        return self.begin(*options).wait(300)

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def workers(self) -> list[Claim]:
        claims = (living_claim(self.store.run_folder(run)) for run in self.store.run_ids())
        return [claim for claim in claims if claim is not None]

    def wait_for_workers(self, count: int, call: "subprocess.Popen[bytes]") -> list[Claim]:
        give_up = time.monotonic() + 240
        while len(workers := self.workers()) < count:
            assert call.poll() is None, self.output
            assert time.monotonic() < give_up, "no run has begun"
            time.sleep(0.02)
        return workers

    def states(self) -> list[str]:
        return sorted(state.state for state in run_states(self.store))


@pytest.fixture
def sweep(launcher: str, tmp_path: Path) -> Iterator[Callable[[str], Sweep]]:
    pytest.importorskip(f"hydra_plugins.hydra_{LAUNCHERS[launcher][0]}_launcher")
    made: list[Sweep] = []

    def make(options: str) -> Sweep:
        made.append(Sweep(tmp_path, launcher, options))
        return made[-1]

    yield make
    for pid in (call.pid for one in made for call in one.calls if call.poll() is None):  # of a test that has failed
        os.kill(pid, signal.SIGKILL)
    for worker in (worker for one in made for worker in one.workers()):
        os.kill(worker.pid, signal.SIGKILL)


@each_launcher
def test_a_lost_workers_run_is_taken_over(launcher: str, sweep: Callable[[str], Sweep]) -> None:
    three = sweep("seed=0,1,2 recipe.epochs=15 checkpoint_seconds=0.2")
    call = three.begin()
    workers = three.wait_for_workers(2, call)
    owners = [state.owner for state in run_states(three.store) if state.state == "running"]
    assert len({worker.pid for worker in workers} - {call.pid}) >= 2
    assert all(re.match(rf"process \d+ on {os.uname().nodename}, since 20", owner) for owner in owners)
    os.kill(workers[0].pid, signal.SIGKILL)
    code = call.wait(300)
    assert (code == 0) == (launcher == "ray"), three.output  # the others end with their worker
    if launcher != "ray":
        assert "a worker was lost: what is finished is kept, the same command continues" in three.output
    while three.workers():  # of Slurm's other jobs, which go on
        time.sleep(0.1)
    assert three.call() == 0, three.output
    assert three.states() == ["done"] * 3
    assert "3 already done" in three.output or launcher != "ray"
    ends = re.findall(r"seed (\d): accuracy", three.output)  # without a terminal workers of Submitit tell their files
    assert len(ends) == len(set(ends))


@each_launcher
def test_sigterm_stops_the_workers_where_nothing_is_lost(launcher: str, sweep: Callable[[str], Sweep]) -> None:
    three = sweep("seed=0,1,2 recipe.epochs=5000 checkpoint_seconds=1000")
    at_once = 3 if launcher == "submitit_local" else 2
    call = three.begin()
    three.wait_for_workers(at_once, call)
    if launcher == "ray":
        time.sleep(2)  # until its handler of SIGTERM has been replaced
    call.terminate()
    assert call.wait(120) == 143, three.output
    assert three.workers() == []
    assert three.states() == ["interrupted"] * at_once + ["missing"] * (3 - at_once)
    reasons = {json.loads(path.read_text())["ended"] for path in three.folder.glob("results/x/runs/*/claim.json")}
    assert reasons == {"SIGTERM"}
    assert "interrupted: what is finished is kept, the same command continues" in three.output


@each_launcher
def test_fail_fast_ends_the_sweep_and_retry_failed_repeats_it(launcher: str, sweep: Callable[[str], Sweep]) -> None:
    eight = sweep("seed=0,1,2,3,4,5,6,7 recipe.epochs=1 recipe.warmup.lr=1e30 recipe.finetune.lr=1e30")
    assert eight.call("fail_fast=true") == 1, eight.output
    failed = eight.states().count("failed")
    assert failed >= 1
    if launcher != "submitit_local":  # begins all at once
        assert {"missing"} <= set(eight.states()) <= {"failed", "interrupted", "missing"}
    before = {path: path.stat().st_mtime_ns for path in eight.folder.glob("results/x/runs/*/record.json")}
    assert eight.call() == 1
    assert eight.states() == ["failed"] * 8
    assert all(path.stat().st_mtime_ns == modified for path, modified in before.items()), "failed ones stay"
    assert eight.call("retry_failed=true") == 1
    assert all(path.stat().st_mtime_ns > modified for path, modified in before.items())


@pytest.mark.parametrize("launcher", ["submitit_slurm"])
def test_the_batch_script_asks_for_what_was_configured(launcher: str, sweep: Callable[[str], Sweep]) -> None:
    two = sweep("seed=0,1 recipe.epochs=1")
    options = ["timeout_min=240", "cpus_per_task=2", "gpus_per_node=1", "mem_gb=8", "account=lab", "qos=low"]
    assert two.call(*(f"hydra.launcher.{option}" for option in options)) == 0, two.output
    assert two.states() == ["done"] * 2
    (script,) = two.folder.glob("slurm/*.sbatch")
    flags = dict(re.findall(r"^#SBATCH --([\w-]+)='?([^'\n]*)'?$", script.read_text(), re.MULTILINE))
    expected = {
        "array": "0-1%2", "partition": "tiny", "time": "240", "cpus-per-task": "2", "gpus-per-node": "1", "mem": "8GB",
        "account": "lab", "qos": "low", "signal": "USR2@120",
    }  # fmt: skip
    assert flags.items() >= expected.items()
    assert f"{sys.executable} -u -m submitit.core._submit" in script.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_slurm"])
@pytest.mark.parametrize(("requeues", "ends"), [(0, ["done", "interrupted"]), (1, ["done", "done"])])
def test_at_the_time_limit_of_its_job_a_run_is_kept(
    launcher: str, sweep: Callable[[str], Sweep], requeues: int, ends: list[str]
) -> None:
    two = sweep("seed=0,1 recipe.epochs=15 checkpoint_seconds=0.2")
    call = two.begin("hydra.launcher.timeout_min=10", f"hydra.launcher.max_num_timeout={requeues}")
    first = two.wait_for_workers(1, call)[0]
    os.kill(first.pid, signal.SIGUSR2)  # as Slurm does
    assert call.wait(300) == 0, two.output
    assert two.states() == ends
    logs = "".join(path.read_text() for path in two.folder.glob("slurm/*.log"))
    assert ("Requeued job" in logs) == bool(requeues)
