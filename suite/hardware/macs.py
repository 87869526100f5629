"""Multiply-accumulate operations (MACs) of one inference, biases not counted: the "OPs" of arXiv 2310.07217."""

from torch import Tensor

from suite.hardware.layers import LayerTable
from suite.hardware.weights import weight_bytes


def macs(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """MACs of each layer, shape (L,): every weight is used once per output position."""
    return weight_bytes(table, cin, cout) * table.area
