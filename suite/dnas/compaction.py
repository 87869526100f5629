"""Compaction: a masked network is replaced by a smaller one of its open channels, and training goes on in that.

Weights, batch norm with its statistics and the optimiser's state are copied for the channels that stay, and written
back into the whole network when that is needed. Each number of the smaller network has an index in the tensor of the
whole network that it came from. To find these indices, a copy of the whole network that holds indices instead of
weights is sliced in the same way.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor

from suite.dnas.fold import FoldedNetwork, masked_layers
from suite.hardware.layers import Network
from suite.space.groups import Groups, zero_where_closed
from suite.space.slicing import fill_with_indices, slice_channels

Indices = Mapping[str, Tensor]
"""For each tensor of a state dict, the index of each of its numbers in the flattened tensor of the whole network.

Empty for the whole network itself.
"""


def has_no_task_gradient(network: Network, groups: Groups) -> tuple[bool, ...]:
    """For each group, whether its closed channels get no gradient from the task loss.

    They get none where each path from a masked tensor to the next weights leads through ReLU, whose slope at 0 is 0,
    through an operation with the same mask, or is multiplied by what is 0 there. Behind tanh or hardswish, or where
    nothing stands between (a linear bottleneck), the weights that use a channel give its mask a gradient even while it
    is closed.
    """
    consumers: dict[str, list[str]] = {layer.name: [] for layer in network.layers}
    for layer in network.layers:
        for source in layer.inputs:
            consumers[source].append(layer.name)

    zero = zero_where_closed(network)

    @cache
    def has_gradient(name: str) -> bool:
        if name == network.output.name:
            return True
        for consumer in map(network.by_name.__getitem__, consumers[name]):
            if consumer.kind in ("conv", "linear"):
                return True
            # among activations only ReLU is ever `fused`; a depthwise convolution has its producer's mask
            shielded = (consumer.kind == "activation" and consumer.fused) or consumer.kind == "depthwise"
            if consumer.kind == "mul":
                first, second = consumer.inputs[0], consumer.inputs[-1]
                shielded = (second if name == first else first) in zero
            if not shielded and has_gradient(consumer.name):
                return True
        return False

    masked = masked_layers(network)
    with_gradient = {group for x in masked if has_gradient(x.name) for group in groups.of_layer(x.name)}
    return tuple(group not in with_gradient for group in range(len(groups)))


def shrink_network(
    whole: FoldedNetwork, layers: Network, groups: Groups, present: Sequence[Tensor]
) -> tuple[FoldedNetwork, dict[str, Tensor]]:
    """The network of the channels `present` (bool, one tensor a group), and the indices of its numbers in `whole`."""
    plain = whole.copy_unwrapped()
    small = slice_channels(plain, layers, groups, present)
    if any(_is_channels_last(p) for p in plain.parameters()):
        small = small.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    numbered = slice_channels(fill_with_indices(plain), layers, groups, present)
    indices = FoldedNetwork(numbered, layers, groups, present).network.state_dict()
    folded = FoldedNetwork(small, layers, groups, present)
    for mine, theirs in zip(folded.network.parameters(), whole.network.parameters(), strict=True):
        mine.requires_grad_(theirs.requires_grad)
    return folded, {name: index.long() for name, index in indices.items()}


def write_back(small: FoldedNetwork, whole: FoldedNetwork, indices: Indices) -> None:
    """Copy the smaller network's numbers, statistics included, to where they belong in the whole network."""
    state = whole.network.state_dict()
    for name, value in small.network.state_dict().items():
        state[name].put_(indices[name], value)


def transfer_optimiser(
    optimiser: torch.optim.Optimizer,
    old: FoldedNetwork,
    new: FoldedNetwork,
    whole: FoldedNetwork,
    old_indices: Indices,
    new_indices: Indices,
) -> None:
    """Have `optimiser` train the new network's parameters instead of the old one's, and keep its state for them.

    Raises:
        ValueError: it does not train the old network's parameters.
    """
    replacements = dict(new.network.named_parameters())
    shapes = {name: p.shape for name, p in whole.network.named_parameters()}
    names = {p: name for name, p in old.network.named_parameters()}
    trained = {p for group in optimiser.param_groups for p in group["params"]}
    if any(p.requires_grad and p not in trained for p in names):
        raise ValueError("this optimiser does not train the parameters that the masked network has now")
    for group in optimiser.param_groups:
        group["params"] = [replacements[names[p]] if p in names else p for p in group["params"]]
    for p, name in names.items():
        p.grad = None
        state = optimiser.state.pop(p, {})
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == p.shape:
                full = _expand_state(value, shapes[name], old_indices.get(name))
                # fused kernels require the same memory layout of state and parameter
                state[key] = torch.empty_like(replacements[name], dtype=value.dtype).copy_(full.take(new_indices[name]))
        if state:
            optimiser.state[replacements[name]] = state


def _expand_state(value: Tensor, shape: torch.Size, indices: Tensor | None) -> Tensor:
    return value if indices is None else value.new_zeros(shape).put_(indices, value)


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
