"""The sweep: its grid, that no target enters it, that budgets share it, that it continues."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tasks import plan, task

import suite.dnas.one_shot as module
from baselines.strength_sweep import Sweep
from baselines.unconstrained_dnas import UnconstrainedDnas, penalised_metrics
from suite.engine.harness import execute
from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.cost_limit import Lengths
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.reference_training import train_reference
from suite.task.task import SearchResult, Task
from suite.task.training import Diverged

SWEEP = ("method=unconstrained_dnas", "method.strengths=3")


def _run(folder: Path, *overrides: str) -> RunRecord:
    return execute(plan(*SWEEP, *overrides), Store(folder, "test"), Progress())


def _trained(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The strengths that are really trained from now on."""
    strengths: list[float] = []
    original = Sweep._finetune

    def counted(self: Sweep, of: Task, meter: Meter, strength: float, **rest: Any) -> dict[str, Any]:
        strengths.append(strength)
        return original(self, of, meter, strength, **rest)

    monkeypatch.setattr(Sweep, "_finetune", counted)
    return strengths


def test_golden_grid_from_the_middle_outwards() -> None:
    assert UnconstrainedDnas().grid == [1.0, 2.37, 0.422, 5.62, 0.178, 13.3, 0.075, 31.6, 0.0316]
    assert UnconstrainedDnas(strengths=4, decades=1).grid == [2.15, 0.464, 10.0, 0.1]
    assert UnconstrainedDnas(strengths=2, decades=1).grid == [10.0, 0.1]
    assert UnconstrainedDnas(strengths=1).grid == [1.0]


def test_the_objective_is_strength_x_loss_x_relative_cost_without_a_target(tmp_path: Path) -> None:
    of, made = task(tmp_path, "budget.weights=25%", "budget.macs=50%")
    warmup = replace(train_reference(of, Meter(of.standard_macs), 1), loss=0.6)
    options = UnconstrainedDnas(schedule="constant")
    sweep = Sweep(of, made.budget, warmup, ["macs", "weights"], Lengths(1, 2, 1), options)
    for share in (0.01, 0.25, 1.0):
        costs = {m: torch.tensor(share * of.space.reference_costs[m], requires_grad=True) for m in ("weights", "macs")}
        value = sweep._penalty(0.5)(costs, 0)
        assert value.item() == pytest.approx(0.5 * 0.6 * 2 * share), "both metrics, whatever their targets"
        value.backward()
        assert all(cost.grad is not None and cost.grad.item() > 0 for cost in costs.values()), "no cost is low enough"


def test_two_budgets_share_one_sweep_and_its_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = _trained(monkeypatch)
    first = _run(tmp_path, "budget={weights:25%,latency:50%}")
    assert trained == [1.0, 31.6, 0.0316]
    second = _run(tmp_path, "budget={latency:80%,weights:90%}")
    assert trained == [1.0, 31.6, 0.0316], "the second budget trains nothing"
    assert first.artefacts == second.artefacts
    assert [c["costs"] for c in first.candidates] == [c["costs"] for c in second.candidates]
    assert first.meter["standard_trainings"] == second.meter["standard_trainings"], "charged in full to both"
    table = frame([first, second])
    reference_macs = plan().task.space.reference_costs["macs"]
    harness_passes = sum(c["costs"]["macs"] for c in first.candidates) * 100 / (1920 * reference_macs)
    shared = table.trainings - harness_passes
    assert table.trainings_amortised.tolist() == pytest.approx((shared / 2 + harness_passes).tolist())


@pytest.mark.parametrize("other", ["budget.latency=null", "seed=1", "recipe.mask_lr=0.1", "device=gap8"])
def test_other_metrics_seeds_recipes_and_devices_have_sweeps_of_their_own(other: str, tmp_path: Path) -> None:
    point = ("method.strengths=1",)
    first = _run(tmp_path, "budget={weights:25%,latency:50%}", *point)
    second = _run(tmp_path, "budget={weights:25%,latency:50%}", other, *point)
    assert set(first.artefacts[1:]).isdisjoint(second.artefacts[1:])


