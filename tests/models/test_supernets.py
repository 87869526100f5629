"""The paper's path-based spaces hold its reference networks, and have the sizes and cost ranges of the paper's code.

Positions and candidates: eml-eda/multi-constraint-nas, models.py at 2c2422a; ranges computed from them.
"""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from devices import device
from torch import nn

from suite import SuiteError
from suite.hardware.supernet_graph import trace_supernet
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.layer_choice import LayerChoice
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.models.supernets import AutoencoderChoices, DsCnnChoices, MobileNetV1Choices, ResNet8Choices
from suite.space.branches import select_branches
from suite.space.choice_space import ChoiceSpace

# supernet, its reference network, input, branch of the reference at each position, networks, weights, MACs
CASES = [
    (ResNet8Choices, ResNet8, (3, 32, 32), "conv3x3", 5_184, (6_667, 209_200), (1.07e6, 34.3e6)),
    (DsCnnChoices, DsCnn, (1, 49, 10), "separable", 256, (3_328, 412_928), (0.32e6, 51.5e6)),
    (MobileNetV1Choices, MobileNetV1, (3, 96, 96), "separable", 15_925_248, (46_608, 4_906_328), (2.29e6, 155e6)),
    (AutoencoderChoices, Autoencoder, (640,), "layer", 64, (165_888, 264_192), (165_888, 264_192)),
]
IDS = ["resnet8", "ds_cnn", "mobilenet", "autoencoder"]


def _space(supernet: nn.Module, shape: tuple[int, ...]) -> ChoiceSpace:
    return ChoiceSpace(trace_supernet(supernet, shape), device("gap8"))


@pytest.mark.parametrize(("supernet", "reference", "shape", "branch", "size", "weights", "macs"), CASES, ids=IDS)
def test_size_and_ranges_are_the_papers(
    supernet: Callable[[], nn.Module],
    reference: Callable[[], nn.Module],
    shape: tuple[int, ...],
    branch: str,
    size: int,
    weights: tuple[int, int],
    macs: tuple[float, float],
) -> None:
    space = _space(supernet(), shape)
    assert math.prod(len(p.branches) for p in space.positions) == size
    for metric, (low, high) in {"weights": weights, "macs": macs}.items():
        fixed, branches = space.branch_costs(metric, space.full)
        smallest, largest = fixed + sum(map(min, branches)), fixed + sum(map(max, branches))
        assert (smallest, largest) == pytest.approx((low, high), rel=0.005 if metric == "macs" else 0), metric
    reference_selection = tuple(p.branches.index(branch) for p in space.positions)
    expected = space.hardware.measure(reference(), shape)
    selected = space.exact(reference_selection)
    assert {m: selected[m] for m in ("weights", "macs", "latency", "ram")} == {
        m: expected[m] for m in ("weights", "macs", "latency", "ram")
    }


@pytest.mark.parametrize(("supernet", "shape"), [(DsCnnChoices, (1, 49, 10)), (AutoencoderChoices, (640,))], ids=str)
def test_small_spaces_enumerated_each_network_costs_what_it_costs_alone(
    supernet: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    network = supernet()
    space = _space(network, shape)
    every = list(itertools.product(*(range(len(p.branches)) for p in space.positions)))
    costs = [space.exact(selection) for selection in every]
    for metric in ("weights", "macs", "latency", "energy"):
        if metric in space.hardware.units:
            fixed, branches = space.branch_costs(metric, space.full)
            assert min(c[metric] for c in costs) == pytest.approx(fixed + sum(map(min, branches)), rel=1e-12)
    for selection, cost in list(zip(every, costs, strict=True))[::7]:
        alone = select_branches(network, space.supernet_graph, selection)
        assert space.hardware.measure(alone, shape) == cost


@pytest.mark.parametrize(("supernet", "reference", "shape"), [case[:3] for case in CASES], ids=IDS)
def test_untrained_supernets_run_and_learn_in_all_branches(
    supernet: Callable[[], nn.Module], reference: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    network = supernet()
    out = network(torch.rand(2, *shape))
    assert out.shape == reference()(torch.rand(2, *shape)).shape
    out.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_identity_is_offered_only_where_shapes_allow() -> None:
    choices = [m for m in MobileNetV1Choices().modules() if isinstance(m, LayerChoice)]
    assert [i + 2 for i, c in enumerate(choices) if "identity" in c.branches] == [4, 6, 8, 9, 10, 11, 12, 14]
    residual = [m for m in ResNet8Choices().modules() if isinstance(m, LayerChoice)]
    assert ["identity" in c.branches for c in residual] == [False, *[False, True] * 3]


def test_a_supernet_has_no_cost_of_its_own() -> None:
    with pytest.raises(SuiteError, match=r"blocks\.0\.mix is a choice between blocks"):
        trace(DsCnnChoices(), (1, 49, 10))


def test_all_branches_of_ds_cnn_have_27_times_its_macs() -> None:
    """As docs/method.md says: what a warm-up of the supernet costs."""
    space = ChoiceSpace(trace_supernet(DsCnnChoices(), (1, 49, 10)), device("gap8"), masked=False)
    assert round(space.all_branches_macs / 2_656_768) == 27


def test_a_choice_needs_two_branches() -> None:
    with pytest.raises(ValueError, match="at least two"):
        LayerChoice({"only": nn.Identity()})


def test_a_network_without_choices_is_refused() -> None:
    with pytest.raises(SuiteError, match="no layer choice"):
        trace_supernet(DsCnn(), (1, 49, 10))


def test_the_mean_of_the_branches_is_where_a_supernet_starts() -> None:
    choice = LayerChoice({"once": nn.Identity(), "twice": nn.Sequential(nn.Identity())})
    x = torch.rand(3, 4)
    assert torch.allclose(choice(x), x)
    choice.mix.weights = torch.tensor([0.25, 0.5])
    assert torch.allclose(choice(x), 0.75 * x)
    choice.active = [1]
    assert choice(x) is x
