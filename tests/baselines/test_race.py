"""The race: it ends with the contestant of the least loss, fits, and costs what it may."""

from pathlib import Path

import pytest
from tasks import task

from baselines.race import Race
from suite.space.scaling import largest_scaled_widths, two_budget_widths
from suite.task.meter import Meter


@pytest.mark.parametrize("limit", [None, 1.0])
@pytest.mark.parametrize("winner", [0, 1, 2])
def test_the_least_loss_goes_on(
    winner: int, limit: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, plan = task(tmp_path, "budget.weights=30%", "budget.macs=60%", "recipe.epochs=8")
    method = Race(cost_limit=limit, share=0.1)
    contestants = method.contestants(of.space, plan.budget)
    assert len(contestants) == 3
    losses = iter([0.0 if i == winner else 1.0 for i in range(3)])
    monkeypatch.setattr("baselines.race.mean_loss", lambda *_: next(losses))
    meter = Meter(of.standard_macs)
    (candidate,) = (result := method.search(of, plan.budget, meter)).candidates
    costs = of.hardware.measure(candidate.network, of.input_shape)
    assert plan.budget.fits(costs)
    assert costs == of.space.exact(contestants[winner])
    assert {row["label"] for row in result.history} == {"race-0", "race-1", "race-2", "finetune"}
    if limit is None:
        assert len(result.history) == of.recipe.total_epochs
    else:
        assert 0.8 < meter.total().macs / of.standard_macs <= 1


def test_contestants_lie_between_uniform_scaling_and_the_law(tmp_path: Path) -> None:
    of, plan = task(tmp_path, "budget.weights=30%", "budget.macs=60%")
    contestants = Race(projection="none").contestants(of.space, plan.budget)
    assert contestants[0] == largest_scaled_widths(of.space, plan.budget)
    assert contestants[-1] == two_budget_widths(of.space, plan.budget)
    of, plan = task(tmp_path, "budget.weights=30%")
    assert len(Race().contestants(of.space, plan.budget)) == 1


def test_a_share_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"method\.share=0\.3: of three"):
        Race(share=0.3)
