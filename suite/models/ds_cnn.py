"""DS-CNN of MLPerf Tiny (keyword spotting): 22,016 weights, 2,656,768 MACs for 49 frames of 10 MFCCs.

As in eml-eda/pytorch-benchmarks at 509401c, pytorch_benchmarks/keyword_spotting/model.py: all convolutions have a bias,
and the pool covers the whole 25x5 map. Padding is TensorFlow's "same", as in MLPerf Tiny's own Keras model (its pool's
window is 24x5); pytorch-benchmarks pads the first convolution symmetrically by (5, 1).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.dropout import Dropout
from suite.models.initialise import he_initialise
from suite.models.mobilenet_v1 import SeparableBlock
from suite.models.same_conv import SameConv2d

_BLOCKS = 4


class DsCnn(nn.Module):
    """Logits (N, classes) of MFCCs (N, in_channels, 49, 10); `width` is the channels of every convolution.

    At width 64: 22,016 weights, 2,656,768 MACs, 16,000 B of RAM (as TensorFlow Lite Micro needs for MLPerf Tiny's
    kws_ref_model.tflite), 526,880 GAP8 cycles.
    """

    def __init__(self, in_channels: int = 1, classes: int = 12, width: int = 64) -> None:
        super().__init__()
        self.stem = SameConv2d(in_channels, width, (10, 4), 2)
        # Momentum is PyTorch's default 0.1, the weight of the *new* batch, here and in the blocks. Keras' 0.99 is the
        # weight of the old average; pytorch-benchmarks copies the number, so that its running statistics are 99 % those
        # of the last batch.
        self.bn = nn.BatchNorm2d(width)
        self.dropout1 = Dropout(0.2)
        self.blocks = nn.Sequential(*(self._block(width) for _ in range(_BLOCKS)))
        self.dropout2 = Dropout(0.4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, classes)
        he_initialise(self)

    def _block(self, width: int) -> nn.Module:
        return SeparableBlock(width, width, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores before softmax."""
        y = self.dropout1(F.relu(self.bn(self.stem(x))))
        y = self.dropout2(self.blocks(y))
        return self.fc(self.pool(y).flatten(1))  # type: ignore[no-any-return]
