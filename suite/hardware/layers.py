"""A network as the cost models see it: a list of layers with shapes, producers and consumers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

Kind = Literal[
    "input", "conv", "depthwise", "linear", "batch_norm", "activation", "add", "concat", "pool", "flatten", "choice"
]
WEIGHTED: tuple[Kind, ...] = ("conv", "depthwise", "linear")


@dataclass(frozen=True)
class Layer:
    """One operation of a network.

    name: module path or, for operations without a module, the name of the fx node.
    inputs: names of the layers whose outputs it reads.
    channels, size: of its output; size is (H, W), (1, L) for sequences, (1, 1) for features.
    bias: whether the deployed kernel has one, be it only because a batch norm is folded into it.
    fused: whether an int8 kernel does it on the fly, without a buffer of its own: batch norm folded into the weights,
        ReLU in the producer's output stage.
    branch: path of the candidate block that the layer is part of, if the network is a supernet.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int
    size: tuple[int, int] = (1, 1)
    in_channels: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    bias: bool = False
    fused: bool = False
    branch: str | None = None


@dataclass(frozen=True)
class Network:
    """Layers in order of execution; the last one is the network's output."""

    layers: tuple[Layer, ...]

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layer of each name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def output(self) -> Layer:
        """The layer whose result the network returns."""
        return self.layers[-1]

    @property
    def weighted(self) -> tuple[Layer, ...]:
        """The layers that hold weights, in order of execution."""
        return tuple(layer for layer in self.layers if layer.kind in WEIGHTED)


@dataclass(frozen=True)
class LayerTable:
    """The weighted layers as columns, each an int64 or bool tensor of shape (L,)."""

    depthwise: Tensor
    linear: Tensor
    kernel_area: Tensor
    height: Tensor
    width: Tensor
    bias: Tensor
    cin: Tensor
    cout: Tensor

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "LayerTable":
        """Columns of the given conv, depthwise and linear layers."""
        return cls(
            depthwise=torch.tensor([x.kind == "depthwise" for x in layers]),
            linear=torch.tensor([x.kind == "linear" for x in layers]),
            kernel_area=torch.tensor([x.kernel[0] * x.kernel[1] for x in layers]),
            height=torch.tensor([x.size[0] for x in layers]),
            width=torch.tensor([x.size[1] for x in layers]),
            bias=torch.tensor([int(x.bias) for x in layers]),
            cin=torch.tensor([x.in_channels for x in layers]),
            cout=torch.tensor([x.channels for x in layers]),
        )

    def take(self, rows: Tensor) -> "LayerTable":
        """The layers with the indices `rows`, shape (R,), in this order; an index may occur more than once."""
        return LayerTable(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    @cached_property
    def area(self) -> Tensor:
        """Output positions H x W of each layer."""
        return self.height * self.width
