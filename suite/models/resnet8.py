"""ResNet8 of MLPerf Tiny as the paper uses it: CIFAR-10's 77,360 weights, 12,501,632 MACs at 32x32.

As in eml-eda/pytorch-benchmarks at 509401c, pytorch_benchmarks/image_classification/model.py: the first convolution of
a block has no bias, the second and the 1x1 shortcuts have one, and no batch norm follows the shortcuts.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.initialise import he_initialise
from suite.models.same_conv import SameConv2d


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, (N, cin, H, W) -> (N, cout, H/stride, W/stride)."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SameConv2d(cin, cout, 3, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = SameConv2d(cout, cout, 3)
        self.bn2 = nn.BatchNorm2d(cout)
        same = stride == 1 and cin == cout
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv2d(cin, cout, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Residual sum of both paths, after ReLU."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class ResNet8(nn.Module):
    """Logits (N, classes) of images (N, in_channels, H, W); `width` is the channels of the first stage."""

    def __init__(self, in_channels: int = 3, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.block1 = Block(width, width, 1)
        self.block2 = Block(width, 2 * width, 2)
        self.block3 = Block(2 * width, 4 * width, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = F.relu(self.bn(self.stem(x)))
        y = self.block3(self.block2(self.block1(y)))
        return self.fc(self.pool(y).flatten(1))  # type: ignore[no-any-return]
