"""Repair and refill under a latency that is not monotone in channels: the guarantee, blocks, free channels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from leftovers import leftover_device
from networks import SHAPE, networks
from torch import Tensor, nn

from suite import SuiteError
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.space.budget import Budget, Constraint
from suite.space.channel_state import ChannelState
from suite.space.groups import count_open
from suite.space.projection import project
from suite.space.refill import Addition, FreeChannels, refill, refill_steps
from suite.space.repair import repair
from suite.space.scaling import largest_scaled_widths
from suite.space.width_space import WidthSpace

METRICS = [("latency",), ("weights", "latency"), ("ram", "latency"), ("macs", "energy", "ram")]
DS_CNN = WidthSpace(trace(DsCnn(), (1, 49, 10)), leftover_device(8.0))


def _masks(space: WidthSpace, generator: torch.Generator) -> list[Tensor]:
    """Random open channels, at least one in each group, all in frozen ones."""
    masks = []
    for size, frozen in zip(space.full, space.groups.frozen, strict=True):
        mask = torch.rand(size, generator=generator) < torch.rand((), generator=generator)
        mask[-1] = True
        masks.append(torch.ones(size, dtype=torch.bool) if frozen else mask)
    return masks


def _reachable_budget(space: WidthSpace, data: st.DataObject) -> Budget | None:
    """Random limits between half the smallest and the largest cost; None where no network meets them."""
    constraints = []
    for metric in data.draw(st.sampled_from(METRICS)):
        low = space.exact(space.find_smallest(metric))[metric]
        target = 0.5 * low + data.draw(st.floats(0, 1)) ** 2 * space.reference_costs[metric]
        constraints.append(Constraint(metric, target, "some"))
    budget = Budget(tuple(constraints))
    try:
        space.check_reachable(budget)
    except SuiteError:
        return None
    return budget


def _assert_no_group_can_grow(space: WidthSpace, budget: Budget, widths: list[int]) -> None:
    for group in space.free:
        for width in range(widths[group] + 1, space.full[group] + 1):
            larger = [width if g == group else w for g, w in enumerate(widths)]
            assert not budget.fits(space.exact(larger)), f"group {group} has room for {width} channels"


@settings(max_examples=80, deadline=None)
@given(network=networks(), leftover=st.floats(1, 40), odd=st.floats(1, 5), seed=st.integers(0, 999), data=st.data())
def test_whatever_planning_accepts_is_met_and_used_up(
    network: nn.Module, leftover: float, odd: float, seed: int, data: st.DataObject
) -> None:
    space = WidthSpace(trace(network, SHAPE), leftover_device(leftover, odd))
    budget = _reachable_budget(space, data)
    if budget is None:
        return
    generator = torch.Generator().manual_seed(seed)
    masks = _masks(space, generator)
    importance = [torch.rand(n, generator=generator, dtype=torch.float64) for n in space.full]
    repaired = project(space, budget, masks, importance, "repair").open_channels
    assert budget.fits(space.exact(count_open(repaired)))
    refilled = project(space, budget, masks, importance, "refill").open_channels
    widths = count_open(refilled)
    assert min(widths) >= 1
    assert all(w == n for w, n, f in zip(widths, space.full, space.groups.frozen, strict=True) if f)
    assert budget.fits(space.exact(widths))
    _assert_no_group_can_grow(space, budget, widths)


def test_repair_ends_at_the_floor_though_the_search_closed_channels_of_it() -> None:
    """One channel in each group is too slow, and removing channels cannot mend that."""
    space = WidthSpace(trace(DsCnn(), (1, 49, 10)), leftover_device(20.0))
    floor = space.find_smallest("latency")
    limit = Constraint("latency", space.exact(floor)["latency"], "the least")
    masks = [torch.arange(n) < (n if f else 1) for n, f in zip(space.full, space.groups.frozen, strict=True)]
    assert not Budget((limit,)).fits(space.exact(count_open(masks)))
    state = ChannelState(space, Budget((limit,)), masks, [torch.ones(n) for n in space.full])
    repair(state)
    assert tuple(state.widths) == floor


def test_repair_takes_whole_groups_of_four_where_one_channel_less_is_slower() -> None:
    limit = Constraint("latency", 0.97 * DS_CNN.reference_costs["latency"], "97%")
    even = [torch.ones(n, dtype=torch.float64) for n in DS_CNN.full]
    repaired = count_open(project(DS_CNN, Budget((limit,)), DS_CNN.groups.open_all(), even, "repair").open_channels)
    assert {repaired[group] % 4 for group in DS_CNN.free} == {0}


def test_repair_removes_the_block_that_saves_most_for_its_importance() -> None:
    """With leftovers at three times the price, 61 channels are a little faster than 64, but 60 are much faster."""
    space = WidthSpace(trace(DsCnn(), (1, 49, 10)), leftover_device(3.0))
    limit = Constraint("latency", 0.97 * space.reference_costs["latency"], "97%")
    even = [torch.ones(n, dtype=torch.float64) for n in space.full]
    repaired = count_open(project(space, Budget((limit,)), space.groups.open_all(), even, "repair").open_channels)
    assert {repaired[group] % 4 for group in space.free[:-1]} == {0}


def test_no_group_is_starved_by_large_blocks() -> None:
    space = WidthSpace(trace(DsCnn(), (1, 49, 10)), leftover_device(2.0))
    limit = Constraint("latency", 0.5 * space.reference_costs["latency"], "50%")
    even = [torch.ones(n, dtype=torch.float64) for n in space.full]
    repaired = count_open(project(space, Budget((limit,)), space.groups.open_all(), even, "repair").open_channels)
    assert min(repaired[group] for group in space.free) > 0.4 * 64


def test_repair_removes_nothing_of_a_given_floor() -> None:
    floor = tuple(n if f else 20 for n, f in zip(DS_CNN.full, DS_CNN.groups.frozen, strict=True))
    budget = Budget((Constraint("latency", DS_CNN.exact(floor)["latency"], "that of the floor"),))
    importance = [torch.arange(n, dtype=torch.float64) + 1 for n in DS_CNN.full]
    projected = project(DS_CNN, budget, DS_CNN.groups.open_all(), importance, "repair", floor)
    assert all(w >= f for w, f in zip(count_open(projected.open_channels), floor, strict=True))


def _thinned(width: int) -> list[Tensor]:
    """All groups of DS-CNN's network at `width` channels."""
    return [torch.arange(n) < (n if f else width) for n, f in zip(DS_CNN.full, DS_CNN.groups.frozen, strict=True)]


