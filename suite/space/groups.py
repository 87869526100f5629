"""Channel groups: the features of different layers that can only be removed together.

A *channel* is a set of features that stay or go as one: features that are added or multiplied, a depthwise
convolution's input and output, the positions of a map that is flattened, the same place in each group of a grouped
convolution. Channels that occur in the same layers, equally often, make up a *group*, whose width is searched. Groups
at the network's input or output are frozen: they keep all their channels. Without concatenations and grouped
convolutions these are the weakly connected components between "features defining" layers of the masks' public code
(repository eml-eda/plinio, commit 3d6b5e0).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from suite import SuiteError
from suite.hardware.layers import WEIGHTED, Layer, Network

Widths = tuple[int, ...]
"""Number of channels of each group."""

_Features = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Channel groups, numbered in order of execution and named after their first layer.

    `channels` says, for each layer, which channel each feature of its output belongs to, (features,) int64. The
    channels of all groups are numbered back to back.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    frozen: tuple[bool, ...]
    channels: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.sizes)

    def open_all(self) -> list[Tensor]:
        """One bool tensor (size,) a group in which every channel is open."""
        return self.open_first(self.sizes)

    def open_first(self, widths: Sequence[int]) -> list[Tensor]:
        """One bool tensor (size,) a group in which the first channels are open, as many as `widths` says."""
        return [torch.arange(size) < width for size, width in zip(self.sizes, widths, strict=True)]

    def named(self, widths: Sequence[int]) -> dict[str, int]:
        """The width of each group that is not frozen, by its name."""
        widths_of_groups = zip(self.names, widths, self.frozen, strict=True)
        return {name: width for name, width, frozen in widths_of_groups if not frozen}

    @cached_property
    def smallest(self) -> tuple[int, ...]:
        """The smallest widths: one channel in each group that is not frozen."""
        return tuple(size if frozen else 1 for size, frozen in zip(self.sizes, self.frozen, strict=True))

    @cached_property
    def group_of(self) -> Tensor:
        """The group of each channel, (sum of sizes,)."""
        return torch.repeat_interleave(torch.arange(len(self)), torch.tensor(self.sizes))

    @cached_property
    def of(self) -> Mapping[str, int]:
        """The group of each layer whose output belongs to a single one."""
        groups = {name: self.of_layer(name) for name in self.channels}
        return {name: of_layer[0] for name, of_layer in groups.items() if len(of_layer) == 1}

    def of_layer(self, layer: str) -> list[int]:
        """The groups that the features of the layer's output belong to."""
        return sorted(set(self.group_of[self.channels[layer]].tolist()))

    def is_frozen(self, layer: str) -> bool:
        """Whether no feature of the layer's output may be removed."""
        return all(self.frozen[group] for group in self.of_layer(layer))

    def spread(self, layer: str, values: Sequence[Tensor]) -> Tensor:
        """From one (size,) tensor a group to the features of the layer's output, (features,)."""
        flat = torch.cat(list(values))
        return flat[self.channels[layer].to(flat.device)]

    def features(self, layers: Sequence[str]) -> Tensor:
        """How many features of each layer's output one channel of each group makes, (L, G) int64.

        Times the widths (G,) it gives the number of features of each layer's output.
        """
        counts = [torch.bincount(self.group_of[self.channels[layer]], minlength=len(self)) for layer in layers]
        return torch.stack(counts) // torch.tensor(self.sizes)


def count_open(open_channels: Sequence[Tensor]) -> list[int]:
    """The width of each group: how many of its channels are open."""
    return [int(mask.sum()) for mask in open_channels]


