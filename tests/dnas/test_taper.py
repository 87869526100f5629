"""Taper end to end on tiny data: it fits from the first epoch that is held to the budget, and costs what it may."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tasks import task, without_examples

from suite.dnas.gates import IMPORTANCES
from suite.dnas.taper import Taper, tighten_budget
from suite.records.tensors import save_tensors
from suite.space.budget import Budget, Constraint
from suite.task.meter import Meter
from suite.task.task import SearchResult, Task

BUDGET = ("budget.weights=25%", "budget.latency=50%")
LONGER = ("recipe.epochs=6",)


def _search(folder: Path, method: Taper, *overrides: str) -> "Search":
    of, plan = task(folder, *BUDGET, *LONGER, *overrides)
    meter = Meter(of.standard_macs)
    return of, plan.budget, method.search(of, plan.budget, meter), meter


Search = tuple[Task, Budget, SearchResult, Meter]


@pytest.fixture(scope="module")
def default_search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return _search(tmp_path_factory.mktemp("default"), Taper())


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return _search(tmp_path_factory.mktemp("whole"), Taper(tighten=3))


def _costs(row: Mapping[str, Any], metrics: Mapping[str, str]) -> dict[str, float]:
    return {metric: row[f"cost/{metric}"] for metric in metrics}


@pytest.mark.parametrize("importance", IMPORTANCES)
def test_every_epoch_of_the_search_meets_its_own_budget_and_the_last_the_real_one(
    importance: str, tmp_path: Path
) -> None:
    of, budget, result, _ = _search(tmp_path, Taper(tighten=3, importance=importance))
    rows = [row for row in result.history if row["phase"] == "search"]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    for i, row in enumerate(rows, 1):
        assert tighten_budget(budget, of.space.reference_costs, i / 3).fits(_costs(row, of.hardware.units))
    assert result.search_costs == _costs(rows[-1], of.hardware.units)
    assert of.hardware.measure(result.candidates[0].network, of.input_shape) == result.search_costs
    assert budget.fits(result.search_costs)


def test_no_channel_that_the_last_projection_had_would_still_fit(default_search: Search) -> None:
    _, budget, result, _ = default_search
    used = max(result.search_costs[m] / target for m, target in budget.targets.items())
    assert 0.9 < used <= 1


def test_it_trains_as_many_epochs_as_a_whole_search(default_search: Search) -> None:
    of, _, result, _ = default_search
    assert len(result.history) == of.recipe.total_epochs


@pytest.mark.parametrize("limit", [1.0, 1.4])
def test_warmup_search_and_finetuning_fit_into_the_limit_together(limit: float, tmp_path: Path) -> None:
    of, budget, result, meter = _search(tmp_path, Taper(cost_limit=limit))
    final_pass = result.search_costs["macs"] * len(of.validation)  # the harness's own pass
    spent = (meter.total().macs + final_pass) / of.standard_macs
    assert spent <= limit
    assert spent > limit - 0.1
    assert budget.fits(result.search_costs)
    assert len(result.history) <= of.recipe.total_epochs


def test_what_a_small_network_leaves_of_the_limit_goes_to_warmup_and_search(tmp_path: Path) -> None:
    lengths = []
    for share in ("50%", "25%", "6%"):
        of, plan = task(tmp_path, f"budget.weights={share}", f"budget.macs={share}", "recipe.epochs=12")
        lengths.append(Taper(cost_limit=1.0).choose_lengths(of, plan.budget))
    warmups, searches = zip(*lengths, strict=True)
    assert warmups == searches == tuple(sorted(warmups))
    assert warmups[-1] > warmups[0]


def test_lengths_that_leave_nothing_to_finetuning_are_refused(tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET, *LONGER)
    meter = Meter(of.standard_macs)
    with pytest.raises(ValueError, match=r"method\.warmup=9, method\.tighten=9: leave nothing of the 18 epochs"):
        Taper(warmup=9, tighten=9).search(of, plan.budget, meter)
    assert meter.total().macs == 0
    with pytest.raises(ValueError, match=r"leave nothing of the 18 epochs"):
        Taper(warmup=9, tighten=9).check(without_examples(of), plan.budget)


def test_gates_computed_before_a_kill_are_not_computed_again(
    uninterrupted: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, budget, first, meter = uninterrupted
    monkeypatch.setattr("suite.dnas.gates.gate_importance", lambda *_: pytest.fail("computed again"))
    again = Meter(of.standard_macs)
    second = Taper(tighten=3).search(of, budget, again)
    assert second.history == first.history
    assert again.total().macs == meter.total().macs


@pytest.mark.parametrize("saves", [1, 3, 4, 6])
def test_a_kill_at_any_checkpoint_changes_nothing(
    saves: int, uninterrupted: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = Taper(tighten=3)
    _, _, whole, meter = uninterrupted
    left = iter(range(saves))
    save = save_tensors

    def kill(path: Path, state: Mapping[str, Any]) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(path, state)

    with monkeypatch.context() as patch:
        for module in ("suite.task.training", "suite.dnas.gates"):
            patch.setattr(f"{module}.save_tensors", kill)
        with pytest.raises(KeyboardInterrupt):
            _search(tmp_path / "killed", method)
    _, _, resumed, again = _search(tmp_path / "killed", method)
    assert resumed.history == whole.history
    weights = [result.candidates[0].network.state_dict() for result in (whole, resumed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert again.total().macs == meter.total().macs


def test_a_last_batch_of_one_example_is_no_obstacle(tmp_path: Path) -> None:
    _, _, result, _ = _search(tmp_path, Taper(), "recipe.train_samples=321", "recipe.batch=32")
    assert result.candidates


def test_a_warmup_that_the_limit_cannot_pay_for_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET, *LONGER)
    meter = Meter(of.standard_macs)
    with pytest.raises(ValueError, match=r"method\.cost_limit=1: a warm-up of 6 .* at least 1\.[0-9]+ standard"):
        Taper(cost_limit=1, warmup=6).search(of, plan.budget, meter)
    assert meter.total().macs == 0
    with pytest.raises(ValueError, match=r"method\.cost_limit=1: a warm-up of 6"):
        Taper(cost_limit=1, warmup=6).check(without_examples(of), plan.budget)
    Taper(cost_limit=1).check(without_examples(of), plan.budget)


@pytest.mark.parametrize("method", [Taper(cost_limit=1.1, tighten=12), Taper(cost_limit=1, warmup=3, tighten=4)])
def test_a_search_that_the_limit_cannot_pay_for_ends_early_on_the_budget_itself(method: Taper, tmp_path: Path) -> None:
    of, budget, result, meter = _search(tmp_path, method)
    final_pass = result.search_costs["macs"] * len(of.validation)
    assert (meter.total().macs + final_pass) / of.standard_macs <= method.cost_limit
    assert budget.fits(result.search_costs)
    assert 1 <= sum(row["phase"] == "search" for row in result.history) < method.tighten
    assert sum(row["phase"] == "finetune" for row in result.history) >= 1


@pytest.mark.parametrize("budget", [("budget.weights=90%",), ("budget.ram=99%",)])
@pytest.mark.parametrize("limit", [0.56, 0.7, 1.0])
def test_the_limit_holds_where_the_result_costs_as_much_as_the_reference_network(
    budget: tuple[str, ...], limit: float, tmp_path: Path
) -> None:
    of, plan = task(tmp_path, *budget, *LONGER)
    meter = Meter(of.standard_macs)
    result = Taper(cost_limit=limit).search(of, plan.budget, meter)
    final_pass = result.search_costs["macs"] * len(of.validation)
    assert (meter.total().macs + final_pass) / of.standard_macs <= limit


@given(
    start=st.floats(1, 1e9),
    target=st.floats(1, 1e9),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_the_budget_falls_from_the_reference_costs_to_the_targets(
    start: float, target: float, shares: list[float]
) -> None:
    budget = Budget((Constraint("weights", target, ""),))
    early, late = (tighten_budget(budget, {"weights": start}, share).targets["weights"] for share in sorted(shares))
    assert late <= early * (1 + 1e-9)
    assert target <= late * (1 + 1e-9)
    assert early <= max(start, target) * (1 + 1e-9)
    assert tighten_budget(budget, {"weights": start}, 1.0) == budget


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"warmup": 0}, "method.warmup=0"),
        ({"tighten": 1.5}, "method.tighten=1.5"),
        ({"importance": "luck"}, "gradient, magnitude, uniform"),
        ({"cost_limit": -1.0}, "method.cost_limit=-1"),
    ],
)
def test_bad_options_are_named(setting: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Taper(**setting)
