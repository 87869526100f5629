"""A network as the cost models see it: a list of layers with shapes, producers and consumers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

Kind = Literal[
    "input",
    "conv",
    "depthwise",
    "linear",
    "batch_norm",
    "activation",
    "sigmoid",
    "hard_sigmoid",
    "add",
    "mul",
    "concat",
    "average_pool",
    "max_pool",
    "upsample",
    "mean",
    "flatten",
    "pad",
    "choice",
]
WEIGHTED: tuple[Kind, ...] = ("conv", "depthwise", "linear")
Padding = tuple[int, int, int, int]
"""Zeros around a map: (top, bottom, left, right)."""


@dataclass(frozen=True)
class Layer:
    """One operation of a network.

    name: module path or, for operations without a module, the name of the fx node.
    inputs: names of the layers whose outputs it reads.
    channels, size: of its output; size is (H, W), (1, L) for sequences, (1, 1) for features.
    in_channels, in_size: of its (first) input; without the padding that the layer adds itself.
    padding: zeros that the layer adds around its input.
    groups: of a convolution: an output reads the inputs of its group alone. 1 for a depthwise one, which is a kind.
    bias: whether the deployed kernel has one, be it only because a batch norm is folded into it.
    fused: whether an int8 kernel does it on the fly, without a buffer of its own: batch norm folded into the weights,
        ReLU in the producer's output stage, zeros that the next convolution adds itself.
    branch: path of the candidate block that the layer is part of, if the network is a supernet.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int
    size: tuple[int, int] = (1, 1)
    in_channels: int = 0
    in_size: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    groups: int = 1
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

    @cached_property
    def operators(self) -> tuple[Layer, ...]:
        """What the int8 network executes, one operator a layer, in order: all that is not fused into another."""
        return tuple(layer for layer in self.parts if layer.kind != "input")

    @cached_property
    def parts(self) -> tuple[Layer, ...]:
        """What the int8 network consists of and costs are sums over: its input, then its operators, in order."""
        return tuple(layer for layer in self.layers if layer.kind != "choice" and not layer.fused)


KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every kind; a table numbers them by their place here."""


def ceil_div(x: Tensor, n: int, slope: float | None = None) -> Tensor:
    """ceil(x / n), exact; of relaxed counts with gradient `slope`, 1 / n unless given: the ceiling's own on average."""
    if not x.is_floating_point():
        return torch.div(x + (n - 1), n, rounding_mode="floor")
    return torch.ceil(x.detach() / n) + (1 / n if slope is None else slope) * (x - x.detach())


@dataclass(frozen=True, eq=False)
class LayerTable:
    """Parts of a network as int64 columns: the kind of each, as an index of `KINDS`, and its geometry.

    The first five have shape (L,), the others (L, 2), vertical and horizontal; padding is what lies above and left.
    Cost models take channel counts as arguments; `cin` and `cout` are the network's own. Tables are equal only to
    themselves, so that what follows from the geometry alone can be cached by table.
    """

    kind: Tensor
    groups: Tensor
    bias: Tensor
    cin: Tensor
    cout: Tensor
    kernel: Tensor
    stride: Tensor
    in_size: Tensor
    padding: Tensor
    size: Tensor

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "LayerTable":
        """Columns of the given layers: `Network.parts`, or some of them."""
        rows = [
            (
                KINDS.index(x.kind), x.groups, x.bias, x.in_channels, x.channels,
                *x.kernel, *x.stride, *x.in_size, x.padding[0], x.padding[2], *x.size,
            )
            for x in layers
        ]  # fmt: skip
        columns = torch.tensor(rows, dtype=torch.int64).reshape(-1, 15)
        return cls(*columns[:, :5].T, *columns[:, 5:].reshape(-1, 5, 2).unbind(1))

    def take(self, rows: Tensor) -> "LayerTable":
        """The layers with the indices `rows`, shape (R,), in this order; an index may occur more than once."""
        return LayerTable(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def exported(self, cin: Tensor, cout: Tensor) -> "tuple[LayerTable, Tensor]":
        """What the layers are in the exported network at these channel counts (L,), and the inputs an output reads.

        A depthwise convolution of one channel is a standard one there, and a grouped one with a channel a group
        depthwise. An output of a grouped convolution reads the inputs of its group alone.
        """
        kind, groups = self.kind, self.groups
        if (single := self.depthwise & (cout <= 1)).any():
            kind = kind.where(~single, KINDS.index("conv"))
        if (groups > 1).any():
            alone = (groups > 1) & (cin == groups) & (cout == groups)
            kind, groups = kind.where(~alone, KINDS.index("depthwise")), groups.where(~alone, 1)
            cin = cin / groups if cin.is_floating_point() else cin // groups
        # the same table where it is, for which devices have cached what its geometry implies
        return (self if kind is self.kind else replace(self, kind=kind)), cin

    def is_kind(self, *kinds: Kind) -> Tensor:
        """Which rows are of these kinds, bool (L,)."""
        return torch.isin(self.kind, torch.tensor([KINDS.index(kind) for kind in kinds]))

    @cached_property
    def conv(self) -> Tensor:
        """Standard convolutions, bool (L,)."""
        return self.is_kind("conv")

    @cached_property
    def depthwise(self) -> Tensor:
        """Depthwise convolutions, bool (L,)."""
        return self.is_kind("depthwise")

    @cached_property
    def linear(self) -> Tensor:
        """Linear layers, bool (L,)."""
        return self.is_kind("linear")

    @cached_property
    def weighted(self) -> Tensor:
        """Layers with weights, bool (L,)."""
        return self.is_kind(*WEIGHTED)

    @cached_property
    def kernel_area(self) -> Tensor:
        """Taps of each kernel."""
        return self.kernel.prod(1)

    @cached_property
    def area(self) -> Tensor:
        """Output positions H x W of each layer."""
        return self.size.prod(1)
