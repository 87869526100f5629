"""Random small networks for properties: convolutions, depthwise, residual sums, flattening, with and without norm."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor, nn


@dataclass(frozen=True)
class Stage:
    kind: str  # "conv", "depthwise", "residual"
    channels: int
    stride: int
    norm: bool
    bias: bool
    activation: str


def _activation(name: str) -> nn.Module:
    return {"relu": nn.ReLU(), "relu6": nn.ReLU6(), "tanh": nn.Tanh(), "hardswish": nn.Hardswish()}[name]


class _Unit(nn.Module):
    """One stage, (N, cin, H, W) -> (N, cout, H', W')."""

    def __init__(self, cin: int, stage: Stage) -> None:
        super().__init__()
        self.residual = stage.kind == "residual"
        cout = cin if stage.kind == "depthwise" else stage.channels
        stride = 1 if self.residual else stage.stride
        groups = cin if stage.kind == "depthwise" else 1
        self.conv = nn.Conv2d(cin, cout, 3, stride, padding=1, groups=groups, bias=stage.bias)
        self.norm = nn.BatchNorm2d(cout) if stage.norm else nn.Identity()
        self.act = _activation(stage.activation)
        same = cin == cout or not self.residual
        self.shortcut = nn.Identity() if same else nn.Conv2d(cin, cout, 1, bias=stage.bias)
        self.cout = cout

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        if self.residual:
            y = y + self.shortcut(x)
        return self.act(y)


class RandomNetwork(nn.Module):
    """A chain of stages, then either global pooling or a plain flatten, a hidden linear layer and the output."""

    def __init__(self, in_channels: int, stages: list[Stage], pooled: bool, hidden: int, size: int) -> None:
        super().__init__()
        units, cin = [], in_channels
        for stage in stages:
            units.append(_Unit(cin, stage))
            cin = units[-1].cout
        self.features = nn.Sequential(*units)
        self.pool = nn.AdaptiveAvgPool2d(1) if pooled else nn.Identity()
        with torch.no_grad():
            features = self.pool(self.features(torch.zeros(2, in_channels, size, size))).flatten(1).shape[1]
        self.hidden = nn.Linear(features, hidden)
        self.hidden_norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(self.features(x)).flatten(1)
        return self.out(torch.relu(self.hidden_norm(self.hidden(y))))


SHAPE = (2, 8, 8)

_stages = st.builds(
    Stage,
    kind=st.sampled_from(["conv", "depthwise", "residual"]),
    channels=st.integers(2, 12),
    stride=st.integers(1, 2),
    norm=st.booleans(),
    bias=st.booleans(),
    activation=st.sampled_from(["relu", "relu6", "tanh", "hardswish"]),
)


@st.composite
def networks(draw: st.DrawFn) -> RandomNetwork:
    """A random network for inputs of SHAPE, with random weights and batch-norm statistics."""
    stages = draw(st.lists(_stages, min_size=1, max_size=5))
    torch.manual_seed(draw(st.integers(0, 2**20)))
    network = RandomNetwork(SHAPE[0], stages, draw(st.booleans()), draw(st.integers(2, 9)), SHAPE[1])
    return randomise(network)


def randomise(network: nn.Module) -> nn.Module:
    """Batch norms as after training: scales, shifts and statistics away from their initial values."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.5)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return network
