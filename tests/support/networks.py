"""Random small networks for properties: convolutions of images and of sequences, depthwise, grouped, residual sums,
concatenations and their sums, squeeze-and-excite, pooling, upsampling, flattening, with and without norm."""

from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

SHAPE = (2, 8, 8)
SEQUENCE = (2, 20)


@dataclass(frozen=True)
class Stage:
    kind: str  # "conv", "depthwise", "residual", "dense", or a key of `_UNITS`
    channels: int
    stride: int
    norm: bool
    bias: bool
    activation: str


@dataclass(frozen=True)
class _Kit:
    """The modules for one number of axes."""

    conv: Any
    norm: Any
    max_pool: Any
    mean_pool: Any


_KITS = {
    1: _Kit(nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d),
    2: _Kit(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d),
}


ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "tanh": nn.Tanh,
    "hardswish": nn.Hardswish,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "prelu": nn.PReLU,
}


def _activation(name: str, channels: int) -> nn.Module:
    return nn.PReLU(channels, init=0.3) if name == "prelu" else ACTIVATIONS[name]()


class _Unit(nn.Module):
    """One stage, (N, cin, ...) -> (N, cout, ...); `joined` says whether a tensor is made of several channel groups."""

    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        self.kind = stage.kind
        width = cin if stage.kind == "depthwise" else stage.channels
        stride = 1 if stage.kind in ("residual", "dense") else stage.stride
        groups = cin if stage.kind == "depthwise" else 1
        self.conv = kit.conv(cin, width, 3, stride, padding=1, groups=groups, bias=stage.bias)
        self.norm = kit.norm(width) if stage.norm else nn.Identity()
        self.act = _activation(stage.activation, width)
        if stage.kind == "residual":
            same = cin == width and not joined
            self.shortcut = nn.Identity() if same else kit.conv(cin, width, 1, bias=stage.bias)
        self.cout = cin + width if stage.kind == "dense" else width
        self.joined = joined if stage.kind == "depthwise" else stage.kind == "dense"

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        if self.kind == "residual":
            y = y + self.shortcut(x)
        y = self.act(y)
        return torch.cat([x, y], 1) if self.kind == "dense" else y


class _Twins(nn.Module):
    """A sum of two concatenations, and a depthwise residual on it: groups united piece by piece."""

    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        widths = (stage.channels, 3, stage.channels, 3)
        self.parts = nn.ModuleList([kit.conv(cin, width, 1, bias=stage.bias) for width in widths])
        self.norm = kit.norm(3) if stage.norm else nn.Identity()
        self.cout = stage.channels + 3
        self.depthwise = kit.conv(self.cout, self.cout, 3, padding=1, groups=self.cout, bias=stage.bias)
        self.act = _activation(stage.activation, self.cout)
        self.joined = True

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = (part(x) for part in self.parts)
        y = torch.cat([a, self.norm(b)], 1) + torch.cat([c, d], 1)
        return self.act(y + self.depthwise(y))


class _Grouped(nn.Module):
    """A pointwise convolution to an even number of channels, and one of two groups on it."""

    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        width = 2 * (stage.channels // 2)
        self.cout, self.joined = 2 * width, False
        self.point = kit.conv(cin, width, 1, bias=stage.bias)
        self.conv = kit.conv(width, self.cout, 3, stage.stride, padding=1, groups=2, bias=stage.bias)
        self.norm = kit.norm(self.cout) if stage.norm else nn.Identity()
        self.act = _activation(stage.activation, self.cout)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(torch.relu(self.point(x)))))


class _Squeeze(nn.Module):
    """A convolution whose channels are scaled by a gate that reads their means."""

    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        self.cout, self.joined = stage.channels, False
        self.conv = kit.conv(cin, stage.channels, 3, stage.stride, padding=1, bias=stage.bias)
        self.norm = kit.norm(stage.channels) if stage.norm else nn.Identity()
        self.act = _activation(stage.activation, stage.channels)
        self.mean = kit.mean_pool(1)
        self.reduce, self.expand = kit.conv(stage.channels, 3, 1), kit.conv(3, stage.channels, 1)
        self.gate = nn.Sigmoid() if stage.bias else nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.conv(x)))
        return y * self.gate(self.expand(torch.relu(self.reduce(self.mean(y)))))


class _Upsample(nn.Module):
    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        self.pool, self.upsample = kit.max_pool(3, 2, padding=1), nn.Upsample(scale_factor=stage.stride)
        self.cout, self.joined = cin, joined

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(self.pool(x))


class _Pool(nn.Module):
    def __init__(self, kit: _Kit, cin: int, joined: bool, stage: Stage) -> None:
        super().__init__()
        self.pool = kit.max_pool(3, stage.stride, padding=1)
        self.cout, self.joined = cin, joined

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)


_UNITS: dict[str, Any] = {
    "twins": _Twins,
    "grouped": _Grouped,
    "squeeze": _Squeeze,
    "pool": _Pool,
    "upsample": _Upsample,
}


class RandomNetwork(nn.Module):
    """A chain of stages, then either global pooling or a plain flatten, a hidden linear layer and the output."""

    def __init__(self, shape: tuple[int, ...], stages: list[Stage], pooled: bool, hidden: int) -> None:
        super().__init__()
        kit = _KITS[len(shape) - 1]
        units, width, joined = [], shape[0], False
        for stage in stages:
            unit = _UNITS.get(stage.kind, _Unit)(kit, width, joined, stage)
            units.append(unit)
            width, joined = unit.cout, unit.joined
        self.features = nn.Sequential(*units)
        self.pool = kit.mean_pool(1) if pooled else nn.Identity()
        with torch.no_grad():
            features = self.pool(self.features(torch.zeros(2, *shape))).flatten(1).shape[1]
        self.hidden = nn.Linear(features, hidden)
        self.hidden_norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(self.features(x))
        y = y.reshape(y.size(0), -1)  # as `flatten(1)`, as many networks write it
        return self.out(torch.relu(self.hidden_norm(self.hidden(y))))


_stages = st.builds(
    Stage,
    kind=st.sampled_from(["conv", "depthwise", "residual", "dense", *_UNITS]),
    channels=st.integers(2, 12),
    stride=st.integers(1, 2),
    norm=st.booleans(),
    bias=st.booleans(),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)


@st.composite
def networks(draw: st.DrawFn, shape: tuple[int, ...] = SHAPE) -> RandomNetwork:
    """A random network for inputs of `shape`, with random weights and batch-norm statistics."""
    stages = draw(st.lists(_stages, min_size=1, max_size=5))
    torch.manual_seed(draw(st.integers(0, 2**20)))
    network = RandomNetwork(shape, stages, draw(st.booleans()), draw(st.integers(2, 9)))
    return randomise(network)


def shaped_networks() -> st.SearchStrategy[tuple[RandomNetwork, tuple[int, ...]]]:
    """A random network, of images (C, H, W) or of sequences (C, L), and its input's shape."""
    return st.sampled_from([SHAPE, SEQUENCE]).flatmap(lambda shape: st.tuples(networks(shape), st.just(shape)))


class OwnNetwork(nn.Sequential):
    """A user's own reference network for the digits, (N, 1, 8, 8) -> (N, 10)."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10))


def randomise(network: nn.Module) -> nn.Module:
    """Batch norms as after training: scales, shifts and statistics away from their initial values."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.5)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return network
