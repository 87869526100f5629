"""Compaction within a search: the same decisions for less, charged for what is computed, resumed bit for bit."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tasks import task

from suite.dnas.duccio import Duccio
from suite.dnas.objective import MaskObjective
from suite.dnas.penalty import PenaltyRule
from suite.task.meter import Meter
from suite.task.task import SearchResult

# many steps an epoch: most channels close within a few epochs, at a rate at which momentum cannot open them again
SETTINGS = ("budget.weights=25%", "budget.latency=50%", "recipe.mask_lr=0.006", "recipe.batch=8", "recipe.epochs=5")


def _search(folder: Path, *overrides: str, shape: str = "hinge", **options: Any) -> tuple[SearchResult, Meter]:
    of, plan = task(folder, *SETTINGS, *overrides)
    meter = Meter(of.standard_macs)
    method = Duccio(penalty=PenaltyRule(shape=shape, schedule="constant", strength=10), **options)
    return method.search(of, plan.budget, meter), meter


def _column(result: SearchResult, name: str) -> list[float]:
    return [row[name] for row in result.history if row["phase"] == "search"]


@pytest.mark.parametrize("shape", ["hinge", "objective"])
def test_the_same_channels_close_for_less(tmp_path: Path, shape: str) -> None:
    few = "recipe.epochs=4"  # in many, rounding alone would lead two runs apart
    compact, spent = _search(tmp_path / "compact", few, shape=shape)
    whole, full = _search(tmp_path / "whole", few, shape=shape, compaction=False)
    for metric in ("weights", "macs", "latency", "ram"):
        assert _column(compact, f"cost/{metric}") == _column(whole, f"cost/{metric}")
    assert _column(compact, "loss") == pytest.approx(_column(whole, "loss"), rel=1e-2)
    assert spent.report()["standard_trainings"]["search"] < 0.8
    assert full.report()["standard_trainings"]["search"] == pytest.approx(1.0)


def test_an_epoch_is_charged_for_the_channels_that_were_open_when_it_began(tmp_path: Path) -> None:
    result, meter = _search(tmp_path)
    of, _ = task(tmp_path, *SETTINGS)
    ends = _column(result, "cost/macs")
    assert min(ends) < ends[0], "masks must close after the first epoch for this test to say anything"
    computed = [of.space.reference_costs["macs"], *ends[:-1]]
    assert meter.phases["search"].macs == 3 * len(of.train) * sum(computed)


def test_where_momentum_could_reopen_channels_everything_is_computed(tmp_path: Path) -> None:
    _, meter = _search(tmp_path, "recipe.mask_lr=0.1")
    assert meter.report()["standard_trainings"]["search"] == pytest.approx(1.0)


def test_where_the_penalty_can_reopen_channels_everything_is_computed(tmp_path: Path) -> None:
    result, meter = _search(tmp_path, "recipe.mask_lr=0.1", shape="abs")
    assert meter.report()["standard_trainings"]["search"] == pytest.approx(1.0)
    costs = _column(result, "cost/macs")
    assert any(later > earlier for earlier, later in pairwise(costs)), "channels did reopen"


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_search_that_is_cut_off_continues_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimiser: str
) -> None:
    recipe = (f"recipe.search.optimiser={optimiser}", "recipe.search.momentum=0.9", "recipe.search.lr=0.01")
    whole, spent = _search(tmp_path / "whole", *recipe)
    original, epochs = MaskObjective.end_epoch, []

    def dies(self: MaskObjective, optimiser: torch.optim.Optimizer) -> None:
        epochs.append(1)
        if len(epochs) in (3, 6):  # after two epochs, and after two more that followed a resumption
            raise KeyboardInterrupt
        original(self, optimiser)

    with monkeypatch.context() as patched:
        patched.setattr(MaskObjective, "end_epoch", dies)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                _search(tmp_path / "cut", *recipe)
    resumed, again = _search(tmp_path / "cut", *recipe)
    assert resumed.history == whole.history
    expected = whole.candidates[0].network.state_dict()
    continued = resumed.candidates[0].network.state_dict()
    assert all(torch.equal(continued[name], expected[name]) for name in expected)
    assert again.phases["search"].macs == spent.phases["search"].macs
