"""Fully connected autoencoder of MLPerf Tiny (anomaly detection): 264,192 weights and as many MACs for 640 inputs.

Layers 640-128-128-128-128-8-128-128-128-128-640, as in eml-eda/pytorch-benchmarks at 509401c,
pytorch_benchmarks/anomaly_detection/model.py. Every linear layer has a bias; biases and batch norm included there are
267,928 parameters: the targets in the scripts of arXiv 2310.07217 are fractions of this size.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.initialise import he_initialise

_DEPTH = 4


class Dense(nn.Module):
    """Linear layer, batch norm, ReLU: (N, inputs) -> (N, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Non-negative features."""
        return F.relu(self.bn(self.linear(x)))


class Autoencoder(nn.Module):
    """Reconstruction (N, inputs) of features (N, inputs) through a layer of `code` units; all others have `hidden`.

    640 inputs are 5 frames of 128 mel bands, 110 the averaged spectrum of a clip. At 640: 264,192 weights and MACs,
    768 B of RAM (as TensorFlow Lite Micro needs for MLPerf Tiny's ad01_int8.tflite), 33,024 GAP8 cycles.
    """

    def __init__(self, inputs: int = 640, hidden: int = 128, code: int = 8) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * _DEPTH, code, *[hidden] * _DEPTH]
        self.blocks = nn.Sequential(*(self._layer(cin, cout) for cin, cout in pairwise(widths)))
        self.out = nn.Linear(hidden, inputs)
        he_initialise(self)

    def _layer(self, cin: int, cout: int) -> nn.Module:
        return Dense(cin, cout)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction in the units of the input."""
        return self.out(self.blocks(x))  # type: ignore[no-any-return]
