"""Hundreds of SIGKILLs: every command continues to what an uninterrupted one makes, nothing lost, nothing doubled."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from kills import Tally, campaign, files, finish, records

from suite.cli.main import main

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SMOKE = (
    "preset=smoke recipe.train_samples=64 recipe.eval_samples=40 threads=1 budget.weights=25% budget.latency=50% "
    "checkpoint_seconds=0 name=k"
)
RUNS = {
    "duccio_projected": (f"run recipe.epochs=4 recipe.mask_lr=0.1 {SMOKE}", 80),
    "nsga2": (f"run method=nsga2 method.cost_limit=null method.trials=6 recipe.epochs=4 {SMOKE}", 80),
    "sweep": (f"run -m method=hand_tuned,duccio_projected seed=0,1 recipe.epochs=1 {SMOKE}", 20),
}


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import and cache in this process what those that are to be killed need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("warm"))
        for command, _ in RUNS.values():
            assert main(command.split()) == 0
        assert main(["report", "k"]) == 0


def whole(tally: Tally, kills: int) -> bool:
    """Whether so many kills changed nothing."""
    return tally == Tally(kills, tally.finished) and tally.finished > 0


@pytest.mark.parametrize("name", RUNS)
def test_killed_runs_continue_to_the_same_records(name: str, tmp_path: Path, add_row) -> None:
    command, kills = RUNS[name]
    tally = campaign(command.split(), tmp_path, records, kills=kills, kills_each=12, seed=0)
    add_row(name, f"suite {command}", 0, tally)
    assert whole(tally, kills), tally


def test_a_killed_report_is_made_again_to_the_same_bytes(tmp_path: Path, add_row) -> None:
    made, command = tmp_path / "made", "report k"
    made.mkdir()
    finish(RUNS["sweep"][0].split(), made)
    tally = campaign(
        command.split(), tmp_path, files, kills=20, kills_each=10, seed=0,
        prepare=lambda folder: shutil.copytree(made / "results", folder / "results"),
    )  # fmt: skip
    add_row("report", f"suite {command}", 0, tally)
    assert whole(tally, 20), tally


@pytest.mark.skipif(find_spec("litert_torch") is None, reason="the extra deploy is not installed")
def test_a_killed_deployment_is_made_again_to_the_same_bytes(tmp_path: Path, add_row) -> None:
    made, command = tmp_path / "made", "deploy k --best"
    made.mkdir()
    finish(f"run method=width_scaling recipe.epochs=1 {SMOKE}".split(), made)
    tally = campaign(
        command.split(), tmp_path, records, kills=20, kills_each=5, seed=0,
        prepare=lambda folder: shutil.copytree(made / "results", folder / "results"),
    )  # fmt: skip
    add_row("deploy", f"suite {command}", 0, tally)
    assert whole(tally, 20), tally
