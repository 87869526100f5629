"""What does not depend on the budget is trained once for each random seed, and shared."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tasks import plan

import suite.task.reference_training
from suite.engine.harness import execute
from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.progress import Progress

Run = Callable[..., RunRecord]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trainings of a reference network that were really done."""
    done: list[str] = []
    fit = suite.task.reference_training.fit

    def counted(task, network, meter, phase, **more):
        done.append(phase.label)
        return fit(task, network, meter, phase, **more)

    monkeypatch.setattr(suite.task.reference_training, "fit", counted)
    return done


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def execute_plan(*overrides: str) -> RunRecord:
        record = execute(plan("recipe.epochs=1", *overrides), Store(tmp_path, "test"), Progress())
        assert record.status == "done", record.error
        return record

    return execute_plan


def test_hand_tuned_is_trained_once_for_all_budgets_and_devices(run: Run, trainings: list[str]) -> None:
    first = run("method=hand_tuned", "budget.weights=50%")
    second = run("method=hand_tuned", "budget.weights=25%")
    third = run("method=hand_tuned", "budget.macs=50%", "device=gap8")
    assert len(trainings) == 1
    assert len({first.id, second.id, third.id}) == 3
    assert first.artefacts == second.artefacts == third.artefacts
    assert first.scores == second.scores == third.scores
    assert first.meter["total"]["macs"] == second.meter["total"]["macs"] > 0, "charged in full"


@pytest.mark.parametrize("other", ["budget.weights=30%", "budget.macs=60%", "method.projection=none", "device=gap8"])
def test_a_warm_up_serves_every_search_of_its_seed(other: str, run: Run, trainings: list[str]) -> None:
    first, second = run("budget.weights=50%"), run("budget.weights=50%", other)
    assert len(trainings) == 1
    assert first.id != second.id
    assert first.artefacts == second.artefacts
    shared = frame([first, second])
    amortised = shared["trainings"] - shared["trainings_shared"] / 2
    assert shared["trainings_amortised"].to_list() == pytest.approx(amortised.to_list())


@pytest.mark.parametrize(
    "other", ["seed=1", "recipe.batch=64", "benchmark.network.width=8", "recipe.augmentation.rotate=1"]
)
def test_what_a_training_depends_on_is_trained_anew(other: str, run: Run, trainings: list[str]) -> None:
    first, second = run("method=hand_tuned"), run("method=hand_tuned", other)
    assert len(trainings) == 2
    assert first.artefacts != second.artefacts
