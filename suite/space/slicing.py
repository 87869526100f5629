"""Channels are removed from a network: the result is a smaller plain network with the remaining weights.

Weights, biases and batch norm with its statistics are copied, nothing is initialised anew. Where the removed channels
were masked, that is, contributed nothing, the smaller network computes the same function as the masked one.
"""

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

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
        if layer.kind not in (*WEIGHTED, "batch_norm") and not isinstance(part, nn.PReLU):
            continue
        assert part is not None
        out = groups.spread(layer.name, open_channels)
        if isinstance(part, nn.PReLU):
            smaller: nn.Module = _slice_prelu(part, out)
        elif isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            smaller = _slice_batch_norm(part, out)
        else:
            inputs = groups.spread(layer.inputs[0], open_channels)
            smaller = _slice_weights(cast(nn.Conv1d | nn.Conv2d | nn.Linear, part), layer, inputs, out)
        smaller.train(part.training)
        replace_module(result, layer.name, smaller)
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


def _slice_weights(part: nn.Conv1d | nn.Conv2d | nn.Linear, layer: Layer, inputs: Tensor, out: Tensor) -> nn.Module:
    with torch.no_grad():
        weight = part.weight[out]
        if layer.kind != "depthwise":  # of a grouped convolution each group has the same places left
            weight = weight[:, inputs[: part.weight.shape[1]]]
        bias = None if part.bias is None else part.bias[out]
    cin, cout = int(inputs.sum()), int(out.sum())
    smaller: nn.Conv1d | nn.Conv2d | nn.Linear
    if isinstance(part, nn.Linear):
        smaller = nn.Linear(cin, cout, bias=bias is not None)
    else:
        smaller = cast(type[Any], type(part))(
            cin,
            cout,
            part.kernel_size,
            part.stride,
            part.padding,
            part.dilation,
            groups=cout if layer.kind == "depthwise" else layer.groups,
            bias=bias is not None,
        )
    smaller.weight = nn.Parameter(weight.clone())
    if bias is not None:
        smaller.bias = nn.Parameter(bias.clone())
    return smaller


def _slice_prelu(part: nn.PReLU, out: Tensor) -> nn.Module:
    """With one slope for all channels as it is."""
    if part.num_parameters == 1:
        return part
    smaller = nn.PReLU(int(out.sum()))
    smaller.weight = nn.Parameter(part.weight.detach()[out].clone())
    return smaller


def _slice_batch_norm(part: nn.BatchNorm2d | nn.BatchNorm1d, out: Tensor) -> nn.Module:
    smaller = type(part)(int(out.sum()), part.eps, part.momentum, part.affine, part.track_running_stats)
    state = {name: value[out] if value.dim() == 1 else value.clone() for name, value in part.state_dict().items()}
    smaller.load_state_dict(state, assign=True)  # as it is: type and device included
    return smaller


def replace_module(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put `module` in the place of the submodule of `root` at `path`, such as "block1.conv"."""
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, module)
