"""A search step against a plain step of the same network at the same settings: ratios of interleaved pairs."""

import statistics
import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from conftest import device
from torch import nn

from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.dnas.space import SearchSpace
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8

# The goals are 1.05 and 1.10; the margins cover what the median of 60 pairs still wanders on a shared machine.
LIMITS = {128: 1.05 + 0.05, 32: 1.10 + 0.10}


def _plain_step(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(network.parameters())

    def step() -> None:
        loss = F.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def _search_step(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    layers = trace(network, (3, 32, 32))
    space = SearchSpace(layers, device("gap8"))
    masked = MaskedNetwork(network, layers, space.groups)
    penalty = Penalty(PenaltyRule(), {"weights": 2e4, "latency": 4e5}, 10)
    penalty.start(1.0, space.seed_costs)
    alpha = masked.masks.alpha
    weights = [p for p in masked.parameters() if p is not alpha]
    optimiser = torch.optim.AdamW([{"params": weights}, {"params": [alpha], "lr": 0.0}])  # masks stay as they are

    def step() -> None:
        loss = F.cross_entropy(masked(x), y)
        loss = loss + penalty(space.relaxed(masked.counts, ["weights", "latency"]), 3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


@pytest.mark.parametrize("batch", [128, 32])
def test_a_search_step_costs_little_more_than_a_plain_step(batch: int, benchmark: pytest.FixtureRequest) -> None:
    torch.set_num_threads(2)
    x = torch.rand(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch,))
    plain = _plain_step(ResNet8().to(memory_format=torch.channels_last), x, y)
    search = _search_step(ResNet8().to(memory_format=torch.channels_last), x, y)
    ratios = []
    for _ in range(5):
        plain(), search()
    for _ in range(60):
        start = time.perf_counter()
        plain()
        middle = time.perf_counter()
        search()
        ratios.append((time.perf_counter() - middle) / (middle - start))
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.pedantic(search, rounds=10, warmup_rounds=1)
    assert statistics.median(ratios) <= LIMITS[batch]
