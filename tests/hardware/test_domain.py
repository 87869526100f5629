"""Which latencies are extrapolations, and why."""

import pytest
import torch
from devices import device
from mlperf_tiny import PUBLISHED_DEVICES
from torch import Tensor, nn

from suite.hardware.calibration.validation import network_cycles
from suite.hardware.domain import Domain, extrapolation
from suite.hardware.layers import Layer, Network
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8

MEASURED = ("nucleo_l4r5zi", "cortex_m4_cmsisnn")
LAYERS = PUBLISHED_DEVICES.layers("mlperf_tiny") | PUBLISHED_DEVICES.layers("stm32h747")


def _reasons(name: str, network: nn.Module, shape: tuple[int, ...]) -> tuple[str, ...]:
    return extrapolation(device(name).device, trace(nn.Sequential(network), shape))


def test_a_domain_names_its_kinds() -> None:
    text = str(Domain(frozenset({"add", "conv"})))
    assert "operators of the kinds conv, add; anything else" in text
    text = str(Domain(frozenset({"linear", "depthwise"}), depthwise=frozenset({(5, 5), (3, 3)}), sequences=False))
    assert "networks of images with operators of the kinds depthwise (3x3, 5x5), linear; anything else" in text


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    ("network", "shape"),
    [(ResNet8, (3, 32, 32)), (DsCnn, (1, 49, 10)), (MobileNetV1, (3, 96, 96)), (Autoencoder, (640,))],
)
def test_nothing_is_said_of_the_networks_that_were_measured(
    name: str, network: type[nn.Module], shape: tuple[int, ...]
) -> None:
    assert _reasons(name, network(), shape) == ()


@pytest.mark.parametrize("network", [name for name in LAYERS if "efficientnet" not in name])
def test_nothing_is_said_of_the_lists_of_layers_that_were_measured(network: str) -> None:
    assert extrapolation(device("nucleo_h7a3zi").device, Network(LAYERS[network])) == ()


@pytest.mark.parametrize("network", [name for name in LAYERS if "efficientnet" in name])
def test_depthwise_kernels_of_networks_that_were_predicted_badly_are_outside(network: str) -> None:
    board = device("nucleo_h7a3zi").device
    reason = "depthwise 5x5 was measured in no network that was predicted well"
    assert extrapolation(board, Network(LAYERS[network])) == (reason,)
    (system,) = (s for s in PUBLISHED_DEVICES.systems if not s.fitted)
    measured = next(n for n in system.networks if n.name == network)
    assert network_cycles(board, measured.layers) / 400e3 / measured.latency_ms - 1 < -0.3


def test_every_depthwise_kernel_was_counted() -> None:
    network = nn.Sequential(nn.Conv2d(16, 64, 3, padding="same"), nn.Conv2d(64, 64, 5, padding="same", groups=64))
    assert _reasons("cortex_m4_cmsisnn", network, (16, 32, 32)) == ()
    assert len(_reasons("nucleo_l4r5zi", network, (16, 32, 32))) == 1


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    ("macs", "reasons"),
    [
        (199_999, ("199,999 MACs are fewer than 200,000",)),
        (200_000, ()),
        (300_000_000, ()),
        (300_000_001, ("300,000,001 MACs are more than 300,000,000",)),
    ],
)
def test_the_limits_of_macs(name: str, macs: int, reasons: tuple[str, ...]) -> None:
    network = Network((Layer("l", "linear", (), 1, (1, 1), macs),))
    assert extrapolation(device(name).device, network) == reasons


def test_sequences_were_counted_but_occur_in_no_measured_network() -> None:
    network = nn.Sequential(nn.Conv1d(8, 64, 9), nn.Conv1d(64, 64, 9, groups=64), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    assert _reasons("cortex_m4_cmsisnn", network, (8, 200)) == ()
    assert _reasons("nucleo_l4r5zi", network, (8, 200)) == ("convolutions of sequences were never measured",)


class _Dense(nn.Module):
    """Concatenates its input with a convolution of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(x)], 1)


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    ("network", "reasons"),
    [
        (nn.Sequential(nn.Conv2d(16, 16, 3), nn.Hardswish()), ("operators of kind activation were never measured",)),
        (nn.Conv2d(16, 16, 3, 2, padding=1), ("operators of kind pad were never measured",)),
        (nn.Conv2d(16, 16, 3, padding="same", dilation=2), ("dilated convolutions were never measured",)),
        (
            nn.Sequential(nn.Conv2d(16, 16, 3), nn.Flatten(), nn.Linear(16 * 900, 2)),
            ("flatten of several positions, which transposes them, was never measured",),
        ),
    ],
)
def test_operators_and_uses_that_were_never_measured(name: str, network: nn.Module, reasons: tuple[str, ...]) -> None:
    assert _reasons(name, network, (16, 32, 32)) == reasons


def test_concatenations_occur_in_a_measured_network_but_were_not_counted() -> None:
    assert _reasons("nucleo_l4r5zi", _Dense(), (16, 32, 32)) == ()
    assert _reasons("cortex_m4_cmsisnn", _Dense(), (16, 32, 32)) == ("operators of kind concat were never measured",)


def test_a_network_can_have_several_reasons() -> None:
    reasons = _reasons("cortex_m4_cmsisnn", nn.Sequential(nn.Conv2d(2, 2, 3, 2, padding=1), nn.Tanh()), (2, 8, 8))
    assert len(reasons) == 3


def test_of_a_model_that_gives_ratios_only_nothing_is_said() -> None:
    assert _reasons("gap8", nn.Conv2d(3, 2, 1), (3, 8, 8)) == ()
