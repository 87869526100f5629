"""Methods on a device whose latency is not monotone: each returns a network that fits, near the least latency too."""

from dataclasses import replace
from pathlib import Path

import pytest
from leftovers import leftover_device
from tasks import task

from baselines.optuna_domain import domain_of
from baselines.prune_to_budget import PruneToBudget
from baselines.two_budget_scaling import TwoBudgetScaling
from baselines.width_scaling import WidthScaling
from suite.dnas.duccio import Duccio
from suite.dnas.taper import Taper
from suite.space.budget import Budget, Constraint
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter
from suite.task.task import Method, Task

METHODS = [Duccio(projection="refill"), Taper(), PruneToBudget(), WidthScaling(), TwoBudgetScaling()]


def _on_leftover_device(folder: Path) -> tuple[Task, WidthSpace]:
    """A tiny task on a device on which one channel in each group is not the fastest network."""
    of, _ = task(folder)
    hardware = leftover_device(1.7, odd=9.0)
    space = WidthSpace(of.space.network, hardware)
    return replace(of, hardware=hardware, space=space), space


def _budget(space: WidthSpace, factor: float) -> Budget:
    least = space.exact(space.find_smallest("latency"))["latency"]
    return Budget((Constraint("latency", factor * least, f"{factor} times the least"),))


@pytest.mark.parametrize("factor", [1.0, 1.5])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_result_fits(tmp_path: Path, method: Method, factor: float) -> None:
    of, space = _on_leftover_device(tmp_path)
    budget = _budget(space, factor)
    assert not budget.fits(space.exact(space.smallest)) or factor > 1
    space.check_reachable(budget)
    result = method.search(of, budget, Meter(of.standard_macs))
    assert budget.fits(of.hardware.measure(result.candidates[0].network, of.input_shape))


@pytest.mark.parametrize("method", METHODS[:3], ids=lambda method: method.name)
def test_the_history_counts_free_channels(tmp_path: Path, method: Method) -> None:
    of, space = _on_leftover_device(tmp_path)
    history = method.search(of, _budget(space, 3.0), Meter(of.standard_macs)).history
    counts = [row["free_channels"] for row in history if "free_channels" in row]
    assert counts
    assert all(row["free_channels/latency"] == row["free_channels"] for row in history if "free_channels" in row)
    assert "free_channels" not in history[0], "the warm-up has no projection before it"


def test_the_smallest_architecture_of_a_sampler_fits(tmp_path: Path) -> None:
    of, space = _on_leftover_device(tmp_path)
    budget, domain = _budget(space, 1.0), domain_of(of, 4)
    assert budget.fits(domain.exact_costs(domain.smallest(budget)))
    assert budget.fits(domain.exact_costs(domain.largest_fitting(budget)))
