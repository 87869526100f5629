"""What each layer of an int8 network needs at once, in bytes: input, output and weights (paper section 1.8).

A layer that fits into a fast memory level of the device runs without tiling from the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.hardware.layers import LayerTable, Network
from suite.hardware.weights import weight_bytes


@dataclass(frozen=True)
class LayerMemory:
    """The weighted layers of a network: names, shapes, and the positions H x W of each one's input, (L,)."""

    names: tuple[str, ...]
    table: LayerTable
    input_area: Tensor

    @classmethod
    def of(cls, network: Network) -> "LayerMemory":
        """For a traced network."""
        sizes = [network.by_name[layer.inputs[0]].size for layer in network.weighted]
        return cls(
            names=tuple(layer.name for layer in network.weighted),
            table=LayerTable.of(network.weighted),
            input_area=torch.tensor([height * width for height, width in sizes]),
        )

    def bytes(self, cin: Tensor, cout: Tensor) -> Tensor:
        """M_l = H_in W_in Cin + H_out W_out Cout + weights of each layer, (L,), exact or relaxed as the counts are.

        The input has its true size. (The paper's code takes output size x stride, which is more where a stride does
        not divide.) Weights are those of the metric `weights`.
        """
        return self.input_area * cin + self.table.area * cout + weight_bytes(self.table, cin, cout)


def level_of(size: float, levels: Sequence[float], tolerance: float) -> float | None:
    """The smallest memory level L with `size` < L (1 + tolerance), in bytes; None above all levels.

    A layer that exceeds a level by less than the tolerance is worth thinning until it fits; others belong to the next.
    (The paper's code allows its smallest level a tenth of this tolerance, by a missing zero: not copied.)
    """
    return next((level for level in levels if size < level * (1 + tolerance)), None)