def test_an_interrupted_sweep_continues_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _run(tmp_path / "whole", "budget.weights=50%")
    original, calls = module.fit, []

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls.append(args[3].label)
        if len(calls) == 4:  # the second point's fine-tuning
            raise RuntimeError("power cut")
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "fit", dies)
    broken = _run(tmp_path / "broken", "budget.weights=50%")
    assert broken.error == "RuntimeError: power cut"
    monkeypatch.setattr(module, "fit", original)
    trained = _trained(monkeypatch)
    mended = _run(tmp_path / "broken", "budget.weights=50%")
    assert trained == [31.6, 0.0316], "the finished point is not trained again"
    assert (mended.scores, mended.candidates) == (whole.scores, whole.candidates)
    assert mended.meter["standard_trainings"] == whole.meter["standard_trainings"]


def _search(folder: Path, method: UnconstrainedDnas, *overrides: str) -> tuple[SearchResult, Meter]:
    of, made = task(folder, "budget.weights=25%", *overrides)
    meter = Meter(of.standard_macs)
    return method.search(of, made.budget, meter), meter


def test_a_limit_takes_strengths_from_the_middle(tmp_path: Path) -> None:
    """An epoch of the reference network costs 0.55; after the warm-up's two, each point is expected to cost three."""
    result, meter = _search(tmp_path, UnconstrainedDnas(cost_limit=6))
    names = [candidate.name for candidate in result.candidates]
    assert names == [f"strength {s:g}" for s in UnconstrainedDnas().grid[: len(names)]]
    assert 2 <= len(names) < 9
    assert [row["epoch"] for row in result.history if row["phase"] == "search"] == [0, 1] * len(names)
    assert meter.report()["standard_trainings"]["total"] <= 6


def test_where_the_fewest_do_not_fit_all_are_shorter(tmp_path: Path) -> None:
    result, meter = _search(tmp_path, UnconstrainedDnas(cost_limit=3, fewest=2))
    assert len(result.candidates) == 2
    assert [row["epoch"] for row in result.history if row["phase"] == "search"] == [0, 0]
    assert meter.report()["standard_trainings"]["total"] <= 3


def test_a_limit_with_room_for_everything_uses_the_same_sweep(tmp_path: Path) -> None:
    free, _ = _search(tmp_path, UnconstrainedDnas(strengths=2))
    limited, _ = _search(tmp_path, UnconstrainedDnas(strengths=2, cost_limit=100))
    assert free.artefacts == limited.artefacts


def test_candidates_are_plain_networks_of_the_recorded_costs(tmp_path: Path) -> None:
    of, made = task(tmp_path, "budget.weights=25%", "recipe.mask_lr=0.2", "recipe.epochs=4")
    result = UnconstrainedDnas(strengths=3).search(of, made.budget, Meter(of.standard_macs))
    weights = [of.hardware.measure(c.network, of.input_shape)["weights"] for c in result.candidates]
    by_strength = sorted(zip((1.0, 31.6, 0.0316), weights, strict=True))
    assert by_strength[0][1] > by_strength[-1][1], "a stronger pull leads to a smaller network"


