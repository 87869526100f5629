"""The width law: it uses up two limits where uniform scaling leaves one idle, and is uniform scaling for one limit."""

import math
from pathlib import Path

import pytest
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from tasks import plan, task
from torch import nn

from baselines.two_budget_scaling import TwoBudgetScaling
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.space.budget import Budget, Constraint
from suite.space.scaling import BETAS, largest_law_widths, largest_scaled_widths, law_widths, two_budget_widths
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter


def _space(network: nn.Module, shape: tuple[int, ...]) -> WidthSpace:
    return WidthSpace(trace(network, shape), device("gap8"))


RESNET8 = _space(ResNet8(), (3, 32, 32))
MOBILENET = _space(MobileNetV1(), (3, 96, 96))


def _budget(space: WidthSpace, **shares: float) -> Budget:
    return Budget(tuple(Constraint(m, s * space.reference_costs[m], f"{s:.0%}") for m, s in shares.items()))


def _shares(space: WidthSpace, budget: Budget, widths: tuple[int, ...]) -> dict[str, float]:
    return {m: space.exact(widths)[m] / target for m, target in budget.targets.items()}


@pytest.mark.parametrize(
    ("shares", "widths"),
    [
        ({"weights": 0.25, "macs": 0.5}, [14, 14, 18, 18, 24, 24]),
        ({"weights": 0.125, "macs": 0.3}, [11, 11, 13, 13, 15, 15]),
    ],
)
def test_golden_widths_of_resnet8(shares: dict[str, float], widths: list[int]) -> None:
    budget = _budget(RESNET8, **shares)
    found = two_budget_widths(RESNET8, budget)
    assert [found[i] for i in RESNET8.free] == widths
    assert min(_shares(RESNET8, budget, found).values()) > 0.9
    assert min(_shares(RESNET8, budget, largest_scaled_widths(RESNET8, budget)).values()) < 0.55


def test_of_equally_good_exponents_the_one_closest_to_uniform_is_taken() -> None:
    budget = _budget(RESNET8, weights=0.4, macs=0.9)
    by_beta = {beta: widths for beta in BETAS if (widths := largest_law_widths(RESNET8, budget, beta))}
    least = {beta: min(_shares(RESNET8, budget, widths).values()) for beta, widths in by_beta.items()}
    equal = [beta for beta, share in least.items() if share > max(least.values()) - 0.01]
    assert len({by_beta[beta] for beta in equal}) > 1, "several must be as good for this test to say anything"
    assert two_budget_widths(RESNET8, budget) == by_beta[min(equal, key=abs)]


def test_early_layers_of_mobilenet_are_kept_where_macs_are_left() -> None:
    budget = _budget(MOBILENET, weights=0.125, macs=0.3)
    law, uniform = two_budget_widths(MOBILENET, budget), largest_scaled_widths(MOBILENET, budget)
    first, last = MOBILENET.free[0], MOBILENET.free[-1]
    assert law[first] > uniform[first]
    assert law[last] < uniform[last]


def test_where_all_maps_have_one_size_it_is_uniform() -> None:
    space = _space(DsCnn(), (1, 49, 10))
    budget = _budget(space, weights=0.25, macs=0.5)
    assert two_budget_widths(space, budget) == largest_scaled_widths(space, budget)


@settings(max_examples=40, deadline=None)
@given(weights=st.floats(0.02, 1.0), macs=st.floats(0.05, 1.0), ram=st.floats(0.2, 1.0))
def test_the_law_always_fits(weights: float, macs: float, ram: float) -> None:
    budget = _budget(RESNET8, weights=weights, macs=macs, ram=ram)
    if RESNET8.find_fitting(budget) is None:
        return
    widths = two_budget_widths(RESNET8, budget)
    assert budget.fits(RESNET8.exact(widths))
    uniform = largest_scaled_widths(RESNET8, budget)
    least = [min(_shares(RESNET8, budget, w).values()) for w in (widths, uniform)]
    assert least[0] >= least[1] - 0.03, "beta = 0 is among the candidates, up to ties and rounding"


@given(weights=st.floats(0.05, 1.0))
@settings(max_examples=20, deadline=None)
def test_one_limit_leaves_nothing_idle_and_is_uniform_scaling(weights: float) -> None:
    budget = _budget(RESNET8, weights=weights)
    assert two_budget_widths(RESNET8, budget) == largest_scaled_widths(RESNET8, budget)


@given(s=st.floats(0.01, 3.0), beta=st.sampled_from(BETAS))
def test_widths_follow_the_law_between_one_and_the_whole_layer(s: float, beta: float) -> None:
    positions = [math.prod(MOBILENET.network.by_name[name].size) for name in MOBILENET.groups.names]
    mean = math.exp(sum(math.log(positions[i]) for i in MOBILENET.free) / len(MOBILENET.free))
    widths = law_widths(MOBILENET, s, beta)
    for i, size in enumerate(MOBILENET.full):
        exact = size * s * (positions[i] / mean) ** beta
        expected = min(size, max(1, round(exact))) if i in MOBILENET.free else size
        assert abs(widths[i] - expected) <= (abs(exact % 1 - 0.5) < 1e-6)


def test_it_is_refilled_and_trained_from_scratch(tmp_path: Path) -> None:
    of, made = task(tmp_path, "budget.weights=25%", "budget.macs=40%")
    result = TwoBudgetScaling().search(of, made.budget, Meter(of.standard_macs))
    costs = of.hardware.measure(result.candidates[0].network, of.input_shape)
    assert made.budget.fits(costs)
    assert min(costs[m] / t for m, t in made.budget.targets.items()) > 0.93
    assert {row["phase"] for row in result.history} == {"finetune"}


def test_a_limit_that_pays_for_nothing_is_refused(tmp_path: Path) -> None:
    of, made = task(tmp_path, "budget.weights=25%", "budget.macs=40%")
    with pytest.raises(ValueError, match=r"method\.cost_limit=0\.001"):
        TwoBudgetScaling(cost_limit=0.001).check(of, made.budget)
    assert plan("method=two_budget_scaling").method == TwoBudgetScaling()
