"""What cannot work is refused before the first run of a sweep trains."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tasks import plan, task

from suite import SuiteError
from suite.cli.main import main
from suite.config.catalogue import catalogue
from suite.engine.preflight import budget_notes, check_method

LIMITED = sorted(e.name for e in catalogue() if e.group == "method" and "cost_limit" in e.node)


def test_methods_with_a_cost_limit_are_known() -> None:
    assert {"duccio", "hand_tuned", "width_scaling", "nsga2", "taper"} <= set(LIMITED)


@pytest.mark.parametrize("method", LIMITED)
def test_a_cost_limit_that_is_too_small_is_refused_before_the_first_run_trains(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = ["preset=smoke", "threads=1", "budget.weights=50%", f"results_dir={tmp_path}"]
    sweep += ["recipe.script_strengths={weights:1}"]  # some methods ask the recipe for them
    assert main(["run", "-m", *sweep, f"method={method}", "method.cost_limit=1000,0.001"]) == 2
    error = capsys.readouterr().err
    least = re.search(r"method\.cost_limit=0\.001: .* at least ([0-9.]+)", error)
    assert least is not None, error
    assert len([line for line in error.splitlines() if line.startswith("error:")]) == 1
    assert not list(tmp_path.rglob("*.pt")), "nothing was trained"
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.parametrize("method", ["duccio", "hand_tuned"])
def test_a_single_run_is_refused_as_well_and_the_limit_that_is_named_suffices(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ["run", "preset=smoke", "threads=1", "budget.weights=50%", f"results_dir={tmp_path}", f"method={method}"]
    assert main([*job, "method.cost_limit=0.001"]) == 2
    least = re.search(r"at least ([0-9.]+)", capsys.readouterr().err)
    assert least is not None
    assert not list(tmp_path.rglob("*.pt"))
    assert main([*job, f"method.cost_limit={least[1]}"]) == 0


def test_a_check_that_fails_itself_is_named(tmp_path: Path) -> None:
    class Odd:
        version = 1
        name = "odd"

        def check(self, task: object, budget: object) -> None:
            raise KeyError("limit")

    of, made = task(tmp_path)
    with pytest.raises(SuiteError, match="method odd: its check failed: KeyError"):
        check_method(replace(made, method=Odd()), of)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overrides", "notes"),
    [
        (["method=duccio"], ["no budget: nothing is limited; give one such as budget.weights=25% budget.latency=5ms"]),
        (["method=hand_tuned"], []),
        (["method=duccio", "budget.weights=50%"], []),
        (
            ["method=hand_tuned", "budget.weights=50%", "budget.ram=100%"],
            ["budget.ram=100%: the reference network is within it as it is"],
        ),
    ],
)
def test_a_budget_that_limits_nothing_is_told(overrides: list[str], notes: list[str]) -> None:
    assert budget_notes(plan(*overrides)) == notes


def test_a_sweep_tells_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sweep = ["preset=smoke", "threads=1", "method=hand_tuned", "budget.weights=100%", "seed=0,1"]
    assert main(["run", "-m", *sweep, f"results_dir={tmp_path}"]) == 0
    assert caplog.text.count("budget.weights=100%: the reference network is within it as it is") == 1
