"""What an int8 interpreter runs: zeros that a convolution adds itself, and those that need an operator PAD."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from suite import SuiteError
from suite.hardware.layers import Network
from suite.hardware.ram import activation_buffers
from suite.hardware.trace import trace
from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.models.resnet18 import ResNet18
from suite.models.same_conv import SameConv2d, same_padding


def _kinds(network: Network) -> list[str]:
    return [layer.kind for layer in network.operators]


class _Padded(nn.Module):
    """Zeros (left, right, top, bottom) before an unpadded 3x3 convolution of stride 2."""

    def __init__(self, *amounts: int, **options: float) -> None:
        super().__init__()
        self.amounts, self.options = amounts, options
        self.conv = nn.Conv2d(3, 4, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(pad(x, self.amounts, **self.options))


@pytest.mark.parametrize(
    ("network", "shape"),
    [(ResNet8(), (3, 32, 32)), (DsCnn(), (1, 49, 10)), (MobileNetV1(), (3, 96, 96)), (ResNet18(), (3, 64, 64))],
)
def test_reference_networks_need_no_pad(network: nn.Module, shape: tuple[int, ...]) -> None:
    assert "pad" not in _kinds(trace(network, shape))


def test_symmetric_padding_of_a_strided_convolution_is_an_operator_with_a_buffer() -> None:
    network = trace(nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1)), (3, 8, 8))
    assert _kinds(network) == ["pad", "conv"]
    assert [buffer.size for buffer in activation_buffers(network)] == [3 * 64, 3 * 100, 4 * 16]
    odd = trace(
        nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1)), (3, 9, 9)
    )  # one row more, and TensorFlow pads as torch does
    assert _kinds(odd) == ["conv"]


def test_zeros_before_a_convolution_are_its_own_where_tensorflow_puts_them() -> None:
    same = trace(_Padded(0, 1, 0, 1), (3, 8, 8))
    assert _kinds(same) == ["conv"]
    assert (same.output.padding, same.output.in_size) == ((0, 1, 0, 1), (8, 8))
    assert [buffer.size for buffer in activation_buffers(same)] == [3 * 64, 4 * 16]
    other = trace(_Padded(1, 0, 1, 0), (3, 8, 8))
    assert _kinds(other) == ["pad", "conv"]
    assert other.output.in_size == (9, 9)


def test_zeros_that_two_convolutions_read_are_each_ones_own() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.zeros, self.a, self.b = nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, 2), nn.Conv2d(3, 4, 3, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.zeros(x)
            return self.a(y) + self.b(y)

    assert _kinds(trace(Net(), (3, 8, 8))) == ["conv", "conv", "add"]


def test_zeros_that_another_operation_reads_too_stay_an_operator() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.zeros, self.a, self.pool = nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 3, 3, 2), nn.MaxPool2d(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.zeros(x)
            return self.a(y) + self.pool(y)

    assert _kinds(trace(Net(), (3, 8, 8))) == ["pad", "conv", "max_pool", "add"]


def test_a_padded_pool_needs_an_operator_and_no_zeros_need_none() -> None:
    pooled = trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(3, 2, padding=1)), (3, 8, 8))
    assert _kinds(pooled) == ["conv", "pad", "max_pool"]
    assert _kinds(trace(nn.Sequential(nn.ZeroPad2d(0), nn.Conv2d(3, 4, 1)), (3, 8, 8))) == ["conv"]


@pytest.mark.parametrize(
    ("amounts", "options"),
    [((0, 1, 0, 1), {"value": 1.0}), ((0, 1, 0, 1, 0, 1), {}), ((-1, 1, 0, 1), {})],
)
def test_what_is_no_padding_with_zeros_is_refused(amounts: tuple[int, ...], options: dict[str, float]) -> None:
    network = _Padded(*amounts, **options)
    network.conv = nn.Conv2d(3 + sum(amounts[4:]), 4, 3, 2)
    with pytest.raises(SuiteError, match="only zeros around a map's positions"):
        trace(network, (3, 8, 8))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (32, 3, 2, (0, 1)),
        (9, 3, 2, (1, 1)),
        (49, 10, 2, (4, 5)),
        (10, 4, 2, (1, 1)),
        (8, 5, 2, (1, 2)),
        (8, 1, 2, (0, 0)),
    ],
)
def test_golden_paddings_of_tensorflow(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == expected


@pytest.mark.parametrize("size", [8, 9])
def test_a_same_convolution_is_a_padded_one(size: int) -> None:
    conv = SameConv2d(2, 3, 3, 2)
    x = torch.randn(1, 2, size, size)
    plain = nn.Conv2d(2, 3, 3, 2)
    plain.load_state_dict(conv.state_dict())
    assert torch.allclose(conv(x), plain(pad(x, (0, 1, 0, 1) if size == 8 else (1, 1, 1, 1))))
    assert conv(x).shape[-1] == -(-size // 2)
