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

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.pool, self.gate = nn.AdaptiveAvgPool2d(1), gate

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
