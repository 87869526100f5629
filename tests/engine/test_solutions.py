"""Budgets that refer to a solution: `macs: 50% of weights-only`."""

import json
from pathlib import Path

import pytest

from suite import SuiteError
from suite.cli import main as cli
from suite.config.sweep import parts
from suite.space.budget import parse_budget, solutions_needed

UNITS = {"weights": "B", "macs": "MAC"}
SEED = {"weights": 1000.0, "macs": 8000.0}
SWEEP = ['budget={weights:50%,macs:"50% of weights-only"}', "preset=smoke", "threads=1", "benchmark=digits"]


def _records(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in folder.glob("*/runs/*/record.json")]


def test_the_target_is_a_share_of_the_solutions_cost() -> None:
    node = {"weights": "50%", "macs": "25% of weights-only"}
    budget = parse_budget(node, SEED, UNITS, {"weights": {"macs": 4000.0}})
    assert budget.targets == {"weights": 500.0, "macs": 1000.0}
    assert budget.label == "weights 50% + macs 25% of weights-only"
    assert solutions_needed(node) == {"weights"}


@pytest.mark.parametrize("node", [{"macs": "50% of weights-only"}, {"macs": "50% of macs-only"}])
def test_a_reference_to_no_constraint_is_refused(node: dict[str, str]) -> None:
    with pytest.raises(SuiteError, match=r"budget\.macs=50% of .*must be given"):
        parse_budget(node, SEED, UNITS)


def test_the_solution_is_searched_first_and_sets_every_methods_target(tmp_path: Path) -> None:
    arguments = ["run", "-m", *SWEEP, "method=hand_tuned,duccio", f"results_dir={tmp_path}"]
    assert cli.main(arguments) == 0
    records = _records(tmp_path)
    (reference,) = [r for r in records if set(r["targets"]) == {"weights"}]
    assert reference["method"] == "duccio"
    others = [r for r in records if r is not reference]
    assert sorted(r["method"] for r in others) == ["duccio", "hand_tuned"]
    for record in others:
        assert record["targets"]["macs"] == reference["costs"]["macs"] / 2
        assert record["budget"] == "weights 50% + macs 50% of weights-only"
    (searched,) = [r for r in others if r["method"] == "duccio"]
    assert searched["feasible"]


def test_again_nothing_is_trained(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arguments = ["run", *SWEEP, "method=hand_tuned", f"results_dir={tmp_path}"]
    assert cli.main(arguments) == 0
    caplog.clear()
    with caplog.at_level("INFO"):
        assert cli.main(arguments) == 0
    assert "2 already done; nothing was trained" in caplog.text


def test_an_impossible_share_is_left_out_and_the_sweep_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budgets = 'budget={weights:50%,macs:"0.01% of weights-only"},{weights:60%}'
    arguments = ["run", "-m", budgets, *SWEEP[1:], "method=duccio", f"results_dir={tmp_path}"]
    assert cli.main(arguments) == 1
    assert "left out: budget.macs" in caplog.text
    assert sorted(r["budget"] for r in _records(tmp_path)) == ["weights 50%", "weights 60%"]


def test_a_bad_key_beside_a_reference_is_found_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "-m", *SWEEP, "seed=0,1", "method=duccio", "method.guarantee=maybe", f"results_dir={tmp_path}"]
    assert cli.main(arguments) == 2
    assert "maybe" in capsys.readouterr().err
    assert not _records(tmp_path)


class TestParts:
    def test_a_folder_of_experiments_runs_each_of_them(self) -> None:
        calls = parts(["+experiment=paper_main", "preset=short"])
        assert len(calls) == 5
        assert calls[2] == ["+experiment=paper_main/keyword_spotting", "preset=short"]

    def test_anything_else_is_one_call(self) -> None:
        assert parts(["-m", "seed=0,1"]) == [["-m", "seed=0,1"]]
        assert parts(["+experiment=quickstart"]) == [["+experiment=quickstart"]]

    def test_ones_own_folder_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "experiment" / "mine"
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text("# @package _global_\nname: mine\n")
        calls = parts(["--config-dir", str(tmp_path), "+experiment=mine"])
        assert calls == [["--config-dir", str(tmp_path), "+experiment=mine/a"]]
