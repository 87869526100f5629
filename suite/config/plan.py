"""From a composed configuration to a run that is known to be possible: every check that needs no training.

A run's id is the hash of what can change its result: benchmark (version, data, network), method, device, absolute
targets, recipe, random seed and numerics. Paths, names and logging are not in it.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from suite import SuiteError
from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.config import schema as _schema  # noqa: F401 - known to Hydra once imported
from suite.config.build import build, build_network, plain
from suite.config.identity import method_options, method_variant, network_identity, settings_of, typed_settings
from suite.config.presets import apply_preset
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import Network
from suite.hardware.supernet_graph import SupernetGraph, trace_supernet
from suite.hardware.trace import trace
from suite.records.labels import run_label
from suite.records.store import content_id
from suite.space.budget import Budget, Solutions, parse_budget
from suite.space.choice_space import ChoiceSpace
from suite.space.width_space import WidthSpace
from suite.task.task import Method, TaskSpec

COMPUTE = ("auto", "cpu", "cuda")
SPACES = ("masks", "choices", "both")
_REFERENCE_TRAINING = ("batch", "warmup", "train_samples", "eval_samples", "dtype")
"""What of a recipe decides a training of the reference network, besides its length."""


@dataclass(frozen=True)
class Plan:
    """One run, checked and ready.

    id: the hash of `identity`, which holds everything that can change the result.
    task: all that a method will see but the data.
    variant: the options of the method that differ from its default; `options` are all of them.
    space_name: masks, choices or both.
    preset: the preset's name, with "(changed)" where the recipe was changed.
    """

    id: str
    identity: Mapping[str, Any]
    benchmark: Benchmark
    task: TaskSpec
    method: Method
    variant: Mapping[str, Any]
    options: Mapping[str, Any]
    budget: Budget
    preset: str
    threads: int
    space_name: str

    @property
    def label(self) -> str:
        """One line that names the run to a person."""
        return run_label(self.benchmark.name, self.method.name, self.variant, self.budget.label, self.task.seed)


def make_plan(config: DictConfig, solutions: Solutions | None = None) -> Plan:
    """Check a configuration and resolve it; trains nothing, decodes nothing.

    `solutions` are those that the budget refers to, if any: see `suite.engine.solutions`.

    Raises:
        SuiteError: anything in the configuration that cannot work, data that is missing, a budget out of reach.
    """
    benchmark_node, recipe, changed = apply_preset(config)
    benchmark: Benchmark = build(benchmark_settings(benchmark_node), "benchmark")
    method_node = plain(config.method)
    method: Method = build(method_node, "method")
    hardware = HardwareModel(build(config.device, "device"))
    network = _reference_network(config, benchmark_node, tuple(benchmark.input_shape))
    space = WidthSpace(network.layers, hardware)
    budget = parse_budget(plain(config.budget), space.reference_costs, hardware.units, solutions)
    space_name = _space_name(config.space, method)
    supernet, choices = None, None
    if space_name == "masks":
        space.check_reachable(budget)
    else:
        supernet = _supernet(config, benchmark_node, tuple(benchmark.input_shape), network.layers.output.channels)
        choices = ChoiceSpace(supernet.graph, hardware, masked=space_name == "both")
        choices.check_reachable(budget)
    compute, threads = _numerics(config)
    ignored = ("data", "title")
    shared = {
        "benchmark": {
            **typed_settings(benchmark, benchmark_node, ignored),
            "version": benchmark.version,
            "network": network.identity,
        },
        "data": benchmark.source().fingerprint(),
        "recipe": {k: v for k, v in settings_of(recipe).items() if k in _REFERENCE_TRAINING},
        "seed": config.seed,
        "compute": compute,
        "threads": threads,
    }
    if supernet is not None:
        shared["supernet"] = supernet.identity
    identity = {
        **shared,
        "recipe": settings_of(recipe),
        "method": {
            **typed_settings(method, method_node, getattr(method, "ignored_in_id", ())),
            "version": method.version,
        },
        "device": typed_settings(hardware.device, plain(config.device)),
        "targets": budget.targets,
    }
    if choices is not None:
        identity["space"] = space_name
    identity = json.loads(json.dumps(identity))  # as the record will hold it: lists for tuples
    task = TaskSpec(
        name=benchmark.name,
        seed=config.seed,
        input_shape=tuple(benchmark.input_shape),
        reference_network=network.factory,
        balanced=benchmark.balanced,
        recipe=recipe,
        hardware=hardware,
        space=space,
        compute=compute,
        shared_key=json.loads(json.dumps(shared)),
        choices=choices,
        supernet=None if supernet is None else supernet.factory,
    )
    return Plan(
        id=content_id(identity),
        identity=identity,
        benchmark=benchmark,
        task=task,
        method=method,
        variant=method_variant(method, method_node, space_name),
        options=method_options(method, method_node),
        budget=budget,
        preset=f"{config.preset.name} (changed)" if changed else config.preset.name,
        threads=threads,
        space_name=space_name,
    )


@dataclass(frozen=True)
class _ReferenceNetwork:
    """How the reference network is made, what identifies it, and its traced layers."""

    factory: Callable[[], nn.Module]
    identity: Mapping[str, Any]
    layers: Network


def _reference_network(
    config: DictConfig, benchmark_node: Mapping[str, Any], shape: tuple[int, ...]
) -> _ReferenceNetwork:
    """The benchmark's network, or the user's own of `network=package.module.Class`.

    Raises:
        SuiteError: it cannot be built or traced, does not take the benchmark's input, or gives another number of
            outputs than the benchmark's own network.
    """
    own, key = network_node(benchmark_node, shape), "benchmark.network"
    node = {"_target_": config.network} if config.network else own
    if config.network:
        key = "network"
    factory = _factory(node, key)
    network = factory()
    try:
        layers = trace(network, shape)
    except SuiteError as error:
        raise SuiteError(f"{key}={node['_target_']}: {error}") from error
    if config.network and "_target_" in own:
        expected = trace(_factory(own, "benchmark.network")(), shape).output.channels
        if layers.output.channels != expected:
            raise SuiteError(
                f"network={config.network}: gives {layers.output.channels} outputs, benchmark {benchmark_node['name']} "
                f"needs {expected}"
            )
    return _ReferenceNetwork(factory, network_identity(node, network, layers.layers), layers)


def _factory(node: Mapping[str, Any], key: str) -> Callable[[], nn.Module]:
    return lambda: build_network(node, key)


def _space_name(name: str, method: Method) -> str:
    """The space that a run searches: masks for a method that does not search."""
    if name not in SPACES:
        raise SuiteError(f"space={name}: choices are {', '.join(SPACES)}")
    able = getattr(method, "spaces", ("masks",))
    if able and name not in able:
        raise SuiteError(f"space={name}: method {method.name} searches {', '.join(able)} only")
    return name if able else "masks"


@dataclass(frozen=True)
class _Supernet:
    """How the network with all branches is made, what identifies it, and its layers."""

    factory: Callable[[], nn.Module]
    identity: Mapping[str, Any]
    graph: SupernetGraph


def _supernet(config: DictConfig, benchmark_node: Mapping[str, Any], shape: tuple[int, ...], outputs: int) -> _Supernet:
    """The benchmark's supernet.

    Raises:
        SuiteError: it has none, or the reference network is the user's own; or it cannot be built or traced, or gives
            another number of outputs than the reference network, `outputs`.
    """
    if config.network:
        raise SuiteError(f"network={config.network}, space={config.space}: only the benchmark's own has a supernet")
    if "supernet" not in benchmark_node:
        raise SuiteError(f"space={config.space}: {benchmark_node['name']} has no supernet. Choices: masks")
    node = network_node(benchmark_node, shape, "supernet")
    factory = _factory(node, "benchmark.supernet")
    network = factory()
    try:
        graph = trace_supernet(network, shape)
    except SuiteError as error:
        raise SuiteError(f"benchmark.supernet={node['_target_']}: {error}") from error
    if graph.network.output.channels != outputs:
        raise SuiteError(
            f"benchmark.supernet={node['_target_']}: gives {graph.network.output.channels} outputs, the reference "
            f"network {outputs}"
        )
    return _Supernet(factory, network_identity(node, network, graph.raw), graph)


def network_node(benchmark_node: Mapping[str, Any], shape: tuple[int, ...], key: str = "network") -> dict[str, Any]:
    """The config of the reference network, or of the supernet; `inputs: null` stands for the size of an example."""
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
