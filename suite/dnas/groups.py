"""Which channels live and die together.

Tensors that are added share a group, a depthwise convolution shares its producer's, and what touches the network's
input or output is frozen (paper section 5.3; PLiNIO's "features-defining" components).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from suite.errors import SuiteError
from suite.hardware.layers import Layer, Network


@dataclass(frozen=True)
class Groups:
    """Channel groups, numbered in order of execution and named after their first layer.

    `of` maps each layer to the group of its output; `repeat` says how many features of that output belong to one
    channel (H x W after a flatten, 1 elsewhere).
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    frozen: tuple[bool, ...]
    of: Mapping[str, int]
    repeat: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.sizes)


def channel_groups(network: Network) -> Groups:
    """The channel groups of a traced network.

    Raises:
        SuiteError: two tensors are added whose features belong to channels in different ways.
    """
    parent: list[int] = []
    owner: dict[str, int] = {}
    repeat: dict[str, int] = {}

    def find(group: int) -> int:
        while parent[group] != group:
            group = parent[group]
        return group

    for layer in network.layers:
        repeat[layer.name] = _repeat(layer, network, repeat)
        if layer.kind in ("input", "conv", "linear"):
            parent.append(len(parent))
            owner[layer.name] = parent[-1]
            continue
        roots = sorted({find(owner[source]) for source in layer.inputs})
        for root in roots[1:]:
            parent[root] = roots[0]
        owner[layer.name] = roots[0]

    frozen_roots = {find(owner[x.name]) for x in network.layers if x.kind == "input"}
    frozen_roots.add(find(owner[network.output.name]))
    roots = sorted({find(group) for group in owner.values()})
    number = {root: i for i, root in enumerate(roots)}
    of = {name: number[find(group)] for name, group in owner.items()}
    first: dict[int, Layer] = {}
    for layer in network.layers:
        first.setdefault(of[layer.name], layer)
    return Groups(
        names=tuple(first[i].name for i in range(len(roots))),
        sizes=tuple(first[i].channels for i in range(len(roots))),
        frozen=tuple(root in frozen_roots for root in roots),
        of=of,
        repeat=repeat,
    )


def _repeat(layer: Layer, network: Network, repeat: Mapping[str, int]) -> int:
    if layer.kind in ("input", "conv", "linear"):
        return 1
    counts = {repeat[source] for source in layer.inputs}
    if len(counts) > 1:
        raise SuiteError(f"operation {layer.name} adds tensors whose features belong to channels in different ways")
    if layer.kind == "flatten":
        height, width = network.by_name[layer.inputs[0]].size
        return counts.pop() * height * width
    return counts.pop()
