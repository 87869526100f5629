"""Supernets of arXiv 2310.07217's path-based search: reference networks with candidate blocks at several positions.

Positions and candidates as in eml-eda/multi-constraint-nas, models.py at 2c2422a. ResNet8 has 5,184 networks, DS-CNN
256, MobileNet 15.9 million, the autoencoder 64. Each space holds its reference network (ResNet8: the 3x3 convolution
everywhere; DS-CNN and MobileNet: the separable block everywhere; autoencoder: every layer).
"""

from collections.abc import Mapping
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.autoencoder import DEPTH, Dense
from suite.models.dropout import Dropout
from suite.models.ds_cnn import BLOCKS as DS_CNN_BLOCKS
from suite.models.initialise import he_initialise
from suite.models.layer_choice import LayerChoice
from suite.models.mobilenet_v1 import BLOCKS as MOBILENET_BLOCKS
from suite.models.same_conv import SameConv2d


def blocks(
    cin: int, cout: int, stride: int = 1, *, bias: bool, identity: bool, relu: bool = True
) -> Mapping[str, nn.Module]:
    """Candidate blocks by name, each (N, cin, H, W) -> (N, cout, H/stride, W/stride).

    conv3x3, conv5x5: convolution, batch norm, ReLU. separable: depthwise 3x3 and pointwise convolution, batch norm and
    ReLU after each. identity: no layer at all, only with `identity`, which needs cin = cout and stride 1.

    Args:
        cin: input channels.
        cout: output channels.
        stride: of the first convolution.
        bias: whether the convolutions have one.
        identity: whether the block may be left out.
        relu: whether a block ends in a ReLU (the one after the depthwise convolution stays in any case).
    """
    candidates: dict[str, nn.Module] = {
        f"conv{k}x{k}": nn.Sequential(*_conv(cin, cout, k, stride, bias, relu)) for k in (3, 5)
    }
    depthwise = SameConv2d(cin, cin, 3, stride, groups=cin, bias=bias)
    candidates["separable"] = nn.Sequential(
        depthwise, nn.BatchNorm2d(cin), nn.ReLU(), *_conv(cin, cout, 1, 1, bias, relu)
    )
    if identity:
        candidates["identity"] = nn.Identity()
    return candidates


def _conv(cin: int, cout: int, kernel: int, stride: int, bias: bool, relu: bool) -> list[nn.Module]:
    conv = SameConv2d(cin, cout, kernel, stride, bias=bias)
    return [conv, nn.BatchNorm2d(cout), *([nn.ReLU()] if relu else [])]


class _ResidualBlock(nn.Module):
    """Two layer choices and a shortcut, (N, cin, H, W) -> (N, cout, H/stride, W/stride); the second may be identity."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.first = LayerChoice(blocks(cin, cout, stride, bias=True, identity=False))
        self.second = LayerChoice(blocks(cout, cout, bias=True, identity=True, relu=False))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=True), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        """Residual sum of both paths, after ReLU."""
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


class ResNet8Choices(nn.Module):
    """ResNet8 with seven positions: the stem and two in each of three blocks. Shortcuts have batch norm here."""

    def __init__(self, in_channels: int = 3, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = LayerChoice(blocks(in_channels, width, bias=True, identity=False))
        self.blocks = nn.Sequential(
            _ResidualBlock(width, width, 1),
            _ResidualBlock(width, 2 * width, 2),
            _ResidualBlock(2 * width, 4 * width, 2),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = self.pool(self.blocks(self.stem(x))).flatten(1)
        return self.fc(y)  # type: ignore[no-any-return]


class DsCnnChoices(nn.Module):
    """DS-CNN with four positions, its blocks; each may be left out."""

    def __init__(self, in_channels: int = 1, classes: int = 12, width: int = 64) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, (10, 4), 2)
        self.bn = nn.BatchNorm2d(width)
        self.dropout1 = Dropout(0.2)
        self.blocks = nn.Sequential(
            *(LayerChoice(blocks(width, width, bias=True, identity=True)) for _ in range(DS_CNN_BLOCKS))
        )
        self.dropout2 = Dropout(0.4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = self.dropout1(F.relu(self.bn(self.stem(x))))
        y = self.pool(self.dropout2(self.blocks(y))).flatten(1)
        return self.fc(y)  # type: ignore[no-any-return]


class MobileNetV1Choices(nn.Module):
    """MobileNetV1-0.25 with thirteen positions, its blocks; those that keep the shape may be left out."""

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 8) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, 3, 2, bias=False)
        self.bn = nn.BatchNorm2d(width)
        positions, cin = [], width
        for factor, stride in MOBILENET_BLOCKS:
            cout = factor * width
            positions.append(LayerChoice(blocks(cin, cout, stride, bias=False, identity=stride == 1 and cin == cout)))
            cin = cout
        self.blocks = nn.Sequential(*positions)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(cin, classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = F.relu(self.bn(self.stem(x)))
        y = self.pool(self.blocks(y)).flatten(1)
        return self.fc(y)  # type: ignore[no-any-return]


class AutoencoderChoices(nn.Module):
    """The autoencoder with six positions, the hidden layers that keep their width; each may be left out."""

    def __init__(self, inputs: int = 640, hidden: int = 128, code: int = 8) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * DEPTH, code, *[hidden] * DEPTH]
        layers: list[nn.Module] = []
        for cin, cout in pairwise(widths):
            layer = Dense(cin, cout)
            same = cin == cout == hidden
            layers.append(LayerChoice({"layer": layer, "identity": nn.Identity()}) if same else layer)
        self.blocks = nn.Sequential(*layers)
        self.out = nn.Linear(hidden, inputs)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction in the units of the input."""
        return self.out(self.blocks(x))  # type: ignore[no-any-return]
