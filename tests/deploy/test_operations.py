"""Each operation that networks of one's own may have, in the interpreter: its memory is what the suite says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from devices import device
from torch import Tensor, nn

from suite.deploy.convert import convert
from suite.deploy.micro import run_micro

pytestmark = pytest.mark.deploy


class _Gate(nn.Module):
    """A map times a gate that reads its means."""

    def __init__(self, gate: nn.Module, pool: nn.Module | None = None) -> None:
        super().__init__()
        self.pool, self.gate = pool or nn.AdaptiveAvgPool2d(1), gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.pool(x))


class _Times(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


OPERATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": lambda: _Gate(nn.Sigmoid()),
    "sigmoid of a convolution": lambda: _Gate(nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid())),
    "hardsigmoid of a convolution": lambda: _Gate(nn.Sequential(nn.Conv2d(8, 8, 1), nn.Hardsigmoid())),
    "product of two maps": _Times,
    "SiLU": nn.SiLU,
    "PReLU": nn.PReLU,
    "PReLU by channel": lambda: nn.PReLU(8),
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "upsampling": lambda: nn.Upsample(scale_factor=2),
    "padding": lambda: nn.ZeroPad2d(2),
    "grouped convolution": lambda: nn.Conv2d(8, 8, 3, padding=1, groups=2),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_ram_with_the_operation_is_the_interpreters(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), OPERATIONS[name](), nn.Conv2d(8, 4, 3, padding=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    ).eval()  # fmt: skip
    run = run_micro(convert(network, torch.randn(32, 3, 16, 16)), np.zeros((1, 16, 16, 3), np.int8))
    assert device("nucleo_l4r5zi").measure(network, (3, 16, 16))["ram"] == run.head
    assert max(run.differences) <= 1


class _View(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), -1)


SEQUENCES: dict[str, Callable[[], nn.Module]] = {
    "dilated": lambda: nn.Conv1d(8, 8, 3, padding=2, dilation=2),
    "strided, more zeros than TensorFlow's": lambda: nn.Conv1d(8, 8, 3, stride=2, padding=1),
    "depthwise": lambda: nn.Conv1d(8, 8, 5, padding=2, groups=8),
    "max pool": lambda: nn.MaxPool1d(2),
    "average pool": lambda: nn.AvgPool1d(2),
    "upsampling": lambda: nn.Upsample(scale_factor=2),
    "padding": lambda: nn.ZeroPad1d((2, 2)),
    "gate": lambda: _Gate(nn.Sequential(nn.Conv1d(8, 8, 1), nn.Sigmoid()), nn.AdaptiveAvgPool1d(1)),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_ram_of_sequences_is_the_interpreters(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(3, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), SEQUENCES[name](),
        nn.Conv1d(8, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(4), _View(), nn.Linear(16, 2),
    ).eval()  # fmt: skip
    run = run_micro(convert(network, torch.randn(32, 3, 32)), np.zeros((1, 1, 32, 3), np.int8))
    assert device("nucleo_l4r5zi").measure(network, (3, 32))["ram"] == run.head
    assert max(run.differences) <= 1


def test_a_view_of_a_map_is_the_interpreters_too() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AvgPool2d(2), _View(), nn.Linear(8 * 49, 2)).eval()
    run = run_micro(convert(network, torch.randn(32, 3, 16, 16)), np.zeros((1, 16, 16, 3), np.int8))
    assert device("nucleo_l4r5zi").measure(network, (3, 16, 16))["ram"] == run.head