def channel_groups(network: Network) -> Groups:
    """The channel groups of a traced network.

    Raises:
        SuiteError: tensors with different numbers of features meet, or a removed channel would still contribute.
    """
    makers: list[str] = []
    ties: list[tuple[_Features, _Features]] = []
    features: dict[str, _Features] = {}
    for layer in network.layers:
        features[layer.name] = _output_features(layer, network, features, makers, ties)
    channels = _channels_of_features(len(makers), ties)
    group_of = _groups_of_channels({name: channels[row] for name, row in features.items()}, int(channels.max()) + 1)

    number = np.argsort(np.argsort(group_of, kind="stable"))
    first_feature = np.unique(channels, return_index=True)[1]
    firsts = first_feature[np.unique(group_of, return_index=True)[1]]
    ends = [x.name for x in network.layers if x.kind == "input"] + [network.output.name]
    frozen = {int(group) for name in ends for group in group_of[channels[features[name]]]}
    groups = Groups(
        names=_unique_names([makers[feature] for feature in firsts]),
        sizes=tuple(np.bincount(group_of).tolist()),
        frozen=tuple(group in frozen for group in range(len(firsts))),
        channels={name: torch.from_numpy(number[channels[row]]) for name, row in features.items()},
    )
    _check_closed_contribute_nothing(network, groups)
    return groups


def zero_where_closed(network: Network) -> frozenset[str]:
    """The layers whose output is 0 in closed channels: weights are masked, and 0 stays 0 but in a sigmoid."""
    zero: set[str] = set()
    for layer in network.layers:
        inputs = [source in zero for source in layer.inputs]
        if layer.kind in ("input", *WEIGHTED, "batch_norm"):
            is_zero = True  # masked
        elif layer.kind in ("sigmoid", "hard_sigmoid"):
            is_zero = False
        else:
            is_zero = any(inputs) if layer.kind == "mul" else all(inputs)
        if is_zero:
            zero.add(layer.name)
    return frozenset(zero)


def _check_closed_contribute_nothing(network: Network, groups: Groups) -> None:
    zero = zero_where_closed(network)
    for layer in network.layers:
        source = layer.inputs[0] if layer.inputs else ""
        if layer.kind in ("conv", "linear") and source not in zero and not groups.is_frozen(source):
            raise SuiteError(
                f"layer {layer.name} reads {source}, which is not 0 where its input is (a sigmoid of 0 is 0.5): "
                "removed channels would still contribute. Multiply a map by it instead"
            )


def _output_features(
    layer: Layer,
    network: Network,
    features: Mapping[str, _Features],
    makers: list[str],
    ties: list[tuple[_Features, _Features]],
) -> _Features:
    """The numbers of the features of a layer's output; appends new ones to `makers`, what goes as one to `ties`."""
    if layer.kind in ("input", "conv", "linear"):
        made = np.arange(len(makers), len(makers) + layer.channels)
        makers += [layer.name] * layer.channels
        if layer.groups > 1:  # each group of the convolution keeps as many: the same place in all of them goes as one
            for row in (made, features[layer.inputs[0]]):
                places = row.reshape(layer.groups, -1)
                ties.extend((places[0], other) for other in places[1:])
        return made
    first, *others = (features[source] for source in layer.inputs)
    if layer.kind == "concat":
        return np.concatenate([first, *others])
    if layer.kind == "flatten":
        height, width = network.by_name[layer.inputs[0]].size
        return np.repeat(first, height * width)
    for other in others:
        if len(first) != len(other):
            raise SuiteError(f"operation {layer.name} takes tensors of {len(first)} and {len(other)} features")
        ties.append((first, other))
    return first


def _channels_of_features(count: int, ties: Sequence[tuple[_Features, _Features]]) -> _Features:
    """The channel of each feature, (count,), numbered in order of their first features."""
    a, b = (np.concatenate([np.empty(0, np.int64), *(tie[side] for tie in ties)]) for side in (0, 1))
    _, labels = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
    return _by_first_occurrence(labels)


def _groups_of_channels(rows: Mapping[str, _Features], count: int) -> _Features:
    """The group of each channel, (count,): those with as many features in each layer belong together."""
    occurrences = np.stack([np.bincount(row, minlength=count) for row in rows.values()])
    return _by_first_occurrence(np.unique(occurrences, axis=1, return_inverse=True)[1].reshape(-1))


def _by_first_occurrence(labels: NDArray[np.integer]) -> _Features:
    """The same partition, its parts numbered from 0 in the order in which they occur."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, a "#2" behind the second group that a layer makes."""
    numbers = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return tuple(f"{name}#{number}" if number > 1 else name for name, number in zip(names, numbers, strict=True))
