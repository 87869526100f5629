"""The networks that a run starts from, built and traced while it is planned: they must fit their benchmark."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from suite import SuiteError
from suite.config.build import build_network, plain, require_mapping
from suite.config.identity import network_identity
from suite.hardware.layers import Network
from suite.hardware.supernet_graph import SupernetGraph, trace_supernet
from suite.hardware.trace import trace


@dataclass(frozen=True)
class PlannedNetwork:
    """How the reference network is made, what identifies it, and its traced layers."""

    factory: Callable[[], nn.Module]
    identity: Mapping[str, Any]
    layers: Network


@dataclass(frozen=True)
class PlannedSupernet:
    """How the network with all branches is made, what identifies it, and its layers."""

    factory: Callable[[], nn.Module]
    identity: Mapping[str, Any]
    graph: SupernetGraph


def plan_reference_network(own: Any, benchmark_node: Mapping[str, Any], input_shape: Sequence[int]) -> PlannedNetwork:
    """The benchmark's network, or the user's `own`: of `network=package.module.Class`, or a node with arguments.

    Raises:
        SuiteError: it cannot be built or traced, does not take the benchmark's input, or gives outputs of another shape
            than the benchmark's own network.
    """
    shape, key = tuple(input_shape), "network" if own else "benchmark.network"
    benchmark_network = network_node(benchmark_node, shape)
    if not (own or benchmark_network):
        raise SuiteError(f"benchmark {benchmark_node['name']} has no network: give network=MODULE.CLASS, one of yours")
    node = {"_target_": own} if isinstance(own, str) else require_mapping(plain(own), key) if own else benchmark_network
    network, setting = build_network(node, key), f"{key}={node['_target_']}"
    try:
        layers = trace(network, shape)
    except SuiteError as error:
        raise SuiteError(f"{setting}: {error}") from error
    if own and "_target_" in benchmark_network:
        given = _output_shape(network, shape)
        needed = _output_shape(build_network(benchmark_network, "benchmark.network"), shape)
        if given != needed:
            name = benchmark_node["name"]
            raise SuiteError(f"{setting}: gives outputs of shape {given}, benchmark {name} needs {needed}")
    return PlannedNetwork(lambda: build_network(node, key), network_identity(node, layers.layers), layers)


def plan_supernet(
    config: DictConfig, benchmark_node: Mapping[str, Any], input_shape: Sequence[int], outputs: int
) -> PlannedSupernet:
    """The benchmark's supernet.

    Raises:
        SuiteError: it has none, or the reference network is the user's own; or it cannot be built or traced, or gives
            another number of outputs than the reference network, `outputs`.
    """
    if config.network:
        raise SuiteError(
            f"network={plain(config.network)}, space={config.space}: only the benchmark's own has a supernet"
        )
    if "supernet" not in benchmark_node:
        raise SuiteError(f"space={config.space}: {benchmark_node['name']} has no supernet. Choices: masks")
    shape, key = tuple(input_shape), "benchmark.supernet"
    node = network_node(benchmark_node, shape, "supernet")
    setting = f"{key}={node.get('_target_')}"
    try:
        graph = trace_supernet(build_network(node, key), shape)
    except SuiteError as error:
        raise SuiteError(f"{setting}: {error}") from error
    if (given := graph.network.output.channels) != outputs:
        raise SuiteError(f"{setting}: gives {given} outputs, the reference network {outputs}")
    return PlannedSupernet(lambda: build_network(node, key), network_identity(node, graph.raw), graph)


def network_node(benchmark_node: Mapping[str, Any], shape: tuple[int, ...], key: str = "network") -> dict[str, Any]:
    """The config of the reference network, or of the supernet; `inputs: null` stands for the size of an example."""
    node = dict(benchmark_node.get(key) or {})
    return node | {"inputs": math.prod(shape)} if "inputs" in node and node["inputs"] is None else node


def _output_shape(network: nn.Module, input_shape: tuple[int, ...]) -> list[int]:
    """The shape of one example's output."""
    with torch.no_grad():
        return list(network.eval()(torch.zeros(1, *input_shape)).shape[1:])
