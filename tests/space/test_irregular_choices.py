"""Branches and widths together on a device whose latency is not monotone in channels."""

import itertools

import pytest
import torch
from choices import ToyChoices
from leftovers import leftover_device

from suite import SuiteError
from suite.dnas.branch_mixing import ChoiceRule, MixedNetwork
from suite.dnas.choice_search import discretise_choices
from suite.hardware.supernet_graph import trace_supernet
from suite.space.budget import Budget, Constraint
from suite.space.choice_space import ChoiceSpace

SPACE = ChoiceSpace(trace_supernet(ToyChoices(), ToyChoices.SHAPE), leftover_device(40.0, odd=5.0), masked=True)


def _latency_budget(target: float) -> Budget:
    return Budget((Constraint("latency", target, "some"),))


def _fastest() -> float:
    """The least latency over all selections and all widths, by enumeration."""
    widths = [[n] if frozen else range(1, n + 1) for n, frozen in zip(SPACE.full, SPACE.groups.frozen, strict=True)]
    lowest = float("inf")
    for candidate in itertools.product(*widths):
        fixed, branches = SPACE.branch_costs("latency", candidate)
        lowest = min(lowest, fixed + sum(map(min, branches)))
    return lowest


def test_a_latency_is_reachable_down_to_the_fastest_network() -> None:
    fastest = _fastest()
    fitting = SPACE.find_any_fitting(_latency_budget(fastest * (1 + 1e-9)))
    assert fitting is not None
    assert SPACE.exact(*fitting)["latency"] == pytest.approx(fastest, rel=1e-12)
    with pytest.raises(SuiteError, match=rf"smallest network of this space \({fastest:.6g}\)"):
        SPACE.check_reachable(_latency_budget(0.99 * fastest))


@pytest.mark.parametrize("factor", [1 + 1e-9, 1.3, 4])
def test_a_search_ends_in_a_network_that_fits(factor: float) -> None:
    budget = _latency_budget(_fastest() * factor)
    macs = SPACE.branch_costs("macs", SPACE.full)
    mixed = MixedNetwork(ToyChoices(), SPACE.supernet_graph, SPACE.groups, ChoiceRule(), macs)
    with torch.no_grad():  # the first branch everywhere, a convolution
        mixed.sampler.logits.copy_(torch.tensor([2.0, 1.0, 0.0] + [2.0, 1.0, 0.0, 0.0] * 2))
    result = discretise_choices(SPACE, budget, mixed, "refill", ToyChoices.SHAPE)
    assert budget.fits(SPACE.hardware.measure(result.network, ToyChoices.SHAPE))
