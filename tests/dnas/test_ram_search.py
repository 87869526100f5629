"""Peak RAM inside the search: its straight-through form, the projection on it, and DUCCIO with all metrics at once."""

from pathlib import Path

import pytest
import torch
from devices import device
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from masked_networks import export
from networks import shaped_networks
from tasks import task
from torch import nn

import suite.space.width_space as space_module
from suite.dnas.duccio import Duccio
from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import PenaltyRule
from suite.hardware.ram import ALIGNMENT
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.budget import Budget, Constraint
from suite.space.groups import count_open
from suite.space.projection import project
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter

Example = tuple[nn.Module, tuple[int, ...]]
REFERENCES = {
    "resnet8": (ResNet8, (3, 32, 32), "nucleo_l4r5zi"),
    "ds_cnn": (DsCnn, (1, 49, 10), "nucleo_l4r5zi"),
    "mobilenet": (MobileNetV1, (3, 96, 96), "gap8"),
}


def _space(name: str) -> WidthSpace:
    build, shape, board = REFERENCES[name]
    return WidthSpace(trace(build(), shape), device(board))


def _widths(space: WidthSpace, generator: torch.Generator) -> list[int]:
    draws = torch.rand(len(space.groups), generator=generator).tolist()
    return [n if f else 1 + int(u * n) for u, n, f in zip(draws, space.groups.sizes, space.groups.frozen, strict=True)]


def _ram_slopes(space: WidthSpace, widths: list[int]) -> tuple[float, list[float]]:
    counts = torch.tensor(widths, dtype=torch.float64, requires_grad=True)
    cost = space.relaxed(counts, ["ram"])["ram"]
    (slopes,) = torch.autograd.grad(cost, counts)
    return cost.item(), slopes.tolist()


@settings(max_examples=60)
@given(example=shaped_networks(), seed=st.integers(0, 9999))
def test_relaxed_ram_at_binary_masks_equals_the_plan_of_the_exported_network(example: Example, seed: int) -> None:
    network, shape = example
    layers = trace(network, shape)
    space = WidthSpace(layers, device("gap8"))
    masked = MaskedNetwork(network, layers, space.groups)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        masked.masks.alpha[torch.rand(len(masked.masks.alpha), generator=generator) < 0.5] = 0.2
    cost = space.relaxed(masked.counts, ["weights", "ram"])["ram"]
    assert cost.item() == space.hardware.measure(export(masked), shape)["ram"]


@settings(max_examples=60)
@given(example=shaped_networks(), seed=st.integers(0, 9999))
def test_slopes_are_those_of_the_buffers_that_hold_the_peak_up(example: Example, seed: int) -> None:
    network, shape = example
    space = WidthSpace(trace(network, shape), device("gap8"))
    widths = _widths(space, torch.Generator().manual_seed(seed))
    value, slopes = _ram_slopes(space, widths)
    plan, elements = space.memory_plan(widths), space._buffer_features
    assert value == plan.peak
    assert min(slopes) >= 0
    holding = {g for i, slope in enumerate(plan.slopes) if slope for g in elements[i].nonzero().flatten().tolist()}
    assert {g for g, slope in enumerate(slopes) if slope} == holding
    # every byte of the peak belongs to some channel, but for what alignment adds to each buffer of a pile
    held = sum(slope * width for slope, width in zip(slopes, widths, strict=True))
    assert value - ALIGNMENT * len(plan.offsets) < held <= value + 1e-9


@settings(max_examples=100)
@given(name=st.sampled_from(list(REFERENCES)), seed=st.integers(0, 9999), data=st.data())
def test_one_more_channel_adds_the_slope_up_to_alignment(name: str, seed: int, data: st.DataObject) -> None:
    space = _space(name)
    widths = _widths(space, torch.Generator().manual_seed(seed))
    group = data.draw(st.sampled_from(space.free))
    assume(widths[group] < space.full[group])
    before, after = (space.memory_plan([w + extra * (g == group) for g, w in enumerate(widths)]) for extra in (0, 1))
    assume((before.order, before.supports, before.tops) == (after.order, after.supports, after.tops))
    _, slopes = _ram_slopes(space, widths)
    assert abs(after.peak - before.peak - slopes[group]) < ALIGNMENT * len(before.offsets)
    assert (after.peak > before.peak) <= (slopes[group] > 0)


def test_slopes_of_mobilenet_by_hand() -> None:
    """Two maps of 36,864 bytes on each other: the stem's 8 channels of 48x48 twice, the first block's 16."""
    space = _space("mobilenet")
    value, slopes = _ram_slopes(space, list(space.full))
    assert value == 73_728
    named = dict(zip(space.groups.names, slopes, strict=True))
    assert {name: slope for name, slope in named.items() if slope} == {
        "stem": 2 * 48 * 48, "blocks.0.pointwise": 48 * 48
    }  # fmt: skip


def test_fractional_counts_are_rounded() -> None:
    space = _space("resnet8")
    counts = torch.tensor(space.full, dtype=torch.float64)
    counts[space.free[0]] -= 0.4
    assert space.relaxed(counts, ["ram"])["ram"].item() == space.reference_costs["ram"]
    counts[space.free[0]] -= 0.2
    assert space.relaxed(counts, ["ram"])["ram"].item() < space.reference_costs["ram"]


