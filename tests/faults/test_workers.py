"""Eight workers on 48 runs, two of them killed: the same command, called until it ends well, makes each run once."""

import os
import re
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from kills import Tally, compare, finish, records, start, wait

from suite.records.claims import living_claim
from suite.records.store import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SWEEP = (
    "run -m method=hand_tuned preset=smoke recipe.train_samples=64 recipe.eval_samples=40 recipe.epochs=2 threads=1 "
    "budget.weights=50% checkpoint_seconds=0 seed=range(48) name=k"
)
LAUNCHERS = {
    "joblib": "hydra/launcher=joblib hydra.launcher.n_jobs=8",
    "ray": "hydra/launcher=ray +hydra.launcher.ray.init.num_cpus=8 +hydra.launcher.ray.init.include_dashboard=false",
}
KILL_AFTER = (8, 24)
"""How many records there are when a worker is killed."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What one process makes, undisturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(SWEEP.split(), folder)
    return records(folder)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_killed_workers_lose_and_double_no_run(
    launcher: str, expected: dict[str, object], tmp_path: Path, add_row
) -> None:
    if find_spec(f"hydra_plugins.hydra_{launcher}_launcher") is None:
        pytest.skip(f"the launcher {launcher} is not installed")
    command, tally, began = f"{SWEEP} {LAUNCHERS[launcher]}", Tally(), time.monotonic()
    call, calls = start(command.split(), tmp_path), 1
    for count in KILL_AFTER:
        while True:
            if (code := wait(call, 0.05)) is not None:  # it ended with the worker that was killed before
                assert code
                call, calls = start(command.split(), tmp_path), calls + 1
            if len(list(tmp_path.glob("results/k/runs/*/record.json"))) >= count and (workers := owners(tmp_path)):
                break
        os.kill(workers[0], signal.SIGKILL)
        tally.kills += 1
    while wait(call) != 0:
        call, calls = start(command.split(), tmp_path), calls + 1
        assert calls < 5, (tmp_path / "output.txt").read_text()[-3000:]
    compare(expected, records(tmp_path), tmp_path, tally)
    tally.seconds = time.monotonic() - began
    add_row(f"workers of {launcher}", f"suite {command}", 0, tally)
    assert tally == Tally(len(KILL_AFTER), 1), tally
    assert len(expected) == 48
    ends = re.findall(r"seed (\d+): accuracy", (tmp_path / "output.txt").read_text())
    assert len(ends) == len(set(ends)), "a run was done twice"


def owners(folder: Path) -> list[int]:
    """The processes that work on runs."""
    store = Store(folder / "results", "k")
    claims = (living_claim(store.run_folder(run)) for run in store.run_ids())
    return [claim.pid for claim in claims if claim is not None]
