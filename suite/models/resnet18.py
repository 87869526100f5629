"""ResNet18 for Tiny ImageNet at 64x64 as the paper uses it: 11,261,632 weights, 2,221,772,800 MACs.

As in eml-eda/pytorch-benchmarks at 509401c, pytorch_benchmarks/tiny_imagenet/model.py: a 3x3 stem of stride 1 without
max pool; shortcuts that change shape are 1x1 convolutions with batch norm; no convolution has a bias. Names below the
stem are torchvision's, so that its ImageNet weights load by name, stem and linear layer excepted.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.initialise import he_initialise
from suite.models.same_conv import SameConv2d


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, (N, cin, H, W) -> (N, cout, H/stride, W/stride)."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SameConv2d(cin, cout, 3, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = SameConv2d(cout, cout, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        """Residual sum of both paths, after ReLU."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x))


class ResNet18(nn.Module):
    """Logits (N, classes) of images (N, in_channels, 64, 64); `width` is the channels of the first stage.

    At width 64: 11,261,632 weights, 2,221,772,800 MACs, 124.2 M GAP8 cycles, 11,281,032 numbers with batch norm and its
    statistics (the 11.28 M of arXiv 2310.07217). Peak RAM is 1,048,576 B, four maps of 64x64x64: only three are live at
    once, but TFLM's greedy plan places later maps first and leaves no gap for the stem's.
    """

    def __init__(self, in_channels: int = 3, classes: int = 200, width: int = 64) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.layer4 = _stage(4 * width, 8 * width, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = F.relu(self.bn1(self.stem(x)))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.fc(self.pool(y).flatten(1))  # type: ignore[no-any-return]


def _stage(cin: int, cout: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(cin, cout, stride), BasicBlock(cout, cout, 1))
