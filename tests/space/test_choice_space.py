"""Selections of branches: the law of costs, the program that picks the best one that fits, joint reachability."""

import itertools
import random

import pytest
import torch
from choices import ToyChoices, one_hot
from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from suite import SuiteError
from suite.hardware.supernet_graph import trace_supernet
from suite.models.layer_choice import LayerChoice
from suite.models.supernets import AutoencoderChoices, DsCnnChoices
from suite.space.assignment import best_assignment
from suite.space.branches import select_branches
from suite.space.budget import Budget, Constraint
from suite.space.choice_space import ChoiceSpace

METRICS = ("weights", "macs", "ram", "latency")


def _space(masked: bool = False, name: str = "nucleo_l4r5zi") -> tuple[ChoiceSpace, ToyChoices]:
    network = ToyChoices()
    return ChoiceSpace(trace_supernet(network, ToyChoices.SHAPE), device(name), masked), network


SPACE = _space()[0]


def _every(space: ChoiceSpace) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(p.branches)) for p in space.positions)))


@pytest.mark.parametrize("name", ["gap8", "nucleo_l4r5zi"])
def test_relaxed_cost_at_one_hot_probabilities_is_the_exact_cost_of_the_exported_network(name: str) -> None:
    space, network = _space(name=name)
    for selection in _every(space):
        exact = space.hardware.measure(select_branches(network, space.supernet_graph, selection), ToyChoices.SHAPE)
        assert space.exact(selection) == exact
        relaxed = space.relaxed(torch.tensor(space.full), one_hot(space, selection), space.hardware.units)
        assert {m: float(c) for m, c in relaxed.items()} == pytest.approx(exact, rel=1e-12)


def test_relaxed_cost_is_the_expectation() -> None:
    space, _ = _space()
    probabilities = [torch.rand(len(p.branches)).double().softmax(0) for p in space.positions]
    relaxed = space.relaxed(torch.tensor(space.full), probabilities, ["weights", "macs", "latency", "energy"])
    for metric, cost in relaxed.items():
        expected = 0.0
        for selection in _every(space):
            p = torch.stack([probabilities[i][k] for i, k in enumerate(selection)]).prod()
            expected += float(p) * space.exact(selection)[metric]
        assert float(cost) == pytest.approx(expected, rel=1e-9), metric


def test_slope_of_ram_in_a_probability_is_the_ram_with_that_branch() -> None:
    space, _ = _space()
    probabilities = [p.requires_grad_() for p in one_hot(space, (0, 0, 0))]
    space.relaxed(torch.tensor(space.full), probabilities, ["ram"])["ram"].backward()
    for i, p in enumerate(probabilities):
        for k, slope in enumerate(p.grad.tolist()):
            selection = tuple(k if j == i else 0 for j in range(3))
            assert slope == space.exact(selection)["ram"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), metrics=st.lists(st.sampled_from(METRICS), min_size=1, max_size=3, unique=True))
def test_the_best_selection_that_fits_is_found(seed: int, metrics: list[str]) -> None:
    space = SPACE
    draw = random.Random(seed)
    costs = {selection: space.exact(selection) for selection in _every(space)}
    budget = Budget(tuple(Constraint(m, draw.choice(list(costs.values()))[m], "x") for m in metrics))
    preferences = [[draw.random() for _ in p.branches] for p in space.positions]
    fitting = [sum(preferences[i][k] for i, k in enumerate(s)) for s, c in costs.items() if budget.fits(c)]
    best = space.find_best(preferences, budget)
    if not fitting:
        assert best is None
        with pytest.raises(SuiteError):
            space.check_reachable(budget)
        return
    assert best is not None
    assert budget.fits(costs[best])
    assert sum(preferences[i][k] for i, k in enumerate(best)) == pytest.approx(max(fitting), abs=1e-6)
    space.check_reachable(budget)


@pytest.mark.parametrize(("supernet", "shape"), [(DsCnnChoices, (1, 49, 10)), (AutoencoderChoices, (640,))], ids=str)
def test_joint_reachability_of_the_small_spaces_is_exact(supernet: type, shape: tuple[int, ...]) -> None:
    space = ChoiceSpace(trace_supernet(supernet(), shape), device("nucleo_l4r5zi"))
    costs = [space.exact(selection) for selection in _every(space)]
    draw = random.Random(7)
    no_preference = [[0.0] * len(p.branches) for p in space.positions]
    reached = 0
    for _ in range(60):
        pair = draw.sample(METRICS, 2)
        lowest = {m: sorted({c[m] for c in costs})[:4] for m in pair}
        budget = Budget(tuple(Constraint(m, draw.choice(lowest[m]) * draw.choice([0.98, 1]), "x") for m in pair))
        fits = any(budget.fits(c) for c in costs)
        reached += fits
        assert (space.find_best(no_preference, budget) is not None) == fits, budget
    assert 10 < reached < 60, "both answers must occur"


def test_targets_that_can_be_met_alone_but_not_together_are_refused() -> None:
    few_weights = nn.Sequential(nn.Conv2d(4, 4, 1), nn.AvgPool2d(2))  # 16 weights, 1,024 MACs
    few_macs = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))  # 32 weights, 512 MACs
    choice = LayerChoice({"few_weights": few_weights, "few_macs": few_macs})
    network = nn.Sequential(choice, nn.Flatten(), nn.Linear(64, 2))
    space = ChoiceSpace(trace_supernet(network, (4, 8, 8)), device("nucleo_l4r5zi"))
    limits = (Constraint("weights", 128 + 20, "148B"), Constraint("macs", 128 + 600, "728"))
    for limit in limits:
        space.check_reachable(Budget((limit,)))
    with pytest.raises(SuiteError, match=r"together \(weights 148B \+ macs 728\)"):
        space.check_reachable(Budget(limits))


def test_an_unreachable_target_is_named_with_the_smallest_value() -> None:
    space, _ = _space()
    budget = Budget((Constraint("weights", 10.0, "10B"), Constraint("macs", 1e9, "1G")))
    with pytest.raises(SuiteError, match=r"budget\.weights=10B .*smallest network of this space \(\d+") as error:
        space.check_reachable(budget)
    assert "macs" not in str(error.value)


def test_widths_and_branches_together_obey_the_law() -> None:
    space, _ = _space(masked=True)
    widths = tuple(max(1, n // 2) if i in range(len(space.full)) and not f else n for i, (n, f) in enumerate(
        zip(space.groups.sizes, space.groups.frozen, strict=True)))  # fmt: skip
    for selection in _every(space):
        exact = space.exact(selection, widths)
        relaxed = space.relaxed(torch.tensor(widths), one_hot(space, selection), space.hardware.units)
        assert {m: float(c) for m, c in relaxed.items()} == pytest.approx(exact, rel=1e-12)
        assert exact["weights"] < space.exact(selection)["weights"]


def test_without_masks_no_group_is_free() -> None:
    assert all(_space()[0].groups.frozen)
    assert not all(_space(masked=True)[0].groups.frozen)


def test_a_cut_forbids_a_combination() -> None:
    preferences = [[1.0, 0.0], [1.0, 0.5]]
    assert best_assignment(preferences, []) == (0, 0)
    assert best_assignment(preferences, [], [[(0, 0), (1, 0)]]) == (0, 1)
    assert best_assignment(preferences, [], [[(0, 0)], [(0, 1)]]) is None
    assert best_assignment(preferences, [(5.0, [[1.0, 0.0], [1.0, 0.0]], 6.0)]) == (0, 1)
    assert best_assignment(preferences, [(7.0, [[0.0, 0.0], [0.0, 0.0]], 6.0)]) is None