def test_a_budget_without_a_differentiable_metric_is_refused_before_training(tmp_path: Path) -> None:
    of, made = task(tmp_path)
    with pytest.raises(ValueError, match=r"none.*weights, weights_full, flash, macs, ram, latency"):
        penalised_metrics(of, made.budget)
    of, made = task(tmp_path, "budget.ram=50%", "budget.weights=50%", "budget.latency=50%")
    assert penalised_metrics(of, made.budget) == ["latency", "ram", "weights"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strengths": 0}, r"method\.strengths=0"),
        ({"fewest": 0}, r"method\.fewest=0"),
        ({"decades": 0.0}, r"method\.decades=0"),
        ({"schedule": "cosine"}, r"method\.schedule=cosine.*ramp, constant"),
        ({"cost_limit": -1.0}, r"method\.cost_limit=-1"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnconstrainedDnas(**settings)


@pytest.mark.parametrize("space", ["choices", "both"])
def test_a_sweep_over_layer_choices_serves_two_budgets(tmp_path: Path, space: str) -> None:
    tiny = (f"space={space}", "recipe.epochs=1", "recipe.train_samples=64", "recipe.eval_samples=40")
    of, made = task(tmp_path, *tiny, "budget.weights=60%")
    method = UnconstrainedDnas(strengths=2)
    results = []
    for _ in range(2):
        results.append(method.search(of, made.budget, Meter(of.standard_macs)))
    for first, again in zip(results[0].candidates, results[1].candidates, strict=True):
        assert set(first.choices) == {p.name for p in of.choices.positions}
        assert of.hardware.measure(first.network, of.input_shape) == of.hardware.measure(again.network, of.input_shape)
    assert results[0].artefacts == results[1].artefacts
    assert len(results[0].artefacts) == 1 + 2 * 2


def test_a_large_limit_pays_for_more_strengths_than_the_grid_has(tmp_path: Path) -> None:
    """A point of one search and one fine-tuning epoch costs at most 1.2 standard trainings of two."""
    short = ("recipe.search_epochs=1", "recipe.finetune_epochs=1")
    result, meter = _search(tmp_path, UnconstrainedDnas(cost_limit=15), *short)
    names = [float(candidate.name.removeprefix("strength ")) for candidate in result.candidates]
    assert names[:9] == UnconstrainedDnas().grid
    assert len(names) > 9
    assert names[9:11] == [1.54, 0.649], "between those of the grid"
    assert len(set(names)) == len(names)
    assert meter.report()["standard_trainings"]["total"] <= 15


@pytest.mark.parametrize("space", ["masks", "both"])
def test_projected_points_fit_and_share_their_searches_with_those_that_are_not(tmp_path: Path, space: str) -> None:
    tiny = (f"space={space}", "recipe.epochs=1", "recipe.train_samples=64", "recipe.eval_samples=40")
    of, made = task(tmp_path, *tiny, "budget.weights=25%", "budget.latency=50%")
    plain, projected = (
        UnconstrainedDnas(strengths=2, projection=projection).search(of, made.budget, Meter(of.standard_macs))
        for projection in ("none", "refill")
    )
    assert all(made.budget.fits(of.hardware.measure(c.network, of.input_shape)) for c in projected.candidates)
    if space == "masks":
        assert not any(made.budget.fits(of.hardware.measure(c.network, of.input_shape)) for c in plain.candidates)
    searches = [set(result.artefacts[1::2]) for result in (plain, projected)]
    assert searches[0] == searches[1]
    assert set(plain.artefacts[2::2]).isdisjoint(projected.artefacts[2::2])


def test_a_strength_at_which_training_diverges_is_charged_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others found was paid for; the same would happen on another try, so that there is none."""
    original, calls = module.fit, []

    def diverges(*args: Any, **kwargs: Any) -> Any:
        calls.append(args[3].label)
        done = original(*args, **kwargs)
        if args[3].label == "search-31.6":
            raise Diverged("the loss is nan")
        return done

    monkeypatch.setattr(module, "fit", diverges)
    result, meter = _search(tmp_path, UnconstrainedDnas(strengths=3))
    assert [c.name for c in result.candidates] == ["strength 1", "strength 0.0316"]
    assert meter.report()["standard_trainings"]["search"] == pytest.approx(3.0), "two epochs of two, three times"
    before = len(calls)
    again, _ = _search(tmp_path, UnconstrainedDnas(strengths=3))
    assert len(calls) == before
    assert [c.name for c in again.candidates] == ["strength 1", "strength 0.0316"]

    def always(*args: Any, **kwargs: Any) -> Any:
        raise Diverged("the loss is nan")

    monkeypatch.setattr(module, "fit", always)
    with pytest.raises(Diverged, match="at every strength"):
        _search(tmp_path / "all", UnconstrainedDnas(strengths=2))
