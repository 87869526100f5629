"""Pruning: channels that stay keep their weights, the least important go, training is as long as DUCCIO's."""

from pathlib import Path

import torch
from tasks import task
from torch import nn

from baselines.prune_to_budget import PruneToBudget
from suite.dnas.masks import MaskedNetwork
from suite.hardware.trace import trace
from suite.space.budget import Budget
from suite.space.groups import channel_groups
from suite.space.importance import channel_importance
from suite.space.projection import project, project_network
from suite.task.meter import Meter
from suite.task.reference_training import train_reference
from suite.task.task import Task

BUDGET = ("budget.weights=25%", "budget.latency=50%")


def _prune(of: Task, network: nn.Module, budget: Budget) -> nn.Module:
    importance = channel_importance(network, of.space.network, of.space.groups)
    return project_network(network, of.space, budget, "refill", importance=importance).network


def test_before_fine_tuning_the_function_is_that_of_the_trained_network_with_channels_masked(tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET)
    trained = train_reference(of, Meter(of.standard_macs), 2).network
    pruned = _prune(of, trained, plan.budget).eval()
    assert plan.budget.fits(of.hardware.measure(pruned, of.input_shape))

    groups = of.space.groups
    importance = channel_importance(trained, of.space.network, groups)
    all_channels = [torch.ones(n, dtype=torch.bool) for n in groups.sizes]
    open_channels = torch.cat(project(of.space, plan.budget, all_channels, importance, "refill").open_channels)
    masked = MaskedNetwork(trained, of.space.network, groups).eval()
    frozen = torch.cat([torch.full((n,), f) for n, f in zip(groups.sizes, groups.frozen, strict=True)])
    masked.masks.locked = frozen  # a search never closes the last channel of a group, pruning may
    with torch.no_grad():
        masked.masks.alpha[~open_channels] = 0.0
    x = of.preprocess(of.validation.x)
    expected = masked(x).detach()
    assert torch.allclose(pruned(x), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert int(open_channels.sum()) < len(open_channels)


def test_the_reference_network_stays_whole_where_it_fits(tmp_path: Path) -> None:
    of, plan = task(tmp_path, "budget.weights=100%")
    trained = train_reference(of, Meter(of.standard_macs), 2).network
    pruned = _prune(of, trained, plan.budget)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), pruned.parameters(), strict=True))


def test_fine_tuning_is_as_long_as_search_and_fine_tuning_of_the_recipe(tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET, "recipe.search_epochs=3", "recipe.finetune_epochs=1")
    for length, epochs in (("equal", 4), ("standard", 1)):
        meter = Meter(of.standard_macs)
        of.workspace.checkpoint("finetune").unlink(missing_ok=True)
        history = PruneToBudget(length=length).search(of, plan.budget, meter).history
        assert [row["phase"] for row in history] == ["warmup"] * 2 + ["finetune"] * epochs
        assert meter.phases["search"].macs == 0


def test_the_warm_up_is_shared_with_a_search(tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET)
    warmup = train_reference(of, Meter(of.standard_macs), of.recipe.epochs)
    meter = Meter(of.standard_macs)
    assert PruneToBudget().search(of, plan.budget, meter).artefacts == [warmup.artefact]
    assert meter.report()["standard_trainings"]["warmup"] == 1.0


def test_gate_gradients_rank_other_channels_than_magnitudes_and_are_charged(tmp_path: Path) -> None:
    results = {}
    for importance in ("magnitude", "gradient"):
        of, plan = task(tmp_path / importance, *BUDGET)
        meter = Meter(of.standard_macs)
        network = PruneToBudget(importance=importance).search(of, plan.budget, meter).candidates[0].network
        assert plan.budget.fits(of.hardware.measure(network, of.input_shape))
        results[importance] = tuple(channel_groups(trace(network, of.input_shape)).sizes), meter.phases["search"].macs
    (by_magnitude, free), (by_gradient, charged) = results["magnitude"], results["gradient"]
    assert by_magnitude != by_gradient
    assert (free, charged) == (0, 3 * len(of.train) * of.space.reference_costs["macs"]), (
        "at most 1,000 examples, 320 here"
    )


def test_without_refill_a_pruned_network_leaves_room(tmp_path: Path) -> None:
    widths = {}
    for projection in ("none", "repair", "refill"):
        of, plan = task(tmp_path / projection, "budget.ram=40%")  # not monotone: repair removes more than it had to
        result = PruneToBudget(projection=projection).search(of, plan.budget, Meter(of.standard_macs))
        widths[projection] = sum(channel_groups(trace(result.candidates[0].network, of.input_shape)).sizes)
    assert widths["none"] == widths["repair"] < widths["refill"]
