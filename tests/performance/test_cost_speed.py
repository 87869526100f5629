"""Exact costs are cheap enough to judge candidates by the thousand before anything is trained."""

import pytest
import torch
from devices import device

from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8
from suite.space.width_space import WidthSpace


def test_exact_costs_of_a_candidate_against_its_forward_pass(benchmark: pytest.FixtureRequest) -> None:
    """All metrics, RAM plan included, take at most a tenth of one forward pass of 32 images."""
    import statistics
    import time

    network = ResNet8().eval()
    space = WidthSpace(trace(network, (3, 32, 32)), device("nucleo_l4r5zi"))
    x = torch.rand(32, 3, 32, 32)
    ratios = []
    with torch.no_grad():
        for _ in range(30):
            start = time.perf_counter()
            network(x)
            middle = time.perf_counter()
            for _ in range(10):
                space.exact(space.full)
            ratios.append((time.perf_counter() - middle) / 10 / (middle - start))
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark(space.exact, space.full)
    assert statistics.median(ratios) <= 0.1


def test_costs_from_counted_instructions_against_those_of_a_formula(benchmark: pytest.FixtureRequest) -> None:
    """Exact costs on a device of counted kernels take at most three times as long as on one with a simple formula."""
    import statistics
    import time

    network = trace(ResNet8(), (3, 32, 32))
    formula, counted = (WidthSpace(network, device(name)) for name in ("nucleo_l4r5zi", "cortex_m4_cmsisnn"))
    ratios = []
    for _ in range(30):
        start = time.perf_counter()
        for _ in range(20):
            formula.exact(formula.full)
        middle = time.perf_counter()
        for _ in range(20):
            counted.exact(counted.full)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark(counted.exact, counted.full)
    assert statistics.median(ratios) <= 3
