"""Which channels live and die together.

Tensors that are added share a group, a depthwise convolution shares its producer's, and what touches the network's
input or output is frozen (paper section 5.3; PLiNIO's "features-defining" components). A concatenation lines up the
groups of what it joins, so an output is a row of segments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from suite import SuiteError
from suite.hardware.layers import Layer, Network


@dataclass(frozen=True)
class Segment:
    """A run of features of one group: `repeat` features for each channel (H x W after a flatten, 1 elsewhere)."""

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
        """Features of each layer's output for one channel of each group, (L, G) int64: times widths, the features."""
        table = torch.zeros(len(layers), len(self), dtype=torch.int64)
        for i, layer in enumerate(layers):
            for segment in self.segments[layer]:
                table[i, segment.group] += segment.repeat
        return table


def channel_groups(network: Network) -> Groups:
    """The channel groups of a traced network.

    Raises:
        SuiteError: two tensors are added whose features belong to channels in different ways.
    """
    union = _Union()
    segments: dict[str, tuple[Segment, ...]] = {}
    for layer in network.layers:
        segments[layer.name] = _segments(layer, network, segments, union)

    ends = [x.name for x in network.layers if x.kind == "input"] + [network.output.name]
    frozen = {union.find(segment.group) for name in ends for segment in segments[name]}
    roots = sorted({union.find(group) for group in range(len(union.makers))})
    number = {root: i for i, root in enumerate(roots)}
    return Groups(
        names=tuple(union.makers[root].name for root in roots),
        sizes=tuple(union.makers[root].channels for root in roots),
        frozen=tuple(root in frozen for root in roots),
        segments={
            name: tuple(Segment(number[union.find(s.group)], s.repeat) for s in row) for name, row in segments.items()
        },
    )


class _Union:
    """Groups in the making; each is known by the layer that makes its channels, united ones by the first of these."""

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


def _segments(
    layer: Layer, network: Network, segments: Mapping[str, tuple[Segment, ...]], union: _Union
) -> tuple[Segment, ...]:
    if layer.kind in ("input", "conv", "linear"):
        return (union.add(layer),)
    first, *others = (segments[source] for source in layer.inputs)
    if layer.kind == "concat":
        return sum(others, first)
    if layer.kind == "flatten":
        height, width = network.by_name[layer.inputs[0]].size
        return tuple(Segment(s.group, s.repeat * height * width) for s in first)
    for other in others:
        if union.structure(first) != union.structure(other):
            raise SuiteError(
                f"operation {layer.name} takes tensors whose features belong to channels in different ways: "
                f"{union.structure(first)} and {union.structure(other)}"
            )
        for a, b in zip(first, other, strict=True):
            union.unite(a.group, b.group)
    return first
