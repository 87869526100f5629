"""The smallest reachable cost where costs are not monotone: against enumeration and exact dynamic programs."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from leftovers import leftover_device
from networks import SHAPE, networks
from torch import nn

from suite import SuiteError
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.budget import Budget, Constraint
from suite.space.descent import descend
from suite.space.width_space import WidthSpace

leftovers = st.tuples(st.floats(1, 60), st.floats(1, 9))
CHAINS = {
    "autoencoder": (Autoencoder, (640,)),
    "ds_cnn": (DsCnn, (1, 49, 10)),
    "mobilenet": (MobileNetV1, (3, 96, 96)),
}


class Small(nn.Module):
    """Three free groups of 6, 5 and 6 channels with a depthwise layer and a residual sum, so that all can be tried."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 3, padding=1)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.narrow = nn.Conv2d(6, 5, 1)
        self.wide = nn.Conv2d(5, 6, 1)
        self.last = nn.Conv2d(6, 6, 1)
        self.fc = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.depthwise(torch.relu(self.stem(x))))
        x = torch.relu(x + self.wide(torch.relu(self.narrow(x))))
        return self.fc(torch.relu(self.last(x)).mean((2, 3)))


def _small(leftover: float, odd: float) -> WidthSpace:
    return WidthSpace(trace(Small(), (4, 6, 6)), leftover_device(leftover, odd))


def _all_costs(space: WidthSpace, metrics: list[str]) -> list[dict[str, float]]:
    choices = [[n] if frozen else range(1, n + 1) for n, frozen in zip(space.full, space.groups.frozen, strict=True)]
    return [space.exact(widths, metrics) for widths in itertools.product(*choices)]


@settings(max_examples=25, deadline=None)
@given(kernels=leftovers)
def test_no_network_of_a_small_space_is_faster_than_the_smallest(kernels: tuple[float, float]) -> None:
    space = _small(*kernels)
    lowest = min(costs["latency"] for costs in _all_costs(space, ["latency"]))
    assert space.exact(space.find_smallest("latency"))["latency"] == pytest.approx(lowest, rel=1e-12)


def _fastest_of_a_chain(space: WidthSpace) -> float:
    """The least latency of a network whose layers each lie between two consecutive groups, by dynamic programming.

    best[n - 1] is the least latency of all layers up to group g with n channels in it.
    """
    groups = [
        [n] if frozen else list(range(1, n + 1)) for n, frozen in zip(space.full, space.groups.frozen, strict=True)
    ]
    owner = [int(torch.nonzero(space._features[1][row]).max()) for row in range(len(space.network.parts))]
    best = np.zeros(len(groups[0]))
    for group in range(1, len(groups)):
        table = np.zeros((len(groups[group - 1]), len(groups[group])))
        rows = [row for row, g in enumerate(owner) if g == group]
        for i, n in enumerate(groups[group - 1]):
            widths = [n if g == group - 1 else w for g, w in enumerate(space.full)]
            curves = space.all_layer_curves(widths, group, "latency")[:, rows].sum(1).numpy()
            table[i] = curves[[m - 1 for m in groups[group]]]
        best = (best[:, None] + table).min(0)
    return float(best.min())


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("kernels", [(1.7, 4.0), (9.0, 9.0), (20.0, 1.0), (60.0, 5.0)], ids=str)
def test_no_reference_network_is_faster_than_the_smallest(name: str, kernels: tuple[float, float]) -> None:
    build, shape = CHAINS[name]
    space = WidthSpace(trace(build(), shape), leftover_device(*kernels))
    smallest = space.exact(space.find_smallest("latency"))["latency"]
    assert smallest == pytest.approx(_fastest_of_a_chain(space), rel=1e-12)


def test_with_dear_leftovers_the_smallest_network_has_four_channels_in_a_group() -> None:
    space = _small(40.0, 1.0)
    widths = space.find_smallest("latency")
    assert 4 in widths
    assert space.exact(widths)["latency"] < space.exact(space.smallest)["latency"]


