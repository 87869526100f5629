"""MobileNetV1-0.25 of MLPerf Tiny (person detection): 208,112 weights, 7,489,664 MACs at 96x96.

As in eml-eda/pytorch-benchmarks at 509401c, pytorch_benchmarks/visual_wake_words/model.py: no convolution has a bias, a
batch norm follows each. With batch norm and the two biases of the linear layer there are 213,586 parameters: the
targets in the scripts of arXiv 2310.07217 are fractions of this size.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.initialise import he_initialise
from suite.models.same_conv import SameConv2d

# Output channels of the 13 blocks in units of the stem's, and their strides.
_BLOCKS = (
    (2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2), (32, 1)
)  # fmt: skip


class SeparableBlock(nn.Module):
    """Depthwise 3x3, then pointwise convolution: (N, cin, H, W) -> (N, cout, H/stride, W/stride)."""

    def __init__(self, cin: int, cout: int, stride: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.depthwise = SameConv2d(cin, cin, 3, stride, groups=cin, bias=bias)
        self.bn1 = nn.BatchNorm2d(cin)
        self.pointwise = nn.Conv2d(cin, cout, 1, bias=bias)
        self.bn2 = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        """Batch norm and ReLU follow each of the two convolutions."""
        y = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(y)))


class MobileNetV1(nn.Module):
    """Logits (N, classes) of images (N, in_channels, 96, 96); `width` is the stem's channels, 32 times the multiplier.

    At width 8: 208,112 weights, 7,489,664 MACs, 73,728 B of RAM (as TensorFlow Lite Micro needs for MLPerf Tiny's
    vww_96_int8.tflite), 1,425,728 GAP8 cycles.
    """

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 8) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, 3, 2, bias=False)
        self.bn = nn.BatchNorm2d(width)
        blocks, cin = [], width
        for factor, stride in _BLOCKS:
            blocks.append(self._block(cin, factor * width, stride))
            cin = factor * width
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(cin, classes)
        he_initialise(self)

    def _block(self, cin: int, cout: int, stride: int) -> nn.Module:
        return SeparableBlock(cin, cout, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = F.relu(self.bn(self.stem(x)))
        return self.fc(self.pool(self.blocks(y)).flatten(1))  # type: ignore[no-any-return]
