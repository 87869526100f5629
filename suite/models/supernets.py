"""Supernets of arXiv 2310.07217's path-based search: reference networks with candidate blocks at several positions.

Positions and candidates as in eml-eda/multi-constraint-nas, models.py at 2c2422a. ResNet8 has 5,184 networks, DS-CNN
256, MobileNet 15.9 million, the autoencoder 64. Each space holds its reference network (ResNet8: the 3x3 convolution
everywhere; DS-CNN and MobileNet: the separable block everywhere; autoencoder: every layer).
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.autoencoder import Autoencoder
from suite.models.ds_cnn import DsCnn
from suite.models.initialise import he_initialise
from suite.models.layer_choice import LayerChoice
from suite.models.mobilenet_v1 import MobileNetV1
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
    conv3x3, conv5x5 = (_conv(cin, cout, kernel, stride, bias, relu) for kernel in (3, 5))
    separable = nn.Sequential(
        *_conv(cin, cin, 3, stride, bias, relu=True, groups=cin), *_conv(cin, cout, 1, 1, bias, relu)
    )
    candidates = {"conv3x3": conv3x3, "conv5x5": conv5x5, "separable": separable}
    return candidates | ({"identity": nn.Identity()} if identity else {})


def _conv(cin: int, cout: int, kernel: int, stride: int, bias: bool, relu: bool, groups: int = 1) -> nn.Sequential:
    conv = SameConv2d(cin, cout, kernel, stride, groups=groups, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), *([nn.ReLU()] if relu else []))


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
        return self.fc(self.pool(self.blocks(self.stem(x))).flatten(1))  # type: ignore[no-any-return]


class DsCnnChoices(DsCnn):
    """DS-CNN with four positions, its blocks; each may be left out."""

    def _block(self, width: int) -> nn.Module:
        return LayerChoice(blocks(width, width, bias=True, identity=True))


class MobileNetV1Choices(MobileNetV1):
    """MobileNetV1-0.25 with thirteen positions, its blocks; those that keep the shape may be left out."""

    def _block(self, cin: int, cout: int, stride: int) -> nn.Module:
        return LayerChoice(blocks(cin, cout, stride, bias=False, identity=stride == 1 and cin == cout))


class AutoencoderChoices(Autoencoder):
    """The autoencoder with six positions, the hidden layers that keep their width; each may be left out."""

    def _layer(self, cin: int, cout: int) -> nn.Module:
        layer = super()._layer(cin, cout)
        return LayerChoice({"layer": layer, "identity": nn.Identity()}) if cin == cout else layer
