"""Bytes of the int8 .tflite file that `suite deploy` writes: what the network takes of a board's flash.

The layout is that of `suite.deploy.flatbuffer`. Weights and int32 biases are exact, with their padding to 16 bytes;
each output channel adds a scale for its weights, one for its bias, and a zero point. What is left (tables of tensors
and operators, their options) was fitted per kind of operator on exported files of the suite's networks; the sum is at
most 2 % above the file, and not below it (results/deploy/networks.csv, made by `make deploy-table`). Networks of other
kinds can be further off, the more the smaller they are: then these tables are most of the file.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, where

from suite.hardware.layers import KINDS, Kind, LayerTable, ceil_div
from suite.hardware.weights import BIAS_BYTES, weight_bytes

BUFFER_ALIGNMENT = 16
TABLE_ALIGNMENT = 8

_BUFFER_HEADER = 12
"""Bytes of a constant's length and of the table that points to it."""

_OVERHEAD: Mapping[Kind, int] = {
    "input": 800,
    "conv": 281,
    "depthwise": 299,
    "linear": 213,
    "add": 148,
    "concat": 148,
    "activation": 148,
    "sigmoid": 148,
    "hard_sigmoid": 248,
    "mul": 148,
    "upsample": 240,
    "average_pool": 148,
    "max_pool": 148,
    "mean": 0,
    "flatten": 260,
    "pad": 240,
}
"""Tables of a part, those of its output and constants included; of the input the head of the file, and a mean."""

_ONE_CHANNEL = 289
"""A convolution of one channel, which the converter makes a depthwise one with a multiplier."""

_RESHAPE = 188
"""The mean of a single channel is flattened by an operator of its own."""


def flash_bytes(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """Bytes that each part adds to the file, shape (L,); relaxed where the counts are, with the mean slopes."""
    overhead = torch.tensor([_OVERHEAD.get(kind, 0) for kind in KINDS])[table.kind]
    one_channel = (_ONE_CHANNEL - _OVERHEAD["conv"]) * (table.conv & (cin.detach() == 1))
    reshaped = _RESHAPE * (table.is_kind("mean") & (cout.detach() == 1))
    weights = _round_up(weight_bytes(table, cin, cout) + _BUFFER_HEADER, BUFFER_ALIGNMENT)
    biases = _round_up(BIAS_BYTES * cout + _BUFFER_HEADER, BUFFER_ALIGNMENT)
    scales = 2 * _round_up(4 * cout, TABLE_ALIGNMENT)
    zero_points = 8 * cout + 8
    constants = where(table.weighted, weights + biases + scales + zero_points, 0)
    return constants + overhead + one_channel + reshaped


def _round_up(x: Tensor, n: int) -> Tensor:
    return n * ceil_div(x, n)
