"""Channels are removed from a network: the result is a smaller plain network with the remaining weights.

Weights, biases and batch norm with its statistics are copied, nothing is initialised anew. Where the removed channels
were masked, that is, contributed nothing, the smaller network computes the same function as the masked one.
"""

import copy
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from suite.hardware.layers import WEIGHTED, Layer, Network
from suite.space.groups import Groups


def slice_channels(module: nn.Module, network: Network, groups: Groups, open_channels: Sequence[Tensor]) -> nn.Module:
    """A copy of `module` that has only its open channels.

    Args:
        module: the plain network that `network` was traced from.
        network: its layer list.
        groups: its channel groups.
        open_channels: for each group a bool tensor (size,), True for the channels that stay; at least one each.
    """
    result = copy.deepcopy(module)
    modules = dict(result.named_modules())
    for layer in network.layers:
        part = modules.get(layer.name)
        out = groups.spread(layer.name, open_channels)
        if layer.kind in WEIGHTED:
            assert isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)
            _slice_weights(part, layer, groups.spread(layer.inputs[0], open_channels), out)
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.num_features = int(out.sum())
            _slice_vectors(part, out)
        elif isinstance(part, nn.PReLU) and part.num_parameters > 1:  # one slope serves all channels
            part.num_parameters = int(out.sum())
            _slice_vectors(part, out)
    return result


def paste_channels(
    module: nn.Module, small: nn.Module, network: Network, groups: Groups, open_channels: Sequence[Tensor]
) -> nn.Module:
    """A copy of `module` with the numbers of `small`, which `slice_channels` made of it, where they came from.

    The other channels keep the numbers that they have in `module`; other arguments as there.
    """
    result = copy.deepcopy(module)
    indices = slice_channels(fill_with_indices(copy.deepcopy(module)), network, groups, open_channels).state_dict()
    state = result.state_dict()
    for name, value in small.state_dict().items():
        state[name].put_(indices[name].long(), value.to(state[name]))
    return result


def fill_with_indices(network: nn.Module) -> nn.Module:
    """`network` itself with each number replaced by its index in its flattened tensor; float64 holds them exactly."""
    for tensor in chain(network.parameters(), network.buffers()):
        tensor.data = torch.arange(tensor.numel(), dtype=torch.float64, device=tensor.device).view(tensor.shape)
    return network


def _slice_weights(part: nn.Conv1d | nn.Conv2d | nn.Linear, layer: Layer, inputs: Tensor, out: Tensor) -> None:
    cin, cout = int(inputs.sum()), int(out.sum())
    if isinstance(part, nn.Linear):
        part.in_features, part.out_features = cin, cout
    else:
        part.in_channels, part.out_channels = cin, cout
        part.groups = cout if layer.kind == "depthwise" else layer.groups
    weight = part.weight.detach()[out]
    if layer.kind != "depthwise":  # of a grouped convolution each group has the same places left
        weight = weight[:, inputs[: weight.shape[1]]]
    part.weight = nn.Parameter(weight)
    if part.bias is not None:
        part.bias = nn.Parameter(part.bias.detach()[out])


def _slice_vectors(part: nn.Module, out: Tensor) -> None:
    """Keep the numbers of these channels in parameters and statistics with one a channel, type and device included."""
    for name, parameter in list(part.named_parameters(recurse=False)):
        setattr(part, name, nn.Parameter(parameter.detach()[out]))
    for name, buffer in part.named_buffers(recurse=False):
        if buffer.dim() == 1:
            setattr(part, name, buffer[out])
