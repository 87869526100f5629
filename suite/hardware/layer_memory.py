"""Bytes that each layer of an int8 network needs at once: input, output and weights.

A layer that fits into a fast memory level of the device runs without tiling from the next level. For the layer-wise
refinement of arXiv 2310.07217 (docs/method.md; eml-eda/multi-constraint-nas, hardware_model.py at 60ed3b7).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.hardware.layers import LayerTable, Network
from suite.hardware.weights import weight_bytes


@dataclass(frozen=True)
class LayerMemory:
    """The weighted layers of a network: names, shapes, the area H x W of each layer's input, shape (L,).

    rows: which of the network's parts they are, shape (L,).
    """

    names: tuple[str, ...]
    table: LayerTable
    input_area: Tensor
    rows: Tensor

    @classmethod
    def of(cls, network: Network) -> "LayerMemory":
        """The layers of a traced network; zeros around an input are not counted with it."""
        layers = network.weighted
        names = tuple(layer.name for layer in layers)
        sources = [network.by_name[layer.inputs[0]] for layer in layers]
        sizes = [(s if s.kind == "pad" else x).in_size for x, s in zip(layers, sources, strict=True)]
        rows = [i for i, layer in enumerate(network.parts) if layer.name in names]
        areas = torch.tensor([height * width for height, width in sizes])
        return cls(names, LayerTable.of(layers), areas, torch.tensor(rows))

    def bytes(self, cin: Tensor, cout: Tensor) -> Tensor:
        """M_l = H_in W_in Cin + H_out W_out Cout + weights of each layer, shape (L,); relaxed where the counts are.

        The input has its true size. (hardware_model.py takes output size x stride, which is more where the stride does
        not divide the size.) Weights are those of the metric `weights`.
        """
        weights = weight_bytes(*self.table.exported(cin, cout), cout)
        return self.input_area * cin + self.table.area * cout + weights


def choose_memory_level(size: float, levels: Sequence[float], tolerance: float) -> float | None:
    """The smallest of `levels` L (bytes, ascending) with `size` < L (1 + tolerance); None above all levels.

    A layer that exceeds a level by less than the tolerance is thinned until it fits; others belong to the next level.
    (eml-eda/multi-constraint-nas, tiny_imagenet_finetuning_GAP8.py at 2c2422a, allows the smallest level a tenth of
    this tolerance, "4400/100*percentage": probably a slip, and not copied.)

    Example: with levels 44,000 and 400,000 and tolerance 0.3, 50,000 bytes belong to 44,000 and 60,000 to 400,000.
    """
    return next((level for level in levels if size < level * (1 + tolerance)), None)