@settings(max_examples=25, deadline=None)
@given(kernels=leftovers, data=st.data())
def test_joint_limits_are_reachable_where_one_of_all_networks_meets_them(
    kernels: tuple[float, float], data: st.DataObject
) -> None:
    space = _small(*kernels)
    metrics = data.draw(st.sampled_from([["latency"], ["weights", "latency"], ["weights", "ram", "latency"]]))
    costs = _all_costs(space, metrics)
    targets = {m: data.draw(st.sampled_from(sorted({c[m] for c in costs})[:12])) for m in metrics}
    budget = Budget(tuple(Constraint(m, target, f"{target:g}") for m, target in targets.items()))
    fitting = space.find_fitting(budget)
    assert (fitting is not None) == any(budget.fits(c) for c in costs)
    if fitting is not None:
        assert budget.fits(space.exact(fitting))
        space.check_reachable(budget)


def test_an_unreachable_latency_is_refused_with_the_smallest_one() -> None:
    space = _small(40.0, 1.0)
    lowest = min(costs["latency"] for costs in _all_costs(space, ["latency"]))
    space.check_reachable(Budget((Constraint("latency", lowest * (1 + 1e-9), "x"),)))
    with pytest.raises(SuiteError, match=rf"smallest network of this space \({lowest:.6g}\)"):
        space.check_reachable(Budget((Constraint("latency", 0.99 * lowest, "x"),)))


def test_limits_that_only_different_networks_meet_are_refused_together() -> None:
    space = _small(40.0, 1.0)
    weights = space.exact(space.smallest)["weights"]
    latency = space.exact(space.find_smallest("latency"))["latency"]
    limits = (Constraint("weights", weights, "few"), Constraint("latency", latency * (1 + 1e-9), "fast"))
    for limit in limits:
        space.check_reachable(Budget((limit,)))
    with pytest.raises(SuiteError, match=r"meets all limits together \(weights few \+ latency fast\)"):
        space.check_reachable(Budget(limits))


@settings(max_examples=30, deadline=None)
@given(network=networks(), kernels=leftovers, seed=st.integers(0, 999))
def test_the_curve_of_a_group_has_the_exact_costs_to_the_last_bit(
    network: nn.Module, kernels: tuple[float, float], seed: int
) -> None:
    space = WidthSpace(trace(network, SHAPE), leftover_device(*kernels))
    draws = torch.rand(len(space.full), generator=torch.Generator().manual_seed(seed)).tolist()
    widths = [n if f else 1 + int(u * n) for u, n, f in zip(draws, space.full, space.groups.frozen, strict=True)]
    group = space.free[seed % len(space.free)]
    for metric in space.hardware.units:
        exact = [
            space.exact([*widths[:group], n, *widths[group + 1 :]])[metric] for n in range(1, space.full[group] + 1)
        ]
        assert space.cost_curve(widths, group, metric).tolist() == exact, metric


def test_resnet8_with_a_sum_over_three_groups_is_not_slower_than_any_uniform_network() -> None:
    space = WidthSpace(trace(ResNet8(), (3, 32, 32)), leftover_device(40.0, 4.0))
    smallest = space.exact(space.find_smallest("latency"))["latency"]
    for count in range(1, 17):
        uniform = [n if f else count for n, f in zip(space.full, space.groups.frozen, strict=True)]
        assert smallest <= space.exact(uniform)["latency"]


def test_descent_ends_where_no_change_of_one_group_helps_not_after_one_round() -> None:
    """From (1, 1) the first group has nothing to gain before the second one has moved."""

    def objective(widths: Sequence[int], group: int) -> np.ndarray:
        a, b = (np.arange(1, 6) if g == group else np.full(5, widths[g]) for g in (0, 1))
        return ((a - b) ** 2 + 0.9 * (5 - b) ** 2).astype(float)

    assert descend(objective, [0, 1], [1, 1]) == (pytest.approx(0.9), (4, 4))
