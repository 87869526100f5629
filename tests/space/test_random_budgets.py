"""Random budgets over reference networks and all metrics: networks fit, or the least that can be met is told."""

import re

import pytest
import torch
from devices import device
from torch import nn

from suite import SuiteError
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.models.resnet18 import ResNet18
from suite.space.budget import Budget, parse_budget
from suite.space.projection import project_widths
from suite.space.width_space import WidthSpace

NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "ResNet8": (ResNet8, (3, 32, 32)),
    "DS-CNN": (DsCnn, (1, 49, 10)),
    "MobileNetV1": (MobileNetV1, (3, 96, 96)),
    "autoencoder": (Autoencoder, (640,)),
    "ResNet18": (ResNet18, (3, 64, 64)),
}


QUICK = ("ResNet8", "DS-CNN", "autoencoder")


@pytest.mark.parametrize("name", QUICK)
def test_networks_fit_or_the_least_that_can_be_met_is_told(name: str) -> None:
    check_random_budgets(name, 6)


FIVE_HUNDRED = {"ResNet8": 150, "DS-CNN": 150, "autoencoder": 150, "MobileNetV1": 40, "ResNet18": 10}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NETWORKS)
def test_five_hundred_budgets_fit_or_the_least_that_can_be_met_is_told(name: str) -> None:
    check_random_budgets(name, FIVE_HUNDRED[name])


def check_random_budgets(name: str, budgets: int) -> None:
    network, shape = NETWORKS[name]
    layers = trace(network(), shape)
    spaces = [WidthSpace(layers, device(d)) for d in ("nucleo_l4r5zi", "cortex_m4_cmsisnn", "gap8")]
    generator = torch.Generator().manual_seed(0)
    fitted, refused = 0, 0
    for index in range(budgets):
        space = spaces[index % len(spaces)]
        budget = _random_budget(space, generator)
        try:
            space.check_reachable(budget)
        except SuiteError as error:
            refused += 1
            _check_refusal(space, budget, str(error))
            continue
        widths = project_widths(space, budget, space.full, ("repair", "refill")[index % 2])
        fitted += 1
        costs = space.exact(widths)
        assert budget.fits(costs), (budget.label, costs)
        if index % 10 == 0:  # as the exported network says itself
            assert space.hardware.measure(space.thin(network(), widths), shape) == costs
    assert fitted > budgets / 3
    assert refused > budgets / 50


def _random_budget(space: WidthSpace, generator: torch.Generator) -> Budget:
    """One to three limits, each evenly in the logarithm from half of the least that can be met to the whole."""
    metrics = [m for m, cost in space.reference_costs.items() if cost > 0]
    chosen = torch.randperm(len(metrics), generator=generator)[: torch.randint(1, 4, (), generator=generator)]
    node = {}
    for metric in (metrics[i] for i in chosen.tolist()):
        full = space.reference_costs[metric]
        least = 0.8 * space.exact(space.find_smallest(metric), [metric])[metric]
        node[metric] = full * (least / full) ** torch.rand((), generator=generator).item()
    return parse_budget(node, space.reference_costs, space.hardware.units)


def _check_refusal(space: WidthSpace, budget: Budget, text: str) -> None:
    """The numbers that a refusal names are above the limits, and networks that need just these exist."""
    found = re.findall(r"budget\.(\w+)=.*? is below the smallest network of this space \(([\d.e+-]+)\)", text)
    assert found or "together" in text
    for metric, least in found:
        assert float(least) > budget.targets[metric]
        reached = space.exact(space.find_smallest(metric), [metric])[metric]
        assert float(least) == pytest.approx(reached, rel=1e-5)
        space.check_reachable(parse_budget({metric: reached}, space.reference_costs, space.hardware.units))