@pytest.mark.parametrize(("after", "free"), [(2.0, False), (1.0, True), (0.5, True)])
def test_only_a_cost_that_does_not_rise_is_free(after: float, free: bool) -> None:
    limit, addition = Constraint("latency", 3.0, "x"), Addition(1, {"latency": 1.0}, {"latency": after})
    assert addition.is_free(limit) == free


@pytest.mark.parametrize("width", [29, 30, 31])
def test_what_makes_the_network_faster_is_given_back_and_counted_as_free(width: int) -> None:
    """Exactly the latency that the network has is allowed, and it is faster with 32 channels in most groups alone."""
    masks = _thinned(width)
    latency = DS_CNN.exact(count_open(masks))["latency"]
    faster = [g for g in DS_CNN.free if DS_CNN.cost_curve(count_open(masks), g, "latency")[31] < latency]
    assert len(faster) >= 3
    even = [torch.ones(n, dtype=torch.float64) for n in DS_CNN.full]
    state = ChannelState(DS_CNN, Budget((Constraint("latency", latency, "x"),)), masks, even)
    free_channels = refill(state)
    assert all(state.widths[group] >= 32 for group in faster)
    assert state.costs.present["latency"] <= latency
    assert free_channels.total == free_channels.by_metric["latency"] >= (32 - width) * len(faster)


