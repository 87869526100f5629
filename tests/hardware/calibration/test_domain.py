"""Where latencies are extrapolated."""

import pytest
from devices import device
from mlperf_tiny import PUBLISHED_DEVICES
from torch import nn

from suite.hardware.calibration.domain import extrapolations
from suite.hardware.calibration.validation import network_cycles
from suite.hardware.layers import Layer
from suite.hardware.trace import trace
from suite.models.resnet18 import ResNet18

MEASURED = PUBLISHED_DEVICES.mlperf_tiny_layers | PUBLISHED_DEVICES.stm32h747_layers


@pytest.mark.parametrize("network", [name for name in MEASURED if "efficientnet" not in name])
def test_measured_networks_are_inside(network: str) -> None:
    assert extrapolations(MEASURED[network]) == ()


@pytest.mark.parametrize("network", [name for name in MEASURED if "efficientnet" in name])
def test_depthwise_kernels_of_networks_that_were_predicted_badly_are_outside(network: str) -> None:
    assert extrapolations(MEASURED[network]) == ("depthwise 5x5 was measured in no network that was predicted well",)
    (system,) = (s for s in PUBLISHED_DEVICES.systems if not s.fitted)
    measured = next(n for n in system.networks if n.name == network)
    predicted = network_cycles(device("nucleo_h7a3zi").device, measured.layers) / 400e3
    assert predicted / measured.latency_ms - 1 < -0.3


@pytest.mark.parametrize(
    ("macs", "outside"), [(199_999, True), (200_000, False), (300_000_000, False), (300_000_001, True)]
)
def test_the_limits_of_macs(macs: int, outside: bool) -> None:
    assert bool(extrapolations([Layer("l", "linear", (), 1, (1, 1), macs)])) == outside


def test_sequences_and_unknown_kinds_are_named() -> None:
    sequence = Layer("s", "conv", (), 64, (1, 1000), 64, kernel=(1, 9))
    softmax = Layer("x", "softmax", (), 64)  # type: ignore[arg-type]
    assert extrapolations([sequence, softmax]) == (
        "layers of kind softmax were never measured",
        "convolutions of sequences were never measured",
    )


def test_a_depthwise_convolution_of_a_sequence_has_one_reason() -> None:
    layers = [Layer("s", "depthwise", (), 64, (1, 1000), 64, kernel=(1, 9))]
    assert extrapolations(layers) == ("convolutions of sequences were never measured",)


def test_traced_networks_are_judged_with_all_their_layers() -> None:
    assert extrapolations(trace(ResNet18(), (3, 64, 64)).layers) == ("2222 million MACs are more than 300 million",)
    sequence = nn.Sequential(nn.Conv1d(8, 64, 9), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 2))
    assert extrapolations(trace(sequence, (8, 200)).layers) == ("convolutions of sequences were never measured",)
