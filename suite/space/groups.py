"""Channel groups: the channels of different layers that can only be removed together.

Tensors that are added share a group, a depthwise convolution shares its producer's, and groups at the network's input
or output are frozen, that is, keep all their channels. These are the weakly connected components between "features
defining" layers of the masks' public code (repository eml-eda/plinio, commit 3d6b5e0). A concatenation joins groups
side by side, so that the output of a layer is a row of segments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from suite import SuiteError
from suite.hardware.layers import Layer, Network

Widths = tuple[int, ...]
"""Number of channels of each group."""


@dataclass(frozen=True)
class Segment:
    """Consecutive features of one group; each channel makes `repeat` of them (H x W after a flatten, 1 elsewhere)."""

    group: int
    repeat: int = 1


@dataclass(frozen=True)
class Groups:
    """Channel groups, numbered in order of execution and named after their first layer.

    `segments` says, for each layer, which channels the features of its output belong to, in their order.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    frozen: tuple[bool, ...]
    segments: Mapping[str, tuple[Segment, ...]]

    def __len__(self) -> int:
        return len(self.sizes)

    def open_all(self) -> list[Tensor]:
        """One bool tensor (size,) a group in which every channel is open."""
        return [torch.ones(size, dtype=torch.bool) for size in self.sizes]

    @cached_property
    def smallest(self) -> tuple[int, ...]:
        """The smallest widths: one channel in each group that is not frozen."""
        return tuple(size if frozen else 1 for size, frozen in zip(self.sizes, self.frozen, strict=True))

    @cached_property
    def of(self) -> Mapping[str, int]:
        """The group of each layer whose output belongs to a single one."""
        return {name: row[0].group for name, row in self.segments.items() if len(row) == 1}

    def is_frozen(self, layer: str) -> bool:
        """Whether no feature of the layer's output may be removed."""
        return all(self.frozen[segment.group] for segment in self.segments[layer])

    def spread(self, layer: str, values: Sequence[Tensor]) -> Tensor:
        """From one (size,) tensor a group to the features of the layer's output, (features,)."""
        parts = [
            values[s.group] if s.repeat == 1 else values[s.group].repeat_interleave(s.repeat)
            for s in self.segments[layer]
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def features(self, layers: Sequence[str]) -> Tensor:
        """How many features of each layer's output one channel of each group makes, (L, G) int64.

        Times the widths (G,) it gives the number of features of each layer's output.
        """
        table = torch.zeros(len(layers), len(self), dtype=torch.int64)
        for i, layer in enumerate(layers):
            for segment in self.segments[layer]:
                table[i, segment.group] += segment.repeat
        return table


def count_open(open_channels: Sequence[Tensor]) -> list[int]:
    """The width of each group: how many of its channels are open."""
    return [int(mask.sum()) for mask in open_channels]


def channel_groups(network: Network) -> Groups:
    """The channel groups of a traced network.

    Raises:
        SuiteError: two tensors are added whose features belong to channels in different ways.
    """
    components = _Components()
    segments: dict[str, tuple[Segment, ...]] = {}
    for layer in network.layers:
        segments[layer.name] = _output_segments(layer, network, segments, components)

    endpoints = [x.name for x in network.layers if x.kind == "input"] + [network.output.name]
    frozen = {components.find(segment.group) for name in endpoints for segment in segments[name]}
    roots = sorted({components.find(group) for group in range(len(components.makers))})
    number = {root: i for i, root in enumerate(roots)}
    return Groups(
        names=tuple(components.makers[root].name for root in roots),
        sizes=tuple(components.makers[root].channels for root in roots),
        frozen=tuple(root in frozen for root in roots),
        segments={
            name: tuple(Segment(number[components.find(s.group)], s.repeat) for s in row)
            for name, row in segments.items()
        },
    )


class _Components:
    """Connected components by union-find; each is named after the layer that makes its channels, united ones after the
    first of these layers.
    """

    def __init__(self) -> None:
        self.makers: list[Layer] = []
        self.parent: list[int] = []

    def add(self, maker: Layer) -> Segment:
        self.makers.append(maker)
        self.parent.append(len(self.parent))
        return Segment(self.parent[-1])

    def find(self, group: int) -> int:
        while self.parent[group] != group:
            group = self.parent[group]
        return group

    def unite(self, a: int, b: int) -> None:
        first, second = sorted((self.find(a), self.find(b)))
        self.parent[second] = first

    def structure(self, row: tuple[Segment, ...]) -> str:
        """Such as "16 + 8x4" for 16 channels and 8 of four features each."""
        return " + ".join(f"{self.makers[s.group].channels}{f'x{s.repeat}' if s.repeat > 1 else ''}" for s in row)


def _output_segments(
    layer: Layer, network: Network, segments: Mapping[str, tuple[Segment, ...]], components: _Components
) -> tuple[Segment, ...]:
    if layer.kind in ("input", "conv", "linear"):
        return (components.add(layer),)
    first, *others = (segments[source] for source in layer.inputs)
    if layer.kind == "concat":
        return sum(others, first)
    if layer.kind == "flatten":
        height, width = network.by_name[layer.inputs[0]].size
        return tuple(Segment(s.group, s.repeat * height * width) for s in first)
    for other in others:
        if components.structure(first) != components.structure(other):
            raise SuiteError(
                f"operation {layer.name} takes tensors whose features belong to channels in different ways: "
                f"{components.structure(first)} and {components.structure(other)}"
            )
        for a, b in zip(first, other, strict=True):
            components.unite(a.group, b.group)
    return first
