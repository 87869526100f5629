"""What a run keeps of its int8 network for figures."""

import json
from itertools import combinations

import pytest
from devices import device
from torch import nn

from suite.hardware.run_nodes import memory_node, operators_node
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8

NETWORKS = [(ResNet8(), (3, 32, 32)), (DsCnn(), (1, 49, 10)), (MobileNetV1(), (3, 96, 96))]


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=lambda x: type(x).__name__)
def test_buffers_reach_the_peak_and_no_two_share_bytes_while_both_live(
    network: nn.Module, shape: tuple[int, ...]
) -> None:
    traced = trace(network, shape)
    hardware = device("nucleo_l4r5zi")
    buffers = memory_node(traced)
    peak = max(-(-(b["offset"] + b["bytes"]) // 16) * 16 for b in buffers)
    assert peak == hardware.exact(traced)["ram"]
    for one, other in combinations(buffers, 2):
        together = one["first"] <= other["last"] and other["first"] <= one["last"]
        apart = one["offset"] + one["bytes"] <= other["offset"] or other["offset"] + other["bytes"] <= one["offset"]
        assert apart or not together


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=lambda x: type(x).__name__)
def test_costs_of_operators_add_up_to_the_networks(network: nn.Module, shape: tuple[int, ...]) -> None:
    traced = trace(network, shape)
    hardware = device("nucleo_l4r5zi")
    operators = operators_node(hardware, traced)
    exact = hardware.exact(traced)
    for metric in ("weights", "flash", "latency"):
        assert sum(o[metric] for o in operators) == pytest.approx(exact[metric])
    assert json.loads(json.dumps(operators)) == operators


def test_an_operation_of_the_plan_is_the_operator_of_that_number() -> None:
    traced = trace(ResNet8(), (3, 32, 32))
    operators = operators_node(device("nucleo_l4r5zi"), traced)
    first = {b["layer"]: b["first"] for b in memory_node(traced)}
    assert [first[o["name"]] for o in operators] == list(range(len(operators)))
