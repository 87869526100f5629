"""Numbers that are none, in outputs, scores and costs, are failures with a reason and never a result."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from tasks import plan
from torch import nn

from suite.benchmarks.base import Classification
from suite.cli.main import main
from suite.engine.harness import execute
from suite.hardware.costs import HardwareModel
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.space.budget import Constraint
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import Candidate, SearchResult, Task


@dataclass(frozen=True)
class Proposes:
    """An untrained network and copies of it with a weight of these values."""

    version: ClassVar[int] = 1
    values: tuple[float, ...] = ()
    finite: bool = True
    name: str = "proposes"

    def search(self, task: Task, _: object, meter: Meter) -> SearchResult:
        candidates = [Candidate(task.new_network(), "finite")] if self.finite else []
        for value in self.values:
            network = task.new_network()
            layer = next(m for m in network.modules() if isinstance(m, nn.Linear))
            with torch.no_grad():
                layer.weight[0, 0] = value
            candidates.append(Candidate(network, str(value)))
        return SearchResult(candidates)


def run(folder: Path, method: Proposes) -> RunRecord:
    return execute(replace(plan("budget.weights=100%"), method=method), Store(folder, "test"), Progress())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_whose_outputs_are_no_numbers_is_not_chosen_and_alone_a_failure(value: float, tmp_path: Path) -> None:
    record = run(tmp_path / "both", Proposes((value,)))
    assert record.status == "done"
    assert math.isfinite(record.scores["validation"])
    validation = {c["name"]: c["validation"] for c in record.candidates}
    assert math.isnan(validation[str(value)])
    alone = run(tmp_path / "alone", Proposes((value,), finite=False))
    assert alone.status == "failed"
    assert "validation score nan" in (alone.error or "")


@pytest.mark.parametrize("cost", [math.nan, math.inf])
def test_a_cost_that_is_no_number_fails_the_run_and_never_fits(
    cost: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Constraint("weights", 1.0, "1").violation(cost) <= 0
    made = plan("budget.weights=100%")
    measure = HardwareModel.measure
    monkeypatch.setattr(HardwareModel, "measure", lambda *args: measure(*args) | {"weights": cost})
    record = execute(replace(made, method=Proposes()), Store(tmp_path, "test"), Progress())
    assert (record.status, record.feasible) == ("failed", False)
    assert f"'weights': {cost}" in (record.error or "")


def test_a_class_without_a_validation_example_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = ["run", "preset=smoke", "threads=1", "method=hand_tuned", "recipe.epochs=1", f"results_dir={tmp_path}"]
    assert main([*run, "recipe.eval_samples=40"]) == 0
    assert "no validation example" not in caplog.text
    assert main([*run, "recipe.eval_samples=5"]) == 0
    assert "digits: no validation example of class" in caplog.text


def test_a_last_batch_of_one_example_fails_no_run(tmp_path: Path) -> None:
    made = plan("method=hand_tuned", "recipe.epochs=1", "recipe.batch=8", "recipe.train_samples=17")
    record = execute(made, Store(tmp_path, "test"), Progress())
    assert (record.status, record.error) == ("done", None)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_fails_the_run(value: float, tmp_path: Path) -> None:
    made = plan("method=hand_tuned", "recipe.epochs=1")
    loss = Classification.loss
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classification, "loss", lambda *given: loss(*given) * value)
        record = execute(made, Store(tmp_path, "test"), Progress())
    assert (record.status, record.scores) == ("failed", {})
    assert (record.error or "").startswith("Diverged: ")


def test_a_training_of_one_example_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("batch", "train_samples"):
        assert main(["run", "preset=smoke", f"recipe.{key}=1", f"results_dir={tmp_path}"]) == 2
        assert f"{key}=1: batch norm needs at least 2" in capsys.readouterr().err
