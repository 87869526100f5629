"""From a composed configuration to a run that is known to be possible: every check that needs no training.

A run's id is the hash of what can change its result: benchmark (version, data, network), method, device, absolute
targets, recipe, seed and numerics. Paths, names and logging are not in it.
"""

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.budget import Budget, Solutions, parse_budget
from suite.config import apply_preset, build, plain
from suite.dnas.choice_space import ChoiceSpace
from suite.dnas.space import SearchSpace
from suite.errors import SuiteError
from suite.hardware.costs import HardwareModel
from suite.hardware.supernet_graph import trace_supernet
from suite.hardware.trace import trace
from suite.recipe import Recipe
from suite.store import content_id
from suite.task import Method, method_label

COMPUTE = ("auto", "cpu", "cuda")
SPACES = ("masks", "choices", "both")
_SEED_TRAINING = ("batch", "warmup", "train_samples", "eval_samples", "dtype")
"""What of a recipe decides a training of the seed, besides its length."""


@dataclass(frozen=True)
class Plan:
    """One run, checked and ready: `identity` is what its id hashes, `shared_key` what shared artefacts depend on."""

    id: str
    identity: Mapping[str, Any]
    shared_key: Mapping[str, Any]
    benchmark: Benchmark
    seed_network: Callable[[], nn.Module]
    method: Method
    hardware: HardwareModel
    space: SearchSpace
    budget: Budget
    recipe: Recipe
    preset: str
    seed: int
    compute: str
    threads: int
    space_name: str = "masks"
    choices: ChoiceSpace | None = None
    supernet: Callable[[], nn.Module] | None = None

    @property
    def method_label(self) -> str:
        """The method's name in tables, with the space where it is not the seed's widths."""
        return method_label(self.method, self.space_name)

    @property
    def label(self) -> str:
        """One line that names the run."""
        return f"{self.benchmark.name} | {self.method_label} | {self.budget.label} | seed {self.seed}"


def make_plan(config: DictConfig, solutions: Solutions | None = None) -> Plan:
    """Check a configuration and resolve it; trains nothing, decodes nothing.

    `solutions` are those that the budget refers to, if any: see `suite.solutions`.

    Raises:
        SuiteError: anything in the configuration that cannot work, data that is missing, a budget out of reach.
    """
    benchmark_node, recipe, changed = apply_preset(config)
    benchmark: Benchmark = build(benchmark_settings(benchmark_node), "benchmark")
    method: Method = build(config.method, "method")
    hardware = HardwareModel(build(config.device, "device"))
    shape = tuple(benchmark.input_shape)
    seed_node = {"_target_": config.network} if config.network else network_node(benchmark_node, shape)
    seed_network = _factory(seed_node, "network" if config.network else "benchmark.network")
    space = SearchSpace(trace(seed_network(), shape), hardware)
    budget = parse_budget(plain(config.budget), space.seed_costs, hardware.units, solutions)
    searched = _space_of(config.space, method)
    choices, supernet, supernet_node = None, None, None
    if searched == "masks":
        space.check_reachable(budget)
    else:
        supernet_node = _supernet_node(config, benchmark_node, shape)
        supernet = _factory(supernet_node, "benchmark.supernet")
        choices = ChoiceSpace(trace_supernet(supernet(), shape), hardware, masked=searched == "both")
        choices.check_reachable(budget)
    compute, threads = _numerics(config)
    settings = {k: v for k, v in benchmark_settings(benchmark_node).items() if k not in ("data", "title")}
    shared = {
        "benchmark": {**settings, "version": benchmark.version, "network": seed_node},
        "data": benchmark.source().fingerprint(),
        "recipe": {k: v for k, v in dataclasses.asdict(recipe).items() if k in _SEED_TRAINING},
        "seed": config.seed,
        "compute": compute,
        "threads": threads,
    }
    if supernet_node is not None:
        shared["supernet"] = supernet_node
    identity = {
        **shared,
        "recipe": dataclasses.asdict(recipe),
        "method": {**_settings(plain(config.method), method), "version": method.version},
        "device": plain(config.device),
        "targets": budget.targets,
    }
    if choices is not None:
        identity["space"] = searched
    preset = f"{config.preset.name} (changed)" if changed else config.preset.name
    identity = json.loads(json.dumps(identity))  # what the record will hold: lists for tuples
    return Plan(
        content_id(identity), identity, shared, benchmark, seed_network, method, hardware, space, budget, recipe,
        preset, config.seed, compute, threads, searched, choices, supernet,
    )  # fmt: skip


def _settings(node: Mapping[str, Any], method: Method) -> dict[str, Any]:
    """What of a method's config can change its result.

    An optional setting that is not used is as if it did not exist: adding one changes no run's id. Nor do those that
    the class names in `without_effect`, such as a number of processes.
    """
    without_effect = getattr(method, "without_effect", ())
    return {key: value for key, value in node.items() if value is not None and key not in without_effect}


def _factory(node: Mapping[str, Any], key: str) -> Callable[[], nn.Module]:
    def network() -> nn.Module:
        network = build(node, key)
        if not isinstance(network, nn.Module):
            raise SuiteError(f"{key}: {node['_target_']} is not an nn.Module")
        return network

    return network


def _space_of(name: str, method: Method) -> str:
    """The space that a run searches: masks for a method that does not search."""
    if name not in SPACES:
        raise SuiteError(f"space={name}: choices are {', '.join(SPACES)}")
    able = getattr(method, "spaces", ("masks",))
    if able and name not in able:
        raise SuiteError(f"space={name}: method {method.name} searches {', '.join(able)} only")
    return name if able else "masks"


def _supernet_node(config: DictConfig, benchmark_node: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    if config.network:
        raise SuiteError(f"network={config.network}, space={config.space}: only the benchmark's own has a supernet")
    if "supernet" not in benchmark_node:
        raise SuiteError(f"space={config.space}: {benchmark_node['name']} has no supernet. Choices: masks")
    return network_node(benchmark_node, shape, "supernet")


def network_node(benchmark_node: Mapping[str, Any], shape: tuple[int, ...], key: str = "network") -> dict[str, Any]:
    """The config of the seed, or of the supernet; `inputs: null` stands for as many numbers as an example has."""
    node = dict(benchmark_node.get(key, {}))
    return node | {"inputs": math.prod(shape)} if "inputs" in node and node["inputs"] is None else node


def _numerics(config: DictConfig) -> tuple[str, int]:
    """(compute, CPU threads), resolved; threads do not change what a GPU computes."""
    if config.compute not in COMPUTE:
        raise SuiteError(f"compute={config.compute}: choices are {', '.join(COMPUTE)}")
    available = torch.cuda.is_available()
    if config.compute == "cuda" and not available:
        raise SuiteError("compute=cuda: torch sees no CUDA device here. Choices: cpu, auto")
    if available and config.compute != "cpu":
        return "cuda", 0
    if config.threads is not None and config.threads < 1:
        raise SuiteError(f"threads={config.threads}: must be at least 1, or null for all cores")
    return "cpu", config.threads or int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
