"""Networks at random budgets from the benchmarks' spaces, to hold predictions against interpreters without training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from suite.config import CONF
from suite.config.build import build_network, plain
from suite.config.devices import load_device
from suite.config.networks import network_node
from suite.hardware.costs import HardwareModel
from suite.hardware.supernet_graph import trace_supernet
from suite.hardware.trace import trace
from suite.space.branches import select_branches
from suite.space.budget import Budget, parse_budget
from suite.space.choice_space import ChoiceSpace
from suite.space.width_space import WidthSpace

SPACES = ("masks", "choices", "both")
BENCHMARKS: Mapping[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "image_classification": (3, 32, 32),
    "keyword_spotting": (1, 49, 10),
    "visual_wake_words": (3, 96, 96),
    "anomaly_detection": (640,),
    "tiny_imagenet": (3, 64, 64),
}
"""Benchmark -> the shape of one example."""

_CALIBRATION = 16
_SMALLEST_SHARE = 1 / 32


@dataclass(frozen=True)
class SampledNetwork:
    """A network that a search could return, with random weights.

    budget: what its costs fit, as shares of the reference network's; "none" where no branches at full width did.
    examples: inputs (N, *shape), noise, to calibrate the int8 network on.
    """

    benchmark: str
    space: str
    budget: str
    network: nn.Module
    examples: Tensor
    costs: Mapping[str, float]


def sample_network(index: int, hardware: HardwareModel) -> SampledNetwork:
    """The network of this number: the same on every machine; benchmarks take turns, then spaces."""
    benchmark = list(BENCHMARKS)[index % len(BENCHMARKS)]
    shape = BENCHMARKS[benchmark]
    rng = torch.Generator().manual_seed(1000 + index)
    node = plain(OmegaConf.load(CONF / "benchmark" / f"{benchmark}.yaml"))
    space = SPACES[index // len(BENCHMARKS) % len(SPACES)] if "supernet" in node else "masks"
    network = build_network(network_node(node, shape), "network")
    budget = _draw_budget(WidthSpace(trace(network, shape), hardware), rng)
    if space != "masks":
        network = _select(node, shape, hardware, budget, rng, at_full_width=space == "choices")
    if space != "choices":
        widths = WidthSpace(trace(network, shape), hardware)
        network = widths.thin(network, widths.sample(rng, budget))
    randomise(network, rng)
    examples = torch.randn(_CALIBRATION, *shape, generator=rng)
    costs = hardware.measure(network, shape)
    label = budget.label if budget.fits(costs) else "none"
    return SampledNetwork(benchmark, space, label, network.eval(), examples, costs)


def sample_networks(count: int) -> Iterator[SampledNetwork]:
    """The first `count` networks."""
    hardware = HardwareModel(load_device("nucleo_l4r5zi"))
    return (sample_network(index, hardware) for index in range(count))


def _draw_budget(space: WidthSpace, rng: torch.Generator) -> Budget:
    """Limits on weights, evenly in the logarithm, and on RAM, that the smallest network meets."""
    weights = _SMALLEST_SHARE ** torch.rand((), generator=rng).item()
    ram = 0.4 + 0.6 * torch.rand((), generator=rng).item()
    smallest, reference = space.exact(space.smallest), space.reference_costs
    shares = {"weights": weights, "ram": ram}
    node = {m: f"{100 * max(share, 1.5 * smallest[m] / reference[m]):.1f}%" for m, share in shares.items()}
    return parse_budget(node, reference, space.hardware.units)


def _select(
    node: Mapping[str, Any],
    shape: tuple[int, ...],
    hardware: HardwareModel,
    budget: Budget,
    rng: torch.Generator,
    *,
    at_full_width: bool,
) -> nn.Module:
    """A network of random branches; of those that fit where widths stay full, if any does."""
    supernet = build_network(network_node(node, shape, "supernet"), "supernet")
    graph = trace_supernet(supernet, shape)
    space = ChoiceSpace(graph, hardware, masked=not at_full_width)
    preferences = [torch.rand(len(p.branches), generator=rng).tolist() for p in graph.positions]
    limits = (budget, Budget()) if at_full_width else (Budget(),)
    selections = (space.find_best(preferences, limit) for limit in limits)
    return select_branches(supernet, graph, next(s for s in selections if s is not None))


def randomise(network: nn.Module, rng: torch.Generator) -> None:
    """Biases and batch norms as after training, in place: an untrained network's biases of zero would be left out."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.1, generator=rng)
                module.running_var.uniform_(0.5, 1.5, generator=rng)
                module.weight.uniform_(0.5, 1.5, generator=rng)
            if isinstance(bias := getattr(module, "bias", None), Tensor):
                bias.normal_(0, 0.1, generator=rng)
