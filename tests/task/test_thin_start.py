"""Searches that start from a thinned reference network: above the budget by so much and no more, at the old price."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tasks import plan, task

from suite import SuiteError
from suite.dnas.duccio import Duccio
from suite.dnas.taper import Taper
from suite.engine.preflight import check_method
from suite.task.meter import Meter
from suite.task.thin_start import thin_start

BUDGET = ("budget.weights=25%", "budget.latency=50%")


@settings(max_examples=8, deadline=None)
@given(start=st.floats(1, 10))
def test_the_start_meets_so_many_times_each_limit_and_uses_most_of_one(
    start: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    of, made = task(tmp_path_factory.mktemp("start"), *BUDGET)
    whole, costs = of.space.reference_costs, thin_start(of, made.budget, start).space.reference_costs
    limits = {m: min(start * target, whole[m]) for m, target in made.budget.targets.items()}
    shares = [costs[m] / limit for m, limit in limits.items()]
    assert max(shares) <= 1
    assert max(shares) > 0.8


def test_its_networks_have_the_widths_of_its_space_and_the_unit_of_cost_stays(tmp_path: Path) -> None:
    of, made = task(tmp_path, *BUDGET)
    thin = thin_start(of, made.budget, 1.5)
    assert thin.hardware.measure(thin.new_network(), thin.input_shape) == thin.space.reference_costs
    assert thin.space.reference_costs["weights"] < of.space.reference_costs["weights"]
    assert thin.standard_macs == of.standard_macs
    assert thin.shared_key != of.shared_key
    assert thin_start(of, made.budget, None) is of


def _search(method: Duccio | Taper, folder: Path) -> float:
    """The standard trainings that a search costs; its network fits."""
    of, made = task(folder, *BUDGET, "recipe.epochs=6", "recipe.mask_lr=0.1")
    meter = Meter(of.standard_macs)
    result = method.search(of, made.budget, meter)
    assert made.budget.fits(of.hardware.measure(result.candidates[0].network, of.input_shape))
    return meter.total().macs / of.standard_macs


def test_a_search_from_there_fits_and_costs_less(tmp_path: Path) -> None:
    whole = _search(Duccio(projection="refill"), tmp_path / "whole")
    assert _search(Duccio(projection="refill", start=1.5), tmp_path / "thin") < 0.9 * whole


@pytest.mark.parametrize("method", [Duccio, Taper])
def test_a_limit_on_cost_is_used_and_kept(method: type[Duccio] | type[Taper], tmp_path: Path) -> None:
    assert 0.8 < _search(method(projection="refill", start=1.5, cost_limit=1.0), tmp_path) <= 1


@pytest.mark.parametrize("method", [Duccio, Taper])
def test_a_limit_too_small_for_the_whole_network_may_pay_from_there(
    method: type[Duccio] | type[Taper], tmp_path: Path
) -> None:
    of, made = task(tmp_path, *BUDGET, "recipe.epochs=6")
    limit = 0.4
    with pytest.raises(ValueError, match=r"cost_limit=0\.4"):
        method(cost_limit=limit).check(of, made.budget)
    method(start=1.0, cost_limit=limit).check(of, made.budget)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("method.start=0.9",), r"method\.start=0\.9: at least 1"),
        (("method=taper", "method.start=0"), r"method\.start=0.*: at least 1"),
    ],
)
def test_a_start_below_the_budget_is_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        plan(*overrides, *BUDGET)


def test_layer_choices_have_no_thin_start(tmp_path: Path) -> None:
    of, made = task(tmp_path, *BUDGET, "space=choices", "method.start=2")
    with pytest.raises(SuiteError, match=r"method\.start=2\.0?: .* needs space=masks"):
        check_method(made, of)