def test_what_is_free_in_latency_is_not_free_where_weights_are_limited() -> None:
    masks = _thinned(29)
    costs = DS_CNN.exact(count_open(_thinned(32)))
    limits = [Constraint(metric, 1.001 * costs[metric], metric) for metric in ("weights", "latency")]
    even = [torch.ones(n, dtype=torch.float64) for n in DS_CNN.full]
    free_channels = project(DS_CNN, Budget(tuple(limits)), masks, even, "refill").free_channels
    assert free_channels.total == free_channels.by_metric["weights"] == 0
    assert free_channels.by_metric["latency"] > 0
    assert free_channels.columns == {
        "free_channels": 0,
        "free_channels/weights": 0,
        "free_channels/latency": free_channels.by_metric["latency"],
    }


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.002, 1), leftover=st.floats(1, 40))
def test_width_scaling_takes_the_largest_factor_that_fits(share: float, leftover: float) -> None:
    space = WidthSpace(trace(DsCnn(), (1, 49, 10)), leftover_device(leftover))
    budget = Budget((Constraint("latency", share * space.reference_costs["latency"], "share"),))
    if space.find_fitting(budget) is None:
        return
    widths = largest_scaled_widths(space, budget)
    assert budget.fits(space.exact(widths))
    for channels in range(widths[space.free[0]] + 1, 65):
        uniform = [n if f else channels for n, f in zip(space.full, space.groups.frozen, strict=True)]
        assert not budget.fits(space.exact(uniform))


def test_a_latency_that_falls_does_not_pay_for_weights() -> None:
    """There is room for the weights of one channel: the important one is opened, not one that saves latency."""
    masks, last = _thinned(31), DS_CNN.free[-1]  # behind the last group is the output layer alone
    costs = DS_CNN.exact(count_open(masks))
    limits = [Constraint("weights", costs["weights"] + 72, "w"), Constraint("latency", 2 * costs["latency"], "l")]
    importance = [torch.ones(n, dtype=torch.float64) for n in DS_CNN.full]
    importance[last][31] = 5.0
    state = ChannelState(DS_CNN, Budget(tuple(limits)), masks, importance)
    refill(state)
    assert [g for g in DS_CNN.free if state.widths[g] > 31] == [last]


@pytest.mark.parametrize("seed", range(6))
def test_each_step_of_refill_brings_the_most_importance_per_cost_of_all_blocks(seed: int) -> None:
    """Against an enumeration of every number of channels of every group with the network's exact costs."""
    generator = torch.Generator().manual_seed(seed)
    importance = [torch.rand(n, generator=generator, dtype=torch.float64) + 0.1 for n in DS_CNN.full]
    masks = [m if f else m & (torch.arange(len(m)) % 3 > 0)
             for m, f in zip(_masks(DS_CNN, generator), DS_CNN.groups.frozen, strict=True)]  # fmt: skip
    limits = tuple(Constraint(m, 0.9 * DS_CNN.reference_costs[m], m) for m in ("weights", "latency"))
    state = ChannelState(DS_CNN, Budget(limits), masks, importance)
    repair(state)
    steps = refill_steps(state)
    for _ in range(8):
        widths, before = list(state.widths), state.costs.present
        best = -1.0
        for group in DS_CNN.free:
            gained = state.ranking(group).gained
            for count in range(1, DS_CNN.full[group] - widths[group] + 1):
                costs = DS_CNN.exact([w + count * (g == group) for g, w in enumerate(widths)])
                if state.budget.fits(costs):
                    added = sum(max(costs[c.metric] - before[c.metric], 0) / c.target for c in limits)
                    worth = gained[0] if count == 1 else np.log1p(gained[count - 1])
                    best = max(best, float(worth / max(added, 1e-12)))
        gains = {group: state.ranking(group).gained for group in DS_CNN.free}
        if (step := next(steps, None)) is None:
            assert best == -1
            return
        (group,) = (g for g in DS_CNN.free if state.widths[g] != widths[g])
        added = sum(max(step.after[c.metric] - step.before[c.metric], 0) / c.target for c in limits)
        worth = gains[group][0] if step.count == 1 else np.log1p(gains[group][step.count - 1])
        assert float(worth / max(added, 1e-12)) == pytest.approx(best, rel=1e-9)


def test_free_channels_are_counted_for_each_metric_from_none() -> None:
    budget = Budget((Constraint("latency", 3.0, "x"), Constraint("weights", 3.0, "x")))
    counted = FreeChannels()
    counted.count_addition(budget, Addition(4, {"latency": 1.0, "weights": 1.0}, {"latency": 1.0, "weights": 2.0}))
    counted.count_addition(budget, Addition(2, {"latency": 1.0, "weights": 1.0}, {"latency": 1.0, "weights": 1.0}))
    assert counted.columns == {"free_channels": 2, "free_channels/latency": 6, "free_channels/weights": 2}
