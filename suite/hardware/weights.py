"""Weight memory in bytes, one byte per int8 weight: the "memory" of arXiv 2310.07217, there in kB of 1024 B."""

from torch import Tensor, where

from suite.hardware.layers import LayerTable

BIAS_BYTES = 4


def weight_bytes(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """Bytes of each layer's weights, without biases, shape (L,); 0 for layers without."""
    return where(table.depthwise, 1, cin) * cout * table.kernel_area * table.weighted


def full_weight_bytes(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """Bytes of each layer's int8 weights and int32 biases after folding batch norm, shape (L,)."""
    return weight_bytes(table, cin, cout) + BIAS_BYTES * table.bias * cout
