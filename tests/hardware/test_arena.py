"""The arena of TensorFlow Lite Micro: activations, scratch of CMSIS-NN's kernels, and the interpreter's own data."""

import pytest
from torch import Tensor, nn

from suite.hardware.arena import Arena, largest_beside_head, scratch_bytes
from suite.hardware.layers import Layer
from suite.hardware.ram import activation_buffers, align, peak_bytes
from suite.hardware.trace import trace
from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8

NETWORKS = [(ResNet8(), (3, 32, 32)), (DsCnn(), (1, 49, 10)), (MobileNetV1(), (3, 96, 96)), (Autoencoder(), (640,))]


def _conv(kind: str, cin: int, cout: int, kernel: tuple[int, int], padding: tuple[int, int, int, int]) -> Layer:
    return Layer("x", kind, (), cout, (8, 8), cin, (8, 8), kernel, padding=padding)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (_conv("conv", 16, 32, (3, 3), (1, 1, 1, 1)), 2 * 144 * 2),
        (_conv("conv", 3, 16, (3, 3), (1, 1, 1, 1)), 2 * 28 * 2),  # 27 columns, rounded up to four
        (_conv("conv", 64, 64, (1, 1), (0, 0, 0, 0)), 0),
        (_conv("conv", 1, 64, (10, 4), (4, 5, 1, 1)), 0),  # a depthwise convolution with a multiplier
        (_conv("depthwise", 64, 64, (3, 3), (1, 1, 1, 1)), 0),
        (_conv("depthwise", 64, 64, (5, 5), (2, 2, 2, 2)), 64 * 25 * 2),
        (_conv("depthwise", 64, 64, (3, 3), (2, 2, 2, 2)), 64 * 9 * 2),
        (Layer("x", "average_pool", (), 64), 256),
        (Layer("x", "linear", (), 64, in_channels=64), 0),
    ],
)
def test_scratch_by_hand(layer: Layer, expected: int) -> None:
    assert scratch_bytes(layer) == expected


@pytest.mark.parametrize(("network", "shape"), NETWORKS)
def test_parts_of_the_arena(network: nn.Module, shape: tuple[int, ...]) -> None:
    layers = trace(network, shape)
    arena = Arena.of(layers)
    assert arena.head == peak_bytes(activation_buffers(layers))
    assert 0 <= arena.scratch <= max(scratch_bytes(layer) for layer in layers.operators) + 16
    assert arena.total == arena.head + arena.scratch + arena.tail


def test_scratch_counts_where_it_lives_with_the_peak() -> None:
    """ResNet8's peak is at the first block: 4 x 144 B of its convolutions lie on top of three maps."""
    assert Arena.of(trace(ResNet8(), (3, 32, 32))).scratch == 4 * 144


@pytest.mark.parametrize(
    ("network", "shape", "measured"),
    [(*NETWORKS[0], 6624), (*NETWORKS[1], 8064), (*NETWORKS[2], 29_680), (*NETWORKS[3], 16_592)],
)
def test_the_tail_is_a_close_upper_bound_of_a_host_interpreters(
    network: nn.Module, shape: tuple[int, ...], measured: int
) -> None:
    """Measured: tflite-micro 0.dev20261023182759 on x86-64, as `suite deploy` runs it."""
    assert measured <= Arena.of(trace(network, shape)).tail <= 1.1 * measured


class _Small(nn.Module):
    """Convolution of 5, depthwise, mean over positions, linear: `width` channels before the mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.depthwise = nn.Conv2d(2, width, 3), nn.Conv2d(width, width, 3, groups=width)
        self.linear = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.depthwise(self.conv(x)).mean((2, 3)))


@pytest.mark.parametrize(("width", "reshape"), [(5, 0), (1, 170), (2, 0)])
def test_the_tail_by_hand(width: int, reshape: int) -> None:
    """The mean of one channel has an operator more; a depthwise convolution of one channel is a standard one."""
    tail = 700 + (250 + 8 * width) + ((250 if width == 1 else 270) + 8 * width) + (430 + reshape) + (300 + 8 * 3)
    assert Arena.of(trace(_Small(width), (2, 9, 9))).tail == tail


def test_of_each_choice_the_branch_with_the_longest_tail_counts() -> None:
    """Two convolutions make up one branch, a third the other one; the head and the fixed layers are beside them."""
    layers = trace(_Small(5), (2, 9, 9))
    conv, depthwise, mean, linear = (layer.name for layer in layers.operators)
    scratch = 2 * align(max(scratch_bytes(layer) for layer in layers.operators))
    fixed = 700 + 170 + 430 + scratch
    tails = {conv: 250 + 40, depthwise: 270 + 40, linear: 300 + 24}
    assert largest_beside_head(layers) == fixed + sum(tails.values())
    longest = {conv: (0, 0), depthwise: (0, 0), linear: (0, 1)}
    assert largest_beside_head(layers, longest) == fixed + tails[conv] + tails[depthwise]
    assert largest_beside_head(layers, {conv: (0, 0), depthwise: (1, 0)}) == fixed + sum(tails.values())
    assert mean not in longest
