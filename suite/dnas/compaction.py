"""Compaction: from a masked network to a smaller one of its open channels, trained on as if nothing had happened.

Weights, batch norm with its statistics and the optimiser's state are gathered for what stays, and written back into the
whole network whenever somebody asks for that. Where a number of the smaller network lies in the whole one is not worked
out a second time: a copy of the whole network that holds its own positions instead of weights is sliced like the rest.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain

import torch
from torch import Tensor, nn

from suite.dnas.fold import FoldedNetwork
from suite.hardware.layers import WEIGHTED, Network
from suite.space.groups import Groups
from suite.space.slicing import slice_channels

Places = Mapping[str, Tensor]
"""For each tensor of a state, where its numbers lie in the whole network's, flattened; empty for the whole network."""


def has_no_task_gradient(network: Network, groups: Groups) -> tuple[bool, ...]:
    """For each group, whether a closed channel gets no gradient from the task.

    It gets none where each path from a masked tensor to the next weights leads through ReLU, whose slope at 0 is 0, or
    through an operation with the same mask. Behind tanh or hardswish, or where nothing stands between (a linear
    bottleneck), the weights that use a channel pull at its mask even while it is closed.
    """
    users: dict[str, list[str]] = {layer.name: [] for layer in network.layers}
    for layer in network.layers:
        for source in layer.inputs:
            users[source].append(layer.name)

    @cache
    def is_pulled(name: str) -> bool:
        if name == network.output.name:
            return True
        for user in map(network.by_name.__getitem__, users[name]):
            if user.kind in ("conv", "linear"):
                return True
            # `fused` is said of ReLU alone among activations; a depthwise convolution has its producer's mask
            shielded = (user.kind == "activation" and user.fused) or user.kind == "depthwise"
            if not shielded and is_pulled(user.name):
                return True
        return False

    normalised = {layer.inputs[0] for layer in network.layers if layer.kind == "batch_norm"}
    masked = [x for x in network.layers if x.kind == "batch_norm" or (x.kind in WEIGHTED and x.name not in normalised)]
    pulled = {segment.group for x in masked if is_pulled(x.name) for segment in groups.segments[x.name]}
    return tuple(group not in pulled for group in range(len(groups)))


def shrunk(
    whole: FoldedNetwork, layers: Network, groups: Groups, kept: Sequence[Tensor]
) -> tuple[FoldedNetwork, dict[str, Tensor]]:
    """The network of the kept channels, and where its numbers lie in the whole one."""
    plain = whole.unwrapped()
    small = slice_channels(plain, layers, groups, kept)
    if any(_is_channels_last(p) for p in plain.parameters()):
        small = small.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    numbered = slice_channels(_numbered(plain), layers, groups, kept)
    places = FoldedNetwork(numbered, layers, groups, kept).network.state_dict()
    folded = FoldedNetwork(small, layers, groups, kept)
    for mine, theirs in zip(folded.network.parameters(), whole.network.parameters(), strict=True):
        mine.requires_grad_(theirs.requires_grad)
    return folded, {name: place.long() for name, place in places.items()}


def write_back(small: FoldedNetwork, whole: FoldedNetwork, places: Places) -> None:
    """Put the smaller network's numbers, statistics included, where they came from."""
    state = whole.network.state_dict()
    for name, value in small.network.state_dict().items():
        state[name].put_(places[name], value)


def transfer(
    optimiser: torch.optim.Optimizer,
    old: FoldedNetwork,
    new: FoldedNetwork,
    whole: FoldedNetwork,
    old_places: Places,
    new_places: Places,
) -> None:
    """Have `optimiser` train the new network's parameters instead of the old one's, with its state of what stays.

    Raises:
        ValueError: it does not train the old network's parameters.
    """
    following = dict(new.network.named_parameters())
    shapes = {name: p.shape for name, p in whole.network.named_parameters()}
    names = {p: name for name, p in old.network.named_parameters()}
    trained = {p for group in optimiser.param_groups for p in group["params"]}
    if any(p.requires_grad and p not in trained for p in names):
        raise ValueError("this optimiser does not train what the masked network computes now")
    for group in optimiser.param_groups:
        group["params"] = [following[names[p]] if p in names else p for p in group["params"]]
    for p, name in names.items():
        p.grad = None
        state = optimiser.state.pop(p, {})
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == p.shape:
                full = _scattered(value, shapes[name], old_places.get(name))
                # fused kernels take it for granted that state and parameter lie alike in memory
                state[key] = torch.empty_like(following[name], dtype=value.dtype).copy_(full.take(new_places[name]))
        if state:
            optimiser.state[following[name]] = state


def _scattered(value: Tensor, shape: torch.Size, places: Tensor | None) -> Tensor:
    return value if places is None else value.new_zeros(shape).put_(places, value)


def _numbered(network: nn.Module) -> nn.Module:
    """`network` itself with each number replaced by its position in its tensor; double holds them exactly."""
    for tensor in chain(network.parameters(), network.buffers()):
        tensor.data = torch.arange(tensor.numel(), dtype=torch.float64, device=tensor.device).view(tensor.shape)
    return network


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