def test_the_plan_is_made_anew_only_where_a_width_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = space_module.plan_memory
    monkeypatch.setattr(space_module, "plan_memory", lambda tensors: calls.append(1) or original(tensors))
    space = _space("ds_cnn")
    counts = torch.tensor(space.full, dtype=torch.float64, requires_grad=True)
    for _ in range(3):
        space.relaxed(counts, ["ram"])["ram"].backward()
    assert len(calls) == 1
    counts.data[space.free[0]] -= 1
    space.relaxed(counts, ["ram"])
    assert len(calls) == 2


class TestGuarantee:
    """Repair and refill where the cost is no sum and not monotone."""

    @settings(max_examples=60)
    @given(example=shaped_networks(), seed=st.integers(0, 9999), data=st.data())
    def test_any_reachable_budget_of_ram_and_weights_is_met_and_used_up(
        self, example: Example, seed: int, data: st.DataObject
    ) -> None:
        network, shape = example
        space = WidthSpace(trace(network, shape), device("gap8"))
        least = space.exact(space.smallest)
        constraints = []
        for metric in data.draw(st.sampled_from([("ram",), ("ram", "weights"), ("weights", "ram", "latency")])):
            share = data.draw(st.floats(0, 1))
            target = least[metric] + share * max(space.reference_costs[metric] - least[metric], 0)
            constraints.append(Constraint(metric, target, f"{share:.0%} of the way"))
        budget = Budget(tuple(constraints))
        generator = torch.Generator().manual_seed(seed)
        importance = [torch.rand(n, generator=generator) for n in space.full]
        open_channels = project(space, budget, space.groups.open_all(), importance, "refill").open_channels
        widths = count_open(open_channels)
        assert budget.fits(space.exact(widths))
        for group in space.free:
            if widths[group] < space.full[group]:
                assert not budget.fits(space.exact([w + (g == group) for g, w in enumerate(widths)]))

    def test_groups_that_only_help_together_are_thinned_together(self) -> None:
        """DS-CNN's maps are all alike: no group alone lowers the peak, and none may be starved for it."""
        space = _space("ds_cnn")
        budget = Budget((Constraint("ram", 0.5 * space.reference_costs["ram"], "50%"),))
        even = [torch.ones(n, dtype=torch.float64) for n in space.full]
        open_channels = project(space, budget, space.groups.open_all(), even, "refill").open_channels
        assert [count_open(open_channels)[g] for g in space.free] == [32] * 5
        assert space.exact(count_open(open_channels))["ram"] == 0.5 * space.reference_costs["ram"]

    def test_a_large_step_of_one_group_does_not_hide_small_ones_of_it(self) -> None:
        """At 9 channels of ResNet8's stem one less needs more RAM: the way down leads over it, not to 2 channels."""
        space = _space("resnet8")
        budget = Budget((Constraint("ram", 0.5 * space.reference_costs["ram"], "50%"),))
        even = [torch.ones(n, dtype=torch.float64) for n in space.full]
        open_channels = project(space, budget, space.groups.open_all(), even, "refill").open_channels
        shares = [float(open_channels[g].double().mean()) for g in space.free]
        assert min(shares) > 0.3

    def test_what_no_network_meets_is_an_error_and_no_endless_loop(self) -> None:
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 144, 2))
        space = WidthSpace(trace(network, (3, 16, 16)), device("gap8"))  # its input alone has 768 bytes
        budget = Budget((Constraint("ram", 760.0, "760"),))
        even = [torch.ones(n, dtype=torch.float64) for n in space.full]
        with pytest.raises(ValueError, match="760"):
            project(space, budget, space.groups.open_all(), even, "repair")


def _search(folder: Path, method: Duccio, *overrides: str):
    of, plan = task(folder, *overrides)
    return of, plan.budget, method.search(of, plan.budget, Meter(of.standard_macs))


def test_duccio_takes_all_five_metrics_at_once(tmp_path: Path) -> None:
    shares = {"weights": "40%", "ram": "60%", "macs": "50%", "latency": "60%", "energy": "55%"}
    of, budget, result = _search(tmp_path, Duccio(projection="refill"), *(f"budget.{m}={s}" for m, s in shares.items()))
    assert set(budget.targets) == set(shares)
    assert budget.fits(of.hardware.measure(result.candidates[0].network, of.input_shape))
    row = next(r for r in result.history if r["phase"] == "search")
    assert all(row[f"strength/{metric}"] > 0 for metric in shares)


def test_the_penalty_alone_brings_the_peak_down(tmp_path: Path) -> None:
    fast = ("recipe.mask_lr=0.1", "recipe.epochs=8", "budget.ram=50%")
    method = Duccio(penalty=PenaltyRule(schedule="constant", strength=10), projection="none")
    of, budget, result = _search(tmp_path, method, *fast)
    assert of.space.reference_costs["ram"] > budget.targets["ram"]
    assert budget.fits(result.search_costs)
    assert result.search_costs["weights"] < of.space.reference_costs["weights"]
